"""What a certificate says: in words for whoever reads (Certificate), and in plain values for the rules (Facts).

Rule 1: whatever bytes come, an answer: what is no certificate is shown by its size and hash.
Rule 2: an extension that cannot be read is named, and the others are read all the same.
Rule 3: everything that a stranger wrote is printable and bounded.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import warnings
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from sealmq.kit.handshake.report import Certificate
from sealmq.kit.handshake.single_extensions import single_extensions
from sealmq.pem import blocks

LARGEST = 65536  # bytes of a certificate that is read; the largest post-quantum ones have about 20,000
MOST_EXTENSIONS = 64  # that are read one by one
MOST_NAMES = 50  # that are shown
LONGEST_TEXT = 200  # characters of a name that are shown

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSALS = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
             x509.UnsupportedGeneralNameType)  # fmt: skip

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp224r1": "P-224", "secp192r1": "P-192"}
_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384",
           "sha512": "SHA-512", "sha3-256": "SHA3-256", "sha3-384": "SHA3-384", "sha3-512": "SHA3-512"}  # fmt: skip
_PLAIN_SIGNATURES = {
    "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}  # fmt: skip

EXTENSION_NAMES = {
    "2.5.29.14": "subjectKeyIdentifier", "2.5.29.15": "keyUsage", "2.5.29.17": "subjectAltName",
    "2.5.29.18": "issuerAltName", "2.5.29.19": "basicConstraints", "2.5.29.30": "nameConstraints",
    "2.5.29.31": "cRLDistributionPoints", "2.5.29.32": "certificatePolicies", "2.5.29.33": "policyMappings",
    "2.5.29.35": "authorityKeyIdentifier", "2.5.29.36": "policyConstraints", "2.5.29.37": "extKeyUsage",
    "2.5.29.54": "inhibitAnyPolicy", "1.3.6.1.5.5.7.1.1": "authorityInfoAccess",
    "1.3.6.1.5.5.7.1.24": "TLS feature", "1.3.6.1.4.1.11129.2.4.2": "certificate transparency",
    "2.16.840.1.113730.1.1": "nsCertType",
}  # fmt: skip
"""RFC 5280 section 4.2, and a few others that are met."""

_UNDERSTOOD = {"2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.35",
               "2.5.29.36", "2.5.29.37", "2.5.29.54", "2.16.840.1.113730.1.1"}  # fmt: skip
"""What TLS libraries take when it is critical. subjectKeyIdentifier must not be (RFC 5280 section 4.2.1.2)."""

_USAGES = {
    "digital_signature": "digitalSignature", "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment", "data_encipherment": "dataEncipherment", "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign", "crl_sign": "cRLSign",
}  # fmt: skip

SERVER_AUTH, CLIENT_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
_PURPOSES = {
    SERVER_AUTH: "serverAuth", CLIENT_AUTH: "clientAuth", ANY_USAGE: "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.3": "codeSigning", "1.3.6.1.5.5.7.3.4": "emailProtection", "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
}  # fmt: skip


_LABELS = ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")

_Value = TypeVar("_Value", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Constraints:
    """nameConstraints (RFC 5280 section 4.2.1.10): the subtrees of names and addresses. other: it has more kinds."""

    permitted_dns: tuple[str, ...] = ()
    excluded_dns: tuple[str, ...] = ()
    permitted_networks: tuple[Network, ...] = ()
    excluded_networks: tuple[Network, ...] = ()
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules ask of a certificate.

    trouble:    why it cannot be read, "" where it can.
    subject, issuer: names as they are compared (RFC 5280 section 7.1: case and runs of spaces do not count).
    not_before, not_after: Unix seconds.
    usages, purposes, basic: None where the certificate has no such extension. basic: (is it a CA, path length).
    marked:     identifiers of the critical extensions. unknown: those of them that nobody knows.
    broken:     names of extensions that cannot be read.
    listed:     where its revocation can be asked for, it says.
    """

    shown: Certificate
    der: bytes
    trouble: str = ""
    subject: str = ""
    issuer: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    version: int = 3
    serial: int = 1
    has_names: bool = False
    dns: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    common_names: tuple[str, ...] = ()
    key_kind: str = ""
    key_bits: int = 0
    hash: str = ""
    usages: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    basic: tuple[bool, int | None] | None = None
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    extensions: int = 0
    marked: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    constraints: Constraints | None = None
    listed: tuple[str, ...] = ()

    @property
    def is_ca(self) -> bool:
        """basicConstraints says CA:TRUE."""
        return self.basic is not None and self.basic[0]

    @property
    def self_issued(self) -> bool:
        """It names itself as its issuer; that alone proves nothing."""
        return self.subject == self.issuer

    @property
    def title(self) -> str:
        """How sentences call it: its CN in quotes, else its whole name."""
        own = self.common_names[0] if self.common_names else self.shown.subject or f"serial {self.shown.serial}"
        return f"'{own}'"

    @property
    def issuer_title(self) -> str:
        """How sentences call who issued it."""
        match = re.search(r"(?:^|,)CN=((?:\\.|[^,+\\])+)", self.shown.issuer)
        return f"'{match[1] if match else self.shown.issuer}'"


def printable(text: str, most: int = LONGEST_TEXT) -> str:
    """Text that may go to a terminal: control and other odd characters escaped, cut off where it is long."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in text[:most]
    )
    return shown[:most] + "..." if len(shown) > most or len(text) > most else shown


def read_certificate(der: bytes, position: int) -> Certificate:
    """What a certificate says, in words. position: its place in the chain, 0 first. Never raises."""
    return read_facts(der, position).shown


def name_of(der_name: bytes) -> str:
    """A Name (DER), as CertificateRequest has those of authorities, as RFC 4514 text; hex where it is none."""
    try:
        return printable(x509.Name.from_bytes(der_name).rfc4514_string())
    except _REFUSALS:
        return "not a name: " + printable(der_name[:32].hex())


def read_facts(der: bytes, position: int) -> Facts:
    """What a certificate says, for the rules. Never raises."""
    plain = Certificate(position=position, size=len(der), sha256=hashlib.sha256(der).hexdigest(), readable=False)
    if len(der) > LARGEST:
        return Facts(shown=plain, der=b"", trouble=f"it has {len(der)} bytes, and more than {LARGEST} are not read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd serial numbers and keys: the rules say so themselves
            return _facts(x509.load_der_x509_certificate(der), der, plain)
    except _REFUSALS as error:
        return Facts(shown=plain, der=der, trouble=printable(str(error)) or type(error).__name__)


def load(der: bytes) -> x509.Certificate:
    """The library's own view of a certificate. Raises what the library raises, and warns of nothing on stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der)


def read_authorities(pem: bytes) -> tuple[Facts, ...]:
    """The certificates of a PEM file, those that can be read; position -1."""
    found = []
    for label, text in blocks(pem):
        if label not in _LABELS:
            continue
        try:
            facts = read_facts(a2b_base64(text), -1)
        except Base64Error:
            continue
        if not facts.trouble:
            found.append(facts)
    return tuple(found)


def _facts(certificate: x509.Certificate, der: bytes, plain: Certificate) -> Facts:
    extensions, broken, marked = _extensions(certificate, der)
    names = _of(extensions, x509.SubjectAlternativeName)
    dns, addresses, shown_names = _names(names)
    usages = _usages(_of(extensions, x509.KeyUsage))
    purposes = _of(extensions, x509.ExtendedKeyUsage)
    oids = tuple(oid.dotted_string for oid in purposes) if purposes is not None else ()
    basic = _of(extensions, x509.BasicConstraints)
    own, above = _of(extensions, x509.SubjectKeyIdentifier), _of(extensions, x509.AuthorityKeyIdentifier)
    own_id, above_id = own.digest if own else None, above.key_identifier if above else None
    kind, bits, key = _key(certificate)
    hashed, signature = _signature(certificate)
    limits = _of(extensions, x509.NameConstraints)
    shown = Certificate(
        position=plain.position,
        size=plain.size,
        sha256=plain.sha256,
        subject=printable(certificate.subject.rfc4514_string()),
        issuer=printable(certificate.issuer.rfc4514_string()),
        serial=printable(format(certificate.serial_number, "x")),
        names=shown_names,
        not_before=_iso(certificate.not_valid_before_utc),
        not_after=_iso(certificate.not_valid_after_utc),
        key=key,
        signature=signature,
        key_usages=tuple(sorted(usages or ())),
        extended_key_usages=tuple(_PURPOSES.get(oid, printable(oid, 64)) for oid in oids[:MOST_NAMES]),
        is_ca=basic is not None and basic.ca,
        path_length=basic.path_length if basic is not None else None,
        subject_key_id=(own_id or b"").hex()[:128],
        authority_key_id=(above_id or b"").hex()[:128],
    )
    return Facts(
        shown=shown,
        der=der,
        subject=_comparable(certificate.subject),
        issuer=_comparable(certificate.issuer),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        version=certificate.version.value + 1,
        serial=certificate.serial_number,
        has_names=names is not None,
        dns=dns,
        addresses=addresses,
        common_names=_common_names(certificate.subject),
        key_kind=kind,
        key_bits=bits,
        hash=hashed,
        usages=usages,
        purposes=frozenset(oids) if purposes is not None else None,
        basic=(basic.ca, basic.path_length) if basic is not None else None,
        subject_key_id=own_id,
        authority_key_id=above_id,
        extensions=len(extensions) + len(broken),
        marked=marked,
        unknown=tuple(EXTENSION_NAMES.get(oid, oid) for oid in sorted(marked - _UNDERSTOOD)),
        broken=broken,
        constraints=_constraints(limits) if limits is not None else None,
        listed=_listed(extensions),
    )


def _of(extensions: list[x509.Extension[x509.ExtensionType]], kind: type[_Value]) -> _Value | None:
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)


def _extensions(
    certificate: x509.Certificate, der: bytes
) -> tuple[list[x509.Extension[x509.ExtensionType]], tuple[str, ...], frozenset[str]]:
    """The extensions that can be read, the names of the others, and the identifiers of all that are critical."""
    try:
        found = list(certificate.extensions)
        return found, (), frozenset(each.oid.dotted_string for each in found if each.critical)
    except _REFUSALS:
        pass
    kept: dict[str, x509.Extension[x509.ExtensionType]] = {}
    broken: dict[str, None] = {}
    marked = set()
    for identifier, critical, extension in single_extensions(der, MOST_EXTENSIONS):
        oid = identifier.dotted_string
        if critical:
            marked.add(oid)
        if extension is None:
            broken[EXTENSION_NAMES.get(oid, oid)] = None
            continue
        if oid in kept:  # RFC 5280 section 4.2: not twice. Which of the two counts, nobody can say.
            broken[EXTENSION_NAMES.get(oid, oid)] = None
        kept[oid] = extension
    return list(kept.values()), tuple(broken), frozenset(marked)


def _names(names: x509.SubjectAlternativeName | None) -> tuple[tuple[str, ...], tuple[Address, ...], tuple[str, ...]]:
    """dNSNames, iPAddresses, and all names in words."""
    dns, addresses, shown = [], [], []
    for name in names or ():
        if isinstance(name, x509.DNSName):
            dns.append(name.value)
            shown.append("DNS:" + printable(name.value))
        elif isinstance(name, x509.IPAddress):
            if isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
                addresses.append(name.value)
            shown.append(f"IP:{name.value}")
        elif isinstance(name, x509.UniformResourceIdentifier):
            shown.append("URI:" + printable(name.value))
        elif isinstance(name, x509.RFC822Name):
            shown.append("email:" + printable(name.value))
        elif isinstance(name, x509.DirectoryName):
            shown.append("DirName:" + printable(name.value.rfc4514_string()))
        else:
            shown.append(f"another kind of name ({type(name).__name__})")
    if len(shown) > MOST_NAMES:
        shown[MOST_NAMES:] = [f"and {len(shown) - MOST_NAMES} more"]
    return tuple(dns), tuple(addresses), tuple(shown)


def _usages(usage: x509.KeyUsage | None) -> frozenset[str] | None:
    if usage is None:
        return None
    return frozenset(name for attribute, name in _USAGES.items() if getattr(usage, attribute))


def _key(certificate: x509.Certificate) -> tuple[str, int, str]:
    """Kind, bits, and both in words."""
    try:
        key = certificate.public_key()
    except _REFUSALS as error:
        return "", 0, "a key that cannot be read: " + printable(str(error), 80)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size, f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size, "ECDSA " + _CURVES.get(key.curve.name, key.curve.name)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256, "Ed25519"
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456, "Ed448"
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size, f"DSA {key.key_size}"
    name = type(key).__name__.removesuffix("PublicKey").replace("MLDSA", "ML-DSA-")
    return name, 0, name


def _signature(certificate: x509.Certificate) -> tuple[str, str]:
    """The hash ("" where the scheme has its own), and the algorithm in words."""
    oid = certificate.signature_algorithm_oid.dotted_string
    if oid in _PLAIN_SIGNATURES:
        return "", _PLAIN_SIGNATURES[oid]
    try:
        algorithm = certificate.signature_hash_algorithm
        parameters = certificate.signature_algorithm_parameters
    except _REFUSALS:
        return "unknown", f"an algorithm that is not known ({oid})"
    if algorithm is None:
        return "unknown", f"an algorithm that is not known ({oid})"
    hashed = _HASHES.get(algorithm.name, algorithm.name)
    kind = "ECDSA" if isinstance(parameters, ec.ECDSA) else "RSA" if parameters is not None else "DSA"
    return hashed, f"{'RSA-PSS' if isinstance(parameters, padding.PSS) else kind} with {hashed}"


def _constraints(limits: x509.NameConstraints) -> Constraints:
    dns: list[tuple[str, ...]] = []
    networks: list[tuple[Network, ...]] = []
    kinds: set[type] = set()
    for subtrees in (limits.permitted_subtrees or [], limits.excluded_subtrees or []):
        kinds |= {type(each) for each in subtrees}
        dns.append(tuple(each.value for each in subtrees if isinstance(each, x509.DNSName)))
        networks.append(
            tuple(
                each.value
                for each in subtrees
                if isinstance(each, x509.IPAddress)
                and isinstance(each.value, ipaddress.IPv4Network | ipaddress.IPv6Network)
            )
        )
    other = bool(kinds - {x509.DNSName, x509.IPAddress})
    return Constraints(dns[0], dns[1], networks[0], networks[1], other)


def _listed(extensions: list[x509.Extension[x509.ExtensionType]]) -> tuple[str, ...]:
    """Where one can ask whether it is revoked."""
    lists = _of(extensions, x509.CRLDistributionPoints) is not None
    access = _of(extensions, x509.AuthorityInformationAccess) or ()
    responder = any(each.access_method == AuthorityInformationAccessOID.OCSP for each in access)
    return ("a list of revoked certificates",) * lists + ("an OCSP responder",) * responder


def _common_names(name: x509.Name) -> tuple[str, ...]:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return tuple(printable(str(each.value)) for each in found)


def _comparable(name: x509.Name) -> str:
    """The same for two names that RFC 5280 section 7.1 calls equal, also where their strings have other types."""
    return re.sub(r" +", " ", name.rfc4514_string()).casefold()


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
