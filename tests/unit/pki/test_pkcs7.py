from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from running import program
from sealmq.errors import TrustError
from sealmq.pki.pkcs7 import certs_only


def test_it_holds_the_certificates_and_nothing_else(ca):
    given = {ca.root.certificate.der, ca.device_ca.certificate.der, ca.device.der}
    found = pkcs7.load_der_pkcs7_certificates(certs_only(given))
    assert {each.public_bytes(Encoding.DER) for each in found} == given
    ours = sorted(given)
    assert certs_only(ours) == certs_only(reversed(ours)), "it is a set: their order is lost"


def test_openssl_reads_it(ca):
    command = [program("openssl", "openssl"), "pkcs7", "-inform", "DER", "-print_certs", "-noout"]
    done = subprocess.run(command, input=certs_only([ca.device.der]), capture_output=True, check=True)
    assert done.stdout.decode().count("subject=") == 1


def test_what_is_no_certificate_is_refused():
    with pytest.raises(TrustError):
        certs_only([b"no certificate"])
    with pytest.raises(TrustError):
        certs_only([])
