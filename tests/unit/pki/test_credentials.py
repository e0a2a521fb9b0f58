"""A device's side: its request, and what it takes for its new certificate."""

from __future__ import annotations

from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sealmq.errors import TrustError
from sealmq.pki.authority import (
    certificates_of,
    create_issuing,
    create_root,
    issue_device,
    issue_server,
    new_serial,
)
from sealmq.pki.credentials import (
    certificates_in,
    chain_of,
    check_renewed,
    create_request,
    pem_of,
    request_der,
)
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames
from sealmq.pki.requests import read_csr

NOW = 1_800_000_000.0
DAY = 86_400.0
UUID = uuid4()
ROOT, OTHER_ROOT = (create_root(name, "NL", serial=new_serial(), now=NOW) for name in ("Example", "Other"))
CA, OTHER_CA = (create_issuing(root, "Device", serial=new_serial(), now=NOW) for root in (ROOT, OTHER_ROOT))
KEY = PrivateKey.generate()


def device(authority=CA, name="sensor-1", uuid=UUID, key=KEY, **how):
    return issue_device(authority, name, uuid, key.public, serial=new_serial(), **({"now": NOW} | how)).der


OLD = device(key=PrivateKey.generate())


def check(certificate, chain=(CA.certificate.der,), roots=(ROOT.certificate.der,), now=NOW):
    check_renewed(certificate, chain, roots, key=KEY.public, old=OLD, now=now)


def test_a_request_has_our_key_and_no_name():
    request = read_csr(create_request(KEY))
    assert (request.public_key, request.common_name, request.uris) == (KEY.public, None, None)
    assert not request.has_other_names
    assert read_csr(request_der(create_request(KEY))).public_key == KEY.public
    with pytest.raises(TrustError):
        request_der(b"no PEM")


def test_the_same_device_with_our_key_below_a_root_that_came_is_taken():
    check(device())
    check(device(), roots=(OTHER_ROOT.certificate.der, ROOT.certificate.der))
    check(device(OTHER_CA), chain=(OTHER_CA.certificate.der,), roots=(OTHER_ROOT.certificate.der, ROOT.certificate.der))


def server():
    names = ServerNames(("sensor-1",))
    authority = create_issuing(ROOT, "Server", serial=new_serial(), now=NOW)
    return issue_server(authority, names, KEY.public, serial=new_serial(), now=NOW).der


@pytest.mark.parametrize(
    ("certificate", "options", "why"),
    [
        (device(key=PrivateKey.generate()), {}, "another key"),
        (device(name="sensor-2"), {}, "not that of the same device"),
        (device(uuid=uuid4()), {}, "not that of the same device"),
        (server(), {}, "not that of the same device"),
        (device(), {"chain": ()}, "no root"),
        (device(), {"roots": ()}, "no root"),
        (device(), {"roots": (OTHER_ROOT.certificate.der,)}, "no root"),
        (device(), {"chain": (OTHER_CA.certificate.der,)}, "chain does not hold"),
        (device(), {"chain": (OLD, CA.certificate.der)}, "chain does not hold"),
        (device(), {"roots": (ROOT.certificate.der, OLD)}, "came as a root is none"),
        (device(), {"roots": (ROOT.certificate.der, CA.certificate.der)}, "came as a root is none"),
        (device(), {"now": NOW + 366 * DAY}, "does not hold at this time"),
        (device(), {"now": NOW - DAY}, "does not hold at this time"),
    ],
)
def test_anything_else_is_not(certificate, options, why):
    with pytest.raises(TrustError) as caught:
        check(certificate, **options)
    assert caught.value.what == "the new certificate is not used"
    assert why in caught.value.why


@pytest.mark.parametrize("place", ["certificate", "chain", "roots"])
def test_what_is_no_certificate_is_told_as_that(place):
    given = {"certificate": device(), "chain": (CA.certificate.der,), "roots": (ROOT.certificate.der,)}
    given[place] = b"\x30\x00" if place == "certificate" else (b"\x30\x00",)
    with pytest.raises(TrustError, match="cannot be read"):
        check(**given)


def envelope(*ders):
    return pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in ders], Encoding.DER)


def test_certificates_come_out_of_an_envelope():
    leaf = device()
    assert certificates_in(envelope(leaf)) == [leaf]
    assert set(certificates_in(envelope(leaf, CA.certificate.der))) == {leaf, CA.certificate.der}
    for bad in (b"", b"\x30\x00", leaf):
        with pytest.raises(TrustError):
            certificates_in(bad)


def test_the_way_up_is_found_in_any_order():
    leaf, pool = device(), [each.certificate.der for each in (OTHER_CA, ROOT, CA, OTHER_ROOT)]
    for one in (pool, pool[::-1]):
        chain, roots = chain_of(leaf, one)
        assert chain == (CA.certificate.der,)
        assert set(roots) == {ROOT.certificate.der, OTHER_ROOT.certificate.der}
    assert chain_of(leaf, [OTHER_ROOT.certificate.der]) == ((), (OTHER_ROOT.certificate.der,))
    assert chain_of(leaf, []) == ((), ())


def test_pem_holds_them_one_behind_the_other():
    ders = [device(), CA.certificate.der]
    assert certificates_of(pem_of(*ders)) == ders
