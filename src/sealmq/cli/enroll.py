"""`sealmq enroll`: tokens by which devices get their certificates themselves, and requests that wait for approval."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.ca_passphrase import RootKeyOption, RootPassphraseOption, bring_root, with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.cli.times import moment
from sealmq.errors import ConfigError, EnrollmentError

if TYPE_CHECKING:
    from sealmq.devices.applications import ApplicationRecord
    from sealmq.devices.tokens import TokenRecord
    from sealmq.home import Home

app = typer.Typer(help="Let devices get their certificates themselves: tokens, claims, approval.", no_args_is_help=True)

LONGEST_TTL = 366 * 86_400
"""Seconds for which a token or claim counts, at most."""

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
TTLOption = Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it counts: 90s, 5m, 2h, 30d.")]
QuotaOption = Annotated[int, typer.Option("--quota", metavar="N", help="How many devices it enrols.")]
PrefixOption = Annotated[
    str, typer.Option("--prefix", metavar="PREFIX", help="What the names of these devices begin with.")
]
RoleOption = Annotated[str, typer.Option("--role", metavar="device|operator", help="What access rules see of them.")]
DaysOption = Annotated[
    int | None, typer.Option("--days", metavar="DAYS", help="Life of their certificates (default: as configured).")
]
ApprovalOption = Annotated[bool, typer.Option("--approve", help="Somebody has to approve each of them.")]


@app.command()
def token(
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", help="The one device that it is for; or --quota, --prefix."),
    ] = None,
    quota: QuotaOption = 1,
    prefix: PrefixOption = "",
    ttl: TTLOption = "1h",
    role: RoleOption = "device",
    days: DaysOption = None,
    approve: ApprovalOption = False,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Make a one-time token: a device that shows it gets a certificate, over EST (HTTPS, port 8443). Shown once."""
    from sealmq.cli.target import home_path
    from sealmq.cli.times import seconds, words
    from sealmq.devices.enrollment import check_name, operator
    from sealmq.devices.tokens import Tokens
    from sealmq.devices.trail import Entry, Trail
    from sealmq.home import Home

    lasts = seconds("--ttl", ttl, most=LONGEST_TTL)
    check_limits(device, prefix, role, days)
    now = time.time()
    with Home.open(home_path(home)) as opened:
        if device is not None:
            check_name(device)
            account = opened.registry.account(device)
            if account is not None:
                raise EnrollmentError(f"there is an account '{account[0]}'", remedy="choose another name")
        with opened.registry.transaction():
            number, secret = Tokens(opened.registry).make(
                now=now, ttl=lasts, device=device, prefix=prefix, quota=quota, role=role, days=days, approval=approve
            )
            facts = {"token": number, "device": device, "prefix": prefix, "quota": quota, "role": role}
            Trail(opened.audit_trail).append([Entry("token", operator(), facts)], now=now)
        known = _where(opened)
    if as_json:
        made = {"token": number, "secret": secret, "device": device, "prefix": prefix, "quota": quota}
        typer.echo(json.dumps({**made, "expires": moment(now + lasts), **known}, indent=2))
        return
    whom = f"'{device}'" if device else f"{quota} device{'s' if quota > 1 else ''}{f' {prefix}*' if prefix else ''}"
    approved = ", each after somebody has approved it" if approve else ""
    typer.echo(f"Token {number} enrols {whom} within {words(lasts)}{approved}. It is shown this once:\n")
    typer.echo(f"  {secret}\n")
    typer.echo("\n".join(_how_to_use(device or f"{prefix}NAME", known)))


@app.command()
@with_ca_passphrase
def claim(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the claim is called: a production line, a batch.")],
    quota: QuotaOption,
    prefix: PrefixOption = "",
    names: Annotated[
        Path | None,
        typer.Option("--names", metavar="FILE", help="Enrol these names alone: one a line.", readable=False),
    ] = None,
    ttl: TTLOption = "30d",
    role: RoleOption = "device",
    days: DaysOption = None,
    approve: ApprovalOption = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where its files go (default: ./NAME-claim).")
    ] = None,
    as_json: JSONOption = False,
    root_key: RootKeyOption = None,
    root_passphrase_file: RootPassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Make a claim for a production line: a certificate that asks for device certificates, and may do nothing else."""
    from sealmq.cli.target import home_path
    from sealmq.cli.times import seconds, words
    from sealmq.home import Home

    lasts = seconds("--ttl", ttl, most=LONGEST_TTL)
    check_limits(None, prefix, role, days)
    listed = _read_names(names)
    now = time.time()
    with Home.open(home_path(home)) as opened:
        bring_root(opened, root_key, root_passphrase_file)
        made = opened.claims(now).make(
            name,
            out if out is not None else Path(f"{name}-claim"),
            now=now,
            ttl=lasts,
            prefix=prefix,
            quota=quota,
            role=role,
            days=days,
            approval=approve,
            names=listed,
        )
    if as_json:
        shown = {"claim": made.number, "name": name, "serial": made.serial, "directory": str(made.directory)}
        typer.echo(json.dumps({**shown, "quota": quota, "prefix": prefix, "expires": moment(made.not_after)}, indent=2))
        return
    whom = f"{quota:,} device{'s' if quota > 1 else ''}{f' {prefix}*' if prefix else ''}"
    typer.echo(f"Claim {made.number} ({name}) enrols {whom} within {words(lasts)}. Its files are in {made.directory}.")
    typer.echo("Whoever has them may do just that; flash them into every device of the line.")
    typer.echo("A device asks over MQTT ($enroll/csr/json) or over EST with this certificate.")
    typer.echo(as_typed(f"To end it sooner: sealmq enroll revoke {made.number}"))


def _read_names(path: Path | None) -> list[str]:
    from sealmq.devices.enrollment import check_name

    if path is None:
        return []
    try:
        names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(
            f"{path} cannot be read", why=why or str(error), remedy="name a text file, one name a line"
        ) from error
    for name in names:
        check_name(name)
    if not names:
        raise ConfigError(f"{path} has no names", remedy="write one name a line")
    return names


@app.command("list")
def list_tokens(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Show every token and claim: for whom, how often it was used, until when it counts."""
    from sealmq.cli.target import home_path
    from sealmq.devices.tokens import Tokens
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        tokens = Tokens(opened.registry).all()
    now = time.time()
    if as_json:
        typer.echo(json.dumps([_token_as_json(each, now) for each in tokens], indent=2))
    elif tokens:
        _print_table(
            ("number", "kind", "for", "used", "until", "state"),
            [
                (
                    *(str(each.id), each.kind, _whom(each), f"{each.used:,} of {each.quota:,}"),
                    *(moment(each.expires), _state(each, now)),
                )
                for each in tokens
            ],
        )
    else:
        typer.echo(as_typed("There are no tokens. Next: sealmq enroll token --device NAME"))


@app.command()
def revoke(
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", help="The token or claim, as `sealmq enroll list` has it.")
    ],
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Enrol nobody by a token or claim any more. Who was enrolled by it stays: see `sealmq device revoke --token`."""
    from sealmq.cli.target import home_path
    from sealmq.devices.enrollment import operator
    from sealmq.devices.tokens import Tokens
    from sealmq.devices.trail import Entry, Trail
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened, opened.registry.transaction():
        tokens = Tokens(opened.registry)
        found = tokens.find(number)
        tokens.revoke(number)
        facts = {"token": number, "kind": found.kind}
        Trail(opened.audit_trail).append([Entry("revoke-token", operator(), facts)], now=time.time())
    if as_json:
        typer.echo(json.dumps({"token": number, "kind": found.kind, "state": "revoked"}, indent=2))
        return
    typer.echo(f"{found.kind.capitalize()} {number} enrols nobody any more.")
    if found.used:
        typer.echo(f"The {found.used:,} that it has enrolled stay. To revoke them too:")
        typer.echo(as_typed(f"  sealmq device revoke --token {number}"))


@app.command()
def waiting(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Show the requests that wait until somebody approves them."""
    from sealmq.cli.target import home_path
    from sealmq.devices.applications import Applications
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        found = Applications(opened.registry).waiting()
    if as_json:
        typer.echo(json.dumps([_application_as_json(each) for each in found], indent=2))
    elif found:
        _print_table(
            ("number", "device", "since", "by", "from", "key (SHA-256)"),
            [
                (
                    *(str(each.id), each.name, moment(each.created)),
                    *(f"{each.via}, token {each.token}", each.address, each.spki_sha256),
                )
                for each in found
            ],
        )
        typer.echo(as_typed("Compare the key with the device's, then: sealmq enroll approve NUMBER"))
    else:
        typer.echo("Nobody waits.")


NumbersArgument = Annotated[
    list[int], typer.Argument(metavar="NUMBER...", help="The requests, as `sealmq enroll waiting` has them.")
]


@app.command()
def approve(numbers: NumbersArgument, as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Approve requests: each device gets its certificate when it asks the next time."""
    _decide(numbers, home, approved=True, as_json=as_json)


@app.command()
def deny(numbers: NumbersArgument, as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Deny requests: each device is refused when it asks the next time."""
    _decide(numbers, home, approved=False, as_json=as_json)


def _decide(numbers: list[int], home: Path | None, *, approved: bool, as_json: bool) -> None:
    from sealmq.cli.target import home_path
    from sealmq.devices.applications import Applications
    from sealmq.devices.enrollment import operator
    from sealmq.devices.trail import Entry, Trail
    from sealmq.home import Home

    now = time.time()
    with Home.open(home_path(home)) as opened, opened.registry.transaction():
        applications = Applications(opened.registry)
        decided = [applications.decide(number, "approved" if approved else "denied", now=now) for number in numbers]
        action = "approve" if approved else "deny"
        Trail(opened.audit_trail).append(
            [
                Entry(action, operator(), {"device": each.name, "spki_sha256": each.spki_sha256, "token": each.token})
                for each in decided
            ],
            now=now,
        )
    if as_json:
        typer.echo(json.dumps([{"number": each.id, "name": each.name, "approved": approved} for each in decided]))
        return
    for each in decided:
        what = "is approved, and gets its certificate" if approved else "is denied, and is refused"
        typer.echo(f"Request {each.id} of {each.name} {what} when it asks again.")


def check_limits(device: str | None, prefix: str, role: str, days: int | None) -> None:
    """Raise EnrollmentError when what comes of a token or claim could not be."""
    from sealmq.devices.enrollment import check_name, check_wishes

    if device is None and prefix:
        check_name(prefix)
    check_wishes(role, days)
    if device is None and not prefix and role == "operator":
        raise ConfigError(
            "a token for operators needs --device",
            why="whoever holds it could call himself anything, and read and write everything",
            remedy="sealmq enroll token --device NAME --role operator",
        )


def _where(home: Home) -> dict[str, str]:
    """What a device needs beside the token."""
    from sealmq.cli.target import est_url

    return {
        "est": est_url(home.path),
        "root": str(home.root_certificate),
        "root_sha256": home.root_fingerprint(),
    }


def _how_to_use(name: str, known: dict[str, str]) -> list[str]:
    root = shlex.quote(known["root"])
    if not known["est"]:
        return ["It is for EST, which listens nowhere. Next: [https] listen in sealmq.toml, and sealmq reload"]
    return [
        "On the device, which has root.pem already, with openssl and curl:",
        "  openssl ecparam -name prime256v1 -genkey -noout -out device.key",
        f"  openssl req -new -key device.key -subj /CN={name} -outform DER | base64 > device.b64",
        f"  curl --cacert root.pem -u {name} -H 'Content-Type: application/pkcs10' --data-binary @device.b64 \\",
        f"      {known['est']}/simpleenroll | base64 -d \\",
        "      | openssl pkcs7 -inform DER -print_certs -out device.pem",
        "curl asks for a password: that is the token.",
        f"root.pem is {root}",
        f"its SHA-256 {known['root_sha256']}",
    ]


def _whom(token: TokenRecord) -> str:
    who = token.device or (f"{token.prefix}*" if token.prefix else "any name")
    return f"{who}, listed names" if token.is_listed else who


def _state(token: TokenRecord, now: float) -> str:
    if token.state == "revoked":
        return "revoked"
    if token.used >= token.quota:
        return "used up"
    return "ended" if now > token.expires else "active"


def _token_as_json(token: TokenRecord, now: float) -> dict[str, Any]:
    return {
        "token": token.id,
        "kind": token.kind,
        "serial": token.serial,
        "device": token.device,
        "prefix": token.prefix,
        "listed": token.is_listed,
        "role": token.role,
        "days": token.days,
        "approval": token.approval,
        "quota": token.quota,
        "used": token.used,
        "created": moment(token.created),
        "expires": moment(token.expires),
        "state": _state(token, now),
    }


def _application_as_json(application: ApplicationRecord) -> dict[str, Any]:
    return {
        "number": application.id,
        "name": application.name,
        "token": application.token,
        "via": application.via,
        "address": application.address,
        "created": moment(application.created),
        "spki_sha256": application.spki_sha256,
    }


def _print_table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sealmq.cli.device_list import NARROWEST, UNBROKEN

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(emoji=False)
    console.width = max(console.width, NARROWEST) if console.is_terminal else UNBROKEN
    console.print(table)
