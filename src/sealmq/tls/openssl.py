"""OpenSSL through Python's `ssl`, in memory: the default middleware.

Theory of operation. OpenSSL reads from one memory BIO and writes into another. A memory BIO grows with what it is given
and never shrinks again: with two of its own, each link would keep 3 KB for what its handshake once needed. Hence:

Rule 1: all connections of a listener have the same two BIOs, and each method leaves them empty, whatever happens in
        it: what OpenSSL did not take by then is of no use to anybody, and what it has to say is kept by the connection
        (`_tidy`). What came of an unfinished record OpenSSL has in a buffer of its own, so nothing is lost. Hence all
        connections of a context belong to one thread.
Rule 2: ciphertext goes in by pieces of at most 16 KiB, and is used up before the next; the outgoing BIO is drained
        whenever it holds that much.
Rule 3: read while the incoming BIO holds something, not until OpenSSL says "want read": the exception costs more than a
        record (0.8 against 0.7 microseconds). One read of 16 KiB always takes a whole record (RFC 8446 section 5.1).
Rule 4: what is read is returned as bytes. Reading into one shared buffer was measured and is no faster.
Rule 5: no connection is part of a reference cycle: it goes, with its keys, when its link lets go of it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from ssl import SSLContext  # noqa: TID251 - named as a type; contexts are built in context.py

from sealmq.errors import TLSError
from sealmq.tls.first_bytes import check_first_bytes
from sealmq.tls.hearing import HeardSSLObject
from sealmq.tls.middleware import HandshakeProof
from sealmq.tls.policy import RECORD_LIMIT
from sealmq.tls.refusals import blames_certificate, explain

PIECE = 16384
"""Bytes of ciphertext given to OpenSSL at once, and plaintext taken: one record at most."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a device resumes with. It holds secrets.

    A resumed handshake shows no certificate, and OpenSSL compares no name then: so a session is good for the one name
    that was verified, and for the context whose authorities it was verified by.
    """

    server_hostname: str
    context: SSLContext = field(repr=False)
    session: ssl.SSLSession = field(repr=False)


class OpenSSLConnection:
    """A TLSConnection over `ssl.MemoryBIO`. Made by `OpenSSLContext.connection` and `client_connection`."""

    __slots__ = (
        "__weakref__",
        "_close_wanted",
        "_failed",
        "_farewell_said",
        "_flowing",
        "_incoming",
        "_outgoing",
        "_owner",
        "_peer",
        "_pieces",
        "_read",
        "_replies",
        "_started",
        "_tls",
        "_write",
        "closed",
        "established",
        "max_record",
        "proof",
        "refused_certificate",
    )

    def __init__(
        self,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        *,
        peer: str,
        max_record: int = RECORD_LIMIT,
        owner: OpenSSLContext | None = None,
    ) -> None:
        """
        tls:        OpenSSL's connection, between the two BIOs, which are empty when nobody is at work.
        peer:       what the other end is called in errors: "device" or "broker".
        max_record: most bytes of plaintext in a record that we send.
        owner:      the listener's context that made it.
        """
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._peer = peer
        self.max_record = max_record
        self._owner = owner
        self._pieces: list[bytes] = []
        self._replies = b""  # what OpenSSL had to say while we received
        self._started = False
        self._flowing = False  # established, not closed, not failed: the way of nearly every call
        self._close_wanted = False
        self._farewell_said = False
        self._failed = ""
        self.established = False
        self.closed = False
        self.proof: HandshakeProof | None = None
        self.refused_certificate = b""
        # SSLObject's methods only pass on to this object's; going past them saves a tenth of a small record's time.
        inner: ssl.SSLObject = getattr(tls, "_sslobj", tls)
        self._read = inner.read
        self._write = inner.write

    @property
    def session(self) -> Session | None:
        """For a client to resume with, once data has come (under TLS 1.3 the ticket follows the handshake)."""
        session = self._tls.session if self.established else None  # of half a handshake it raises ValueError
        return None if session is None else Session(self._tls.server_hostname or "", self._tls.context, session)

    @property
    def psk_identity(self) -> str:
        """See TLSConnection."""
        return ""  # `ssl` has none before Python 3.13, and openssl_middleware.py says so

    @property
    def peer_certificate(self) -> bytes:
        """See TLSConnection. OpenSSL keeps it anyway; a copy of our own would take 500 bytes of each link."""
        return self._tls.getpeercert(binary_form=True) or b"" if self.established else b""

    @property
    def tls_unique(self) -> bytes:
        """What names this connection alone, to both of its ends (RFC 5929 section 3); b"" where there is nothing that
        does: before the handshake is done, and under TLS 1.3."""
        if self.proof is None or self.proof.version != "TLSv1.2":
            return b""
        return self._tls.get_channel_binding("tls-unique") or b""

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        """See TLSConnection. The bytes that are returned are the caller's to keep."""
        if not self._flowing or len(ciphertext) > PIECE:
            return self._receive_piecewise(ciphertext)
        self._incoming.write(ciphertext)
        try:
            plaintext = self._read(PIECE)
        except BaseException as error:
            self._tidy()
            return self._stop_reading(error)
        if plaintext and not self._incoming.pending and not self._outgoing.pending:
            return plaintext  # one whole record: the usual case
        try:
            return plaintext + self._decrypt() if plaintext else self._end()
        finally:
            self._tidy()

    def send(self, plaintext: bytes) -> None:
        """See TLSConnection."""
        self._pieces.append(plaintext)

    def has_data(self) -> bool:
        """See TLSConnection."""
        return bool(self._pieces or self._replies) or self._close_wanted

    def data_to_send(self) -> bytes:
        """See TLSConnection. What was sent in several pieces shares records, as many bytes to each as allowed."""
        pieces = self._pieces
        if pieces and self.established:
            plaintext = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if len(plaintext) > self.max_record:
                return self._encrypt_in_records(plaintext)
            if plaintext:
                self._encrypt(plaintext)
        if self._close_wanted:
            self._say_goodbye()
        ciphertext = self._outgoing.read()
        if self._replies:
            ciphertext, self._replies = self._replies + ciphertext, b""
        return ciphertext

    def close(self) -> None:
        """See TLSConnection. In the middle of a handshake nothing is said: there is no session to end yet."""
        self._close_wanted = True

    def keep_session(self) -> None:
        """See TLSConnection. OpenSSL forgets the session of a connection that goes before our close_notify was made; so
        it is made, for nobody to read."""
        self._pieces.clear()
        self._say_goodbye()
        self._outgoing.read()

    def _tidy(self) -> None:
        """Leave the BIOs empty."""
        if self._incoming.pending:
            self._incoming.read()
        if self._outgoing.pending:
            self._replies += self._outgoing.read()

    def _receive_piecewise(self, ciphertext: bytes | memoryview) -> bytes:
        """receive_data for everything rare: the handshake, more than a piece at once, after the end."""
        if self._failed:
            raise TLSError(f"the connection has failed before: {self._failed}")
        if not self._started and ciphertext:
            self._started = True
            try:
                check_first_bytes(ciphertext, peer=self._peer)
            except TLSError as error:
                self._failed = error.what
                raise
        everything = memoryview(ciphertext)
        plaintexts = []
        while everything:
            piece, everything = everything[:PIECE], everything[PIECE:]
            if self._flowing:
                plaintexts.append(self.receive_data(piece))
            elif not self.closed:
                try:
                    self._incoming.write(piece)
                    self._shake_hands()
                    if self.established and self._incoming.pending:  # data right behind the peer's last flight
                        plaintexts.append(self._decrypt())
                finally:
                    self._tidy()
        return b"".join(plaintexts)

    def _decrypt(self) -> bytes:
        """The plaintext of every whole record that OpenSSL has now. Reads at least once."""
        plaintexts = []
        try:
            while plaintext := self._read(PIECE):
                plaintexts.append(plaintext)
                if not self._incoming.pending:
                    break
            else:
                self._end()
        except ssl.SSLError as error:
            self._stop_reading(error)
        return b"".join(plaintexts)

    def _stop_reading(self, error: BaseException) -> bytes:
        """What an exception means for the reader: nothing (yet), the end, or TLSError."""
        if isinstance(error, ssl.SSLWantReadError):
            return b""
        if isinstance(error, ssl.SSLZeroReturnError):  # close_notify, after we have said it ourselves
            return self._end()
        if not isinstance(error, ssl.SSLError):
            raise error
        raise self._failure(error) from error

    def _end(self) -> bytes:
        """The peer has said close_notify; whatever stands behind it is not read (RFC 8446 section 6.1)."""
        self.closed = True
        self._flowing = False
        self._incoming.read()
        return b""

    def _failure(self, error: ssl.SSLError) -> TLSError:
        """Note that the connection is over, and say why.

        Only words are kept: a kept exception would hold the frames that hold this connection.
        """
        tls = self._tls
        alert, sent = (
            (tls.alert, tls.alert_sent) if isinstance(tls, HeardSSLObject) and not self.established else (None, True)
        )
        failure = explain(error, peer=self._peer, alert=alert, sent=sent)
        self._failed = failure.what
        self._flowing = False
        if isinstance(tls, HeardSSLObject) and blames_certificate(error):
            self.refused_certificate = tls.leaf
        return failure

    def _shake_hands(self) -> None:
        """Go as far as the bytes that are here allow."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise self._failure(error) from error
        self.proof = _proof(self._tls)
        self.established = self._flowing = True
        if self._owner is not None:
            self._owner.finished(self._tls, self.proof)
        if isinstance(self._tls, HeardSSLObject):
            self._tls.leaf = b""  # OpenSSL has it

    def _encrypt(self, plaintext: bytes | memoryview) -> None:
        """One record into the outgoing BIO; into nothing when the connection is over."""
        try:
            if not self._failed and not self._farewell_said:
                self._write(plaintext)
        except ssl.SSLError as error:
            self._failure(error)  # raised by the next receive_data: whoever flushes can do nothing about it
        except BaseException:
            self._outgoing.read()  # rule 1
            raise

    def _encrypt_in_records(self, plaintext: bytes) -> bytes:
        """Encrypt more than one record's worth."""
        everything, limit, outgoing = memoryview(plaintext), self.max_record, self._outgoing
        ciphertexts, self._replies = [self._replies], b""
        for at in range(0, len(everything), limit):
            self._encrypt(everything[at : at + limit])
            if outgoing.pending >= PIECE:
                ciphertexts.append(outgoing.read())
        if self._close_wanted:
            self._say_goodbye()
        ciphertexts.append(outgoing.read())
        return b"".join(ciphertexts)

    def _say_goodbye(self) -> None:
        """close_notify, once. `unwrap` also waits for the peer's, which nobody needs."""
        if not self.established or self._failed or self._farewell_said:
            return
        self._farewell_said = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass


class OpenSSLContext:
    """A TLSContext for a listener, for one thread. Made by `context.server_context`."""

    __slots__ = ("__weakref__", "_context", "_incoming", "_max_record", "_outgoing", "_quiet", "handshakes", "resumed")

    def __init__(self, context: SSLContext, *, quiet: SSLContext | None, max_record: int) -> None:
        """
        context:    for handshakes; with a message callback when `quiet` is given.
        quiet:      its twin without the callback, which each connection moves to after the handshake.
        max_record: most bytes of plaintext in a record.

        handshakes: that were finished; of them, `resumed`.
        """
        self._context = context
        self._quiet = quiet
        self._max_record = max_record
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.handshakes = 0
        self.resumed = 0

    @property
    def kept(self) -> int:
        """Sessions that can be resumed here."""
        return self._context.session_stats()["number"]

    def keep_sessions(self, keep: bool) -> None:
        """Whose connection begins from now on: keep its session, or have its ticket carry it (resumption.py)."""
        if not self._context.num_tickets:
            return  # neither
        if keep:
            self._context.options |= ssl.OP_NO_TICKET
        else:
            self._context.options &= ~ssl.OP_NO_TICKET

    def connection(self) -> OpenSSLConnection:
        """The broker's side of a new connection; it waits for the ClientHello."""
        incoming, outgoing = self._incoming, self._outgoing
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        return OpenSSLConnection(tls, incoming, outgoing, peer="device", max_record=self._max_record, owner=self)

    def finished(self, tls: ssl.SSLObject, proof: HandshakeProof) -> None:
        """A handshake is done."""
        self.handshakes += 1
        self.resumed += proof.resumed
        if self._quiet is not None:
            tls.context = self._quiet


def client_connection(
    context: SSLContext,
    server_hostname: str,
    *,
    max_record: int = RECORD_LIMIT,
    session: object | None = None,
) -> OpenSSLConnection:
    """The device's side of a new connection; its ClientHello waits in `data_to_send()`.

    context:         from `context.client_context`.
    server_hostname: DNS name or address that the broker's certificate must carry.
    max_record:      most bytes of plaintext in a record that we send.
    session:         to resume, from an earlier connection. One of another context, or for another name, is left aside.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    known = session.session if isinstance(session, Session) and _fits(session, context, server_hostname) else None
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_hostname, session=known)
    connection = OpenSSLConnection(tls, incoming, outgoing, peer="broker", max_record=max_record)
    connection._shake_hands()
    return connection


def _fits(session: Session, context: SSLContext, server_hostname: str) -> bool:
    return session.context is context and session.server_hostname == server_hostname


def _proof(tls: ssl.SSLObject) -> HandshakeProof:
    """What the finished handshake of `tls` has proved. The group is known from Python 3.15 on."""
    suite = tls.cipher()
    group = getattr(tls, "group", None)
    return _the_proof(
        version=tls.version() or "",
        cipher=suite[0] if suite else "",
        group=(group() or "") if group else "",
        resumed=bool(tls.session_reused),
    )


_the_proof = lru_cache(maxsize=64)(HandshakeProof)
"""The one proof of all connections that proved the same: most of a fleet does, and each of its own took 300 bytes."""
