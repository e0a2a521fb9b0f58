"""`sealmq restore`: a home as a backup has it, also under a running broker.

A broker that runs sees within a second that a restore waits (archive.py), ends all links with 0x8B so that clients come
back, swaps, and goes on with what the backup has. Where none runs, this command swaps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sealmq.cli.program import as_typed
from sealmq.cli.times import moment

_PATIENCE = 60.0  # seconds for a running broker to say goodbye to everybody, and to read what it has now


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `sealmq backup` wrote.", exists=True)],
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The home; default $SEALMQ_HOME, else your data folder.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where there is a home already; it is kept in its folder .replaced.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Make a home from a backup. What happened after the backup is undone: messages, new devices, revocations."""
    import time

    from sealmq.archive import finish_restore, is_waiting, prepare_restore
    from sealmq.errors import HomeError
    from sealmq.home import Home
    from sealmq.presence import no_broker

    path = Home(home or Home.default_path()).path
    _check_place(path, force=force)
    revoked = Home.revoked_in(path)
    done = prepare_restore(file, path)
    deadline = time.monotonic() + _PATIENCE
    by_broker = False
    while is_waiting(path):
        try:
            with no_broker(path):
                finish_restore(path)
        except HomeError:
            if time.monotonic() > deadline:
                raise HomeError(
                    f"the broker that runs in {path} has not taken over what was restored",
                    remedy="end that broker; the next `sealmq up` takes it over",
                ) from None
            by_broker = True
            time.sleep(0.1)
    valid_again = sorted(revoked - Home.revoked_in(path))
    if as_json:
        said = {"home": str(path), "made": moment(done.made), "by_broker": by_broker, "valid_again": valid_again}
        typer.echo(json.dumps(said, indent=2))
        return
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(done.made))
    typer.echo(f"{path} is now as it was at {made}{'; the broker in it goes on with that' if by_broker else ''}.")
    for name in valid_again:
        words = f"Attention: {name} was revoked after that, and is valid again. Next: sealmq device revoke {name}"
        typer.echo(as_typed(words))


def _check_place(path: Path, *, force: bool) -> None:
    from sealmq.errors import HomeError
    from sealmq.home import Home

    if Home.is_home(path):
        if not force:
            raise HomeError(
                f"there is a home in {path}",
                why="restoring would undo what happened since the backup",
                remedy="say --force if that is what you want, or choose another folder with --home",
            )
    elif path.exists() and any(path.iterdir()):
        raise HomeError(f"{path} is not empty, and no home", remedy="choose another folder with --home")
