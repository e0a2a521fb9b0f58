"""`sealmq device list`: a page at a terminal, a stream into a pipe."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.cli import device_list
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> Path:
    """With the operator and sensor-1 to sensor-4; sensor-2 is revoked."""
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    with Home.open(path) as opened:
        for number in range(1, 5):
            opened.enrollment().add_device(f"sensor-{number}", now=time.time())
    assert cli.run(["device", "revoke", "sensor-2"]) == 0
    capsys.readouterr()
    return path


def names(capsys: Shown, *words: str) -> list[str]:
    assert cli.run(["device", "list", "--json", *words]) == 0
    return [device["name"] for device in json.loads(capsys.readouterr().out)]


def test_what_is_wanted_is_chosen(home: Path, capsys: Shown) -> None:
    assert names(capsys) == ["operator", "sensor-1", "sensor-2", "sensor-3", "sensor-4"]
    assert names(capsys, "sensor-*", "--limit", "2") == ["sensor-1", "sensor-2"]
    assert names(capsys, "sensor-*", "--limit", "2", "--after", "sensor-2") == ["sensor-3", "sensor-4"]
    assert names(capsys, "--state", "revoked") == ["sensor-2"]
    assert names(capsys, "nobody") == []
    assert cli.run(["device", "list", "--state", "lost"]) == 1
    assert "active, expired, held, revoked" in capsys.readouterr().err


def test_json_is_one_device_a_line(home: Path, capsys: Shown) -> None:
    assert cli.run(["device", "list", "--json"]) == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(line.rstrip(","))["name"] for line in lines][1:3] == ["sensor-1", "sensor-2"]


def test_a_program_gets_all_in_columns(home: Path, capsys: Shown) -> None:
    assert cli.run(["device", "list"]) == 0
    title, operator, sensor, revoked, *_ = capsys.readouterr().out.splitlines()
    assert title == "name      role      state    valid until  serial"
    assert operator.startswith("operator  operator  active   20")
    assert sensor.startswith("sensor-1  device    active   20")
    assert revoked.startswith("sensor-2  device    revoked  20")
    assert len({len(line) for line in (operator, sensor, revoked)}) == 1


def test_a_program_gets_all_however_many(home: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_list, "AT_A_TERMINAL", 2)
    monkeypatch.setattr(device_list, "_MEASURED", 1)
    assert cli.run(["device", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_a_terminal_shows_a_page_and_says_how_to_go_on(
    home: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_list, "AT_A_TERMINAL", 2)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert cli.run(["device", "list"]) == 0
    shown = capsys.readouterr().out
    assert "sensor-1" in shown
    assert "sensor-2" not in shown
    assert shown.endswith("There are more. Next: sealmq device list --after sensor-1\n")
    assert cli.run(["device", "list", "--after", "sensor-3"]) == 0
    shown = capsys.readouterr().out
    assert "sensor-4" in shown
    assert "There are more" not in shown
