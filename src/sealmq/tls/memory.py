"""A TLSConnection over any library that works in memory: what all middlewares but the default one share.

The default has a connection of its own (openssl.py), which is made for speed. Here a library is an `Engine`: six calls,
as every TLS library has them. What the verbs of a TLSConnection promise is kept in this file, once for all of them:
that a refusal is said once and again, that what is queued waits for the handshake, that nothing is read behind the
end, that no record is larger than allowed, and that nothing is taken that does not look like TLS.

Rule 1: an engine is never given more than a record at once, and never asked for more: its buffers stay small.
Rule 2: whatever a peer sends, each call ends: an engine that neither reads, nor says anything, nor wants more, fails.
Rule 3: what an engine raises is a TLSError with words, or it is a bug and passes; the connection is over either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sealmq.errors import TLSError
from sealmq.tls.first_bytes import check_first_bytes
from sealmq.tls.middleware import HandshakeProof
from sealmq.tls.policy import RECORD_LIMIT

PIECE = 16384
"""Bytes of ciphertext given to an engine at once."""


class Engine(Protocol):
    """One side of one connection, as a library has it.

    refused_certificate: DER of the peer's own certificate, once `shake` has failed because of it; else b"".
    """

    refused_certificate: bytes

    def feed(self, ciphertext: bytes) -> None:
        """Ciphertext, at most PIECE bytes. What the library does not read yet is kept for it."""

    def take(self) -> bytes:
        """All that the library wants to have sent; then it is gone here. Never raises."""

    def shake(self) -> bool:
        """Go on with the handshake as far as the bytes that are here allow. True when it is done.

        Raises TLSError; the alert that goes with it waits in `take`.
        """

    def read(self) -> bytes | None:
        """The plaintext of the next record; b"" when more must come first; None when the peer has said close_notify.

        Raises TLSError when a record is not as it must be.
        """

    def write(self, plaintext: bytes) -> None:
        """Encrypt one record: at most RECORD_LIMIT bytes, never none. Raises TLSError."""

    def say_goodbye(self) -> None:
        """close_notify. Never raises."""

    def keep_session(self) -> None:
        """TCP is gone without a goodbye: what was proved may be resumed all the same. Never raises."""

    def proof(self) -> HandshakeProof:
        """What the finished handshake has proved."""

    def peer_certificate(self) -> bytes:
        """DER of the certificate that the peer has proved; b"" for none."""

    def psk_identity(self) -> str:
        """The name that the peer has proved by a PSK; "" for none."""

    def session(self) -> object | None:
        """For a client to resume with; None when there is none."""


class MemoryConnection:
    """A TLSConnection and ClientConnection. See there for the verbs.

    A client's is made ready by `start`, which has its ClientHello wait in `data_to_send()`.
    """

    __slots__ = (
        "__weakref__",
        "_close_wanted",
        "_engine",
        "_failed",
        "_farewell_said",
        "_finished",
        "_peer",
        "_pieces",
        "_replies",
        "_started",
        "closed",
        "established",
        "max_record",
        "proof",
        "refused_certificate",
    )

    def __init__(
        self,
        engine: Engine,
        *,
        peer: str,
        max_record: int = RECORD_LIMIT,
        finished: Callable[[HandshakeProof], object] | None = None,
    ) -> None:
        """
        peer:       what the other end is called in errors: "device" or "broker".
        max_record: most bytes of plaintext in a record that we send.
        finished:   is told of the handshake when it is done.
        """
        self._engine = engine
        self._peer = peer
        self.max_record = max_record
        self._finished = finished
        self._pieces: list[bytes] = []
        self._replies: list[bytes] = []  # what the library had to say while we received
        self._started = False
        self._close_wanted = False
        self._farewell_said = False
        self._failed = ""  # in words: a kept exception would hold the frames that hold this connection
        self.established = False
        self.closed = False
        self.proof: HandshakeProof | None = None
        self.refused_certificate = b""

    def start(self) -> None:
        """A client speaks first. Raises TLSError."""
        self._shake_hands()
        self._gather()

    @property
    def session(self) -> object | None:
        """See ClientConnection."""
        return self._engine.session() if self.established else None

    @property
    def peer_certificate(self) -> bytes:
        """See TLSConnection."""
        return self._engine.peer_certificate() if self.established else b""

    @property
    def psk_identity(self) -> str:
        """See TLSConnection."""
        return self._engine.psk_identity() if self.established else ""

    @property
    def key_log(self) -> str:
        """See key_log.key_log_of."""
        return str(getattr(self._engine, "key_log", ""))

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        """See TLSConnection."""
        if self._failed:
            raise TLSError(f"the connection has failed before: {self._failed}")
        everything = memoryview(ciphertext)
        plaintexts: list[bytes] = []
        try:
            if not self._started and ciphertext:
                self._started = True
                check_first_bytes(ciphertext, peer=self._peer)
            while everything and not self.closed:
                piece, everything = everything[:PIECE], everything[PIECE:]
                self._engine.feed(bytes(piece))  # the transport's buffer is everybody's
                if not self.established:
                    self._shake_hands()
                if self.established:  # data may stand right behind the peer's last flight
                    self._decrypt(plaintexts)
        except BaseException as error:
            self._fail(error)
            if not self.established:
                self.refused_certificate = self._engine.refused_certificate
            raise
        finally:
            self._gather()
        return b"".join(plaintexts)

    def send(self, plaintext: bytes) -> None:
        """See TLSConnection."""
        self._pieces.append(plaintext)

    def has_data(self) -> bool:
        """See TLSConnection."""
        return bool(self._pieces or self._replies) or self._close_wanted

    def data_to_send(self) -> bytes:
        """See TLSConnection. What was sent in several pieces shares records, as many bytes to each as allowed."""
        if self._pieces and self.established:
            plaintext = b"".join(self._pieces)
            self._pieces.clear()
            for at in range(0, len(plaintext), self.max_record):
                self._encrypt(plaintext[at : at + self.max_record])
        if self._close_wanted:
            self._say_goodbye()
        ciphertext = b"".join(self._replies)
        self._replies.clear()
        return ciphertext

    def close(self) -> None:
        """See TLSConnection. In the middle of a handshake nothing is said: there is no session to end yet."""
        self._close_wanted = True

    def keep_session(self) -> None:
        """See TLSConnection."""
        self._pieces.clear()
        if self.established and not self._failed:
            self._engine.keep_session()
        self._engine.take()

    def _gather(self) -> None:
        """What the library wants sent."""
        if ciphertext := self._engine.take():
            self._replies.append(ciphertext)

    def _shake_hands(self) -> None:
        if self._engine.shake():
            self.proof = self._engine.proof()
            self.established = True
            if self._finished is not None:
                self._finished(self.proof)

    def _decrypt(self, plaintexts: list[bytes]) -> None:
        """Every whole record that is there."""
        while plaintext := self._engine.read():
            plaintexts.append(plaintext)
        if plaintext is None:
            self.closed = True

    def _encrypt(self, plaintext: bytes) -> None:
        """One record; nothing when the connection is over."""
        if self._failed or self._farewell_said:
            return
        try:
            self._engine.write(plaintext)
        except TLSError as error:
            self._fail(error)  # raised by the next receive_data: whoever flushes can do nothing about it
        self._gather()

    def _fail(self, error: BaseException) -> None:
        """Rule 3. Only words are kept: a kept exception would hold the frames that hold this connection."""
        self._failed = error.what if isinstance(error, TLSError) else f"{type(error).__name__} in the middleware"

    def _say_goodbye(self) -> None:
        self._close_wanted = False
        if self.established and not self._failed and not self._farewell_said:
            self._farewell_said = True
            self._engine.say_goodbye()
            self._gather()
