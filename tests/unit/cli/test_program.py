"""What to type to run this program again."""

import shlex
import sys
from pathlib import Path

import pytest

from sealmq.cli.program import as_typed, program, remember_home


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A program called sealmq, in a folder of its own."""
    script = tmp_path / "bin" / "sealmq"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return script


def test_on_the_path_it_is_called_by_its_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr(sys, "argv", [str(installed), "up"])
    assert program() == "sealmq"


def test_started_by_a_path_it_is_called_by_that_path(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/sealmq", "up"])
    assert program() == "bin/sealmq"


def test_another_sealmq_on_the_path_is_not_this_one(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = tmp_path / "a folder" / "sealmq"
    ours.parent.mkdir()
    ours.write_bytes(installed.read_bytes())
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr(sys, "argv", [str(ours), "up"])
    assert program() == shlex.quote(str(ours))


def test_a_program_that_is_gone_is_called_as_it_was_started(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr(sys, "argv", ["gone/sealmq", "up"])
    assert program() == "gone/sealmq"


def test_python_dash_m_is_said_with_its_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/my python")
    monkeypatch.setattr(sys, "argv", ["/opt/sealmq/__main__.py", "up"])
    assert program() == "'/opt/my python' -m sealmq"


def test_under_another_program_the_plain_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    assert program() == "sealmq"


def test_commands_in_a_text_are_changed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [".venv/bin/sealmq"])
    text = "is `sealmq up` running? sealmq device list; /etc/sealmq up; sealmq.toml; sealmq is a broker"
    assert as_typed(text) == (
        "is `.venv/bin/sealmq up` running? .venv/bin/sealmq device list; "
        "/etc/sealmq up; sealmq.toml; sealmq is a broker"
    )


def test_middlewares_are_nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [".venv/bin/sealmq"])
    remember_home(Path("/my"))
    try:
        assert as_typed("sealmq middleware build mbedtls") == ".venv/bin/sealmq middleware build mbedtls"
    finally:
        remember_home(None)


def test_the_home_that_was_given_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sealmq"])
    remember_home(Path("/my home"))
    try:
        text = "sealmq device list; sealmq device add a --home /b; `sealmq up`, sealmq pub --help; sealmq --help"
        assert as_typed(text) == (
            "sealmq device list --home '/my home'; sealmq device add a --home /b; `sealmq up --home '/my home'`, "
            "sealmq pub --help; sealmq --help"
        )
    finally:
        remember_home(None)
    assert as_typed("sealmq device list") == "sealmq device list"


def test_a_command_for_devices_is_given_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/other", "up"])
    remember_home(Path("/srv/home"))
    try:
        assert as_typed("sealmq renew bundle, then sealmq up") == "sealmq renew bundle, then sealmq up --home /srv/home"
    finally:
        remember_home(None)
