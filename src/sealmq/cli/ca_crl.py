"""`sealmq ca crl`: revocation lists for other brokers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.ca_passphrase import with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.times import day, moment
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.crl_export import Signed


@with_ca_passphrase
def crl(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write them (default: the terminal).")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write HOME/ca/crl.pem: kept fresh at every revocation, and every day.")
    ] = False,
    days: Annotated[int, typer.Option("--days", metavar="N", help="How long a list holds (nextUpdate).")] = 7,
    ahead: Annotated[
        int, typer.Option("--ahead", metavar="K", help="Sign so many more, each of which follows the one before.")
    ] = 0,
    ca: Annotated[
        str | None,
        typer.Option("--ca", metavar="CA", help="Of one CA alone: root, device-ca, claim-ca, or a key identifier."),
    ] = None,
    der: Annotated[bool, typer.Option("--der", help="DER in place of PEM; with --ca and --out, one list.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Sign lists of what is revoked, for other brokers that let these devices in (mosquitto: crlfile).

    A broker refuses everybody when its list is over. --ahead 4 with 7 days: the file serves for a month by itself.
    """
    from sealmq import crl_export
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    if keep and (out is not None or der or ca is not None):
        raise ConfigError("--keep writes all of them to HOME/ca/crl.pem", remedy="leave --out, --der and --ca out")
    if der and (out is None or ca is None or ahead):
        raise ConfigError("a DER file is one list", remedy="--der --ca device-ca --out FILE, without --ahead")
    if as_json and out is None and not keep:
        raise ConfigError("--json tells about a file", remedy="--out FILE, or --keep")
    plan, now = crl_export.Plan(days, ahead), time.time()
    with Home.open(home_path(home)) as opened:
        if keep:
            signed = crl_export.keep(opened, plan, now=now)
            out = opened.authorities.directory / crl_export.FILE_NAME
        else:
            signed = crl_export.export(opened, plan, now=now, only=ca)
    if der and len(signed) != 1:
        raise ConfigError(f"there are {len(signed)} of '{ca}'", remedy="--ca with the key identifier of one of them")
    content = signed[0].der if der else crl_export.as_pem(signed)
    if out is None:
        typer.echo(content.decode(), nl=False)
        return
    if not keep:
        _write(out, content)
    if as_json:
        typer.echo(json.dumps({"file": str(out), "lists": [_as_json(each) for each in signed]}, indent=2))
        return
    for each in signed:
        facts = each.facts
        when = f"{day(facts.this_update)} to {day(facts.next_update)}"
        typer.echo(f"{each.common_name}: number {facts.number}, {facts.revoked:,} revoked, {when}")
    typer.echo(f"Written to {out}." + (" It is kept fresh from now on; remove it to end that." if keep else ""))


def _write(out: Path, content: bytes) -> None:
    from sealmq.pki import vault

    try:
        vault.write_public(out.expanduser().absolute(), content)  # atomic: a broker may be reading it
    except OSError as error:
        raise ConfigError(f"{out} cannot be written", why=error.strerror or str(error)) from error


def _as_json(each: Signed) -> dict[str, Any]:
    facts = each.facts
    return {
        "ca": each.common_name,
        "key_id": facts.authority,
        "number": facts.number,
        "this_update": moment(facts.this_update),
        "next_update": moment(facts.next_update),
        "revoked": facts.revoked,
    }


def register(app: typer.Typer) -> None:
    """Add the command to `sealmq ca`."""
    app.command()(crl)
