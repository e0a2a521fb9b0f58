"""Where the CA's passphrase comes from, and in which order."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sealmq.cli import ca_passphrase
from sealmq.cli.ca_passphrase import ask_for_root, new_passphrase, type_passphrase, with_ca_passphrase
from sealmq.errors import ConfigError, TrustError
from sealmq.pki import passphrase
from sealmq.pki.passphrase import who_is_asked

app = typer.Typer()


@app.command()
@with_ca_passphrase
def show(times: int = 1, home: str = "") -> None:
    for _ in range(times):
        typer.echo(f"{home}{who_is_asked()()}")


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "file", "from a file")


def written(path: Path, line: str) -> Path:
    path.touch(0o600)
    path.write_text(f"{line}\n")
    return path


def said(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def type_at_terminal(monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[str]:
    typed: Iterator[str] = iter(lines)
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return next(typed)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", read)
    return prompts


def test_the_command_keeps_its_own_options(file: Path) -> None:
    assert said("--home", "here: ") == ["here: None"]
    assert said("--home", "here: ", "--ca-passphrase-file", str(file)) == ["here: b'from a file'"]
    assert "--ca-passphrase-fd" in " ".join(said("--help"))


def test_what_was_typed_in_comes_before_what_is_around(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(passphrase.VARIABLE, str(written(tmp_path / "other", "from the variable")))
    assert said("--ca-passphrase-file", str(file)) == ["b'from a file'"]
    assert said() == ["b'from the variable'"]


def test_a_descriptor_is_read_once(tmp_path: Path) -> None:
    descriptor = os.open(written(tmp_path / "file", "from a descriptor"), os.O_RDONLY)
    assert said("--ca-passphrase-fd", str(descriptor), "--times", "2") == ["b'from a descriptor'"] * 2
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_a_descriptor_that_is_none() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(TrustError, match=f"file descriptor {reading} cannot be read"):
        said("--ca-passphrase-fd", str(reading))


def test_the_terminal_is_asked_last_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = type_at_terminal(monkeypatch, "typed", "never")
    source = None

    @with_ca_passphrase
    def keep() -> None:
        nonlocal source
        source = who_is_asked()

    keep(ca_passphrase_file=None, ca_passphrase_fd=None)
    assert source is not None
    assert [source(), source()] == [b"typed", b"typed"]
    assert prompts == [ca_passphrase.PROMPT]


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert type_passphrase() is None
    assert ask_for_root(None)() is None
    with pytest.raises(ConfigError, match="no terminal") as caught:
        new_passphrase(None, "the CA's keys", "--new-passphrase-file")
    assert caught.value.remedy == "--new-passphrase-file FILE"


def test_a_new_one_is_typed_twice(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_passphrase(file, "the CA's keys", "--new-passphrase-file") == b"from a file"
    prompts = type_at_terminal(monkeypatch, "the same one", "the same one", "one", "another")
    assert new_passphrase(None, "the root's key", "--root-passphrase-file") == b"the same one"
    assert prompts[0] == "New passphrase of the root's key: "
    with pytest.raises(ConfigError, match="two different"):
        new_passphrase(None, "the root's key", "--root-passphrase-file")


def test_that_of_the_root_s_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_for_root(file)() == b"from a file"
    type_at_terminal(monkeypatch, "typed")
    assert ask_for_root(None)() == b"typed"


def test_the_end_of_the_input_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", end)
    with pytest.raises(typer.Abort):
        type_passphrase()
