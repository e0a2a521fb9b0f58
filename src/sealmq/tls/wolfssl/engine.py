"""One side of one connection in wolfSSL: an Engine for memory.py.

Rule 1: whom the peer is, is decided when the handshake is done, once, from what wolfSSL has verified: a certificate, a
        PSK, or a session of ours. A listener or a device that has none of them in the end does not begin.
Rule 2: whoever failed does not resume: his sessions are dropped. So are those of whoever was cut off, until
        `keep_session` says that it was only TCP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sealmq.errors import TLSError
from sealmq.tls.alerts import BY_NAME
from sealmq.tls.clear_alerts import ClearAlerts
from sealmq.tls.middleware import TLS12, TLS13, HandshakeProof
from sealmq.tls.policy import HYBRID_GROUPS, RECORD_LIMIT
from sealmq.tls.wolfssl.certificates import CLIENT_AUTH, SERVER_AUTH, complaint
from sealmq.tls.wolfssl.declarations import SUCCESS, WANT_READ, ZERO_RETURN
from sealmq.tls.wolfssl.library import Library
from sealmq.tls.wolfssl.refusals import (
    ALERT_RECEIVED,
    BLAMES_CERTIFICATE,
    CLOSED,
    CODES,
    COMPLAINTS,
    NO_PSK,
    OUT_OF_ORDER,
    PARSE_ERROR,
    UNKNOWN_PSK,
    VERSION_ERROR,
    WITHOUT_PSK,
    explain,
)
from sealmq.tls.wolfssl.wires import Wire, peer_of, proved_leaf, shown_chain

_CHANGE_CIPHER_SPEC, _ALERT, _DATA = 20, 21, 23  # ContentType, RFC 8446 section 5.1
_FATAL = 2  # AlertLevel, section 6
_SPELLING = {name.lower(): name for name in HYBRID_GROUPS}


@dataclass(frozen=True, slots=True)
class ClientSession:
    """What a device resumes with.

    context:     that it belongs to.
    host:        that was dialled: a session is good for no other.
    pointer:     wolfSSL's; freed with this.
    certificate: DER of the broker's, as it was verified.
    """

    context: object = field(repr=False)
    host: str
    pointer: Any = field(repr=False)
    certificate: bytes = field(repr=False)

    def fits(self, context: object, host: str) -> bool:
        """May it be resumed there? Elsewhere the certificate might not be accepted, or carry another name."""
        return self.context is context and self.host == host


class Verdict:
    """What we say to certificates that are shown to us, in the midst of the handshake: a device has not sent its own by
    then. One for each context, whose connections come one after the other.

    engine: whose handshake is going on.
    """

    __slots__ = ("engine",)

    def __init__(self) -> None:
        self.engine: WolfSSLEngine | None = None

    def give(self, accepted: int, store: Any) -> int:
        """wolfSSL's verify callback, called for each certificate of the chain: 1 accepts. What wolfSSL itself refuses
        stays refused."""
        if not accepted or self.engine is None:
            return 0
        return int(self.engine.accepts(store))


class WolfSSLEngine:
    """See Engine."""

    __slots__ = (
        "_broken",
        "_buffer",
        "_certificate",
        "_complaint",
        "_context",
        "_dials",
        "_done",
        "_handle",
        "_heard",
        "_host",
        "_judged",
        "_kept",
        "_library",
        "_peer",
        "_proves",
        "_resuming",
        "_sealed",
        "_ssl",
        "_step",
        "_verdict",
        "_wire",
        "refused_certificate",
    )

    def __init__(
        self,
        library: Library,
        context: object,
        verdict: Verdict,
        ssl: Any,
        wire: Wire,
        buffer: Any,
        *,
        proves: bool,
        peer: str,
    ) -> None:
        """
        context: whose callbacks wolfSSL calls as long as this is there.
        verdict: of the context.
        ssl:     wolfSSL's object, which goes with this one.
        wire:    where its bytes come from and go to.
        buffer:  RECORD_LIMIT bytes that all connections of a context read into.
        proves:  the peer must prove who it is.
        peer:    what it is called: "device" or "broker".
        """
        self._library = library
        self._context = context
        self._ssl = ssl
        self._wire = wire
        self._buffer = buffer
        self._proves = proves
        self._peer = peer
        self._handle = library.ffi.new_handle(wire)
        library.lib.wolfSSL_SetIOReadCtx(ssl, self._handle)
        library.lib.wolfSSL_SetIOWriteCtx(ssl, self._handle)
        self._step = library.lib.wolfSSL_accept
        self._heard = ClearAlerts()
        self._host = ""
        self._dials = False
        self._verdict = verdict
        self._resuming: ClientSession | None = None
        self._judged = b""
        self._complaint = 0
        self._sealed = False
        self._broken = False
        self._kept = False
        self._done: HandshakeProof | None = None
        self._certificate = b""
        self.refused_certificate = b""

    def expect(self, host: str, session: ClientSession | None) -> None:
        """This is a device's side.

        host:    that the broker's certificate must carry; "" with a PSK.
        session: to resume, of this context and host.
        """
        self._step = self._library.lib.wolfSSL_connect
        self._dials, self._host, self._resuming = True, host, session

    def __del__(self) -> None:
        if not getattr(self, "_kept", True):
            self._forget()

    # -- Engine ------------------------------------------------------------------------------------------------------

    def feed(self, ciphertext: bytes) -> None:
        """See Engine."""
        if self._done is None:
            self._heard.look(ciphertext)
        self._wire.incoming += ciphertext

    def take(self) -> bytes:
        """See Engine."""
        outgoing = self._wire.outgoing
        if not outgoing:
            return b""
        ciphertext = bytes(outgoing)
        outgoing.clear()
        if self._done is None:
            self._look_for_seals(ciphertext)
        return ciphertext

    def shake(self) -> bool:
        """See Engine."""
        self._verdict.engine = self
        try:
            result = self._step(self._ssl)
        finally:
            self._verdict.engine = None
        if result == SUCCESS and self._wire.bug is None:
            self._finish()
            return True
        if (code := self._code(result)) == WANT_READ:
            return False
        raise self._failure(CLOSED if code == ZERO_RETURN else code)

    def read(self) -> bytes | None:
        """See Engine."""
        size = self._library.lib.wolfSSL_read(self._ssl, self._buffer, RECORD_LIMIT)
        if size > 0:
            return bytes(self._library.ffi.buffer(self._buffer, size))
        if (code := self._code(size)) == WANT_READ:
            return b""
        if code == ZERO_RETURN:
            self._kept = not self._broken
            return None
        raise self._failure(code)

    def write(self, plaintext: bytes) -> None:
        """See Engine."""
        at = 0
        while at < len(plaintext):
            piece = plaintext[at:] if at else plaintext
            size = self._library.lib.wolfSSL_write(self._ssl, piece, len(piece))
            if size <= 0:
                raise self._failure(self._code(size))
            at += size

    def say_goodbye(self) -> None:
        """See Engine."""
        self._kept = not self._broken
        self._library.lib.wolfSSL_shutdown(self._ssl)

    def keep_session(self) -> None:
        """See Engine."""
        self._kept = not self._broken

    def proof(self) -> HandshakeProof:
        """See Engine."""
        assert self._done is not None
        return self._done

    def peer_certificate(self) -> bytes:
        """See Engine."""
        return self._certificate

    def psk_identity(self) -> str:
        """See Engine."""
        return self._wire.psk_identity

    def session(self) -> object | None:
        """See Engine."""
        library, lib = self._library, self._library.lib
        if self._broken or not self._dials or not library.has("wolfSSL_get1_session", "wolfSSL_SESSION_free"):
            return None
        pointer = lib.wolfSSL_get1_session(self._ssl)
        if pointer == library.ffi.NULL:
            return None
        pointer = library.ffi.gc(pointer, lib.wolfSSL_SESSION_free)
        assert self._done is not None
        if self._done.version == TLS13 and not lib.wolfSSL_SESSION_has_ticket(pointer):
            return None
        return ClientSession(self._context, self._host, pointer, self._certificate)

    # -- how it ends -------------------------------------------------------------------------------------------------

    def accepts(self, store: Any) -> bool:
        """Are the certificates that are shown in order also where wolfSSL does not look? Where this build cannot show
        them yet, `_finish` asks."""
        depth = "wolfSSL_X509_STORE_CTX_get_error_depth"
        if self._library.has(depth) and getattr(self._library.lib, depth)(store) > 0:
            return True  # it is an authority's; all are looked at when the peer's own comes, which is last
        chain = shown_chain(self._library, self._ssl)
        if not chain:
            return True
        self._judged = chain[0]
        return self._is_in_order(chain)

    def _is_in_order(self, chain: list[bytes]) -> bool:
        found = complaint(chain, SERVER_AUTH if self._dials else CLIENT_AUTH, self._host)
        self._complaint = COMPLAINTS[found] if found else 0
        return not found

    def _finish(self) -> None:
        """Rule 1."""
        library, lib = self._library, self._library.lib
        version = self._text(lib.wolfSSL_get_version(self._ssl))
        group = self._group()
        if version == TLS13 and not group and library.has("wolfSSL_get_curve_name"):
            raise self._refused(
                f"the {self._peer} wants a handshake without a key exchange", "who has the key later could read it all"
            )
        reused = bool(lib.wolfSSL_session_reused(self._ssl))
        if not self._dials:
            resumed = reused and self._wire.offered is not None
            self._certificate, self._wire.psk_identity = peer_of(library, self._ssl, self._wire)
        elif reused and self._resuming is not None:
            resumed, self._certificate = True, self._resuming.certificate
        else:
            resumed, self._certificate = False, proved_leaf(library, self._ssl)
        if self._wire.psk is not None and self._certificate:
            raise self._refused(f"the {self._peer} has shown a certificate where the shared key was asked for", "")
        unseen = self._certificate and not resumed and self._certificate != self._judged
        if unseen and not self._is_in_order([self._certificate]):
            raise self._failure(self._complaint)
        if self._proves and not (self._certificate or self._wire.psk_identity):
            raise self._refused(f"the {self._peer} has proved nothing of itself", "")
        if version == TLS13 and resumed and self._wire.sessions is not None and self._wire.offered is not None:
            self._wire.sessions.forget(self._wire.offered[0])  # RFC 8446 appendix C.4: a ticket is used once
        cipher = self._text(lib.wolfSSL_get_cipher_name(self._ssl))
        self._done = HandshakeProof(version, cipher, group, resumed)

    def _group(self) -> str:
        """The key exchange group in RFC 8446's spelling; "" when there is none, or this build cannot tell."""
        if not self._library.has("wolfSSL_get_curve_name"):
            return ""
        name = self._text(self._library.lib.wolfSSL_get_curve_name(self._ssl)).lower()
        return _SPELLING.get(name.replace("_", ""), name)

    def _text(self, characters: Any) -> str:
        ffi = self._library.ffi
        return "" if characters == ffi.NULL else str(ffi.string(characters).decode("ascii", "replace"))

    def _code(self, result: int) -> int:
        """Why a call returned `result`. Raises what a callback would have raised."""
        if (bug := self._wire.bug) is not None:
            self._broken = True
            raise bug
        return int(self._library.lib.wolfSSL_get_error(self._ssl, result))

    def _failure(self, code: int) -> TLSError:
        """The error for `code`, in words; the connection is over."""
        ffi, lib = self._library.ffi, self._library.lib
        self._broken, self._kept = True, False
        self._forget()
        code = self._complaint or code  # whatever wolfSSL made of our refusal
        if self._done is not None and code == VERSION_ERROR:
            code = OUT_OF_ORDER  # a record in the clear, long after the version was agreed on
        if self._wire.lookup is not None and not self._wire.psk_identity and code in WITHOUT_PSK:
            code = UNKNOWN_PSK if self._wire.asked else NO_PSK
        if code in BLAMES_CERTIFICATE:
            self.refused_certificate = next(iter(shown_chain(self._library, self._ssl)), b"")
        text = ffi.new("char[]", 128)
        words = self._text(lib.wolfSSL_ERR_error_string(code & 0xFFFFFFFFFFFFFFFF, text))
        history = ffi.new("WOLFSSL_ALERT_HISTORY *")
        lib.wolfSSL_get_alert_history(self._ssl, history)
        sent, received = history.last_tx, history.last_rx
        heard = received.code if received.level else None
        if code == PARSE_ERROR and self._done is None and self._heard.alert >= 0:
            # OpenSSL refuses a broker of TLS 1.3 in the clear, which 5.5.4 takes for no record of that version.
            code, heard = ALERT_RECEIVED, self._heard.alert
        alert = sent.code if sent.level == _FATAL else self._speak_up(code)
        if self._library.has("wolfSSL_ERR_clear_error"):
            lib.wolfSSL_ERR_clear_error()  # a queue of its own, which nobody reads
        return explain(
            code,
            words,
            peer=self._peer,
            sent=alert,
            received=heard,
        )

    def _speak_up(self, code: int) -> int | None:
        """The alert that wolfSSL has not sent: 5.5.4 refuses many a ClientHello without a word. Returns its
        number. Only on a listener, and only while the peer can read it: before anything was encrypted."""
        refusal = CODES.get(code)
        if refusal is None or not refusal.alert or self._dials or self._done is not None:
            return None
        self._look_for_seals(bytes(self._wire.outgoing))
        if self._sealed:
            return None
        number = BY_NAME[refusal.alert].number
        self._wire.outgoing += bytes((_ALERT, 3, 3, 0, 2, _FATAL, number))
        return number

    def _look_for_seals(self, records: bytes) -> None:
        """Is one of these records, which we send, encrypted, or is what comes behind it?"""
        tls12 = self._text(self._library.lib.wolfSSL_get_version(self._ssl)) == TLS12
        while records:
            self._sealed |= records[0] == _DATA or (records[0] == _CHANGE_CIPHER_SPEC and tls12)
            records = records[5 + int.from_bytes(records[3:5], "big") :]

    def _refused(self, what: str, why: str) -> TLSError:
        """We refuse what wolfSSL has accepted. Nothing of its last flight goes out."""
        self._broken, self._kept = True, False
        self._forget()
        self._wire.outgoing.clear()
        return TLSError(what, why=why)

    def _forget(self) -> None:
        """Rule 2."""
        wire = self._wire
        if wire.sessions is not None:
            for handle in wire.issued:
                wire.sessions.forget(handle)
            if wire.offered is not None and self._done is not None and self._done.resumed:
                wire.sessions.forget(wire.offered[0])  # not for who only shows it: that takes no key
