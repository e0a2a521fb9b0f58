"""The image octet by octet, and that no damage to it is overlooked."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers

import bundle_credentials
from sealmq.bundle import KEY_FILE
from sealmq.devices.bundles.esp_secure_cert import (
    CA_CERTIFICATE,
    IMAGE,
    PRIVATE_KEY,
    TARGET,
    Entry,
    read_image,
    write_image,
)
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError


def test_an_entry_has_the_header_padding_and_crc_that_the_component_reads() -> None:
    image = write_image([Entry(PRIVATE_KEY, b"abc")])
    magic, flags, kind, subtype, length = struct.unpack_from("<IB3xBBH", image)
    assert (magic, flags, kind, subtype, length) == (0xBA5EBA11, 0, 2, 0, 3)
    assert image[12:28] == b"abc" + bytes(13)
    assert struct.unpack_from("<I", image, 28)[0] == zlib.crc32(image[:28], 0xFFFFFFFF)
    assert len(image) == 32 + 12 + 32 + 4  # and the integrity entry behind it


def test_what_is_written_is_read_back() -> None:
    for length in (0, 1, 15, 16, 17, 700):
        entries = [Entry(CA_CERTIFICATE, bytes(length)), Entry(PRIVATE_KEY, b"x" * length)]
        assert read_image(write_image(entries)) == entries


def test_every_flipped_bit_of_an_image_is_noticed() -> None:
    image = write_image([Entry(CA_CERTIFICATE, b"root\0"), Entry(PRIVATE_KEY, b"key\0")])
    for bit in range(len(image) * 8):
        damaged = bytearray(image)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleError):
            read_image(bytes(damaged))


@given(binary(max_size=200), integers(0, 100))
def test_noise_is_refused_in_words(noise: bytes, at: int) -> None:
    whole = [Entry(CA_CERTIFICATE, b"root\0"), Entry(PRIVATE_KEY, b"key\0")]
    image = bytearray(write_image(whole))
    image[at : at + len(noise)] = noise
    for each in (noise, bytes(image)):
        try:
            assert read_image(each) == whole
        except BundleError:
            pass


def test_an_image_that_was_cut_short_is_noticed() -> None:
    image = write_image([Entry(CA_CERTIFICATE, b"root\0"), Entry(PRIVATE_KEY, b"key\0")])
    for length in range(len(image)):
        with pytest.raises(BundleError):
            read_image(image[:length])


def test_pem_in_the_image_ends_with_a_nul_and_two_roots_share_one_entry() -> None:
    device = bundle_credentials.with_two_roots()
    entries = read_image(content_of(TARGET.files(device), IMAGE))
    assert [entry.type for entry in entries] == [0, 1, 2]
    assert all(entry.value.endswith(b"-----\n\0") for entry in entries)
    assert entries[0].value.count(b"BEGIN CERTIFICATE") == 2


def test_an_image_of_another_device_is_refused() -> None:
    ours, other = bundle_credentials.credentials(), bundle_credentials.another()
    image = next(file for file in TARGET.files(other) if file.name == IMAGE)
    files = [image if file.name == IMAGE else file for file in TARGET.files(ours)]
    with pytest.raises(BundleError, match="does not hold these credentials"):
        TARGET.check(files, ours)


def test_an_image_that_does_not_fit_into_the_partition_is_refused() -> None:
    device = replace(bundle_credentials.credentials(), root_pem=bundle_credentials.credentials().root_pem * 12)
    with pytest.raises(BundleError, match="does not fit into its partition"):
        TARGET.check(TARGET.files(device), device)


def test_without_a_key_there_is_no_image_and_the_table_says_what_to_put_there() -> None:
    device = bundle_credentials.without_key()
    names = [file.name for file in TARGET.files(device)]
    assert IMAGE not in names
    assert KEY_FILE not in names
    assert "configure_esp_secure_cert.py" in TARGET.readme(device)
