"""The names of a bundle's files are a promise: they stand in other people's scripts."""

from pathlib import Path

from sealmq import bundle


def test_the_names_of_the_files() -> None:
    assert bundle.LEAF_FILE == "device.pem"
    assert (bundle.ROOT_FILE, bundle.CHAIN_FILE, bundle.KEY_FILE) == ("root.pem", "device-chain.pem", "device.key")


def test_the_certificate_is_shown_alone_where_it_stands_alone(tmp_path: Path) -> None:
    assert bundle.files_of(tmp_path) == (tmp_path / "root.pem", tmp_path / "device-chain.pem", tmp_path / "device.key")
    (tmp_path / "device.pem").touch()
    assert bundle.files_of(tmp_path)[1] == tmp_path / "device.pem"
