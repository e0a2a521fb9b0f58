"""`sealmq device add --from fleet.csv`: thousands of devices at once, and again after a kill."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.cli.fleet_crew import Heard, add_fleet
from sealmq.cli.target import home_path
from sealmq.devices.enrollment import check_wishes
from sealmq.devices.fleet import COLUMNS, Mistake, Row, read_fleet
from sealmq.devices.fleet_adding import Added, NotAdded, fleets_turn
from sealmq.devices.fleet_plan import Plan, Planner
from sealmq.errors import ConfigError, HomeError
from sealmq.home import Home
from sealmq.pki.peer import day

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
    as_json: bool,
    home: Path | None,
) -> None:
    """Add the devices of a table. `role` and `days` are for the lines that say none."""
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
                told.plan = _add(opened, planner, rows, table, jobs, told)
    typer.echo(json.dumps(told.as_json(), indent=2) if as_json else "\n".join(told.in_words(dry_run=dry_run)))
    if told.not_added:
        raise typer.Exit(FAILED)


class _Told:
    """What became of a table."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.plan = Plan()
        self.added: list[Added] = []
        self.not_added: list[NotAdded] = []

    def hear(self, answers: Sequence[Added | NotAdded]) -> None:
        self.added += [each for each in answers if isinstance(each, Added)]
        self.not_added += [each for each in answers if isinstance(each, NotAdded)]

    def in_words(self, *, dry_run: bool) -> list[str]:
        made = (
            f"{_devices(len(self.plan.wanted))} would be"
            if dry_run
            else f"{_devices(len(self.added))} {_are(self.added)}"
        )
        lines = [f"{made} added{self._others()}."]
        if self.added:
            lines.append(f"Their files are in {self.directory}/NAME: {ROOT_FILE}, {LEAF_FILE}, {KEY_FILE}.")
        kept = sum(each.public_key is not None for each in self.plan.wanted)
        if kept and not dry_run:
            lines.append(f"{kept:,} of them have no {KEY_FILE}: it is where the certificate request was made.")
        if any(each.shortened for each in self.added):
            until = min(each.not_after for each in self.added if each.shortened)
            lines.append(f"The Device CA ends on {day(until)}, and certificates that should last longer end with it.")
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
            "added": [asdict(each) | {"not_after": _moment(each.not_after)} for each in self.added],
            "not_added": [asdict(each) for each in self.not_added],
            "wanted": len(self.plan.wanted),
            "present": [row.name for row in self.plan.present],
            "revoked": [row.name for row in self.plan.revoked],
            "directory": str(self.directory),
        }


def _add(home: Home, planner: Planner, rows: Sequence[Row], table: Path, jobs: int | None, told: _Told) -> Plan:
    with fleets_turn(home.devices_directory):
        plan = _planned(planner, rows, table)
        planner.clear_leftovers(rows)
        try:
            with _progress(len(plan.wanted), told.hear) as heard:
                add_fleet(home, plan.wanted, jobs=jobs or len(os.sched_getaffinity(0)), heard=heard)
        except BaseException:
            done = f"{len(told.added):,} of {_devices(len(plan.wanted))} are added; the same command goes on from there"
            typer.echo(f"sealmq: {done}", err=True)
            raise
    return plan


def _planned(planner: Planner, rows: Sequence[Row], table: Path) -> Plan:
    plan = planner.plan(rows)
    if plan.mistakes:
        raise _mistaken(table, plan.mistakes)
    return plan


@contextmanager
def _progress(total: int, heard: Heard) -> Iterator[Heard]:
    """`heard`, with a bar on stderr that shows how far it is, where that is a terminal."""
    if not sys.stderr.isatty():
        yield heard
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("adding devices"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)

        def heard_and_shown(answers: Sequence[Added | NotAdded]) -> None:
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


def _shown(some: Sequence[NotAdded]) -> list[str]:
    lines = [f"  line {each.line}: {each.name}: {each.why}" for each in some[:SHOWN]]
    return [*lines, f"  and {len(some) - SHOWN:,} more"] if len(some) > SHOWN else lines


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
