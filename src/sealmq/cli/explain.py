"""`sealmq explain`: what a device or its library printed means, who says so, why, and what mends it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.program import as_typed
from sealmq.errors import ConfigError, Error

if TYPE_CHECKING:
    from rich.console import Console

    from sealmq.kit.codes.code import Code
    from sealmq.kit.codes.finding import Reading

SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""`-0x2700` is no option."""

STDIN = "-"
_IN_FULL = 2
"""Readings that are told in full; the others have a line each."""


def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS...", help="What was printed: a number, a name, a line of a log; '-' reads stdin."
        ),
    ] = None,
    library: Annotated[
        str | None, typer.Option("--from", metavar="LIBRARY", help="Who printed it: sealmq explain --list names them.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the libraries, or the codes of the one that is named.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what an error of a TLS or MQTT library means, which side said it, the likely causes, and what mends it.

    It knows Mbed TLS, wolfSSL, OpenSSL, BearSSL, lwIP, ESP-IDF, PubSubClient,
    mosquitto, Paho, Node.js, Java, Go and more.
    Exit code 1: nothing in it is known.
    """
    from sealmq.kit.codes.finding import find

    given = list(words or [])
    if list_:
        _list(given, as_json=as_json)
        return
    text = _text(given)
    try:
        readings = find(text, library=library)
    except ValueError as error:
        raise _no_library(library or "") from error
    if not readings:
        raise _unknown(text, library)
    if as_json:
        typer.echo(json.dumps({"readings": [_as_json(reading) for reading in readings]}, indent=2))
    else:
        _tell(readings)


def _text(words: list[str]) -> str:
    from sealmq.kit.codes.finding import LONGEST

    if words == [STDIN]:
        return sys.stdin.buffer.read(LONGEST).decode(errors="replace")
    if not words:
        raise ConfigError("nothing was given to explain", remedy="sealmq explain -0x2700, or a line of a log in quotes")
    return " ".join(words)


def _tell(readings: list[Reading]) -> None:
    from rich.console import Console

    console = Console(
        highlight=False, soft_wrap=not sys.stdout.isatty(), no_color=bool(os.environ.get("NO_COLOR")) or None
    )
    full = readings[:_IN_FULL]
    if len(full) > 1 and full[1].code.fault is full[0].code.fault:
        full = full[:1]  # the same causes and the same cure, in another library's words
    for reading in full:
        _tell_one(console, reading)
    others = readings[len(full) :]
    if others:
        console.print("Other readings:", markup=False)
    for reading in others:
        console.print(f"  {_heading(reading.code)}: {reading.code.meaning}", markup=False)
    if len(readings) > 1:
        console.print(as_typed("To narrow it: sealmq explain --from LIBRARY ..."), markup=False)


def _tell_one(console: Console, reading: Reading) -> None:
    from rich.table import Table
    from rich.text import Text

    code = reading.code
    console.print(" + ".join(_heading(one) for one in reading.codes), style="bold", markup=False)
    rows = [("means", one.meaning) for one in reading.codes]
    rows.append(("said by", reading.said_by.value))
    rows += [("" if number > 1 else "causes", f"{number}. {cause}") for number, cause in enumerate(code.causes, 1)]
    rows.append(("do", code.remedy))
    rows += [("line", line) for line in dict.fromkeys(one.line for one in reading.codes) if line]
    rows += [("SealMQ", code.fault.sealmq)] if code.fault.sealmq else []
    rows += [("mosquitto", code.fault.mosquitto)] if code.fault.mosquitto else []
    if console.is_terminal:
        grid = Table.grid(padding=(0, 1))
        for name, value in rows:
            grid.add_row(f"  {name:<9}", Text(as_typed(value)))
        console.print(grid)
    else:
        for name, value in rows:
            console.print(f"  {name:<9} {as_typed(value)}", markup=False)
    console.print()


def _heading(code: Code) -> str:
    from sealmq.kit.codes.catalog import LIBRARIES

    numbers = "" if code.number is None else f" ({_number(code)})"
    return f"{code.name}{numbers}, {LIBRARIES[code.library]}{f', {code.version}' if code.version else ''}"


def _number(code: Code) -> str:
    """As the library's own documentation writes it."""
    number = code.number or 0
    if code.library in ("mbedtls", "mbedtls-flags") or (code.library == "esp-idf" and number > 0):
        written = f"{'-' if number < 0 else ''}0x{abs(number):04X}"
        return written if code.library == "mbedtls-flags" else f"{written}, {number}"
    return f"0x{number:02X}, {number}" if code.version == "MQTT 5" else str(number)


def _as_json(reading: Reading) -> dict[str, Any]:
    code = reading.code
    return {
        "matched": reading.matched,
        "said_by": reading.said_by.name.lower(),
        "causes": list(code.causes),
        "remedy": {"device": code.remedy, "sealmq": code.fault.sealmq, "mosquitto": code.fault.mosquitto},
        "codes": [_code_as_json(one) for one in reading.codes],
    }


def _code_as_json(code: Code) -> dict[str, Any]:
    return {
        "library": code.library,
        "name": code.name,
        "number": code.number,
        "meaning": code.meaning,
        "version": code.version,
        "line": code.line,
    }


def _list(words: list[str], *, as_json: bool) -> None:
    from sealmq.kit.codes.catalog import LIBRARIES, catalog, members

    wanted = list(LIBRARIES)
    if words:
        wanted = [name for word in words for name in members(word)]
        if not wanted:
            raise _no_library(words[0])
    codes = [code for code in catalog().codes if code.library in wanted]
    if as_json:
        typer.echo(json.dumps([_code_as_json(code) for code in codes], indent=2))
    elif words:
        typer.echo("\n".join(f"{_heading(code)}: {code.meaning}" for code in codes))
    else:
        counts = {name: sum(code.library == name for code in codes) for name in wanted}
        typer.echo("\n".join(f"{name:<15} {counts[name]:>4}  {title}" for name, title in LIBRARIES.items()))


def _no_library(name: str) -> ConfigError:
    from sealmq.kit.codes.catalog import FAMILIES, LIBRARIES

    known = ", ".join(sorted({*LIBRARIES, *FAMILIES}))
    return ConfigError(f"no library {name!r} is known", remedy=f"it is one of: {known}")


def _unknown(text: str, library: str | None) -> Error:
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    among = f" among the codes of {library}" if library else ""
    return Error(
        f"nothing in {shown!r} is known{among}",
        why="neither a name, nor a sentence, nor a number of a library was found in it",
        remedy="paste the whole line, with the number and its sign; or look through: sealmq explain --list LIBRARY",
    )
