"""esp-nvs: credentials in a partition of ESP-IDF's non-volatile storage, as CSV for its generator and as the image.

An image is a row of pages of 4096 octets. A page has a header (state, number, version, CRC), a bitmap with two bits
for each entry, and 126 entries of 32 octets; a string is one entry, and its characters in those behind it. All is
little-endian, and what was never written is 0xff, as flash is.

Rule 1: all that is written here fits into the first page; the others stay empty, for what the firmware adds.
Rule 2: a string counts its NUL, and has 4000 octets at most with it.
Rule 3: two CRCs for each string: one of its entry without the CRC itself, one of its characters.
"""

from __future__ import annotations

import csv
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Final

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

IMAGE: Final = "nvs.bin"
PARTITION_BYTES: Final = 0x3000
"""Three pages: fewer the generator does not make, for storage needs one page to tidy up with."""

NAMESPACE: Final = "sealmq"
STRING_BYTES: Final = 4000

_CSV = "nvs_certs.csv"
_PAGE = 0x1000
_ENTRY_BYTES, _FIRST_ENTRY, _ENTRIES = 32, 64, 126
_ACTIVE, _VERSION_2 = 0xFFFFFFFE, 0xFE
_U8, _U16, _STRING = 0x01, 0x02, 0x21
_PAGE_HEADER = struct.Struct("<IIB")
_ENTRY = struct.Struct("<BBBB")
_STRING_DATA = struct.Struct("<HHI")
_CRC = struct.Struct("<I")

Values = dict[str, str | int]
"""What is stored, by key: text as strings, numbers as u16."""


def write_image(values: Values) -> bytes:
    """The image of these values in the namespace NAMESPACE. Raises BundleError when they do not fit into a page."""
    entries = _integer(0, _U8, NAMESPACE, b"\x01")  # namespace 0 says what number each namespace has
    for key, value in values.items():
        if isinstance(value, int):
            entries += _integer(1, _U16, key, value.to_bytes(2, "little"))
        else:
            entries += _text(key, value.encode() + b"\0")
    written = len(entries) // _ENTRY_BYTES
    if written > _ENTRIES:
        raise BundleError(f"{IMAGE} would need more than a page", why=f"{written} entries of {_ENTRIES}")
    header = bytearray(b"\xff" * 32)
    _PAGE_HEADER.pack_into(header, 0, _ACTIVE, 0, _VERSION_2)
    _CRC.pack_into(header, 28, _crc(bytes(header[4:28])))
    page = bytes(header) + _bitmap(written) + entries
    return page.ljust(PARTITION_BYTES, b"\xff")


def read_image(image: bytes) -> Values:
    """The values of an image, read as ESP-IDF reads them. Raises BundleError when one bit is not as it must be."""
    page = image[:_PAGE]
    if len(image) != PARTITION_BYTES or _PAGE_HEADER.unpack_from(page) != (_ACTIVE, 0, _VERSION_2):
        raise BundleError(f"{IMAGE} does not begin with an active page of version 2")
    if _CRC.unpack_from(page, 28)[0] != _crc(page[4:28]):
        raise BundleError(f"{IMAGE} has a damaged page header")
    written = sum(not page[32 + at // 4] >> 2 * (at % 4) & 1 for at in range(_ENTRIES))
    if page[32:64] != _bitmap(written):
        raise BundleError(f"{IMAGE} has entries that are erased, or not in a row")
    if image[_FIRST_ENTRY + written * _ENTRY_BYTES :].strip(b"\xff"):
        raise BundleError(f"{IMAGE} has something behind its last entry")
    values: Values = {}
    at = 0
    while at < written:
        namespace, key, value, span = _read_entry(page, at)
        at += span
        if namespace == 0 and (key, value) != (NAMESPACE, 1):
            raise BundleError(f"{IMAGE} has a namespace that is not ours")
        if namespace != 0:
            values[key] = value
    return values


class EspNvs(Target):
    """CSV for Espressif's generator, and the image that it would make."""

    name = "esp-nvs"
    title = "ESP32 family: credentials in an NVS partition, as CSV and as image"
    limits = Limits()

    def files(self, credentials: Credentials) -> list[File]:
        """PEM files with the CSV that names them; and the image where the key is here."""
        files = [
            File(ROOT_FILE, credentials.root_pem),
            File(LEAF_FILE, credentials.leaf_pem),
            File(_CSV, _rows(credentials)),
        ]
        if credentials.key_sec1_pem is not None:
            files.append(File(KEY_FILE, credentials.key_sec1_pem, private=True))
            files.append(File(IMAGE, write_image(_values(credentials)), private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """How it gets into flash, and how firmware reads it."""
        return f"""# {credentials.name}: an NVS partition

{_what_is_here(credentials)}
## Flash

A line for `partitions.csv` of your project (any free place and any name will do):

    {NAMESPACE}, data, nvs, , {PARTITION_BYTES:#x},

Then, with the partition table already on the chip:

    parttool.py write_partition --partition-name={NAMESPACE} --input {IMAGE}

`{IMAGE}` is in plain: whoever reads the flash has the private key. With NVS encryption make it from the CSV instead
(`pip install esp-idf-nvs-partition-gen`), and keep the keys partition as ESP-IDF's manual says:

    python -m esp_idf_nvs_partition_gen encrypt {_CSV} nvs_encrypted.bin {PARTITION_BYTES:#x} \\
      --keygen --keyfile keys.bin

## Read it in the firmware

    nvs_handle_t nvs;
    ESP_ERROR_CHECK(nvs_flash_init_partition("{NAMESPACE}"));
    ESP_ERROR_CHECK(nvs_open_from_partition("{NAMESPACE}", "{NAMESPACE}", NVS_READONLY, &nvs));
    size_t length = 0;
    ESP_ERROR_CHECK(nvs_get_str(nvs, "ca_cert", NULL, &length));
    char *root = malloc(length);
    ESP_ERROR_CHECK(nvs_get_str(nvs, "ca_cert", root, &length));

The same with `dev_cert`, `priv_key`, `client_id` and `host`; `nvs_get_u16` with `port`. They belong into
`esp_mqtt_client_config_t`: `broker.address.hostname`, `.port`, `.transport = MQTT_TRANSPORT_OVER_SSL`,
`broker.verification.certificate`, `credentials.client_id`, `credentials.authentication.certificate` and `.key`,
with all the `_len` fields left at 0 (PEM that ends with a NUL).

The broker is `{credentials.host}`, port {credentials.port}.

## Traps

- `nvs_get_str` gives the length with the NUL; esp-mqtt keeps the pointers, so the memory must stay.
- A key of NVS has 15 characters at most, a string {STRING_BYTES} octets with its NUL.
- `nvs_flash_erase()` of the default partition does not touch this one; `idf.py erase-flash` does.
- Dates are compared with the clock only where `CONFIG_MBEDTLS_HAVE_TIME_DATE` is set; then set the clock (SNTP) first.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The CSV is followed to its files, and the image read back to its last bit."""
        expect(ROOT_FILE, content_of(files, ROOT_FILE), credentials.root_pem)
        expect(LEAF_FILE, content_of(files, LEAF_FILE), credentials.leaf_pem)
        wanted = _values(credentials)
        for key, encoding, value in _read_rows(content_of(files, _CSV)):
            if value == KEY_FILE and credentials.key is None:
                continue
            found = content_of(files, value).decode() if encoding == "file" else value
            expect(f"{key} of {_CSV}", found.encode(), str(wanted[key]).encode())
        if credentials.key_sec1_pem is not None:
            expect(KEY_FILE, content_of(files, KEY_FILE), credentials.key_sec1_pem)
            if read_image(content_of(files, IMAGE)) != wanted:
                raise BundleError(f"{IMAGE} does not hold these credentials")


def _values(credentials: Credentials) -> Values:
    """What is stored, in the order of the CSV. The names of the first three are those that Espressif's tools use."""
    return {
        "ca_cert": credentials.root_pem.decode(),
        "dev_cert": credentials.leaf_pem.decode(),
        "priv_key": (credentials.key_sec1_pem or b"").decode(),
        "client_id": credentials.name,
        "host": credentials.host,
        "port": credentials.port,
    }


def _rows(credentials: Credentials) -> bytes:
    rows = [
        ["key", "type", "encoding", "value"],
        [NAMESPACE, "namespace", "", ""],
        ["ca_cert", "file", "string", ROOT_FILE],
        ["dev_cert", "file", "string", LEAF_FILE],
        ["priv_key", "file", "string", KEY_FILE],
        ["client_id", "data", "string", credentials.name],
        ["host", "data", "string", credentials.host],
        ["port", "data", "u16", str(credentials.port)],
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _read_rows(content: bytes) -> list[tuple[str, str, str]]:
    """Key, "file" or "data", and value of every row but the namespace, which has to come first."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    if not rows or (rows[0]["key"], rows[0]["type"]) != (NAMESPACE, "namespace"):
        raise BundleError(f"{_CSV} does not begin with its namespace")
    return [(row["key"], row["type"], row["value"]) for row in rows[1:]]


def _what_is_here(credentials: Credentials) -> str:
    if credentials.key is None:
        return f"""The device keeps its private key, so there is no image here. Put the key beside these files as
`{KEY_FILE}` (PEM), on the machine where it lies, and make the image with Espressif's generator
(`pip install esp-idf-nvs-partition-gen`):

    python -m esp_idf_nvs_partition_gen generate {_CSV} {IMAGE} {PARTITION_BYTES:#x}
"""
    return f"""`{IMAGE}` is the partition, ready to be flashed. `{_CSV}` with the three PEM files is for Espressif's
generator, which makes the same bytes of them:

    python -m esp_idf_nvs_partition_gen generate {_CSV} {IMAGE} {PARTITION_BYTES:#x}
"""


def _bitmap(written: int) -> bytes:
    """Two bits for each entry: 0b10 is written, 0b11 is free."""
    free = (1 << 256) - 1
    return (free ^ sum(1 << 2 * at for at in range(written))).to_bytes(32, "little")


def _integer(namespace: int, kind: int, key: str, value: bytes) -> bytes:
    return _entry(namespace, kind, 1, key, value.ljust(8, b"\xff"))


def _text(key: str, data: bytes) -> bytes:
    if len(data) > STRING_BYTES:
        raise BundleError(f"{key} is too long for NVS", why=f"{len(data)} octets of {STRING_BYTES}")
    rows = -(-len(data) // _ENTRY_BYTES)
    head = _entry(1, _STRING, 1 + rows, key, _STRING_DATA.pack(len(data), 0xFFFF, _crc(data)))
    return head + data.ljust(rows * _ENTRY_BYTES, b"\xff")


def _entry(namespace: int, kind: int, span: int, key: str, data: bytes) -> bytes:
    start = _ENTRY.pack(namespace, kind, span, 0xFF)  # 0xff: not a chunk of a larger value
    rest = key.encode().ljust(16, b"\0") + data
    return start + _CRC.pack(_crc(start + rest)) + rest


def _read_entry(page: bytes, at: int) -> tuple[int, str, str | int, int]:
    """Namespace, key, value and span of the entry at this place."""
    start = _FIRST_ENTRY + at * _ENTRY_BYTES
    entry = page[start : start + _ENTRY_BYTES]
    namespace, kind, span, chunk = _ENTRY.unpack_from(entry)
    if chunk != 0xFF or _CRC.unpack_from(entry, 4)[0] != _crc(entry[:4] + entry[8:]):
        raise BundleError(f"{IMAGE} has a damaged entry at {start:#06x}")
    key = entry[8:24].rstrip(b"\0").decode()
    if kind != _STRING:
        return namespace, key, int.from_bytes(entry[24 : 25 if kind == _U8 else 26], "little"), span
    length, _, crc = _STRING_DATA.unpack_from(entry, 24)
    data = page[start + _ENTRY_BYTES : start + _ENTRY_BYTES + length]
    if crc != _crc(data) or not data.endswith(b"\0"):
        raise BundleError(f"{IMAGE} has a damaged string '{key}'")
    return namespace, key, data[:-1].decode(), span


def _crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFFFFFF)


TARGET = EspNvs()
