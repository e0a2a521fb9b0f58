"""The names of a bundle's files are a promise: they stand in other people's scripts."""

import pytest

from sealmq import bundle
from sealmq.errors import ConfigError


def test_the_names_of_the_files() -> None:
    names = (bundle.ROOT_FILE, bundle.LEAF_FILE, bundle.CHAIN_FILE, bundle.KEY_FILE)
    assert names == ("root.pem", "device.pem", "device-chain.pem", "device.key")


def test_a_folder_from_before_there_was_a_leaf_sends_its_chain(tmp_path):
    assert bundle.certificate_file(tmp_path) == tmp_path / "device-chain.pem"
    (tmp_path / "device.pem").touch()
    assert bundle.certificate_file(tmp_path) == tmp_path / "device.pem"


def test_the_files_that_a_client_reads(tmp_path):
    chain, leaf, key = (tmp_path / name for name in ("device-chain.pem", "device.pem", "device.key"))
    assert bundle.files_of(tmp_path) == (tmp_path / "root.pem", chain, key)
    leaf.touch()
    assert bundle.files_of(tmp_path) == (tmp_path / "root.pem", leaf, key)


def test_the_files_of_a_folder_in_the_order_of_writing() -> None:
    files = bundle.device_files(b"root", b"leaf", b"issuing", b"key")
    assert list(files.items()) == [
        *(("root.pem", b"root"), ("device.pem", b"leaf"), ("device-chain.pem", b"leafissuing"), ("device.key", b"key")),
    ]
    assert "device.key" not in bundle.device_files(b"root", b"leaf", b"issuing", None)


def test_the_folder_that_is_in_use(tmp_path):
    assert bundle.current_of(tmp_path) == tmp_path
    (tmp_path / ".slots").mkdir()
    (tmp_path / ".slots" / "current").symlink_to("0a")
    assert bundle.current_of(tmp_path) == tmp_path / ".slots" / "0a"


def test_a_bundle_is_whole_or_it_is_said_what_is_missing(tmp_path):
    with pytest.raises(ConfigError, match=r"no root\.pem and no device\.pem and no device\.key"):
        bundle.expect_whole(tmp_path)
    for name in ("root.pem", "device.pem", "device.key"):
        (tmp_path / name).touch()
    bundle.expect_whole(tmp_path)
