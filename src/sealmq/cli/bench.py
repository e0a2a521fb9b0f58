"""`sealmq bench`: how much does this broker carry, how fast, and what does it cost?"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.options import CONNECTION, HomeOption, MiddlewareOption, read_login
from sealmq.errors import ConfigError, Error, HomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.table import Table

    from sealmq.kit.bench.result import Result
    from sealmq.kit.bench.target import Target
    from sealmq.kit.bench.workloads import Workload


def bench(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORKLOAD...", help="What to measure (default: a usual set, in a minute). See --list."),
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Say what workloads there are.")] = False,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=3600, help="How long each sends.")] = 5.0,
    messages: Annotated[
        int, typer.Option(metavar="COUNT", min=1, help="Messages, or connections, that each one sends at most.")
    ] = 100_000_000,
    scale: Annotated[
        float, typer.Option(metavar="PART", min=0.001, max=10, help="Take a part of the connections: 0.1 is a tenth.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", dir_okay=False, help="Draw the figures into this file.")
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option(metavar="PID", min=1, help="The broker's process, for its CPU and memory (default: the home's)."),
    ] = None,
    topic: Annotated[
        str, typer.Option(metavar="TOPIC", help="Topics begin with it: say one where you may publish and subscribe.")
    ] = "sealmq-bench",
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Device whose certificate all clients show (default: operator).",
                     rich_help_panel=CONNECTION),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with root.pem, device.pem and device.key.",
                     rich_help_panel=CONNECTION),
    ] = None,
    cafile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For any broker: PEM file of the authority that it is trusted by.",
                     rich_help_panel=CONNECTION),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --cafile: PEM file of our certificate.", rich_help_panel=CONNECTION),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --cert: PEM file of its key.", rich_help_panel=CONNECTION),
    ] = None,
    plaintext: Annotated[
        bool,
        typer.Option("--plaintext", help="No TLS, to a loopback address: what encryption costs.",
                     rich_help_panel=CONNECTION),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option("--host", "-h", metavar="HOST", help="Broker (default: the home's, else localhost).",
                     rich_help_panel=CONNECTION),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", metavar="PORT", min=1, max=65535,
                     help="Its port (default: the home's, else 8883).", rich_help_panel=CONNECTION),
    ] = None,
    psk_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A pre-shared key in place of certificates: one line, identity:key.",
                     rich_help_panel=CONNECTION),
    ] = None,
    middleware: MiddlewareOption = None,
    username: Annotated[
        str | None,
        typer.Option("--username", "-u", metavar="NAME", help="Account to log in with.", rich_help_panel=CONNECTION),
    ] = None,
    password_file: Annotated[
        str | None,
        typer.Option("--password-file", metavar="FILE", help="Read the password's one line from a file; '-' is stdin.",
                     rich_help_panel=CONNECTION),
    ] = None,
    home: HomeOption = None,
) -> None:  # fmt: skip
    """Measure a broker: messages a second, its processor time for each, latency, memory, what was lost.

    The load comes from processes of its own on this machine. It can be any MQTT broker; where its process is not known,
    processor time and memory are left out. Ctrl-C ends it, and shows what was measured until then.
    """
    from sealmq.kit.bench.run import Bounds
    from sealmq.kit.bench.watch import Watch
    from sealmq.kit.bench.workloads import WORKLOADS, find

    if list_them:
        width = max(len(each.name) for each in WORKLOADS)
        typer.echo("\n".join(f"{each.name:<{width}}  {each.told}" for each in WORKLOADS))
        return
    wanted = find(workloads or [], scale=scale)
    _expect_chart(chart)
    if (password_file is None) != (username is None) and username is None:
        raise ConfigError("a password needs a user name", remedy="--username NAME")
    given = Given(home, name, bundle, cafile, cert, key, plaintext, host, port, username, psk_file, middleware)
    target, found_pid = find_broker(given, read_login(username, password_file), pid)
    results: list[Result] = []
    try:
        _measure(wanted, target, Watch(found_pid), Bounds(seconds, messages), topic, results.append)
    finally:
        if results:
            _show(results, as_json=as_json, chart=chart)
    if all(each.failure for each in results):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Given:
    """The options that say which broker, and as whom."""

    home: Path | None
    name: str | None
    bundle: Path | None
    cafile: Path | None
    cert: Path | None
    key: Path | None
    plaintext: bool
    host: str | None
    port: int | None
    username: str | None
    psk_file: Path | None = None
    middleware: str | None = None


def find_broker(given: Given, password: bytes | None, pid: int | None) -> tuple[Target, int | None]:
    """The broker, our credentials, and its process where it is known. Raises ConfigError or HomeError."""
    from sealmq.bundle import KEY_FILE, ROOT_FILE, certificate_file
    from sealmq.cli.target import expect_host, find_target
    from sealmq.kit.bench.target import Target
    from sealmq.tls.middlewares import DEFAULT

    library = given.middleware or DEFAULT
    expect_host(given.host)
    if (given.cert is not None or given.key is not None) and given.cafile is None:
        raise ConfigError("--cert and --key go with --cafile", remedy="--cafile FILE, or --bundle DIR for all three")
    if given.key is not None and given.cert is None:
        raise ConfigError("--key goes with --cert", remedy="--cert FILE")
    if given.plaintext:
        if any(each is not None for each in (given.cafile, given.bundle, given.psk_file, given.middleware)):
            raise ConfigError(
                "--plaintext is given together with --cafile, --bundle, --psk-file or --middleware",
                why="without TLS nothing is shown and nobody is trusted",
                remedy="keep one of them",
            )
        return Target(
            given.host or "localhost", given.port or 1883, username=given.username, password=password
        ), _pid(pid, given)  # fmt: skip
    if given.cafile is not None:
        if given.bundle is not None or given.name is not None or given.psk_file is not None:
            raise ConfigError("--cafile is given together with --bundle, --as or --psk-file", remedy="keep one of them")
        target = Target(
            given.host or "localhost", given.port or 8883, given.cafile, given.cert, given.key,
            username=given.username, password=password, middleware=library,
        )  # fmt: skip
        return target, pid
    found = find_target(
        given.home, given.name, given.bundle, given.host, given.port, account=given.username is not None,
        psk=given.psk_file,
    )  # fmt: skip
    root, chain, key = found.root, None, None
    if found.bundle is not None:
        root, key = (found.bundle / file for file in (ROOT_FILE, KEY_FILE))
        chain = certificate_file(found.bundle)
    target = Target(
        found.host, found.port, root, chain, key,
        username=given.username, password=password, psk=found.psk, middleware=library,
    )  # fmt: skip
    return target, _pid(pid, given)


def _pid(pid: int | None, given: Given) -> int | None:
    """What was said, else the process of the home's broker, when it is the home's broker that is measured."""
    from sealmq.cli.target import home_path
    from sealmq.presence import maybe_running

    foreign = given.plaintext or given.psk_file is not None
    elsewhere = given.bundle is not None or given.host is not None or (foreign and given.home is None)
    if pid is not None or elsewhere:
        return pid
    said = maybe_running(home_path(given.home))
    if said is None:
        raise HomeError(
            f"no broker runs on the home {home_path(given.home)}",
            remedy="sealmq up  # in another terminal; for a broker elsewhere: --bundle DIR --host HOST",
        )
    return said.pid


def _expect_chart(chart: Path | None) -> None:
    """Say now, not after minutes, that the chart can't be written."""
    if chart is not None and not chart.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder for {chart}", remedy="make it, or say another file")


def _measure(
    wanted: list[Workload],
    target: Target,
    watch: Any,
    bounds: Any,
    topic: str,
    add: Callable[[Result], None],
) -> None:
    """Each workload in turn. One that cannot be measured is told as such; what was asked wrongly ends it all."""
    from sealmq.kit.bench.run import failed, run

    with _progress(len(wanted)) as tell:
        for place, workload in enumerate(wanted):
            try:
                result = run(workload, target, watch, bounds, topic, partial(tell, place, workload.name))
            except ConfigError:
                raise
            except Error as error:
                result = failed(workload, error)
            add(result)


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int, str, str, float], None]]:
    """A bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda place, name, doing, part: None
        return
    columns = (TextColumn("{task.description:<26}"), BarColumn(), TextColumn("{task.fields[doing]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=count, doing="")

        def tell(place: int, name: str, doing: str, part: float) -> None:
            bar.update(task, description=f"{place + 1}/{count} {name}", completed=place + part, doing=doing)

        yield tell


def _show(results: list[Result], *, as_json: bool, chart: Path | None) -> None:
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in results], indent=2))
    else:
        from rich.console import Console

        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
        console.print(_table(results))
        for each in results:
            for note in _sentences(each):
                console.print(f"{each.workload}: {note}", markup=False, highlight=False, soft_wrap=True)
    if chart is not None:
        from sealmq.kit.bench.chart import draw

        try:
            chart.write_text(draw(results), encoding="utf-8")
        except OSError as error:
            raise HomeError(f"{chart} cannot be written", why=error.strerror or str(error)) from error


def _table(results: list[Result]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    table.add_column("workload", no_wrap=True)
    for title in ("a second", "CPU µs each", "CPU", "p50 ms", "p99 ms", "p99.9 ms", "peak MB", "lost", "twice"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("limited by", no_wrap=True)
    for each in results:
        if each.failure:
            table.add_row(each.workload, "[red]not measured[/red]")
            continue
        word, _ = each.limit()
        marks = [_in_digits(each.latency.get(mark)) for mark in ("p50", "p99", "p99.9")]
        share = each.broker_share
        table.add_row(
            each.workload,
            f"{each.rate:,.0f}",
            _in_digits(each.cost),
            "-" if share is None else f"{share:.0%}",
            *marks,
            f"{each.peak / 1e6:,.0f}" if each.peak else "-",
            *(f"[red]{count:,}[/red]" if count else "0" for count in (each.lost, each.duplicated)),
            word,
        )
    return table


def _sentences(result: Result) -> list[str]:
    if result.failure:
        return [result.failure]
    word, sentence = result.limit()
    return [*result.notes, *([] if word in ("broker", "pace") else [sentence])]


def _in_digits(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
