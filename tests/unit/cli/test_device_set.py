"""`sealmq device set`, and where else a device's record size is said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    Home.create(path, organization="X", country="NL", names=ServerNames(("localhost",)), now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def run(*arguments: str) -> int:
    return cli.run(["device", *arguments])


def test_a_size_is_set_shown_and_lifted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("set", "operator", "--max-record", "1024") == 0
    assert capsys.readouterr().out == "operator gets TLS records of 1,024 bytes at most, from its next connection on.\n"
    assert run("show", "operator") == 0
    assert "  TLS records  1,024 bytes at most, towards it\n" in capsys.readouterr().out
    assert run("set", "operator", "--max-record", "16384") == 0
    assert "TLS records as its listener has them" in capsys.readouterr().out
    assert run("show", "operator", "--json") == 0
    assert json.loads(capsys.readouterr().out)["max_record"] is None


@pytest.mark.parametrize("more", [(), ("--psk",)])
def test_a_size_is_said_with_the_device(home: Path, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "small-1", "--max-record", "512", *more) == 0
    capsys.readouterr()
    assert run("show", "small-1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["max_record"] == 512


def test_what_cannot_be_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("set", "operator", "--max-record", "100") == 1
    assert "records of 100 bytes cannot be sent" in capsys.readouterr().err
    assert run("set", "nobody", "--max-record", "1024") == 1
    assert "there is no device 'nobody'" in capsys.readouterr().err
    assert run("set", "operator") == 2
    assert run("add", "--from", "table.csv", "--max-record", "1024") == 2
    assert "--max-record is for one device" in capsys.readouterr().err
    assert run("add", "x", "--max-record", "100") == 2
