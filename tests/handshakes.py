"""Real handshakes of two OpenSSLs in memory, as Conversations: messages by the message callback of `ssl`, records by
their headers. It knows only as much as the tests of what is told about a handshake need.
"""

from __future__ import annotations

import functools
import ssl
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509 import ExtendedKeyUsage

from chains import CLIENT, Made, having, make
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender

VERSIONS = {0x0303: ssl.TLSVersion.TLSv1_2, 0x0304: ssl.TLSVersion.TLSv1_3}
ROOT = make("Root CA", ca=True)


@functools.cache
def credentials(kind: str, role: str = "server") -> Made:
    """A leaf with such a key: "P-256", "P-384", "RSA", "Ed25519", "Ed448"."""
    key: Any = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "Ed448": ed448.Ed448PrivateKey.generate,
    }[kind]()
    if role == "server":
        return make("localhost", ROOT, key=key)
    return make("sensor-1", ROOT, key=key, change=having(purpose=(ExtendedKeyUsage([CLIENT]), False)))


def _context(role: int, version: int, own: Made | None) -> ssl.SSLContext:
    context = ssl.SSLContext(role)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.load_verify_locations(cadata=ROOT.pem.decode("ascii"))
    if own is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "own.pem"
            path.write_bytes(own.pem + _key_pem(own))
            context.load_cert_chain(path)
    return context


def _key_pem(made: Made) -> bytes:
    return bytes(
        made.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def seen(
    version: int, kind: str = "P-256", *, client_kind: str | None = None, suites: str = "", curve: str = "",
    resume: bool = False,
) -> Conversation:  # fmt: skip
    """A handshake to its end, and its tickets. client_kind: the client shows such a certificate too.

    suites: for TLS 1.2, as OpenSSL names them. curve: the only one that the server takes. resume: the second of two.
    """
    own = credentials(client_kind, "client") if client_kind else None
    client_context = _context(ssl.PROTOCOL_TLS_CLIENT, version, own)
    server_context = _context(ssl.PROTOCOL_TLS_SERVER, version, credentials(kind))
    if own is not None:
        server_context.verify_mode = ssl.CERT_REQUIRED
    if suites:
        client_context.set_ciphers(suites)
        server_context.set_ciphers(suites)
    if curve:
        server_context.set_ecdh_curve(curve)
    found, session = _once(client_context, server_context, version, None)
    if resume:
        found, _ = _once(client_context, server_context, version, session)
    return found


def _once(
    client_context: ssl.SSLContext, server_context: ssl.SSLContext, version: int, session: ssl.SSLSession | None
) -> tuple[Conversation, ssl.SSLSession | None]:
    heard: dict[Sender, list[bytes]] = {Sender.CLIENT: [], Sender.SERVER: []}
    order: list[tuple[Sender, bytes]] = []

    def hear(_: object, direction: str, _version: object, content_type: int, _type: object, data: bytes) -> None:
        if content_type == ContentType.HANDSHAKE:
            sender = Sender.CLIENT if direction == "write" else Sender.SERVER
            heard[sender].append(data)
            order.append((sender, data))

    client_context._msg_callback = hear  # type: ignore[attr-defined]
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up, server_hostname="localhost", session=session)
    server = server_context.wrap_bio(up, down, server_side=True)
    conversation, builder = Conversation(), _Builder(version)
    moved, tap = {Sender.CLIENT: up, Sender.SERVER: down}, {Sender.CLIENT: client, Sender.SERVER: server}
    at = 0.0
    for _ in range(6):
        for sender, end in tap.items():
            for step in (end.do_handshake, lambda end=end: end.read(1)):
                try:
                    step()
                except ssl.SSLWantReadError:
                    continue
            data = moved[sender].read()
            moved[sender].write(data)
            at += 0.01
            builder.take(conversation, sender, data, at)
    builder.messages(conversation, heard, order)
    client_context._msg_callback = None  # type: ignore[attr-defined]
    return conversation, client.session


class _Builder:
    """Records by their headers; then the messages that they carried, by their lengths."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.sealed = {Sender.CLIENT: False, Sender.SERVER: False}

    def take(self, conversation: Conversation, sender: Sender, data: bytes, at: float) -> None:
        while data:
            length = int.from_bytes(data[3:5], "big")
            protected = data[0] == 23 if self.version == 0x0304 else self.sealed[sender]
            inner = 22 if protected else data[0]  # no application data here, and no alert
            content = length - (17 if self.version == 0x0304 else 24) if protected else length
            number = len(conversation.records)
            conversation.records.append(
                Record(
                    sender, number, data[0], 0x0303, conversation.sent[sender], length, at, protected, inner, content
                )
            )
            conversation.sent[sender] += 5 + length
            self.sealed[sender] |= data[0] == 20
            data = data[5 + length :]

    def messages(
        self, conversation: Conversation, heard: dict[Sender, list[bytes]], order: list[tuple[Sender, bytes]]
    ) -> None:
        found = []
        for sender in Sender:
            queue = iter(heard[sender])
            left, body, numbers = 0, b"", list[int]()
            for record in (one for one in conversation.records if one.sender is sender):
                if record.content_type == ContentType.CHANGE_CIPHER_SPEC:
                    found.append((record.number, sender, 20, b"\x01", (record.number,), record))
                    continue
                room = record.content or 0
                while room:
                    if not left:
                        body, numbers = next(queue), []
                        left = len(body)
                    taken = min(left, room)
                    numbers.append(record.number)
                    room, left = room - taken, left - taken
                    if not left:
                        found.append((record.number, sender, 22, body, tuple(numbers), record))
            assert not left
            assert next(queue, None) is None
        found.sort(key=lambda one: one[0])
        for number, (_, sender, kind, body, numbers, record) in enumerate(found):
            type_ = body[0] if kind == 22 else 0
            conversation.messages.append(
                Message(sender, number, kind, type_, body, numbers, record.at, record.protected)
            )
        assert [one.body for one in conversation.messages if one.kind == 22] == [body for _, body in order]
