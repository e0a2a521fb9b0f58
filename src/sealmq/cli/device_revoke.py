"""`sealmq device revoke`, `hold`, `release`, `remove`: who is not let in any more, for good or for a while."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.ca_passphrase import with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.errors import ConfigError, HomeError

if TYPE_CHECKING:
    from sealmq.devices.revocation import Taken
    from sealmq.home import Home

SHOWN = 10
"""Serials or names that are printed of many; --json has all."""

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The device.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="REASON", help="Why: keyCompromise, superseded, cessationOfOperation ...")
]


@with_ca_passphrase
def revoke(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The device, with all its certificates.")] = None,
    serial: Annotated[
        str | None, typer.Option("--serial", metavar="HEX", help="One certificate, in place of a whole device.")
    ] = None,
    token: Annotated[
        int | None,
        typer.Option("--token", metavar="N", help="A token or claim, and every device that was enrolled by it."),
    ] = None,
    reason: ReasonOption = "unspecified",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Refuse a device from now on, and cut its connections. For good: `hold` is for a while."""
    if [name, serial, token].count(None) != 2:
        raise ConfigError("what is to be revoked?", remedy="one of: NAME, --serial HEX, --token N")
    with _opened(home) as opened:
        revocations, now = opened.revocations(), time.time()
        if reason == "certificateHold" and name is not None:
            taken = revocations.hold_device(name, now=now)
        elif name is not None:
            taken = revocations.revoke_device(name, reason, now=now)
        elif serial is not None:
            taken = revocations.revoke_serial(serial, reason, now=now)
        else:
            assert token is not None
            taken = revocations.revoke_batch(token, reason, now=now)
        _tell_others(opened)
        left_alone = _no_operator_is_left(opened, taken, now)
    if as_json:
        whose = {"name": name} if name is not None else {"serial": serial} if serial is not None else {"token": token}
        typer.echo(json.dumps(whose | _as_json(taken) | {"reason": reason}, indent=2))
        return
    what = name or (f"The certificate {serial}" if serial is not None else f"Everything that came by token {token}")
    typer.echo("\n".join(_revoked_in_words(what, taken)))
    if token is not None:
        typer.echo(f"Token {token} enrols nobody any more.")
    if left_alone:
        _tell_left_alone()


@with_ca_passphrase
def hold(name: NameArgument, as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Refuse a device until it is released, and cut its connections. Its session waits for it."""
    with _opened(home) as opened:
        taken = opened.revocations().hold_device(name, now=time.time())
        _tell_others(opened)
        left_alone = _no_operator_is_left(opened, taken, time.time())
    if as_json:
        typer.echo(json.dumps({"name": name} | _as_json(taken) | {"reason": "certificateHold"}, indent=2))
    elif not taken.serials:
        typer.echo(f"{name} is on hold already; nothing has changed.")
    else:
        typer.echo(f"{name} is on hold (serial {_some(taken.serials)}).")
        typer.echo("The broker refuses it until it is released; if it is connected, it is cut within a second.")
        typer.echo(as_typed(f"To let it in again:    sealmq device release {name}"))
        typer.echo(as_typed(f"To refuse it for good: sealmq device revoke {name}"))
        if left_alone:
            _tell_left_alone()


@with_ca_passphrase
def release(name: NameArgument, as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Let a device in again that is on hold. What was revoked for another reason stays revoked."""
    with _opened(home) as opened:
        taken = opened.revocations().release_device(name, now=time.time())
        _tell_others(opened)
    if as_json:
        typer.echo(json.dumps({"name": name, "released": taken.serials}, indent=2))
    else:
        typer.echo(f"{name} is released (serial {_some(taken.serials)}): the broker lets it in again.")


@with_ca_passphrase
def remove(
    name: NameArgument,
    reason: ReasonOption = "cessationOfOperation",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Take a device out of service: revoke it, have the broker forget its messages, remove its files here."""
    from sealmq.devices.revocation import remove_files

    with _opened(home) as opened:
        revocations = opened.revocations()
        device = revocations.find(name)
        taken = revocations.retire_device(device.name, reason, now=time.time())
        _tell_others(opened)
        folder = opened.device_directory(device.name)
        try:
            had_files = remove_files(folder)
        except OSError as error:
            raise HomeError(
                f"{device.name} is revoked, but its files are still there: {error.strerror or error}",
                why=f"at {error.filename or folder}",
                remedy=f"repair it, then again: sealmq device remove {device.name}",
            ) from error
        left_alone = _no_operator_is_left(opened, taken, time.time())
    if as_json:
        told = {"name": device.name} | _as_json(taken) | {"files": str(folder) if had_files else None}
        typer.echo(json.dumps(told, indent=2))
        return
    before = [f"{device.name} was revoked before."]
    typer.echo("\n".join(_revoked_in_words(device.name, taken) if taken.serials else before))
    typer.echo("Its session and its retained messages are forgotten by the broker, at its next start if none runs.")
    typer.echo(f"Removed here: {folder}" if had_files else "There were no files of it here.")
    typer.echo("")
    typer.echo("What is left to do:")
    typer.echo("  on the device   erase its private key and certificate (NVS or credentials partition, secure element,")
    typer.echo("                  file system), and what it kept of its owner: Wi-Fi passwords, logs, measurements")
    typer.echo("  elsewhere       bundles of it that were made, backups of this home, other brokers that trust its CA")
    typer.echo(as_typed("                  (a list for those: sealmq ca crl)"))
    if left_alone:
        _tell_left_alone()


def _tell_others(opened: Home) -> None:
    """The broker looks at once, and the list for other brokers is signed anew, where there is one."""
    from sealmq.crl_export import refresh_after_revoking
    from sealmq.presence import tell_to_look

    tell_to_look(opened.path)
    trouble = refresh_after_revoking(opened, now=time.time())
    if trouble:
        typer.echo(
            as_typed(f"The list for other brokers is as it was: {trouble}. Next: sealmq ca crl --keep"), err=True
        )


def _opened(home: Path | None) -> Home:
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    return Home.open(home_path(home))


def _as_json(taken: Taken) -> dict[str, Any]:
    return {"revoked": taken.serials, "devices": taken.devices}


def _revoked_in_words(what: str, taken: Taken) -> list[str]:
    if not taken.serials:
        return [f"{what} was revoked before; nothing has changed."]
    lines = [f"{what} is revoked (serial {_some(taken.serials)})."]
    if taken.devices and taken.devices != [what]:
        lines.append(f"Not let in any more: {_some(taken.devices)}.")
    if not taken.devices:
        lines.append("The broker refuses it from now on; the device has another certificate, and is let in with that.")
        return lines
    return [*lines, "The broker refuses it from now on; if it is connected, it is cut within a second."]


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _no_operator_is_left(home: Home, taken: Taken, now: float) -> bool:
    """Was an operator revoked, and is there none now?"""
    from sealmq.devices.listing import has_operator

    registry = home.registry
    roles = {device.role for name in taken.devices if (device := registry.device(name)) is not None}
    return "operator" in roles and not has_operator(registry, now=now)


def _tell_left_alone() -> None:
    from sealmq.home import OPERATOR

    typer.echo("No operator is left: nobody may see and do everything. To have one again:")
    typer.echo(as_typed(f"  sealmq device add {OPERATOR}"))


def register(app: typer.Typer) -> None:
    """Add these commands to `sealmq device`."""
    for command in (revoke, hold, release, remove):
        app.command()(command)
