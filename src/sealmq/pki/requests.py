"""Certificate requests (PKCS#10, RFC 2986): what a device asks for, so that its private key need never leave it.

Rule 1: only the public key is taken; names are there to be compared. Extensions, attributes and every other wish are
        ignored: a request that asks to be a CA gets an ordinary device certificate.
Rule 2: whatever bytes arrive, the answer is a request or EnrollmentError, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import AttributeOID, NameOID

from sealmq.errors import EnrollmentError
from sealmq.pki.keys import PublicKey, check_key_policy

REQUEST_LENGTH = 8 * 1024
"""Bytes that a request may have. One with RSA-4096 and every attribute that openssl writes has about 2 KiB."""

_HASHES = ("sha256", "sha384", "sha512")


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
        names = [str(name.value) for name in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        hash_name = csr.signature_hash_algorithm.name if csr.signature_hash_algorithm else "none"
        key = csr.public_key()
        wishes = _wishes(csr)
    except Exception as error:  # the parser's reasons are many, and every one means the same here
        raise EnrollmentError(
            "the certificate request cannot be read",
            why="it is not PKCS#10 in PEM or DER form",
            remedy="openssl req -new -key device.key -subj / -out device.csr",
        ) from error
    check_key_policy(key)
    if hash_name not in _HASHES:
        raise EnrollmentError(f"the certificate request is signed with {hash_name}", why="SHA-256 or better is needed")
    _check_signature(csr)
    if len(names) > 1:
        raise EnrollmentError("the certificate request has more than one common name")
    return CertificateRequest(PublicKey.of(key), names[0] if names else None, *wishes)


def _wishes(csr: x509.CertificateSigningRequest) -> tuple[tuple[str, ...] | None, bool, bytes | None]:
    """What `CertificateRequest` has behind the common name."""
    others = any(attribute.oid != NameOID.COMMON_NAME for attribute in csr.subject)
    uris: tuple[str, ...] | None = None
    try:
        san = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        pass
    else:
        uris = tuple(san.get_values_for_type(x509.UniformResourceIdentifier))
        others = others or len(uris) != len(san)
    try:
        password = csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
    except x509.AttributeNotFound:
        password = None
    return uris, others, password


def _load(data: bytes) -> x509.CertificateSigningRequest:
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_csr(data)
    return x509.load_der_x509_csr(data)


def _check_signature(csr: x509.CertificateSigningRequest) -> None:
    # Proof of possession: without it somebody could have another device's public key certified under his own name.
    try:
        valid = csr.is_signature_valid
    except Exception as error:
        raise EnrollmentError("the certificate request's signature cannot be checked") from error
    if not valid:
        raise EnrollmentError(
            "the certificate request is not signed by its own key", why="it was changed, or the key is somebody else's"
        )
