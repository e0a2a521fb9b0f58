"""`sealmq device add`, `list` and `revoke`, on a real home."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.devices.listing import state_of
from sealmq.devices.records import DeviceRecord
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    monkeypatch.setenv("COLUMNS", "120")
    return path


def test_add_says_where_the_files_are_and_what_to_type(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "sealmq.toml").write_text('listen = ["127.0.0.1:1234"]')
    assert cli.run(["device", "add", "sensor-1"]) == 0
    shown = capsys.readouterr().out
    folder = home / "devices" / "sensor-1"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("device-chain.pem", "device.key", "device.pem", "root.pem")
    ]
    assert f"Its files are in {folder}:" in shown
    assert "sealmq pub --as sensor-1 -t devices/sensor-1/temp -m 21.5" in shown
    assert "mosquitto_pub -h 127.0.0.1 -p 1234" in shown
    assert f"--cafile '{folder / 'root.pem'}'" in shown  # quoted: it has a space
    assert f"--cert '{folder / 'device.pem'}'" in shown


def test_the_commands_name_the_home_when_it_was_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["device", "add", "sensor-1", "--home", str(home)]) == 0
    assert f"sealmq pub --home '{home}' --as sensor-1" in capsys.readouterr().out


def test_add_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["device", "add", "panel", "--role", "operator", "--days", "7", "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["name"], added["role"]) == ("panel", "operator")
    assert Path(added["key"]).is_file()
    assert added["not_after"].endswith("Z")


def test_add_twice_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["device", "add", "sensor-1"]) == 0
    assert cli.run(["device", "add", "sensor-1"]) == 1
    assert capsys.readouterr().err.startswith("sealmq: ")


def test_list_and_revoke(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["device", "add", "sensor-1"])
    capsys.readouterr()
    assert cli.run(["device", "list"]) == 0
    table = capsys.readouterr().out
    assert "operator" in table
    assert "sensor-1" in table
    assert cli.run(["device", "revoke", "sensor-1", "--reason", "keyCompromise", "--json"]) == 0
    revoked = json.loads(capsys.readouterr().out)
    assert cli.run(["device", "list", "--json"]) == 0
    devices = {device["name"]: device for device in json.loads(capsys.readouterr().out)}
    assert devices["sensor-1"]["state"] == "revoked"
    assert revoked["revoked"] == [devices["sensor-1"]["serial"]]
    assert devices["operator"]["state"] == "active"
    assert cli.run(["device", "revoke", "sensor-1"]) == 0
    assert "was revoked before" in capsys.readouterr().out


def test_show_says_all_that_is_known_of_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["device", "add", "sensor-1", "--days", "7"])
    capsys.readouterr()
    assert cli.run(["device", "show", "sensor-1", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert (known["state"], known["directory"]) == ("active", str(home / "devices" / "sensor-1"))
    assert cli.run(["device", "show", "sensor-1"]) == 0
    shown = capsys.readouterr().out
    assert f"serial       {known['serial']}\n" in shown
    assert f"valid until  {known['not_after'][:10]} (6 days)\n" in shown
    assert "sealmq access check sensor-1 publish TOPIC" in shown
    cli.run(["device", "revoke", "sensor-1"])
    shutil.rmtree(home / "devices" / "sensor-1")
    capsys.readouterr()
    assert cli.run(["device", "show", "sensor-1"]) == 0
    shown = capsys.readouterr().out
    assert "state        revoked" in shown
    assert "files        none in this home" in shown


@pytest.mark.parametrize(("name", "words"), [("sensor-2", "did you mean sensor-1?"), ("küche", "device list")])
def test_show_of_nobody_says_who_is_there(
    home: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["device", "add", "sensor-1"])
    assert cli.run(["device", "show", name]) == 1
    assert words in capsys.readouterr().err


def test_revoke_of_nobody_says_who_is_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["device", "revoke", "operater"]) == 1
    assert "did you mean operator?" in capsys.readouterr().err


def test_a_device_is_expired_by_our_clock() -> None:
    device = DeviceRecord("a", "device", "", "active", "01", 100.0, 0.0)
    assert state_of(device, 99) == "active"
    assert state_of(device, 101) == "expired"


def test_the_list_is_never_folded_for_a_program(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a" * 64
    assert cli.run(["device", "add", name]) == 0
    serial = json.loads(_list_as_json(capsys))[0]["serial"]
    assert cli.run(["device", "list"]) == 0
    assert any(line.split()[:2] == [name, "device"] and serial in line for line in capsys.readouterr().out.splitlines())


def test_in_a_narrow_terminal_nothing_of_the_list_is_left_out(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["device", "add", "sensor-1"]) == 0
    serials = [device["serial"] for device in json.loads(_list_as_json(capsys))]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    assert cli.run(["device", "list"]) == 0
    shown = capsys.readouterr().out
    assert "sensor-1" in shown
    assert all(serial in shown for serial in serials)


def _list_as_json(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert cli.run(["device", "list", "--json"]) == 0
    return capsys.readouterr().out


def test_the_operator_comes_back_as_an_operator(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["device", "revoke", "operator", "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert "No operator is left" in shown
    assert f"sealmq device add --home '{home}' operator" in shown
    assert cli.run(["device", "add", "operator"]) == 0
    assert "role operator" in capsys.readouterr().out


def test_a_device_comes_back_with_the_role_that_it_had(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["device", "add", "panel", "--role", "operator"])
    cli.run(["device", "add", "sensor-1"])
    for name in ("panel", "sensor-1"):
        assert cli.run(["device", "revoke", name]) == 0
    assert "No operator is left" not in capsys.readouterr().out
    for name, role in (("panel", "operator"), ("sensor-1", "device"), ("new", "device")):
        assert cli.run(["device", "add", name]) == 0
        assert f"role {role}" in capsys.readouterr().out
