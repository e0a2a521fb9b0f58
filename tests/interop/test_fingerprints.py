"""The hellos of real clients: which library they look like, and what Wireshark makes of the same bytes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hello_clients import CLIENTS, HelloClient, MissingError, catch_hello

from running import leave_out, program, run
from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.handshake.ja import ja3, ja4
from sealmq.kit.handshake.stacks import guess_stack

pytestmark = pytest.mark.interop

HERE = (
    "python", "sealmq", "mosquitto", "openssl", "curl", "node", "mqtt.js",
    "mbedtls", "micropython", "wolfssl", "bearssl", "sealmq-pyopenssl", "sealmq-mbedtls-3.6", "sealmq-mbedtls-2.28",
    "sealmq-wolfssl", "reference-firmware",
)  # fmt: skip
"""Those that CI has; the others are run by bench/fingerprints.py alone."""

RESTRICTED = {
    "openssl": ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    "curl": ("--tls-max", "1.2"),
}
VECTORS = Path(__file__).parent.parent / "vectors" / "client_hellos.json"


def hello_of(key: str, *more: str) -> ClientHello:
    """What a client says, told `more`. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    client = next(one for one in CLIENTS if one.key == key)
    told = HelloClient(
        key, client.stack, client.version, client.name,
        lambda port, folder: [*client.command(port, folder), *more], client.made,
    )  # fmt: skip
    try:
        return read_client_hello(catch_hello(told))
    except MissingError as error:
        leave_out(str(error))


@pytest.mark.parametrize("key", HERE)
def test_a_real_client_is_known_by_its_hello(key: str, record_property: pytest.RecordProperty) -> None:
    """The library's name, not its version: another Debian has another."""
    stack = next(one.stack for one in CLIENTS if one.key == key)
    words, sure = guess_stack(hello_of(key))
    assert words.startswith(stack)
    assert sure
    record_property("said", f"{key}: {words} ({sure})")


@pytest.mark.parametrize("key", RESTRICTED)
def test_a_real_client_that_is_restricted_is_known(key: str) -> None:
    words, sure = guess_stack(hello_of(key, *RESTRICTED[key]))
    assert words.startswith("OpenSSL")
    assert sure


def capture_of(message: bytes) -> bytes:
    """A pcap file with one TCP segment that carries a ClientHello (link type 101: bare IP)."""
    record = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    tcp = struct.pack(">HHIIBBHHH", 40_000, 8883, 1, 1, 0x50, 0x18, 65_535, 0, 0) + record
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + tcp
    return (
        struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)
        + struct.pack("<IIII", 1, 0, len(ip), len(ip))
        + ip
    )


def test_wireshark_says_the_same(tmp_path: Path) -> None:
    """JA3 and its text, and JA4 where it is new enough (4.2), of every hello that was measured."""
    tshark = program("tshark", "tshark")
    known = run([tshark, "-G", "fields"]).stdout
    newer = [name for name in ("tls.handshake.ja4", "tls.handshake.ja4_r") if f"\t{name}\t" in known]
    names = ["tls.handshake.ja3", "tls.handshake.ja3_full", *newer]
    hellos = json.loads(VECTORS.read_text())["clients"]
    for key, found in hellos.items():
        message = bytes.fromhex(found["hello"])
        file = tmp_path / f"{key}.pcap"
        file.write_bytes(capture_of(message))
        fields = [word for name in names for word in ("-e", name)]
        said = run([tshark, "-r", file, "-d", "tcp.port==8883,tls", "-T", "fields", *fields]).stdout
        hello = read_client_hello(message)
        assert said.rstrip("\n").split("\t") == [*ja3(hello), *ja4(hello)[: len(newer)]], key
