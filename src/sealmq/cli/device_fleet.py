"""`sealmq device add --from fleet.csv`: thousands of devices at once, and again after a kill."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.cli.bundle import check_host
from sealmq.cli.fleet_bundles import BUNDLES, Bundled, NotBundled, WantedBundle
from sealmq.cli.fleet_crew import Heard, work_off
from sealmq.cli.target import home_path
from sealmq.cli.times import day, moment
from sealmq.devices.bundles.targets import find_target
from sealmq.devices.bundles.writing import clear_half_written
from sealmq.devices.enrollment import check_wishes
from sealmq.devices.fleet import COLUMNS, Mistake, Row, read_fleet
from sealmq.devices.fleet_adding import BATCH, Added, NotAdded, fleets_turn
from sealmq.devices.fleet_plan import Plan, Planner
from sealmq.errors import BundleError, ConfigError, HomeError
from sealmq.home import Home

SHOWN = 20
"""Mistakes and failures that are shown; the rest are counted."""

FAILED = 1


def add_from(
    table: Path | None,
    *,
    name: str | None,
    csr: Path | None,
    days: int | None,
    role: str | None,
    jobs: int | None,
    dry_run: bool,
    target: str | None,
    out: Path | None,
    host: str | None,
    port: int | None,
    as_json: bool,
    home: Path | None,
) -> None:
    """Add the devices of a table, and make their bundles. `role`, `days`, `target` are for lines that say none."""
    if table is None:
        what = "no device is named" if name is None else "--jobs and --dry-run are for --from"
        raise ConfigError(what, remedy="sealmq device add NAME, or sealmq device add --from FILE.csv")
    for given, option in ((name, "a NAME"), (csr, "--csr")):
        if given is not None:
            raise ConfigError(
                f"{option} is given together with --from",
                why="the table says it, line by line",
                remedy="keep one of them",
            )
    check_wishes(role or "device", days)
    rows, mistakes = read_fleet(_read(table))
    if mistakes:
        raise _mistaken(table, mistakes)
    bundles = _wanted_bundles(table, rows, target, out, host, port)
    with Home.open(home_path(home)) as opened:
        planner = Planner(
            opened.registry,
            opened.enrollment(),
            directory=opened.devices_directory,
            base=table.parent,
            role=role or "device",
            days=days,
        )
        told = _Told(opened.devices_directory)
        with _failures_in_words(table):
            if dry_run:
                told.plan = _planned(planner, rows, table)
            else:
                _add(opened, planner, rows, table, bundles, jobs or len(os.sched_getaffinity(0)), told)
    typer.echo(json.dumps(told.as_json(), indent=2) if as_json else "\n".join(told.in_words(dry_run=dry_run)))
    if told.not_added or told.not_bundled:
        raise typer.Exit(FAILED)


class _Told:
    """What became of a table."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.plan = Plan()
        self.added: list[Added] = []
        self.not_added: list[NotAdded] = []
        self.out = Path()
        self.bundled: list[Bundled] = []
        self.not_bundled: list[NotBundled] = []

    def hear(self, answers: Sequence[Added | NotAdded | Bundled | NotBundled]) -> None:
        self.added += [each for each in answers if isinstance(each, Added)]
        self.not_added += [each for each in answers if isinstance(each, NotAdded)]
        self.bundled += [each for each in answers if isinstance(each, Bundled)]
        self.not_bundled += [each for each in answers if isinstance(each, NotBundled)]

    def in_words(self, *, dry_run: bool) -> list[str]:
        made = (
            f"{_devices(len(self.plan.wanted))} would be"
            if dry_run
            else f"{_devices(len(self.added))} {_are(self.added)}"
        )
        lines = [f"{made} added{self._others()}."]
        if self.added:
            lines.append(f"Their files are in {self.directory}/NAME: {ROOT_FILE}, {LEAF_FILE}, {KEY_FILE}.")
        kept = [each for each in self.plan.wanted if each.public_key is not None]
        if kept and not dry_run:
            lines.append(f"{len(kept):,} of them {_have(kept)} no {KEY_FILE}: it is where the request was made.")
        if any(each.shortened for each in self.added):
            until = min(each.not_after for each in self.added if each.shortened)
            lines.append(f"The Device CA ends on {day(until)}, and certificates that should last longer end with it.")
        if self.bundled:
            lines.append(
                f"{len(self.bundled):,} {'bundle is' if len(self.bundled) == 1 else 'bundles are'} in {self.out}."
            )
        if self.not_bundled:
            lines += [
                f"{_devices(len(self.not_bundled))} {_have(self.not_bundled)} no bundle:",
                *_shown(self.not_bundled),
            ]
        if self.not_added:
            lines += [f"{_devices(len(self.not_added))} {_are(self.not_added)} not added:", *_shown(self.not_added)]
            lines.append("The same command again tells what is there now.")
        return lines

    def _others(self) -> str:
        present, revoked = len(self.plan.present), len(self.plan.revoked)
        others = [f"{present:,} {'was' if present == 1 else 'were'} there already"] if present else []
        if revoked:
            others.append(f"{revoked:,} {'was revoked and stays' if revoked == 1 else 'were revoked and stay'} so")
        return f"; {', '.join(others)}" if others else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "added": [asdict(each) | {"not_after": moment(each.not_after)} for each in self.added],
            "not_added": [asdict(each) for each in self.not_added],
            "wanted": len(self.plan.wanted),
            "present": [row.name for row in self.plan.present],
            "revoked": [row.name for row in self.plan.revoked],
            "directory": str(self.directory),
            "bundled": [asdict(each) for each in self.bundled],
            "not_bundled": [asdict(each) for each in self.not_bundled],
        }


def _add(
    home: Home,
    planner: Planner,
    rows: Sequence[Row],
    table: Path,
    bundles: Sequence[WantedBundle],
    jobs: int,
    told: _Told,
) -> None:
    with fleets_turn(home.devices_directory):
        plan = told.plan = _planned(planner, rows, table)
        planner.clear_leftovers(rows)
        try:
            with _progress("adding devices", len(plan.wanted), told.hear) as heard:
                work_off(home, _batches(plan.wanted, BATCH), jobs=jobs, heard=heard)
            if bundles:
                told.out = bundles[0].out
                left = _bundles_left(
                    bundles, {*(row.line for row in plan.present), *(each.line for each in told.added)}
                )
                with _progress("making bundles", len(left), told.hear) as heard:
                    work_off(home, _batches(left, BUNDLES), jobs=jobs, heard=heard)
        except BaseException:
            done = f"{len(told.added):,} of {_devices(len(plan.wanted))} are added; the same command goes on from there"
            typer.echo(f"sealmq: {done}", err=True)
            raise


def _bundles_left(bundles: Sequence[WantedBundle], lines: set[int]) -> list[WantedBundle]:
    """Those of devices that are there, which are not there yet: a bundle comes into its place whole."""
    out = bundles[0].out
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear_half_written(out)
    return [each for each in bundles if each.line in lines and not each.place.exists()]


def _wanted_bundles(
    table: Path, rows: Sequence[Row], target: str | None, out: Path | None, host: str | None, port: int | None
) -> list[WantedBundle]:
    """The bundles that the options and the table ask for. Raises ConfigError when one can't be made."""
    check_host(host)
    if out is not None and out.suffix == ".zip":
        raise ConfigError("with --from, bundles go into a folder", remedy="--out DIR; each is a folder in it")
    place = out or Path(f"{table.stem}-bundles")
    wanted: list[WantedBundle] = []
    mistakes: list[Mistake] = []
    for row in rows:
        if chosen := row.target or target:
            try:
                if find_target(chosen).has_password:
                    raise BundleError(
                        f"bundles for {chosen} are made one at a time", why="each has a password that is shown once"
                    )
            except BundleError as error:
                mistakes.append(Mistake(row.line, f"{error.what}{f': {error.why}' if error.why else ''}"))
            wanted.append(WantedBundle(row.line, row.name, chosen, place, host, port))
    if mistakes:
        raise _mistaken(table, mistakes)
    if not wanted and (out is not None or host is not None or port is not None):
        raise ConfigError("--out, --host and --port are for --target", remedy="sealmq device targets")
    return wanted


def _batches(some: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [some[start : start + size] for start in range(0, len(some), size)]


def _planned(planner: Planner, rows: Sequence[Row], table: Path) -> Plan:
    plan = planner.plan(rows)
    if plan.mistakes:
        raise _mistaken(table, plan.mistakes)
    return plan


@contextmanager
def _progress(what: str, total: int, heard: Heard) -> Iterator[Heard]:
    """`heard`, with a bar on stderr that shows how far it is, where that is a terminal."""
    if not total or not sys.stderr.isatty():
        yield heard
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)

        def heard_and_shown(answers: Sequence[Any]) -> None:
            heard(answers)
            progress.advance(task, len(answers))

        yield heard_and_shown


def _read(table: Path) -> bytes:
    try:
        return table.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the table {table} cannot be read",
            why=error.strerror or str(error),
            remedy=f"name a CSV file whose first line is: {','.join(COLUMNS)}",
        ) from error


def _mistaken(table: Path, mistakes: Sequence[Mistake]) -> ConfigError:
    lines = [f"line {each.line}: {each.what}" for each in sorted(mistakes, key=lambda each: each.line)[:SHOWN]]
    if len(mistakes) > SHOWN:
        lines.append(f"and {len(mistakes) - SHOWN:,} more")
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes):,} mistakes"
    return ConfigError(
        f"{table} has {count}, and nothing was made", why="\n        ".join(lines), remedy="correct it, then again"
    )


@contextmanager
def _failures_in_words(table: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"not all devices of {table} were added: {error.strerror or error}",
            why=f"at {error.filename}" if error.filename else "",
            remedy="make room or repair it, then the same command again",
        ) from error


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count:,} devices"


def _are(some: Sequence[object]) -> str:
    return "is" if len(some) == 1 else "are"


def _have(some: Sequence[object]) -> str:
    return "has" if len(some) == 1 else "have"


def _shown(some: Sequence[NotAdded | NotBundled]) -> list[str]:
    lines = [f"  line {each.line}: {each.name}: {each.why}" for each in some[:SHOWN]]
    return [*lines, f"  and {len(some) - SHOWN:,} more"] if len(some) > SHOWN else lines
