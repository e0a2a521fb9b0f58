"""What a target is: a kind of firmware or program, and how it wants its credentials.

A new one is a file beside this one and a line in targets.py. It says which files it wants and how they are read back;
what holds for every target is checked in verifying.py, and written in writing.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from sealmq.devices.bundles.credentials import Credentials
from sealmq.errors import BundleError

README: Final = "README.md"
"""Each bundle's own: the calls, sizes and traps of its target. Written from `Target.readme`, not among its files."""

P256: Final = ("P-256",)
"""What every target takes."""

EVERY_KEY: Final = ("P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096")
"""What OpenSSL, GnuTLS and everything on top of them take."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a bundle."""

    name: str
    """Its name within the bundle; folders with "/"."""

    content: bytes = field(repr=False)
    """Its bytes."""

    private: bool = False
    """Whether the device's private key is in it: it becomes 0600, and git is told to leave it out."""

    password: str = field(default="", repr=False)
    """What opens it, where it is locked: shown once on the screen, and written nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a target can take. Whatever goes beyond is refused in words before anything is written."""

    keys: tuple[str, ...] = P256
    """Kinds of keys that its TLS library reads with its usual configuration, in the words of Credentials."""

    newest_tls: str = "1.3"
    """The newest TLS that it speaks: a broker that speaks nothing as old can't be its broker."""

    file_bytes: int | None = None
    """Bytes that any one of its files may have."""

    total_bytes: int | None = None
    """Bytes that its files may have together, README and manifest left out."""

    needs_key: bool = False
    """Whether it makes no sense without the private key: then a device that keeps its own is refused."""


class Target(ABC):
    """A kind of firmware or program."""

    name: ClassVar[str]
    """What is typed: `--target NAME`. Lower-case letters, digits and '-'."""

    title: ClassVar[str]
    """What it is, in one line, for `sealmq device targets`."""

    limits: ClassVar[Limits] = Limits()
    """What it can take."""

    has_password: ClassVar[bool] = False
    """Whether a password opens its files, which is shown once: then bundles are made one at a time."""

    @abstractmethod
    def files(self, credentials: Credentials) -> list[File]:
        """Its files, without README, manifest and .gitignore. Without a key: the same less those that hold it."""

    @abstractmethod
    def readme(self, credentials: Credentials) -> str:
        """README.md (Markdown): the exact calls, the sizes, the traps, and without a key where the key goes."""

    @abstractmethod
    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read every file back as the target's own parser would, and compare with the credentials.

        Raises BundleError or TrustError. What holds for all targets need not be repeated here: see verifying.py.
        """


def expect(name: str, found: bytes | None, wanted: bytes | None) -> None:
    """Raise BundleError unless what was read back is what had to be written."""
    if found != wanted:
        raise BundleError(f"{name} does not say what it must", why="it was read back and compared with the credentials")


def content_of(files: Sequence[File], name: str) -> bytes:
    """The bytes of the file of this name. Raises BundleError when it is missing."""
    for file in files:
        if file.name == name:
            return file.content
    raise BundleError(f"{name} is missing from the bundle")
