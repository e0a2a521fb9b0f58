"""Each check can fail."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.c_literals import byte_array, text_array
from sealmq.devices.bundles.pem import PEM
from sealmq.devices.bundles.target import File, Limits
from sealmq.devices.bundles.targets import TARGETS
from sealmq.devices.bundles.verifying import check_bundle, check_credentials, check_takes, holds_key
from sealmq.errors import BundleError, TrustError
from sealmq.pki.containers import pkcs8_der, private_scalar
from sealmq.pki.keys import PrivateKey


def check(*more: File) -> None:
    device = bundle_credentials.credentials()
    check_bundle(PEM(), device, [*PEM().files(device), *more])


def test_good_files_pass() -> None:
    check(File("notes/read.txt", b"hello\n"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../b", "", "a b", "a//b", "é", "a\n"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BundleError, match="cannot be a file of a bundle"):
        check(File(name, b"hello\n"))


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(BundleError, match="one name"):
        check(File("root.pem", b"hello\n"))


@pytest.mark.parametrize(
    ("content", "words"), [(b"a\0\n", "has a NUL"), (b"a\r\nb\n", "has a CR"), (b"a", "does not end")]
)
def test_text_is_text(content: bytes, words: str) -> None:
    for name in ("more.h", "more.pem", "more.md"):
        with pytest.raises(BundleError, match=words):
            check(File(name, content))
    check(File("more.bin", content))


def test_pem_and_der_are_parsed() -> None:
    device = bundle_credentials.credentials()
    check(File("more.pem", device.leaf_pem), File("more.der", device.leaf_der))
    for file in [
        File("more.pem", device.leaf_pem.replace(b"M", b"N", 1)),
        File("more.pem", b"text\n" + device.leaf_pem),
        File("more.der", device.leaf_der[:-1]),
        File("more.der", device.leaf_der + b"\0"),
        File("more.der", device.leaf_der, private=True),
    ]:
        with pytest.raises(BundleError, match="cannot be read back"):
            check(file)


def test_a_certificate_of_another_name_key_or_purpose_is_refused() -> None:
    device = bundle_credentials.credentials()
    check_credentials(device)
    for wrong, words in [
        (replace(device, name="sensor-2"), "not that of 'sensor-2'"),
        (replace(device, key=PrivateKey.generate()), "key does not belong"),
        (replace(device, leaf_pem=device.issuing_pem, name="Example Device CA 1", key=None), "not a device's"),
        (replace(device, issuing_pem=device.root_pem), "does not lead to the root"),
        (replace(device, now=device.now + 400 * 86400), "does not hold now"),
        (replace(device, now=device.now - 2 * 3600), "does not hold now"),
    ]:
        with pytest.raises(TrustError, match=words):
            check_credentials(wrong)


class Small(PEM):
    name = "small"
    limits = Limits(file_bytes=1200)


class Smaller(PEM):
    name = "smaller"
    limits = Limits(total_bytes=2000)


class Whole(PEM):
    name = "whole"
    limits = Limits(needs_key=True)


def test_limits_are_told_in_words() -> None:
    device = bundle_credentials.credentials()
    with pytest.raises(BundleError, match=r"device-chain\.pem is too long for small"):
        check_bundle(Small(), device, PEM().files(device))
    with pytest.raises(BundleError, match="the files are too long for smaller"):
        check_bundle(Smaller(), device, PEM().files(device))
    with pytest.raises(BundleError, match="a whole bundle of 'sensor-1' cannot be made here"):
        check_takes(Whole(), bundle_credentials.without_key())
    with pytest.raises(BundleError, match="zephyr could not connect") as caught:
        check_takes(TARGETS["zephyr"], replace(device, min_tls="1.3"))
    assert "TLS 1.2 at most, and the broker 1.3 at least" in caught.value.why
    check_takes(TARGETS["mbedtls"], replace(device, min_tls="1.3"))
    with pytest.raises(BundleError, match="small takes no RSA-2048 key"):
        check_takes(Small(), bundle_credentials.without_key("RSA-2048"))


def test_the_key_is_found_in_every_dress() -> None:
    key = PrivateKey.generate()
    secret = private_scalar(key)
    indented = "\n  ".join(base64.b64encode(pkcs8_der(key)).decode()[at : at + 20] for at in range(0, 184, 20))
    for content in [
        *(key.pem(), pkcs8_der(key), secret, secret.hex().encode(), base64.b64encode(secret), indented.encode()),
        byte_array("KEY", pkcs8_der(key)).encode(),
        text_array("KEY", key.pem()).encode(),
        ("\\x" + secret.hex("-").replace("-", "\\x")).encode(),
    ]:
        assert holds_key(content, key)
        assert not holds_key(content, PrivateKey.generate())
