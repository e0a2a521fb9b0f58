"""`sealmq device add NAME --psk`: a device that is too small for certificates gets a pre-shared key (PSK).

Rule: the key is in the file that is written, and nowhere else: not on the screen, not in the JSON, in no command.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sealmq.cli.bundle import Asked, check_asked, expect_psk_port, hand_over
from sealmq.cli.program import as_typed, program
from sealmq.cli.times import day, moment
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.devices.psk_enrollment import AddedWithPSK

USUAL = "wolfssl"

LISTENER = f'[[listener]]\naddress = ":8886"\nauth = "psk"\nmiddleware = "{USUAL}"'
"""What sealmq.toml needs for it, where there is none yet."""


def expect_alone(options: Mapping[str, object | None]) -> None:
    """Raise ConfigError when an option is given that is about certificates."""
    for option, value in options.items():
        if value is not None:
            raise ConfigError(
                f"{option} is given together with --psk",
                why="a PSK is made here, for one device at a time, and no certificate goes with it",
                remedy=f"leave out {option}, or --psk",
            )


def add_with_psk(
    name: str | None,
    *,
    days: int | None,
    role: str | None,
    max_record: int | None,
    asked: Asked | None,
    as_json: bool,
    home: Path | None,
) -> None:
    """Add the device, write its bundle where one is asked for, and say what to do next."""
    from sealmq.cli.target import home_path, psk_address, psk_middleware
    from sealmq.devices.record_sizes import RecordSizes
    from sealmq.home import Home

    if name is None:
        raise ConfigError("which device?", remedy="sealmq device add NAME --psk")
    with Home.open(home_path(home)) as opened:
        address, library = psk_address(opened.path), psk_middleware(opened.path) or USUAL
        former = opened.registry.device(name) if name.isascii() else None
        if asked is not None:
            check_asked(asked, name, psk=True)
            expect_psk_port(asked.port, address)
        chosen = role or (former.role if former is not None else "device")
        added = opened.psk_enrollment().add_device(name, now=time.time(), role=chosen, days=days)
        if max_record is not None:
            RecordSizes(opened.registry).set(name, max_record)
        handed = hand_over(opened, name, asked) if asked is not None else None
    if as_json:
        more = {"bundle": handed.as_json()} if handed is not None else {}
        typer.echo(json.dumps(_as_json(added) | more, indent=2))
        return
    lines = ["", *handed.in_words()] if handed is not None else []
    typer.echo("\n".join(_in_words(added, address, library, home) + lines))


def _as_json(added: AddedWithPSK) -> dict[str, Any]:
    return {
        "name": added.name,
        "role": added.role,
        "uuid": added.uuid,
        "serial": added.serial,
        "not_after": moment(added.not_after),
        "directory": str(added.file.parent),
        "identity": added.name,
        "psk": str(added.file),
    }


def _in_words(added: AddedWithPSK, address: tuple[str, int] | None, library: str, home: Path | None) -> list[str]:
    name = added.name
    lines = [
        f"{name} is added: role {added.role}, PSK until {day(added.not_after)}.",
        "",
        f"Its key is in {added.file} (identity:key in hex; the identity is {name}).",
        "Whoever has it is the device, and can pose as the broker towards it. The broker keeps it too, in sealmq.db:",
        "guard that file and its backups like the keys in ca/, whose passphrase does not protect it.",
        "",
    ]
    if address is None:
        lines += ["The broker does not listen for PSKs yet. In sealmq.toml:", ""]
        lines += [*(f"  {line}" for line in LISTENER.splitlines()), "", "and then: " + as_typed("sealmq reload"), ""]
    commands = _next_commands(added, address or ("localhost", 8886), library, home)
    return [*lines, "Next:", *(f"  {line}" for line in commands)]


def _next_commands(added: AddedWithPSK, address: tuple[str, int], library: str, home: Path | None) -> list[str]:
    host, port = address
    where = ["--home", str(home)] if home is not None else []
    topic = f"devices/{added.name}"
    watch = shlex.join(["sub", *where, f"{topic}/#"])
    bundle = shlex.join(["device", "bundle", added.name, *where, "--target", "mosquitto", "--host", host])
    publish = shlex.join(["pub", *where])
    psk = shlex.join(["--psk-file", str(added.file)])
    send = shlex.join(["sh", f"{added.name}-mosquitto/mosquitto_pub.sh", "-t", f"{topic}/temp", "-m", "21.5"])
    return [
        f"{program()} {watch}",
        f"{program()} {publish} --middleware {library} \\",
        f"    {psk} \\",
        f"    -t {topic}/temp -m 21.5",
        "# or with mosquitto's, whose scripts keep the key off the command line:",
        f"{program()} {bundle} --port {port}",
        send,
    ]
