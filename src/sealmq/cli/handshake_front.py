"""`sealmq handshake --listen 8884 --to HOST:8883`: stand in front of a broker, and explain what a device does there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sealmq.errors import ConfigError, TrustError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealmq.cli.handshake_output import Outputs
    from sealmq.kit.eavesdrop.front import Passed, Stood
    from sealmq.kit.eavesdrop.relay import Address
    from sealmq.kit.handshake.report import Report

WAITING = 64
"""Connections that wait for a terminal that cannot keep up: each may hold megabytes. More are left out and counted."""


def explain_from_in_front(
    listen: str, to: str | None, key_log: Path | None, outputs: Outputs, *, cafile: Path | None, count: int | None
) -> int:
    """Pass connections on until Ctrl-C or `count`, tell of each, and return the exit code.

    cafile: whom the device trusts, if its verdict on the broker's certificate is to be judged.
    Exit code: that of the worst connection with `count`, else 0; 3 when the broker could not be reached for any.
    """
    from sealmq.kit.handshake.report import Kind

    here, there = read_places(listen, to)
    authorities = _read_authorities(cafile)
    codes: list[int] = []

    def tell(passed: Passed) -> None:
        report = report_of_passed(passed, there, authorities)
        codes.append(report.outcome.kind.exit_code)
        _write(passed, report, outputs)

    stood = _run(here, there, tell, key_log, count, outputs)
    if stood.unreachable and not stood.reached:
        return Kind.UNREACHABLE.exit_code
    return max(codes, default=0) if count is not None else 0


def read_places(listen: str, to: str | None) -> tuple[Address, Address]:
    """Where to listen, and where to pass it on to. Raises ConfigError."""
    from sealmq.cli.target import read_listening_place, read_place
    from sealmq.kit.eavesdrop.relay import Address

    if to is None:
        raise ConfigError("--listen needs --to", why="it passes everything on", remedy="--to HOST:8883")
    return Address(*read_listening_place(listen)), Address(*read_place(to))


def report_of_passed(passed: Passed, broker: Address, authorities: bytes | None) -> Report:
    """What can be told of a connection that went through."""
    from sealmq.kit.dissect.keylog import read_key_log
    from sealmq.kit.handshake.captured import report_of_others

    return report_of_others(
        passed.conversation,
        client=(passed.client.host, passed.client.port),
        server=(broker.host, broker.port),
        began=passed.began,
        connected_at=passed.connected,
        reset_by=next((sender for sender, _, how in passed.ends if how == "reset"), None),
        authorities=authorities,
        keys=read_key_log(passed.keys.splitlines()) if passed.keys else None,
        unreachable=passed.failure,
        cut=passed.told != "ended",
        seen="wire",
    )


def _run(
    here: Address, there: Address, tell: Callable[[Passed], None], key_log: Path | None, count: int | None,
    outputs: Outputs,
) -> Stood:  # fmt: skip
    import asyncio
    import signal

    from sealmq.cli.eavesdrop import Printer
    from sealmq.kit.eavesdrop.front import stand_in_front

    async def run() -> Stood:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        # In a thread of its own: a terminal that is stopped must hold no device's connection.
        printer = Printer(tell, lambda: loop.call_soon_threadsafe(stop.set), WAITING, "connections")
        try:
            return await stand_in_front(
                here, there, tell=printer.tell, key_log=key_log, count=count, stop=stop,
                started=lambda found: _greet(found, there, outputs),
            )  # fmt: skip
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C ends what is still printed
                loop.remove_signal_handler(number)
            printer.close()

    return asyncio.run(run())


def _greet(found: list[Address], there: Address, outputs: Outputs) -> None:
    places = ", ".join(str(address) for address in found)
    if not all(one.is_loopback for one in found):
        typer.echo(
            f"sealmq: {places} is open to other machines: whoever connects there is passed on to {there}.", err=True
        )
    typer.echo(
        f"Point your device to {places} instead of {there}: everything is passed on untouched, and explained here.\n"
        "The device verifies the name that it dials: it must stand in the broker's certificate. Ctrl-C ends it.",
        err=outputs.as_json,
    )


def _write(passed: Passed, report: Report, outputs: Outputs) -> None:
    from sealmq.cli.handshake_output import show_report
    from sealmq.kit.handshake.draw.as_json import as_json

    if outputs.as_json:
        typer.echo(json.dumps(as_json(report)))
        return
    typer.echo(f"\n── {passed.client} ──")
    show_report(report, outputs.verbosity)


def _read_authorities(cafile: Path | None) -> bytes | None:
    try:
        return cafile.read_bytes() if cafile is not None else None
    except OSError as error:
        raise TrustError(f"{cafile} cannot be read", why=error.strerror or str(error)) from error
