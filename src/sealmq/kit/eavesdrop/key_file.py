"""A key log file that is being written by somebody else: a device's SSLKEYLOGFILE, read as it grows.

Rule 1: only what is written from now on counts: what lies in the file already is of connections that were before.
Rule 2: memory is bounded: the oldest secrets are forgotten, and nobody's line is waited for without end.
Rule 3: a file that is gone, cut off or replaced is no failure: it is read from its front once it is there again.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sealmq.errors import ConfigError
from sealmq.kit.dissect.fields import printable
from sealmq.kit.dissect.keylog import KeyLog

MOST_SECRETS: Final = 5_000
"""Secrets of one generation; two are kept. They are those of a thousand connections of TLS 1.3, the youngest."""

MOST_AT_ONCE: Final = 1 << 20
"""Bytes that are read in one look."""

LONGEST_LINE: Final = 4_096
"""Bytes of a line that may wait for its end; an honest one has some 200."""


class KeyFile:
    """Follows one file. It need not be there yet."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError for something that is no file, or cannot be read."""
        self._path = path
        self._at = 0
        self._inode = 0
        self._begun = b""
        self._older, self._younger = KeyLog(most=MOST_SECRETS), KeyLog(most=MOST_SECRETS)
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(
                    f"{printable(str(path))} is not a file", remedy="--keylog FILE, that of SSLKEYLOGFILE"
                )
            with path.open("rb"):
                self._at, self._inode = found.st_size, found.st_ino
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigError(f"{printable(str(path))} cannot be read", why=error.strerror or str(error)) from error

    def secrets_of(self, client_random: bytes) -> KeyLog:
        """What has been written of that connection so far; looks into the file first."""
        self.look()
        found = KeyLog(wanted={client_random})
        for log in (self._older, self._younger):
            for line in log.lines_for(client_random).splitlines():
                found.add(line)
        return found

    def look(self) -> None:
        """Read what is new."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return
            if found.st_ino != self._inode or found.st_size < self._at:
                self._at, self._inode, self._begun = 0, found.st_ino, b""
            if found.st_size == self._at:
                return
            try:
                file.seek(self._at)
                data = file.read(MOST_AT_ONCE)
            except OSError:
                return
        self._at += len(data)
        *lines, begun = (self._begun + data).split(b"\n")
        self._begun = begun if len(begun) <= LONGEST_LINE else b""
        for line in lines:
            self._add(line)

    def _add(self, line: bytes) -> None:
        self._younger.add(line)
        if self._younger.count >= MOST_SECRETS:
            self._older, self._younger = self._younger, KeyLog(most=MOST_SECRETS)
