"""`sealmq device`: add a device, list them, revoke one."""

from __future__ import annotations

import json
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.options import HomeOption
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.devices.enrollment import Enrolled
    from sealmq.devices.records import DeviceRecord

app = typer.Typer(help="Add, list and revoke devices.", no_args_is_help=True)

UNBROKEN = 200
"""Columns of the table when a program reads it: no line of it is ever folded."""

NARROWEST = 80
"""Columns of the table in a terminal, at least: what is narrower breaks the lines itself, and nothing is left out."""

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device's name: letters, digits, '.', '_', '-'.")],
    csr: Annotated[
        Path | None,
        typer.Option("--csr", metavar="FILE", help="Certificate request: the device keeps its private key."),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="DAYS", help="Life of the certificate (default: 365).")
    ] = None,
    role: Annotated[str, typer.Option("--role", metavar="device|operator", help="What access rules see.")] = "device",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Make a device and its credentials: HOME/devices/NAME/ with root.pem, device-chain.pem and device.key."""
    from sealmq.cli.target import home_path, listening_address
    from sealmq.home import Home

    path = home_path(home)
    request = _read_csr(csr)
    with Home.open(path) as opened:
        address = listening_address(opened.path)
        enrolled = opened.enrollment().add_device(name, now=time.time(), role=role, csr=request, days=days)
    if as_json:
        typer.echo(json.dumps(_enrolled_as_json(enrolled), indent=2))
    else:
        typer.echo("\n".join(_enrolled_in_words(enrolled, address, home)))


@app.command("list")
def list_devices(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Show every device with its role, its state and the end of its certificate."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        devices = opened.registry.devices()
    now = time.time()
    if as_json:
        typer.echo(json.dumps([_device_as_json(device, now) for device in devices], indent=2))
    else:
        _print_table(devices, now)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="Why: keyCompromise, superseded, cessationOfOperation ...")
    ] = "unspecified",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Refuse a device from now on, and cut its connection."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        serials = opened.enrollment().revoke_device(name, reason, now=time.time())
    if as_json:
        typer.echo(json.dumps({"name": name, "revoked": serials, "reason": reason}, indent=2))
    elif serials:
        typer.echo(f"{name} is revoked (serial {', '.join(serials)}).")
        typer.echo("The broker refuses it from now on; if it is connected, it is cut within a second.")
    else:
        typer.echo(f"{name} was revoked before; nothing has changed.")


def state_of(device: DeviceRecord, now: float) -> str:
    """ "active", "revoked", or "expired": the registry has no clock, we do."""
    return "expired" if device.state == "active" and device.not_after < now else device.state


def _read_csr(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the certificate request {path} cannot be read", why=error.strerror or str(error)) from error


def _enrolled_as_json(enrolled: Enrolled) -> dict[str, Any]:
    directory = enrolled.directory
    return {
        "name": enrolled.name,
        "role": enrolled.role,
        "uuid": enrolled.uuid,
        "serial": enrolled.serial,
        "not_after": _moment(enrolled.not_after),
        "directory": str(directory),
        "root": str(directory / "root.pem"),
        "chain": str(directory / "device-chain.pem"),
        "key": str(directory / "device.key") if enrolled.has_key else None,
    }


def _enrolled_in_words(enrolled: Enrolled, address: tuple[str, int], home: Path | None) -> list[str]:
    name, directory = enrolled.name, enrolled.directory
    shortened = ", when the Device CA ends" if enrolled.shortened else ""
    lines = [
        f"{name} is added: role {enrolled.role}, certificate until {_day(enrolled.not_after)}{shortened}.",
        "",
        f"Its files are in {directory}:",
        "  root.pem          whom it trusts",
        "  device-chain.pem  its certificate",
    ]
    if enrolled.has_key:
        lines.append("  device.key        its private key: whoever has it is the device")
    else:
        lines.append("Its private key is where the certificate request was made, and stays there.")
    return [*lines, "", "Next:", *(f"  {line}" for line in _next_commands(enrolled, address, home))]


def _next_commands(enrolled: Enrolled, address: tuple[str, int], home: Path | None) -> list[str]:
    from sealmq.cli.program import program

    directory = enrolled.directory
    host, port = address
    topic = f"devices/{enrolled.name}"
    where = ["--home", str(home)] if home is not None else []
    key = str(directory / "device.key") if enrolled.has_key else "device.key"
    message = ["-t", f"{topic}/temp", "-m", "21.5"]
    commands = [f"{program()} {shlex.join(['sub', *where, f'{topic}/#'])}"]
    if enrolled.has_key:
        commands.append(f"{program()} {shlex.join(['pub', *where, '--as', enrolled.name, *message])}")
    # One option a line: with three paths in it the command is longer than a terminal is wide.
    parts = [
        ["mosquitto_pub", "-h", host, "-p", str(port)],
        ["--cafile", str(directory / "root.pem")],
        ["--cert", str(directory / "device-chain.pem")],
        ["--key", key],
        message,
    ]
    return [*commands, " \\\n      ".join(shlex.join(part) for part in parts)]


def _device_as_json(device: DeviceRecord, now: float) -> dict[str, Any]:
    return {
        "name": device.name,
        "role": device.role,
        "state": state_of(device, now),
        "serial": device.serial,
        "not_after": _moment(device.not_after),
        "created": _moment(device.created),
        "uuid": device.uuid,
    }


def _print_table(devices: list[DeviceRecord], now: float) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"active": "green", "expired": "yellow", "revoked": "red"}
    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    for title in ("role", "state", "valid until"):
        table.add_column(title, no_wrap=True)
    table.add_column("serial", no_wrap=True)  # to be copied in one piece: a long name is folded first
    for device in devices:
        state = state_of(device, now)
        shown = Text(state, style=colours.get(state, ""))
        table.add_row(Text(device.name), Text(device.role), shown, _day(device.not_after), Text(device.serial))
    console = Console(emoji=False)
    console.width = max(console.width, NARROWEST) if console.is_terminal else UNBROKEN
    console.print(table)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
