"""esp_secure_cert: the flash partition in which Espressif's esp_secure_cert_mgr looks for a device's identity.

The image is a sequence of entries (type, length, value), little-endian, as that component reads them:

    magic u32 | flags u8 | 3 zero octets | type u8 | subtype u8 | length u16 | value | zeros to 16 octets | CRC-32 u32

Rule 1: PEM goes in with a NUL behind it, and the length counts it: Mbed TLS tells PEM from DER by it.
Rule 2: the CRC covers header, value and zeros, and starts from 0xffffffff.
Rule 3: the last entry is the SHA-256 of everything before it, so that a partition that was half written is noticed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

IMAGE: Final = "esp_secure_cert.bin"
PARTITION_BYTES: Final = 0x2000
"""The partition has this size in every example of the component; the image has to fit."""

MAGIC: Final = 0xBA5EBA11
CA_CERTIFICATE, DEVICE_CERTIFICATE, PRIVATE_KEY, INTEGRITY = 0, 1, 2, 9
"""Types of entries that are written here (esp_secure_cert_tlv_type_t)."""

_CONFIG = "esp_secure_cert_config.csv"
_PARTITIONS = "partitions.csv"
_PARTITION_LINE = "esp_secure_cert, 0x3F, , 0xD000, 0x2000, encrypted\n"
_COLUMNS = (
    "tlv_type",
    "tlv_subtype",
    "data_value",
    "data_type",
    "priv_key_type",
    "algorithm",
    "key_size",
    "efuse_id",
    "efuse_key",
)
_ALIGNED = 16  # octets: what an encrypted partition is written in
_HEADER = struct.Struct("<IB3xBBH")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its type, and its value without the zeros behind it. Flags and subtype are 0 in all of ours."""

    type: int
    value: bytes


def write_image(entries: Sequence[Entry]) -> bytes:
    """The image of these entries, with the integrity entry behind them."""
    image = b"".join(_write_entry(entry) for entry in entries)
    return image + _write_entry(Entry(INTEGRITY, hashlib.sha256(image).digest()))


def read_image(image: bytes) -> list[Entry]:
    """The entries of an image, without the last, which must be the SHA-256 of the others. Raises BundleError."""
    entries: list[Entry] = []
    at = 0
    while at < len(image):
        entry, length = _read_entry(image, at)
        entries.append(entry)
        if entry.type == INTEGRITY and entry.value != hashlib.sha256(image[:at]).digest():
            raise BundleError(f"{IMAGE} is not what its integrity entry says")
        at += length
    if not entries or entries[-1].type != INTEGRITY:
        raise BundleError(f"{IMAGE} has no integrity entry at its end")
    return entries[:-1]


class EspSecureCert(Target):
    """Image, CSV for Espressif's own tool, and the line for the partition table."""

    name = "esp-secure-cert"
    title = "ESP32 family: image of the esp_secure_cert partition (esp_secure_cert_mgr)"
    limits = Limits()

    def files(self, credentials: Credentials) -> list[File]:
        """The image where the key is here; and always what Espressif's tool makes the same image of."""
        files = [File(name, pem) for name, pem in _roots(credentials)]
        files += [
            File(LEAF_FILE, credentials.leaf_pem),
            File(_PARTITIONS, _PARTITION_LINE.encode()),
            File(_CONFIG, _config(credentials)),
        ]
        if credentials.key_sec1_pem is not None:
            files.append(File(KEY_FILE, credentials.key_sec1_pem, private=True))
            files.append(File(IMAGE, write_image(_entries(credentials)), private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """How it is flashed, and how firmware reads it."""
        host, port, name = credentials.host, credentials.port, credentials.name
        return f"""# {name}: esp_secure_cert partition

{_what_is_here(credentials)}
## Flash

Add the line of `{_PARTITIONS}` to the partition table of your project, then:

    esptool.py write_flash 0xD000 {IMAGE}

With flash encryption: `esptool.py write_flash --encrypt 0xD000 {IMAGE}`.

**Without it the private key lies in flash in plain**: whoever can read the chip has the key. Switch flash encryption
on, or let the chip keep the key in its DS or ECDSA peripheral with Espressif's `configure_esp_secure_cert.py` and
`{_CONFIG}` (`pip install esp-secure-cert-tool`).

## Read it in the firmware

    idf.py add-dependency "espressif/esp_secure_cert_mgr"

    char *root, *certificate, *key;
    uint32_t root_len, certificate_len, key_len;
    ESP_ERROR_CHECK(esp_secure_cert_get_ca_cert(&root, &root_len));
    ESP_ERROR_CHECK(esp_secure_cert_get_device_cert(&certificate, &certificate_len));
    ESP_ERROR_CHECK(esp_secure_cert_get_priv_key(&key, &key_len));

    esp_mqtt_client_config_t config = {{
        .broker.address.hostname = "{host}",
        .broker.address.port = {port},
        .broker.address.transport = MQTT_TRANSPORT_OVER_SSL,
        .broker.verification.certificate = root,
        .broker.verification.certificate_len = root_len,
        .credentials.client_id = "{name}",
        .credentials.authentication.certificate = certificate,
        .credentials.authentication.certificate_len = certificate_len,
        .credentials.authentication.key = key,
        .credentials.authentication.key_len = key_len,
    }};

## Traps

- The lengths count the NUL behind the PEM. Pass them as they come; never `strlen`.
- `skip_cert_common_name_check` stays false: the broker must be `{host}`.
- Dates are compared with the clock only where `CONFIG_MBEDTLS_HAVE_TIME_DATE` is set; then set the clock (SNTP) first.
- `CONFIG_ESP_SECURE_CERT_DS_PERIPHERAL` has to be off for an image with a plain key.
- The image has {PARTITION_BYTES} bytes at most. Two roots lie in one entry, one PEM behind the other.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The image is read back entry by entry; the CSV must lead to the same."""
        for name, pem in _roots(credentials):
            expect(name, content_of(files, name), pem)
        expect(LEAF_FILE, content_of(files, LEAF_FILE), credentials.leaf_pem)
        expect(_PARTITIONS, content_of(files, _PARTITIONS), _PARTITION_LINE.encode())
        _check_config(files)
        if credentials.key_sec1_pem is None:
            return
        expect(KEY_FILE, content_of(files, KEY_FILE), credentials.key_sec1_pem)
        image = content_of(files, IMAGE)
        if len(image) > PARTITION_BYTES:
            raise BundleError(
                f"{IMAGE} does not fit into its partition", why=f"{len(image)} bytes of {PARTITION_BYTES}"
            )
        if read_image(image) != _entries(credentials):
            raise BundleError(f"{IMAGE} does not hold these credentials")


def _entries(credentials: Credentials) -> list[Entry]:
    """What goes into the image, in the order in which Espressif's tool takes it from the CSV."""
    key = credentials.key_sec1_pem or b""
    values = (
        (CA_CERTIFICATE, credentials.root_pem),
        (DEVICE_CERTIFICATE, credentials.leaf_pem),
        (PRIVATE_KEY, key),
    )
    return [Entry(kind, pem + b"\0") for kind, pem in values]


def _roots(credentials: Credentials) -> list[tuple[str, bytes]]:
    """A file for each root: Espressif's tool takes the first certificate of a file and drops the rest."""
    names = (ROOT_FILE, "root-2.pem")
    return list(zip(names, credentials.root_pems, strict=False))


def _config(credentials: Credentials) -> bytes:
    rows = [
        ["ESP_SECURE_CERT_CA_CERT_TLV", str(number), name, "file", "", "", "", "", ""]
        for number, (name, _) in enumerate(_roots(credentials))
    ]
    rows.append(["ESP_SECURE_CERT_DEV_CERT_TLV", "0", LEAF_FILE, "file", "", "", "", "", ""])
    rows.append(["ESP_SECURE_CERT_PRIV_KEY_TLV", "0", KEY_FILE, "file", "plaintext", "ECDSA", "256", "", ""])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *rows])
    return text.getvalue().encode()


def _check_config(files: Sequence[File]) -> None:
    rows = list(csv.DictReader(io.StringIO(content_of(files, _CONFIG).decode())))
    if {row["tlv_type"] for row in rows} != {
        "ESP_SECURE_CERT_CA_CERT_TLV",
        "ESP_SECURE_CERT_DEV_CERT_TLV",
        "ESP_SECURE_CERT_PRIV_KEY_TLV",
    }:
        raise BundleError(f"{_CONFIG} does not name a root, a certificate and a key")
    for row in rows:
        if row["data_value"] != KEY_FILE:
            content_of(files, row["data_value"])


def _what_is_here(credentials: Credentials) -> str:
    if credentials.key is None:
        return f"""The device keeps its private key, so there is no image here. Put the key beside these files as
`{KEY_FILE}` (PEM), on the machine where it lies, and make the image with Espressif's tool:

    configure_esp_secure_cert.py --target_chip esp32c3 --skip_flash --secure_cert_type cust_flash_tlv \\
      --esp_secure_cert_csv {_CONFIG}
"""
    return f"""`{IMAGE}` holds the root, the device's certificate and its private key, and the SHA-256 of all that.
`{_CONFIG}` with the three PEM files is the same for Espressif's own tool.
"""


def _write_entry(entry: Entry) -> bytes:
    padding = bytes(-len(entry.value) % _ALIGNED)
    covered = _HEADER.pack(MAGIC, 0, entry.type, 0, len(entry.value)) + entry.value + padding
    return covered + _CRC.pack(zlib.crc32(covered, 0xFFFFFFFF))


def _read_entry(image: bytes, at: int) -> tuple[Entry, int]:
    """The entry at this place, and how many octets it takes."""
    try:
        magic, flags, kind, subtype, length = _HEADER.unpack_from(image, at)
        value_at = at + _HEADER.size
        crc_at = value_at + length + -length % _ALIGNED
        (crc,) = _CRC.unpack_from(image, crc_at)
    except struct.error as error:
        raise BundleError(f"{IMAGE} ends in the middle of an entry") from error
    if magic != MAGIC or flags or subtype:
        raise BundleError(f"{IMAGE} has no entry of ours at {at:#06x}")
    if crc != zlib.crc32(image[at:crc_at], 0xFFFFFFFF):
        raise BundleError(f"{IMAGE} has a damaged entry at {at:#06x}")
    return Entry(kind, image[value_at : value_at + length]), crc_at + _CRC.size - at


TARGET = EspSecureCert()
