"""The TLS contexts of the kit's own connections: who looks at brokers must look at some that nobody
should trust.

Rule 1: with an authority given, the connection is verified as a device's is, and ends where a device's would end.
Rule 2: without one it is looked at and not believed: the report says that nobody was checked, and no password is sent.
Rule 3: a context is made for one connection, and has no session but the one that is given to it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.tls.context import demand_hybrid, leave_out_hybrid
from sealmq.tls.middleware import PSK

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}

CLASSICAL, POST_QUANTUM = "classical", "post-quantum"
"""Which groups are offered: curves alone, or hybrid ones alone (policy.HYBRID_GROUPS)."""

_PROVED = ":!aNULL:!eNULL"
"""With an authority given, no suite without a certificate or without encryption, whatever list was asked for: OpenSSL
calls such a connection verified."""

_NO_PEM = "a certificate or key is no PEM, or it is damaged"
_REASONS = {
    "EE_KEY_TOO_SMALL": "OpenSSL takes no key as small as this certificate's: RSA needs 2048 bits",
    "CA_MD_TOO_WEAK": "OpenSSL takes no certificate that is signed with a hash as weak as this one's",
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we trust and what we show, as PEM files; or a key that the broker has too.

    root: None: nobody is trusted (rule 2). system: the system's authorities are trusted too.
    certificate, key: None to show nothing; the key may stand in the certificate's file.
    crl: lists of revoked certificates, PEM or DER, by which the broker's is judged; TLS itself does not look at them.
    psk: in place of all that; for a middleware that has it.
    """

    root: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    system: bool = False
    crl: Path | None = None
    psk: PSK | None = None

    @property
    def verifies(self) -> bool:
        """Is there anything to verify the broker by?"""
        return self.root is not None or self.system or self.psk is not None


def read_version(text: str) -> str:
    """A TLS version as people write it ("1.3", "tlsv1.2") as a key of VERSIONS. Raises ConfigError."""
    version = text.lower().removeprefix("tls").lstrip(" v")
    if version not in VERSIONS:
        raise ConfigError(f"there is no TLS version {text!r} to choose", remedy=f"one of: {', '.join(VERSIONS)}")
    return version


def look_context(credentials: Credentials, *, version: str = "", ciphers: str = "", groups: str = "") -> ssl.SSLContext:
    """A client's context for one connection.

    version: only this one (a key of VERSIONS); "" is TLS 1.2 and 1.3, as most devices offer them.
    ciphers: suites of TLS 1.2 in OpenSSL's spelling; "" is OpenSSL's default list.
    groups:  CLASSICAL or POST_QUANTUM alone; "" for what OpenSSL offers.
    Raises TrustError when a file cannot be used, ConfigError when there are no such suites or groups.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context, groups)
    context.minimum_version = VERSIONS[version or "1.2"]
    if version:
        context.maximum_version = VERSIONS[version]
    if ciphers or version in ("1.0", "1.1"):
        wanted = ciphers or "DEFAULT:@SECLEVEL=0"  # below it OpenSSL 3 speaks no TLS 1.0 and 1.1
        try:
            context.set_ciphers(wanted + _PROVED if credentials.verifies else wanted)
        except ssl.SSLError as error:
            raise ConfigError(
                f"OpenSSL has no cipher suites {ciphers!r}"
                + (" that prove who the broker is" if credentials.verifies else ""),
                remedy="openssl ciphers  # lists what there is",
            ) from error
    if not credentials.verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _trust(context, credentials)
    if credentials.certificate is not None:
        _show(context, credentials.certificate, credentials.key or credentials.certificate)
    return context


def _restrict(context: ssl.SSLContext, groups: str) -> None:
    if groups == CLASSICAL:
        leave_out_hybrid(context)
    elif groups == POST_QUANTUM:
        try:
            demand_hybrid(context)
        except MiddlewareError as error:
            raise MiddlewareError(
                "a post-quantum connection cannot be asked for with Python's own ssl here",
                why=error.why,
                remedy='--middleware pyopenssl has it on any Python (pip install "sealmq[pyopenssl]")',
            ) from error


def _trust(context: ssl.SSLContext, credentials: Credentials) -> None:
    if credentials.system:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if credentials.root is None:
        return
    try:
        context.load_verify_locations(cafile=credentials.root)
    except (OSError, ValueError) as error:
        raise TrustError(
            f"the authority's certificate {credentials.root} cannot be used",
            why=_reason(error),
            remedy="a PEM file with the certificate of the CA that signed the broker's, such as a home's ca/root.pem",
        ) from error


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # An empty passphrase, or OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise TrustError(
            f"the certificate {certificate} and the key {key} cannot be used together",
            why=_reason(error),
            remedy="both must be PEM, the key without passphrase and of this certificate",
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or "PEM")
        return _NO_PEM if "PEM" in reason else _REASONS.get(reason, reason.replace("_", " ").lower())
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
