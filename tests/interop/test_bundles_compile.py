"""What a bundle has in C compiles, for this machine and for a Cortex-M4, and says what it must when it runs.

With the real headers of Mbed TLS 2.28, wolfSSL and lwIP; of the others there is no package, so that their few functions
are declared in firmware/headers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import bundle_credentials
from firmware import ARM, GCC, HEADERS, PROGRAMS, Compiler, has_header, library, unpack
from running import run
from sealmq.devices.bundles.credentials import Credentials

pytestmark = pytest.mark.interop

BOTH = pytest.mark.parametrize("compiler", [GCC, ARM], ids=["gcc", "arm-none-eabi-gcc"])
DEVICES = pytest.mark.parametrize(
    "device",
    [bundle_credentials.credentials(), bundle_credentials.with_two_roots(), bundle_credentials.without_key()],
    ids=["with-key", "two-roots", "without-key"],
)
C_TARGETS = ("c-header", "cyclonessl", "freertos", "lwip", "mbedtls", "wolfssl", "zephyr")


def options(folder: Path, target: str, compiler: Compiler) -> list[list[str | Path]]:
    """How a target's tls_setup.c is compiled: once for each generation of its library that there is."""
    include: list[str | Path] = ["-I", folder]
    small_mbedtls = [f'-DMBEDTLS_USER_CONFIG_FILE="{HEADERS / "mcu_mbedtls.h"}"'] if compiler is ARM else []
    match target:
        case "mbedtls":
            has_header("mbedtls", "libmbedtls-dev")
            declared = [["-I", HEADERS / "mbedtls", f"-DMBEDTLS_GENERATION={each}"] for each in (3, 4)]
            small = [[*declared[0], f"-DMBEDTLS_SSL_IN_CONTENT_LEN={size}"] for size in (1024, 2048, 4096)]
            return [
                [*include, *each] for each in [[*library(folder, "mbedtls", "psa"), *small_mbedtls], *declared, *small]
            ]
        case "wolfssl":
            has_header("wolfssl", "libwolfssl-dev")
            small = ["-DWOLFSSL_USER_SETTINGS", "-I", HEADERS / "wolfssl"] if compiler is ARM else []
            return [[*include, *library(folder, "wolfssl"), *small]]
        case "lwip":
            has_header("lwip", "liblwip-dev")
            has_header("mbedtls", "libmbedtls-dev")
            real = [*library(folder, "mbedtls", "psa"), "-isystem", "/usr/include/lwip", *small_mbedtls]
            real.append("-D_POSIX_C_SOURCE=200809L")  # or its arch.h defines ssize_t once more
            return [[*include, "-I", HEADERS / "lwip", *real]]
        case "zephyr":
            generate_incs(folder)
            both = [[], ["-DZEPHYR_OLD"], ["-DMQTT_CREDENTIALS_IN_SHELL"]]
            return [[*include, "-I", HEADERS / "zephyr", *each] for each in both]
        case "cyclonessl":
            return [[*include, "-I", HEADERS / "cyclonessl", *each] for each in ([], ["-DCYCLONE_OLD"])]
        case _:
            return [[*include, "-I", HEADERS / target]]


def generate_incs(folder: Path) -> None:
    """What Zephyr's generate_inc_file_for_target does: bytes with commas."""
    for der in (folder / "certs").glob("*.der"):
        (folder / f"{der.name}.inc").write_text(", ".join(f"0x{byte:02x}" for byte in der.read_bytes()) + "\n")


@BOTH
@DEVICES
@pytest.mark.parametrize("target", C_TARGETS)
def test_every_header_and_snippet_compiles(
    compiler: Compiler, target: str, device: Credentials, tmp_path: Path
) -> None:
    folder = unpack(tmp_path, target, device)
    for header in folder.glob("mqtt_*.h"):
        unit = folder / f"only_{header.stem}.c"
        unit.write_text(f'#include "{header.name}"\n#include "{header.name}"\nint main(void);\n')
        compiler.compile(unit)
    source = folder / "tls_setup.c"
    for each in options(folder, target, compiler) if source.exists() else []:
        compiler.compile(source, *each)


@pytest.mark.parametrize("device", [bundle_credentials.credentials(), bundle_credentials.with_two_roots()])
def test_a_c_program_reads_the_very_bytes(device: Credentials, tmp_path: Path) -> None:
    folder = unpack(tmp_path, "c-header", device)
    run(GCC.command("-I", folder, PROGRAMS / "check_headers.c", "-o", folder / "check"))
    said = dict(line.split() for line in run([folder / "check"]).stdout.splitlines())
    nul = b"\0"
    assert {name: bytes.fromhex(value) for name, value in said.items()} == {
        "MQTT_HOST": b"broker.example" + nul,
        "MQTT_CLIENT_ID": b"sensor-1" + nul,
        "MQTT_ROOT_CERT_PEM": device.root_pem + nul,  # Mbed TLS wants to see it, and sizeof counts it
        "MQTT_DEVICE_CERT_PEM": device.leaf_pem + nul,
        "MQTT_ROOT_CERT_DER": device.root_ders[0],
        "MQTT_DEVICE_CERT_DER": device.leaf_der,
        "MQTT_PRIVATE_KEY_PEM": (device.key_sec1_pem or b"") + nul,
        "MQTT_PRIVATE_KEY_DER": device.key_sec1_der,
    }


@BOTH
def test_lwip_without_verification_does_not_compile(compiler: Compiler, tmp_path: Path) -> None:
    folder = unpack(tmp_path, "lwip", bundle_credentials.credentials())
    (words,) = options(folder, "lwip", compiler)
    assert "lwIP talks to any broker" in compiler.refuses(folder / "tls_setup.c", *words, "-DUNVERIFIED")


def test_a_buffer_that_could_not_hold_the_brokers_certificates_does_not_compile(tmp_path: Path) -> None:
    folder = unpack(tmp_path, "mbedtls", bundle_credentials.credentials())
    words = ["-I", HEADERS / "mbedtls", "-DMBEDTLS_GENERATION=3", "-DMBEDTLS_SSL_IN_CONTENT_LEN=1000"]
    assert "too small for the broker's certificates" in GCC.refuses(folder / "tls_setup.c", *words)


def test_a_damaged_header_does_not_compile(tmp_path: Path) -> None:
    """The compiler is a check that can fail."""
    folder = unpack(tmp_path, "mbedtls", bundle_credentials.credentials())
    header = folder / "mqtt_credentials.h"
    header.write_text(header.read_text().replace("0x30, 0x82", "0x30, 0x1082", 1))
    unit = folder / "unit.c"
    unit.write_text('#include "mqtt_credentials.h"\n')
    assert "overflow" in GCC.refuses(unit)
