from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=1_800_000_000.0).close()
    return path


def test_it_says_what_is_in_it_and_what_to_do_with_it(home, tmp_path, capsys):
    assert run(["backup", str(tmp_path / "b"), "--home", str(home)]) == 0
    said = capsys.readouterr().out
    assert "read back and checked" in said
    assert "private keys" in said
    assert "sealmq restore" in said


def test_for_a_program(home, tmp_path, capsys):
    assert run(["backup", str(tmp_path / "b"), "--home", str(home), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == (tmp_path / "b").stat().st_size
    assert said["files"] > 8
    assert said["made"].endswith("Z")


def test_there_is_no_home(tmp_path, capsys):
    assert run(["backup", str(tmp_path / "b"), "--home", str(tmp_path / "none")]) == 1
    assert "there is no home" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
