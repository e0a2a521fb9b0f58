"""`sealmq device set`: what the broker does for one device in particular."""

from __future__ import annotations

from typing import Annotated

import typer

from sealmq.cli.options import HomeOption

MAX_RECORD = "Bytes of the largest TLS record that the broker sends it, 512 to 16384: what its buffer holds."


def set_device(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device.")],
    max_record: Annotated[int, typer.Option("--max-record", metavar="BYTES", help=MAX_RECORD)],
    home: HomeOption = None,
) -> None:
    """Change what the broker does for a device, from its next connection on. Its credentials stay as they are."""
    from sealmq.cli.target import home_path
    from sealmq.devices.record_sizes import LARGEST, RecordSizes
    from sealmq.home import Home

    with Home.open(home_path(home)) as opened:
        spelled = RecordSizes(opened.registry).set(name, max_record)
    size = "as its listener has them" if max_record == LARGEST else f"of {max_record:,} bytes at most"
    typer.echo(f"{spelled} gets TLS records {size}, from its next connection on.")
