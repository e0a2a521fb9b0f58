from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Callable

import pytest

from ports import free_port
from sealmq.kit.handshake.contexts import Credentials
from sealmq.kit.handshake.dial import Call
from sealmq.kit.handshake.looking import look
from sealmq.kit.handshake.report import Kind, Report
from small_brokers import (
    CONNACK_5,
    CONNACK_311,
    WAIT,
    broker,
    endless_certificate,
    record,
    reset,
    sends,
    server_hello,
    serving,
    wait_for_end,
)
from tapped import Stage


def report_of(stage: Stage, port: int, *, show: bool = True, trust: bool = True, **more) -> Report:
    credentials = more.pop("credentials", stage.credentials(show=show, trust=trust))
    call = {"host": "localhost", "port": port, "credentials": credentials, "timeout": WAIT} | more
    return look(Call(**call)).report


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("mutual", [True, False])
def test_a_good_connection_is_told_whole(stage: Stage, version: str, mutual: bool):
    with serving(broker(stage.server(mutual=mutual))) as port:
        report = report_of(stage, port, show=mutual, version=version)
    assert report.outcome.kind is Kind.CONNECTED
    assert report.negotiated is not None
    assert report.negotiated.version == f"TLS {version}"
    assert report.chain is not None
    assert report.chain.trusted is True
    proofs = [rule for rule in report.chain.rules if rule.id == "proof"]
    assert [str(rule.verdict) for rule in proofs] == ["ok"]
    assert report.client_authentication is not None
    assert report.client_authentication.result == ("accepted" if mutual else "not asked")
    assert [row.name for row in report.mqtt] == ["CONNECT", "CONNACK", "DISCONNECT"]
    assert [step.number for step in report.steps] == list(range(1, 11))
    assert report.cost is not None
    assert sum(share.bytes for share in report.cost.shares) == report.cost.sent + report.cost.received
    assert report.fingerprint is not None
    assert "OpenSSL" in report.fingerprint.stack
    assert report.eavesdropper
    assert report.timing.connack is not None
    inside = [row.line for row in report.messages if row.name == "application data"]
    assert inside[0].startswith("CONNECT: ")


def test_a_small_record_is_asked_for(stage: Stage):
    with serving(broker(stage.server())) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials())
        cost = look(call, probes=True).report.cost
    assert cost is not None
    assert len(cost.trials) == 2
    assert cost.trials[1].honoured is False


def test_who_is_not_verified_is_not_believed(stage: Stage):
    with serving(broker(stage.server())) as port:
        report = report_of(stage, port, trust=False)
    assert report.outcome.kind is Kind.CONNECTED
    assert "nobody checked" in report.outcome.why
    assert report.chain is not None
    assert report.chain.trusted is None


def test_a_broker_of_3_1_1_is_asked_again(stage: Stage):
    with serving(broker(stage.server(), CONNACK_311, level=4)) as port:
        report = report_of(stage, port)
    assert report.outcome.kind is Kind.CONNECTED
    assert "MQTT 3.1.1" in report.mqtt[0].line


@pytest.mark.parametrize(
    ("answer", "level", "said"), [(b"\x20\x03\x00\x87\x00", 5, "0x87"), (b"\x20\x02\x00\x05", 4, "5")]
)
def test_a_refusal_by_mqtt_is_no_fault_of_tls(stage: Stage, answer: bytes, level: int, said: str):
    with serving(broker(stage.server(), answer)) as port:
        report = report_of(stage, port, level=level)
    assert report.outcome.kind is Kind.REFUSED
    assert "TLS is good" in report.outcome.what
    assert said in report.outcome.what
    assert report.outcome.remedy


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_who_shows_no_certificate_is_refused(stage: Stage, version: str):
    with serving(broker(stage.server(mutual=True))) as port:
        report = report_of(stage, port, show=False, version=version)
    assert report.outcome.kind is Kind.REFUSED
    assert report.outcome.by == "server"
    assert "showed none" in report.outcome.why
    assert report.client_authentication is not None
    assert report.client_authentication.result == "refused"


def test_the_wrong_name_is_the_clients_refusal(stage: Stage):
    with serving(broker(stage.server())) as port:
        report = report_of(stage, port, host="127.0.0.1")
        wrong = stage.server_ca.issue("elsewhere", purpose="server", hosts=["elsewhere.example"])
    assert report.outcome.kind is Kind.CONNECTED, "the certificate has the address"
    with serving(broker(stage.server(credentials=wrong))) as port:
        report = report_of(stage, port)
    assert report.outcome.kind is Kind.REFUSED
    assert report.outcome.by == "client"
    assert report.chain is not None
    assert [rule.id for rule in report.chain.rules if str(rule.verdict) == "bad"] == ["name"]


# --- what is no broker


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
BAD: list[tuple[str, Callable[[socket.socket], None], Kind, str]] = [
    ("silent", wait_for_end, Kind.UNREACHABLE, "nothing came back"),
    ("MQTT", sends(CONNACK_5), Kind.NOT_TLS, "MQTT"),
    ("HTTP", sends(HTTP), Kind.NOT_TLS, "HTTP"),
    ("SSH", sends(b"SSH-2.0-OpenSSH_9.2\r\n"), Kind.NOT_TLS, "SSH"),
    ("garbage", sends(bytes(range(7, 250)) * 40), Kind.NOT_TLS, "nothing known"),
    ("endless certificate", endless_certificate, Kind.BROKEN, ""),
    ("broken record", sends(record(b"\x02\0\0\x01\0")), Kind.BROKEN, ""),
    ("record too long", sends(b"\x16\x03\x03\xff\xff" + b"\0" * 1000), Kind.BROKEN, ""),
    ("closed at once", lambda connection: None, Kind.BROKEN, "ClientHello"),
    ("reset", lambda connection: (connection.recv(65_536), reset(connection)), Kind.BROKEN, "reset"),
    ("cut behind the hello", lambda connection: (connection.recv(65_536), connection.sendall(server_hello())),
     Kind.BROKEN, "ServerHello"),
]  # fmt: skip


@pytest.mark.parametrize(("handle", "kind", "said"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_each_bad_input_is_one_finding_in_bounded_time_and_memory(stage: Stage, handle, kind: Kind, said: str):
    with serving(handle) as port:
        began = time.monotonic()
        tracemalloc.start()
        report = report_of(stage, port, timeout=1.0 if handle is wait_for_end else WAIT)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert report.outcome.kind is kind, report.outcome
    assert said in report.outcome.what
    assert report.outcome.why
    assert report.outcome.remedy
    assert time.monotonic() - began < 0.75 * WAIT, "sooner than the other end is tired of it"
    assert peak < 30e6


def test_nobody_there_and_nobody_known(stage: Stage):
    report = report_of(stage, free_port())
    assert report.outcome.kind is Kind.UNREACHABLE
    assert "refused" in report.outcome.what.lower()
    unknown = report_of(stage, 8883, host="nobody.invalid")
    assert unknown.outcome.kind is Kind.UNREACHABLE
    assert "resolved" in unknown.outcome.what


def test_no_answer_to_connect_is_told_as_that(stage: Stage):
    context = stage.server()

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            wait_for_end(tls)

    with serving(handle) as port:
        report = report_of(stage, port, timeout=3.0)  # time for the handshake, too
    assert report.outcome.kind is Kind.REFUSED
    assert "did not answer CONNECT" in report.outcome.what


def test_a_server_that_speaks_without_end_is_cut_off(stage: Stage):
    context = stage.server()

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65_536)
            for _ in range(1_000):
                tls.sendall(b"\x30\x7d\x00\x01a" + b"x" * 122 + b"\x30" * 16_000)

    with serving(handle) as port:
        report = report_of(stage, port, timeout=2.0)
    assert report.outcome.kind is not Kind.CONNECTED
    assert len(report.mqtt) < 200


def test_an_ipv6_address_is_dialled(stage: Stage):
    here = stage.server_ca.issue("here", purpose="server", hosts=["::1"])
    with serving(broker(stage.server(credentials=here)), host="::1") as port:
        assert report_of(stage, port, host="::1").outcome.kind is Kind.CONNECTED
        assert report_of(stage, port, host="[::1]").outcome.kind is Kind.CONNECTED


def test_a_password_is_in_no_report(stage: Stage):
    with serving(broker(stage.server())) as port:
        report = report_of(stage, port, username="ada", password=b"correct horse")
    assert "correct horse" not in repr(report)
    assert b"correct horse".hex() not in repr(report)
    assert ("password", "13 bytes, not shown") in report.mqtt[0].details


def test_a_password_is_not_sent_to_who_was_not_verified(stage: Stage):
    with serving(broker(stage.server())) as port:
        report = report_of(stage, port, credentials=Credentials(), username="ada", password=b"correct horse")
    assert "password" not in dict(report.mqtt[0].details)


def hangs_up_on_tls(connection: socket.socket) -> None:
    """As mosquitto's 1883."""
    if connection.recv(65_536).startswith(b"\x10"):
        connection.sendall(CONNACK_311)
        wait_for_end(connection)


@pytest.mark.parametrize(("probes", "kind"), [(True, Kind.NOT_TLS), (False, Kind.BROKEN)])
def test_a_port_that_hangs_up_on_tls_is_asked_without(stage: Stage, probes: bool, kind: Kind):
    with serving(hangs_up_on_tls) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials())
        outcome = look(call, probes=probes).report.outcome
    assert outcome.kind is kind
    assert ("MQTT in plaintext" in outcome.what) is probes
    assert "8883" in outcome.remedy or not probes
