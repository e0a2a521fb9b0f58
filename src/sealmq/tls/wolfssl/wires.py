"""What of one connection C can reach: its bytes, its keys, its tickets; and the functions that C calls back.

Rule 1: a callback gets to its wire by a handle that the engine keeps alive; the wire knows nothing of the engine, so
        that both go when the engine goes.
Rule 2: no exception goes through C. What one would be is kept on the wire, and the engine raises it; to C it is a
        refusal.
Rule 3: a connection is resumed by one ticket, or proved by one PSK: the first that is found. A peer that shows several
        of them must not be taken for another than the one whose secret it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sealmq.tls.middleware import PSK, PSKLookup
from sealmq.tls.wolfssl.declarations import (
    CALLBACK_WANT_READ,
    TICKET_IV,
    TICKET_MAC,
    TICKET_NAME,
    TICKET_OK,
    TICKET_REJECT,
)
from sealmq.tls.wolfssl.library import Library
from sealmq.tls.wolfssl.sessions import HANDLE, Session, Sessions

SESSION_ID = 32
"""Bytes of a session ID that is ours (RFC 5246 section 7.4.1.3); a client's own makes no session."""

_V12 = b"TLSv1.2"

assert HANDLE == TICKET_NAME + TICKET_IV + TICKET_MAC


class Wire:
    """One connection, as C sees it.

    incoming, outgoing: ciphertext that wolfSSL has not read yet, and that it has written.
    sessions:           of the listener; None on a client's side, or where nothing is resumed.
    lookup:             the keys of a listener for PSK.
    psk:                a client's.
    psk_identity:       the name of the key that was found for the peer; proved when the handshake is done.
    asked:              a key was looked for.
    offered:            the session whose ticket the peer has shown, and its handle: proved when it is resumed.
    issued:             handles that the peer was given.
    bug:                what a callback would have raised.
    """

    __slots__ = (
        "asked",
        "bug",
        "incoming",
        "issued",
        "lookup",
        "offered",
        "outgoing",
        "psk",
        "psk_identity",
        "sessions",
    )

    def __init__(
        self, *, sessions: Sessions | None = None, lookup: PSKLookup | None = None, psk: PSK | None = None
    ) -> None:
        self.incoming, self.outgoing = bytearray(), bytearray()
        self.sessions = sessions
        self.lookup = lookup
        self.psk = psk
        self.psk_identity = ""
        self.asked = False
        self.offered: tuple[bytes, Session] | None = None
        self.issued: list[bytes] = []
        self.bug: Exception | None = None

    def find(self, handle: bytes, now: int) -> Session | None:
        """The session that the peer shows a ticket or an ID for (rule 3)."""
        if self.sessions is None or self.psk_identity or (self.offered is not None and self.offered[0] != handle):
            return None
        return self.sessions.find(handle, now)


class Callbacks:
    """The functions that wolfSSL calls, for all contexts of a library. They live as long as it does."""

    def __init__(self, library: Library) -> None:
        self._library = library
        ffi = library.ffi
        self.receive = ffi.callback("CallbackIORecv", self._receive, error=-1)
        self.transmit = ffi.callback("CallbackIOSend", self._transmit, error=-1)
        self.ticket = ffi.callback("SessionTicketEncCb", self._ticket, error=-1)
        self.new_session = ffi.callback("int(WOLFSSL*, WOLFSSL_SESSION*)", self._new_session, error=0)
        self.old_session = ffi.callback(
            "WOLFSSL_SESSION*(WOLFSSL*, const unsigned char*, int, int*)", self._old_session, error=ffi.NULL
        )
        self.server_psk = ffi.callback("wc_psk_server_callback", self._server_psk, error=0)
        self.server_psk_13 = ffi.callback("wc_psk_server_tls13_callback", self._server_psk_13, error=0)
        self.client_psk = ffi.callback("wc_psk_client_callback", self._client_psk, error=0)
        self.client_psk_13 = ffi.callback("wc_psk_client_tls13_callback", self._client_psk_13, error=0)
        self._suite = ffi.new("char[]", b"TLS13-AES128-GCM-SHA256")  # RFC 8446 section 4.2.11: SHA-256 goes with a PSK

    def now(self) -> int:
        """Seconds, by the clock of wolfSSL; 0 when it has none."""
        clock = self._library.ffi.new("long long *")
        if self._library.has("wc_GetTime"):
            self._library.lib.wc_GetTime(clock, 8)
        return int(clock[0])

    def _receive(self, _ssl: Any, buffer: Any, size: int, handle: Any) -> int:
        incoming = self._library.ffi.from_handle(handle).incoming
        size = min(size, len(incoming))
        if not size:
            return CALLBACK_WANT_READ
        self._library.ffi.memmove(buffer, incoming, size)
        del incoming[:size]
        return size

    def _transmit(self, _ssl: Any, buffer: Any, size: int, handle: Any) -> int:
        ffi = self._library.ffi
        ffi.from_handle(handle).outgoing.extend(ffi.buffer(buffer, size))
        return size

    def _wire(self, ssl: Any) -> Wire:
        wire = self._library.ffi.from_handle(self._library.lib.wolfSSL_GetIOReadCtx(ssl))
        assert isinstance(wire, Wire)
        return wire

    def _guarded(self, ssl: Any, work: Callable[[Wire], Any], refusal: Any) -> Any:
        """Rule 2."""
        wire = self._wire(ssl)
        try:
            return work(wire)
        except Exception as error:
            wire.bug = error
            return refusal

    def _ticket(
        self, ssl: Any, name: Any, iv: Any, mac: Any, give: int, ticket: Any, size: int, length: Any, _user: Any
    ) -> int:
        ffi = self._library.ffi

        def issue(wire: Wire) -> int:
            if wire.sessions is None:
                return TICKET_REJECT
            handle = wire.sessions.keep(self._session(ssl, wire, bytes(ffi.buffer(ticket, size))))
            wire.issued.append(handle)
            ffi.memmove(name, handle[:TICKET_NAME], TICKET_NAME)
            ffi.memmove(iv, handle[TICKET_NAME : TICKET_NAME + TICKET_IV], TICKET_IV)
            ffi.memmove(mac, handle[-TICKET_MAC:], TICKET_MAC)
            ffi.memmove(ticket, bytes(size), size)
            length[0] = size
            return TICKET_OK

        def take(wire: Wire) -> int:
            handle = b"".join(
                bytes(ffi.buffer(field, size))
                for field, size in ((name, TICKET_NAME), (iv, TICKET_IV), (mac, TICKET_MAC))
            )
            session = wire.find(handle, self.now())
            if session is None or len(session.secret) != size:
                return TICKET_REJECT
            wire.offered = handle, session
            ffi.memmove(ticket, session.secret, size)
            length[0] = size
            return TICKET_OK

        return int(self._guarded(ssl, issue if give else take, TICKET_REJECT))

    def _new_session(self, ssl: Any, session: Any) -> int:
        """TLS 1.2 without tickets: keep what goes with the session ID. wolfSSL's object of 30 KB is not kept."""
        ffi, lib = self._library.ffi, self._library.lib

        def keep(wire: Wire) -> int:
            if wire.sessions is None or wire.issued or wire.offered or ffi.string(lib.wolfSSL_get_version(ssl)) != _V12:
                return 0
            length, place = ffi.new("unsigned int *"), ffi.new("unsigned char **")
            name = lib.wolfSSL_SESSION_get_id(session, length)
            size = lib.wolfSSL_i2d_SSL_SESSION(session, ffi.NULL)
            if name == ffi.NULL or length[0] != SESSION_ID or size <= 0:
                return 0
            whole = ffi.new("unsigned char[]", size)
            place[0] = whole
            if lib.wolfSSL_i2d_SSL_SESSION(session, place) == size:
                handle = bytes(ffi.buffer(name, SESSION_ID))
                wire.sessions.keep(self._session(ssl, wire, bytes(ffi.buffer(whole, size))), handle)
                wire.issued.append(handle)
            return 0

        return int(self._guarded(ssl, keep, 0))

    def _old_session(self, ssl: Any, name: Any, length: int, copy: Any) -> Any:
        """The session with that ID, for wolfSSL to copy and to free."""
        ffi, lib = self._library.ffi, self._library.lib
        copy[0] = 0

        def find(wire: Wire) -> Any:
            if length != SESSION_ID:
                return ffi.NULL
            handle = bytes(ffi.buffer(name, length))
            session = wire.find(handle, self.now())
            if session is None:
                return ffi.NULL
            whole = ffi.from_buffer("unsigned char[]", session.secret)
            place = ffi.new("const unsigned char **", whole)
            found = lib.wolfSSL_d2i_SSL_SESSION(ffi.NULL, place, len(session.secret))
            if found != ffi.NULL:
                wire.offered = handle, session
            return found

        return self._guarded(ssl, find, ffi.NULL)

    def _session(self, ssl: Any, wire: Wire, secret: bytes) -> Session:
        """What the peer of this connection may come again with."""
        certificate, psk_identity = peer_of(self._library, ssl, wire)
        return Session(secret, certificate, psk_identity, self.now())

    def _server_psk(self, ssl: Any, identity: Any, key: Any, room: int) -> int:
        ffi = self._library.ffi

        def find(wire: Wire) -> int:
            wire.asked = True
            try:
                name = ffi.string(identity).decode()
            except UnicodeDecodeError:
                return 0
            if wire.lookup is None or not name or wire.offered is not None or wire.psk_identity not in ("", name):
                return 0
            found = wire.lookup(name)
            if found is None or not 0 < len(found) <= room:
                return 0
            wire.psk_identity = name
            ffi.memmove(key, found, len(found))
            return len(found)

        return int(self._guarded(ssl, find, 0))

    def _server_psk_13(self, ssl: Any, identity: Any, key: Any, room: int, suite: Any) -> int:
        suite[0] = self._suite
        return self._server_psk(ssl, identity, key, room)

    def _client_psk(self, ssl: Any, _hint: Any, identity: Any, name_room: int, key: Any, room: int) -> int:
        ffi = self._library.ffi

        def give(wire: Wire) -> int:
            if wire.psk is None:
                return 0
            name = wire.psk.identity.encode() + b"\0"
            if len(name) > name_room or len(wire.psk.key) > room:
                return 0
            ffi.memmove(identity, name, len(name))
            ffi.memmove(key, wire.psk.key, len(wire.psk.key))
            return len(wire.psk.key)

        return int(self._guarded(ssl, give, 0))

    def _client_psk_13(
        self, ssl: Any, hint: Any, identity: Any, name_room: int, key: Any, room: int, suite: Any
    ) -> int:
        suite[0] = self._suite
        return self._client_psk(ssl, hint, identity, name_room, key, room)


def peer_of(library: Library, ssl: Any, wire: Wire) -> tuple[bytes, str]:
    """The certificate and the PSK identity that the peer of a listener's connection has proved; b"" and "" for none."""
    if wire.offered is not None and library.lib.wolfSSL_session_reused(ssl):
        return wire.offered[1].certificate, wire.offered[1].psk_identity
    return proved_leaf(library, ssl), wire.psk_identity


def proved_leaf(library: Library, ssl: Any) -> bytes:
    """DER of the peer's own certificate, once the handshake has accepted it; b"" for none."""
    ffi, lib = library.ffi, library.lib
    certificate = lib.wolfSSL_get_peer_certificate(ssl)
    if certificate == ffi.NULL:
        return b""
    try:
        size = ffi.new("int *")
        der = lib.wolfSSL_X509_get_der(certificate, size)
        return b"" if der == ffi.NULL else bytes(ffi.buffer(der, size[0]))
    finally:
        lib.wolfSSL_X509_free(certificate)


def shown_chain(library: Library, ssl: Any) -> list[bytes]:
    """DER of the certificates that the peer has shown, its own first, proved or not; none where this build keeps none.

    wolfSSL leaves out what is longer than 2 to 8 KB: the first need not be the peer's own.
    """
    ffi, lib = library.ffi, library.lib
    if not library.has("wolfSSL_get_peer_chain", "wolfSSL_get_chain_count", "wolfSSL_get_chain_cert"):
        return []
    chain = lib.wolfSSL_get_peer_chain(ssl)
    if chain == ffi.NULL:
        return []
    return [
        bytes(ffi.buffer(lib.wolfSSL_get_chain_cert(chain, at), lib.wolfSSL_get_chain_length(chain, at)))
        for at in range(lib.wolfSSL_get_chain_count(chain))
    ]
