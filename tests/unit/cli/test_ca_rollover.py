"""`sealmq ca status` and `sealmq ca rotate`, on a real home. What they do is tested in test_rolling_over.py."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.home import Home
from sealmq.pki.keeping import export_root
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert cli.run(["ca", *arguments]) == code
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_a_whole_roll_over(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "status")
    assert "No roll-over is on its way. 1 device is let in." in shown
    assert cli.run(["device", "add", "sensor-1"]) == 0
    assert "Test Server CA 1" in shown
    assert max(map(len, shown.splitlines())) <= 80
    shown = run(capsys, "rotate", "--overlap", "30")
    assert "New: 'Test Device CA 2'" in shown
    assert "sealmq ca rotate --finish" in shown
    shown = run(capsys, "status")
    assert "1 of 2 devices were not given the new root" in shown
    assert "2 of 2 devices have a certificate of the old Device CA" in shown
    listed = run(capsys, "status", "--list")
    assert "sensor-1\tthe old root, a certificate of the old Device CA" in listed
    assert "operator\ta certificate of the old Device CA" in listed, "the new one was not seen yet"
    needs = [json.loads(line) for line in run(capsys, "status", "--list", "--json").splitlines()]
    assert [each["needs_old_root"] for each in needs] == [False, True]
    told = json.loads(run(capsys, "status", "--json"))
    assert (told["rolling_over"], told["may_be_finished"], told["devices"]) == (True, False, 2)
    assert [each["newest"] for each in told["authorities"] if each["name"] == "root"] == [True, False]
    assert "devices need what is old" in run(capsys, "rotate", "--finish", code=1)
    for name in ("operator", "sensor-1"):
        cli.run(["device", "revoke", name])
        cli.run(["device", "add", name])
    assert "No device needs what is old" in run(capsys, "status")
    assert "Not trusted any more: 'Test Device CA 1'" in run(capsys, "rotate", "--finish")
    assert "no roll-over is on its way" in run(capsys, "rotate", "--finish", code=1)


def test_one_ca_and_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "rotate", "--only", "device-ca", "--json"))
    assert (told["rolling_over"], told["begun"], told["need_old_root"]) == (True, None, [])
    shown = run(capsys, "status")
    assert "were not given the new root" not in shown
    assert "Test Device CA 2" in shown
    gone = json.loads(run(capsys, "rotate", "--finish", "--force", "--json"))["gone"]
    assert [each["common_name"] for each in gone] == ["Test Device CA 1"]
    assert "one of: server-ca, device-ca, claim-ca" in run(capsys, "rotate", "--only", "root", code=1)


def test_a_new_server_ca_needs_nothing_more(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "rotate", "--only", "server-ca")
    assert "Nothing more is to be done" in shown
    assert "--finish" not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["--finish", "--only", "device-ca"],
        ["--finish", "--overlap", "9"],
        ["--force"],
        ["--only", "device-ca", "--overlap", "9"],
        ["--overlap", "0"],
        ["--overlap", "4000"],
    ],
)
def test_what_does_not_go_together(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    before = run(capsys, "status")
    assert run(capsys, "rotate", *arguments, code=2).startswith("sealmq: ")
    assert run(capsys, "status") == before


def test_the_roots_key_from_its_file(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, passphrase = tmp_path / "root.key", tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    with Home.open(home) as opened:
        export_root(opened.authorities, file, b"correct horse battery")
    assert "key elsewhere" in run(capsys, "status")
    assert "--root-key FILE" in run(capsys, "rotate", code=1)
    run(capsys, "rotate", "--root-key", str(file), "--root-passphrase-file", str(passphrase))
    assert "Test Claim CA 2" in run(capsys, "status")
