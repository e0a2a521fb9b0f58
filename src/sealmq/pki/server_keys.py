"""Keys that are made here for a device that cannot make its own (RFC 7030 section 4.4).

Such a key is in memory until it has been sent, and nowhere else: no file, no registry, no log.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sealmq.errors import EnrollmentError
from sealmq.pki.keys import PrivateKey
from sealmq.pki.requests import read_csr


def make_key_for(csr: bytes) -> tuple[bytes, bytes]:
    """A new key in place of the one that a request (PKCS#10) asks to be certified, and the request with that key.

    Returns PKCS#8 and PKCS#10, both DER. Of the request the common name is kept; the rest would count for nothing.
    Raises EnrollmentError when the request cannot be read or is not signed by its own key.
    """
    asked = read_csr(csr)
    key = PrivateKey.generate()
    names = [] if asked.common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, asked.common_name)]
    try:
        subject = x509.Name(names)
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key.loaded(), SHA256())
    except ValueError as error:
        raise EnrollmentError("the name in the certificate request cannot be used", why=str(error)) from error
    pkcs8 = key.loaded().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return pkcs8, request.public_bytes(Encoding.DER)
