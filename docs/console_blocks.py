"""The console blocks of a page, and whether what a program printed is what stands there.

A block is ```console; "$ " begins a command, "^C" is Ctrl-C, the rest is output. "..." alone in a line stands for lines
that are left out (or none), at the end of a line for the rest of it. An HTML comment before a block says in which
terminal it is: <!-- terminal: broker -->. Its command goes on running there, and a later block of the same terminal has
what it printed since. "until NAME says: WORDS" waits, besides, for words in another terminal. A comment that begins
with <!-- out of sight is a block that readers do not see: what they have done before they read the page.

What differs from run to run is compared by rule, everything else by the letter:

Rule 1: times, dates, ports of clients, versions of programs and libraries, rates, KiB of memory, and counts of what a
        TLS library offers may be any.
Rule 2: long hexadecimal and base64 values may be any, but the same where the page has the same, and others where not.
Rule 3: a size may differ by 3 bytes, as signatures do; from 400 bytes on by a quarter: certificates name the machine.
Rule 4: runs of spaces and of lines that are drawn count as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

LEFT_OUT = "..."
ALL = "???"
"""A line for whoever writes a page: `--write` puts the whole output in its place."""

INTERRUPT = "^C"
HERE = ""
"""The terminal in which each command is waited for."""

_FENCE = re.compile(r"^(?:```(?P<kind>\w*)|(?P<unseen><!-- out of sight))\s*$")
_COMMENT = re.compile(r"^<!--\s*terminal: (?P<name>[\w-]+)(?:, until (?P<other>[\w-]+) says: (?P<words>.+?))?\s*-->$")


class PageError(Exception):
    """A page that cannot be understood."""


@dataclass(slots=True)
class Step:
    """A command, or Ctrl-C, or only more output; with the output that the page has."""

    terminal: str
    line: int
    """Of the page, from 1: where the output begins."""
    command: str | None = None
    interrupts: bool = False
    until: tuple[str, str] | None = None
    output: list[str] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The line behind the last one of the output."""
        return self.line + len(self.output)


def read_steps(text: str) -> list[Step]:
    """The steps of a page, in order. Raises PageError."""
    steps: list[Step] = []
    comment: re.Match[str] | None = None
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            if lines[number].startswith("<!-- terminal"):
                comment = _COMMENT.match(lines[number])
                if comment is None:
                    raise PageError(f"line {number + 1}: {lines[number]} is not understood")
            elif lines[number].strip():
                comment = None
            number += 1
            continue
        end = number + 1
        while end < len(lines) and not lines[end].startswith("-->" if fence["unseen"] else "```"):
            end += 1
        if end == len(lines):
            raise PageError(f"line {number + 1}: the block has no end")
        if fence["unseen"] or fence["kind"] == "console":
            steps += _steps_of(lines, number + 1, end, comment)
        comment = None
        number = end + 1
    return steps


def _steps_of(lines: list[str], first: int, end: int, comment: re.Match[str] | None) -> list[Step]:
    terminal = comment["name"] if comment else HERE
    until = (comment["other"], comment["words"]) if comment and comment["other"] else None
    steps: list[Step] = []
    number = first
    while number < end:
        line = lines[number]
        number += 1
        if line.startswith("$ "):
            words = line[2:]
            while words.endswith("\\"):
                words += "\n" + lines[number].removeprefix("> ")
                number += 1
            steps.append(Step(terminal, number + 1, words, until=until))
        elif line == INTERRUPT:
            steps.append(Step(terminal, number + 1, interrupts=True))
        else:
            if not steps:
                steps.append(Step(terminal, number, until=until))
            steps[-1].output.append(line)
    for step in steps:
        if step.terminal == HERE and step.command is None:
            raise PageError(f"line {step.line}: output without a command, and no terminal is named")
    return steps


# --- what may differ


_DURATION = "<time>"
_FREE: tuple[tuple[str, str], ...] = (
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( UTC)?", "<date>"),
    (r"\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT", "<date>"),
    (r"\b\d{4}-\d\d-\d\d\b", "<date>"),
    (r"(Root CA) \d{4}\b", r"\1 <year>"),
    (r"^\d{10}: ", "<date>: "),
    (r"^(#\d+) +\d+\.\d{3}\b", rf"\1 {_DURATION}"),
    (r"\+?\b\d[\d,]*(\.\d+)? (ms|µs)(?!\w)", _DURATION),
    (r"\b\d+\.\d+ s\b", _DURATION),
    (r"\b(127\.0\.0\.1|::1|\[::1\]):[3-6]\d{4}\b", r"\1:<port>"),
    (r"\b(mosquitto version) \d+(\.\d+)*", r"\1 <version>"),
    (r"\b(OpenSSL|pyOpenSSL|Mbed TLS|wolfSSL) \d+(\.\d+)+", r"\1 <version>"),
    (r"±\d+%", "±<spread>"),
    (r"\b\d[\d,]*/s(?!\w)", "<rate>"),
    (r"\b\d[\d,]* (messages of)", r"<rate> \1"),
    (r"\b\d[\d,]*(\.\d+)? (MB/s|KiB)(?!\w)", r"<figure> \2"),
    (r"\b\d+ ((cipher )?suites|groups)\b", r"<count> \1"),
    (r" = ", "="),  # openssl writes names with spaces until version 3.1
    (r"^[.+*-]+$", "-"),  # openssl's signs of progress
    (r"\bSHA2?-256\(", "SHA256("),
)
"""What may be any, with its place holder."""

_BOUND = re.compile(
    r"\b(?:[0-9A-Fa-f]{2}:){5,}[0-9A-Fa-f]{2}\b:?"
    r"|\b(?:[0-9a-f]{2} ){7,}[0-9a-f]{2}\b"
    r"|(?<![\w+/])[0-9A-Fa-f]{16,}(?![\w+/])"
    r"|(?<![\w+/])[A-Za-z0-9+/]{40,}={0,2}(?![\w+/])"
)
_SIZE = re.compile(r"\b(\d[\d,]*)(?= (?:B|bytes?)\b)")
_RUNS = (
    (re.compile(r"[ \t]+"), " "),
    *((re.compile(f"(?:{sign} ?){{2,}}"), f"{sign} ") for sign in "─═┄"),
    (re.compile(r"(?<=[─═┄])(?=[^ ])|(?<=[^ ])(?=[─═┄])"), " "),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A line as it is compared: its text with place holders, and the values that stood there."""

    text: str
    bound: tuple[str, ...]
    sizes: tuple[int, ...]


def shape_of(line: str) -> Shape:
    """What of a line is compared."""
    for pattern, holder in _FREE:
        line = re.sub(pattern, holder, line)
    bound = tuple(found[0].rstrip(":").lower() for found in _BOUND.finditer(line))
    line = _BOUND.sub("<value>", line)
    sizes = tuple(int(found[1].replace(",", "")) for found in _SIZE.finditer(line))
    line = _SIZE.sub("<size>", line)
    for run, sign in _RUNS:
        line = run.sub(sign, line)
    return Shape(line.strip(), bound, sizes)


def is_near(one: int, other: int) -> bool:
    """May the page say a size that was this?"""
    larger = max(one, other)
    return abs(one - other) <= (larger / 4 if larger >= 400 else 3 if larger >= 16 else 0)


def is_alike(expected: str, printed: str) -> bool:
    """Is a line of the page what was printed, but for what may differ?"""
    if expected.endswith(f" {LEFT_OUT}"):
        beginning = shape_of(expected.removesuffix(LEFT_OUT))
        whole = shape_of(printed)
        if not whole.text.startswith(beginning.text):
            return False
    else:
        beginning, whole = shape_of(expected), shape_of(printed)
        if beginning.text != whole.text:
            return False
    return all(map(is_near, beginning.sizes, whole.sizes))


class Names:
    """Which value of the page stands for which of this run (Rule 2): one for one."""

    def __init__(self) -> None:
        self._there: dict[str, str] = {}
        self._here: dict[str, str] = {}

    def bind(self, expected: str, printed: str) -> str:
        """Take two lines that are alike for the same; what is wrong with that, or ''."""
        for ours, theirs in zip(shape_of(expected).bound, shape_of(printed).bound, strict=False):
            if self._there.setdefault(ours, theirs) != theirs:
                return f"{ours} stood for {self._there[ours]} before, and for {theirs} here"
            if self._here.setdefault(theirs, ours) != ours:
                return f"{theirs} was {self._here[theirs]} before, and is {ours} here"
        return ""


def find_output(expected: Sequence[str], printed: Sequence[str], *, whole: bool) -> list[tuple[int, int]] | None:
    """Which line of the page is which line of the output, as pairs of their numbers; None: it is another output.

    whole: is the output over, so that nothing may stand behind what the page has?
    """
    pieces: list[list[int]] = [[]]
    for number, line in enumerate(expected):
        if line.strip() == LEFT_OUT:
            pieces.append([])
        else:
            pieces[-1].append(number)
    found: list[tuple[int, int]] = []
    place = 0
    for index, piece in enumerate(pieces):
        if not piece:
            continue
        starts = range(place, len(printed) - len(piece) + 1)
        if index == 0:
            starts = starts[:1]
        if whole and index == len(pieces) - 1:
            starts = range(max(place, len(printed) - len(piece)), len(printed) - len(piece) + 1)
            if index == 0 and len(printed) != len(piece):
                return None
        for start in starts:
            if all(is_alike(expected[number], printed[start + at]) for at, number in enumerate(piece)):
                break
        else:
            return None
        found += [(number, start + at) for at, number in enumerate(piece)]
        place = start + len(piece)
    if whole and len(pieces) == 1 and not pieces[0] and printed:
        return None
    return found


# --- writing a page anew


_CLOSE_ENOUGH = 0.6


def written_anew(expected: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The lines of the page as this run printed them; the same are shown and left out, as far as they are there."""
    if [line.strip() for line in expected] == [ALL]:
        return list(printed)
    found = find_output(expected, printed, whole=False)
    if found is None:
        found = list(_most_like(expected, printed))
    anew: list[str] = []
    last = -1
    for number, at in found:
        if at != last + 1:
            anew.append(LEFT_OUT)
        line = printed[at]
        if expected[number].endswith(f" {LEFT_OUT}"):
            words = len(expected[number].split()) - 1
            cut = re.match(rf"\s*(?:\S+\s+){{{words}}}", line)
            line = f"{cut[0].rstrip()} {LEFT_OUT}" if cut else line
        anew.append(line)
        last = at
    if expected and expected[-1].strip() == LEFT_OUT:
        anew.append(LEFT_OUT)
    return anew


def _most_like(expected: Sequence[str], printed: Sequence[str]) -> list[tuple[int, int]]:
    """For each line of the page the most similar line that was printed behind the last one."""
    pairs = []
    place = 0
    for number, line in enumerate(expected):
        if line.strip() == LEFT_OUT or place >= len(printed):
            continue
        likeness = [SequenceMatcher(None, shape_of(line).text, shape_of(each).text).ratio() for each in printed[place:]]
        best = max(range(len(likeness)), key=likeness.__getitem__)
        if likeness[best] >= _CLOSE_ENOUGH:
            pairs.append((number, place + best))
            place += best + 1
    return pairs
