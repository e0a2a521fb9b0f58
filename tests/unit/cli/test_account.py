"""`sealmq account`: passwords come from everywhere but the command line, and are shown at most once."""

from __future__ import annotations

import getpass
import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.devices.accounts import Account, Accounts
from sealmq.home import Home
from sealmq.pki import passwords
from sealmq.pki.passwords import verify_password
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passwords, "COST_LOG2", 4)
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    monkeypatch.setenv("COLUMNS", "120")
    return path


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "password").write_text("from a file\n")
    return str(tmp_path / "password")


def account(home: Path, name: str) -> Account:
    with Home.open(home) as opened:
        return Accounts(opened.registry).find(name)


def type_at_terminal(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    typed: Iterator[str] = iter(lines)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))


def test_a_password_from_a_file_or_a_pipe(
    home: Path, file: str, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    assert cli.run(["account", "add", "panel", "--password-file", file]) == 0
    shown = capsys.readouterr().out
    assert "panel is added: role account." in shown
    assert 'auth = "password"' in shown, "it says how to make a listener that takes it"
    assert verify_password(account(home, "panel").stored, b"from a file")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    assert cli.run(["account", "password", "PANEL", "--password-file", "-"]) == 0
    assert verify_password(account(home, "panel").stored, b"from a pipe")
    assert "from a" not in capsys.readouterr().out.replace("from now", "")


def test_a_password_is_typed_twice(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    type_at_terminal(monkeypatch, "typed by hand", "typed by hand")
    assert cli.run(["account", "add", "panel", "--role", "operator"]) == 0
    assert verify_password(account(home, "panel").stored, b"typed by hand")
    type_at_terminal(monkeypatch, "typed by hand", "typed by hnad")
    assert cli.run(["account", "password", "panel"]) == 1
    assert "the two passwords differ" in capsys.readouterr().err
    assert account(home, "panel").role == "operator"


def test_a_generated_password_is_shown_once_and_works(home: Path, capsys: Shown) -> None:
    assert cli.run(["account", "add", "panel", "--generate", "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["name"], added["role"]) == ("panel", "account")
    assert verify_password(account(home, "panel").stored, added["password"].encode())
    assert cli.run(["account", "password", "panel", "--generate"]) == 0
    shown = capsys.readouterr().out.split()
    assert any(verify_password(account(home, "panel").stored, word.encode()) for word in shown if word.count("-") == 3)
    assert cli.run(["account", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert sorted(listed) == ["created", "devices", "name", "password_since", "role"]


def test_a_name_is_refused_before_anybody_types(home: Path, capsys: Shown) -> None:
    assert cli.run(["account", "add", "operator"]) == 1  # there is no terminal: it would have said so
    assert "there is a device 'operator'" in capsys.readouterr().err
    assert cli.run(["account", "add", "panel", "--role", "king"]) == 1
    assert "no account's role" in capsys.readouterr().err
    assert cli.run(["account", "password", "nobody"]) == 1
    assert "there is no account 'nobody'" in capsys.readouterr().err


def test_without_a_terminal_it_says_what_else_there_is(home: Path, capsys: Shown) -> None:
    assert cli.run(["account", "add", "panel"]) == 2
    told = capsys.readouterr().err
    assert "no terminal" in told
    assert "--password-file -" in told


@pytest.mark.parametrize("content", ["", "two\nlines\n"])
def test_a_password_file_has_one_line(home: Path, tmp_path: Path, content: str, capsys: Shown) -> None:
    (tmp_path / "password").write_text(content)
    assert cli.run(["account", "add", "panel", "--password-file", str(tmp_path / "password")]) == 2
    assert "lines" in capsys.readouterr().err
    assert cli.run(["account", "add", "panel", "--password-file", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_one_source_is_enough(home: Path, file: str, capsys: Shown) -> None:
    assert cli.run(["account", "add", "panel", "--password-file", file, "--generate"]) == 2
    assert "both given" in capsys.readouterr().err


def test_an_account_is_bound_to_devices_and_loosed(home: Path, file: str, capsys: Shown) -> None:
    assert cli.run(["account", "add", "tech", "--device", "a b", "--password-file", file]) == 1
    assert "matches no device's name" in capsys.readouterr().err
    assert cli.run(["account", "add", "tech", "--device", "sensor-*", "--password-file", file]) == 0
    assert "counts only together with the certificate of a device 'sensor-*'" in capsys.readouterr().out
    assert cli.run(["account", "password", "tech", "--password-file", file]) == 0
    assert account(home, "tech").devices == "sensor-*", "a new password changes nothing of it"
    assert cli.run(["account", "bind", "tech", "pump-?"]) == 0
    assert cli.run(["account", "list"]) == 0
    assert "pump-?" in capsys.readouterr().out
    assert cli.run(["access", "check", "tech", "publish", "devices/tech/a"]) == 1
    assert "ask about the device" in capsys.readouterr().out
    assert cli.run(["account", "bind", "tech"]) == 0
    assert "by itself, and with any device" in capsys.readouterr().out
    assert cli.run(["access", "check", "tech", "publish", "devices/tech/a"]) == 0


def test_list_and_remove(home: Path, file: str, capsys: Shown) -> None:
    assert cli.run(["account", "list"]) == 0
    assert "There are no accounts" in capsys.readouterr().out
    cli.run(["account", "add", "panel", "--password-file", file])
    capsys.readouterr()
    assert cli.run(["account", "list"]) == 0
    table = capsys.readouterr().out
    assert "panel" in table
    assert "$scrypt" not in table
    assert cli.run(["account", "remove", "Panel"]) == 0
    assert "panel is removed" in capsys.readouterr().out
    assert cli.run(["account", "remove", "panel", "--json"]) == 1


def test_it_names_the_listeners_that_ask(home: Path, file: str, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text('[[listener]]\naddress = ":8885"\nauth = "password"\n')
    assert cli.run(["account", "add", "panel", "--password-file", file]) == 0
    assert "Listeners that ask for a password: :8885 (auth password)." in capsys.readouterr().out
