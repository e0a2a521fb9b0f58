"""`sealmq access check`: the decision, the rule, and the exit code."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.devices.accounts import Accounts
from sealmq.home import Home
from sealmq.pki import passwords
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passwords, "COST_LOG2", 4)
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(path, organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("sensor-1", now=time.time())
        Accounts(made.registry).add("panel", b"long enough", now=time.time())
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def test_what_is_allowed_names_its_rule(capsys: Shown) -> None:
    assert cli.run(["access", "check", "sensor-1", "publish", "devices/sensor-1/temp"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sensor-1 may publish to devices/sensor-1/temp",
        "  rule 2: allow publish, subscribe for role device: devices/{device}/#",
    ]
    assert cli.run(["access", "check", "panel", "subscribe", "devices/panel/#"]) == 0
    assert "rule 3: allow publish, subscribe for role account" in capsys.readouterr().out


def test_what_is_denied_is_exit_code_1(capsys: Shown) -> None:
    assert cli.run(["access", "check", "SENSOR-1", "subscribe", "#"]) == 1
    assert capsys.readouterr().out.splitlines() == ["sensor-1 may not subscribe to #", "  no rule allows it"]


def test_a_rule_that_denies_is_named_too(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text(
        '[[access]]\naccount = "pan*"\ndeny = ["publish"]\ntopics = ["secret"]\n'
        '[[access]]\nallow = ["publish"]\ntopics = ["#"]\n'
    )
    assert cli.run(["access", "check", "panel", "publish", "secret", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["allowed"], told["kind"], told["role"]) == (False, "account", "account")
    assert told["rule"] == {
        "number": 1, "effect": "deny", "actions": ["publish"], "role": None, "device": None, "account": "pan*",
        "topics": ["secret"],
    }  # fmt: skip
    assert cli.run(["access", "check", "sensor-1", "publish", "secret", "--json"]) == 0


def test_rules_with_client_id_need_one(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text('[[access]]\nallow = ["publish"]\ntopics = ["c/{client_id}"]\n')
    assert cli.run(["access", "check", "panel", "publish", "c/one"]) == 1
    assert "give --client-id" in capsys.readouterr().out
    assert cli.run(["access", "check", "panel", "publish", "c/one", "--client-id", "one"]) == 0


def test_a_revoked_device_is_not_even_let_in(home: Path, capsys: Shown) -> None:
    with Home.open(home) as opened:
        opened.enrollment().revoke_device("sensor-1", now=time.time())
    assert cli.run(["access", "check", "sensor-1", "publish", "devices/sensor-1/temp"]) == 1
    assert "it is revoked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nobody", "publish", "a"], 1, "there is no device and no account 'nobody'"),
        (["panel", "read", "a"], 2, "'read' is nothing that rules know"),
        (["panel", "publish", "a/#"], 2, "'a/#' cannot be used to publish"),
        (["panel", "subscribe", "a/#/b"], 2, "'a/#/b' cannot be used to subscribe"),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], code: int, told: str, capsys: Shown) -> None:
    assert cli.run(["access", "check", *words]) == code
    assert told in capsys.readouterr().err
