"""`sealmq device show`, on a real home: which certificates a device has, and what came of those before."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from requests_of_devices import csr
from sealmq import cli
from sealmq.devices.outcomes import Application, ByToken, EnrollmentPolicy, Granted, Operation
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    assert cli.run(["device", "add", "sensor-1"]) == 0
    return path


def show(capsys: Shown, *options: str) -> str:
    capsys.readouterr()
    assert cli.run(["device", "show", "sensor-1", *options]) == 0
    return capsys.readouterr().out


def enroll(home: Path, capsys: Shown) -> str:
    """Another certificate for sensor-1, by a token; returns its serial."""
    capsys.readouterr()
    assert cli.run(["enroll", "token", "--device", "sensor-1", "--json"]) == 0
    secret = json.loads(capsys.readouterr().out)["secret"]
    with Home.open(home) as opened:
        authority = opened.registration_authority(opened.registry, EnrollmentPolicy())
        application = Application(csr("sensor-1"), Operation.ENROLL, ByToken(secret), "est", "192.0.2.1:5")
        granted = authority.decide([application], time.time())[0]
    assert isinstance(granted, Granted)
    return granted.serial


def see(home: Path, serial: str) -> None:
    """The device connects with it."""
    with Home.open(home) as opened:
        opened.registry.mark_seen(serial, now=time.time())


def test_a_device_that_has_not_connected_yet(home: Path, capsys: Shown) -> None:
    shown = show(capsys)
    assert re.search(r"\nCertificates:\n  [0-9a-f]{32}  in use, not seen yet\n", shown)
    assert "came by" not in shown
    assert max(map(len, shown.splitlines()[1:7])) <= 80
    (only,) = json.loads(show(capsys, "--json"))["certificates"]
    assert (only["state"], only["current"], only["seen"], only["token"]) == ("valid", True, None, None)


def test_a_new_certificate_stands_beside_the_old_one_until_it_was_seen(home: Path, capsys: Shown) -> None:
    first = json.loads(show(capsys, "--json"))["serial"]
    see(home, first)
    second = enroll(home, capsys)
    shown = show(capsys)
    assert re.search(rf"\n  {first}  in use, first seen \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", shown)
    assert re.search(rf"\n  {second}  new, not seen yet, until \d{{4}}-\d\d-\d\d\n", shown)
    see(home, second)
    shown = show(capsys)
    assert f"\n  {second}  in use, first seen " in shown
    assert first not in shown
    assert "\n  and 1 that it had before\n" in shown
    assert "\n  came by      token or claim 1\n" in shown
    told = json.loads(show(capsys, "--json"))["certificates"]
    assert [(each["serial"], each["state"], each["token"]) for each in told] == [
        (second, "valid", 1),
        (first, "superseded", None),
    ]


def test_when_and_why_it_was_taken_back_and_what_to_type_to_undo_it(home: Path, capsys: Shown) -> None:
    assert cli.run(["device", "hold", "sensor-1"]) == 0
    shown = show(capsys)
    assert re.search(r"  on hold since \d{4}-\d\d-\d\d\n", shown)
    assert "sealmq device release sensor-1" in shown
    assert cli.run(["device", "revoke", "sensor-1", "--reason", "keyCompromise"]) == 0
    shown = show(capsys)
    assert re.search(r"  revoked on \d{4}-\d\d-\d\d \(keyCompromise\)\n", shown)
    assert "sealmq device add sensor-1" in shown
    assert json.loads(show(capsys, "--json"))["certificates"][0]["reason"] == "keyCompromise"


def test_a_device_that_a_roll_over_has_locked_out(home: Path, capsys: Shown) -> None:
    assert cli.run(["ca", "rotate"]) == 0
    assert cli.run(["ca", "rotate", "--finish", "--force"]) == 0
    assert "  locked out: its Device CA is not trusted\n" in show(capsys)
    assert cli.run(["ca", "status"]) == 0
    shown = capsys.readouterr().out
    assert "0 devices are let in" in shown
    assert "not trusted any more: 2. To let one in again:" in shown


def test_one_certificate_in_two_places_is_an_alarm(home: Path, capsys: Shown) -> None:
    serial = json.loads(show(capsys, "--json"))["serial"]
    with Home.open(home) as opened, opened.registry.transaction():
        opened.registry.note("clone", serial, "sensor-1")
    shown = show(capsys)
    assert "Alarm: it was in two places at the same time, once: " in shown
    assert "sealmq device revoke sensor-1 --reason keyCompromise" in shown
