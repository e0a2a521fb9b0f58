"""Certificate requests (PKCS#10, RFC 2986): what a device asks for, so that its private key need never leave it.

Rule 1: only the public key is taken; names are there to be compared. Extensions, attributes and every other wish are
        ignored: a request that asks to be a CA gets an ordinary device certificate.
Rule 2: whatever bytes arrive, the answer is a request or EnrollmentError, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.x509.oid import AttributeOID, NameOID, SignatureAlgorithmOID

from sealmq.errors import EnrollmentError
from sealmq.pki.keys import PublicKey, check_key_policy

REQUEST_LENGTH = 8 * 1024
"""Bytes that a request may have. One with RSA-4096 and every attribute that openssl writes has about 2 KiB."""

_HASHES = ("sha256", "sha384", "sha512")
_ECDSA = (
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose sender has the private key.

    public_key:         what is to be certified.
    common_name:        the name that it gives itself, or None; to be compared, never to be copied.
    uris:               the URIs among its subject alternative names; None: it asks for no such names at all.
    has_other_names:    it gives itself more names than these: in its subject, or of other kinds.
    challenge_password: that of PKCS#9, or None (RFC 7030 section 3.5 binds it to the TLS connection).
    """

    public_key: PublicKey
    common_name: str | None
    uris: tuple[str, ...] | None = None
    has_other_names: bool = False
    challenge_password: bytes | None = None

    @property
    def spki_sha256(self) -> str:
        """SHA-256 of the public key, lower-case hex."""
        return self.public_key.spki_sha256


def read_csr(data: bytes) -> CertificateRequest:
    """Read a request, PEM or DER, and check its own signature and its key.

    Raises EnrollmentError when it is too long, cannot be read, is not signed by its own key, or has a key that is
    not accepted.
    """
    if len(data) > REQUEST_LENGTH:
        raise EnrollmentError(f"the certificate request has {len(data)} bytes, more than {REQUEST_LENGTH}")
    if b"PRIVATE KEY-----" in data:
        raise EnrollmentError(
            "this file holds a private key, and it should never leave the device",
            remedy="openssl req -new -key device.key -subj / -out device.csr",
        )
    try:
        csr = _load(data)
        subject = list(csr.subject)  # each of these is read anew whenever it is asked for
        hash_algorithm = csr.signature_hash_algorithm
        key = csr.public_key()
        names = [str(attribute.value) for attribute in subject if attribute.oid == NameOID.COMMON_NAME]
        wishes = _wishes(csr, has_others=len(names) != len(subject))
    except Exception as error:  # the parser's reasons are many, and every one means the same here
        raise EnrollmentError(
            "the certificate request cannot be read",
            why="it is not PKCS#10 in PEM or DER form",
            remedy="openssl req -new -key device.key -subj / -out device.csr",
        ) from error
    check_key_policy(key)
    hash_name = hash_algorithm.name if hash_algorithm else "none"
    if hash_name not in _HASHES:
        raise EnrollmentError(f"the certificate request is signed with {hash_name}", why="SHA-256 or better is needed")
    _check_signature(csr, key, hash_algorithm)
    if len(names) > 1:
        raise EnrollmentError("the certificate request has more than one common name")
    return CertificateRequest(PublicKey.of(key), names[0] if names else None, *wishes)


def _wishes(
    csr: x509.CertificateSigningRequest, *, has_others: bool
) -> tuple[tuple[str, ...] | None, bool, bytes | None]:
    """What `CertificateRequest` has behind the common name. has_others: its subject has more names than that."""
    uris: tuple[str, ...] | None = None
    for wished in csr.extensions:
        if isinstance(wished.value, x509.SubjectAlternativeName):
            uris = tuple(wished.value.get_values_for_type(x509.UniformResourceIdentifier))
            has_others = has_others or len(uris) != len(wished.value)
    passwords = [each.value for each in csr.attributes if each.oid == AttributeOID.CHALLENGE_PASSWORD]
    return uris, has_others, passwords[0] if passwords else None


def _is_ecdsa(csr: x509.CertificateSigningRequest) -> bool:
    return csr.signature_algorithm_oid in _ECDSA


def _load(data: bytes) -> x509.CertificateSigningRequest:
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_csr(data)
    return x509.load_der_x509_csr(data)


def _check_signature(csr: x509.CertificateSigningRequest, key: object, hash_algorithm: HashAlgorithm | None) -> None:
    # Proof of possession: without it somebody could have another device's public key certified under his own name.
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and hash_algorithm is not None and _is_ecdsa(csr):
            # What the library does itself, but it reads the key once more: 7 us of 87.
            key.verify(csr.signature, csr.tbs_certrequest_bytes, ec.ECDSA(hash_algorithm))
            return
        valid = csr.is_signature_valid
    except InvalidSignature:
        valid = False
    except Exception as error:
        raise EnrollmentError("the certificate request's signature cannot be checked") from error
    if not valid:
        raise EnrollmentError(
            "the certificate request is not signed by its own key", why="it was changed, or the key is somebody else's"
        )
