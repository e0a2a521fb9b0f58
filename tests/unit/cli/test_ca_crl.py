"""`sealmq ca crl`, on a real home. What it does is tested in test_crl_export.py."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.home import Home
from sealmq.pki.lists import lists_of, read_list
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(path, organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("sensor-1", now=time.time())
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert cli.run(list(arguments)) == code
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_to_the_terminal_and_to_files(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(lists_of(run(capsys, "ca", "crl").encode())) == 3
    out = tmp_path / "crl.pem"
    assert "Test Device CA 1: number" in run(capsys, "ca", "crl", "--out", str(out), "--ahead", "2")
    assert len(lists_of(out.read_bytes())) == 9
    told = json.loads(run(capsys, "ca", "crl", "--out", str(out), "--json"))
    assert (told["file"], len(told["lists"])) == (str(out), 3)
    run(capsys, "ca", "crl", "--out", str(out), "--der", "--ca", "device-ca")
    assert read_list(out.read_bytes()).revoked == 0
    assert "cannot be written" in run(capsys, "ca", "crl", "--out", str(tmp_path / "no" / "where"), code=2)


def test_the_kept_file_follows_each_revocation(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "kept fresh from now on" in run(capsys, "ca", "crl", "--keep")
    path = home / "ca" / "crl.pem"
    for command, count in (("hold", 1), ("release", 0), ("revoke", 1)):
        run(capsys, "device", command, "sensor-1")
        assert read_list(lists_of(path.read_bytes())[0]).revoked == count
    path.write_text("nonsense")
    shown = run(capsys, "device", "hold", "operator")
    assert "operator is on hold" in shown
    assert "sealmq ca crl --keep" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["--keep", "--out", "x"],
        ["--keep", "--der"],
        ["--der"],
        ["--der", "--out", "x"],
        ["--der", "--out", "x", "--ca", "device-ca", "--ahead", "1"],
        ["--json"],
    ],
)
def test_what_does_not_go_together(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(capsys, "ca", "crl", *arguments, code=2).startswith("sealmq: ")
