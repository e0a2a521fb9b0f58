"""Real TLS connections in memory, recorded twice: the bytes on the wire with a key log, and what OpenSSL says that it
sent and got (its message callback). tests/unit/kit/dissect/test_reading.py holds one against the other.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from certificates import Authority
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.keylog import KeyLog, read_key_log
from sealmq.kit.dissect.reading import KeySource, Reading
from sealmq.tls.context import set_message_callback

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
NO_ENCRYPT_THEN_MAC = 0x80000  # SSL_OP_NO_ENCRYPT_THEN_MAC; ssl has no name for it
WORDS = (b"from the client", b"from the server " * 2000, b"x", b"y")
HEADER = 256  # pseudo content types of the callback
INNER_TYPE = 257

Heard = tuple[Sender, int, int, bytes]


@dataclass
class Told:
    """What OpenSSL tells of one end: of its own and of the other's, as far as this end read it.

    messages: sender, kind, type, body, without application data. headers: of each record. inner: inner content types.
    """

    messages: list[Heard] = field(default_factory=list)
    headers: list[tuple[Sender, bytes]] = field(default_factory=list)
    inner: list[tuple[Sender, int]] = field(default_factory=list)


@dataclass
class Recording:
    """pieces: who sent which bytes, in order. told: what each end's own OpenSSL says. errors: of both ends.

    client: the client's SSLObject, for its session.
    """

    pieces: list[tuple[Sender, bytes]] = field(default_factory=list)
    told: dict[Sender, Told] = field(default_factory=lambda: {sender: Told() for sender in Sender})
    errors: list[str] = field(default_factory=list)
    key_lines: str = ""
    client: ssl.SSLObject | None = None

    @property
    def key_log(self) -> KeyLog:
        return read_key_log(self.key_lines.splitlines())

    def read(self, key_log: KeySource | None, size: int = 0, *, end: bool = True) -> Conversation:
        """All of it read, `size` bytes at a time (0: as they were sent)."""
        return read_pieces(self.pieces, key_log, size, end=end)


def read_pieces(
    pieces: Sequence[tuple[Sender, bytes]], key_log: KeySource | None, size: int = 0, *, end: bool = True
) -> Conversation:
    """`pieces` read by a Reading; the place of a piece among them is its time."""
    reading = Reading(key_log)
    for at, (sender, data) in enumerate(pieces):
        for start in range(0, len(data), size or len(data)):
            reading.receive_data(sender, data[start : start + (size or len(data))], float(at))
    for sender in Sender if end else ():
        reading.end(sender, float(len(pieces)))
    return reading.conversation


@functools.cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """One for all tests: it takes its time to be made."""
    return rsa.generate_private_key(65537, 2048)


class Ends:
    """The two contexts of a connection, with the certificates that they need."""

    def __init__(self, folder: Path, *, rsa_key: bool = False, hosts: int = 1) -> None:
        authority = Authority("CA")
        key = _rsa_key() if rsa_key else None
        names = ["localhost", *(f"host-{number}.example" for number in range(hosts - 1))]
        leaf = authority.issue(
            "localhost",
            purpose="server",
            hosts=names,
            key=key,
            key_encipherment=rsa_key,  # type: ignore[arg-type]
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(*leaf.save(folder, "server"))
        self.server.load_verify_locations(cadata=authority.pem.decode())
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.load_verify_locations(cadata=authority.pem.decode())
        self.own = authority.issue("device").save(folder, "client")
        self.foreign = Authority("Foreign CA").issue("stranger").save(folder, "foreign")
        self.stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody

    def limit(self, version: str, ciphers: str = "") -> Ends:
        """One version, and for TLS 1.2 the suites."""
        for context in (self.client, self.server, self.stranger):
            context.minimum_version = context.maximum_version = VERSIONS[version]
            if ciphers:
                context.set_ciphers(ciphers)
        return self

    def show(self, credentials: tuple[Path, Path] | None) -> Ends:
        """The server asks for a certificate, and the client shows this one."""
        self.server.verify_mode = ssl.CERT_REQUIRED
        if credentials:
            self.client.load_cert_chain(*credentials)
        return self


def converse(
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
    words: Sequence[bytes] = WORDS,
    between: Callable[[ssl.SSLObject, ssl.SSLObject], None] | None = None,
) -> Recording:
    """Handshake, words to and fro, close_notify of both. An error of one end is kept, and ends the talk.

    between: called after the handshake with both ends.
    """
    recording = Recording()
    log = os.memfd_create("key log")
    client.keylog_filename = f"/proc/self/fd/{log}"
    _listen(client, Sender.CLIENT, recording.told[Sender.CLIENT])
    _listen(server, Sender.SERVER, recording.told[Sender.SERVER])
    to_client, from_client, to_server, from_server = (ssl.MemoryBIO() for _ in range(4))
    a = client.wrap_bio(to_client, from_client, server_hostname="localhost", session=session)
    b = server.wrap_bio(to_server, from_server, server_side=True)
    recording.client = a

    def carry() -> None:
        for sender, out, into in ((Sender.CLIENT, from_client, to_server), (Sender.SERVER, from_server, to_client)):
            if data := out.read():
                recording.pieces.append((sender, data))
                into.write(data)

    def both(do: Callable[[ssl.SSLObject], object], turns: int = 4) -> bool:
        for _ in range(turns):
            for one in (a, b):
                try:
                    do(one)
                except (ssl.SSLWantReadError, ssl.SSLSyscallError):
                    pass
                except ssl.SSLError as error:
                    recording.errors.append(str(error))
                carry()
        return not recording.errors

    if both(lambda one: one.do_handshake()):
        if between is not None:
            between(a, b)
            carry()
        both(lambda one: one.read(65536), 2)
        for number, word in enumerate(words):
            (a, b)[number % 2].write(word)
            carry()
            both(lambda one: one.read(65536), 1)
        both(lambda one: one.unwrap(), 2)
    client.keylog_filename = None
    recording.key_lines = os.pread(log, 1 << 20, 0).decode()
    os.close(log)
    return recording


def _listen(context: ssl.SSLContext, end: Sender, told: Told) -> None:
    def hear(
        connection: object, direction: str, version: int, content_type: int, message_type: int, data: bytes
    ) -> None:
        sender = end if direction == "write" else end.other
        if content_type == HEADER:
            told.headers.append((sender, bytes(data)))
            if data[0] == 20:  # a ChangeCipherSpec that is read is told by its header alone
                told.messages.append((sender, 20, 0, b"\x01"))
        elif content_type == INNER_TYPE:
            told.inner.append((sender, data[0]))
        elif content_type == 21:
            told.messages.append((sender, 21, data[1], bytes(data)))
        elif content_type == 22:
            told.messages.append((sender, 22, data[0], bytes(data)))

    assert set_message_callback(context, hear)
