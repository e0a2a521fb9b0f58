"""Of all connections of a capture, the one that may be the one to explain, and a row of the list for each.

Ranks: 0 begins with a ClientHello; 1 begins with a CONNECT of MQTT without TLS; 2 TLS, but its beginning was not
captured; 3 anything else, which is chosen only where its port or number was asked for.

Rule 1: there is one best candidate at any time: the first of the lowest rank. Only its bytes are kept, at most KEPT.
Rule 2: of any other, bytes are held until its rank is known, and the name in its ClientHello: UNDECIDED bytes at most,
        and UNDECIDED_IN_ALL of all together. From then on they are counted only.
Rule 3: behind bytes that are missing nothing of that end is kept: its records could not be told apart any more.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from sealmq.kit.capture.first_look import (
    HEAD,
    LONGEST_HELLO,
    Protocol,
    is_client_hello,
    is_connect,
    is_record,
    server_name,
)
from sealmq.kit.capture.tcp_streams import SEGMENT_COSTS, Connection, Direction, Streams

KEPT: Final = 4 << 20
"""Bytes of a connection that are kept: a handshake has some 5,000."""

KEPT_PIECES: Final = 65_536
"""Pieces of a connection that are kept: each costs 200 bytes beyond its own."""

LISTED: Final = 1_000
"""Connections of each protocol that are listed: the first ones."""

UNDECIDED: Final = 32_768
"""Bytes that are held of a connection until it is known what it is, SEGMENT_COSTS for each piece included."""

UNDECIDED_IN_ALL: Final = 16 << 20
"""The same of all connections; beyond that, what is known of one at that moment must do."""

_LATEST: Final = 253_402_300_799.0  # the last second of the year 9999: a calendar knows no later one


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One connection of the capture.

    number:      0 for the first, as Wireshark's tcp.stream counts.
    client, server: address and port.
    began:       Unix seconds of its first packet.
    from_client, from_server: bytes that each sent.
    server_name: what the client asked for in a ClientHello that was plain to see, "" for nothing.
    whole:       its beginning was captured: a ClientHello, or a CONNECT.
    """

    number: int
    client: tuple[str, int]
    server: tuple[str, int]
    began: float
    from_client: int
    from_server: int
    server_name: str
    protocol: Protocol
    whole: bool


class Candidate:
    """A connection that sent something.

    pieces:  side, bytes, Unix seconds; None where they are not kept. missing: bytes that are, of each side.
    ends:    side, Unix seconds, by RST. full: more was sent than is kept.
    """

    rank: int | None = None
    size = 0
    cost = 0
    full = False
    tried = 0
    name = ""
    hello: bytearray | None = None
    row: Row | None = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heads = [b"", b""]
        self.missing = [0, 0]
        self.pieces: list[tuple[int, bytes, float]] | None = []
        self.ends: list[tuple[int, float, bool]] = []

    def take(self, side: int, data: bytes, at: float) -> None:
        """Keep what an end sent, as far as it is wanted."""
        if self.rank is None and len(self.heads[side]) < HEAD:
            self.heads[side] = (self.heads[side] + data[:HEAD])[:HEAD]
        if self.hello is not None and side == self.connection.client:
            self.hello += data[: LONGEST_HELLO + 1]
            if (
                len(self.hello) * 8 >= self.tried * 9
            ):  # at every segment, tiny ones would cost the square of their number
                self.look_for_name()
        if self.pieces is not None and not self.full:
            self.full = self.size + len(data) > KEPT or len(self.pieces) >= KEPT_PIECES
            if not self.full:
                self.size += len(data)
                self.pieces.append((side, data, at))

    def look(self) -> int | None:
        """The rank, as far as the first bytes of both ends tell it."""
        known = True
        for side, head in enumerate(self.heads):
            if not head:
                known = False
                continue
            if self.connection.client in (None, side):
                if is_client_hello(head):
                    self.connection.client = side
                    return 0
                if is_connect(head):
                    self.connection.client = side
                    return 1
            if len(head) < HEAD:
                known = False
            elif not is_record(head):
                return 3
        return 2 if known else None

    def guess(self) -> int:
        """The rank, where nothing more will be known."""
        return 2 if any(is_record(head) for head in self.heads) else 3

    def begin_hello(self) -> None:
        """Collect the ClientHello from here on, beginning with what is there of it."""
        client = self.connection.client
        self.hello = bytearray(b"".join(data for side, data, _ in self.pieces or () if side == client))
        self.look_for_name()

    def look_for_name(self) -> None:
        """Take the name out of the ClientHello, if it is complete."""
        if self.hello is not None:
            self.tried = len(self.hello)
            name = server_name(bytes(self.hello))
            if name is not None or self.tried > LONGEST_HELLO:
                self.name, self.hello = name or "", None


class Candidates:
    """Listens to all connections of a capture. best: the one to explain, None as long as there is none.

    number: choose this connection. port: choose among those with this port at one end.
    """

    def __init__(self, *, number: int | None = None, port: int | None = None) -> None:
        self.streams = Streams(self)
        self.best: Candidate | None = None
        self._number = number
        self._port = None if port is None else (port & 0xFFFF).to_bytes(2, "big")
        self._all: dict[int, Candidate] = {}
        self._held = 0
        self._listed: dict[Protocol, list[tuple[int, Row]]] = {one: [] for one in Protocol}

    def rows(self) -> tuple[Row, ...]:
        """The list, in the order of the numbers."""
        return tuple(sorted((row for heap in self._listed.values() for _, row in heap), key=lambda row: row.number))

    def data(self, direction: Direction, data: bytes, at: float) -> None:
        """Bytes of a connection: look what it is, and keep them where they may be wanted."""
        candidate = self._candidate(direction.connection)
        candidate.take(direction.side, data, at)
        if candidate is not self.best:
            cost = len(data) + SEGMENT_COSTS
            candidate.cost += cost
            self._held += cost
        if candidate.rank is None:
            rank = candidate.look()
            if rank is None and (candidate.cost > UNDECIDED or self._held > UNDECIDED_IN_ALL):
                rank = candidate.guess()
            if rank is None:
                return
            self._decide(candidate, rank)
        self._release(candidate)

    def gap(self, direction: Direction, missing: int) -> None:
        """Bytes are missing: nothing behind them can be taken apart."""
        candidate = self._candidate(direction.connection)
        candidate.missing[direction.side] += missing
        if candidate.hello is not None and direction.side == candidate.connection.client:
            candidate.hello = None
        self.streams.leave_direction(direction)

    def ended(self, direction: Direction, at: float, *, reset: bool) -> None:
        """An end closed its direction."""
        candidate = self._all.get(direction.connection.number)
        if candidate is None and direction.connection.number == self._number:
            candidate = self._candidate(direction.connection)
        if candidate is not None:
            candidate.ends.append((direction.side, at, reset))

    def over(self, connection: Connection) -> None:
        """All that will be known of a connection is known."""
        if connection.number == self._number:
            self._candidate(connection)
        candidate = self._all.pop(connection.number, None)
        if candidate is not None:
            if candidate.rank is None:
                self._decide(candidate, candidate.guess())
            candidate.look_for_name()
            self._held -= candidate.cost
            candidate.cost = 0
            if candidate is self.best:
                candidate.row = _row(connection, candidate)
            else:
                candidate.pieces = None
        protocol = _protocol(candidate)
        if self._may_be_listed(connection, protocol):
            heap = self._listed[protocol]
            heapq.heappush(heap, (-connection.number, _row(connection, candidate)))
            if len(heap) > LISTED:
                heapq.heappop(heap)

    def _may_be_listed(self, connection: Connection, protocol: Protocol) -> bool:
        """Is it among the first of its protocol that are over?"""
        heap = self._listed[protocol]
        return len(heap) < LISTED or connection.number < -heap[0][0]

    def _candidate(self, connection: Connection) -> Candidate:
        candidate = self._all.get(connection.number)
        if candidate is None:
            candidate = self._all[connection.number] = Candidate(connection)
            if connection.number == self._number:
                self._prefer(candidate)
        return candidate

    def _decide(self, candidate: Candidate, rank: int) -> None:
        """It is known now what a connection is: is it better than the best?"""
        candidate.rank = rank
        if self._number is None and (self.best is None or self.best.rank is None or rank < self.best.rank):
            flow = candidate.connection.flow
            if rank <= 2 if self._port is None else self._port in (flow[-4:-2], flow[-2:]):
                self._prefer(candidate)
        if rank == 0 and (candidate is self.best or self._may_be_listed(candidate.connection, Protocol.TLS)):
            candidate.begin_hello()

    def _prefer(self, candidate: Candidate) -> None:
        """This is the best from now on."""
        former, self.best = self.best, candidate
        candidate.connection.wanted = True
        self._held -= candidate.cost
        candidate.cost = 0
        if former is not None:
            former.connection.wanted = False
            former.pieces = former.row = None
            self._release(former)

    def _release(self, candidate: Candidate) -> None:
        """Follow a connection no longer than something is to be found out about it."""
        if candidate is self.best:
            if candidate.full:
                self.streams.leave(candidate.connection)
            return
        candidate.pieces = None
        if candidate.hello is None or candidate.cost > UNDECIDED or self._held > UNDECIDED_IN_ALL:
            candidate.hello = None
            self._held -= candidate.cost
            candidate.cost = 0
            self.streams.leave(candidate.connection)


def _protocol(candidate: Candidate | None) -> Protocol:
    rank = 3 if candidate is None or candidate.rank is None else candidate.rank
    return (Protocol.TLS, Protocol.MQTT, Protocol.TLS, Protocol.OTHER)[rank]


def _row(connection: Connection, candidate: Candidate | None) -> Row:
    client, server = connection.ends()
    side = connection.client_side()
    return Row(
        number=connection.number,
        client=client,
        server=server,
        began=min(max(connection.began, 0.0), _LATEST),
        from_client=connection.directions[side].sent,
        from_server=connection.directions[side ^ 1].sent,
        server_name=candidate.name if candidate is not None else "",
        protocol=_protocol(candidate),
        whole=candidate is not None and candidate.rank in (0, 1),
    )
