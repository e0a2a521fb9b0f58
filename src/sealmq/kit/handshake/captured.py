"""A report of a connection that somebody captured, or that passed through our hands: read from its bytes alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sealmq.errors import ConfigError
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.fields import printable
from sealmq.kit.dissect.finished import finished_proofs
from sealmq.kit.dissect.keylog import KeyLog, lines_of, read_key_log
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.report import Report, Target, Timing
from sealmq.kit.handshake.reporting import Looked, meta_of, report_of
from sealmq.kit.handshake.situations import outcome_of_conversation

LONGEST_KEY_LOG: Final = 64 << 20
"""Bytes of a key log that are read: those of 200,000 connections."""


def read_key_log_file(path: Path) -> KeyLog:
    """A client's SSLKEYLOGFILE. Raises ConfigError when it can't be read."""
    try:
        with path.open("rb") as file:
            return read_key_log(lines_of(file, LONGEST_KEY_LOG))
    except OSError as error:
        raise ConfigError(
            f"the key log {printable(str(path))} cannot be read",
            why=error.strerror or str(error),
            remedy="name the file that the client wrote because of SSLKEYLOGFILE",
        ) from error


def converse(
    pieces: Iterable[tuple[Sender, bytes, float]], ends: Iterable[tuple[Sender, float]], keys: KeyLog | None
) -> Conversation:
    """Read what two ends sent. at: seconds since the connection began."""
    reading = Reading(keys)
    for sender, data, at in pieces:
        reading.receive_data(sender, data, at)
    for sender, at in ends:
        reading.end(sender, at)
    return reading.conversation


def report_of_others(
    conversation: Conversation,
    *,
    client: tuple[str, int],
    server: tuple[str, int],
    began: float,
    connected_at: float | None = None,
    reset_by: Sender | None = None,
    authorities: bytes | None = None,
    keys: KeyLog | None = None,
    unreachable: str = "",
    cut: bool = False,
    seen: str = "capture",
) -> Report:
    """What can be told of a connection of which only the bytes are known.

    began:       Unix seconds; dates of certificates are judged by it.
    connected_at: seconds that connecting took, where that was seen.
    reset_by:    who ended it by RST. authorities: PEM of whom the client should trust.
    keys:        by which it was opened: each Finished is worked out anew.
    seen:        "capture" or "wire" (Meta).
    unreachable: why the client's way to the server did not come about, "" where it did.
    cut:         the capture ends while the connection goes on: then an end is no finding.
    """
    facts = find_facts(conversation)
    hello = facts.client_hello
    name = hello.server_name if hello is not None else ""
    times = {one.type: one.at for one in conversation.messages if one.kind == 22}
    return report_of(
        Looked(
            target=Target(host=server[0], port=server[1], address=server[0], server_name=name),
            meta=meta_of(seen, began),
            timing=Timing(tcp=connected_at, handshake=times.get(20), connack=None),
            conversation=conversation,
            facts=facts,
            outcome=outcome_of_conversation(
                conversation, facts, now=began, reset_by=reset_by, unreachable=unreachable, cut=cut
            ),
            now=began,
            name=name or None,
            authorities=authorities,
            finished=finished_proofs(conversation, keys) if keys is not None else {},
        )
    )
