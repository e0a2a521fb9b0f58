"""The names of a bundle's files are a promise: they stand in other people's scripts."""

from sealmq import bundle


def test_the_names_of_the_files() -> None:
    names = (bundle.ROOT_FILE, bundle.LEAF_FILE, bundle.CHAIN_FILE, bundle.KEY_FILE)
    assert names == ("root.pem", "device.pem", "device-chain.pem", "device.key")
