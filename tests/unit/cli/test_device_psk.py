"""`sealmq device add NAME --psk`, and what the other commands say of such a device, on a real home."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.bundle import read_psk
from sealmq.home import Home
from sealmq.pki.keeping import seal_keys
from sealmq.pki.profiles import ServerNames

LISTENER = '[[listener]]\naddress = "127.0.0.1:8886"\nauth = "psk"\nmiddleware = "wolfssl"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost", "broker.local"), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    monkeypatch.chdir(tmp_path)
    (path / "sealmq.toml").write_text(LISTENER)
    return path


def run(*words: str) -> int:
    return cli.run(["device", *words])


def secret_of(home: Path, name: str) -> str:
    return read_psk(home / "devices" / name / "psk.txt").key.hex()


def test_add_says_where_the_key_is_and_never_the_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "small-1", "--psk", "--days", "10") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("small-1 is added: role device, PSK until 20")
    assert str(home / "devices" / "small-1" / "psk.txt") in shown
    assert "can pose as the broker towards it" in shown
    assert "does not listen" not in shown
    assert "sealmq device bundle small-1 --target mosquitto --host 127.0.0.1 --port 8886" in shown
    file = home / "devices" / "small-1" / "psk.txt"
    assert f"sealmq pub --middleware wolfssl \\\n      --psk-file {file} \\\n" in shown
    assert secret_of(home, "small-1") not in shown
    assert run("add", "small-2", "--psk", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["identity"], said["psk"]) == (
        *("small-2", "small-2"),
        str(home / "devices" / "small-2" / "psk.txt"),
    )
    assert secret_of(home, "small-2") not in json.dumps(said)


def test_without_a_listener_it_says_how_one_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "sealmq.toml").unlink()
    assert run("add", "small-1", "--psk") == 0
    shown = capsys.readouterr().out
    assert "does not listen for PSKs yet" in shown
    assert 'auth = "psk"' in shown
    assert run("bundle", "small-1", "--target", "mosquitto") == 2
    assert "nowhere to dial" in capsys.readouterr().err
    assert run("add", "small-2", "--psk", "--target", "mosquitto") == 2
    assert not (home / "devices" / "small-2").exists()


def test_the_command_takes_the_library_of_the_listener(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "sealmq.toml").write_text(f'[tls]\nmiddleware = "mbedtls"\n{LISTENER.replace("middleware", "# ")}')
    assert run("add", "small-1", "--psk") == 0
    assert " --middleware mbedtls " in capsys.readouterr().out


def test_list_and_show_say_what_it_proves_itself_by(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "small-1", "--psk")
    capsys.readouterr()
    assert run("list") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("small-1"))
    assert line.endswith(" (PSK)")
    assert run("list", "--json") == 0
    assert {each["name"]: each["proof"] for each in json.loads(capsys.readouterr().out)} == {
        "operator": "certificate",
        "small-1": "psk",
    }
    assert run("show", "small-1") == 0
    shown = capsys.readouterr().out
    assert "proof        PSK" in shown
    assert "PSK, in use, not seen yet" in shown
    assert "locked out" not in shown
    assert run("show", "small-1", "--json") == 0
    assert [each["proof"] for each in json.loads(capsys.readouterr().out)["certificates"]] == ["psk"]
    assert run("revoke", "small-1") == 0
    capsys.readouterr()
    assert run("show", "small-1") == 0
    shown = capsys.readouterr().out
    assert "PSK, revoked on" in shown
    assert "sealmq device add small-1 --psk" in shown


def test_a_new_key_is_revoking_and_adding(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "small-1", "--psk")
    before = secret_of(home, "small-1")
    assert run("add", "small-1", "--psk") == 1
    assert "sealmq device revoke small-1, then again sealmq device add small-1 --psk" in capsys.readouterr().err
    assert run("revoke", "small-1") == 0
    assert run("add", "small-1", "--psk") == 0
    assert secret_of(home, "small-1") != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csr", "x.csr", "--psk", "small-1"], "--csr is given together with --psk"),
        (["--from", "x.csv", "--psk"], "--from is given together with --psk"),
        (["--dry-run", "--psk", "small-1"], "--dry-run is given together with --psk"),
        (["--psk"], "which device?"),
        (["--psk", "small-1", "--role", "operator"], "an operator with a PSK"),
        (["--psk", "small-1", "--target", "lwip"], "no lwip bundle with a PSK"),
        (["--psk", "small-1", "--host", "h"], "are for --target"),
    ],
)
def test_what_does_not_go_together_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run("add", *words) != 0
    assert said in capsys.readouterr().err
    assert not (home / "devices" / "small-1").exists()


def test_a_bundle_dials_the_listener_for_psks(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "small-1", "--psk", "--target", "mosquitto", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["bundle"]["port"], said["bundle"]["not_after"]) == (8886, said["not_after"])
    assert f"--psk {secret_of(home, 'small-1')}" in (tmp_path / "small-1-mosquitto/options/mosquitto_pub").read_text()
    assert run("bundle", "small-1", "--target", "mbedtls") == 0
    shown = capsys.readouterr().out
    assert "small-1 for mbedtls, PSK until 20" in shown
    assert "The device dials broker.local, port 8886" in shown


def test_removing_it_removes_its_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "small-1", "--psk")
    assert run("remove", "small-1") == 0
    assert not (home / "devices" / "small-1").exists()
    with Home.open(home) as opened:
        assert opened.registry.query("SELECT * FROM psks") == []


def test_no_key_of_a_ca_is_needed_for_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Home.open(home) as opened:
        seal_keys(opened.authorities, b"correct horse battery")
    assert run("add", "sensor-1") == 1  # nobody is there who could type the passphrase
    assert run("add", "small-1", "--psk") == 0
    assert run("revoke", "small-1") == 0
