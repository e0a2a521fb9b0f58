"""`sealmq log`: what it says of a trail that is whole, and of one that is not."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.devices.trail import Entry, Trail
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    assert cli.run(["device", "add", "sensor-1"]) == 0
    return path


def test_a_home_from_its_first_day_on_is_in_the_trail(home: Path, capsys: Shown) -> None:
    assert cli.run(["device", "revoke", "sensor-1", "--reason", "keyCompromise"]) == 0
    capsys.readouterr()
    assert cli.run(["log", "verify"]) == 0
    shown = capsys.readouterr().out
    # Root, three CAs, the broker, the operator, sensor-1.
    assert "All 7 certificates that it names fit the registry." in shown
    assert shown.startswith("8 lines, from ")


def test_verify_as_json(home: Path, capsys: Shown) -> None:
    capsys.readouterr()
    assert cli.run(["log", "verify", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["holds"], said["lines"], said["issued"], said["findings"], said["torn"]) == (True, 7, 7, [], 0)


def test_what_was_changed_is_found_and_the_exit_code_says_so(home: Path, capsys: Shown) -> None:
    trail = home / "audit.jsonl"
    trail.write_bytes(trail.read_bytes().replace(b"sensor-1", b"sensor-2"))
    capsys.readouterr()
    assert cli.run(["log", "verify"]) == 1
    shown = capsys.readouterr().out
    assert "  line 7: the line is not what was written: its hash is another\n" in shown
    assert "The chain holds" not in shown
    assert cli.run(["log", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["line"] == 7


def test_many_findings_are_counted(home: Path, capsys: Shown) -> None:
    Trail(home / "audit.jsonl").append([Entry("issue", "x", {"serial": f"{n:032x}"}) for n in range(30)], now=1e9)
    with (home / "audit.jsonl").open("ab") as file:
        file.write(b'{"seq":38,"ti')
    capsys.readouterr()
    assert cli.run(["log", "verify"]) == 1
    shown = capsys.readouterr().out
    assert "30 findings:" in shown
    assert "  and 10 more\n" in shown
    assert "13 bytes of one that was never finished" in shown
    assert "Line 8: the clock went back by" in shown


def test_a_home_from_before_the_trail(home: Path, capsys: Shown) -> None:
    (home / "audit.jsonl").unlink()
    capsys.readouterr()
    assert cli.run(["log", "verify"]) == 0
    assert "The audit trail is empty." in capsys.readouterr().out
    assert cli.run(["log", "show"]) == 0
    assert "The audit trail is empty." in capsys.readouterr().out
    assert cli.run(["device", "add", "sensor-2"]) == 0
    capsys.readouterr()
    assert cli.run(["log", "verify"]) == 0
    assert "7 certificates are from before the trail began" in capsys.readouterr().out


def test_show_the_last(home: Path, capsys: Shown) -> None:
    capsys.readouterr()
    assert cli.run(["log", "show", "-n", "2"]) == 0
    operator, sensor = capsys.readouterr().out.splitlines()
    assert " issue  device=operator serial=" in operator
    assert re.match(r" +7  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  issue  device=sensor-1 serial=[0-9a-f]{32} ", sensor)
    assert re.search(r"  by cli:\S+$", sensor)
    assert len(sensor) <= 140  # no hashes for people
    assert "fingerprint" not in sensor
    capsys.readouterr()
    assert cli.run(["log", "show", "-n", "1", "--json"]) == 0
    assert {"fingerprint", "spki_sha256", "not_after"} < json.loads(capsys.readouterr().out)[0]["facts"].keys()


def test_show_what_is_about_a_device(home: Path, capsys: Shown) -> None:
    Trail(home / "audit.jsonl").append(
        [Entry("refuse", "device:sensor-1", {"why": "wrong key"}), Entry("apply", "sensor-10", {})], now=time.time()
    )
    capsys.readouterr()
    assert cli.run(["log", "show", "--device", "SENSOR-1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(line["seq"], line["action"]) for line in said] == [(7, "issue"), (8, "refuse")]
    assert cli.run(["log", "show", "--device", "nobody"]) == 0
    assert capsys.readouterr().out == "The audit trail says nothing about nobody.\n"


def test_what_a_device_wrote_does_nothing_to_the_terminal(home: Path, capsys: Shown) -> None:
    Trail(home / "audit.jsonl").append([Entry("refuse", "x", {"why": "\x1b[2J\r\n  7  issue"})], now=time.time())
    capsys.readouterr()
    assert cli.run(["log", "show", "-n", "1"]) == 0
    shown = capsys.readouterr().out
    assert r'why="\u001b[2J\r\n  7  issue"' in shown
    assert shown.count("\n") == 1
