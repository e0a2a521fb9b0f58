"""`sealmq log`: the audit trail (devices/trail.py): is it whole, and what does it say?"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed

if TYPE_CHECKING:
    from sealmq.devices.accounting import Verdict
    from sealmq.devices.trail import Line

app = typer.Typer(help="Show and verify the audit trail: what was issued and revoked, by whom.", no_args_is_help=True)

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_SHOWN_FIRST = ("device", "serial", "reason")  # of the facts, as far as a line has them; the rest follows

_FOR_PROGRAMS = frozenset({"fingerprint", "spki_sha256", "authority", "profile", "not_after", "renews"})
"""Of a certificate's facts, what a person does not compare by eye: 250 characters of each line. --json has them."""


@app.command()
def verify(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Read the whole trail and compare it with the registry. Exit code 1 when something does not fit."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounting import verify as verify_trail
    from sealmq.devices.trail import Trail
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        verdict = verify_trail(Trail(opened.audit_trail), opened.registry)
    if as_json:
        typer.echo(json.dumps({"holds": verdict.holds} | asdict(verdict), indent=2))
    else:
        typer.echo("\n".join(_in_words(verdict)))
    if not verdict.holds:
        raise typer.Exit(1)


@app.command()
def show(
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="How many: the last N.")] = 20,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="Only what is about this device.")] = "",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Show what was recorded last, the latest at the end. With --json also keys and hashes of each certificate."""
    from sealmq.cli.target import home_path
    from sealmq.devices.trail import Trail
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        found = (line for line in Trail(opened.audit_trail).backwards(device) if _is_about(line, device))
        lines = list(islice(found, number))[::-1]
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], indent=2))
    elif not lines:
        typer.echo(f"The audit trail says nothing about {device}." if device else "The audit trail is empty.")
    else:
        typer.echo("\n".join(map(_line_in_words, lines)))


def _is_about(line: Line, device: str) -> bool:
    wanted = device.lower()
    return not device or wanted in (str(line.facts.get("device")).lower(), line.actor.rpartition(":")[2].lower())


def _line_in_words(line: Line) -> str:
    names = [name for name in _SHOWN_FIRST if name in line.facts]
    left_out = _FOR_PROGRAMS if "fingerprint" in line.facts else ()
    names += [name for name in line.facts if name not in names and name not in left_out]
    facts = " ".join(f"{name}={_shown(line.facts[name])}" for name in names if line.facts[name] not in ("", None))
    return f"{line.seq:>6}  {line.time[:19]}Z  {_shown(line.action)}  {facts}  by {_shown(line.actor)}"


def _shown(value: str | int | float | None) -> str:
    """A device may have chosen it: nothing of it may move the cursor, or look like the next word."""
    text = str(value)
    return text if text.isprintable() and " " not in text and text else json.dumps(text)


def _in_words(verdict: Verdict) -> list[str]:
    if verdict.lines == 0 and verdict.holds:
        return ["The audit trail is empty."]
    span = f", from {verdict.begun[:19]}Z to {verdict.ended[:19]}Z" if verdict.begun else ""
    said = [f"{verdict.lines:,} lines{span}."]
    if verdict.holds:
        said.append(f"The chain holds. All {verdict.issued:,} certificates that it names fit the registry.")
    if verdict.older:
        said.append(f"{verdict.older:,} certificates are from before the trail began, and have no line.")
    said += [
        f"Line {finding.line}: {finding.what}. It may have been set; nothing else is wrong there."
        for finding in verdict.backwards
    ]
    if verdict.torn:
        said.append(
            f"Behind the last line are {verdict.torn:,} bytes of one that was never finished: the next cuts them."
        )
    if verdict.holds:
        return said
    said.append(f"{verdict.found:,} findings:")
    said += [
        f"  line {finding.line}: {finding.what}" if finding.line else f"  {finding.what}"
        for finding in verdict.findings
    ]
    if verdict.found > len(verdict.findings):
        said.append(f"  and {verdict.found - len(verdict.findings):,} more")
    said.append("Somebody changed the trail or the registry, or one of them is from another time than the other.")
    said.append(as_typed("Next: compare with your latest backup, and look what each device is: sealmq device list"))
    return said
