"""A port that speaks MQTT without TLS is told from one that speaks something else, or nothing."""

from __future__ import annotations

import socket
import ssl
import time

import pytest

from ports import free_port
from sealmq.kit.handshake.without_tls import takes_plaintext
from small_brokers import CONNACK_311, WAIT, Handle, sends, serving, wait_for_end


def answers(answer: bytes, taken: list[bytes]) -> Handle:
    """A broker without TLS, as mosquitto's on 1883: it hangs up on whoever begins with anything but CONNECT."""

    def handle(connection: socket.socket) -> None:
        taken.append(connection.recv(65_536))
        if taken[-1].startswith(b"\x10"):
            for place in range(len(answer)):
                connection.sendall(answer[place : place + 1])
            while data := connection.recv(65_536):
                taken.append(data)

    return handle


@pytest.mark.parametrize("answer", [CONNACK_311, b"\x20\x02\x00\x05", b"\x20\x02\x00\x01"])
def test_a_broker_answers_whether_it_lets_us_in_or_not(answer: bytes) -> None:
    taken: list[bytes] = []
    with serving(answers(answer, taken)) as port:
        assert takes_plaintext(("127.0.0.1", port), timeout=WAIT)
    assert taken[0] == b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x1e\x00\x00"
    assert (b"\xe0\x00" in taken) is (answer[3] == 0), "who was let in says goodbye"


@pytest.mark.parametrize(
    "said",
    [b"", b"\x20", b"\x20\x02\x00", b"\x20\x02\x02\x00", b"\x20\x03\x00\x00\x00", b"HTTP/1.1 400\r\n", b"SSH-2.0-x"],
)
def test_others_do_not(said: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(said)

    with serving(handle) as port:
        assert not takes_plaintext(("127.0.0.1", port), timeout=WAIT)


def test_who_is_silent_or_endless_or_gone_is_not_waited_for_long() -> None:
    began = time.monotonic()
    with serving(wait_for_end) as port:
        assert not takes_plaintext(("127.0.0.1", port), timeout=0.2)
    with serving(sends(bytes(1_000_000))) as port:
        assert not takes_plaintext(("127.0.0.1", port), timeout=0.2)
    assert not takes_plaintext(("127.0.0.1", free_port()), timeout=0.2)
    assert time.monotonic() - began < 0.75 * WAIT, "sooner than the other end is tired of it"


def test_a_port_of_tls_does_not() -> None:
    def handle(connection: socket.socket) -> None:
        with ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True):
            pass

    with serving(handle) as port:
        assert not takes_plaintext(("127.0.0.1", port), timeout=WAIT)
