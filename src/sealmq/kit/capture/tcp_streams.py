"""From TCP segments to what each end sent: in order, and every byte once (RFC 9293 section 3.4).

Segments come as a capture has them: late, twice, in part twice, in the wrong order, or not at all; from the middle of a
connection; of connections that reuse the ports of others.

Rule 1: whose bytes came first is believed: what comes again for the same place is dropped. Of two that both wait, it
        is the one that begins first.
Rule 2: what waits for earlier bytes is bounded, for each direction and in all. Beyond the bound the earlier ones count
        as missing: the listener hears of a gap.
Rule 3: of connections, FOLLOWED are followed at once. For one more, some that are over or silent longest are given up.
Rule 4: time is the packets'. In one direction it never goes back; where the clock was set back, it goes on from there.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import Final, Protocol

from sealmq.kit.capture.frames import ACK, FIN, RST, SYN, Segment, endpoints, reverse

FOLLOWED: Final = 8_192
"""Connections at once: some 10 MB."""

WAITING: Final = 1 << 20
"""Bytes of one direction that wait for earlier ones: what is under way on a fast connection."""

WAITING_IN_ALL: Final = 16 << 20
"""The same of all directions."""

SEGMENT_COSTS: Final = 200
"""Bytes that a waiting segment counts beyond its own: its objects."""

WINDOW: Final = 1 << 30
"""A segment further ahead belongs to something else: no window is larger (RFC 7323 section 2.3)."""

SEGMENTS_BEFORE: Final = 16
"""Segments without a SYN before them that wait for it: captures are a little out of order."""

SET_BACK: Final = 1.0
"""Seconds that a packet may be earlier than the one before; beyond that somebody set the clock."""

_HEARD: Final = attrgetter("heard")
_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1


class Listener(Protocol):
    """Who wants to know what was sent."""

    def data(self, direction: Direction, data: bytes, at: float) -> None:
        """These bytes follow those before."""

    def gap(self, direction: Direction, missing: int) -> None:
        """So many bytes are missing here."""

    def ended(self, direction: Direction, at: float, *, reset: bool) -> None:
        """This end closed its direction, or reset the connection."""

    def over(self, connection: Connection) -> None:
        """Nothing more will be told of this connection."""


class Direction:
    """What one end of a connection sends.

    side:     0 for the end that was seen first, else 1.
    following: the number of the byte that comes next, counted without wrap; None until it is known.
    followed: False where only the bytes are counted.
    """

    # What most directions never change stands in the class: a flood makes a million of them.
    first: int | None = None
    following: int | None = None
    syn: int | None = None
    cost = 0
    at = 0.0
    end: int | None = None
    end_at = 0.0
    ended = False
    followed = True

    def __init__(self, connection: Connection, side: int) -> None:
        self.connection = connection
        self.side = side
        self.waiting: list[tuple[int, int, float, bytes]] = []

    @property
    def sent(self) -> int:
        """Bytes that this end sent, as its sequence numbers say."""
        return 0 if self.first is None or self.following is None else max(0, self.following - self.first)

    def place(self, sequence: int) -> int:
        """A sequence number, counted without wrap."""
        near = self.following
        if near is None:
            near = self.waiting[0][0] if self.waiting else sequence
        ahead = (sequence - near) & _MASK
        return near + ahead if ahead < _HALF else near + ahead - _MASK - 1


class Connection:
    """A TCP connection of the capture.

    number:  0 for the first, as Wireshark's tcp.stream counts. began: Unix seconds of its first packet.
    client:  the side of the client; None until somebody knows. wanted: it is not given up for others.
    is_over: both ends closed it, or one reset it.
    """

    shift = 0.0
    client: int | None = None
    heard = 0
    wanted = False
    is_over = False

    def __init__(self, number: int, flow: bytes, began: float) -> None:
        self.number = number
        self.flow = flow
        self.answers = reverse(flow)
        self.began = began
        self.latest = began
        self.directions: tuple[Direction, ...] = (Direction(self, 0), Direction(self, 1))

    def client_side(self) -> int:
        """The side of the client; where nobody knows, it has the higher port."""
        if self.client is not None:
            return self.client
        (_, first), (_, second) = endpoints(self.flow)
        return 0 if first >= second else 1

    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Address and port of the client and of the server."""
        first, second = endpoints(self.flow)
        return (first, second) if self.client_side() == 0 else (second, first)


class Streams:
    """All connections of a capture. connections: how many there were. forgotten: how many were given up for others."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._table: dict[bytes, Direction] = {}
        self._live: dict[int, Connection] = {}
        self._clock = 0
        self._waiting = 0
        self.connections = 0
        self.forgotten = 0

    def receive(self, segment: Segment) -> None:
        """Take the next segment of the capture; the listener hears what follows from it."""
        flow, sequence, flags, payload, at = segment
        self._clock += 1
        direction = self._table.get(flow)
        if direction is None or (flags & SYN and _begins_anew(direction, sequence)):
            direction = self._begin(flow, at)
        connection = direction.connection
        connection.heard = self._clock
        following = direction.following
        if not direction.followed and following is not None and not flags & (SYN | FIN | RST):
            if payload:
                ahead = (sequence + len(payload) - following) & _MASK
                if ahead < WINDOW:
                    direction.following = following + ahead
            return
        at += connection.shift
        if at > connection.latest:
            connection.latest = at
        elif connection.latest - at > SET_BACK:
            connection.shift += connection.latest - at
            at = connection.latest
        elif at < connection.began:
            connection.began = at
        if flags & SYN:
            self._synchronize(direction, sequence, flags, at)
            sequence = (sequence + 1) & _MASK
        if payload and not flags & RST:  # behind a reset stands a reason, if anything (RFC 9293 section 3.5.3)
            self._take(direction, sequence, payload, at)
        if flags & FIN and direction.end is None:
            direction.end, direction.end_at = direction.place((sequence + len(payload)) & _MASK), at
            self._check_end(direction)
        if flags & RST:
            self._reset(direction, at)

    def finish(self) -> None:
        """The capture ends: tell what waited, and that every connection is over."""
        for number in sorted(self._live):
            self._retire(self._live[number])

    def leave(self, connection: Connection) -> None:
        """From now on count the bytes of this connection, and tell nothing of them any more."""
        for direction in connection.directions:
            self.leave_direction(direction)

    def leave_direction(self, direction: Direction) -> None:
        """The same for what one end sends."""
        if direction.followed:
            direction.followed = False
            if direction.waiting:
                last = max(start + len(data) for start, _, _, data in direction.waiting)
                if direction.following is None:
                    direction.first = direction.waiting[0][0]
                direction.following = max(direction.following or last, last)
            self._waiting -= direction.cost
            direction.waiting, direction.cost = [], 0

    def _begin(self, flow: bytes, at: float) -> Direction:
        """A connection that was not seen before."""
        known = self._table.get(flow)
        if known is not None:
            self._retire(known.connection)
        if len(self._live) >= FOLLOWED:
            self._make_room()
        connection = Connection(self.connections, flow, at)
        self.connections += 1
        self._live[connection.number] = connection
        first, second = connection.directions
        self._table[connection.answers] = second
        self._table[flow] = first
        return first

    def _make_room(self) -> None:
        """Give up all that are over; where there are few of them, half of all: those that were silent longest."""
        gone = [one for one in self._live.values() if one.is_over and not one.wanted]
        if len(gone) < FOLLOWED // 4:
            others = [one for one in self._live.values() if not one.is_over and not one.wanted]
            others.sort(key=_HEARD)
            del others[FOLLOWED // 2 :]
            self.forgotten += len(others)
            gone += others
        for connection in gone:
            self._retire(connection)

    def _retire(self, connection: Connection) -> None:
        for direction in connection.directions:
            while direction.waiting:
                self._skip(direction)
            if direction.end is not None and not direction.ended:
                direction.ended = True
                self._listener.ended(direction, max(direction.end_at, direction.at), reset=False)
        del self._live[connection.number]
        self._table.pop(connection.flow, None)
        self._table.pop(connection.answers, None)
        self._listener.over(connection)
        connection.directions = ()  # or the two would hold each other until somebody looks for rings

    def _synchronize(self, direction: Direction, sequence: int, flags: int, at: float) -> None:
        """The first byte of a direction is known now."""
        connection = direction.connection
        if direction.syn is not None:
            return
        direction.syn = sequence
        connection.client = direction.side ^ 1 if flags & ACK else direction.side
        if direction.following is None:
            direction.first = direction.following = direction.place((sequence + 1) & _MASK)
            if direction.waiting:
                self._deliver(direction)

    def _take(self, direction: Direction, sequence: int, payload: bytes, at: float) -> None:
        """Bytes that may be the next, or earlier ones, or later ones."""
        following = direction.following
        if following is None:
            if direction.followed:
                self._wait(direction, direction.place(sequence), payload, at)
            else:
                direction.first, direction.following = sequence, sequence + len(payload)
            return
        start = direction.place(sequence)
        if not direction.followed:
            if start - following < WINDOW:
                direction.following = max(following, start + len(payload))
        elif start > following:
            if start - following < WINDOW:
                self._wait(direction, start, payload, at)
        elif start + len(payload) > following:
            self._tell(direction, start, payload, at)
            if direction.waiting:
                self._deliver(direction)

    def _tell(self, direction: Direction, start: int, payload: bytes, at: float) -> None:
        """Give the listener what is new of a segment that begins at `start` or before the byte that follows."""
        following = direction.following
        assert following is not None
        direction.following = start + len(payload)
        if at > direction.at:
            direction.at = at
        self._listener.data(direction, payload[following - start :] if start < following else payload, direction.at)
        if direction.end is not None:
            self._check_end(direction)

    def _wait(self, direction: Direction, start: int, payload: bytes, at: float) -> None:
        """Keep a segment until those before it are there, or must count as missing."""
        insort(direction.waiting, (start, self._clock, at, payload))
        cost = len(payload) + SEGMENT_COSTS
        direction.cost += cost
        self._waiting += cost
        bound = WAITING
        if direction.following is None and len(direction.waiting) > SEGMENTS_BEFORE:
            bound = 0
        while direction.waiting and (direction.cost > bound or self._waiting > WAITING_IN_ALL):
            self._skip(direction)
            bound = WAITING

    def _skip(self, direction: Direction) -> None:
        """What lies before the first waiting segment will not come any more."""
        start = direction.waiting[0][0]
        if direction.following is None:
            direction.first = direction.following = start
        elif start > direction.following:
            missing = start - direction.following
            direction.following = start
            self._listener.gap(direction, missing)
        self._deliver(direction)

    def _deliver(self, direction: Direction) -> None:
        """Tell what waits and is the next now."""
        following = direction.following
        assert following is not None
        count = 0
        for start, _, _, data in direction.waiting:
            if start > following:
                break
            following = max(following, start + len(data))
            count += 1
        ready = direction.waiting[:count]
        del direction.waiting[:count]
        cost = sum(len(data) for _, _, _, data in ready) + count * SEGMENT_COSTS
        direction.cost -= cost
        self._waiting -= cost
        for start, _, at, data in ready:
            if not direction.followed:
                direction.following = max(direction.following or following, following)
                break
            if start + len(data) > (direction.following or 0):
                self._tell(direction, start, data, at)

    def _check_end(self, direction: Direction) -> None:
        """Tell that a direction was closed, once all bytes before its FIN are there."""
        if direction.ended or direction.end is None or direction.waiting:
            return
        if not direction.followed or (direction.following is not None and direction.following >= direction.end):
            direction.ended = True
            direction.connection.is_over = direction.connection.directions[direction.side ^ 1].ended
            self._listener.ended(direction, max(direction.end_at, direction.at), reset=False)

    def _reset(self, direction: Direction, at: float) -> None:
        """One end reset the connection: both directions are over. It may have closed its own before."""
        if not direction.connection.is_over:
            direction.ended = True
            self._listener.ended(direction, max(at, direction.at), reset=True)
        direction.connection.is_over = direction.connection.directions[direction.side ^ 1].ended = True


def _begins_anew(direction: Direction, sequence: int) -> bool:
    """Does a SYN begin another connection of the same ports? Else it was sent again, or comes late."""
    if direction.syn is not None:
        return direction.syn != sequence
    first = direction.first
    if first is None:
        if not direction.waiting:
            return False
        first = direction.waiting[0][0]
        return ((first - sequence - 1) & _MASK) >= WINDOW
    return ((sequence + 1) & _MASK) != first & _MASK
