"""The names of a bundle's files are a promise: they stand in other people's scripts."""

from sealmq import bundle


def test_the_names_of_the_files() -> None:
    assert (bundle.ROOT_FILE, bundle.CHAIN_FILE, bundle.KEY_FILE) == ("root.pem", "device-chain.pem", "device.key")
