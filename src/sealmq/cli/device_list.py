"""`sealmq device list`: a page of them for a person, all of them for a program, as a stream.

A fleet may have a million devices. At a terminal the first page is there at once, and the next is named; into a pipe
goes everything, a line for each device, in bounded memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.cli.times import day, moment

if TYPE_CHECKING:
    from sealmq.devices.records import DeviceRecord

NARROWEST = 80
"""Columns of the table in a terminal, at least: what is narrower breaks the lines itself, and nothing is left out."""

UNBROKEN = 200
"""Columns of a table when a program reads it: no line of it is ever folded."""

AT_A_TERMINAL = 100
"""Devices that a terminal is shown when nobody says how many."""

_TITLES = ("name", "role", "state", "valid until", "serial")
_MEASURED = 1000  # devices by whose names the first column is measured: a stream cannot know what comes


def list_devices(
    pattern: Annotated[str, typer.Argument(metavar="[PATTERN]", help="Only these: a name, or 'sensor-*'.")] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="active|expired|held|revoked", help="Only those in this state.")
    ] = "",
    after: Annotated[str, typer.Option("--after", metavar="NAME", help="Only those behind this name.")] = "",
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="At most so many (default: 100 at a terminal, else all)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs: one device a line.")] = False,
    home: HomeOption = None,
) -> None:
    """Show the devices with role, state and the end of their certificates or PSKs, by name."""
    from rich.console import Console

    from sealmq.cli.target import home_path
    from sealmq.devices.listing import listed
    from sealmq.home import Home

    now = time.time()
    console = Console(emoji=False)
    if limit is None and console.is_terminal and not as_json:
        limit = AT_A_TERMINAL
    with Home.open(home_path(home)) as opened:
        found = listed(opened.registry, now=now, pattern=pattern, state=state, after=after)
        shown = found if limit is None else islice(found, limit)
        if as_json:
            _write(_as_json(shown, now))
        elif console.is_terminal:
            _print_page(console, list(shown), now, is_more=next(found, None) is not None)
        else:
            _write(_as_lines(shown, now))


def device_as_json(device: DeviceRecord, now: float) -> dict[str, Any]:
    """What is told of a device to programs."""
    from sealmq.devices.listing import state_of

    return {
        "name": device.name,
        "role": device.role,
        "proof": "psk" if device.has_psk else "certificate",
        "state": state_of(device, now),
        "serial": device.serial,
        "not_after": moment(device.not_after),
        "created": moment(device.created),
        "uuid": device.uuid,
    }


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line)  # typer.echo looks at the stream and flushes it each time: a third of the whole


def _as_json(devices: Iterable[DeviceRecord], now: float) -> Iterator[str]:
    """One array, one device a line, so that it can be read as a whole or as a stream."""
    separator = "[\n  "
    for device in devices:
        yield separator + json.dumps(device_as_json(device, now))
        separator = ",\n  "
    yield "[]\n" if separator.startswith("[") else "\n]\n"


def _as_lines(devices: Iterable[DeviceRecord], now: float) -> Iterator[str]:
    """A table whose lines are never folded."""
    rows = (_row(device, now) for device in devices)
    first = list(islice(rows, _MEASURED))
    widths = [max(map(len, column)) for column in zip(_TITLES, *first, strict=True)]
    for row in chain((_TITLES,), first, rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def _row(device: DeviceRecord, now: float) -> tuple[str, ...]:
    from sealmq.devices.listing import state_of

    serial = f"{device.serial} (PSK)" if device.has_psk else device.serial
    return device.name, device.role, state_of(device, now), day(device.not_after), serial


def _print_page(console: Any, devices: list[DeviceRecord], now: float, *, is_more: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    colours = {"active": "green", "expired": "yellow", "held": "yellow", "revoked": "red"}
    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    for title in _TITLES[1:-1]:
        table.add_column(title, no_wrap=True)
    table.add_column("serial", no_wrap=True)  # to be copied in one piece: a long name is folded first
    for device in devices:
        name, role, state, until, serial = _row(device, now)
        table.add_row(Text(name), Text(role), Text(state, style=colours.get(state, "")), until, Text(serial))
    console.width = max(console.width, NARROWEST)
    console.print(table)
    if is_more:
        typer.echo(as_typed(f"There are more. Next: sealmq device list --after {devices[-1].name}"))
