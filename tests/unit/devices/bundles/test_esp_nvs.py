"""The image octet by octet, and that no damage to what was written is overlooked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers

import bundle_credentials
from sealmq.devices.bundles.esp_nvs import IMAGE, PARTITION_BYTES, TARGET, Values, read_image, write_image
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError

SOME: Values = {"text": "twenty-five characters...", "port": 8883}


def test_a_page_begins_with_its_state_and_the_bitmap_of_what_is_written() -> None:
    image = write_image(SOME)
    assert image[:9] == bytes.fromhex("feffffff 00000000 fe")  # active, page 0, version 2
    # The namespace, the string with its 26 octets in one more entry, the number: four times 0b10.
    assert image[32:34] == bytes([0b10101010, 0xFF])
    assert image[64:68] == bytes([0, 0x01, 1, 0xFF])
    assert image[96:100] == bytes([1, 0x21, 2, 0xFF])
    assert image[104:109] == b"text\0"
    assert image[128:154] == b"twenty-five characters...\0"
    assert image[160:164] == bytes([1, 0x02, 1, 0xFF])
    assert len(image) == PARTITION_BYTES
    assert set(image[192:]) == {0xFF}


def test_what_is_written_is_read_back() -> None:
    for length in (0, 1, 30, 31, 32, 33, 3000):
        values: Values = {"a": "x" * length, "fifteen-letters": "y", "n": 65_535}
        assert read_image(write_image(values)) == values


def test_every_flipped_bit_of_what_is_written_is_noticed() -> None:
    image = write_image({"t": "thirty-one octets and a NUL....", "n": 1})
    for bit in range(192 * 8):
        damaged = bytearray(image)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleError):
            read_image(bytes(damaged))


@given(binary(max_size=200), integers(0, 200))
def test_noise_is_refused_in_words(noise: bytes, at: int) -> None:
    for image in (noise, noise.ljust(PARTITION_BYTES, b"\xff")):
        with pytest.raises(BundleError):
            read_image(image)
    image = bytearray(write_image(SOME))
    image[at : at + len(noise)] = noise
    try:
        assert read_image(bytes(image)) == SOME
    except BundleError:
        pass


def test_something_behind_the_last_entry_is_noticed() -> None:
    image = bytearray(write_image(SOME))
    image[-1] = 0
    with pytest.raises(BundleError, match="behind its last entry"):
        read_image(bytes(image))


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(BundleError, match="too long for NVS"):
        write_image({"t": "x" * 4000})
    with pytest.raises(BundleError, match="more than a page"):
        write_image({"a": "x" * 2000, "b": "x" * 2000})


def test_an_image_of_another_device_is_refused() -> None:
    ours, other = bundle_credentials.credentials(), bundle_credentials.another()
    image = next(file for file in TARGET.files(other) if file.name == IMAGE)
    files = [image if file.name == IMAGE else file for file in TARGET.files(ours)]
    with pytest.raises(BundleError, match="does not hold these credentials"):
        TARGET.check(files, ours)


def test_two_roots_fit() -> None:
    device = bundle_credentials.with_two_roots()
    values = read_image(content_of(TARGET.files(device), IMAGE))
    assert values["ca_cert"] == device.root_pem.decode()
    assert (values["host"], values["port"], values["client_id"]) == ("broker.example", 8883, "sensor-1")


def test_without_a_key_there_is_no_image() -> None:
    assert IMAGE not in [file.name for file in TARGET.files(bundle_credentials.without_key())]
