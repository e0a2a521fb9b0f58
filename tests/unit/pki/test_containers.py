"""Every form is read back, and whatever is no such form is refused without showing it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import bundle_credentials
from sealmq.errors import TrustError
from sealmq.pki import containers
from sealmq.pki.keys import PrivateKey


@pytest.mark.parametrize(
    "form", [containers.pkcs8_der, containers.sec1_der, containers.sec1_pem, lambda key: key.pem()]
)
def test_a_key_is_read_back_from_each_of_its_forms(form) -> None:
    key = PrivateKey.generate()
    assert containers.read_private_key(form(key)).public == key.public
    assert containers.private_scalar(containers.read_private_key(form(key))) == containers.private_scalar(key)


def test_the_forms_have_the_sizes_that_small_devices_count_on() -> None:
    key = PrivateKey.generate()
    assert (len(containers.sec1_der(key)), len(containers.pkcs8_der(key))) == (121, 138)
    assert containers.sec1_pem(key).startswith(b"-----BEGIN EC PRIVATE KEY-----\n")


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\x30\x00", b"secret"])
def test_what_is_no_key_is_refused_and_not_shown(data: bytes) -> None:
    with pytest.raises(TrustError, match="not an unencrypted private key") as caught:
        containers.read_private_key(data)
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


def test_bytes_behind_a_key_are_refused() -> None:
    with pytest.raises(TrustError):
        containers.read_private_key(containers.sec1_der(PrivateKey.generate()) + b"\0")


def test_a_key_on_another_curve_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TrustError, match="not a P-256 key"):
        containers.read_private_key(der)


def test_a_pkcs12_is_opened_with_its_password_alone() -> None:
    device = bundle_credentials.credentials()
    assert device.key is not None
    data = containers.write_pkcs12("sensor-1", device.key, device.leaf_der, [device.issuing_der], "right")
    store = containers.read_pkcs12(data, "right")
    assert (store.name, store.leaf, store.others) == ("sensor-1", device.leaf_der, (device.issuing_der,))
    assert store.key.public == device.key.public
    assert "2a864886f70d01050d" in data.hex()  # PBES2
    assert "60864801650304012a" in data.hex()  # AES-256-CBC
    assert "608648016503040201" in data.hex()  # SHA-256
    with pytest.raises(TrustError, match="cannot be opened"):
        containers.read_pkcs12(data, "wrong")
    with pytest.raises(TrustError, match="cannot be opened"):
        containers.read_pkcs12(data[:-1], "right")


def test_a_certificate_goes_from_der_to_pem() -> None:
    device = bundle_credentials.credentials()
    assert containers.certificate_pem(device.leaf_der) == device.leaf_pem
    containers.check_certificate(device.leaf_der)
    for damaged in (device.leaf_der + b"\0", device.leaf_der[:-1], b""):
        with pytest.raises(TrustError, match="cannot be read"):
            containers.check_certificate(damaged)
