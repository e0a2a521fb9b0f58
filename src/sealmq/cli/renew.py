"""`sealmq renew`: keeps the certificate of a bundle fresh, once or for as long as the machine runs."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealmq.cli.times import day, moment
from sealmq.errors import ConfigError, Error

if TYPE_CHECKING:
    from sealmq.renewal.keeper import Keeper, Kept


def renew(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder with the certificate and its key.")],
    host: Annotated[str, typer.Option("-h", "--host", metavar="HOST", help="The broker.")] = "localhost",
    port: Annotated[int, typer.Option("-p", "--port", metavar="PORT", min=1, max=65535, help="Its MQTT port.")] = 8883,
    https_port: Annotated[
        int,
        typer.Option(
            "--https-port", metavar="PORT", min=0, max=65535, help="Its HTTPS port, for what has expired; 0: none."
        ),
    ] = 8443,
    at_once: Annotated[bool, typer.Option("--now", help="Renew now, whether it is time or not.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and renew whenever it is time. For a service.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Renew a device's certificate when two thirds of its life are over. For cron, a timer, or with --watch a service.

    The key is made here and stays here. The new certificate is tried out before it takes the place of the old one.
    """
    from sealmq.bundle import expect_whole
    from sealmq.renewal.courier import NetworkCourier
    from sealmq.renewal.keeper import Keeper

    if watch and (at_once or as_json):
        raise ConfigError("--watch goes with neither --now nor --json", remedy="sealmq renew --now first, then --watch")
    another = f"a key is not renewed: sealmq device revoke {bundle.name}, then sealmq device add {bundle.name} --psk"
    expect_whole(bundle, with_psk=another)
    keeper = Keeper(bundle, NetworkCourier(host, port, https_port or None, time.monotonic))
    if watch:
        _watch(keeper)
        return
    try:
        kept = keeper.look(time.time(), at_once=at_once)
    except Error as error:
        raise _in_words_of_the_network(error, host, port) from error
    typer.echo(json.dumps(_as_json(kept), indent=2) if as_json else _in_words(bundle, kept))


def _in_words_of_the_network(error: Error, host: str, port: int) -> Error:
    """The same, and what to type next, where there was no way to the broker: as `sealmq pub` says it."""
    from sealmq.cli.refusals import explain_connect_error

    if error.remedy or not isinstance(error.__cause__, OSError):
        return error
    return explain_connect_error(error.__cause__, host, port)


def _watch(keeper: Keeper) -> None:
    from sealmq.cli.log_lines import start_logging
    from sealmq.renewal.keeping import Keeping

    start_logging("info", as_json=False)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Keeping(keeper, time.time, random.random):
        typer.echo(f"Watching {keeper.bundle}; Ctrl-C ends it.")
        ended.wait()


def _in_words(bundle: Path, kept: Kept) -> str:
    state = "is renewed" if kept.renewed else "need not be renewed yet"
    return f"{bundle} {state}: serial {kept.serial}, until {day(kept.not_after)}, to be renewed on {day(kept.due_at)}"


def _as_json(kept: Kept) -> dict[str, object]:
    return {
        "renewed": kept.renewed,
        "serial": kept.serial,
        "not_after": moment(kept.not_after),
        "renew_after": moment(kept.due_at),
    }
