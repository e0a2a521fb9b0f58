from __future__ import annotations

import socket
import ssl

import pytest

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.contexts import Credentials
from sealmq.kit.handshake.dial import Call, dial, dial_in_either_level, server_name_of
from sealmq.kit.handshake.facts import find_facts
from small_brokers import CONNACK_311, WAIT, broker, serving, wait_for_end
from tapped import Stage


def call(stage: Stage, port: int, **more) -> Call:
    return Call(**({"host": "localhost", "port": port, "credentials": stage.credentials(), "timeout": WAIT} | more))


def test_what_was_at_the_socket_is_kept(stage: Stage):
    with serving(broker(stage.server(mutual=True))) as port:
        seen = dial(call(stage, port))
    for sender in Sender:
        assert sum(len(piece.data) for piece in seen.pieces if piece.sender is sender) == seen.conversation.sent[sender]
    times = [piece.at for piece in seen.pieces]
    assert times == sorted(times)
    assert seen.connected_at is not None
    assert seen.connected_at <= times[0]
    assert seen.established_at is not None
    assert seen.connack_at is not None
    assert seen.connected_at < seen.established_at < seen.connack_at
    assert seen.remote == ("127.0.0.1", port)
    assert seen.key_log == "", "no keys unless they are asked for"


def test_the_keys_open_what_was_sent(stage: Stage):
    from sealmq.kit.dissect.keylog import read_key_log

    with serving(broker(stage.server())) as port:
        seen = dial(call(stage, port, keep_keys=True))
    reading = Reading(read_key_log(seen.key_log.splitlines()))
    for piece in seen.pieces:
        reading.receive_data(piece.sender, piece.data, piece.at)
    assert reading.conversation.messages == seen.conversation.messages
    assert reading.conversation.application == seen.conversation.application


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_session_is_taken_up_again(stage: Stage, version: str):
    with serving(broker(stage.server())) as port:
        first = dial(call(stage, port, version=version))
        again = dial(call(stage, port, version=version), resume=first)
    assert not first.resumed
    assert again.resumed
    assert again.connack is not None


def test_it_says_goodbye(stage: Stage):
    heard: list[bytes] = []
    context = stage.server()

    def handle(connection) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65_536)
            tls.sendall(b"\x20\x03\x00\x00\x00")
            while data := tls.recv(65_536):
                heard.append(data)
            heard.append(b"close_notify")

    with serving(handle) as port:
        dial(call(stage, port))
    assert heard == [b"\xe0\x00", b"close_notify"]


def test_a_broker_that_knows_only_3_1_1_is_dialled_again(stage: Stage):
    with serving(broker(stage.server(), CONNACK_311, level=4)) as port:
        assert dial(call(stage, port)).connack.reason_code == 0x84  # type: ignore[union-attr]
        assert dial_in_either_level(call(stage, port)).connack.reason_code == 0  # type: ignore[union-attr]


def test_what_we_refuse_is_kept_as_an_error(stage: Stage):
    wrong = stage.server_ca.issue("elsewhere", purpose="server", hosts=["elsewhere.example"])
    with serving(broker(stage.server(credentials=wrong))) as port:
        seen = dial(call(stage, port))
    assert isinstance(seen.error, ssl.SSLCertVerificationError)
    assert seen.established_at is None


def test_another_name_than_the_dialled_one_is_asked_for_and_verified(stage: Stage):
    wrong = stage.server_ca.issue("elsewhere", purpose="server", hosts=["elsewhere.example"])
    with serving(broker(stage.server(credentials=wrong))) as port:
        seen = dial(call(stage, port, server_name="elsewhere.example"))
        other = dial(call(stage, port, server_name="other.example"))
    assert seen.connack is not None
    assert find_facts(seen.conversation).client_hello.server_name == "elsewhere.example"  # type: ignore[union-attr]
    assert isinstance(other.error, ssl.SSLCertVerificationError)


def test_a_silent_server_is_waited_for_as_long_as_was_said(stage: Stage):
    with serving(wait_for_end) as port:
        seen = dial(call(stage, port, timeout=0.2))
    assert seen.waiting_for == "TLS"
    assert not seen.closed_by_server


def test_a_password_is_in_no_repr(stage: Stage):
    assert "horse" not in repr(call(stage, 1, username="ada", password=b"correct horse"))


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.example", "a.example"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"), ("a.example.", "a.example")],
)
def test_names_are_written_as_ssl_takes_them(host: str, name: str):
    assert server_name_of(host) == name


@pytest.mark.parametrize("host", [".example", "a..example", "x" * 70, "a.\udc80"])
def test_a_name_that_nobody_can_ask_for_is_an_unknown_one(host: str):
    seen = dial(Call(host=host, port=1, timeout=0.5))
    assert isinstance(seen.error, socket.gaierror)
    assert seen.connected_at is None


@pytest.mark.parametrize("suites", ["aNULL:@SECLEVEL=0", "aECDSA+eNULL:@SECLEVEL=0"])
def test_a_password_goes_to_nobody_who_proves_nothing_and_never_in_clear(stage: Stage, suites: str):
    """A suite without certificate, or without encryption, that a list like ALL lets in."""
    heard: list[bytes] = []
    context = stage.server(suites=suites)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            heard.append(tls.recv(65_536))
            tls.sendall(b"\x20\x03\x00\x00\x00")
            wait_for_end(tls)

    more = {"version": "1.2", "ciphers": "ALL:eNULL:@SECLEVEL=0", "username": "ada", "password": b"correct horse"}
    with serving(handle) as port:
        seen = dial(call(stage, port, **more))
        assert isinstance(seen.error, ssl.SSLError)
        assert heard == []
        looked = dial(call(stage, port, **more, credentials=Credentials()))
    assert looked.connack is not None, "without an authority it is looked at all the same"
    assert b"correct horse" not in heard[0]
    assert b"ada" not in heard[0]


def test_a_session_is_not_taken_up_for_somebody_else(stage: Stage):
    with serving(broker(stage.server())) as port:
        unverified = dial(call(stage, port, credentials=Credentials()))
        assert unverified.resumable is not None
        again = dial(call(stage, port), resume=unverified)
    assert not again.resumed
    assert again.connack is not None
