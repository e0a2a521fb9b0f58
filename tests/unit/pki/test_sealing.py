from __future__ import annotations

import subprocess

import pytest

from running import program
from sealmq.errors import TrustError
from sealmq.pki import sealing
from sealmq.pki.keys import PrivateKey
from sealmq.pki.sealing import check_passphrase, check_sealed, is_sealed, seal, unseal

PASSPHRASE = b"correct horse battery staple"


@pytest.fixture(scope="module")
def key():
    return PrivateKey.generate()


@pytest.fixture(scope="module")
def sealed(key):
    return seal(key, PASSPHRASE)


def test_only_the_passphrase_opens_it(key, sealed):
    assert is_sealed(sealed)
    check_sealed(sealed)
    assert unseal(sealed, PASSPHRASE).pem() == key.pem()
    for wrong in (b"Correct horse battery staple", b"", PASSPHRASE + b" "):
        with pytest.raises(TrustError, match="does not open") as caught:
            unseal(sealed, wrong)
        assert PASSPHRASE.decode() not in str(caught.value)
    with pytest.raises(TrustError, match="not an unencrypted"):
        PrivateKey.from_pem(sealed)


def test_the_same_key_is_never_sealed_the_same_way(key, sealed):
    assert seal(key, PASSPHRASE) != sealed
    assert not is_sealed(key.pem())


def test_nothing_of_the_key_is_in_it(key, sealed):
    inside = set(key.pem().splitlines()[1:-1])
    assert not inside & set(sealed.splitlines())


@pytest.mark.interop
def test_openssl_opens_it_and_sees_how_it_is_sealed(key, sealed, tmp_path):
    openssl = program("openssl", "openssl")
    (tmp_path / "sealed").write_bytes(sealed)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    command = [openssl, "pkey", "-in", tmp_path / "sealed", "-passin", f"file:{tmp_path / 'passphrase'}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == key.pem()
    parsed = subprocess.run([openssl, "asn1parse", "-in", tmp_path / "sealed"], capture_output=True, text=True).stdout
    for words in ("PBES2", "scrypt", "aes-256-cbc", f":{sealing.COST:X}", f":0{sealing.BLOCK}", f":0{sealing.LANES}"):
        assert words in parsed


@pytest.mark.interop
def test_what_openssl_sealed_is_opened(key, tmp_path):
    openssl = program("openssl", "openssl")
    (tmp_path / "key").write_bytes(key.pem())
    for more in (["-scrypt"], ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", "1000"]):
        command = [openssl, "pkcs8", "-topk8", "-in", tmp_path / "key", "-passout", "pass:as openssl does", *more]
        sealed = subprocess.run(command, capture_output=True, check=True).stdout
        assert is_sealed(sealed)
        check_sealed(sealed)
        assert unseal(sealed, b"as openssl does").pem() == key.pem()


def test_a_damaged_file_is_noticed(sealed):
    lines = sealed.splitlines(keepends=True)
    for damaged in (b"".join(lines[:-2] + lines[-1:]), lines[0] + b"AAAA\n" + lines[-1], lines[0] + b"!\n" + lines[-1]):
        with pytest.raises(TrustError, match="damaged"):
            check_sealed(damaged)
        with pytest.raises(TrustError):
            unseal(damaged, PASSPHRASE)


def test_a_sealed_key_that_is_no_authority_s(tmp_path):
    openssl = program("openssl", "openssl")
    made = subprocess.run(
        [
            openssl,
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-384",
            "-aes256",
            "-pass",
            "pass:other",
        ],
        capture_output=True,
        check=True,
    ).stdout
    with pytest.raises(TrustError, match="not a P-256 key"):
        unseal(made, b"other")


@pytest.mark.parametrize(
    ("passphrase", "why"),
    [(b"short", "fewer than 12"), (b"", "fewer"), (b"\xff" * 20, "UTF-8"), (b"with a line\nbreak in it", "printed")],
)
def test_passphrases_that_are_refused(passphrase, why):
    with pytest.raises(TrustError, match=why):
        check_passphrase(passphrase)


def test_a_passphrase_in_any_language():
    check_passphrase("zwölf Boxkämpfer".encode())
