"""`sealmq account`: names with a password, for things that have no certificate of their own.

A password is typed, read (passwords.py), or made here.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.options import HomeOption
from sealmq.cli.passwords import read_password, type_password
from sealmq.cli.times import moment
from sealmq.errors import ConfigError, EnrollmentError

if TYPE_CHECKING:
    from sealmq.devices.accounts import Account

app = typer.Typer(help="Add, list and remove accounts (user name and password).", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The account's name: letters, digits, '.', '_', '-'; no device's name.")
]
FileOption = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="Read the password's one line from a file; '-' is stdin."),
]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a good password, and show it once.")]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="PATTERN", help="It counts only together with such a device's certificate."),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", metavar="account|operator", help="What access rules see.")] = "account",
    device: DeviceOption = "",
    password_file: FileOption = None,
    generate: GenerateOption = False,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Add an account. It can be used at listeners that ask for a password: auth in sealmq.toml."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounts import Accounts, check_devices
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        accounts = Accounts(opened.registry)
        accounts.expect_free(name, role)
        check_devices(device)
        password = _password(password_file, generate=generate)
        account = accounts.add(name, password, role=role, devices=device, now=time.time())
        hint = _where_to_use(opened.configuration)
    shown = password.decode() if generate else None
    if as_json:
        typer.echo(json.dumps(_as_json(account) | ({"password": shown} if shown else {}), indent=2))
        return
    bound = f", counts {_bound(account)}" if account.devices else ""
    typer.echo(f"{account.name} is added: role {account.role}{bound}.")
    _show_password(shown)
    typer.echo(hint)


@app.command("list")
def list_accounts(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Show every account with its role, and since when it has its password."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounts import Accounts
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        accounts = Accounts(opened.registry).all()
    if as_json:
        typer.echo(json.dumps([_as_json(account) for account in accounts], indent=2))
    elif accounts:
        _print_table(accounts)
    else:
        typer.echo("There are no accounts. Next: sealmq account add NAME")


@app.command()
def remove(name: NameArgument, as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Refuse an account from now on, cut its connections, and forget its sessions."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounts import Accounts
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        account = Accounts(opened.registry).remove(name)
    if as_json:
        typer.echo(json.dumps({"name": account.name, "removed": True}, indent=2))
        return
    typer.echo(f"{account.name} is removed.")
    typer.echo("The broker refuses it from now on; if it is connected, it is cut within a second.")


@app.command("password")
def set_password(
    name: NameArgument,
    password_file: FileOption = None,
    generate: GenerateOption = False,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Give an account another password. Who came in by the old one is cut within a second."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounts import Accounts
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        accounts = Accounts(opened.registry)
        accounts.find(name)
        password = _password(password_file, generate=generate)
        account = accounts.set_password(name, password, now=time.time())
    shown = password.decode() if generate else None
    if as_json:
        typer.echo(json.dumps(_as_json(account) | ({"password": shown} if shown else {}), indent=2))
        return
    typer.echo(f"{account.name} has a new password.")
    _show_password(shown)


@app.command()
def bind(
    name: NameArgument,
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Devices ('sensor-*'); left out: it is not bound any more.")
    ] = "",
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Let an account count only together with the certificate of such a device. Who may not stay is cut."""
    from sealmq.cli.target import home_path
    from sealmq.devices.accounts import Accounts
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        account = Accounts(opened.registry).bind(name, pattern)
    if as_json:
        typer.echo(json.dumps(_as_json(account), indent=2))
        return
    typer.echo(f"{account.name} counts {_bound(account) or 'by itself, and with any device'}.")


def _bound(account: Account) -> str:
    return f"only together with the certificate of a device {account.devices!r}" if account.devices else ""


def _password(file: str | None, *, generate: bool) -> bytes:
    """The password, from wherever it was said to come."""
    from sealmq.pki.passwords import check_password, generate_password

    if generate:
        if file is not None:
            raise ConfigError("--generate and --password-file are both given", remedy="keep one of them")
        return generate_password().encode()
    password = _typed() if file is None else read_password(file)
    check_password(password)
    return password


def _typed() -> bytes:
    """From the terminal, twice."""
    first = type_password("Password: ", remedy="--password-file FILE, --password-file - or --generate")
    if type_password("The same again: ", remedy="") != first:
        raise EnrollmentError("the two passwords differ", remedy="try again")
    return first


def _show_password(password: str | None) -> None:
    if password is not None:
        typer.echo(f"\n  {password}\n\nThis is its password. It is shown this once, and kept nowhere.")


def _where_to_use(file: Path) -> str:
    """Which listener takes it, or how to make one."""
    from sealmq import config

    settings = config.load(file) if file.exists() else config.Configuration()
    listeners = [each for each in settings.listeners if each.terms.asks_password]
    if listeners:
        shown = ", ".join(f"{each.address} (auth {each.auth})" for each in listeners)
        return f"Listeners that ask for a password: {shown}."
    return (
        f"No listener asks for a password yet. Put this into {file}, then type sealmq reload:\n\n"
        '  [[listener]]\n  address = ":8885"\n  auth = "password"'
    )


def _as_json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role,
        "devices": account.devices,
        "created": moment(account.created),
        "password_since": moment(account.changed),
    }


def _print_table(accounts: list[Account]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    for title in ("role", "password since"):
        table.add_column(title, no_wrap=True)
    table.add_column("devices", overflow="fold")
    for account in accounts:
        devices = account.devices or "any, or none"
        table.add_row(Text(account.name), Text(account.role), moment(account.changed)[:10], Text(devices))
    Console(emoji=False).print(table)
