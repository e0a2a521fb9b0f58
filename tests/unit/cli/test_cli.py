"""The `sealmq` program: exit codes, errors in words, and no waiting for what is not used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from sealmq import __version__, cli
from sealmq.errors import ConfigError, Error, PortTakenError


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"sealmq {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("up", "device", "pub", "sub"):
        assert f" {command} " in shown


def test_no_words_of_a_help_text_are_taken_for_markup() -> None:
    """rich prints "[[listener]]" as "[]"."""

    def walk(command: Any) -> Iterator[Any]:
        yield command
        for each in getattr(command, "commands", {}).values():
            yield from walk(each)

    texts = [text for each in walk(typer.main.get_command(cli.app)) for text in (each.help, each.short_help) if text]
    assert len(texts) > 40
    assert [text for text in texts if "[" in text] == []


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["pubb"], "No such command 'pubb'", "sealmq --help"),
        (["pub", "-m", "x"], "'--topic'", "sealmq pub --help"),
        (["pub", "-t", "a", "-m", "x", "--wrong"], "--wrong", "sealmq pub --help"),
        (["pub", "-t", "a", "-m", "x", "-q", "3"], "'-q'", "sealmq pub --help"),
        (["pub", "-t", "a/#", "-m", "x"], "-t 'a/#' is no topic", ""),
        (["pub", "-t", "a", "-m", "x", "--insecure"], "there is no --insecure", "--bundle DIR"),
        (["pub", "-t", "a", "-m", "x", "--cert", "f"], "--cert and --key", "--bundle DIR"),
        (["pub", "-t", "a", "-m", "x", "--cafile", "f"], "--cafile is for --username", "--bundle DIR"),
        (["sub", "a", "--cafile", "f", "--as", "n", "-u", "me"], "--cafile is given together", "keep one"),
        (["pub", "-t", "a", "-m", "x", "-V", "31"], "-V '31'", "-V 5"),
        (["pub", "-t", "a", "-m", "x", "-V", "311", "-D", "publish", "content-type", "a"], "-D is for MQTT 5", "-V 5"),
        (["pub", "-t", "a", "-m", "x", "--will-payload", "x"], "a will needs a topic", "--will-topic"),
        (["pub", "-t", "a", "-l", "--repeat", "2"], "--repeat and -l", "keep one"),
        (["pub", "-t", "a", "-m", "x", "--bundle", "/nowhere"], "there is no bundle at /nowhere", "sealmq device add"),
        (["pub", "-t", "a", "-m", "x", "--bundle", "b", "--as", "n"], "--as and --bundle", "keep one"),
        (["sub"], "no topic is given", "sealmq sub"),
        (["sub", "a/#/b"], "TOPIC 'a/#/b' is no topic filter", ""),
        (["sub", "a", "-T", "b#"], "-T 'b#' is no topic filter", ""),
        (["sub", "a", "-F", "%k"], "unknown %k", "known:"),
        (["sub", "a", "-c"], "-c needs -i", "-i NAME"),
        (["sub", "a", "-x", "soon"], "-x 'soon'", "for ever"),
        (["sub", "a", "-x", "1", "-V", "311"], "-x is for MQTT 5", "-V 5"),
        (["sub", "a", "-V", "311", "--retain-as-published"], "--retain-as-published is for MQTT 5", "-V 5"),
        (["sub", "a", "--insecure"], "there is no --insecure", ""),
        (["pub", "-t", "a", "-m", "x", "-u", "me", "-P", "secret"], "no -P and no --pw", "--password-file FILE"),
        (["sub", "a", "-u", "me", "--pw", "secret"], "no -P and no --pw", "leave it out"),
        (["sub", "a", "--password-file", "f"], "a password needs a user name", "--username NAME"),
        (["pub", "-t", "a", "-l", "-u", "me", "--password-file", "-"], "both the password and the message", "FILE"),
        (["pub", "-t", "a", "-s", "-u", "me", "--password-file", "-"], "both the password and the message", "FILE"),
        (
            ["pub", "-t", "a", "-n", "-u", "me", "--cafile", "f"],
            "no terminal to type a password at",
            "--password-file -",
        ),
        (["pub", "-t", "a", "-n", "-u", "me", "--cafile", "f", "--password-file", "/nowhere/p"], "cannot be read", ""),
        (["sub", "a", "--tls-version", "tlsv1.2"], "--tls-version", "leave it out"),
        (["pub", "-t", "a", "-m", "x", "--psk-identity", "me"], "--psk", "--psk-file FILE"),
        (["pub", "-t", "a", "-m", "x", "--psk-file", "f", "--as", "me"], "together with --as", "--psk-file alone"),
        (["pub", "-t", "a", "-m", "x", "--psk-file", "f", "-u", "me", "--password-file", "-"], "together", "alone"),
        (["pub", "-L", "mqtts://b/a", "-m", "x"], "-L and --url", "-h HOST -p PORT -t TOPIC"),
        (["sub", "-A", "127.0.0.1", "a"], "-A is mosquitto's", "leave it out"),
        (["sub", "a", "--remove-retained"], "--remove-retained", "sealmq pub -t TOPIC -n -r"),
        (["sub", "a", "-U", "b"], "-U is mosquitto_sub's", "-T TOPIC"),
        (["sub", "-h"], "-h", "sealmq sub --help"),
        (["--home", "a b", "device", "list"], "--home stands in front of the command", "sealmq COMMAND --home 'a b'"),
        (["device", "add", "a", "--csr", "/nowhere/csr"], "/nowhere/csr cannot be read", "name a file"),
    ],
)
def test_what_was_asked_wrongly_is_told_in_words_with_code_2(
    arguments: list[str], what: str, remedy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "-V" in arguments and "--retain-as-published" in arguments:
        arguments = [*arguments, "--bundle", "b"]  # so that no home is looked for
    assert cli.run(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("sealmq: ")
    assert what in shown
    assert remedy in shown
    assert "Traceback" not in shown


def test_a_missing_home_says_what_makes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pub", "-t", "a", "-m", "x", "--home", "/nowhere"]) == 1
    assert "next: sealmq up --home /nowhere " in capsys.readouterr().err
    assert cli.run(["device", "list", "--home", "/nowhere"]) == 1


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (Error("it broke", why="so", remedy="mend it"), 1, "sealmq: it broke\n  why:  so\n  next: mend it\n"),
        (ConfigError("wrong"), 2, "sealmq: wrong\n"),
        (PortTakenError("taken"), 1, "sealmq: taken\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_words_and_exit_codes(
    error: BaseException, code: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", broken)
    assert cli.run([]) == code
    assert capsys.readouterr().err == shown


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys; from sealmq import cli; code = cli.run(['--version'])\n"
        "heavy = {'paho', 'aiomqtt', 'cryptography', 'rich', 'sqlite3', 'asyncio', 'ssl'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else code)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("typed", "position", "proposed"),
    [
        ("sealmq re", 1, ["reload", "renew", "restore"]),
        ("sealmq device rev", 2, ["revoke"]),
        ("sealmq pub --will-r", 2, ["--will-retain"]),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, position: int, proposed: list[str]) -> None:
    asked = {"_SEALMQ_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(position)}
    finished = subprocess.run(
        [sys.executable, "-m", "sealmq"], env=os.environ | asked, capture_output=True, text=True, timeout=60
    )
    assert (finished.stdout.split(), finished.stderr) == (proposed, "")


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    program = f"{sys.executable} -m sealmq pub --help | true"
    finished = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60)
    assert finished.stderr == ""


def test_an_empty_home_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["up"], ["device", "list"], ["sub", "a"]):
        assert cli.run([*command, "--home", ""]) == 2
        assert "--home is empty" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["--version", "pub --help", "--help"])
def test_output_that_cannot_be_written_is_one_sentence(arguments: str) -> None:
    program = f"{sys.executable} -m sealmq {arguments} > /dev/full"
    finished = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 1
    assert finished.stderr.startswith("sealmq: the output cannot be written\n  why:  No space left on device\n")
    assert len(finished.stderr.splitlines()) == 3


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback(closed: str) -> None:
    for arguments, code in (("--version", 0), ("sub a/#/b", 2), ("pub -t a -s --bundle /nowhere", 2)):
        program = f"{sys.executable} -m sealmq {arguments} {closed}"
        finished = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60)
        assert finished.returncode == code
        assert "Traceback" not in finished.stderr
