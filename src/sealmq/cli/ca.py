"""`sealmq ca`: the certificate authority of a home, and where its keys are kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealmq.cli import ca_crl, ca_rollover
from sealmq.cli.ca_passphrase import (
    RootKeyOption,
    RootPassphraseOption,
    bring_root,
    new_passphrase,
    with_ca_passphrase,
)
from sealmq.cli.ca_renew import renew_broker
from sealmq.cli.options import HomeOption
from sealmq.cli.program import as_typed
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.home import Home

app = typer.Typer(
    help="Look after the CAs: new ones, their keys, lists of what is revoked, the broker's certificate.",
    no_args_is_help=True,
)
ca_rollover.register(app)
ca_crl.register(app)

app.command("renew-broker")(renew_broker)

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_KEPT = {
    "plain": "lies open: whoever reads the file has it",
    "sealed": "sealed by a passphrase",
    "token": "in a token",
    "away": "not in this home",
}


@app.command()
def root(
    pem: Annotated[bool, typer.Option("--pem", help="Print the certificates themselves, for a client.")] = False,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Show whom a client must trust: the root certificate, and its SHA-256 to compare."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        path, certificates = opened.root_certificate, opened.authorities.roots_pem
        fingerprint = opened.root_fingerprint()
    if pem:
        typer.echo(certificates.decode(), nl=False)
    elif as_json:
        typer.echo(json.dumps({"file": str(path), "sha256": fingerprint}, indent=2))
    else:
        typer.echo(f"root to trust   {path}\nits SHA-256     {fingerprint}")


@app.command()
def keys(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Show where the key of each CA is, and how it is kept."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        found = _keys_of(opened)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    width = max(len(str(each["name"])) for each in found)
    for each in found:
        where = f" '{each['token']}'" if each["token"] else ""
        typer.echo(f"{each['name']:<{width}}  {_KEPT[str(each['kept'])]}{where}")


@app.command()
@with_ca_passphrase
def encrypt(
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option("--new-passphrase-file", metavar="FILE", help="The passphrase to be, one line; else it is typed."),
    ] = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Seal the CA's keys by a passphrase, or by another one. From then on `up` and `device add` ask for it.

    Sources, the first that there is: --ca-passphrase-file, --ca-passphrase-fd, the systemd credential sealmq-ca,
    $SEALMQ_CA_PASSPHRASE_FILE, the terminal.
    """
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.pki.keeping import older_copies, seal_keys
    from sealmq.pki.passphrase import who_is_asked

    with Home.open(home_path(home)) as opened:
        # Where nothing is sealed yet, what is given for opening can only be meant for this.
        meant = who_is_asked().given() if opened.authorities.keeping == "plain" and not new_passphrase_file else None
        passphrase = meant or new_passphrase(new_passphrase_file, "the CA's keys", "--new-passphrase-file")
        with opened.changing_authorities("the CA's keys were not sealed") as authorities:
            names = seal_keys(authorities, passphrase, _record(opened, "sealed"))
        open_copies = older_copies(opened.path)
    if as_json:
        typer.echo(json.dumps({"sealed": names, "open_copies": [str(path) for path in open_copies]}, indent=2))
        return
    typer.echo(f"Sealed by the passphrase: {_in_short(names)}. A broker that runs goes on; the next start asks for it.")
    typer.echo("Nobody can open them without it: keep it where the home is not.")
    typer.echo("What lay open until now may still be in older backups and on the disk's free blocks.")
    for path in open_copies:
        typer.echo(f"An older copy lies open: {path}")


@app.command()
@with_ca_passphrase
def decrypt(as_json: JSONOption = False, home: HomeOption = None) -> None:
    """Keep the CA's keys without a passphrase, as a new home does."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.pki.keeping import unseal_keys

    with (
        Home.open(home_path(home)) as opened,
        opened.changing_authorities("the CA's keys were not opened") as authorities,
    ):
        names = unseal_keys(authorities, _record(opened, "plain"))
    if as_json:
        typer.echo(json.dumps({"opened": names}, indent=2))
        return
    typer.echo(f"They lie open from now on: {_in_short(names)}. Whoever reads the folder ca/ has them.")
    typer.echo(as_typed("Next, to seal them again: sealmq ca encrypt"))


def _in_short(names: list[str]) -> str:
    """The names of the CAs; the retired ones, whose names are key identifiers, counted."""
    retired = sum(name.startswith("retired/") for name in names)
    shown = [name for name in names if not name.startswith("retired/")]
    return ", ".join([*shown, f"{retired} retired"] if retired else shown)


@app.command("export-root")
@with_ca_passphrase
def export_root(
    offline: Annotated[
        Path, typer.Option("--offline", metavar="FILE", help="Where to write the root's key; must not exist.")
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--root-passphrase-file", metavar="FILE", help="The passphrase to seal it by; else it is typed."),
    ] = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Take the root's key away: write it to FILE, sealed by a passphrase of its own, and remove it from the home.

    Devices, renewals, revocations and backups go on without it. Only a new issuing CA needs it: --root-key FILE.
    """
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.pki.keeping import export_root as export

    file = offline.expanduser().absolute()
    with Home.open(home_path(home)) as opened:
        _ = opened.authorities.root  # before a passphrase is typed for nothing
        passphrase = new_passphrase(passphrase_file, "the root's key", "--root-passphrase-file")
        with opened.changing_authorities(f"the root's key is still in the home, and {file} not written") as authorities:
            names = export(authorities, file, passphrase, _record(opened, "away"))
        replaced = sorted(opened.path.glob(".replaced*/ca/root.key"))
    if as_json:
        copies = [str(path) for path in replaced]
        typer.echo(json.dumps({"file": str(file), "removed": names, "older_copies": copies}, indent=2))
        return
    typer.echo(f"{file}: the root's key, read back and checked. It is not in the home any more.")
    typer.echo(
        "Keep two copies in two places, and the passphrase in a third. Who loses both can make no new issuing CA"
    )
    typer.echo("when the present ones end, and must give every device another root.")
    typer.echo("Older backups still hold it: make a new one, and destroy those.")
    for path in replaced:
        typer.echo(f"An older copy is in {path}")


@app.command("add-claim")
@with_ca_passphrase
def add_claim(
    root_key: RootKeyOption = None,
    root_passphrase_file: RootPassphraseOption = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Make the Claim CA in a home from before there was one: what gives a production line its claims."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.pki.authorities import CLAIM_CA

    with Home.open(home_path(home)) as opened:
        is_new = not opened.authorities.has(CLAIM_CA)
        if is_new:
            bring_root(opened, root_key, root_passphrase_file)
        claim = opened.claim_authority(time.time())
    if as_json:
        typer.echo(json.dumps({"name": claim.common_name, "key_id": claim.key_id, "made": is_new}, indent=2))
        return
    typer.echo(f"{claim.common_name} {'is made' if is_new else 'was there before; nothing has changed'}.")


@app.command("to-token")
@with_ca_passphrase
def to_token(
    module: Annotated[Path, typer.Option("--module", metavar="FILE", help="The token's PKCS#11 library, a .so file.")],
    token: Annotated[str, typer.Option("--token", metavar="LABEL", help="The token's label.")],
    pin_file: Annotated[
        Path | None,
        typer.Option(
            "--pin-file", metavar="FILE", help="The PIN, one line. The home remembers where the file is. Else: typed."
        ),
    ] = None,
    as_json: JSONOption = False,
    home: HomeOption = None,
) -> None:
    """Put the CA's keys into a PKCS#11 token, where they sign and do not come out, and remove them from the home.

    Without --pin-file the PIN is asked for where a passphrase would be. There is no way back.
    """
    from sealmq.cli.ca_passphrase import type_passphrase
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.pki.keeping import move_to_token
    from sealmq.pki.token import Place

    if not module.is_file():
        raise ConfigError(
            f"there is no PKCS#11 library {module}", remedy="--module FILE, as the token's maker names it"
        )
    pin_source = str(pin_file.expanduser().absolute()) if pin_file else ""
    place = Place(str(module.absolute()), token, pin_source=pin_source)
    with (
        Home.open(home_path(home)) as opened,
        opened.changing_authorities("the CA's keys are still in the home") as authorities,
    ):
        moved = move_to_token(authorities, place, type_passphrase, _record(opened, "token"))
    if as_json:
        typer.echo(json.dumps({"token": token, "keys": [str(each) for each in moved]}, indent=2))
        return
    typer.echo(f"In the token '{token}', each has signed and was checked: {', '.join(each.label for each in moved)}.")
    typer.echo("The home has only where they are. A backup does not hold them any more: the token needs its own.")
    typer.echo(as_typed("Restart the broker, so that it forgets the keys: stop it, then sealmq up"))


def _record(opened: Home, kept: str) -> Callable[[Iterable[str]], None]:
    """What writes into the audit trail how the keys are kept from here on."""
    from sealmq.devices.enrollment import operator
    from sealmq.devices.trail import Entry, Trail

    def record(names: Iterable[str]) -> None:
        facts = {"kept": kept, "keys": ", ".join(names)}
        Trail(opened.audit_trail).append([Entry("keep-keys", operator(), facts)], now=time.time())

    return record


def _keys_of(opened: Home) -> list[dict[str, str | None]]:
    from sealmq.pki import token, vault
    from sealmq.pki.authorities import NAMES, kept_as

    found: list[dict[str, str | None]] = []
    authorities = opened.authorities
    for name in (*NAMES, *(f"retired/{key_id}" for key_id in authorities.retired_key_ids())):
        if not authorities.has(name):
            continue
        each: dict[str, str | None] = {"name": name, "kept": "away", "token": None}
        if authorities.has_key(name):
            content = vault.read_private(authorities.key_file(name))
            each["kept"] = kept_as(content)
            each["token"] = token.read_place(content).token if each["kept"] == "token" else None
        found.append(each)
    return found
