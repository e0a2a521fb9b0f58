"""`sealmq backup`: the home in one file, also while the broker runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sealmq.cli.program import as_typed
from sealmq.cli.times import moment


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist.")],
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The home; default $SEALMQ_HOME, else your data folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write the CA, devices, sessions, messages and configuration to one file. It holds private keys: guard it."""
    import time

    from sealmq.archive import write_backup
    from sealmq.home import Home

    with Home.open(home or Home.default_path()) as opened:
        written = write_backup(opened.path, file, now=time.time())
    size = file.expanduser().stat().st_size
    if as_json:
        said = {"file": str(file), "bytes": size, "files": len(written.files), "made": moment(written.made)}
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(f"{file}: {len(written.files)} files, {size:,} bytes, read back and checked.")
    typer.echo("It holds the private keys of your CA: whoever has it can make devices and brokers. Guard it.")
    typer.echo(as_typed(f"Next, when you need it: sealmq restore {shlex.quote(str(file))}"))
