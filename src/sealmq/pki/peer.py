"""Reading the certificate that a peer showed: what the registry wants to know of it, and one phrase for the log.

Whatever bytes arrive, `identify_certificate` answers or raises TrustError, and `describe_certificate` answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealmq.errors import TrustError
from sealmq.pki.keys import PublicKey
from sealmq.pki.profiles import ServerNames

_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}
_SHOWN = 64  # characters of a peer's name that a log line takes


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a certificate says. It says so; whether it is true is for TLS and the registry to find out.

    common_name:         the subject's common name, "" when it has none. As the certificate has it: not safe to print.
    serial:              lower-case hex, two digits for each octet.
    issuer:              the issuer's common name, "" when it has none. Not safe to print either.
    authority_key_id:    the key that signed it, lower-case hex, "" when it does not say.
    not_before:          Unix seconds, included.
    not_after:           Unix seconds, included.
    fingerprint:         SHA-256 of the whole certificate, lower-case hex.
    spki_sha256:         SHA-256 of its public key, lower-case hex.
    extended_key_usages: "serverAuth", "clientAuth", or OIDs; empty when it may do everything.
    """

    common_name: str
    serial: str
    issuer: str
    authority_key_id: str
    not_before: float
    not_after: float
    fingerprint: str
    spki_sha256: str
    extended_key_usages: tuple[str, ...]

    @property
    def is_server_only(self) -> bool:
        """Whether it may prove a server and no client."""
        return bool(self.extended_key_usages) and "clientAuth" not in self.extended_key_usages


def identify_certificate(der: bytes) -> PeerCertificate:
    """Read a certificate from its DER bytes. Raises TrustError when they are none."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return PeerCertificate(
            common_name=_common_name(certificate.subject),
            serial=serial_text(certificate.serial_number),
            issuer=_common_name(certificate.issuer),
            authority_key_id=_authority_key_id(certificate),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            spki_sha256=PublicKey.of(certificate.public_key()).spki_sha256,
            extended_key_usages=_extended_key_usages(certificate),
        )
    except Exception as error:  # the parser's reasons are many, and every one means the same here
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error


def subject_key_id(der: bytes) -> str:
    """The key identifier (lower-case hex) by which an authority's certificates name it [RFC 5280 section 4.2.1.2].

    Raises TrustError when the bytes are no certificate, or one without it.
    """
    try:
        value = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise TrustError("a certificate without a key identifier is no authority of ours") from error
    return value.value.digest.hex()


def public_key_of(der: bytes) -> PublicKey:
    """The public key that a certificate certifies. Raises TrustError when the bytes are no certificate."""
    try:
        return PublicKey.of(x509.load_der_x509_certificate(der).public_key())
    except ValueError as error:
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error


def describe_certificate(der: bytes, now: float | None = None) -> str:
    """One phrase for a log line: "sensor-1, serial 0a1b..., issued by 'X Device CA 1', expired 2026-11-01".

    Without `now` (Unix seconds) it says until when the certificate is valid, and not whether it has expired. Never
    raises, and lets no control character of a peer's name into the log.
    """
    try:
        certificate = identify_certificate(der)
    except TrustError:
        return "a certificate that cannot be read"
    words = [
        printable(certificate.common_name) or "a certificate without a name",
        f"serial {certificate.serial}",
        f"issued by '{printable(certificate.issuer) or '?'}'",
    ]
    if now is not None and now > certificate.not_after:
        words.append(f"expired {day(certificate.not_after)}")
    elif now is not None and now < certificate.not_before:
        words.append(f"not valid before {day(certificate.not_before)}")
    else:
        words.append(f"valid until {day(certificate.not_after)}")
    return ", ".join(words)


def server_names(der: bytes) -> ServerNames:
    """The names and addresses in a server certificate's SAN. Raises TrustError when there are none to be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = san.get_values_for_type(x509.DNSName)
        addresses = tuple(str(address) for address in san.get_values_for_type(x509.IPAddress))
    except Exception as error:
        raise TrustError("the certificate has no names that can be read") from error
    # An address among the names is Mbed TLS's compatibility, see ServerNames.
    dns = tuple(name for name in names if name not in addresses)
    return ServerNames(dns, addresses, addresses_as_dns_names=len(dns) < len(names))


def serial_text(serial: int) -> str:
    """A serial number as the registry writes it: lower-case hex, two digits for each octet."""
    text = format(serial, "x")
    return text if len(text) % 2 == 0 else "0" + text


def printable(text: str) -> str:
    """`text` without anything that could move a terminal's cursor or forge a log line, and not too long."""
    safe = "".join(character if character.isprintable() else "?" for character in text[:_SHOWN])
    return safe + "..." if len(text) > _SHOWN else safe


def day(when: float) -> str:
    """A moment (Unix seconds) as a date, UTC. Certificates may lie beyond what a date can say; then it says so."""
    try:
        return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "an impossible date"


def _common_name(name: x509.Name) -> str:
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) > 1:
        raise ValueError("more than one common name")  # it could be read as one person here, as another there
    return str(names[0].value) if names else ""


def _authority_key_id(certificate: x509.Certificate) -> str:
    try:
        value = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return ""
    return value.key_identifier.hex() if value.key_identifier else ""


def _extended_key_usages(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        value = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_PURPOSES.get(oid, oid.dotted_string) for oid in value)
