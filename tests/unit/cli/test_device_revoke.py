"""`sealmq device revoke`, `hold`, `release`, `remove`, on a real home."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.devices.issuing import Issuer, Order
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail
from sealmq.home import Home
from sealmq.pki.keys import PrivateKey
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
    assert cli.run(["device", *arguments]) == code
    shown = capsys.readouterr()
    return shown.out + shown.err


def state(capsys: pytest.CaptureFixture[str], name: str = "sensor-1") -> str:
    return str(json.loads(run(capsys, "show", name, "--json"))["state"])


def test_one_of_three_is_revoked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["sensor-1", "--token", "1"], ["--serial", "01", "--token", "1"]):
        assert "one of: NAME, --serial HEX, --token N" in run(capsys, "revoke", *arguments, code=2)


def test_a_hold_and_its_end(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "hold", "sensor-1")
    assert "sealmq device release sensor-1" in shown
    assert state(capsys) == "held"
    assert "already" in run(capsys, "hold", "sensor-1")
    assert "lets it in again" in run(capsys, "release", "sensor-1")
    assert state(capsys) == "active"
    assert "not on hold" in run(capsys, "release", "sensor-1", code=1)


def test_a_hold_by_its_reason(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "revoke", "sensor-1", "--reason", "certificateHold")
    assert state(capsys) == "held"
    run(capsys, "revoke", "sensor-1")
    assert state(capsys) == "revoked"
    shown = run(capsys, "release", "sensor-1", code=1)
    assert "only a hold can be lifted" in shown
    assert "sealmq device add sensor-1" in shown


def test_a_serial(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serial = json.loads(run(capsys, "show", "sensor-1", "--json"))["serial"]
    shown = json.loads(run(capsys, "revoke", "--serial", serial.upper(), "--json"))
    assert shown == {"serial": serial.upper(), "revoked": [serial], "devices": ["sensor-1"], "reason": "unspecified"}
    assert "was revoked before" in run(capsys, "revoke", "--serial", serial)


@pytest.mark.parametrize(("name", "words"), [("root", "certificate authority"), ("server-ca", "certificate authority")])
def test_an_authority_is_not_revoked(home: Path, capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    with Home.open(home) as opened:
        serial = {record.serial for record in by_profile(opened, "root" if name == "root" else "issuing")}.pop()
    shown = run(capsys, "revoke", "--serial", serial, code=1)
    assert words in shown
    assert "sealmq ca rotate" in shown


def test_the_brokers_own_is_not_revoked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Home.open(home) as opened:
        (record,) = by_profile(opened, "server")
    assert "broker's own" in run(capsys, "revoke", "--serial", record.serial, code=1)


def by_profile(home: Home, profile: str):
    rows = home.registry.query("SELECT serial FROM certificates WHERE profile = ?", profile)
    return [home.registry.lookup(serial) for (serial,) in rows]


def test_a_batch(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Home.open(home) as opened:
        now = time.time()
        number, _ = Tokens(opened.registry).make(now=now, ttl=99, prefix="line-", quota=30)
        issuer = Issuer(opened.registry, opened.authorities.device, Trail(opened.audit_trail))
        names = [f"line-{n:02}" for n in range(12)]
        issuer.issue(
            [Order(name=each, public_key=PrivateKey.generate().public, token=number) for each in names], now=now
        )
    shown = run(capsys, "revoke", "--token", str(number), "--reason", "keyCompromise")
    assert "Not let in any more: line-00, line-01" in shown
    assert "and 2 more" in shown
    assert f"Token {number} enrols nobody any more" in shown
    assert state(capsys, "line-11") == "revoked"
    assert "was revoked before" in run(capsys, "revoke", "--token", str(number))
    assert "no token or claim 77" in run(capsys, "revoke", "--token", "77", code=1)


def test_remove_takes_the_files_and_says_what_is_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "devices" / "sensor-1"
    assert folder.is_dir()
    shown = run(capsys, "remove", "SENSOR-1")
    assert not folder.exists()
    assert state(capsys) == "revoked"
    assert f"Removed here: {folder}" in shown
    assert "erase its private key" in shown
    told = json.loads(run(capsys, "remove", "sensor-1", "--json"))
    assert (told["revoked"], told["files"]) == ([], None)


def test_the_last_operator_is_missed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No operator is left" not in run(capsys, "hold", "sensor-1")
    assert "No operator is left" in run(capsys, "hold", "operator")
    run(capsys, "release", "operator")
    run(capsys, "add", "second", "--role", "operator")
    assert "No operator is left" not in run(capsys, "revoke", "operator")
    assert "sealmq device add operator" in run(capsys, "remove", "second")
