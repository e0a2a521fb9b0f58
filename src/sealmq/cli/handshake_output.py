"""Where the reports of `sealmq handshake` go: the terminal, and files."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from sealmq.kit.handshake.dial import Seen
    from sealmq.kit.handshake.report import Report

_PORT_OF_MQTT = 8883
PLAIN_WIDTH = 120
"""Columns where stdout is no terminal."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the report goes, and how much of it."""

    verbosity: int
    as_json: bool
    html: Path | None
    svg: Path | None
    mermaid: Path | None
    pcapng: Path | None

    def check(self) -> None:
        """Say now, not after the connection, that a file can't be written."""
        if str(self.pcapng) == "-":
            raise ConfigError("--pcapng goes into a file", why="it holds the keys", remedy="--pcapng FILE")
        for path in (self.html, self.svg, self.mermaid, self.pcapng):
            if path is not None and str(path) != "-" and not path.absolute().parent.is_dir():
                raise ConfigError(f"there is no folder for {path}", remedy="make it, or say another file")

    def write(self, report: Report) -> None:
        """Every form that was asked for; in the terminal unless stdout has something else."""
        write_report(report, self)

    def write_capture(self, seen: Seen) -> None:
        """The capture with its keys, if it was asked for."""
        if self.pcapng is None:
            return
        said = f"{self.pcapng} is not written: there was no connection to capture"
        if seen.pieces:
            write_capture(seen, self.pcapng)
            said = f"{self.pcapng} holds the keys of this connection: whoever has it can read all of it"
            if not seen.key_log:
                said = f"{self.pcapng} holds no keys, as {seen.library} gives none: what is encrypted stays closed"
        print(f"sealmq: {said}", file=sys.stderr)  # noqa: T201
        if seen.pieces and seen.call.port != _PORT_OF_MQTT:
            way = f"tshark -r {shlex.quote(str(self.pcapng))} -d tls.port=={seen.call.port},mqtt"
            print(f"sealmq: Wireshark knows MQTT on port 8883 alone; here: {way}", file=sys.stderr)  # noqa: T201


def write_report(report: Report, outputs: Outputs) -> None:
    """Every form that was asked for."""
    from sealmq.kit.handshake.draw.as_json import as_json
    from sealmq.kit.handshake.draw.mermaid import draw_mermaid
    from sealmq.kit.handshake.draw.page_html import draw_html
    from sealmq.kit.handshake.draw.sequence_svg import draw_svg

    drawn: tuple[tuple[Path | None, Callable[[Report], str]], ...] = (
        (outputs.html, draw_html),
        (outputs.svg, draw_svg),
        (outputs.mermaid, draw_mermaid),
    )
    for path, draw in drawn:
        if path is not None:
            write_text(path, draw(report))
    if outputs.as_json:
        typer.echo(json.dumps(as_json(report), indent=2))
    elif outputs.mermaid is None or str(outputs.mermaid) != "-":
        show_report(report, outputs.verbosity)


def show_report(report: Report, verbosity: int) -> None:
    """In the terminal."""
    from sealmq.kit.handshake.draw.terminal import show

    show(report, console(), verbosity=verbosity)


def console() -> Console:
    """What is printed on."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def write_text(path: Path, text: str) -> None:
    """Write a file; '-' is stdout."""
    if str(path) == "-":
        typer.echo(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def write_capture(seen: Seen, path: Path) -> None:
    """The connection as a capture, its keys in it (mode 0600)."""
    from sealmq.kit.capture.pcapng_file import write_pcapng

    try:
        write_pcapng(
            path,
            [(piece.sender, piece.data, piece.at) for piece in seen.pieces],
            client=seen.local,
            server=seen.remote,
            key_log=seen.key_log,
            began=seen.began,
            comment=f"sealmq handshake {seen.call.host}:{seen.call.port}",
        )
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", why=error.strerror or str(error)) from error


@contextmanager
def progress(doing: str, *, of_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal; it is told how much of how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda done, total: None
        return
    count = DownloadColumn() if of_bytes else MofNCompleteColumn()
    columns = (TextColumn(doing), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
