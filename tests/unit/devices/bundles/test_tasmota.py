"""Commands and headers, measured as Tasmota measures them. BearSSL connects with them in tests/interop."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.target import content_of
from sealmq.devices.bundles.tasmota import COMMANDS, DATA, DESCRIPTOR, KEY_COMMANDS, OVERRIDE, STORE_BYTES, TARGET
from sealmq.errors import BundleError
from sealmq.pki.containers import private_scalar

OURS = bundle_credentials.credentials()


def test_the_key_is_32_octets_and_fits_together_with_the_certificate() -> None:
    files = TARGET.files(OURS)
    command, key = content_of(files, KEY_COMMANDS).split()
    assert command == b"TLSKey1"
    assert base64.b64decode(key) == private_scalar(OURS.key)  # type: ignore[arg-type]
    command, certificate = content_of(files, COMMANDS).splitlines()[0].split()
    assert command == b"TLSKey2"
    assert 256 < len(base64.b64decode(certificate)) <= STORE_BYTES - 32


def test_the_longest_name_still_fits() -> None:
    key = bundle_credentials.credentials().key
    assert key is not None
    device = replace(bundle_credentials.of_public_key(key.public, "n" * 64), key=key)
    TARGET.check(TARGET.files(device), device)


def test_each_root_has_an_anchor() -> None:
    device = bundle_credentials.with_two_roots()
    files = TARGET.files(device)
    assert content_of(files, DESCRIPTOR).count(b"BR_X509_TA_CA") == 2
    assert content_of(files, DATA).count(b"PROGMEM TA1_") == 2


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (DATA, b"TA0_DN", b"TA0_ND"),
        (DATA, b"0x04, ", b"0x05, "),
        (DESCRIPTOR, b"TA0_EC_Q", b"TA1_EC_Q"),
        (OVERRIDE, b"broker.example", b"broker.elsewhere"),
        (COMMANDS, b"TLSKey2 ", b"TLSKey2 !"),
        (COMMANDS, b"MqttHost broker.example", b"MqttHost broker.elsewhere"),
        (COMMANDS, b"MqttPort 8883", b"MqttPort 1883"),
        (KEY_COMMANDS, b"TLSKey1 ", b"TLSKey1 AAAA"),
        (KEY_COMMANDS, b"TLSKey1 ", b"TLSKey3 "),
    ],
)
def test_a_file_that_was_changed_is_refused(name: str, old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, name)
    changed = [replace(file, content=file.content.replace(old, new)) if file.name == name else file for file in files]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)
