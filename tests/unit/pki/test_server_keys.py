from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from cryptography.x509.oid import NameOID

from sealmq.errors import EnrollmentError
from sealmq.pki.requests import read_csr
from sealmq.pki.server_keys import make_key_for

KEY = ec.generate_private_key(ec.SECP256R1())


def asked(*names):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


def test_a_new_key_takes_the_place_of_the_one_that_asked():
    pkcs8, csr = make_key_for(asked("pump-1"))
    key, request = load_der_private_key(pkcs8, None), read_csr(csr)
    assert isinstance(key.curve, ec.SECP256R1)
    assert x509.load_der_x509_csr(csr).public_key() == key.public_key() != KEY.public_key()
    assert request.common_name == "pump-1"
    assert list(x509.load_der_x509_csr(csr).extensions) == []
    assert make_key_for(asked("pump-1"))[0] != pkcs8


def test_a_request_without_a_name_stays_without():
    assert read_csr(make_key_for(asked())[1]).common_name is None


@pytest.mark.parametrize("csr", [b"", b"no request", asked("pump-1")[:-2] + b"xx"])
def test_what_cannot_be_read_or_is_not_signed_by_its_key_is_refused(csr):
    with pytest.raises(EnrollmentError):
        make_key_for(csr)
