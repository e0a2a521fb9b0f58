"""`sealmq device revoke`, typed in another terminal: the standing link is cut, and nobody comes back by a side door."""

from __future__ import annotations

import contextlib
import itertools
import ssl
import time
from pathlib import Path

import pytest

from interop_homes import add_device, make_home
from mqtt_bytes import CONNECT_V5, PINGREQ, connect_v5, read_packet
from running import Broker, run, running, sealmq

CUT_WITHIN = 10.0
"""Seconds that the test grants; the promise is one second, but several programs may have to wait for a processor."""

_numbers = itertools.count(1)


@pytest.fixture
def device(broker: Broker) -> str:
    """A device of this test's own, to be revoked."""
    name = f"condemned-{next(_numbers)}"
    add_device(broker.home, name)
    return name


def revoke(broker: Broker, name: str) -> float:
    """Revoke in another process; returns when it was done."""
    done = sealmq("device", "revoke", name, "--home", broker.home)
    assert done.returncode == 0, done.stderr
    return time.monotonic()


def alert_of(broker: Broker, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> str:
    """The alert that a connection ends with: in TLS 1.3 it comes when the client believes itself done."""
    try:
        with broker.tls("", context, session) as connection:
            connection.sendall(CONNECT_V5)
            return f"none, but {connection.recv(1)!r}"
    except ssl.SSLError as error:
        return str(error.reason)


@pytest.mark.interop
@pytest.mark.parametrize("version", ["311", "mqttv5"])
def test_revoking_cuts_a_live_mosquitto_sub_and_keeps_it_out(broker: Broker, device: str, version: str) -> None:
    mark = broker.mark
    command = broker.mosquitto("mosquitto_sub", device, "-V", version, "-t", f"devices/{device}/#")
    with contextlib.ExitStack() as programs:
        sub = programs.enter_context(running(command))
        broker.log.wait(f"{device} .* may subscribe", after=mark)
        done = revoke(broker, device)
        broker.log.wait(rf"{device} \(client .*\) ends: its certificate was revoked \(reason code 0x98", after=mark)
        assert time.monotonic() - done < CUT_WITHIN
        if version == "mqttv5":
            sub.ended()  # the DISCONNECT tells it; without one, it tries again by itself
            programs.enter_context(running(command))
        line = broker.log.wait(rf"was refused: the device's certificate was revoked.*\b{device}\b", after=mark)
    assert "alert certificate_revoked sent" in line


def test_a_live_mqtt_5_client_reads_disconnect_0x98_and_the_end(broker: Broker, device: str) -> None:
    with broker.tls(device) as connection:
        connect_v5(connection)
        connection.sendall(PINGREQ)
        assert read_packet(connection)[0] == 0xD0
        done = revoke(broker, device)
        first, body = read_packet(connection)
        assert (first, body[0]) == (0xE0, 0x98)
        assert b"revoked" in body
        assert connection.recv(1) == b""
        assert time.monotonic() - done < CUT_WITHIN


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_the_next_connect_and_a_resumed_one_meet_the_alert_certificate_revoked(
    broker: Broker, device: str, version: str
) -> None:
    context = broker.context(device)
    context.maximum_version = ssl.TLSVersion[version]
    with broker.tls(device, context) as connection:
        connect_v5(connection)
        ticket = connection.session
    with broker.tls(device, context, ticket) as connection:
        connect_v5(connection)
        assert connection.session_reused, "the broker does not resume: the rest of the test would prove nothing"
        ticket = connection.session
        revoke(broker, device)
        assert read_packet(connection)[1][0] == 0x98
    broker.log.wait(f"{device} was revoked")
    assert "CERTIFICATE_REVOKED" in alert_of(broker, context)
    assert "CERTIFICATE_REVOKED" in alert_of(broker, context, ticket)


def test_a_client_with_mqtt_3_1_1_is_cut_without_a_word_and_the_other_devices_go_on(
    broker: Broker, device: str, topic: str
) -> None:
    with broker.tls("sensor-1") as other, broker.tls(device) as connection:
        connect_v5(other, f"other-of-{device}")
        connection.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        assert read_packet(connection) == (0x20, b"\x00\x00")
        revoke(broker, device)
        assert connection.recv(1) == b""
        other.sendall(PINGREQ)
        assert read_packet(other)[0] == 0xD0
    with broker.tls("sensor-2") as newcomer:  # the new TLS context serves whoever is not revoked
        connect_v5(newcomer)


def test_a_session_of_a_revoked_device_ends_with_it(broker: Broker, device: str) -> None:
    """What was queued for it must not wait for a successor of the same name."""
    mark = broker.mark
    topic = f"devices/{device}/x"
    keep = ["-i", "keeper", "-c", "-x", "1000", "-q", "1"]
    run(broker.sealmq("sub", "--as", device, *keep, "-E", topic))
    broker.log.wait(f"{device} .* may subscribe", after=mark)
    run(broker.sealmq("pub", "-q", "1", "-t", topic, "-m", "secret"))
    revoke(broker, device)
    broker.log.wait(f"{device} was revoked", after=mark)
    add_device(broker.home, device)
    context = broker.context(device)
    with broker.tls(device, context) as successor:
        flags = connect_v5(successor, "keeper", clean_start=False)
        assert flags & 1 == 0, "the successor was given the session"


def test_a_revocation_while_the_broker_is_down_holds_from_its_start(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", devices=("sensor-3",))
    assert sealmq("device", "revoke", "sensor-3", "--home", home).returncode == 0
    again = Broker(home)
    try:
        assert "CERTIFICATE_REVOKED" in alert_of(again, again.context("sensor-3"))
        assert again.end() == 0
    finally:
        again.kill()
