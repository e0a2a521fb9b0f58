from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sealmq.bundle import read_psk
from sealmq.devices.bundles import psk
from sealmq.devices.bundles.psk import PSK_TARGETS, check_takes_psk, gather_psk, make_psk_bundle
from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.target import File
from sealmq.devices.bundles.targets import TARGETS
from sealmq.devices.bundles.writing import read_bundle, write_bundle
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.registry import Registry
from sealmq.devices.revocation import Revocations
from sealmq.devices.trail import Trail
from sealmq.errors import BundleError, EnrollmentError, TrustError

NOW = 1_800_000_000.0
SMALL = PSKCredentials(
    name="small-1", host="broker.local", port=8886, key=bytes(range(32)), serial="0a", not_after=NOW + 1, now=NOW
)


@pytest.mark.parametrize("target", PSK_TARGETS)
def test_a_bundle_has_the_key_in_private_files_alone(target, tmp_path):
    made = make_psk_bundle(target, SMALL)
    assert made.target.name == target
    write_bundle(made, tmp_path / "out", now=NOW)
    files = {file.name: file.content for file in read_bundle(tmp_path / "out")}
    secret = SMALL.key.hex().encode()
    literal = b"0x00, 0x01, 0x02"
    with_key = {name for name, content in files.items() if secret in content or literal in content}
    assert with_key == {file.name for file in made.files if file.private}
    for name in with_key:
        assert (tmp_path / "out" / name).stat().st_mode & 0o077 == 0
        folder, _, file = name.rpartition("/")
        assert file in files[f"{folder}/.gitignore".lstrip("/")].decode().splitlines()
    assert read_psk(tmp_path / "out" / "psk.txt").key == SMALL.key
    said = json.loads(files["manifest.json"])
    assert (said["target"], said["device"], said["psk_identity"], said["key"]) == (target, "small-1", "small-1", "PSK")
    assert said["broker"] == {"host": "broker.local", "port": 8886, "min_tls": "1.2"}


@pytest.mark.parametrize("target", sorted(TARGETS.keys() - set(PSK_TARGETS)))
def test_other_targets_refuse_in_words(target):
    with pytest.raises(BundleError, match=f"no {target} bundle with a PSK") as caught:
        check_takes_psk(target)
    assert "mosquitto" in caught.value.why


def test_an_unknown_target_is_told():
    with pytest.raises(BundleError, match="there is no target 'mosquito'"):
        check_takes_psk("mosquito")


def test_a_key_in_a_file_for_everybody_is_found(monkeypatch):
    def leaking(credentials):
        return [File("README.md", b"psk " + credentials.key.hex().upper().encode() + b"\n")]

    monkeypatch.setitem(psk._KINDS, "mosquitto", replace(psk._KINDS["mosquitto"], files=leaking))
    with pytest.raises(BundleError, match=r"README.md holds the key and is not marked so"):
        make_psk_bundle("mosquitto", SMALL)


@pytest.fixture
def fleet(tmp_path):
    with Registry.open(tmp_path / "sealmq.db") as registry:
        trail = Trail(tmp_path / "audit.jsonl")
        (tmp_path / "devices").mkdir()
        added = PSKEnrollment(registry, directory=tmp_path / "devices", trail=trail).add_device("small-1", now=NOW)
        yield registry, added, Revocations(registry, lambda _: None, trail, actor="cli:test")


def test_the_key_comes_from_the_registry_and_must_be_that_of_the_file(fleet):
    registry, added, revocations = fleet
    folder, device = added.file.parent, registry.device("small-1")
    key, not_after = gather_psk(registry, folder, device, now=NOW)
    assert (key, not_after) == (read_psk(added.file).key, added.not_after)
    assert gather_psk(registry, folder / "elsewhere", device, now=NOW) == (key, not_after)
    added.file.write_text(f"small-1:{bytes(32).hex()}\n")
    with pytest.raises(TrustError, match="not the same key"):
        gather_psk(registry, folder, device, now=NOW)
    with pytest.raises(TrustError, match="expired"):
        gather_psk(registry, folder, device, now=not_after + 1)
    revocations.revoke_device("small-1", now=NOW)
    with pytest.raises(EnrollmentError, match="'small-1' is revoked"):
        gather_psk(registry, folder, registry.device("small-1"), now=NOW)
