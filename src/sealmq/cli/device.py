"""`sealmq device`: add a device. How one is shown: device_show.py; how one is revoked: device_revoke.py."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.bundle import CHAIN_FILE, KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.cli import device_revoke
from sealmq.cli.bundle import (
    Asked,
    BundleHostOption,
    BundlePortOption,
    OutOption,
    TargetOption,
    bundle,
    check_asked,
    hand_over,
    targets,
)
from sealmq.cli.ca_passphrase import with_ca_passphrase
from sealmq.cli.device_list import list_devices
from sealmq.cli.device_set import MAX_RECORD, set_device
from sealmq.cli.device_show import show
from sealmq.cli.options import HomeOption
from sealmq.cli.times import day, moment
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.devices.enrollment import Enrolled
    from sealmq.home import Home

app = typer.Typer(help="Add devices, show them, hand over their credentials, and take them back.", no_args_is_help=True)

TableOption = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE.csv", readable=False, help="Add a device for each line: name, role, days, csr, target."
    ),
]
PSKOption = Annotated[
    bool, typer.Option("--psk", help="A pre-shared key and no certificate, for a device that is too small for one.")
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="With --from: processes (default: one for each processor)."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="With --from: check everything, make nothing.")]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@with_ca_passphrase
def add(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The device's name: letters, digits, '.', '_', '-'.")
    ] = None,
    csr: Annotated[
        Path | None,
        typer.Option(
            "--csr", metavar="FILE", readable=False, help="Certificate request: the device keeps its private key."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="DAYS", help="Life of the certificate or PSK (default: 365).")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="device|operator",
            help="What access rules see (default: what it was before; operator for the name operator; else device).",
        ),
    ] = None,
    psk: PSKOption = False,
    max_record: Annotated[
        int | None,
        typer.Option("--max-record", metavar="BYTES", min=512, max=16384, help=MAX_RECORD),
    ] = None,
    table: TableOption = None,
    jobs: JobsOption = None,
    dry_run: DryRunOption = False,
    target: TargetOption = None,
    out: OutOption = None,
    host: BundleHostOption = None,
    port: BundlePortOption = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Make a device and its credentials: HOME/devices/NAME/ with root.pem, device.pem and device.key.

    With --target also a bundle as the device's firmware wants it; `sealmq device bundle` makes more of them. With
    --from FILE.csv one device for each line of a table. With --psk: HOME/devices/NAME/psk.txt alone.
    """
    if psk:
        from sealmq.cli.device_psk import add_with_psk, expect_alone

        expect_alone({"--csr": csr, "--from": table, "--jobs": jobs, "--dry-run": dry_run or None})
        asked = _asked(target, out, host, port)
        add_with_psk(name, days=days, role=role, max_record=max_record, asked=asked, as_json=as_json, home=home)
        return
    if table is not None or name is None or jobs is not None or dry_run:
        from sealmq.cli.device_fleet import add_from

        if max_record is not None:
            raise ConfigError(
                "--max-record is for one device", remedy="afterwards: sealmq device set NAME --max-record"
            )
        add_from(
            table,
            name=name,
            csr=csr,
            days=days,
            role=role,
            jobs=jobs,
            dry_run=dry_run,
            target=target,
            out=out,
            host=host,
            port=port,
            as_json=as_json,
            home=home,
        )
        return
    from sealmq.cli.target import home_path, listening_address
    from sealmq.devices.record_sizes import RecordSizes
    from sealmq.home import Home

    path = home_path(home)
    request = _read_csr(csr)
    asked = _asked(target, out, host, port)
    with Home.open(path) as opened:
        address = listening_address(opened.path)
        chosen = usual_role(opened, name) if role is None else role
        if asked is not None:
            check_asked(asked, name)
        enrolled = opened.enrollment().add_device(name, now=time.time(), role=chosen, csr=request, days=days)
        if max_record is not None:
            RecordSizes(opened.registry).set(name, max_record)
        handed = hand_over(opened, name, asked) if asked is not None else None
    if as_json:
        more = {"bundle": handed.as_json()} if handed is not None else {}
        typer.echo(json.dumps(_enrolled_as_json(enrolled) | more, indent=2))
    else:
        lines = ["", *handed.in_words()] if handed is not None else []
        typer.echo("\n".join(_enrolled_in_words(enrolled, address, home) + lines))


def usual_role(home: Home, name: str) -> str:
    """The role of a device when nobody says one: what it was before it was revoked."""
    from sealmq.home import OPERATOR

    former = home.registry.device(name)
    if former is not None:
        return former.role
    return OPERATOR if name == OPERATOR else "device"


def _read_csr(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the certificate request {path} cannot be read",
            why=error.strerror or str(error),
            remedy="name a file that you may read",
        ) from error


def _asked(target: str | None, out: Path | None, host: str | None, port: int | None) -> Asked | None:
    if target is not None:
        return Asked(target, out, host, port)
    if out is not None or host is not None or port is not None:
        raise ConfigError("--out, --host and --port are for --target", remedy="sealmq device targets")
    return None


def _enrolled_as_json(enrolled: Enrolled) -> dict[str, Any]:
    directory = enrolled.directory
    return {
        "name": enrolled.name,
        "role": enrolled.role,
        "uuid": enrolled.uuid,
        "serial": enrolled.serial,
        "not_after": moment(enrolled.not_after),
        "directory": str(directory),
        "root": str(directory / ROOT_FILE),
        "certificate": str(directory / LEAF_FILE),
        "chain": str(directory / CHAIN_FILE),
        "key": str(directory / KEY_FILE) if enrolled.has_key else None,
    }


def _enrolled_in_words(enrolled: Enrolled, address: tuple[str, int], home: Path | None) -> list[str]:
    name, directory = enrolled.name, enrolled.directory
    shortened = ", when the Device CA ends" if enrolled.shortened else ""
    lines = [
        f"{name} is added: role {enrolled.role}, certificate until {day(enrolled.not_after)}{shortened}.",
        "",
        f"Its files are in {directory}:",
        f"  {ROOT_FILE:<16}  whom it trusts",
        f"  {LEAF_FILE:<16}  its certificate",
        f"  {CHAIN_FILE}  the same with its CA's, for other brokers",
    ]
    if enrolled.has_key:
        lines.append(f"  {KEY_FILE:<16}  its private key: whoever has it is the device")
    else:
        lines.append("Its private key is where the certificate request was made, and stays there.")
    return [*lines, "", "Next:", *(f"  {line}" for line in _next_commands(enrolled, address, home))]


def _next_commands(enrolled: Enrolled, address: tuple[str, int], home: Path | None) -> list[str]:
    from sealmq.cli.program import program

    directory = enrolled.directory
    host, port = address
    topic = f"devices/{enrolled.name}"
    where = ["--home", str(home)] if home is not None else []
    key = str(directory / KEY_FILE) if enrolled.has_key else KEY_FILE
    message = ["-t", f"{topic}/temp", "-m", "21.5"]
    commands = [f"{program()} {shlex.join(['sub', *where, f'{topic}/#'])}"]
    if enrolled.has_key:
        commands.append(f"{program()} {shlex.join(['pub', *where, '--as', enrolled.name, *message])}")
    # One option a line: with three paths in it the command is longer than a terminal is wide.
    parts = [
        ["mosquitto_pub", "-h", host, "-p", str(port)],
        ["--cafile", str(directory / ROOT_FILE)],
        ["--cert", str(directory / LEAF_FILE)],
        ["--key", key],
        message,
    ]
    return [*commands, " \\\n      ".join(shlex.join(part) for part in parts)]


# In the order of a device's life, as `sealmq device --help` shows them.
app.command()(add)
app.command("list")(list_devices)
app.command()(show)
app.command("set")(set_device)
app.command()(bundle)
app.command()(targets)
device_revoke.register(app)
