"""Where a password comes from: a terminal without echo, a file, or a pipe.

Never from the command line, which every user of the machine can read in the process list.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from sealmq.errors import ConfigError

STDIN = "-"
"""The FILE that is stdin."""

_MOST = 4_096  # bytes read of a password file: more is another file


def type_password(prompt: str, remedy: str) -> bytes:
    """What is typed at the terminal. Raises ConfigError where there is none, with `remedy` as what to do instead."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to type a password at", remedy=remedy)
    try:
        return getpass(prompt).encode()
    except EOFError:
        raise typer.Abort from None


def read_password(file: str) -> bytes:
    """The one line of the file. Raises ConfigError when it cannot be read or has another number of lines."""
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(_MOST)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MOST)
    except OSError as error:
        raise ConfigError(f"the password file {file} cannot be read", why=error.strerror or str(error)) from error
    lines = data.splitlines()
    if len(lines) != 1:
        raise ConfigError(
            f"the password file {file} has {len(lines) or 'no'} lines", why="it must be one, the password"
        )
    return lines[0]
