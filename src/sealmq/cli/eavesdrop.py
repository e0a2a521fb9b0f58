"""`sealmq eavesdrop`: what does anybody between a device and its broker see, and what can he change?"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

import typer

from sealmq.errors import ConfigError, HomeError

if TYPE_CHECKING:
    from rich.console import Console

    from sealmq.kit.eavesdrop.events import Event
    from sealmq.kit.eavesdrop.listening import Orders, Result
    from sealmq.kit.eavesdrop.relay import Address
    from sealmq.kit.eavesdrop.summary import Summary

_Told = TypeVar("_Told")

WAITING: Final = 10_000
"""Lines that wait for a terminal that cannot keep up; more are left out and counted: the connections come first."""

_TLS_PORTS: Final = (8883, 8884, 443)


def eavesdrop(
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The broker that everything is passed on to.")],
    listen: Annotated[
        str,
        typer.Option(metavar="[ADDRESS:]PORT", help="Where the device is to be pointed (default: this machine only)."),
    ] = "1884",
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change one bit of what each device sends, and see what becomes of it.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Send one message of each device twice, and see what becomes of it.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-C", metavar="COUNT", min=1, help="End after so many connections.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", "-W", metavar="SECONDS", min=0.1, help="End after so many seconds.")
    ] = None,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print passwords too (in plaintext they can be read).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each event, and the sum.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", dir_okay=False, help="Write the sum into this file as a page.")
    ] = None,
) -> None:
    """Stand between your own device and its broker, pass everything on, and show what anybody there sees.

    Plaintext MQTT lies open. Of TLS, sizes and times are left. Ctrl-C ends it and shows both side by side.
    """
    orders = _orders(to, listen, tamper=tamper, replay=replay, count=count, seconds=seconds, secrets=show_secrets)
    if html is not None and not html.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder for {html}", remedy="make it, or say another file")
    result = _run(orders, as_json=as_json)
    if html is not None:
        from sealmq.kit.eavesdrop.page import draw

        try:
            _write_page(html, draw(result.summary), private=show_secrets)
        except OSError as error:
            raise HomeError(f"{html} cannot be written", why=error.strerror or str(error)) from error
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _write_page(path: Path, text: str, *, private: bool) -> None:
    """private: passwords stand in it, so only its owner may read it. Raises OSError."""
    import os
    import stat

    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600 if private else 0o666), "w", encoding="utf-8") as file:
        if private and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fchmod(file.fileno(), 0o600)  # it may have been there before
        file.write(text)


def _orders(
    to: str, listen: str, *, tamper: bool, replay: bool, count: int | None, seconds: float | None, secrets: bool
) -> Orders:
    from sealmq.cli.target import read_listening_place
    from sealmq.config.addresses import parse_address
    from sealmq.kit.eavesdrop.listening import Orders
    from sealmq.kit.eavesdrop.relay import Address
    from sealmq.kit.eavesdrop.tamper import How

    if tamper and replay:
        raise ConfigError("--tamper and --replay do not go together", why="one would hide what the other does")
    if to and ":" not in to:
        raise ConfigError(f"--to {to!r} says no port", remedy=f"--to {to}:1883 without TLS, or --to {to}:8883 with it")
    host, port = parse_address(to)
    if host is None or not port:
        raise ConfigError(f"--to {to!r} names no broker", remedy="--to HOST:1883, or --to HOST:8883")
    here, at = read_listening_place(listen)
    how = How.FLIP if tamper else How.REPLAY if replay else None
    return Orders(Address(host, port), Address(here, at), count, seconds, how, secrets)


def _run(orders: Orders, *, as_json: bool) -> Result:
    """Listen, print what comes, and the sum at the end."""
    import asyncio
    import signal

    from sealmq.kit.eavesdrop.listening import listen

    console = _console()
    write = _write_json if as_json else _line_writer(console)

    async def run() -> Result:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        printer = Printer(write, lambda: loop.call_soon_threadsafe(stop.set))
        try:
            return await listen(orders, printer.tell, lambda found: _greet(orders, found, console, as_json), stop)
        finally:
            # Printing what still waits may take its time, and a second Ctrl-C must end it.
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            printer.close()

    result = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(result.summary.as_json()))
    else:
        show_summary(result.summary, console)
    for number, what in (
        (result.turned_away, "came when there were too many"),
        (result.unreachable, "found no broker"),
        (result.failed, "could not be watched to the end"),
    ):
        if number:
            typer.echo(f"sealmq: {number} connection{'' if number == 1 else 's'} {what}", err=True)
    return result


class Printer(Generic[_Told]):
    """Writes events in a thread of its own, so that a terminal that is slow, or stopped, holds no connection.

    write: writes one event; what it raises is kept, and raised by `close`. broken: asked when it did.
    what:  what is written, in the plural, for whoever hears how many were left out.
    """

    def __init__(
        self, write: Callable[[_Told], None], broken: Callable[[], Any], most: int = WAITING, what: str = "lines"
    ) -> None:
        self._write = write
        self._broken = broken
        self._what = what
        self._waiting: queue.Queue[_Told | None] = queue.Queue(most)
        self._left_out = 0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, event: _Told) -> None:
        """Have it written; never waits."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Write what waits. Raises what `write` raised: OSError when it could not be written."""
        self._waiting.put(None)
        self._thread.join()
        if self._left_out:
            typer.echo(
                f"sealmq: {self._left_out:,} {self._what} were left out: more was said than could be printed", err=True
            )
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            if self._error is not None:
                continue
            try:
                self._write(event)
            except (Exception, SystemExit) as error:  # a thread that ends would let nobody know
                # SystemExit is what rich makes of a reader that has gone.
                self._error = BrokenPipeError() if isinstance(error, SystemExit) else error
                self._broken()


def _console() -> Console:
    from rich.console import Console

    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a topic may have characters that this terminal has not
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)


def _write_json(event: Event) -> None:
    sys.stdout.write(json.dumps(event.as_json()) + "\n")
    sys.stdout.flush()


def _line_writer(console: Console) -> Callable[[Event], None]:
    from rich.text import Text

    from sealmq.kit.dissect.conversation import Sender

    arrow = "→" if console.encoding.lower().startswith("utf") else ">"
    ways = {Sender.CLIENT: f"device {arrow} broker", Sender.SERVER: f"broker {arrow} device", None: ""}
    styles = {"record": "green", "tampered": "bold yellow", "outcome": "bold yellow", "linked": "yellow"}
    quiet = ("opened", "ended", "closed", "speaks")

    def write(event: Event) -> None:
        style = "dim" if event.name in quiet else styles.get(event.name, "red" if event.name.isupper() else "")
        console.print(
            Text.assemble(
                (f"#{event.connection:<3} {event.at:9.3f}  ", "dim"),
                (f"{ways[event.sender]:<16} ", "dim"),
                (f"{event.name:<12} ", style),
                event.line,
            ),
            soft_wrap=True,
        )

    return write


def _greet(orders: Orders, found: list[Address], console: Console, as_json: bool) -> None:
    """Say where it listens, and what to type on the device's side."""
    from sealmq.kit.eavesdrop.relay import Address

    here = found[0]
    if not all(one.is_loopback for one in found):
        typer.echo(
            f"sealmq: {here} is open to other machines. Only your own devices: whoever connects here is listened to.",
            err=True,
        )
    if as_json:
        told = {"event": "listening", "address": here.host, "port": here.port, "to": str(orders.target)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        return
    host = "THIS_MACHINE" if here.host in ("0.0.0.0", "::") else here.host  # noqa: S104
    lines = [
        f"Listening on {here}; all is passed on to {orders.target}. Ctrl-C ends it.",
        f"Point your own device to {Address(host, here.port)} in place of {orders.target}. With mosquitto_pub:",
    ]
    if orders.target.port not in _TLS_PORTS:
        lines.append(f"  mosquitto_pub -h {host} -p {here.port} -q 1 -t test -m ON")
    if orders.target.port != 1883:
        name = "localhost" if orders.target.host in ("127.0.0.1", "::1", "localhost") else orders.target.host
        lines.append(
            f"  mosquitto_pub -h {name} -p {here.port} --cafile root.pem --cert device.pem --key device.key"
            " -q 1 -t test -m ON"
        )
        lines.append(
            f"  TLS checks the name that is dialled: {name} must lead here, and be in the broker's certificate."
        )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    console.file.flush()


def show_summary(summary: Summary, console: Console) -> None:
    """The table: what the listener saw, plaintext beside TLS."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sealmq.kit.eavesdrop.summary import mark

    sides = summary.sides()
    if sides:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_lines=False)
        table.add_column("the listener saw", ratio=2)
        for _, name, _ in sides:
            table.add_column(name, ratio=4, overflow="fold")
        columns = [side.exposures() for _, _, side in sides]
        for row in zip(*columns, strict=True):
            cells = [
                Text.assemble((f"{mark(kind, one):<8}", "red" if one.visible else "green"), one.value)
                for one, (kind, _, _) in zip(row, sides, strict=True)
            ]
            table.add_row(Text(row[0].what), *cells)
        console.print(table)
    console.print(summary.sentence(), markup=False, soft_wrap=True)
