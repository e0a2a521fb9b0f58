"""The certificate authority: making CAs, and issuing for brokers and devices. Pure: no file, no clock.

    root = create_root("Example", "NL", serial=new_serial(), now=now)
    devices = create_issuing(root, "Device", serial=new_serial(), now=now)
    key = PrivateKey.generate()
    certificate = issue_device(devices, "sensor-1", uuid, key.public, serial=new_serial(), now=now)

Serial numbers come from the caller, who records them before anything is signed: a crash can then leave a serial
without a certificate, but never a certificate without a record.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealmq.errors import TrustError
from sealmq.pem import to_pem
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import (
    BACKDATE,
    CLAIM,
    COMMON_NAME_LENGTH,
    DEVICE,
    ISSUING,
    ROOT,
    SERVER,
    Profile,
    ServerNames,
    Validity,
    validity,
)

REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
"""Why a certificate is revoked for good, in the words of RFC 5280 section 5.3.1."""

HOLD = "certificateHold"
"""The reason of a revocation that may be lifted again (RFC 5280 section 5.3.1)."""

ORGANIZATION_LENGTH = 51
"""Octets (UTF-8) that an organization may have: " Root CA 2026" still has to fit behind it."""

_SIGNATURE = ECDSA(SHA256())
_PURPOSES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that we made.

    der:         its bytes.
    serial:      lower-case hex.
    fingerprint: SHA-256, lower-case hex.
    validity:    when it holds.
    """

    der: bytes
    serial: str
    fingerprint: str
    validity: Validity

    @property
    def pem(self) -> bytes:
        """Its bytes as PEM (RFC 7468)."""
        return to_pem("CERTIFICATE", self.der)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of a CRL: which serial (hex), since when (Unix seconds), why (one of REASONS, or HOLD)."""

    serial: str
    revoked_at: float
    reason: str


class Authority:
    """A CA: its certificate, and its key.

    certificate: its own certificate.
    common_name: its name.
    key_id:      its subject key identifier, lower-case hex: what its certificates name as their authority.
    """

    __slots__ = ("_extensions", "_key", "_x509", "certificate", "common_name", "key_id")

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        self._x509 = certificate
        self._key = key
        self._extensions: dict[str, list[x509.Extension[x509.ExtensionType]]] = {}  # by profile
        self.certificate = _finished(certificate)
        self.common_name = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        value = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        self.key_id = value.digest.hex()

    @classmethod
    def load(cls, certificate_pem: bytes, key_pem: bytes) -> Authority:
        """Read a CA from its two files. Raises TrustError when one can't be read or they do not belong together."""
        return cls.with_key(certificate_pem, PrivateKey.from_pem(key_pem))

    @classmethod
    def with_key(cls, certificate_pem: bytes, key: PrivateKey) -> Authority:
        """A CA whose key was read elsewhere. Raises TrustError as `load`."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            authority = cls(certificate, key)
        except (ValueError, IndexError, x509.ExtensionNotFound) as error:
            raise TrustError("the certificate authority's certificate cannot be read") from error
        if PublicKey.of(certificate.public_key()) != key.public:
            raise TrustError(f"the key of '{authority.common_name}' does not belong to its certificate")
        return authority

    @property
    def key(self) -> PrivateKey:
        """The CA's private key: a secret, for this room alone."""
        return self._key

    def key_pem(self) -> bytes:
        """The CA's private key as PEM: a secret, for `vault.write_private` alone. TrustError when it is in a token."""
        return self._key.pem()

    def __repr__(self) -> str:
        return f"Authority({self.common_name!r}, key id {self.key_id})"


def new_serial() -> str:
    """A new serial number: 16 random octets, hex; the first bit is 0 and the first octet is not (RFC 5280 4.1.2.2)."""
    first = 1 + secrets.randbelow(0x7F)
    return bytes([first]).hex() + secrets.token_hex(15)


def create_root(
    organization: str,
    country: str,
    *,
    serial: str,
    now: float,
    key: PrivateKey | None = None,
    taken: Collection[str] = (),
) -> Authority:
    """Make a root CA. `country` has two letters (ISO 3166-1), `now` is in Unix seconds; key: a new one when None.

    taken: common names that other roots have: two keys of one name would have every verifier guess.

    Raises TrustError when the organization or the country cannot stand in a certificate.
    """
    printable = organization.isprintable() and bool(organization.strip())
    if not printable or len(organization.encode()) > ORGANIZATION_LENGTH:
        raise TrustError(f"an organization has 1 to {ORGANIZATION_LENGTH} printable characters")
    if not re.fullmatch("[A-Z]{2}", country):
        raise TrustError(f"{country!r} is not a country", remedy="use the two capital letters of ISO 3166, like NL")
    key = key or PrivateKey.generate()
    when = validity(ROOT, now)
    year = datetime.fromtimestamp(now, UTC).year
    names = (f"{organization} Root CA {year}", *(f"{organization} Root {year}-{n}" for n in range(2, 10)))
    name = next((each for each in names if each not in taken), None)
    if name is None:
        raise TrustError(f"there were {len(names)} roots in {year} already", remedy="wait until next year")
    subject = _authority_name(organization, country, name)
    builder = _builder(ROOT, subject, subject, key.public, serial, when)
    return Authority(builder.sign(key.loaded(), SHA256()), key)


def create_issuing(
    root: Authority, kind: str, *, serial: str, now: float, number: int = 1, key: PrivateKey | None = None
) -> Authority:
    """Make an issuing CA under the root: "<Organization> <kind> CA <number>". key: a new one when None.

    `now` in Unix seconds.

    Raises TrustError when the root does not hold at `now`.
    """
    key = key or PrivateKey.generate()
    subject = root._x509.subject
    organization = str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    country = str(subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value)
    name = _authority_name(organization, country, f"{organization} {kind} CA {number}")
    when = validity(ISSUING, now, issuer=root.certificate.validity)
    return Authority(_sign(root, _builder(ISSUING, name, subject, key.public, serial, when, root.key_id)), key)


def issue_server(
    authority: Authority, names: ServerNames, public_key: PublicKey, *, serial: str, now: float
) -> Certificate:
    """Issue a broker's certificate for all its names. `now` in Unix seconds. Raises TrustError when the CA is over.

    The IoT profile wants one name in each certificate; a broker has several on purpose (host name, mDNS, addresses).
    """
    general: list[x509.GeneralName] = [x509.DNSName(name) for name in names.dns_names()]
    general += [x509.IPAddress(ipaddress.ip_address(address)) for address in names.addresses]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server_common_name(names))])
    when = validity(SERVER, now, issuer=authority.certificate.validity)
    builder = _builder(SERVER, subject, authority._x509.subject, public_key, serial, when, authority.key_id)
    return _finished(_sign(authority, builder.add_extension(x509.SubjectAlternativeName(general), critical=False)))


def issue_device(
    authority: Authority,
    name: str,
    uuid: UUID,
    public_key: PublicKey,
    *,
    serial: str,
    now: float,
    days: int | None = None,
) -> Certificate:
    """Issue a device's certificate: its name as the common name, and urn:uuid: as the one SAN (RFC 9562 section 4).

    days: its life, DEVICE.days when None; cut where the CA ends. `now` in Unix seconds.
    Raises TrustError when the CA does not hold at `now`.
    """
    return _issue_client(DEVICE, authority, name, uuid, public_key, serial, now, days)


def issue_claim(
    authority: Authority,
    name: str,
    uuid: UUID,
    public_key: PublicKey,
    *,
    serial: str,
    now: float,
    days: int | None = None,
) -> Certificate:
    """Issue a claim: what a device has before it has a certificate of its own, from the Claim CA.

    It looks like a device's certificate; that it may enrol and nothing else hangs on its issuer and on the registry.
    days: its life, CLAIM.days when None; cut where the CA ends. `now` in Unix seconds.
    Raises TrustError when the CA does not hold at `now`.
    """
    return _issue_client(CLAIM, authority, name, uuid, public_key, serial, now, days)


def sign_crl(
    authority: Authority,
    revocations: Iterable[Revocation],
    *,
    number: int,
    now: float,
    next_update: float,
    begins: float | None = None,
) -> bytes:
    """Sign a list of what is revoked (RFC 5280 section 5), DER. Times in Unix seconds; `number` must grow.

    begins: from when on it counts, where that is not now: a list that is signed ahead.
    """
    # Backdated like a certificate: a list "from the future" would stop every handshake on a machine whose clock
    # was set back by a minute.
    issued = max(int(now) - BACKDATE, authority.certificate.validity.not_before) if begins is None else int(begins)
    builder = (
        # Given as one list: `add_revoked_certificate` copies all that it has for each (40,000: 2.2 s, so 0.4 s).
        x509.CertificateRevocationListBuilder(revoked_certificates=[_revoked(each) for each in revocations])
        .issuer_name(authority._x509.subject)
        .last_update(datetime.fromtimestamp(issued, UTC))
        .next_update(datetime.fromtimestamp(int(next_update), UTC))
        .add_extension(_authority_key_id(authority.key_id), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    return builder.sign(authority._key.loaded(), SHA256()).public_bytes(Encoding.DER)


def _revoked(revocation: Revocation) -> x509.RevokedCertificate:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(revocation.serial, 16))
        .revocation_date(datetime.fromtimestamp(int(revocation.revoked_at), UTC))
    )
    # RFC 5280 section 5.3.1: "unspecified" should be said by saying nothing.
    if revocation.reason != "unspecified":
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(revocation.reason)), critical=False)
    return entry.build()


def revokes_nothing(crl: bytes) -> bool:
    """Is this list (DER) empty?"""
    return len(x509.load_der_x509_crl(crl)) == 0


def certificates_of(pem: bytes) -> list[bytes]:
    """The certificates in a PEM file, in order, as DER. Raises TrustError when it has none or one is damaged."""
    try:
        return [certificate.public_bytes(Encoding.DER) for certificate in x509.load_pem_x509_certificates(pem)]
    except ValueError as error:
        raise TrustError("the file holds no certificate that can be read") from error


def server_common_name(names: ServerNames) -> str:
    """What a broker's certificate shows as its name: the first that fits. Nobody compares it (RFC 9525 section 2)."""
    fitting = (name for name in (*names.dns, *names.addresses) if len(name) <= COMMON_NAME_LENGTH)
    return next(fitting, "SealMQ broker")


def _issue_client(
    profile: Profile,
    authority: Authority,
    name: str,
    uuid: UUID,
    public_key: PublicKey,
    serial: str,
    now: float,
    days: int | None,
) -> Certificate:
    when = validity(profile, now, issuer=authority.certificate.validity, days=days)
    builder = _client_builder(profile, authority, name, uuid, public_key, serial, when)
    # Not `_finished`: what it would read out of the certificate is known here.
    der = _sign(authority, builder).public_bytes(Encoding.DER)
    return Certificate(der, serial, sha256(der).hexdigest(), when)


def _client_builder(
    profile: Profile, authority: Authority, name: str, uuid: UUID, public_key: PublicKey, serial: str, when: Validity
) -> x509.CertificateBuilder:
    """A device's certificate or a claim, to be signed. Given at once: each method of the builder copies what it has."""
    common = authority._extensions.get(profile.name)
    if common is None:
        common = authority._extensions[profile.name] = _extensions(profile, authority.key_id)
    san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:uuid:{uuid}")])
    return x509.CertificateBuilder(
        issuer_name=authority._x509.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=public_key.loaded(),
        serial_number=int(serial, 16),
        not_valid_before=_naive(when.not_before),
        not_valid_after=_naive(when.not_after),
        extensions=[*common, x509.Extension(san.oid, False, san)],
    )


def _naive(moment: int) -> datetime:
    """As the builder keeps times that it was given by its methods: UTC, and not saying so."""
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)


def _authority_name(organization: str, country: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    profile: Profile,
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    serial: str,
    when: Validity,
    issuer_key_id: str = "",
) -> x509.CertificateBuilder:
    """What every certificate has, from its profile."""
    key = public_key.loaded()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int(serial, 16))
        .not_valid_before(datetime.fromtimestamp(when.not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(when.not_after, UTC))
    )
    for extension in _extensions(profile, issuer_key_id):
        builder = builder.add_extension(extension.value, critical=extension.critical)
    if profile.subject_key_id:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder


def _extensions(profile: Profile, issuer_key_id: str) -> list[x509.Extension[x509.ExtensionType]]:
    """What all certificates of one profile from one CA have: a security property is set here and nowhere else."""
    constraints = x509.BasicConstraints(ca=profile.is_authority, path_length=profile.path_length)
    made: list[tuple[x509.ExtensionType, bool]] = [(constraints, True), (_key_usage(profile), True)]
    if profile.extended_key_usage:
        made.append((x509.ExtendedKeyUsage([_PURPOSES[profile.extended_key_usage]]), False))
    if profile.authority_key_id:
        made.append((_authority_key_id(issuer_key_id), False))
    return [x509.Extension(value.oid, critical, value) for value, critical in made]


def _key_usage(profile: Profile) -> x509.KeyUsage:
    usage = profile.key_usage
    return x509.KeyUsage(
        digital_signature="digital_signature" in usage,
        key_cert_sign="key_cert_sign" in usage,
        crl_sign="crl_sign" in usage,
        content_commitment=False,  # nobody signs contracts with a sensor
        key_encipherment=False,  # RSA key exchange, which has no forward secrecy
        data_encipherment=False,
        key_agreement=False,  # static ECDH
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_id(key_id: str) -> x509.AuthorityKeyIdentifier:
    # The key alone: issuer name and serial would bind the leaf to one certificate of a CA that may be renewed.
    return x509.AuthorityKeyIdentifier(bytes.fromhex(key_id), None, None)


def _sign(authority: Authority, builder: x509.CertificateBuilder) -> x509.Certificate:
    return builder.sign(authority._key.loaded(), SHA256())


def _finished(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(Encoding.DER)
    read = identify_certificate(der)
    return Certificate(
        der=der,
        serial=read.serial,
        fingerprint=read.fingerprint,
        validity=Validity(int(read.not_before), int(read.not_after)),
    )
