"""`sealmq ca`: the certificate authority of a home, and where its keys are kept."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sealmq.cli.options import HomeOption

app = typer.Typer(help="Show the certificate authority, and choose where its keys are kept.", no_args_is_help=True)

JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


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
