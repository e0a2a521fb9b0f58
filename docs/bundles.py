"""What bundles there are: the data of docs/reference/bundles.md, and `python docs/bundles.py`, which makes one of each.

It prints every file with its size, and what has read it: our own parsers before anything is written, and beyond them
the compilers and programs of the interop tests that CHECKED names.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sealmq import __version__
from sealmq.devices.bundles.bundle import Bundle, make_bundle
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import EVERY_KEY
from sealmq.devices.bundles.targets import TARGETS
from sealmq.pki.authority import create_issuing, create_root, issue_device, new_serial
from sealmq.pki.keys import PrivateKey

NOW = 1_800_000_000.0
COMPILED = "compiled for this machine and a Cortex-M4 with -Wall -Wextra -Werror"


@dataclass(frozen=True)
class Checked:
    """By whom a target's files are read in the tests, our own parsers apart.

    what: in words.
    test: the file below tests/interop, and a test in it.
    """

    what: str
    test: str


CHECKED = {
    "arduino-esp32": Checked(
        "the sketch is compiled by g++, and what it passes on is used to connect",
        "test_arduino_and_bearssl.py::test_the_sketch_for_the_esp32_compiles_and_passes_everything_on",
    ),
    "arduino-esp8266": Checked(
        "the sketch is compiled by g++; BearSSL itself connects with its headers",
        "test_arduino_and_bearssl.py::test_bearssl_connects_with_the_headers_for_the_esp8266",
    ),
    "c-header": Checked(
        f"{COMPILED}; a C program prints every literal",
        "test_bundles_compile.py::test_a_c_program_reads_the_very_bytes",
    ),
    "cyclonessl": Checked(
        f"{COMPILED}, with its functions declared as 2.2 and 2.4 have them",
        "test_bundles_compile.py::test_every_header_and_snippet_compiles",
    ),
    "der": Checked("openssl", "test_bundles_connect.py::test_openssl_reads_pem_der_and_pkcs12"),
    "esp-idf": Checked(
        "built as ESP-IDF builds it, with esp-mqtt's structures of 4 and of 5",
        "test_espressif.py::test_the_component_is_built_as_esp_idf_builds_it_and_fills_in_the_configuration",
    ),
    "esp-nvs": Checked(
        "Espressif's nvs_partition_gen makes the same image",
        "test_espressif.py::test_espressifs_generator_makes_the_same_nvs_image_of_our_csv",
    ),
    "esp-secure-cert": Checked(
        "Espressif's esp-secure-cert-tool makes the same image, and its parser finds every entry valid",
        "test_espressif.py::test_espressifs_parser_finds_every_entry_valid",
    ),
    "freertos": Checked(
        f"{COMPILED}, with coreMQTT's structure declared",
        "test_bundles_compile.py::test_every_header_and_snippet_compiles",
    ),
    "home-assistant": Checked(
        "the checks that its form makes, and a connection with the three files",
        "test_bundles_at_work.py::test_home_assistant_takes_the_three_files_as_its_form_checks_them",
    ),
    "lwip": Checked(
        f"{COMPILED}, with the headers of lwIP 2.1.3 and Mbed TLS 2.28; without verification it does not compile",
        "test_bundles_compile.py::test_lwip_without_verification_does_not_compile",
    ),
    "mbedtls": Checked(
        f"{COMPILED}, with the headers of Mbed TLS 2.28 and declarations of 3 and 4; linked with 2.28, it publishes",
        "test_bundles_connect.py::test_a_device_built_from_its_bundle_publishes",
    ),
    "micropython": Checked(
        "MicroPython's own interpreter sends a message",
        "test_bundles_at_work.py::test_micropython_sends_a_message",
    ),
    "mosquitto": Checked(
        "its scripts publish and subscribe; a real mosquitto bridges both ways",
        "test_bundles_at_work.py::test_a_real_mosquitto_bridges_both_ways",
    ),
    "node-red": Checked("Node-RED runs the flow", "test_bundles_at_work.py::test_node_red_runs_the_flow"),
    "paho": Checked(
        "the program publishes and listens",
        "test_bundles_at_work.py::test_the_paho_program_publishes_and_listens",
    ),
    "pem": Checked(
        "openssl verify -x509_strict; mosquitto_pub publishes with it",
        "test_bundles_connect.py::test_mosquitto_pub_takes_the_pem_bundle",
    ),
    "pkcs12": Checked("openssl", "test_bundles_connect.py::test_openssl_reads_pem_der_and_pkcs12"),
    "qr": Checked(
        "zbarimg reads the label",
        "test_bundles_at_work.py::test_a_label_is_read_as_a_telephone_would_read_it",
    ),
    "tasmota": Checked(
        "BearSSL connects with what Tasmota is told and built with",
        "test_arduino_and_bearssl.py::test_bearssl_connects_with_what_tasmota_is_told_and_built_with",
    ),
    "wolfssl": Checked(
        f"{COMPILED}, with the headers of wolfSSL 5.5; linked with it, it publishes",
        "test_bundles_connect.py::test_a_device_built_from_its_bundle_publishes",
    ),
    "zephyr": Checked(
        f"{COMPILED}, with its functions declared as 3.7 and 4.2 have them; the shell's commands are replayed",
        "test_bundles_compile.py::test_every_header_and_snippet_compiles",
    ),
}
"""By target."""


def example() -> Credentials:
    """A device of a throw-away CA."""
    root = create_root("Example", "NL", serial=new_serial(), now=NOW)
    device_ca = create_issuing(root, "Device", serial=new_serial(), now=NOW)
    key = PrivateKey.generate()
    leaf = issue_device(device_ca, "sensor-1", UUID(int=1), key.public, serial=new_serial(), now=NOW)
    return Credentials(
        name="sensor-1",
        host="broker.example",
        port=8883,
        root_pem=root.certificate.pem,
        leaf_pem=leaf.pem,
        issuing_pem=device_ca.certificate.pem,
        key=key,
        now=NOW,
        version=__version__,
    )


def page() -> str:
    """docs/reference/bundles.md."""
    credentials = example()
    lines = [
        "# Bundles",
        "",
        "Generated by `docs/generate.py` from `src/sealmq/devices/bundles/`: change it there. How they are made is in",
        "[the guide](../howto/bundles.md). Besides the files below each has a `README.md` with the exact calls and",
        "traps, a `manifest.json` with the sum of every file, and a `.gitignore` beside each private key. In **bold**:",
        "what holds the private key; a device that keeps its own gets the rest, except where *needs the key* stands.",
        "",
        "| `--target` | for | files | keys | read in the tests by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, target in TARGETS.items():
        files = ", ".join(
            f"**`{file.name}`**" if file.private else f"`{file.name}`"
            for file in make_bundle(target, credentials).files
            if file.name.rpartition("/")[2] not in ("README.md", "manifest.json", ".gitignore")
        )
        keys = "all" if target.limits.keys == EVERY_KEY else ", ".join(target.limits.keys)
        needs = "; *needs the key*" if target.limits.needs_key else ""
        lines.append(f"| {name} | {target.title} | {files} | {keys}{needs} | {CHECKED[name].what} |")
    return "\n".join(lines) + "\n"


def listing(bundle: Bundle) -> list[str]:
    """One bundle for the screen: its files with their sizes, and what has read them."""
    checked = CHECKED[bundle.target.name]
    total = sum(len(file.content) for file in bundle.files)
    lines = [f"{bundle.target.name}: {bundle.target.title} ({total:,} bytes)"]
    lines += [f"    {len(file.content):>6,}  {file.name}{'  SECRET' if file.private else ''}" for file in bundle.files]
    return [*lines, f"    read back by SealMQ; in the tests: {checked.what} ({checked.test})", ""]


def main() -> None:
    """Make a bundle for each target and tell what is in it."""
    credentials = example()
    for target in TARGETS.values():
        print("\n".join(listing(make_bundle(target, credentials))))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
