"""A TLS connection in memory whose bytes are recorded: two of OpenSSL's ends, MQTT between them, and the key log."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field

from sealmq.kit.dissect.conversation import Sender
from tls_pairs import VERSIONS, Trust

CONNECT = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc"
CONNACK = b"\x20\x03\x00\x00\x00"
DISCONNECT = b"\xe0\x00"


@dataclass
class Recording:
    """pieces: sender, bytes, seconds; key_log: NSS key log format. sent: plaintext of each end."""

    pieces: list[tuple[Sender, bytes, float]] = field(default_factory=list)
    key_log: str = ""


def record(trust: Trust, version: str, *, mutual: bool, connack: bytes = CONNACK) -> Recording:
    """A handshake, CONNECT and CONNACK, and both ends closed. mutual: the client shows a certificate."""
    log = os.memfd_create("keys")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*trust.broker.save(trust.folder, "recorded"))
    if mutual:
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(cadata=trust.root_ca.pem.decode() + trust.device_ca.pem.decode())
    client = ssl.create_default_context(cadata=trust.root_ca.pem.decode())
    client.keylog_filename = f"/proc/self/fd/{log}"
    client.minimum_version = client.maximum_version = VERSIONS[version]
    if mutual:
        client.load_cert_chain(*trust.device.save(trust.folder, "recorded-device"))
    recording = Recording()
    _talk(client, server, recording, connack)
    recording.key_log = os.pread(log, 1 << 20, 0).decode()
    os.close(log)
    return recording


def _talk(client: ssl.SSLContext, server: ssl.SSLContext, recording: Recording, connack: bytes) -> None:
    """Let both talk; each flight is a piece, 5 milliseconds behind the one before."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = {
        Sender.CLIENT: client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        Sender.SERVER: server.wrap_bio(to_server, to_client, server_side=True),
    }
    answers = {Sender.CLIENT: [CONNECT, DISCONNECT], Sender.SERVER: [connack]}
    shaken: set[Sender] = set()
    for turn in range(16):
        sender = list(Sender)[turn % 2]
        end = ends[sender]
        try:
            if sender not in shaken:
                end.do_handshake()
                shaken.add(sender)
            if sender is Sender.SERVER:
                end.read(1 << 16)
            if answers[sender]:
                end.write(answers[sender].pop(0))
            if sender is Sender.CLIENT:
                end.read(1 << 16)
        except ssl.SSLWantReadError:
            pass
        outgoing = to_server if sender is Sender.CLIENT else to_client
        if outgoing.pending:
            data = outgoing.read()
            recording.pieces.append((sender, data, 0.005 * turn))
            outgoing.write(data)
    assert shaken == set(Sender)
    assert answers == {Sender.CLIENT: [], Sender.SERVER: []}
