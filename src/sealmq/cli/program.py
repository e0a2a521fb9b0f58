"""What to type to run this program again: the commands that we print must work as they stand.

In a fresh clone `make up` runs .venv/bin/sealmq, and no `sealmq` is on the PATH.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "sealmq"

_PLAIN = "up|reload|pub|sub|handshake|bench|backup|restore"
_HOMELESS = "renew|eavesdrop|explain|middleware"  # they are not about a home of this machine, or hardly ever
_GROUPS = "device|enroll|account|access|ca|log"
_COMMAND = re.compile(
    rf"(?<![\w./-])sealmq(?= (?:{_PLAIN}|{_HOMELESS}|{_GROUPS}|--help)\b)"
    rf"(?P<words> (?:{_PLAIN}|(?:{_GROUPS}) [a-z-]+)\b)?(?P<rest>[^;`\n]*)"
)


class _Given:
    """What was typed and must be typed again."""

    home: Path | None = None


def remember_home(home: Path | None) -> None:
    """Put --home into the commands that `as_typed` gives from here on; None: it was not given."""
    _Given.home = home


def program() -> str:
    """`sealmq` when the PATH finds this program under that name, else the way that it was started."""
    started_as = sys.argv[0]
    name = Path(started_as).name
    if Path(started_as).parts[-2:] == (NAME, "__main__.py"):
        return f"{shlex.quote(sys.executable)} -m sealmq"
    found = shutil.which(NAME)
    if name != NAME or (found is not None and _is_same(found, started_as)):
        return NAME
    return shlex.quote(started_as)


def as_typed(text: str) -> str:
    """`text` with each `sealmq COMMAND` in it changed to what works when it is typed."""
    return _COMMAND.sub(_one_as_typed, text)


def _one_as_typed(found: re.Match[str]) -> str:
    words, rest = found["words"] or "", found["rest"]
    # Twice in one sentence: "sealmq up, then sealmq sub".
    rest = as_typed(rest)
    if words and _Given.home is not None and not re.search(r"(?<!\S)--(?:home|help)\b", found["rest"]):
        words += f" --home {shlex.quote(str(_Given.home))}"
    return f"{program()}{words}{rest}"


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
