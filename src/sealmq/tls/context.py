"""The one place that builds TLS contexts (ruff's banned-api keeps it so).

Rule 1: what a context trusts is never changed after it was built. OpenSSL's store forgets no anchor and no CRL, so
        every change of trust (a renewed certificate, a revoked device, another anchor) builds a new context, and the
        listener swaps.
Rule 2: a new context has kept no session, and has new ticket keys. No session of before a revocation can be resumed
        after it.
Rule 3: the broker trusts the Device CA and nothing else, as an anchor in the middle of the chain
        (X509_V_FLAG_PARTIAL_CHAIN): a device sends one small certificate, and no server certificate of the same root
        can log in.
Rule 4: a listener that asks for a password alone sends no CertificateRequest. It has a context, and so sessions and
        ticket keys, of its own: nothing that was proved to one listener counts at another.
Rule 5: a listener for enrolment asks for a certificate and goes on without one, and OpenSSL looks at no date of one
        that is shown: a device whose certificate has expired may come to renew it. Then whoever stands above looks at
        every date (devices/applicants.py). No other context is like that, which a test holds.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealmq.errors import MiddlewareError, TrustError
from sealmq.pem import to_pem
from sealmq.tls.hearing import HeardSSLObject, hear
from sealmq.tls.openssl import OpenSSLContext
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy
from sealmq.tls.unusable import no_anchor, unusable_anchors, unusable_crl, unusable_pair, unusable_root

_PRIORITIZE_CHACHA = 0x200000  # SSL_OP_PRIORITIZE_CHACHA, which `ssl` does not name
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which it does not name either: no date of the chain is checked


def server_context(
    policy: TLSPolicy,
    *,
    chain: Path,
    key: Path,
    client_anchors: bytes,
    crl: bytes | None = None,
    client_certificates: bool = True,
) -> OpenSSLContext:
    """A listener's context.

    chain:          PEM file: the broker's certificate, then the Server CA's.
    key:            PEM file: the certificate's private key, without passphrase.
    client_anchors: PEM of the Device CA certificate, or of several.
    crl:            DER of what each of these CAs has revoked, one list behind the other; None: revocation is somebody
                    else's. With it, OpenSSL itself refuses a revoked device with the alert certificate_revoked.
                    Give every list a far nextUpdate: a list past that date refuses every device, and a CA without a
                    list here refuses all of its own.
    client_certificates: False asks for none, and then trusts nobody's: `peer_certificate` is always b"".
    Raises TrustError when a file cannot be read or used.
    """
    if client_certificates:
        build = _listener(policy, chain, key, client_anchors, crl)
    else:
        build = _listener(policy, chain, key, None, None)
    context = build()
    if not _listen_in(context):
        return OpenSSLContext(context, quiet=None, max_record=policy.max_record)
    return OpenSSLContext(context, quiet=build(), max_record=policy.max_record)


def enrollment_context(policy: TLSPolicy, *, chain: Path, key: Path, client_anchors: bytes) -> OpenSSLContext:
    """The context of a listener for enrolment (rule 5): a client certificate is optional, and may have expired.

    client_anchors: PEM of every CA whose certificates may be shown there. The rest as for `server_context`.

    Nothing is resumed under TLS 1.3. TLS 1.2 has sessions that `ssl` cannot turn off; whoever makes connections of this
    context takes a new one now and then, and asks the registry about each certificate anew, resumed or not.
    """

    def build() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _apply(policy, context)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= _NO_CHECK_TIME
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        _load_credentials(context, chain, key)
        _trust_devices(context, client_anchors)
        return context

    context = build()
    if not _listen_in(context):
        return OpenSSLContext(context, quiet=None, max_record=policy.max_record)
    return OpenSSLContext(context, quiet=build(), max_record=policy.max_record)


def client_context(
    policy: TLSPolicy, *, root: Path, chain: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """A device's context: verifies chain, purpose, dates and name. For aiomqtt, paho-mqtt, `client_connection`.

    root:       PEM file: the one authority that is trusted. The system's list is not.
    chain, key: PEM files of what we show the broker; None to show nothing (a broker of ours then refuses).
    Raises TrustError when a file cannot be read or used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # CERT_REQUIRED and check_hostname, by default
    _furnish_client(context, policy, root, chain, key)
    return context


class RenewedContext(ssl.SSLContext):
    """A device's context that reads its files anew before a connection, when they are others than before: a program
    that runs for years connects again with the certificate that came meanwhile.

    What was trusted is not forgotten (rule 1 is a listener's): both roots count while a new one comes in, and after.
    """

    _files: Callable[[], tuple[Path, Path, Path]]
    _stamp: object = None

    @classmethod
    def of(cls, policy: TLSPolicy, files: Callable[[], tuple[Path, Path, Path]]) -> RenewedContext:
        """files: root, chain and key as they are now. Raises TrustError when a file cannot be read or used."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._files = files
        root, chain, key = files()
        context._stamp = _stamp_of(chain, key)
        _furnish_client(context, policy, root, chain, key)
        return context

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """See ssl.SSLContext."""
        self._look_again()
        return super().wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """See ssl.SSLContext."""
        self._look_again()
        return super().wrap_bio(*arguments, **options)

    def _look_again(self) -> None:
        # Whoever connects is in the middle of something, and can do nothing about a file that is being changed: it goes
        # on with what it had, and looks again at the next connection.
        with contextlib.suppress(OSError, TrustError):
            root, chain, key = self._files()
            stamp = _stamp_of(chain, key)
            if stamp != self._stamp:
                # Elsewhere first: a pair that does not match would leave this one without either.
                _furnish_client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), TLSPolicy(), root, chain, key)
                _load_roots(self, root)
                _load_credentials(self, chain, key)
                self._stamp = stamp


def _stamp_of(*files: Path) -> object:
    """Differs when somebody has changed or replaced one of these files."""
    return [(each.st_dev, each.st_ino, each.st_mtime_ns) for each in (file.stat() for file in files)]


def _furnish_client(
    context: ssl.SSLContext, policy: TLSPolicy, root: Path, chain: Path | None, key: Path | None
) -> None:
    _apply(policy, context)
    _load_roots(context, root)
    if chain is not None:
        _load_credentials(context, chain, key or chain)


def _load_roots(context: ssl.SSLContext, root: Path) -> None:
    try:
        context.load_verify_locations(cafile=root)
    except (OSError, ValueError) as error:
        raise unusable_root(root, _reason(error)) from error


def _listener(
    policy: TLSPolicy, chain: Path, key: Path, client_anchors: bytes | None, crl: bytes | None
) -> Callable[[], ssl.SSLContext]:
    """A function that builds the same listener's context each time. `client_anchors` None: nobody is asked."""

    def build() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _apply(policy, context)
        if client_anchors is not None:  # else nobody is asked; the broker proves itself to the client all the same
            context.verify_mode = ssl.CERT_REQUIRED
        context.num_tickets = policy.tickets
        context.options |= ssl.OP_NO_TICKET  # none that carries the session (resumption.py)
        _load_credentials(context, chain, key)
        if client_anchors is not None:
            _trust_devices(context, client_anchors)
        if crl is not None:
            _load_crl(context, crl)
        return context

    return build


def _apply(policy: TLSPolicy, context: ssl.SSLContext) -> None:
    """What both roles share. Purpose (clientAuth, serverAuth) is checked by OpenSSL according to the role."""
    if policy.hybrid_only:
        demand_hybrid(context)
    if policy.classical:
        leave_out_hybrid(context)
    context.minimum_version = policy.minimum_version
    context.maximum_version = policy.maximum_version
    try:
        context.set_ciphers(policy.cipher_string)
    except ssl.SSLError as error:
        raise TrustError(
            f"OpenSSL knows none of the cipher suites {', '.join(policy.suites)}", why=_reason(error)
        ) from error
    context.options |= (
        ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA
    )
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def leave_out_hybrid(context: ssl.SSLContext) -> None:
    """Offer and take curves alone, by the means that this Python has. OpenSSL before 3.5 does nothing else."""
    if ssl.OPENSSL_VERSION_INFO < (3, 5):
        return
    set_groups = getattr(context, "set_groups", None)  # from Python 3.15 on
    if set_groups is not None:
        set_groups("X25519:prime256v1")
    else:
        context.set_ecdh_curve("X25519")  # one, or all


def demand_hybrid(context: ssl.SSLContext) -> None:
    """Let no other key exchange be (policy.HYBRID_GROUPS). Raises MiddlewareError where Python or OpenSSL can't."""
    set_groups = getattr(context, "set_groups", None)  # from Python 3.15 on
    try:
        if set_groups is not None:
            return set_groups(":".join(HYBRID_GROUPS))  # type: ignore[no-any-return]
    except ssl.SSLError:
        pass  # OpenSSL before 3.5
    raise MiddlewareError(
        'profile "post-quantum" cannot be had with the middleware openssl here',
        why=f"{ssl.OPENSSL_VERSION} under this Python has no {HYBRID_GROUPS[0]}, or lets nobody demand it",
        remedy='middleware = "pyopenssl" has it on any Python (pip install "sealmq[pyopenssl]")',
    )


def expect_pair(chain: Path, key: Path) -> None:
    """Raise TrustError when these files cannot be read or do not belong together. For libraries that do not look."""
    _load_credentials(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), chain, key)


def _load_credentials(context: ssl.SSLContext, chain: Path, key: Path) -> None:
    """Certificate chain and private key; TrustError in words when they do not fit."""
    try:
        # An empty passphrase, or OpenSSL would ask at the terminal and a broker would wait there for ever.
        context.load_cert_chain(chain, key, password="")
    except (OSError, ValueError) as error:
        raise unusable_pair(chain, key, _reason(error)) from error


def _trust_devices(context: ssl.SSLContext, anchors: bytes) -> None:
    """Make `anchors`, and nothing above them, the authorities for client certificates."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=anchors.decode("ascii"))
    except (OSError, ValueError) as error:
        raise unusable_anchors(_reason(error)) from error
    held = context.cert_store_stats()
    if held["x509"] != held["x509_ca"]:
        raise no_anchor()


def _load_crl(context: ssl.SSLContext, crl: bytes) -> None:
    """Have OpenSSL look up each device's own certificate in `crl`. It reads lists from PEM files only."""
    lists = split_der(crl)
    pem = b"".join(to_pem("X509 CRL", one) for one in lists)
    try:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(pem)
            file.flush()
            context.load_verify_locations(cafile=file.name)
    except (OSError, ValueError) as error:
        raise unusable_crl(_reason(error)) from error
    if not lists or context.cert_store_stats()["crl"] != len(lists):
        raise unusable_crl("a list is missing or given twice")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def split_der(data: bytes) -> list[bytes]:
    """The DER values that stand one behind the other in `data` (X.690 section 8.1.3: type, length, content)."""
    values = []
    while data:
        length, start = data[1] if len(data) > 1 else 0, 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if not length or start + length > len(data):
            raise unusable_crl("it is not DER, or is cut off")
        values.append(data[: start + length])
        data = data[start + length :]
    return values


def set_message_callback(context: ssl.SSLContext, callback: Callable[[Any, str, int, int, int, bytes], None]) -> bool:
    """Have OpenSSL call back for each record and message of `context`, with what `hear` takes (hearing.py). False where
    this Python has no such callback.

    ssl.py's own setter wraps the callback in one that turns every number into an enum member, at several times the
    cost; the C type's attribute below it takes the function as it is.
    """
    inner = ssl.SSLContext.__mro__[1].__dict__.get("_msg_callback")
    if inner is None or not hasattr(inner, "__set__"):
        return False
    inner.__set__(context, callback)
    return True


def _listen_in(context: ssl.SSLContext) -> bool:
    """Hear the handshakes of `context` (hearing.py). False where this Python has no message callback."""
    if not set_message_callback(context, hear):
        return False
    context.sslobject_class = HeardSSLObject
    return True


def _reason(error: Exception) -> str:
    """What went wrong, without OpenSSL's line numbers."""
    reason = getattr(error, "reason", None)  # not every SSLError has one
    if "PEM lib" in str(reason or error):
        return "a certificate or key is no PEM, or it is damaged"
    if reason:
        return str(reason).replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return _without_place(error.strerror)
    return _without_place(str(error))


def _without_place(text: str) -> str:
    return re.sub(r"^\[[^\]]*\] *| *\(_ssl\.c:\d+\)$", "", text)
