"""How the broker's log looks: a line for a person, or with --json-log one JSON object for a program."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache

LONGEST = 2_000
"""Characters of a line: a client may have a user name or a topic of 65,535, and would like to see it here."""

_FIELDS = ("address", "device", "account", "serial", "client_id")
"""What a record may carry beside its sentence."""


class PersonFormatter(logging.Formatter):
    """`2026-11-25 12:30:59 warning  sentence`, in local time. The day too: a broker runs for months."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        when, words = _local_time(int(record.created)), one_line(_short(record.getMessage()))
        line = f"{when} {record.levelname.lower():<7}  {words}"
        if not record.exc_info:
            return line
        # An exception's words may quote a peer: none of its lines may look like one of ours.
        traceback = self.formatException(record.exc_info).split("\n")
        return "\n".join((line, *(f"  | {one_line(each)}" for each in traceback)))


class JSONFormatter(logging.Formatter):
    """One JSON object: time (RFC 3339, UTC), level, message, and of _FIELDS what is known."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": _short(record.getMessage()),
        }
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # ASCII: a client's name must not bring a line or terminal control of its own. DEL is the one that JSON leaves.
        return json.dumps(line).replace("\x7f", "\\u007f")


def start_logging(level: str, *, as_json: bool) -> None:
    """Send what the broker has to say to standard error. level: "debug", "info", "warning" or "error"."""
    # No line tells these, and each record would look them up: 8 microseconds of a connection (logging's HOWTO,
    # "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if as_json else PersonFormatter())
    for name, least in (("sealmq", level.upper()), ("asyncio", "WARNING")):  # asyncio too, or it prints its own way
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(least)
        logger.propagate = False


@lru_cache(maxsize=2)
def _local_time(second: int) -> str:
    """A second in words. A fleet that comes back writes hundreds of lines in one, and each took 20 microseconds."""
    return datetime.fromtimestamp(second, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text) - LONGEST:,} more characters)"


def one_line(text: str) -> str:
    """What a client chose (its identifier, a topic) must not be able to write a log line of its own."""
    if text.isprintable():  # nearly every line; looking at each character costs 20 microseconds
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
