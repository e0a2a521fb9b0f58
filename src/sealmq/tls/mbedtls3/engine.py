"""One connection of Mbed TLS 3.6: an Engine (memory.py) over shim/."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sealmq.addresses import is_address
from sealmq.errors import TLSError
from sealmq.tls.alerts import BY_NAME
from sealmq.tls.mbedtls3.refusals import CLOSE_NOTIFY, Failure, alert_for, blames_certificate, explain
from sealmq.tls.mbedtls3.shared import SharedContext
from sealmq.tls.mbedtls3.suites import from_mbedtls
from sealmq.tls.middleware import TLS12, TLS13, HandshakeProof
from sealmq.tls.policy import RECORD_LIMIT
from sealmq.tls.seen_group import SeenGroup

SESSION_ROOM = 16 * 1024
"""Bytes for a session that is written down: most of it the broker's certificate."""

KEYS_ROOM = 4096


@dataclass(frozen=True, slots=True)
class Session:
    """What a device can resume with: of one context, for the name that was dialled.

    data: as Mbed TLS writes it down; it holds secrets. peer: the broker's certificate, DER.
    """

    data: bytes = field(repr=False)
    peer: bytes = field(repr=False)
    name: str
    context: object = field(repr=False)


class Mbed3Engine:
    """One side of one connection. Made by contexts.py.

    refused_certificate: see Engine.
    """

    __slots__ = (
        "_connection",
        "_context",
        "_keys",
        "_name",
        "_peer",
        "_seen",
        "_session",
        "_shaking",
        "refused_certificate",
    )

    def __init__(
        self, context: SharedContext, connection: Any, *, peer: str, name: str = "", session: Session | None = None
    ) -> None:
        """
        context:    what the connection shares; it outlives this.
        connection: of shim/.
        peer:       what the other end is called.
        name:       what a device has dialled.
        session:    what it comes with.
        """
        self._context = context
        self._connection = connection
        self._peer = peer
        self._name = name
        self._session = session
        self._seen = SeenGroup()
        self._shaking = True
        self._keys = ""
        self.refused_certificate = b""

    def feed(self, ciphertext: bytes) -> None:
        """See Engine."""
        if self._shaking and not self._context.server:
            self._seen.look(ciphertext)
        if code := self._context.lib.sq_feed(self._connection, ciphertext, len(ciphertext)):
            raise self._failure(code)

    def take(self) -> bytes:
        """See Engine."""
        lib, ffi = self._context.lib, self._context.ffi
        start = ffi.new("const unsigned char **")
        size = lib.sq_waiting(self._connection, start)
        if not size:
            return b""
        ciphertext = bytes(ffi.buffer(start[0], size))
        lib.sq_taken(self._connection)
        if not self._seen.over and self._context.server:
            self._seen.look(ciphertext)
        return ciphertext

    def shake(self) -> bool:
        """See Engine."""
        code = self._context.lib.sq_shake(self._connection)
        if code < 0:
            raise self._failure(code)
        if code:
            self._shaking = False
        return bool(code)

    def read(self) -> bytes | None:
        """See Engine."""
        scratch = self._context.scratch
        size = self._context.lib.sq_read(self._connection, scratch, RECORD_LIMIT)
        if size > 0:
            return bytes(self._context.ffi.buffer(scratch, size))
        if size == -CLOSE_NOTIFY:
            return None
        if size < 0:
            raise self._failure(size)
        return b""

    def write(self, plaintext: bytes) -> None:
        """See Engine."""
        if code := self._context.lib.sq_write(self._connection, plaintext, len(plaintext)):
            raise self._failure(code)

    def say_goodbye(self) -> None:
        """See Engine."""
        self._context.lib.sq_goodbye(self._connection)

    def keep_session(self) -> None:
        """See Engine."""
        self._context.lib.sq_keep(self._connection)

    def proof(self) -> HandshakeProof:
        """See Engine."""
        lib, ffi = self._context.lib, self._context.ffi
        if self._context.server and not self._seen.over:
            start = ffi.new("const unsigned char **")
            size = lib.sq_waiting(self._connection, start)
            self._seen.look(bytes(ffi.buffer(start[0], size)) if size else b"")
        return HandshakeProof(
            version=self._version(),
            cipher=from_mbedtls(ffi.string(lib.sq_cipher(self._connection)).decode("ascii")),
            group=self._seen.name,
            resumed=bool(lib.sq_resumed(self._connection)),
        )

    def peer_certificate(self) -> bytes:
        """See Engine."""
        der = self._bytes(self._context.lib.sq_peer)
        if not der and self._session is not None and self._context.lib.sq_resumed(self._connection):
            return self._session.peer
        return der

    def psk_identity(self) -> str:
        """See Engine."""
        return self._bytes(self._context.lib.sq_identity).decode()

    def session(self) -> Session | None:
        """See Engine. The newest; the one that it came with while no newer one is here."""
        if self._context.server or self._shaking:
            return None
        room = self._context.ffi.new("unsigned char[]", SESSION_ROOM)
        if size := self._context.lib.sq_session(self._connection, room, SESSION_ROOM):
            data = bytes(self._context.ffi.buffer(room, size))
            self._session = Session(data, self.peer_certificate(), self._name, self._context)
        return self._session

    @property
    def key_log(self) -> str:
        """Lines of the NSS key log format, of a handshake that failed too, when the context keeps them; else ""."""
        room = self._context.ffi.new("unsigned char[]", KEYS_ROOM)
        size = self._context.lib.sq_keys(self._connection, room, KEYS_ROOM)  # what has come since the last call
        self._keys += bytes(self._context.ffi.buffer(room, min(size, KEYS_ROOM))).decode("ascii")
        return self._keys

    def _bytes(self, function: Any) -> bytes:
        start = self._context.ffi.new("const unsigned char **")
        size = function(self._connection, start)
        return bytes(self._context.ffi.buffer(start[0], size)) if size else b""

    def _version(self) -> str:
        return TLS12 if self._context.lib.sq_protocol(self._connection) == 0x0303 else TLS13

    def _failure(self, code: int) -> TLSError:
        """Say why, and send the alert that Mbed TLS has not sent."""
        context, lib = self._context, self._context.lib
        sent, received, said = (context.ffi.new("int *") for _ in range(3))
        lib.sq_alerts(self._connection, sent, received, said)
        no_list = context.ffi.new("int *")
        flags = lib.sq_verdict(self._connection, no_list) if self._shaking else 0
        if self._shaking and blames_certificate(code):
            self.refused_certificate = self._bytes(lib.sq_shown)
        failure = Failure(
            code,
            (flags and context.library.verify_text(flags)) or context.library.error_text(code),
            version=self._version(),
            flags=flags,
            no_list=bool(no_list[0]),
            address=is_address(self._name),
            psk=context.uses_psk,
            sent=sent[0],
            received=received[0],
        )
        error = explain(failure, peer=self._peer)
        if not said[0] and received[0] < 0 and -code != CLOSE_NOTIFY and (name := alert_for(failure)):
            lib.sq_alert(self._connection, BY_NAME[name].number)
        return error
