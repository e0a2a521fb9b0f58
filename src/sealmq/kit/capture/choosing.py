"""Which connection of a capture is to be explained, and what its ends sent. One pass over the file.

Without a wish it is the first that begins with a ClientHello; where there is none, the first MQTT without TLS; where
there is none either, the first TLS whose beginning was not captured.

Rule: a piece's time is its packet's, also where it had to wait for one before it. Pieces come in the order of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from sealmq.errors import ConfigError
from sealmq.kit.capture.candidates import KEPT, KEPT_PIECES, Candidate, Candidates, Row
from sealmq.kit.capture.frames import Frames
from sealmq.kit.capture.pcap_files import Finding, Packet, Secrets, read_packets
from sealmq.kit.capture.tcp_streams import FOLLOWED
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.fields import printable

LONGEST_KEY_LOG: Final = 16 << 20
"""Bytes of secrets in a file that are kept: the key logs of 50,000 connections."""

_SECRETS_COST: Final = 200  # bytes that a block of secrets counts beyond its own


class Piece(NamedTuple):
    """Bytes that an end sent. at: seconds since the connection began."""

    sender: Sender
    data: bytes
    at: float


class End(NamedTuple):
    """An end closed its direction. at: seconds since the connection began. reset: by RST, which ends both."""

    sender: Sender
    at: float
    reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a capture holds.

    connections: the first LISTED of each protocol, in their order. total: how many there are.
    chosen:      the one to be explained, None where there is none; pieces and ends are its own.
    secrets:     the key logs that lie in the file, joined.
    findings:    sentences without a full stop at their end.
    """

    connections: tuple[Row, ...]
    total: int
    packets: int
    chosen: Row | None
    pieces: tuple[Piece, ...]
    ends: tuple[End, ...]
    secrets: str
    findings: tuple[str, ...]


def read_capture(
    path: Path,
    *,
    number: int | None = None,
    port: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Captured:
    """Read a capture, and choose one of its connections.

    number:   choose this one. port: choose among those with a server at this port.
    progress: told at every step how many bytes of how many were read.
    Raises ConfigError when the file can't be read, or is no capture.
    """
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:
            watched = cast(BinaryIO, _Watched(file, size, progress)) if progress else cast(BinaryIO, file)
            return choose(read_packets(watched), number=number, port=port)
    except OSError as error:
        raise ConfigError(
            f"{printable(str(path))} cannot be read", why=(error.strerror or str(error)).lower()
        ) from error


def choose(
    items: Iterable[Packet | Secrets | Finding], *, number: int | None = None, port: int | None = None
) -> Captured:
    """The same as read_capture, of what was read already."""
    candidates = Candidates(number=number, port=port)
    frames = Frames()
    segment, receive = frames.segment, candidates.streams.receive
    findings: list[str] = []
    secrets: list[str] = []
    room = LONGEST_KEY_LOG
    for item in items:
        if type(item) is Packet:
            found = segment(item)
            if found is not None:
                receive(found)
        elif type(item) is Secrets:
            if len(item.text) > room > 0:
                findings.append(f"of the secrets in the file the first {LONGEST_KEY_LOG >> 20} MiB are used")
            if room > 0 and item.text:
                secrets.append(item.text[:room])
                room -= len(item.text) + _SECRETS_COST
        elif type(item) is Finding:
            findings.append(item.sentence)
    candidates.streams.finish()
    best = candidates.best
    if best is None and (number is not None or port is not None):
        raise _nothing_like_it(number, port, candidates.streams.connections)
    findings += _about_packets(frames, candidates)
    findings += _about_choice(best)
    return Captured(
        connections=candidates.rows(),
        total=candidates.streams.connections,
        packets=frames.packets,
        chosen=best.row if best else None,
        pieces=_pieces(best) if best else (),
        ends=_ends(best) if best else (),
        secrets="\n".join(secrets),
        findings=tuple(findings),
    )


def _pieces(best: Candidate) -> tuple[Piece, ...]:
    """What both ends sent, in the order of time."""
    senders, began = _senders(best), best.connection.began
    in_order = sorted(best.pieces or (), key=lambda piece: piece[2])
    return tuple(Piece(senders[side], data, max(0.0, at - began)) for side, data, at in in_order)


def _ends(best: Candidate) -> tuple[End, ...]:
    senders, began = _senders(best), best.connection.began
    in_order = sorted(best.ends, key=lambda end: end[1])
    return tuple(End(senders[side], max(0.0, at - began), reset) for side, at, reset in in_order)


def _senders(best: Candidate) -> tuple[Sender, Sender]:
    """Who side 0 is, and side 1."""
    client = best.connection.client_side()
    return (Sender.CLIENT, Sender.SERVER) if client == 0 else (Sender.SERVER, Sender.CLIENT)


def _nothing_like_it(number: int | None, port: int | None, connections: int) -> ConfigError:
    remedy = "--list shows what is there"
    if number is not None:
        there = "none" if not connections else f"{connections:,}, and the first is number 0"
        return ConfigError(f"the capture has no connection {number}", why=f"there are {there}", remedy=remedy)
    return ConfigError(f"no connection of the capture has port {port}", remedy=remedy)


def _about_packets(frames: Frames, candidates: Candidates) -> list[str]:
    """What its reader should know of the capture as a whole."""
    streams, found = candidates.streams, []
    if not frames.packets:
        found.append("the capture holds no packets")
    if frames.cut:
        found.append(f"{frames.cut:,} packets were not captured as a whole (tcpdump: -s 0): bytes are missing")
    if frames.fragments:
        found.append(f"{frames.fragments:,} fragments of IP packets were left out")
    if frames.strange:
        found.append(f"{frames.strange:,} packets have headers that can't be, and were left out")
    if frames.unknown_links:
        links = ", ".join(str(one) for one in sorted(frames.unknown_links))
        found.append(f"packets of a network that is not known here were left out (link type {links})")
    if streams.forgotten:
        found.append(
            f"{streams.forgotten:,} connections were given up early: there were more than {FOLLOWED:,} at once"
        )
    return found


def _about_choice(best: Candidate | None) -> list[str]:
    """What its reader should know of the connection that was chosen."""
    if best is None or best.row is None:
        return ["no connection of the capture begins with a ClientHello, or with a CONNECT of MQTT"]
    found = []
    for sender, missing in zip(_senders(best), best.missing, strict=True):
        if missing:
            found.append(
                f"{missing:,} bytes that the {sender} sent are missing from the capture: what it sent behind them is "
                "left out"
            )
    if best.full:
        found.append(f"of this connection the first {KEPT >> 20} MiB, in at most {KEPT_PIECES:,} pieces, are explained")
    if not best.row.whole:
        found.append("the beginning of this connection was not captured, or it is neither TLS nor MQTT")
    return found


class _Watched:
    """A file that tells how far it was read."""

    def __init__(self, file: object, size: int, progress: Callable[[int, int], None]) -> None:
        self._read = cast(BinaryIO, file).read
        self._size = size
        self._done = 0
        self._progress = progress

    def read(self, count: int) -> bytes:
        data = self._read(count)
        self._done += len(data)
        self._progress(self._done, max(self._size, self._done))
        return data
