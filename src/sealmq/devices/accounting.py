"""Does the audit trail hold, and does it fit the registry? What `sealmq log verify` asks.

Rule 1: a certificate that the registry calls valid, superseded or revoked has its line: no issue without its line.
        Who cuts lines off the end of the trail is found by this, as a chain alone cannot do it.
Rule 2: a serial that the trail names is known to the registry, and what the trail calls revoked the registry does not
        call valid: a database that was put back is found by this.
Rule 3: a million certificates need no more memory than a thousand. The trail is read as a stream, its serials go into a
        table on the disk, and both sides are gone through in the order of their serials.

A certificate from before the trail began has no line; how many those are is said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO

from sealmq.devices.records import State
from sealmq.devices.registry import Registry
from sealmq.devices.trail import FIRST, ISSUE, LINE_LENGTH, RELEASE, REVOKE, Line, Trail, read_line
from sealmq.errors import HomeError

FINDINGS_KEPT = 20
"""Findings that are told one by one; of a trail that was rewritten every line is one."""

_BACKWARDS = 60.0  # seconds: two processes that waited for each other, a clock that was set right
_BATCH = 1000
_GIVEN_OUT = frozenset({State.VALID, State.SUPERSEDED, State.REVOKED})


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong. line: its number in the file, 0 when it is about no line."""

    line: int
    what: str


@dataclass(slots=True)
class Verdict:
    """What was found.

    lines:       whole lines in the trail.
    begun, ended: the times of the first and the last of them, "" when there is none.
    findings:    the first FINDINGS_KEPT of what is wrong; found: how many there are.
    backwards:   where the clock went back by more than a minute. It may have been set; it is no sign of a change.
    torn:        bytes of a last line that is not whole: the next entry cuts it off and says so.
    issued:      certificates with a line; older: those from before the trail. Both 0 when no registry was compared.
    """

    lines: int = 0
    begun: str = ""
    ended: str = ""
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    backwards: list[Finding] = field(default_factory=list)
    torn: int = 0
    issued: int = 0
    older: int = 0

    @property
    def holds(self) -> bool:
        """Is nothing wrong?"""
        return self.found == 0

    def add(self, line: int, what: str) -> None:
        """One more finding."""
        self.found += 1
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(Finding(line, what))


def verify(trail: Trail, registry: Registry | None = None) -> Verdict:
    """Read the whole trail, and compare it with the registry when one is given. Changes nothing.

    Raises HomeError when one of them cannot be read.
    """
    verdict = Verdict()
    with _failures_in_words(trail.path):
        if registry is not None:
            _compare(trail, registry, verdict)
            return verdict
        with trail.held() as size:  # nobody is in the middle of a line
            file: IO[bytes] = trail.path.open("rb") if size else BytesIO()
        with file:
            for _ in _lines(file, size, verdict):
                pass
    return verdict


def _compare(trail: Trail, registry: Registry, verdict: Verdict) -> None:
    with closing(_Account()) as account:
        with ExitStack() as both:
            with trail.held() as size:  # both as of one moment: a line is written before its certificate is valid
                both.enter_context(registry.snapshot())
                file: IO[bytes] = both.enter_context(trail.path.open("rb") if size else BytesIO())
            for number, line in _lines(file, size, verdict):
                account.enter(number, line, verdict)
            account.compare(registry, verdict)
        account.look_again(registry, verdict)


def _lines(file: IO[bytes], size: int, verdict: Verdict) -> Iterator[tuple[int, Line]]:
    """The lines that can be read, with their numbers; what is wrong with the others and the chain goes into `verdict`.

    Behind a line that was changed the chain goes on from what the next line says, so that each break is told once.
    """
    seq, prev, latest = 0, FIRST, 0.0
    while size > 0:
        data = file.readline(min(size, LINE_LENGTH + 1))
        size -= len(data)
        if not data.endswith(b"\n"):
            if size > 0 and data:
                verdict.add(verdict.lines + 1, "the line is longer than any of ours")
            else:
                verdict.torn = len(data)
            return
        verdict.lines += 1
        try:
            line = read_line(data[:-1])
            moment = datetime.fromisoformat(line.time).timestamp()
        except (ValueError, OverflowError) as error:  # the second: a time in the year 1
            verdict.add(verdict.lines, str(error))
            seq, prev = seq + 1, ""
            continue
        if line.seq != seq + 1:
            verdict.add(verdict.lines, f"number {line.seq} follows number {seq}: lines were removed or put in")
        elif prev and line.prev != prev:
            verdict.add(verdict.lines, "the line before it is not the one that stood there when this was written")
        if moment < latest - _BACKWARDS:
            verdict.backwards.append(Finding(verdict.lines, f"the clock went back by {latest - moment:,.0f} seconds"))
            del verdict.backwards[FINDINGS_KEPT:]
        verdict.begun = verdict.begun or line.time
        verdict.ended = line.time
        seq, prev, latest = line.seq, line.hash, moment
        yield verdict.lines, line


_Said = tuple[str, int, int, int, str]


class _Account:
    """What the trail says of each serial, in a table of its own file, which is gone when it is closed."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE said (serial TEXT PRIMARY KEY, line INTEGER, issued INTEGER, revoked INTEGER, print TEXT)"
            " WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")
        self._waiting: list[_Said] = []
        self._doubtful: list[tuple[int, str]] = []

    def close(self) -> None:
        """Let it go."""
        self._connection.close()

    def enter(self, number: int, line: Line, verdict: Verdict) -> None:
        """Note what a line says of a certificate."""
        if line.action not in (ISSUE, REVOKE, RELEASE):
            return
        # A device is revoked with all its certificates: one line.
        serials = [each for each in str(line.facts.get("serial") or line.facts.get("serials") or "").split(" ") if each]
        if not serials:
            verdict.add(number, f"'{line.action}' names no serial")
        issued, revoked, fingerprint = line.action == ISSUE, line.action == REVOKE, line.facts.get("fingerprint") or ""
        self._waiting += [(serial, number, issued, revoked, str(fingerprint)) for serial in serials]
        if len(self._waiting) >= _BATCH:
            self._flush()

    def compare(self, registry: Registry, verdict: Verdict) -> None:
        """Go through both sides in the order of their serials."""
        self._flush()
        begun = datetime.fromisoformat(verdict.begun).timestamp() if verdict.begun else float("inf")
        said = iter(self._connection.execute("SELECT serial, line, issued, revoked, print FROM said ORDER BY serial"))
        ours = next(said, None)
        for serial, whose, state, fingerprint, recorded in _certificates(registry):
            while ours is not None and ours[0] < serial:
                _unknown(ours, verdict)
                ours = next(said, None)
            if ours is not None and ours[0] == serial:
                self._same(ours, whose, state, fingerprint, verdict)
                issued, ours = ours[2], next(said, None)
            else:
                issued = 0
            # Revoked before it was made: nobody has it, and it has no line.
            if issued or state not in _GIVEN_OUT or not fingerprint:
                continue
            if recorded < begun:
                verdict.older += 1
            else:
                verdict.add(
                    0, f"the certificate of '{whose}' (serial {serial}) is {state}, and no line says who made it"
                )
        while ours is not None:
            _unknown(ours, verdict)
            ours = next(said, None)

    def look_again(self, registry: Registry, verdict: Verdict) -> None:
        """Ask once more about what the trail calls revoked: its line may have been on the disk a moment earlier."""
        for line, serial in self._doubtful:
            record = registry.lookup(serial)
            if record is not None and record.state in (State.VALID, State.SUPERSEDED):
                verdict.add(line, f"{_named(record.device, serial)} was revoked; the registry calls it {record.state}")

    def _same(self, said: _Said, whose: str, state: str, fingerprint: str, verdict: Verdict) -> None:
        """What both sides know: do they say the same?"""
        serial, line, issued, revoked, printed = said
        verdict.issued += bool(issued)
        if printed and fingerprint and printed != fingerprint:
            verdict.add(line, f"{_named(whose, serial)} is another one in the registry")
        if revoked and state in (State.VALID, State.SUPERSEDED):
            self._doubtful.append((line, serial))

    def _flush(self) -> None:
        self._connection.executemany(
            "INSERT INTO said VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET issued = issued + excluded.issued,"
            " revoked = excluded.revoked, print = CASE WHEN print = excluded.print OR excluded.print = '' THEN print"
            " WHEN print = '' THEN excluded.print ELSE 'several' END",
            self._waiting,
        )
        self._waiting.clear()


@contextmanager
def _failures_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(f"the audit trail {path} cannot be read", why=error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise HomeError(
            f"the audit trail {path} cannot be compared with the registry",
            why=f"the place for temporary files: {error}",
            remedy="make room there, or choose another with TMPDIR",
        ) from error


def _certificates(registry: Registry) -> Iterator[tuple[str, str, str, str, float]]:
    """Serial, subject, state, fingerprint and time of recording of all there are, in the order of their serials."""
    after = ""
    while page := registry.query(
        "SELECT serial, subject, state, fingerprint, recorded_at FROM certificates WHERE serial > ? ORDER BY serial"
        " LIMIT ?",
        *(after, _BATCH),
    ):
        yield from page
        after = page[-1][0]


def _unknown(said: _Said, verdict: Verdict) -> None:
    serial, line, *_ = said
    verdict.add(line, f"the registry knows no serial {serial}: an older registry was put in its place")


def _named(whose: str, serial: str) -> str:
    return f"the certificate of '{whose}' (serial {serial})"
