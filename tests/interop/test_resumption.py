"""Clients that come back with the session of the connection before, after a goodbye and after none."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import pytest

from mqtt_bytes import connect_v5
from running import Broker, program, run

CONNECT_TWICE = 2 * "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
"""The second ends the connection, and both are ASCII, as what a program is told."""


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_client_whose_connection_was_reset_is_resumed(broker: Broker, version: str) -> None:
    context = broker.context("sensor-1")
    context.maximum_version = ssl.TLSVersion[version]
    session = None
    for number in range(3):
        mark = broker.mark
        with broker.tls("", context, session) as connection:
            connect_v5(connection)
            assert connection.session_reused == (number > 0)
            session = connection.session
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broker.log.wait("sensor-1 .* lost", after=mark)


@pytest.mark.interop
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client_is_resumed_with_a_small_ticket(broker: Broker, tmp_path: Path, version: str) -> None:
    root, chain, key = broker.files("sensor-1")
    session = tmp_path / "session.pem"
    command = [program("openssl", "openssl"), "s_client", "-connect", f"localhost:{broker.port}", "-ign_eof", version]
    command += ["-servername", "localhost", "-CAfile", root, "-cert", chain, "-key", key, "-sess_out", session]
    first = run(command, input=CONNECT_TWICE)
    assert "New, TLSv1" in first.stdout
    again = run([*command, "-sess_in", session], input=CONNECT_TWICE)
    assert "Reused, TLSv1" in again.stdout
    if version == "-tls1_3":
        ticket = run([program("openssl", "openssl"), "sess_id", "-in", session, "-noout", "-text"]).stdout
        assert "    0010 - " in ticket, "a ticket of 32 bytes has a second line ..."
        assert "    0020 - " not in ticket, "... and no third"
