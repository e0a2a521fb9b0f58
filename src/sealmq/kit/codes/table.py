"""Tables of codes as text, one code a line, so that a table reads like the header that it is compared with.

A line is: NUMBER NAME FAULT meaning | text | text
NUMBER is decimal or hexadecimal, `-` for none; FAULT a name of faults.py or mqtt_faults.py; the texts are
sentences that the library prints. A line that begins with a space goes on with the line before it.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code, Fault
from sealmq.kit.codes.faults import TLS_FAULTS
from sealmq.kit.codes.lines import LINES
from sealmq.kit.codes.mqtt_faults import MQTT_FAULTS

FAULTS: dict[str, Fault] = TLS_FAULTS | MQTT_FAULTS
"""Every fault by its name."""


def read_table(library: str, prefix: str, text: str, *, version: str = "") -> tuple[Code, ...]:
    """The codes of a table.

    prefix: what stands before each name in the header. Raises ValueError or KeyError for a line that is no row.
    """
    return tuple(_read_line(library, prefix, line, version) for line in rows(text))


def rows(text: str) -> list[str]:
    """The lines of a table, those that were broken put together."""
    joined: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and joined:
            joined[-1] += " " + line.strip()
        elif line.strip():
            joined.append(line)
    return joined


def make(library: str, name: str, number: int | None, fault: str, meaning: str, *texts: str, version: str = "") -> Code:
    """One code of which the fault is named."""
    return Code(
        library=library,
        name=name,
        number=number,
        meaning=meaning,
        fault=FAULTS[fault],
        texts=texts,
        version=version,
        line=LINES.get(fault, {}).get(library, ""),
    )


def _read_line(library: str, prefix: str, line: str, version: str) -> Code:
    number, name, fault, rest = line.split(None, 3)
    meaning, *texts = (part.strip() for part in rest.split(" | "))
    value = None if number == "-" else int(number, 0)
    return make(library, prefix + name, value, fault, meaning, *texts, version=version)
