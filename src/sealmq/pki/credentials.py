"""A device's side: its request for a new certificate, and whether what came back is what it may use.

Rule 1: the key is made here, and only its public half leaves (`create_request`).
Rule 2: what came back is taken only when it is for our key, of the same name and device, and leads to a root that came
        with it. That the roots may be believed is for the caller to know: they came over a connection that the roots
        of before have verified.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealmq.errors import TrustError
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.peer import printable


def create_request(key: PrivateKey) -> bytes:
    """A request (PKCS#10, PEM) for a certificate with this key. It names nobody: the CA knows who asks."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key.loaded(), SHA256()).public_bytes(Encoding.PEM)


def pem_of(*ders: bytes) -> bytes:
    """Certificates as PEM, one behind the other. Raises TrustError when one cannot be read."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in map(_load, ders))


def request_der(pem: bytes) -> bytes:
    """A request as DER. Raises TrustError."""
    try:
        return x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
    except ValueError as error:
        raise TrustError("the certificate request cannot be read") from error


def certificates_in(envelope: bytes) -> list[bytes]:
    """The certificates (DER) in a certs-only PKCS#7 (RFC 8951 section 3). Raises TrustError when it is none."""
    try:
        return [each.public_bytes(Encoding.DER) for each in pkcs7.load_der_pkcs7_certificates(envelope)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError("the certificates cannot be read", why="they are not in PKCS#7") from error


def chain_of(certificate: bytes, pool: list[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """What stands above a certificate, up to a root and without it, and the roots; out of an unordered pool (DER).

    While a new root comes in there are two ways up (RFC 4210 section 4.4); the shorter one is taken.
    """
    loaded = [_load(each) for each in pool]
    roots = [each for each in loaded if _signed(each, by=each)]
    others = [each for each in loaded if each not in roots]
    chain: list[x509.Certificate] = []
    below = _load(certificate)
    while not any(_signed(below, by=root) for root in roots):
        above = next((each for each in others if each not in chain and _signed(below, by=each)), None)
        if above is None:
            break  # it will not pass for renewed
        chain.append(above)
        below = above
    return tuple(_der(each) for each in chain), tuple(_der(each) for each in roots)


def check_renewed(
    certificate: bytes, chain: tuple[bytes, ...], roots: tuple[bytes, ...], *, key: PublicKey, old: bytes, now: float
) -> None:
    """Raise TrustError unless a new certificate (DER) may take the place of the old one (rule 2).

    chain: what stands above it. roots: what is to be trusted from now on. key: ours. now: Unix seconds.
    """
    new, before = _load(certificate), _load(old)
    if PublicKey.of(new.public_key()) != key:
        raise _wrong("it is for another key")
    if new.subject != before.subject or _names(new) != _names(before):
        raise _wrong(f"it is not that of the same device, but of '{printable(new.subject.rfc4514_string())}'")
    usages = new.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise _wrong("it cannot prove a client")
    anchors = [_load(root) for root in roots]
    for anchor in anchors:
        if not _is_authority(anchor) or not _signed(anchor, by=anchor):
            raise _wrong("what came as a root is none")
    below = new
    for above in map(_load, chain):
        if not _is_authority(above) or not _signed(below, by=above):
            raise _wrong("its chain does not hold together")
        below = above
    if not any(_signed(below, by=anchor) for anchor in anchors):
        raise _wrong("no root that came with it has signed it")
    for each in (new, below):
        if not each.not_valid_before_utc.timestamp() <= now <= each.not_valid_after_utc.timestamp():
            raise _wrong("it does not hold at this time", "check this machine's clock")


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _names(certificate: x509.Certificate) -> list[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name) for name in san)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _signed(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _wrong(why: str, remedy: str = "") -> TrustError:
    return TrustError("the new certificate is not used", why=why, remedy=remedy)
