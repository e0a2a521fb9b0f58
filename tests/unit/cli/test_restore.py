from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames
from sealmq.presence import Presence

NOW = 1_800_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    with Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=NOW) as made:
        made.enrollment().add_device("sensor-1", role="device", now=NOW)
    return path


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    assert run(["backup", str(tmp_path / "b"), "--home", str(home)]) == 0
    return tmp_path / "b"


def test_a_new_place(home, backup, tmp_path, capsys):
    assert run(["restore", str(backup), "--home", str(tmp_path / "new")]) == 0
    assert "is now as it was at" in capsys.readouterr().out
    with Home.open(tmp_path / "new") as opened, Home.open(home) as original:
        assert opened.root_fingerprint() == original.root_fingerprint()
        assert opened.registry.device("sensor-1") == original.registry.device("sensor-1")


def test_a_home_is_not_replaced_unless_one_insists(home, backup, capsys):
    with Home.open(home) as opened:
        opened.enrollment().add_device("later", role="device", now=NOW)
        opened.enrollment().revoke_device("sensor-1", now=NOW)
    assert run(["restore", str(backup), "--home", str(home)]) == 1
    assert "--force" in capsys.readouterr().err
    with Home.open(home) as opened:
        assert opened.registry.device("later") is not None
    assert run(["restore", str(backup), "--home", str(home), "--force"]) == 0
    assert "sensor-1 was revoked after that, and is valid again" in capsys.readouterr().out
    with Home.open(home) as opened:
        assert opened.registry.device("later") is None


def test_for_a_program(home, backup, capsys):
    with Home.open(home) as opened:
        opened.enrollment().revoke_device("sensor-1", now=NOW)
    assert run(["restore", str(backup), "--home", str(home), "--force", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["home"], said["by_broker"], said["valid_again"]) == (str(home), False, ["sensor-1"])
    assert said["made"].endswith("Z")


def test_a_folder_of_something_else_is_left_alone(backup, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("x")
    assert run(["restore", str(backup), "--home", str(tmp_path / "other"), "--force"]) == 1
    assert "no home" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["precious"]


def test_a_broker_that_does_not_take_it_over(home, backup, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["sealmq.cli.restore"], "_PATIENCE", 0.05)
    with Presence.claim(home):
        assert run(["restore", str(backup), "--home", str(home), "--force"]) == 1
    assert "has not taken over" in capsys.readouterr().err
    Home.open(home).close()  # it is finished by whoever opens it next
    assert not (home / ".restored").exists()
