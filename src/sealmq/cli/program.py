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

_COMMAND = re.compile(r"(?<![\w./-])sealmq(?= (?:up|reload|device|account|access|pub|sub|backup|restore|--help)\b)")


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
    return _COMMAND.sub(lambda _: program(), text)


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
