"""Where a password comes from."""

from __future__ import annotations

import getpass
import io
import sys
from pathlib import Path

import pytest
import typer

from sealmq.cli.passwords import STDIN, read_password, type_password
from sealmq.errors import ConfigError


@pytest.mark.parametrize("content", [b"correct horse", b"correct horse\n", b"correct horse\r\n"])
def test_a_file_and_a_pipe_have_one_line(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_bytes(content)
    assert read_password(str(tmp_path / "password")) == b"correct horse"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_password(STDIN) == b"correct horse"


def test_a_password_may_be_of_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe\n")
    assert read_password(str(tmp_path / "password")) == b"\xff\xfe"


@pytest.mark.parametrize(("content", "lines"), [("", "no lines"), ("a\nb\n", "2 lines")])
def test_another_number_of_lines_is_another_file(tmp_path: Path, content: str, lines: str) -> None:
    (tmp_path / "password").write_text(content)
    with pytest.raises(ConfigError, match=f"has {lines}"):
        read_password(str(tmp_path / "password"))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_password(str(tmp_path / "none"))
    assert caught.value.why == "No such file or directory"


def test_without_a_terminal_nothing_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a secret"))
    with pytest.raises(ConfigError, match="no terminal") as caught:
        type_password("Password: ", remedy="--password-file FILE")
    assert caught.value.remedy == "--password-file FILE"


def test_the_end_of_the_input_means_never_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", end)
    with pytest.raises(typer.Abort):
        type_password("Password: ", remedy="")
