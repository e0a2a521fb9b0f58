"""Contexts of wolfSSL: a listener's and a device's.

Rule 1: what a policy says is set, call by call, and each call's answer is looked at: nothing is left to how a build
        was configured. Debian's can SSL 3, RC4, NULL and anonymous suites.
Rule 2: what wolfSSL trusts is never changed after a context was built (as tls/context.py, rule 1).
Rule 3: a peer that has to prove itself is asked with VERIFY_PEER, with a PSK too: whoever ignores the key and shows a
        certificate meets a context that trusts none.
Rule 4: nothing is fetched: where a certificate names an address for a revocation list, wolfSSL would ask there.

A context is for one thread. The dates of the authorities that it trusts are looked at when it is built.
"""

from __future__ import annotations

from binascii import a2b_base64
from functools import cache
from pathlib import Path
from typing import Any

from sealmq.addresses import is_address
from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.pem import blocks
from sealmq.tls.context import expect_pair, split_der
from sealmq.tls.demands import expect_name
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import (
    TLS12,
    TLS13,
    Abilities,
    ClientMaterial,
    HandshakeProof,
    PSKLookup,
    ServerMaterial,
    Version,
)
from sealmq.tls.policy import RECORD_LIMIT, TLSPolicy
from sealmq.tls.unusable import no_anchor, unusable_anchors, unusable_crl, unusable_pair, unusable_root
from sealmq.tls.wolfssl import declarations as c
from sealmq.tls.wolfssl.certificates import read
from sealmq.tls.wolfssl.engine import ClientSession, Verdict, WolfSSLEngine
from sealmq.tls.wolfssl.library import Library
from sealmq.tls.wolfssl.sessions import Sessions
from sealmq.tls.wolfssl.wires import Callbacks, Wire

GROUPS = {"X25519MLKEM768": 4588, "SecP256r1MLKEM768": 4587, "x25519": 29, "secp256r1": 23}
"""Key exchange groups that are spoken here, the best first, with their numbers (RFC 8446 section 4.2.7)."""

SUITES_13 = ("TLS13-AES128-GCM-SHA256", "TLS13-AES256-GCM-SHA384", "TLS13-CHACHA20-POLY1305-SHA256")

SUITES_12 = frozenset(TLSPolicy().suites)
"""ECDHE and AEAD; wolfSSL spells them as OpenSSL does. Of what a policy names, no other is ever turned on."""

SUITES_PSK = ("ECDHE-PSK-AES128-GCM-SHA256", "ECDHE-PSK-CHACHA20-POLY1305")
"""For TLS 1.2: with a key exchange, so that a stolen PSK opens no old recording."""

SIGNATURES = (
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512"
    ":RSA+SHA256:RSA+SHA384:RSA+SHA512"
)

MIN_RSA, MIN_ECC = 2048, 224
"""Bits: what OpenSSL's security level 2 demands."""

LONGEST_IDENTITY = 127
"""Bytes of a PSK's identity: with the end of a C string, wolfSSL has room for no more."""


class _Context:
    """What both roles share."""

    def __init__(
        self,
        library: Library,
        callbacks: Callbacks,
        policy: TLSPolicy,
        versions: frozenset[Version],
        *,
        server: bool,
        psk: bool,
    ) -> None:
        self._library = library
        self._callbacks = callbacks
        self._max_record = policy.max_record
        lib, ffi = library.lib, library.ffi
        pointer = lib.wolfSSL_CTX_new(_method(lib, versions, "server" if server else "client"))
        if pointer == ffi.NULL:
            raise MiddlewareError("wolfSSL could not make a context", why="it is out of memory, or built without TLS")
        self._ctx = ffi.gc(pointer, lib.wolfSSL_CTX_free)
        self._buffer = ffi.new("char[]", RECORD_LIMIT)
        self._verdict = Verdict()
        self._verify = ffi.callback("VerifyCallback", self._verdict.give, error=0)
        lib.wolfSSL_CTX_SetIORecv(self._ctx, callbacks.receive)
        lib.wolfSSL_CTX_SetIOSend(self._ctx, callbacks.transmit)
        if not (server and policy.tickets and can_resume_on_server(library) and resumes_by_id(library)):
            lib.wolfSSL_CTX_set_session_cache_mode(self._ctx, c.SESSION_CACHE_OFF)  # there is no way back from OFF
        if versions != {TLS13}:
            self._set("SetMinVersion", c.TLSV1_2)
        self._set("SetMinRsaKey_Sz", MIN_RSA)
        self._set("SetMinEccKey_Sz", MIN_ECC)
        self._groups = self._choose_groups(policy, versions, psk=psk)
        if server and TLS13 in versions and library.has("wolfSSL_CTX_only_dhe_psk"):
            # Without it (5.5.4) engine.py sees to it. Not for a device: 5.9.2's looks for the key too early, and fails.
            self._set("only_dhe_psk", success=0)

    def _set(self, name: str, *arguments: Any, success: int = c.SUCCESS) -> None:
        """wolfSSL_CTX_`name`; MiddlewareError when it says no."""
        result = getattr(self._library.lib, f"wolfSSL_CTX_{name}")(self._ctx, *arguments)
        if result != success:
            raise MiddlewareError(
                f"wolfSSL {self._library.text} does not do as the TLS policy says",
                why=f"wolfSSL_CTX_{name}: {self._words(result)}",
                remedy="take another middleware: sealmq middleware lists them",
            )

    def _choose_groups(self, policy: TLSPolicy, versions: frozenset[Version], *, psk: bool) -> list[str]:
        """Turn on the groups of the policy that this build has; returns their names."""
        hybrid = hybrid_groups(self._library) if TLS13 in versions and not policy.classical else ()
        names = list(hybrid) if policy.hybrid_only else [*hybrid, "x25519", "secp256r1"]
        if psk and TLS12 in versions and self._library.version < _X25519_WITH_PSK:
            names.remove("x25519")
        for name in names:
            self._set("UseSupportedCurve", GROUPS[name])
        if TLS13 in versions and self._library.has("wolfSSL_CTX_set_groups"):
            self._set("set_groups", self._library.ffi.new("int[]", [GROUPS[name] for name in names]), len(names))
        return names

    def _choose_suites(self, suites: tuple[str, ...]) -> None:
        """Turn on these TLS 1.2 suites, those of 1.3, and no others; and the signatures that go with them."""
        names = [*SUITES_13, *suites]
        if not suites:  # wolfSSL would turn on its own
            raise TrustError(
                "wolfSSL knows none of the cipher suites for TLS 1.2", remedy=f"take of {sorted(SUITES_12)}"
            )
        if self._library.lib.wolfSSL_CTX_set_cipher_list(self._ctx, ":".join(names).encode()) != c.SUCCESS:
            raise TrustError(f"wolfSSL knows none of the cipher suites {', '.join(names)}")
        if self._library.has("wolfSSL_CTX_set1_sigalgs_list"):  # after the suites, which set them, too
            edwards = ":ED25519" if self._library.version >= _ED25519 else ""
            self._set("set1_sigalgs_list", (SIGNATURES + edwards).encode())

    def _present(self, chain: Path, key: Path) -> None:
        """What we prove ourselves with. Raises TrustError."""
        lib, ctx = self._library.lib, self._ctx
        expect_pair(chain, key)  # 5.5.4 and 5.7.2 take a key that is another certificate's
        try:
            certificate, secret = chain.read_bytes(), key.read_bytes()
        except OSError as error:
            raise unusable_pair(chain, key, error.strerror or str(error)) from error
        for result in (
            lib.wolfSSL_CTX_use_certificate_chain_buffer(ctx, certificate, len(certificate)),
            lib.wolfSSL_CTX_use_PrivateKey_buffer(ctx, secret, len(secret), c.PEM),
            lib.wolfSSL_CTX_check_private_key(ctx),
        ):
            if result != c.SUCCESS:
                raise unusable_pair(chain, key, self._words(result))

    def _trust(self, certificates: bytes) -> int:
        """Trust each of these authorities, PEM; returns the first code that is no success.

        One by one: wolfSSL skips a bad one among good ones. And none that may not sign others (certificates.py).
        """
        found = [text for label, text in blocks(certificates) if label == "CERTIFICATE"]
        for text in found:
            try:
                der = a2b_base64(text, strict_mode=False)
            except ValueError:
                return _NO_CERTIFICATE
            facts = read(der)
            if facts is not None and not facts.authority:
                return _NOT_A_CA
            result = self._library.lib.wolfSSL_CTX_load_verify_buffer(self._ctx, der, len(der), c.DER)
            if result != c.SUCCESS:
                return int(result)
        return c.SUCCESS if found else _NO_CERTIFICATE

    def _words(self, code: int) -> str:
        """wolfSSL's text for a code."""
        ffi = self._library.ffi
        text = ffi.new("char[]", 128)
        self._library.lib.wolfSSL_ERR_error_string(code & 0xFFFFFFFFFFFFFFFF, text)
        return f"{ffi.string(text).decode('ascii', 'replace')} ({code})"

    def _new(self) -> Any:
        """wolfSSL's object for one more connection."""
        ffi, lib = self._library.ffi, self._library.lib
        ssl = lib.wolfSSL_new(self._ctx)
        if ssl == ffi.NULL:
            raise MiddlewareError("wolfSSL could not make a connection", why="it is out of memory")
        return ffi.gc(ssl, lib.wolfSSL_free)

    def _engine(self, ssl: Any, wire: Wire, *, proves: bool, peer: str) -> WolfSSLEngine:
        return WolfSSLEngine(self._library, self, self._verdict, ssl, wire, self._buffer, proves=proves, peer=peer)


class WolfSSLServerContext(_Context):
    """A TLSContext for a listener, for one thread.

    handshakes: that were finished; of them, `resumed`.
    """

    def __init__(
        self,
        library: Library,
        callbacks: Callbacks,
        policy: TLSPolicy,
        versions: frozenset[Version],
        material: ServerMaterial,
    ) -> None:
        """Raises TrustError when a file cannot be used."""
        super().__init__(library, callbacks, policy, versions, server=True, psk=material.psk is not None)
        self.handshakes = 0
        self.resumed = 0
        self._lookup = material.psk
        self._proves = material.client_certificates or material.psk is not None
        if material.psk is not None:
            self._ask_for_psk(material.psk)
        else:
            assert material.chain is not None
            assert material.key is not None
            self._choose_suites(suites_of(policy, versions))
            self._present(material.chain, material.key)
            self._ask_for_certificates(material)
        self._sessions = self._keep_sessions(policy, versions)

    @property
    def kept(self) -> int:
        """Sessions that can be resumed here."""
        return 0 if self._sessions is None else len(self._sessions)

    def connection(self) -> MemoryConnection:
        """See TLSContext."""
        wire = Wire(sessions=self._sessions, lookup=self._lookup)
        engine = self._engine(self._new(), wire, proves=self._proves, peer="device")
        return MemoryConnection(engine, peer="device", max_record=self._max_record, finished=self._finished)

    def _finished(self, proof: HandshakeProof) -> None:
        self.handshakes += 1
        self.resumed += proof.resumed

    def _ask_for_psk(self, lookup: PSKLookup) -> None:
        lib, ctx = self._library.lib, self._ctx
        self._choose_suites(SUITES_PSK)
        lib.wolfSSL_CTX_set_psk_server_callback(ctx, self._callbacks.server_psk)
        if self._library.has("wolfSSL_CTX_set_psk_server_tls13_callback"):
            lib.wolfSSL_CTX_set_psk_server_tls13_callback(ctx, self._callbacks.server_psk_13)
        lib.wolfSSL_CTX_set_verify(ctx, c.VERIFY_PEER, self._library.ffi.NULL)

    def _ask_for_certificates(self, material: ServerMaterial) -> None:
        lib, ctx, null = self._library.lib, self._ctx, self._library.ffi.NULL
        if not material.client_certificates:
            lib.wolfSSL_CTX_set_verify(ctx, c.VERIFY_NOBODY, null)  # no CertificateRequest; clients prove nothing by it
            return
        lib.wolfSSL_CTX_set_verify(ctx, c.VERIFY_PEER | c.FAIL_IF_NO_PEER_CERT, self._verify)
        if self._library.has("wolfSSL_CTX_mutual_auth"):
            self._set("mutual_auth", 1, success=0)  # else, under TLS 1.2, who shows none is refused without an alert
        if (code := self._trust(material.client_anchors)) != c.SUCCESS:
            raise no_anchor() if code == _NOT_A_CA else unusable_anchors(self._words(code))
        if material.crl is not None:
            self._load_crl(material.crl)

    def _load_crl(self, crl: bytes) -> None:
        """Have wolfSSL look each device's certificate up in these lists (rule 4). It takes none past its nextUpdate."""
        lib, ctx = self._library.lib, self._ctx
        lists = split_der(crl)
        if not lists:
            raise unusable_crl("a list is missing or given twice")
        self._set("EnableCRL", 0)
        if self._library.has("wolfSSL_CTX_SetCRL_IOCb"):
            self._set("SetCRL_IOCb", self._library.ffi.NULL)
        for one in lists:
            result = lib.wolfSSL_CTX_LoadCRLBuffer(ctx, one, len(one), c.DER)
            if result != c.SUCCESS:
                raise unusable_crl(self._words(result))

    def _keep_sessions(self, policy: TLSPolicy, versions: frozenset[Version]) -> Sessions | None:
        """Where sessions are kept; None when there are no tickets."""
        library, lib, ctx = self._library, self._library.lib, self._ctx
        if not can_resume_on_server(library):
            return None
        if not policy.tickets:
            if TLS13 in versions:
                self._set("no_ticket_TLSv13", success=0)
            self._set("NoTicketTLSv12")
            return None
        sessions = Sessions()
        self._set("set_TicketEncCb", self._callbacks.ticket)
        self._set("set_TicketHint", int(sessions.lifetime))
        lib.wolfSSL_CTX_set_timeout(ctx, int(sessions.lifetime))  # some builds answer with the one before
        if library.has("wolfSSL_CTX_set_num_tickets"):
            lib.wolfSSL_CTX_set_num_tickets(ctx, policy.tickets)
        if self._replace_cache():
            lib.wolfSSL_CTX_sess_set_new_cb(ctx, self._callbacks.new_session)
            lib.wolfSSL_CTX_sess_set_get_cb(ctx, self._callbacks.old_session)
        return sessions

    def _replace_cache(self) -> bool:
        """Have wolfSSL ask us for the sessions of TLS 1.2 that go by an ID. Its own cache, which is one for the whole
        process, is used by nobody: in a build that has no other there are no such sessions."""
        lib, ctx = self._library.lib, self._ctx
        if not resumes_by_id(self._library):
            return False
        lib.wolfSSL_CTX_set_session_cache_mode(ctx, c.SESSION_CACHE_OURS)
        if lib.wolfSSL_CTX_get_session_cache_mode(ctx) & c.SESSION_CACHE_OURS == c.SESSION_CACHE_OURS:
            return True
        lib.wolfSSL_CTX_set_session_cache_mode(ctx, c.SESSION_CACHE_OFF)
        return False


class WolfSSLClientContext(_Context):
    """A ClientContext of a device, for one thread."""

    def __init__(
        self,
        library: Library,
        callbacks: Callbacks,
        policy: TLSPolicy,
        versions: frozenset[Version],
        material: ClientMaterial,
        abilities: Abilities,
    ) -> None:
        """Raises TrustError when a file cannot be used, ConfigError when the PSK cannot."""
        super().__init__(library, callbacks, policy, versions, server=False, psk=material.psk is not None)
        self._abilities = abilities
        self._psk = material.psk
        lib, ffi = library.lib, library.ffi
        if material.psk is not None:
            if not 0 < len(material.psk.identity.encode()) <= LONGEST_IDENTITY:
                raise ConfigError(
                    "the identity of the PSK is empty or too long",
                    why=f"wolfSSL has room for {LONGEST_IDENTITY} bytes",
                    remedy="give the device a shorter name",
                )
            self._choose_suites(SUITES_PSK)
            lib.wolfSSL_CTX_set_psk_client_callback(self._ctx, callbacks.client_psk)
            if library.has("wolfSSL_CTX_set_psk_client_tls13_callback"):
                lib.wolfSSL_CTX_set_psk_client_tls13_callback(self._ctx, callbacks.client_psk_13)
            lib.wolfSSL_CTX_set_verify(self._ctx, c.VERIFY_PEER, ffi.NULL)
        else:
            assert material.root is not None
            self._choose_suites(suites_of(policy, versions))
            lib.wolfSSL_CTX_set_verify(self._ctx, c.VERIFY_PEER, self._verify)
            self._load_root(material.root)
            if material.chain is not None:
                self._present(material.chain, material.key or material.chain)
        if can_resume_on_client(library):
            # With a ticket for TLS 1.2 that the broker takes no more, wolfSSL's client takes the full handshake that is
            # due for a fault (5.5.4 to 5.9.2). Without tickets it resumes by session ID; TLS 1.3 has no such trouble.
            self._set("NoTicketTLSv12")

    def connection(self, server_hostname: str, *, session: object | None = None) -> MemoryConnection:
        """See ClientContext."""
        library, lib = self._library, self._library.lib
        host = ""
        if self._psk is None:
            expect_name("wolfssl", self._abilities, server_hostname)
            host = ascii_name(server_hostname)
        ssl = self._new()
        if host:
            self._expect(ssl, host)
        if len(self._groups) > 2 and library.has("wolfSSL_UseKeyShare"):
            for name in (self._groups[0], self._groups[-2]):  # so that who has no hybrid group needs no second hello
                lib.wolfSSL_UseKeyShare(ssl, GROUPS[name])
        resumed = session if isinstance(session, ClientSession) and session.fits(self, host) else None
        if resumed is not None and lib.wolfSSL_set_session(ssl, resumed.pointer) != c.SUCCESS:
            resumed = None
        wire = Wire(psk=self._psk)
        engine = self._engine(ssl, wire, proves=self._psk is None, peer="broker")
        engine.expect(host, resumed)
        connection = MemoryConnection(engine, peer="broker", max_record=self._max_record)
        connection.start()
        return connection

    def _expect(self, ssl: Any, host: str) -> None:
        """Have wolfSSL hold the certificate against the name as well (certificates.py), as far as this version can."""
        library, lib, name = self._library, self._library.lib, host.encode()
        if not is_address(host):
            lib.wolfSSL_check_domain_name(ssl, name)  # 5.9 takes none without a dot: then certificates.py alone decides
            if lib.wolfSSL_UseSNI(ssl, c.SNI_HOST_NAME, name, len(name)) != c.SUCCESS:
                raise ConfigError(f"{host!r} cannot be said to the broker", why="wolfSSL does not take it as a name")
        elif ":" not in host and library.has("wolfSSL_check_ip_address"):
            lib.wolfSSL_check_ip_address(ssl, name)

    def _load_root(self, root: Path) -> None:
        try:
            certificates = root.read_bytes()
        except OSError as error:
            raise unusable_root(root, error.strerror or str(error)) from error
        if (code := self._trust(certificates)) != c.SUCCESS:
            raise unusable_root(root, self._words(code))


_NOT_A_CA = -357  # NOT_CA_ERROR
_NO_CERTIFICATE = -162  # ASN_NO_PEM_HEADER

_ED25519 = (5, 9, 2)
"""5.5.4 and 5.7.2 accept a certificate with such a key, and then cannot say whose it was."""

_X25519_WITH_PSK = (5, 7, 2)
"""5.5.4's client takes X25519 in an ECDHE-PSK ServerKeyExchange for a point on P-256, and fails; 5.7.2's does not."""


def suites_of(policy: TLSPolicy, versions: frozenset[Version]) -> tuple[str, ...]:
    """The suites for TLS 1.2 that the policy names and that are turned on; where only TLS 1.3 is spoken, any do."""
    named = tuple(suite for suite in policy.suites if suite in SUITES_12)
    return named or (() if TLS12 in versions else TLSPolicy().suites)


def ascii_name(host: str) -> str:
    """A host name as certificates carry it. Raises ConfigError."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ConfigError(f"{host!r} is no host name", why=str(error)) from error


@cache
def hybrid_groups(library: Library) -> tuple[str, ...]:
    """The hybrid groups that this build takes, found out by asking it."""
    ffi, lib = library.ffi, library.lib
    if not library.has("wolfTLSv1_3_client_method", "wolfSSL_CTX_set_groups"):
        return ()
    ctx = ffi.gc(lib.wolfSSL_CTX_new(lib.wolfTLSv1_3_client_method()), lib.wolfSSL_CTX_free)
    return tuple(
        name for name in ("X25519MLKEM768", "SecP256r1MLKEM768")
        if lib.wolfSSL_CTX_UseSupportedCurve(ctx, GROUPS[name]) == c.SUCCESS
        and lib.wolfSSL_CTX_set_groups(ctx, ffi.new("int[]", [GROUPS[name]]), 1) == c.SUCCESS
    )  # fmt: skip


def can_resume_on_server(library: Library) -> bool:
    """Are there tickets whose making can be ours?"""
    return library.has(
        "wolfSSL_CTX_set_TicketEncCb", "wolfSSL_CTX_set_TicketHint", "wolfSSL_CTX_set_timeout",
        "wolfSSL_CTX_no_ticket_TLSv13", "wolfSSL_CTX_NoTicketTLSv12", "wc_GetTime",
    )  # fmt: skip


def resumes_by_id(library: Library) -> bool:
    """Can a listener's sessions of TLS 1.2 be kept by us? For clients that have no tickets: many small ones."""
    return library.has(
        "wolfSSL_CTX_sess_set_new_cb", "wolfSSL_CTX_sess_set_get_cb", "wolfSSL_CTX_get_session_cache_mode",
        "wolfSSL_SESSION_get_id", "wolfSSL_i2d_SSL_SESSION", "wolfSSL_d2i_SSL_SESSION",
    )  # fmt: skip


def can_resume_on_client(library: Library) -> bool:
    """Are there tickets, and sessions to take and give?"""
    return library.has(
        "wolfSSL_get1_session", "wolfSSL_set_session", "wolfSSL_SESSION_free", "wolfSSL_SESSION_has_ticket",
        "wolfSSL_CTX_NoTicketTLSv12",
    )  # fmt: skip


def _method(lib: Any, versions: frozenset[Version], side: str) -> Any:
    """wolfSSL's method for these versions."""
    if versions == {TLS12}:
        return getattr(lib, f"wolfTLSv1_2_{side}_method")()
    if versions == {TLS13}:
        return getattr(lib, f"wolfTLSv1_3_{side}_method")()
    return getattr(lib, f"wolfSSLv23_{side}_method")()  # the highest that it has; the lowest is set
