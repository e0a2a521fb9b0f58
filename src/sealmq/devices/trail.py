"""The audit trail: what was issued, revoked and refused, by whom and when. HOME/audit.jsonl, one JSON object a line.

    {"seq":7,"time":"2026-11-25T17:00:00.000Z","actor":"...","action":"issue","facts":{...},"prev":"...","hash":"..."}

Rule 1: `hash` is the SHA-256 of the line's bytes before `,"hash"`, and `prev` the hash of the line before (64 zeros in
        the first): nobody changes, removes or inserts a line without every later one telling.
Rule 2: what `append` was given is on the disk when it returns, and none of it is there when it raises.
Rule 3: a line that a crash left half is recognised, cut off, and the cut is a line of its own. Anything else that is
        wrong with the end stops the caller: what cannot be recorded is not done.
Rule 4: no secret and no password goes in; names, serials, hashes and reasons do.

The chain alone cannot tell when its last lines are missing. The registry can (devices/accounting.py): every certificate
that was given out has its line. The file is not rotated: a million certificates are 0.6 GB, and a chain in pieces is
one that somebody must put together again before he believes it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sealmq.errors import HomeError
from sealmq.pki import vault

ISSUE = "issue"
"""A certificate was made: facts has `serial`, `device` (or whose it is), `profile`. Written before it is valid."""

REVOKE = "revoke"
"""Certificates open nothing any more: facts has `serial` or `serials`, `device`, `reason` (a hold: certificateHold)."""

RELEASE = "release"
"""A hold was lifted: facts has `serial` or `serials`, `device`. Written before the certificate is valid again."""

CLONE = "clone"
"""A certificate was found in two places at once: facts has `serial`, `device`, `places`, `how`. Nobody was cut."""

CUT = "cut"
"""The half line of a write that did not finish was cut off: facts has `bytes`."""

FILE_NAME = "audit.jsonl"
LINE_LENGTH = 64 * 1024
"""Bytes of a line, at most: so much is read to find the last one."""

FIRST = "0" * 64
"""What stands in the first line for the hash of the line before."""

_HASH = len(',"hash":"') + 64 + len('"}')
_TEXT_LENGTH = 1024  # characters of one fact; what a device wrote into a request must not fill the disk
_SECONDS = 10.0
_LONGEST_PAUSE = 0.05

_NO_LINE = "it has not the fields of a line"

Fact = str | int | float | None
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded.

    action: what was done, one word; ISSUE, REVOKE and RELEASE are compared with the registry.
    actor:  who did it: "cli:user", a device's name, a token's id.
    facts:  what it was about. Texts longer than 1,024 characters are cut.
    """

    action: str
    actor: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Line:
    """What was recorded. time: RFC 3339, UTC. prev, hash: rule 1."""

    seq: int
    time: str
    actor: str
    action: str
    facts: dict[str, Fact]
    prev: str
    hash: str


class Trail:
    """The trail in one file. Several threads and processes may append; each call opens the file anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Sequence[Entry], *, now: float) -> None:
        """Record all of them, or none. On the disk when this returns. `now` in Unix seconds.

        Raises HomeError when the disk does not take it, or the end of the trail is not what we wrote.
        """
        if not entries:
            return
        with _failures_in_words(self.path), self._locked() as descriptor:
            size = os.fstat(descriptor).st_size
            last, torn = _end(descriptor, size, self.path)
            if torn:
                entries = (Entry(CUT, "sealmq", {"bytes": torn}), *entries)
                size -= torn
                os.ftruncate(descriptor, size)
            data = _encoded(entries, last, now)
            try:
                if os.write(descriptor, data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # the next byte would have said so
                # One write and one sync for the whole batch: 64 certificates wait for the disk once.
                os.fdatasync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, size)
                raise

    @contextmanager
    def held(self) -> Iterator[int]:
        """Nobody appends meanwhile: the moment at which trail and registry fit each other. Gives the length in bytes.

        To be held for a moment only; raises HomeError when others hold it for 10 seconds.
        """
        if not self.exists():  # a home from before there was a trail
            yield 0
            return
        with _failures_in_words(self.path), self._locked() as descriptor:
            yield os.fstat(descriptor).st_size

    def check_end(self) -> None:
        """Raise HomeError unless `append` would go on from here."""
        with self.held() as size, _failures_in_words(self.path, "read"):
            if size:
                with self.path.open("rb") as file:
                    _end(file.fileno(), size, self.path)

    def backwards(self, naming: str = "") -> Iterator[Line]:
        """The lines from the last to the first; only those that have this text somewhere, in any spelling of upper and
        lower case. Raises HomeError at one that cannot be read."""
        wanted = _encode(naming)[1:-1].lower().encode()
        for data in _lines_backwards(self.path) if self.exists() else ():
            if wanted not in data.lower():  # before it is read: a hundredth of the time
                continue
            try:
                yield read_line(data)
            except ValueError as error:
                raise _damaged(self.path, str(error)) from error

    def exists(self) -> bool:
        """Was anything ever recorded here?"""
        return self.path.exists()

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = _open(self.path)
        try:
            _lock(descriptor, self.path)
            # Locked, but a restore may have put another file in its place while we waited.
            while not os.path.samestat(os.fstat(descriptor), self.path.stat()):
                os.close(descriptor)
                descriptor = _open(self.path)
                _lock(descriptor, self.path)
            yield descriptor
        finally:
            os.close(descriptor)


def read_line(data: bytes) -> Line:
    """One line without its line feed, its own hash checked. Raises ValueError."""
    body, end = data[:-_HASH], data[-_HASH:]
    digest = sha256(body).hexdigest()
    if end != b',"hash":"%s"}' % digest.encode():
        raise ValueError("the line is not what was written: its hash is another")
    try:
        said: dict[str, Any] = json.loads(data)
        line = Line(**said)
    except (TypeError, RecursionError):
        raise ValueError(_NO_LINE) from None
    texts = all(isinstance(said[name], str) for name in ("time", "actor", "action", "prev"))
    if not texts or type(said["seq"]) is not int or not isinstance(said["facts"], dict):
        raise ValueError(_NO_LINE)
    return line


def _encoded(entries: Sequence[Entry], last: Line | None, now: float) -> bytes:
    when = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    seq, prev = (last.seq, last.hash) if last is not None else (0, FIRST)
    lines = []
    for entry in entries:
        seq += 1
        facts = _encode(dict(entry.facts))
        if len(facts) > _TEXT_LENGTH:
            facts = _encode({name: _cut(fact) for name, fact in entry.facts.items()})
        # Written by hand: half the time of one dict through the encoder, and the order of the fields is the format's.
        body = (
            f'{{"seq":{seq},"time":"{when}","actor":{_encode(_cut(entry.actor))},"action":{_encode(entry.action)},'
            f'"facts":{facts},"prev":"{prev}"'
        )
        prev = sha256(body.encode()).hexdigest()
        line = f'{body},"hash":"{prev}"}}\n'
        if len(line) > LINE_LENGTH:
            raise HomeError(f"'{entry.action}' cannot be recorded", why=f"its line has {len(line)} bytes")
        lines.append(line)
    return "".join(lines).encode()


def _cut(fact: Fact) -> Fact:
    if isinstance(fact, str) and len(fact) > _TEXT_LENGTH:
        return fact[: _TEXT_LENGTH - 1] + "…"
    return fact


def _end(descriptor: int, size: int, path: Path) -> tuple[Line | None, int]:
    """The last whole line (None: there is none yet), and how many bytes of a half one stand behind it."""
    tail = os.pread(descriptor, 4096, max(0, size - 4096))
    if size > 4096 and tail.count(b"\n") < 2:
        tail = os.pread(descriptor, 2 * LINE_LENGTH, max(0, size - 2 * LINE_LENGTH))
    whole, _, torn = tail.rpartition(b"\n")
    if not whole and len(tail) < size:
        raise _damaged(path, "its last line has no end")
    try:
        last = read_line(whole.rpartition(b"\n")[2]) if whole else None
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if torn and not _is_beginning(torn, last):
        raise _damaged(path, "its last line is not the beginning of one of ours")
    return last, len(torn)


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """Whole lines, without their line feeds. A half one at the end is left out."""
    with _failures_in_words(path, "read"), path.open("rb") as file:
        start, rest = file.seek(0, os.SEEK_END), b""
        is_last = True
        while start > 0:
            length = min(start, LINE_LENGTH)
            start -= length
            file.seek(start)
            first, *others = (file.read(length) + rest).split(b"\n")
            if others and is_last:
                others.pop()  # what stands behind the last line feed: nothing, or a half line
                is_last = False
            yield from reversed(others)
            rest = first
            if len(rest) > 2 * LINE_LENGTH:
                raise _damaged(path, "it has a line that is longer than any of ours")
        if rest and not is_last:
            yield rest


def _is_beginning(torn: bytes, last: Line | None) -> bool:
    """Is this what a write leaves that did not finish? Some file systems fill up what did not arrive with zeros."""
    torn = torn.rstrip(b"\0")
    start = b'{"seq":%d,"time":"' % (last.seq + 1 if last is not None else 1)
    return torn.startswith(start) or start.startswith(torn)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o600)
        vault.sync_directory(path.parent)
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & 0o022:
        os.close(descriptor)
        raise HomeError(
            f"the audit trail {path} can be changed by others (mode {mode:04o})",
            remedy=f"chmod 600 {shlex.quote(str(path))}",
        )
    return descriptor


def _lock(descriptor: int, path: Path) -> None:
    """Locked by this process, or HomeError after 10 seconds. Who holds it waits for one sync, so we look often."""
    pause, waited = 0.001, 0.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if waited >= _SECONDS:
                raise HomeError(
                    f"the audit trail {path} is in use",
                    why=f"another process has held it for {_SECONDS:.0f} seconds",
                    remedy="try again",
                ) from None
        time.sleep(pause)
        waited += pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _damaged(path: Path, why: str) -> HomeError:
    return HomeError(
        f"the end of the audit trail {path} is damaged",
        why=f"{why}; nothing is issued that cannot be recorded",
        remedy="sealmq log verify shows where; put the latest backup of the home in its place",
    )


@contextmanager
def _failures_in_words(path: Path, done: str = "written") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"the audit trail {path} cannot be {done}",
            why=error.strerror or str(error),
            remedy="make room, or look who owns it, then try again",
        ) from error
