"""What the options that pub and sub share mean together."""

from __future__ import annotations

import dataclasses
import getpass
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from paho.mqtt.enums import MQTTProtocolVersion

from sealmq import cli
from sealmq.cli.options import ConnectionOptions, read_dial, read_login, read_session_expiry, read_will
from sealmq.errors import ConfigError

FOREVER = 0xFFFFFFFF


def dial(bundle: Path, **given: Any) -> Any:
    return read_dial(ConnectionOptions(bundle=bundle, **given))


def test_a_will_is_its_topic_and_what_goes_with_it() -> None:
    assert read_will(None, None, 0, False) is None
    will = read_will("devices/sensor-1/gone", "yes", 1, True)
    assert will is not None
    assert (will.topic, will.payload, will.qos, will.retain) == ("devices/sensor-1/gone", b"yes", 1, True)
    empty = read_will("devices/sensor-1/gone", None, 0, False)
    assert empty is not None
    assert empty.payload == b""


@pytest.mark.parametrize(("payload", "qos", "retain"), [("yes", 0, False), (None, 1, False), (None, 0, True)])
def test_a_will_without_a_topic_is_a_mistake(payload: str | None, qos: int, retain: bool) -> None:
    with pytest.raises(ConfigError, match="a will needs a topic"):
        read_will(None, payload, qos, retain)


@pytest.mark.parametrize(
    ("text", "keep", "seconds"),
    [
        (None, False, None),
        (None, True, FOREVER),
        ("0", True, 0),
        ("60", False, 60),
        ("4294967294", False, 4_294_967_294),
        ("-1", False, FOREVER),
        ("∞", False, FOREVER),
    ],
)
def test_how_long_the_broker_keeps_the_session(text: str | None, keep: bool, seconds: int | None) -> None:
    assert read_session_expiry(text, keep=keep, version5=True) == seconds


@pytest.mark.parametrize("text", ["", "-2", "1.5", "ten", "4294967296", "٣", "1" * 5000])
def test_what_is_no_number_of_seconds(text: str) -> None:
    with pytest.raises(ConfigError, match="is no number of seconds"):
        read_session_expiry(text, keep=False, version5=True)


def test_a_session_of_3_1_1_has_no_expiry() -> None:
    assert read_session_expiry(None, keep=True, version5=False) is None
    with pytest.raises(ConfigError, match="-x is for MQTT 5"):
        read_session_expiry("60", keep=True, version5=False)


def test_the_options_become_one_dial(tmp_path: Path) -> None:
    made = dial(tmp_path, client_id="me", keep_session=True, keep_alive=30, host="broker.example", port=18883)
    assert (made.target.bundle, made.target.host, made.target.port) == (tmp_path, "broker.example", 18883)
    assert (made.version, made.client_id, made.keep_alive) == (MQTTProtocolVersion.MQTTv5, "me", 30)
    assert (made.clean, made.session_expiry) == (False, FOREVER)
    assert dial(tmp_path).clean


def test_properties_are_for_mqtt_5(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="-D is for MQTT 5"):
        dial(tmp_path, version="311", properties=["publish content-type text/plain"])


def test_a_session_that_stays_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="-c needs -i"):
        dial(tmp_path, keep_session=True)


@pytest.mark.parametrize("command", ["pub", "sub"])
def test_nothing_turns_verification_off(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "--insecure", "-t", "a"]) == 2
    assert "there is no --insecure" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--cert", "--key"])
def test_mosquittos_options_for_the_files_lead_to_ours(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pub", option, "x.pem", "-t", "a", "-m", "b"]) == 2
    assert "--bundle DIR, or --as NAME" in capsys.readouterr().err


def test_pub_and_sub_have_the_same_connection_options_and_their_own() -> None:
    commands = getattr(typer.main.get_command(cli.app), "commands")  # noqa: B009 - typer's own click has no types
    pub, sub = ({each.name: each for each in commands[name].params} for name in ("pub", "sub"))
    shared = {each.name for each in dataclasses.fields(ConnectionOptions)}
    assert shared == pub.keys() & sub.keys() - {"topic", "qos"}
    assert [pub[name].opts for name in sorted(shared)] == [sub[name].opts for name in sorted(shared)]
    assert "connect" not in pub.keys() | sub.keys()


def test_an_account_logs_in_with_the_password_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    given = {"username": "panel", "password_file": str(tmp_path / "password")}
    made = dial(tmp_path, **given)
    assert (made.username, made.password, made.target.bundle) == ("panel", b"correct horse", tmp_path)
    assert "correct horse" not in repr(made)
    made = read_dial(ConnectionOptions(cafile=tmp_path / "root.pem", host="broker", **given))
    assert (made.target.bundle, made.target.root, made.target.host) == (None, tmp_path / "root.pem", "broker")
    assert dial(tmp_path).password is None


def test_an_account_logs_in_with_what_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"typed after {prompt!r}")
    assert read_login("panel", None) == b"typed after 'Password for panel: '"
    with pytest.raises(ConfigError, match="--username has a null character"):
        dial(tmp_path, username="pa\0nel")


def test_a_password_of_the_command_line_is_refused_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sub", "a", "-u", "panel", "-P", "correct horse"]) == 2
    told = capsys.readouterr().err
    assert "process list" in told
    assert "correct horse" not in told


def test_the_session_expiry_is_said_once(tmp_path: Path) -> None:
    one = ["\x1f".join(("connect", "session-expiry-interval", "5"))]
    with pytest.raises(ConfigError, match="are both given"):
        dial(tmp_path, properties=one, session_expiry="60")
    assert dial(tmp_path, properties=one, keep_session=True, client_id="me").session_expiry is None


def test_a_file_that_may_not_be_read_is_told_in_our_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("os.access", lambda *asked, **options: False)
    assert cli.run(["pub", "-t", "a", "-f", str(tmp_path / "file"), "--bundle", str(tmp_path)]) == 2
    assert "the bundle" in capsys.readouterr().err
