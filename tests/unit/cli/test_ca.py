from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.home import Home
from sealmq.pki import passphrase, sealing
from sealmq.pki.keeping import read_root
from sealmq.pki.profiles import ServerNames
from tokens import SoftHSM

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=time.time()).close()
    return path


def test_the_root_to_trust(home: Path, capsys: Shown) -> None:
    with Home.open(home) as opened:
        fingerprint = opened.root_fingerprint()
    assert run(["ca", "root", "--home", str(home)]) == 0
    assert capsys.readouterr().out == f"root to trust   {home}/ca/root.pem\nits SHA-256     {fingerprint}\n"
    assert run(["ca", "root", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": f"{home}/ca/root.pem", "sha256": fingerprint}
    assert run(["ca", "root", "--home", str(home), "--pem"]) == 0
    assert capsys.readouterr().out == (home / "ca" / "root.pem").read_text()


PASSPHRASE = "a long enough passphrase"


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "COST", 2)
    monkeypatch.setattr(sealing, "LANES", 1)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "passphrase", PASSPHRASE)


def written(path: Path, line: str) -> Path:
    path.touch(0o600)
    path.write_text(f"{line}\n")
    return path


def kept(home: Path, capsys: Shown) -> dict[str, str]:
    capsys.readouterr()
    assert run(["ca", "keys", "--home", str(home), "--json"]) == 0
    return {each["name"]: each["kept"] for each in json.loads(capsys.readouterr().out)}


def test_where_the_keys_are(home: Path, capsys: Shown) -> None:
    assert kept(home, capsys) == dict.fromkeys(["root", "server-ca", "device-ca", "claim-ca"], "plain")
    (home / "ca" / "root.key").unlink()
    assert run(["ca", "keys", "--home", str(home)]) == 0
    said = capsys.readouterr().out
    assert "root       not in this home" in said
    assert "device-ca  lies open: whoever reads the file has it" in said


def test_retired_keys_are_counted_not_named(home: Path, file: Path, capsys: Shown) -> None:
    assert run(["ca", "rotate", "--only", "server-ca", "--home", str(home)]) == 0
    assert run(["ca", "encrypt", "--new-passphrase-file", str(file), "--home", str(home)]) == 0
    assert "root, server-ca, device-ca, claim-ca, 1 retired. " in capsys.readouterr().out


def test_sealed_and_opened(home: Path, file: Path, capsys: Shown) -> None:
    where = ["--home", str(home)]
    assert run(["ca", "encrypt", "--new-passphrase-file", str(file), *where]) == 0
    assert "Sealed by the passphrase: root, server-ca, device-ca, claim-ca." in capsys.readouterr().out
    assert set(kept(home, capsys).values()) == {"sealed"}
    add = ["device", "add", "sensor-1", *where]
    assert run(add) == 1
    said = capsys.readouterr().err
    assert "ca/device-ca.key is sealed by a passphrase, and nobody gave it" in said
    assert "--ca-passphrase-file FILE" in said
    assert run([*add, "--ca-passphrase-file", str(file)]) == 0
    wrong = written(file.with_name("wrong"), "some other passphrase")
    assert run(["ca", "decrypt", "--ca-passphrase-file", str(wrong), *where]) == 1
    assert PASSPHRASE not in capsys.readouterr().err
    assert run(["ca", "decrypt", "--ca-passphrase-file", str(file), *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"opened": ["root", "server-ca", "device-ca", "claim-ca"]}
    assert set(kept(home, capsys).values()) == {"plain"}


def test_another_passphrase_and_what_still_lies_open(home: Path, file: Path, capsys: Shown) -> None:
    where = ["--home", str(home)]
    old = home / ".replaced" / "ca"
    old.mkdir(parents=True)
    (old / "root.key").write_bytes((home / "ca" / "root.key").read_bytes())
    # Where nothing is sealed yet, the passphrase that is given for opening is the one to be.
    assert run(["ca", "encrypt", "--ca-passphrase-file", str(file), *where]) == 0
    assert f"An older copy lies open: {old / 'root.key'}" in capsys.readouterr().out
    newer = written(file.with_name("newer"), "another long passphrase")
    change = ["ca", "encrypt", "--ca-passphrase-file", str(file), "--new-passphrase-file", str(newer), *where]
    assert run([*change, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["open_copies"] == [str(old / "root.key")]
    assert run(change) == 1
    assert run(["device", "add", "sensor-1", "--ca-passphrase-file", str(newer), *where]) == 0


def test_a_passphrase_that_is_too_short(home: Path, tmp_path: Path, capsys: Shown) -> None:
    short = written(tmp_path / "short", "short")
    assert run(["ca", "encrypt", "--new-passphrase-file", str(short), "--home", str(home)]) == 1
    assert "fewer than 12 characters" in capsys.readouterr().err
    assert set(kept(home, capsys).values()) == {"plain"}


def test_the_root_s_key_is_taken_away(home: Path, file: Path, tmp_path: Path, capsys: Shown) -> None:
    offline = tmp_path / "root.offline"
    old = home / ".replaced" / "ca"
    old.mkdir(parents=True)
    (old / "root.key").write_bytes((home / "ca" / "root.key").read_bytes())
    export = ["ca", "export-root", "--offline", str(offline), "--root-passphrase-file", str(file), "--home", str(home)]
    assert run(export) == 0
    said = capsys.readouterr().out
    assert "read back and checked" in said
    assert f"An older copy is in {old / 'root.key'}" in said
    assert kept(home, capsys)["root"] == "away"
    assert run(export) == 1
    assert "the root's key is not in this home" in capsys.readouterr().err
    assert run(["device", "add", "sensor-1", "--home", str(home)]) == 0
    with Home.open(home) as opened:
        root = read_root(opened.authorities, offline, lambda: PASSPHRASE.encode())
        assert root.certificate.der == opened.authorities.certificate("root")


def test_the_root_s_key_in_words_for_a_program(home: Path, file: Path, tmp_path: Path, capsys: Shown) -> None:
    offline = tmp_path / "root.offline"
    export = ["ca", "export-root", "--offline", str(offline), "--root-passphrase-file", str(file), "--home", str(home)]
    assert run([*export, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(offline), "removed": ["root"], "older_copies": []}


def test_a_claim_authority_for_an_older_home_whose_root_is_away(
    home: Path, file: Path, tmp_path: Path, capsys: Shown
) -> None:
    where, offline = ["--home", str(home)], tmp_path / "root.offline"
    assert run(["ca", "add-claim", *where]) == 0
    assert capsys.readouterr().out == "E Claim CA 1 was there before; nothing has changed.\n"
    with Home.open(home) as opened:
        opened.authorities.replace({}, remove=["claim-ca.pem", "claim-ca.key"])
    sealed_by = ["--root-passphrase-file", str(file)]
    assert run(["ca", "export-root", "--offline", str(offline), *sealed_by, *where]) == 0
    assert run(["ca", "add-claim", *where]) == 1
    said = capsys.readouterr().err
    assert "the root's key is not in this home" in said
    assert "--root-key FILE" in said
    assert run(["ca", "add-claim", "--root-key", str(offline), *where]) == 1
    assert "--root-passphrase-file FILE" in capsys.readouterr().err
    assert run(["ca", "add-claim", "--root-key", str(home / "ca" / "device-ca.key"), *where]) == 1
    assert "does not hold the key of 'E Root CA" in capsys.readouterr().err
    assert run(["ca", "add-claim", "--root-key", str(offline), *sealed_by, "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["made"]) == ("E Claim CA 1", True)
    assert kept(home, capsys)["root"] == "away"


@pytest.mark.interop
def test_into_a_token(home: Path, hsm: SoftHSM, capsys: Shown) -> None:
    hsm.restart()
    where = ["--home", str(home)]
    assert run(["ca", "to-token", "--module", "/no/such.so", "--token", "plant", *where]) == 2
    assert "there is no PKCS#11 library" in capsys.readouterr().err
    assert run(["ca", "to-token", *hsm.options, *where]) == 0
    said = capsys.readouterr().out
    assert "In the token 'plant', each has signed and was checked: E Root CA" in said
    assert set(kept(home, capsys).values()) == {"token"}
    assert run(["ca", "keys", *where]) == 0
    assert "device-ca  in a token 'plant'" in capsys.readouterr().out
    hsm.restart()
    assert run(["device", "add", "sensor-1", *where]) == 0
    assert run(["ca", "to-token", *hsm.options, *where, "--json"]) == 1
    assert "do not come out" in capsys.readouterr().err


@pytest.mark.interop
def test_into_a_token_for_a_program(home: Path, hsm: SoftHSM, capsys: Shown) -> None:
    hsm.restart()
    assert run(["ca", "to-token", *hsm.options, "--home", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["token"] == "plant"
    assert [uri.startswith("pkcs11:token=plant;serial=") for uri in told["keys"]] == [True] * 4


def test_the_audit_trail_says_how_the_keys_were_kept(home: Path, file: Path, tmp_path: Path, capsys: Shown) -> None:
    where, opens = ["--home", str(home)], ["--ca-passphrase-file", str(file)]
    assert run(["ca", "encrypt", *opens, *where]) == 0
    away = ["--offline", str(tmp_path / "root.offline"), "--root-passphrase-file", str(file)]
    assert run(["ca", "export-root", *away, *opens, *where]) == 0
    assert run(["ca", "decrypt", *opens, *where]) == 0
    lines = [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]
    told = [line["facts"] for line in lines if line["action"] == "keep-keys"]
    assert told == [
        {"kept": "sealed", "keys": "root, server-ca, device-ca, claim-ca"},
        {"kept": "away", "keys": "root"},
        {"kept": "plain", "keys": "server-ca, device-ca, claim-ca"},
    ]
    assert run(["log", "verify", *where]) == 0
    assert PASSPHRASE not in (home / "audit.jsonl").read_text()


def test_what_cannot_be_recorded_is_not_done(home: Path, file: Path, tmp_path: Path, capsys: Shown) -> None:
    with (home / "audit.jsonl").open("a") as trail:
        trail.write("not a line of ours\n")
    where, offline = ["--home", str(home)], tmp_path / "root.offline"
    assert run(["ca", "encrypt", "--new-passphrase-file", str(file), *where]) == 1
    away = ["--offline", str(offline), "--root-passphrase-file", str(file)]
    assert run(["ca", "export-root", *away, *where]) == 1
    assert not offline.exists()
    assert set(kept(home, capsys).values()) == {"plain"}
