"""`sealmq ca status` and `sealmq ca rotate`: how old the CAs are, and how new ones take their place."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.ca_passphrase import RootKeyOption, RootPassphraseOption, ask_for_root, with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.cli.times import day, moment
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.home import Home
    from sealmq.rolling_over import AuthorityStatus, Need, Status

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_DAY = 86_400


def status(
    list_devices: Annotated[
        bool, typer.Option("--list", help="Print the names of the devices that need what is old, one a line.")
    ] = False,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Show each CA with its end and its key, and while a roll-over is on its way, who still needs the old ones."""
    from sealmq import rolling_over

    now = time.time()
    with _opened(home) as opened:
        found, near = rolling_over.status(opened, now=now), rolling_over.near_end(opened, now=now)
        if list_devices:
            _list_behind(opened, now, as_json=as_json)
            return
        root = opened.authorities.key_ids("root")[0]
    if as_json:
        typer.echo(json.dumps(_status_as_json(found, near), indent=2))
        return
    widest = max(len(each.common_name) for each in found.authorities)
    for each in found.authorities:
        typer.echo(_authority_in_words(each, widest, now))
    typer.echo("")
    typer.echo("\n".join(_phase_in_words(found, root, now)))
    if found.locked_out:
        typer.echo(
            f"Locked out, as their Device CA is not trusted any more: {found.locked_out:,}. To let one in again:"
        )
        typer.echo(as_typed("  sealmq device revoke NAME; sealmq device add NAME"))
    for words in near:
        typer.echo(as_typed(f"Attention: {words}"))


@with_ca_passphrase
def rotate(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="CA", help="One of server-ca, device-ca, claim-ca: below the same root."),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", metavar="DAYS", help="Days for which both roots are meant to be trusted.")
    ] = None,
    finish: Annotated[bool, typer.Option("--finish", help="End it: what is old counts no more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --finish: although devices need it.")] = False,
    root_key: RootKeyOption = None,
    root_passphrase_file: RootPassphraseOption = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Put new CAs in place of the old ones, which still count until --finish. No connection is dropped.

    New: the root, the Server CA, the Device CA and the Claim CA, each with a new key. The broker's chain leads to
    either root: clients that know one of them connect as before. Devices are given both roots from now on.
    """
    from sealmq import rolling_over
    from sealmq.own_certificates import renew_operator
    from sealmq.presence import tell_to_look

    _check_options(only, overlap, finish=finish, force=force)
    now = time.time()
    with _opened(home) as opened:
        if finish:
            gone = rolling_over.finish(opened, now=now, force=force)
            tell_to_look(opened.path)
            _tell_finished(gone, as_json=as_json)
            return
        if root_key is not None:
            _bring_root(opened, root_key, root_passphrase_file)
        days = rolling_over.OVERLAP_DAYS if overlap is None else overlap
        made = rolling_over.rotate(opened, now=now, only=only, overlap_days=days)
        renew_operator(opened, now)  # or the person at the keyboard would be the last to need the old ones
        tell_to_look(opened.path)
        path, found = opened.root_certificate, rolling_over.status(opened, now=now)
    if as_json:
        typer.echo(json.dumps(_status_as_json(found, []), indent=2))
        return
    for each in made:
        typer.echo(f"New: '{each.common_name}', until {day(each.certificate.validity.not_after)}.")
    typer.echo("The old ones still count. A broker that runs goes on with the new ones, and drops nobody.")
    if not found.is_rolling_over:  # a Server CA alone: whom clients trust is the root
        typer.echo("Nothing more is to be done: no device needs the old one.")
        return
    if only is None:
        typer.echo(f"{path} holds both roots: give it to clients that you look after by hand.")
        typer.echo(as_typed("Make new copies of what you keep elsewhere: sealmq backup, sealmq ca export-root"))
    typer.echo(as_typed("Who still needs the old ones: sealmq ca status"))
    typer.echo(as_typed("When nobody does:             sealmq ca rotate --finish"))


def _check_options(only: str | None, overlap: int | None, *, finish: bool, force: bool) -> None:
    if finish and (only is not None or overlap is not None):
        raise ConfigError("--finish ends all of it", remedy="leave --only and --overlap out")
    if force and not finish:
        raise ConfigError("--force belongs to --finish")
    if only is not None and overlap is not None:
        raise ConfigError("--overlap is about two roots", why="--only keeps the root", remedy="leave one of them out")
    if overlap is not None and not 1 <= overlap <= 3_650:
        raise ConfigError(f"an overlap of {overlap} days is not possible", remedy="1 to 3650")


def _bring_root(opened: Home, file: Path, passphrase_file: Path | None) -> None:
    from sealmq.pki.keeping import read_root

    opened.authorities.bring_root(read_root(opened.authorities, file, ask_for_root(passphrase_file)))


def _tell_finished(gone: list[AuthorityStatus], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"gone": [_authority_as_json(each) for each in gone]}, indent=2))
        return
    for each in gone:
        typer.echo(f"Not trusted any more: '{each.common_name}'.")
    typer.echo("Their keys are in ca/retired, and in older backups. A running broker has cut who showed a certificate")
    typer.echo("of theirs.")


def _list_behind(opened: Home, now: float, *, as_json: bool) -> None:
    from sealmq.rolling_over import devices_behind

    for name, needs_root, has_old in devices_behind(opened, now=now):
        if as_json:  # one object a line: a fleet has a million
            typer.echo(json.dumps({"name": name, "needs_old_root": needs_root, "has_old_certificate": has_old}))
        else:
            needs = ["the old root"] * needs_root + ["a certificate of the old Device CA"] * has_old
            typer.echo(f"{name}\t{', '.join(needs)}")


def _opened(home: Path | None) -> Home:
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    return Home.open(home_path(home))


_KEYS = {
    "plain": "key open",
    "sealed": "key sealed",
    "token": "key in a token",
    "away": "key elsewhere",
}


def _authority_in_words(each: AuthorityStatus, widest: int, now: float) -> str:
    left = int((each.not_after - now) // _DAY)
    ends = f"until {day(each.not_after)} ({left:,} days)" if left >= 0 else f"ended {day(each.not_after)}"
    what = each.name if each.is_newest else "  older"
    return f"{what:<9}  {each.common_name:<{widest}}  {ends:<29}  {_KEYS[each.key]}"


def _phase_in_words(found: Status, root: str, now: float) -> list[str]:
    if not found.is_rolling_over:
        return [f"No roll-over is on its way. {_counted(found.devices)} let in.", f"The root's key id: {root}"]
    lines = ["A roll-over is on its way: what is older still counts."]
    if found.overlap is not None:
        lines[0] = (
            f"A roll-over is on its way since {day(found.overlap.begun)}, planned until {day(found.overlap.until)}."
        )
        lines += [_need_in_words(need, "were not given the new root", found) for need in found.old_root]
    lines += [_need_in_words(need, "have a certificate of the old Device CA", found) for need in found.old_issuer]
    if found.may_be_finished:
        return [*lines, as_typed("No device needs what is old. Next: sealmq ca rotate --finish")]
    latest = max(need.latest for need in (*found.old_root, *found.old_issuer))
    lines.append(
        f"It may be finished when these have renewed, at the latest after {day(max(latest, now))}, when the last"
    )
    return [*lines, as_typed("of their certificates ends. Their names: sealmq ca status --list")]


def _counted(devices: int) -> str:
    return f"{devices:,} device{'s are' if devices != 1 else ' is'}"


def _need_in_words(need: Need, what: str, found: Status) -> str:
    return f"  {need.devices:>9,} of {found.devices:,} devices {what}{f' ({need.key_id[:8]})' if need.key_id else ''}"


def _status_as_json(found: Status, near: list[str]) -> dict[str, Any]:
    overlap = found.overlap
    return {
        "authorities": [_authority_as_json(each) for each in found.authorities],
        "rolling_over": found.is_rolling_over,
        "begun": moment(overlap.begun) if overlap is not None else None,
        "planned_until": moment(overlap.until) if overlap is not None else None,
        "devices": found.devices,
        "locked_out": found.locked_out,
        "need_old_root": _needs_as_json(found.old_root) if overlap is not None else [],
        "have_old_certificate": _needs_as_json(found.old_issuer),
        "may_be_finished": found.may_be_finished,
        "attention": near,
    }


def _needs_as_json(needs: list[Need]) -> list[dict[str, Any]]:
    return [{"key_id": each.key_id, "devices": each.devices, "latest": moment(each.latest)} for each in needs]


def _authority_as_json(each: AuthorityStatus) -> dict[str, Any]:
    return {
        "name": each.name,
        "common_name": each.common_name,
        "key_id": each.key_id,
        "serial": each.serial,
        "not_before": moment(each.not_before),
        "not_after": moment(each.not_after),
        "newest": each.is_newest,
        "key": each.key,
    }


def register(app: typer.Typer) -> None:
    """Add these commands to `sealmq ca`."""
    for command in (status, rotate):
        app.command()(command)
