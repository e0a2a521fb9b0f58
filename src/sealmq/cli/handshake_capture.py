"""`sealmq handshake --pcap FILE`: explain a connection of somebody else's device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.cli.handshake_output import Outputs
    from sealmq.kit.capture.choosing import Captured
    from sealmq.kit.dissect.keylog import KeyLog


def explain_capture(
    path: Path,
    key_log: Path | None,
    number: int | None,
    outputs: Outputs,
    *,
    cafile: Path | None = None,
    list_them: bool = False,
) -> int:
    """Read the capture, tell of one of its connections, and return the exit code.

    cafile: of the authority by which the broker's certificate is judged.
    """
    import shlex

    from sealmq.cli.handshake_output import progress
    from sealmq.kit.capture.choosing import read_capture
    from sealmq.kit.dissect.fields import printable
    from sealmq.kit.handshake.captured import converse, report_of_others

    keys, authorities = _keys(key_log), _authorities(cafile)
    with progress("reading the capture", of_bytes=True) as tell:
        captured = read_capture(path, number=number, progress=tell)
    _tell_findings(captured.findings)
    if list_them:
        _list(captured)
        return 0
    if captured.chosen is None:
        raise ConfigError(
            f"{printable(str(path))} holds no connection to explain",
            why=f"of {captured.total:,} TCP connections in {captured.packets:,} packets none speaks TLS or MQTT",
            remedy=f"sealmq handshake --pcap {shlex.quote(printable(str(path)))} --list",
        )
    chosen = captured.chosen
    keys = _together(keys, captured.secrets)
    conversation = converse(captured.pieces, [(end.sender, end.at) for end in captured.ends], keys)
    if key_log is not None and not conversation.opened:
        _tell_findings((f"{key_log} does not hold the secrets of this connection, or not all of them",))
    report = report_of_others(
        conversation,
        client=chosen.client,
        server=chosen.server,
        began=chosen.began,
        connected_at=None,
        reset_by=next((end.sender for end in captured.ends if end.reset), None),
        cut=not captured.ends,
        authorities=authorities,
        keys=keys,
    )
    outputs.write(report)
    return report.outcome.kind.exit_code


def _keys(path: Path | None) -> KeyLog | None:
    from sealmq.kit.handshake.captured import read_key_log_file

    return read_key_log_file(path) if path is not None else None


def _authorities(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", why=error.strerror or str(error)) from error


def _together(keys: KeyLog | None, secrets: str) -> KeyLog | None:
    """The key log that was given, and the one that lies in the capture."""
    from io import BytesIO

    from sealmq.kit.dissect.keylog import lines_of, read_key_log

    if not secrets:
        return keys
    lines = lines_of(BytesIO(secrets.encode("ascii", "replace")), len(secrets))
    if keys is None:
        return read_key_log(lines)
    for line in lines:
        keys.add(line)
    return keys


def _tell_findings(findings: tuple[str, ...]) -> None:
    for finding in findings:
        print(f"sealmq: {finding}", file=sys.stderr)  # noqa: T201


def _list(captured: Captured) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sealmq.addresses import address_in_words
    from sealmq.cli.handshake_output import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("stream", "client", "server", "speaks", "asks for", "client sent", "server sent"):
        table.add_column(title, justify="right" if title in ("stream", "client sent", "server sent") else "left")
    for row in captured.connections:
        table.add_row(
            str(row.number),
            address_in_words(row.client),
            address_in_words(row.server),
            str(row.protocol),
            Text(row.server_name),
            f"{row.from_client:,}",
            f"{row.from_server:,}",
        )
    console().print(table)
    if captured.total > len(captured.connections):
        typer.echo(f"and {captured.total - len(captured.connections):,} more")
