"""Certificate requests as devices send them, good and otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

KEY = ec.generate_private_key(ec.SECP256R1())


def csr(
    name: str | None = None,
    key: Any = KEY,
    *,
    sans: Iterable[x509.GeneralName] = (),
    extra: Iterable[x509.NameAttribute[str]] = (),
    ca: bool = False,
) -> bytes:
    """A request (DER): the common name, alternative names, more attributes of the subject, and the wish to be a CA."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([*names, *extra]))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(sans)), critical=False)
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
