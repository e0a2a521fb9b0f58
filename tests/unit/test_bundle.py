"""The names of a bundle's files are a promise: they stand in other people's scripts."""

import pytest

from sealmq import bundle
from sealmq.errors import BundleError, ConfigError, TrustError


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


def write(path, content: bytes, mode: int = 0o600):
    path.touch(mode)
    path.chmod(mode)
    path.write_bytes(content)
    return path


def test_a_psk_is_read_as_it_was_written(tmp_path):
    file = write(tmp_path / "psk.txt", bundle.psk_line("sensor-1", bytes(range(32))))
    found = bundle.read_psk(file)
    assert (found.identity, found.key) == ("sensor-1", bytes(range(32)))
    assert "0001" not in repr(found)
    assert "\\x00" not in repr(found)
    longest = bundle.psk_line("ü" * 64, bytes(64))
    assert bundle.read_psk(write(file, longest)).identity == "ü" * 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not one line of identity:key"),
        (b"sensor-1\n", "not one line"),
        (b"a:" + b"00" * 16 + b"\nb:" + b"00" * 16 + b"\n", "not one line"),
        (b"a\tb:" + b"00" * 16, "not one line"),
        (b"a:" + b"00" * 5_000, "not one line"),
        (b"\xff:" + b"00" * 16, "is no text"),
        (b":" + b"00" * 16, "0 bytes"),
        (b"a" * 129 + b":" + b"00" * 16, "129 bytes"),
        (b"a:" + b"00" * 15, "16 to 64 bytes in hex"),
        (b"a:" + b"00" * 65, "16 to 64 bytes in hex"),
        (b"a:" + b"00" * 16 + b"0", "16 to 64 bytes in hex"),
        (b"a:0x" + b"00" * 16, "16 to 64 bytes in hex"),
        (b"a:" + b"zz" * 16, "16 to 64 bytes in hex"),
    ],
)
def test_a_psk_file_that_is_none_is_refused_without_its_contents(tmp_path, content, words):
    with pytest.raises(BundleError, match=words) as caught:
        bundle.read_psk(write(tmp_path / "psk.txt", content))
    assert "sealmq device add NAME --psk" in caught.value.remedy
    assert "0000" not in "".join((caught.value.what, caught.value.why, caught.value.remedy))


def test_a_psk_that_others_can_read_is_refused(tmp_path):
    file = write(tmp_path / "psk.txt", bundle.psk_line("sensor-1", bytes(32)), 0o640)
    with pytest.raises(TrustError, match=r"read or changed by others \(mode 0640\)") as caught:
        bundle.read_psk(file)
    assert f"chmod 600 {file}" in caught.value.remedy
    with pytest.raises(TrustError, match="cannot be read"):
        bundle.read_psk(tmp_path / "missing")


def test_a_bundle_with_a_psk_alone_names_the_option_that_takes_it(tmp_path):
    (tmp_path / "psk.txt").write_text("small-1:" + "00" * 32 + "\n")
    with pytest.raises(ConfigError, match="a pre-shared key, and no certificate") as caught:
        bundle.expect_whole(tmp_path)
    assert f"--psk-file {tmp_path / 'psk.txt'}" in caught.value.remedy
    with pytest.raises(ConfigError) as caught:
        bundle.expect_whole(tmp_path, with_psk="another thing to do")
    assert caught.value.remedy == "another thing to do"
