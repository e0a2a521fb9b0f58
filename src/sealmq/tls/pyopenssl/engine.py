"""One connection of OpenSSL through pyOpenSSL, in memory: the Engine of tls/memory.py.

pyOpenSSL's Connection owns OpenSSL's; what is rare goes through it. What each record needs calls OpenSSL itself: that
spares a Python frame, a look-up of three kinds of callback and, when there is nothing more to read, an exception.

Rule 1: OpenSSL's queue of errors belongs to the thread, and `cryptography` may have left something there. It is cleared
        before each call that is asked for its error.
Rule 2: both memory BIOs are empty between two calls of MemoryConnection. They never shrink, and would keep what a
        flight of certificates or a long message once needed, so they are exchanged for new ones as soon as something
        short passes (at once would cost a quarter of the speed of a long stream).
Rule 3: no cycle: the connection's memory, keys among it, goes with its last user.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from sealmq.errors import TLSError
from sealmq.tls.memory import PIECE
from sealmq.tls.middleware import HandshakeProof
from sealmq.tls.pyopenssl.hearing import Heard, der_of, listen, stop
from sealmq.tls.pyopenssl.words import Report, explain_report
from sealmq.tls.refusals import BLAMES_CERTIFICATE

_LONG: Final = 4096
"""Bytes in a BIO above which it is exchanged for a new one."""

_buffer = ffi.new_allocator(should_clear_after_alloc=False)
_waiting: Any = lib.BIO_get_mem_data  # how many bytes a memory BIO holds ...
_start: Any = ffi.new("char **")  # ... and where they begin, which nobody reads
_the_proof = lru_cache(maxsize=64)(HandshakeProof)  # one for all connections that proved the same


@dataclass(frozen=True, slots=True)
class Side:
    """What the engines of one context share.

    peer:   what the other end is called: "device" or "broker".
    groups: the key exchange groups that are allowed, for people.
    """

    peer: str
    groups: str


@dataclass(frozen=True, slots=True)
class Session:
    """What a device resumes with. It holds secrets, and is good for the one name that was verified."""

    server_hostname: str
    session: SSL.Session = field(repr=False)


class PyOpenSSLEngine:
    """See Engine."""

    __slots__ = (
        "_connection",
        "_heard",
        "_incoming",
        "_kept",
        "_large",
        "_outgoing",
        "_server_hostname",
        "_side",
        "_ssl",
        "refused_certificate",
    )

    def __init__(self, connection: SSL.Connection, side: Side, server_hostname: str = "") -> None:
        """connection: without a socket, its role set. server_hostname: of a client, that which is verified."""
        self._connection = connection
        self._side = side
        self._server_hostname = server_hostname
        self._ssl: Any = connection._ssl
        self._incoming: Any = connection._into_ssl
        self._outgoing: Any = connection._from_ssl
        self._heard: Heard | None = listen(self._ssl)
        self._large = False
        self._kept = ""
        self.refused_certificate = b""

    def feed(self, ciphertext: bytes) -> None:
        """See Engine."""
        self._measure(len(ciphertext))
        lib.BIO_write(self._incoming, ciphertext, len(ciphertext))

    def take(self) -> bytes:
        """See Engine."""
        waiting = _waiting(self._outgoing, _start)
        if not waiting:
            return b""
        buffer = _buffer("char[]", waiting)
        taken = lib.BIO_read(self._outgoing, buffer, waiting)
        return bytes(ffi.buffer(buffer, taken))

    def shake(self) -> bool:
        """See Engine."""
        lib.ERR_clear_error()
        result = lib.SSL_do_handshake(self._ssl)
        if result == 1:
            self._settle()
            return True
        if lib.SSL_get_error(self._ssl, result) == lib.SSL_ERROR_WANT_READ:
            return False
        raise self._failure()

    def read(self) -> bytes | None:
        """See Engine. One read of PIECE takes a whole record, so nothing is left when the BIO is empty."""
        if not _waiting(self._incoming, _start):
            return b""
        buffer = _buffer("char[]", PIECE)
        lib.ERR_clear_error()
        result = lib.SSL_read(self._ssl, buffer, PIECE)
        if result > 0:
            return bytes(ffi.buffer(buffer, result))
        kind = lib.SSL_get_error(self._ssl, result)
        if kind == lib.SSL_ERROR_WANT_READ:
            return b""
        if kind == lib.SSL_ERROR_ZERO_RETURN:
            return None
        raise self._failure()

    def write(self, plaintext: bytes) -> None:
        """See Engine. In several records when the peer has asked for small ones (RFC 6066 section 4): pyOpenSSL has
        SSL_write return after each."""
        self._measure(len(plaintext))
        lib.ERR_clear_error()
        while plaintext:
            if (size := lib.SSL_write(self._ssl, plaintext, len(plaintext))) <= 0:
                raise self._failure()
            plaintext = plaintext[size:]

    def say_goodbye(self) -> None:
        """See Engine."""
        lib.SSL_shutdown(self._ssl)
        lib.ERR_clear_error()

    def keep_session(self) -> None:
        """See Engine. Without it OpenSSL marks the session of a connection that goes as not to be resumed."""
        self._connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)

    def proof(self) -> HandshakeProof:
        """See Engine."""
        group = lib.SSL_get0_group_name(self._ssl)  # there is a session: the handshake is done
        return _the_proof(
            version=self._connection.get_protocol_version_name(),
            cipher=self._connection.get_cipher_name() or "",
            group=ffi.string(group).decode("ascii", "replace") if group != ffi.NULL else "",
            resumed=bool(lib.SSL_session_reused(self._ssl)),
        )

    def peer_certificate(self) -> bytes:
        """See Engine."""
        certificate = lib.SSL_get_peer_certificate(self._ssl)
        if certificate == ffi.NULL:
            return b""
        try:
            return der_of(certificate)
        finally:
            lib.X509_free(certificate)

    def psk_identity(self) -> str:
        """See Engine."""
        return ""

    def session(self) -> object | None:
        """See Engine."""
        session = self._connection.get_session()
        return None if session is None else Session(self._server_hostname, session)

    @property
    def key_log(self) -> str:
        """Lines in the NSS key log format, where the context keeps keys; else "". Of a handshake that failed, those
        that there were: by them a refused certificate can be looked at."""
        return self._kept if self._heard is None else "".join(f"{line}\n" for line in self._heard.keys)

    def _settle(self) -> None:
        """The handshake is done: hear no more, and let go of what it needed."""
        if self._heard is not None:
            self._kept = self.key_log
            stop(self._ssl)
            self._heard = None
            self._large = True

    def _measure(self, length: int) -> None:
        """So many bytes are about to pass: are the BIOs larger than they need to be?"""
        if length > _LONG:
            self._large = True
        elif self._large and self._heard is None:
            self._exchange()

    def _exchange(self) -> None:
        """New BIOs for old ones that hold nothing. OpenSSL frees the old; pyOpenSSL must not know them any longer."""
        if _waiting(self._incoming, _start) or _waiting(self._outgoing, _start):
            return
        incoming, outgoing = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        if incoming == ffi.NULL or outgoing == ffi.NULL:
            raise MemoryError
        lib.SSL_set_bio(self._ssl, incoming, outgoing)
        self._incoming = self._connection._into_ssl = incoming
        self._outgoing = self._connection._from_ssl = outgoing
        self._large = False

    def _failure(self) -> TLSError:
        """Why the last call failed, in words."""
        codes = []
        while code := lib.ERR_get_error():
            codes.append(code)
        report = Report.of(codes, lib.SSL_get_verify_result(self._ssl))
        if self._heard is not None:
            report.alert, report.sent = self._heard.alert, self._heard.alert_sent
            if report.reason in BLAMES_CERTIFICATE:
                self.refused_certificate = self._heard.refused or self.peer_certificate()
        return explain_report(report, peer=self._side.peer, groups=self._side.groups)
