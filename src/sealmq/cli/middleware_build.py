"""`sealmq middleware build`: compile a middleware that comes as source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sealmq.errors import ConfigError

BUILT = ("mbedtls",)


def build(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which middleware: mbedtls.")],
    sources: Annotated[
        Path | None,
        typer.Option("--sources", metavar="DIR", help="Unpacked sources of Mbed TLS 3.6 (default: the system's own)."),
    ] = None,
) -> None:
    """Compile Mbed TLS 3.6 as a middleware, for TLS 1.3: with its sources, or against the system's library.

    It needs a C compiler and takes a minute. It is put into the user's data folder, or $SEALMQ_MIDDLEWARE_DIR.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from sealmq.tls.mbedtls3.build import build as build_mbedtls
    from sealmq.tls.mbedtls3.library import folder, load_from

    if name not in BUILT:
        raise ConfigError(
            f"the middleware {name!r} is not built from source",
            remedy=f"sealmq middleware build {BUILT[0]}; the others are installed",
        )
    columns = (TextColumn("compiling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("compiling", total=None)
        path = build_mbedtls(
            sources, folder(), progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    typer.echo(f'Mbed TLS {load_from(path).version} is in {path}: middleware = "mbedtls" uses it.')
