"""Where the passphrase of the CA's keys comes from: --ca-passphrase-file, --ca-passphrase-fd, what pki/passphrase.py
finds by itself, and at last the terminal.

It is asked for when a sealed key is met, and never before: most commands need no CA.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.errors import ConfigError, TrustError

if TYPE_CHECKING:
    from sealmq.home import Home

PROMPT = "Passphrase of the CA's keys (or PIN of their token): "

_MOST = 4_096  # bytes read of a descriptor

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-passphrase-file", metavar="FILE", help="The passphrase of the CA's keys: one line in a file of mode 0600."
    ),
]
DescriptorOption = Annotated[
    int | None,
    typer.Option("--ca-passphrase-fd", metavar="N", min=0, help="The same from an open file descriptor; 0 is stdin."),
]
RootKeyOption = Annotated[
    Path | None,
    typer.Option("--root-key", metavar="FILE", help="The root's key, where it was taken away: what export-root wrote."),
]
RootPassphraseOption = Annotated[
    Path | None,
    typer.Option("--root-passphrase-file", metavar="FILE", help="The passphrase of that file; else it is typed."),
]


def with_ca_passphrase(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that uses the CA's keys the two options, and ask by them while it runs.

    typer makes options of what a function's signature says, so the signature that it is shown has both.
    """
    own = inspect.signature(command, eval_str=True)
    more = [
        inspect.Parameter("ca_passphrase_file", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=FileOption),
        inspect.Parameter(
            "ca_passphrase_fd", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=DescriptorOption
        ),
    ]

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        from sealmq.pki.passphrase import Source, asked_by

        file, descriptor = given.pop("ca_passphrase_file"), given.pop("ca_passphrase_fd")
        # Once: a descriptor has nothing to say twice, and a server that comes back from a restore has nobody to ask.
        source = Source(functools.cache(lambda: _given(file, descriptor)), functools.cache(type_passphrase))
        with asked_by(source):
            return command(**given)

    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])  # type: ignore[attr-defined]
    return run


def type_passphrase() -> bytes | None:
    """What is typed at the terminal; None where there is none."""
    return _type(PROMPT) if sys.stdin.isatty() else None


def new_passphrase(file: Path | None, what: str, option: str) -> bytes:
    """A passphrase that is to be, from a file or typed twice. what: whose it is. Raises ConfigError, TrustError."""
    from sealmq.pki.passphrase import from_file

    if file is not None:
        return from_file(file)
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to type a passphrase at", remedy=f"{option} FILE")
    first = _type(f"New passphrase of {what}: ")
    if _type("Once more: ") != first:
        raise ConfigError("these were two different passphrases", remedy="try again")
    return first


def ask_for_root(file: Path | None) -> Callable[[], bytes | None]:
    """What gives the passphrase of the file with the root's key."""
    from sealmq.pki.passphrase import from_file

    if file is not None:
        return lambda: from_file(file)
    return lambda: _type("Passphrase of the root's key: ") if sys.stdin.isatty() else None


def bring_root(home: Home, file: Path | None, passphrase_file: Path | None) -> None:
    """Let a command use the root's key from `file`, where it was taken away; None: the home has it, or says so."""
    if file is not None:
        from sealmq.pki.keeping import read_root

        home.authorities.bring_root(read_root(home.authorities, file.expanduser(), ask_for_root(passphrase_file)))


def _given(file: Path | None, descriptor: int | None) -> bytes | None:
    from sealmq.pki.passphrase import from_file, from_surroundings, one_line

    if file is not None:
        return from_file(file)
    if descriptor is None:
        return from_surroundings()
    try:
        with os.fdopen(descriptor, "rb", closefd=descriptor > 2) as opened:
            data = opened.read(_MOST)
    except OSError as error:
        raise TrustError(f"file descriptor {descriptor} cannot be read", why=error.strerror or "") from error
    return one_line(data, f"file descriptor {descriptor}")


def _type(prompt: str) -> bytes:
    from getpass import getpass

    try:
        return getpass(prompt).encode()
    except EOFError:
        raise typer.Abort from None
