"""`sealmq middleware compare`: what each TLS library costs on this machine, and which suits whom."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.home import Home
    from sealmq.kit.middleware.material import Good

LEAST = 2.0
"""Seconds: with less there are too few handshakes of the slowest library to see a spread."""


def compare(
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=LEAST, max=3600, help="How long to measure, about.")
    ] = 20.0,
    only: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Compare these alone (default: all that are here).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw a chart into this file ('-': stdout).")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With the certificates of this home (default: such as a home has, made and thrown away).",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="With --home: the device (default: operator).")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --home: the folder with the device's files.")
    ] = None,
) -> None:
    """Compare TLS libraries on this machine: processor time, bytes, throughput, memory, licence, size on a Cortex-M4.

    Each is measured with itself and with OpenSSL on the other side, in memory: no network, no broker. At the end it
    says which suits a gateway, a microcontroller, a closed-source product and post-quantum key exchange, and why.
    """
    from sealmq.cli.handshake_output import console, progress, write_text
    from sealmq.kit.middleware.comparing import compare as measure
    from sealmq.kit.middleware.draw.as_json import as_json as in_json
    from sealmq.kit.middleware.draw.chart_svg import draw_chart
    from sealmq.kit.middleware.draw.table import show
    from sealmq.kit.middleware.recommend import recommend

    names = read_names(only)
    if svg is not None and str(svg) != "-" and not svg.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder for {svg}", remedy="make it, or say another file")
    if home is None and (name is not None or bundle is not None):
        raise ConfigError("--as and --bundle go with --home", why="the other side is the home's broker")
    with certificates(home, name, bundle) as good, progress("measuring") as tell:
        comparison = measure(names, good, seconds, tell=tell)
    recommendations = recommend(comparison)
    if svg is not None:
        write_text(svg, draw_chart(comparison))
    if as_json:
        typer.echo(json.dumps(in_json(comparison, recommendations), indent=2))
    elif svg is None or str(svg) != "-":
        show(comparison, recommendations, console())


def read_names(only: str) -> tuple[str, ...]:
    """The middlewares of "a,b"; all for "". Raises ConfigError for one that there is not."""
    from sealmq.kit.middleware.comparing import ALL
    from sealmq.tls.middlewares import EXACT, NAMES

    names = tuple(dict.fromkeys(word.strip() for word in only.split(",") if word.strip()))
    for each in names:
        if each not in (*NAMES, *EXACT):
            raise ConfigError(f"there is no middleware {each!r}", remedy=f"one of: {', '.join((*NAMES, *EXACT))}")
    return names or ALL


@contextmanager
def certificates(home: Path | None, name: str | None = None, bundle: Path | None = None) -> Iterator[Good]:
    """A broker's and a device's that trust each other, for as long as the block lasts.

    home: whose they are; None: of a home that is made for this. Raises HomeError, ConfigError or TrustError.
    """
    from sealmq.home import Home
    from sealmq.pki.profiles import ServerNames

    if home is not None:
        with Home.open(home) as opened:
            yield of_home(opened, name, bundle)
        return
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with tempfile.TemporaryDirectory(prefix="sealmq-compare-") as folder:
        path = Path(folder) / "home"
        with Home.create(path, organization="SealMQ", country="XX", names=names, now=time.time()) as made:
            yield of_home(made)


def of_home(home: Home, name: str | None = None, bundle: Path | None = None) -> Good:
    """The home's own broker, and a device of it."""
    from sealmq.bundle import certificate_file, expect_whole, files_of
    from sealmq.cli.target import find_target
    from sealmq.kit.middleware.material import Good, Shown

    folder = find_target(home.path, name, bundle).bundle
    assert folder is not None
    expect_whole(folder, with_psk="--as NAME of a device with a certificate")
    root, _, key = files_of(folder)
    return Good(
        root=root,
        broker=Shown(home.broker_chain, home.broker_key),
        anchors=home.authorities.device_anchors_pem,
        device=Shown(certificate_file(folder), key),
        host="localhost",
        crl=home.revocation_list(),
    )
