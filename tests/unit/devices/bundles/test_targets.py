"""What every target must do, asked of each of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.bundle import GITIGNORE, make_bundle
from sealmq.devices.bundles.manifest import MANIFEST, check_against_manifest
from sealmq.devices.bundles.target import README, File, Target
from sealmq.devices.bundles.targets import TARGETS, find_target
from sealmq.devices.bundles.verifying import check_bundle
from sealmq.errors import BundleError, Error

EACH = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
KEYLESS = [target for target in TARGETS.values() if not target.limits.needs_key]


def own_files(target: Target, credentials: bundle_credentials.Credentials) -> list[File]:
    """What is the target's: without README, manifest and .gitignore."""
    bundle = make_bundle(target, credentials)
    common = (README, MANIFEST, GITIGNORE)
    return [file for file in bundle.files if file.name.rpartition("/")[2] not in common]


def test_targets_are_in_order_and_found_by_name() -> None:
    assert list(TARGETS) == sorted(TARGETS)
    assert all(find_target(name).name == name and target.title for name, target in TARGETS.items())
    with pytest.raises(BundleError, match="there is no target 'pen'") as caught:
        find_target("pen")
    assert "pem" in caught.value.why


@EACH
def test_a_bundle_is_made_and_is_that_of_its_manifest(target: Target) -> None:
    bundle = make_bundle(target, bundle_credentials.credentials())
    check_against_manifest(bundle.files)
    readme = next(file for file in bundle.files if file.name == README).content.decode()
    assert "broker.example" in readme
    assert len(readme.splitlines()) <= 120
    assert not [line for line in readme.splitlines() if len(line) > 130]


@EACH
def test_two_roots_are_both_trusted(target: Target) -> None:
    make_bundle(target, bundle_credentials.with_two_roots())


@EACH
def test_the_key_is_in_private_files_alone(target: Target) -> None:
    bundle = make_bundle(target, bundle_credentials.credentials())
    ignored = [file for file in bundle.files if file.name.rpartition("/")[2] == GITIGNORE]
    assert bool(ignored) == any(file.private for file in bundle.files)
    for file in [each for each in bundle.files if each.private]:
        exposed = [replace(each, private=each.private and each.name != file.name) for each in bundle.files]
        if not file.password:  # locked: nothing can be seen from outside
            with pytest.raises(BundleError, match="holds the private key and is not marked so"):
                check_bundle(target, bundle_credentials.credentials(), exposed)


@pytest.mark.parametrize("target", KEYLESS, ids=[target.name for target in KEYLESS])
def test_a_device_that_keeps_its_key_gets_the_rest_and_is_told_where_the_key_goes(target: Target) -> None:
    bundle = make_bundle(target, bundle_credentials.without_key())
    assert not [file.name for file in bundle.files if file.private]
    readme = next(file for file in bundle.files if file.name == README).content.decode()
    assert "private key" in readme


@EACH
@pytest.mark.parametrize("kind", ["P-384", "P-521", "RSA-2048"])
def test_a_key_that_the_target_cannot_read_is_refused_in_words(target: Target, kind: str) -> None:
    device = bundle_credentials.without_key(kind)
    if kind in target.limits.keys and not target.limits.needs_key:
        make_bundle(target, device)
        return
    with pytest.raises(BundleError) as caught:
        make_bundle(target, device)
    assert caught.value.why


@EACH
def test_whatever_byte_is_damaged_the_bundle_is_refused(target: Target) -> None:
    files = list(make_bundle(target, bundle_credentials.credentials()).files)
    for place, file in enumerate(files):
        if file.name == MANIFEST:
            continue  # what is said there of others is compared with them, not with itself
        for at in range(0, len(file.content), 1 + len(file.content) // 16):
            damaged = bytearray(file.content)
            damaged[at] ^= 0x01
            with pytest.raises(BundleError):
                check_against_manifest([*files[:place], replace(file, content=bytes(damaged)), *files[place + 1 :]])


@EACH
def test_the_target_itself_reads_what_it_wrote(target: Target) -> None:
    """Without the manifest: the target's own reader has to see that credentials of another device are in the files."""
    ours, other = bundle_credentials.credentials(), bundle_credentials.another()
    files = own_files(target, ours)
    target.check(files, ours)
    with pytest.raises(Error):
        target.check(files, other)
    for left_out in files:
        if left_out.private:
            with pytest.raises(Error):
                target.check([file for file in files if file is not left_out], ours)
