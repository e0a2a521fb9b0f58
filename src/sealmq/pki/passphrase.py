"""Where the passphrase of the CA's keys comes from, when nobody says it: a credential of systemd's, or a file.

    $CREDENTIALS_DIRECTORY/sealmq-ca      systemd: LoadCredentialEncrypted=sealmq-ca:FILE
    $SEALMQ_CA_PASSPHRASE_FILE            the name of a file with one line

The command line puts its options in front of these, and the terminal behind them (cli/ca_passphrase.py), with
`asked_by`. Never from an argument or a variable: every user of the machine can read the first, every child process
inherits the second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from sealmq.errors import TrustError
from sealmq.pki import vault

CREDENTIAL = "sealmq-ca"
"""The credential's name."""

VARIABLE = "SEALMQ_CA_PASSPHRASE_FILE"
"""The variable that names a file."""

REMEDY = f"--ca-passphrase-file FILE, or {VARIABLE}=FILE, or run the command in a terminal"
"""What to do when a key wants a passphrase that nobody gave."""

_MOST = 4_096  # bytes read of a passphrase's file: more is another file

Ask = Callable[[], bytes | None]
"""Gives the passphrase, or None where nobody can be asked."""


def from_surroundings() -> bytes | None:
    """The passphrase that systemd or the environment points at; None where they point at none.

    Raises TrustError when what they point at can't be used.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials is not None:
        path = Path(credentials) / CREDENTIAL
        try:
            # Its mode is not looked at: systemd lets the service in by an access list, which shows as group bits.
            return one_line(path.read_bytes()[:_MOST], str(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise TrustError(f"the credential {path} cannot be read", why=error.strerror or "") from error
    file = os.environ.get(VARIABLE)
    return from_file(Path(file)) if file else None


def from_file(path: Path) -> bytes:
    """The one line of a file that is its owner's alone. Raises TrustError."""
    file = path.expanduser()
    if not file.exists():
        raise TrustError(f"there is no file {path}", remedy="name a file of mode 0600 with one line, the passphrase")
    return one_line(vault.read_private(file)[:_MOST], str(path))


def one_line(data: bytes, source: str) -> bytes:
    """The passphrase in a file with one line. Raises TrustError when it has another number of them."""
    lines = data.splitlines()
    if len(lines) != 1 or not lines[0]:
        number = "no passphrase" if not any(lines) else f"{len(lines)} lines"
        raise TrustError(f"there is {number} in {source}", why="it must be one line, the passphrase")
    return lines[0]


def _nobody() -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Source:
    """Who gives the passphrase.

    given: finds it where it was put, and asks no person.
    typed: asks a person, where there is one.
    """

    given: Ask = from_surroundings
    typed: Ask = _nobody

    def __call__(self) -> bytes | None:
        found = self.given()
        return found if found is not None else self.typed()


SURROUNDINGS = Source()
"""What is asked where nobody says otherwise."""

_asking: ContextVar[Source] = ContextVar("sealmq_ca_passphrase", default=SURROUNDINGS)


@contextmanager
def asked_by(source: Source) -> Iterator[None]:
    """While this holds, homes that are opened ask `source` when a key wants its passphrase.

    A context and not an argument: who can be asked is known where a program starts, and a key is met far below.
    """
    token = _asking.set(source)
    try:
        yield
    finally:
        _asking.reset(token)


def who_is_asked() -> Source:
    """Who gives the passphrase in this context."""
    return _asking.get()
