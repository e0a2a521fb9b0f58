"""Standing in front of a broker: a real device's connection goes through untouched, and is read on the way.

Rule 1: the bytes are the relay's (relay.py): nothing here can change or hold one.
Rule 2: each connection is told of once: when it is over, when it has been quiet, or when it has lasted long enough.
        Then it is kept no more, and goes on.
Rule 3: of each connection, the first MOST_KEPT bytes of both ends together, in MOST_PIECES pieces at most, are read and
        kept; the rest only passes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Sender
from sealmq.kit.dissect.hello import CLIENT_HELLO, read_client_hello
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.eavesdrop.key_file import KeyFile
from sealmq.kit.eavesdrop.relay import MOST_CONNECTIONS, Address, Relay
from sealmq.kit.handshake.dial import Piece

MOST_KEPT: Final = 1 << 20
"""Bytes of a connection that are read and kept: a handshake has some 10 KB, and 64 of them fit into any memory."""

MOST_PIECES: Final = 5_000
"""Pieces that are kept: who sends each byte by itself shall not fill the memory either."""

MOST_RECORDS: Final = 10_000
"""Records that are read: the same for records."""

QUIET: Final = 2.0
"""Seconds without a byte after which a handshake is over: an honest one never pauses so long."""

LONG_ENOUGH: Final = 15.0
"""Seconds after which a connection that is never quiet is told of."""

LATE_KEYS: Final = 0.25
"""Seconds that a device has to write its keys after its connection is over."""

ENDED: Final = "ended"
QUIET_NOW: Final = "quiet"
LASTED: Final = "lasted"
STOPPED: Final = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One connection that went through.

    client:    who came. began: Unix seconds.
    connected: seconds until the broker took the connection (TCP), None where it did not.
    failure:   why the broker could not be reached, "" where it was.
    ends:      who closed its direction, when (seconds), and how: "closed" or "reset".
    over:      when all was over, seconds; None for a connection that goes on.
    told:      why it is told of now: "ended", "quiet", "lasted" or "stopped".
    pieces:    the bytes as they came, up to MOST_KEPT and MOST_PIECES. cut: there were more.
    keys:      the lines of the key log that belong to it, "" for none; they open it, so keep them as you keep keys.
    """

    conversation: Conversation = field(repr=False)
    client: Address
    began: float
    connected: float | None
    failure: str
    ends: tuple[tuple[Sender, float, str], ...]
    over: float | None
    told: str
    pieces: tuple[Piece, ...] = field(repr=False)
    cut: bool
    keys: str = field(default="", repr=False)


@dataclass(slots=True)
class Stood:
    """What came of it, in numbers of connections.

    told: that `tell` heard of. reached, unreachable: whether the broker took them. turned_away: one too many at once.
    """

    told: int = 0
    reached: int = 0
    unreachable: int = 0
    turned_away: int = 0


async def stand_in_front(
    listen: Address,
    to: Address,
    *,
    tell: Callable[[Passed], None],
    key_log: Path | None = None,
    count: int | None = None,
    seconds: float | None = None,
    quiet: float | None = QUIET,
    long_enough: float | None = LONG_ENOUGH,
    started: Callable[[list[Address]], None] = lambda addresses: None,
    stop: asyncio.Event | None = None,
    most: int = MOST_CONNECTIONS,
    most_kept: int = MOST_KEPT,
    wall_clock: Callable[[], float] = time.time,
) -> Stood:
    """Pass every connection at `listen` on to the broker at `to`, until it is enough or `stop` is set.

    tell:    takes each connection, once; if it raises, this ends, and raises the same.
    key_log: the file that the device writes its keys into (SSLKEYLOGFILE); it may appear later. None: none.
    count:   connections that are told of, then it ends, and with it what still goes on. seconds: the same in time.
    quiet:   seconds without a byte, and
    long_enough: seconds in all, after which a connection is told of though it goes on; None: at its end only.
    started: told where it listens, once devices can come.

    Raises PortTakenError or ConfigError where it cannot listen, ConfigError where `key_log` is no file.
    """
    front = _Front(tell, count, KeyFile(key_log) if key_log is not None else None, stop or asyncio.Event())
    front.quiet, front.long_enough = quiet, long_enough
    front.most_kept, front.wall_clock = most_kept, wall_clock
    relay = Relay(to, front.watch, most=most)
    try:
        started(await relay.start(listen.host, listen.port))
        await asyncio.wait_for(front.stop.wait(), seconds)
    except TimeoutError:
        pass
    finally:
        front.close()
        await relay.close()
    if front.failure is not None:
        raise front.failure
    return Stood(front.told, relay.reached, relay.unreachable, relay.turned_away)


class _Front:
    """What all connections share."""

    quiet: float | None
    long_enough: float | None
    most_kept: int
    wall_clock: Callable[[], float]

    def __init__(
        self, tell: Callable[[Passed], None], count: int | None, key_file: KeyFile | None, stop: asyncio.Event
    ) -> None:
        self._tell = tell
        self._count = count
        self.key_file = key_file
        self.stop = stop
        self.told = 0
        self.failure: Exception | None = None
        self._open: set[_Passing] = set()

    def watch(self, peer: str) -> _Passing:
        """Somebody came."""
        passing = _Passing(self, _address(peer))
        self._open.add(passing)
        return passing

    def tell(self, passing: _Passing, passed: Passed) -> None:
        """A connection is ready to be told of. What comes after the last that was asked for is not told."""
        self._open.discard(passing)
        if self.failure is not None or (self._count is not None and self.told >= self._count):
            return
        try:
            self._tell(passed)
        except Exception as error:  # whoever called us hears of it, and not the relay
            self.failure = error
            self.stop.set()
            return
        self.told += 1
        if self.told == self._count:
            self.stop.set()

    def close(self) -> None:
        """Tell of what was not told of yet."""
        for passing in list(self._open):
            passing.finish(STOPPED)


class _Passing:
    """One connection on its way: relay.Watcher."""

    def __init__(self, front: _Front, client: Address) -> None:
        self._front = front
        self._client = client
        self._began = front.wall_clock()
        self._loop = asyncio.get_running_loop()
        self._started = self._last = self._loop.time()
        source = front.key_file.secrets_of if front.key_file is not None else None
        self._reading = Reading(source, most_records=MOST_RECORDS)
        self._pieces: list[Piece] = []
        self._kept = 0
        self._cut = False
        self._connected: float | None = None
        self._failure = ""
        self._ends: list[tuple[Sender, float, str]] = []
        self._over: float | None = None
        self._is_told = False
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    # --- what the relay says

    def connected(self, at: float) -> None:
        """The broker took the connection."""
        self._connected = at
        self._last = self._loop.time()
        self._look()

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        """Nothing is changed."""
        return data

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """These went by."""
        self._last = self._loop.time()
        if self._is_told or self._cut:
            return
        room = self._front.most_kept - self._kept if len(self._pieces) < MOST_PIECES else 0
        self._cut = len(data) > room
        data = data[:room]
        if data:
            self._kept += len(data)
            self._pieces.append(Piece(sender, data, at))
            self._reading.receive_data(sender, data, at)

    def ended(self, sender: Sender, at: float, why: str) -> None:
        """One end is done."""
        self._ends.append((sender, at, why))
        if not self._cut:  # or it would be said to have ended in the middle
            self._reading.end(sender, at)

    def over(self, at: float, failure: str) -> None:
        """The connection is no more."""
        self._over = at
        self._failure = failure
        if self._is_told:
            return
        if self._front.key_file is not None and not self._reading.conversation.opened:
            self._arm(LATE_KEYS, lambda: self.finish(ENDED))
        else:
            self.finish(ENDED)

    # --- telling

    def finish(self, told: str) -> None:
        """Tell of it, once, and keep nothing."""
        if self._is_told:
            return
        self._is_told = True
        if self._timer is not None:
            self._timer.cancel()
        self._reading.look_again()
        conversation = self._reading.conversation
        passed = Passed(
            conversation=conversation,
            client=self._client,
            began=self._began,
            connected=self._connected,
            failure=self._failure,
            ends=tuple(self._ends),
            over=self._over,
            told=told if self._over is None else ENDED,
            pieces=tuple(self._pieces),
            cut=self._cut,
            keys=self._keys(conversation),
        )
        self._reading, self._pieces = Reading(), []
        self._front.tell(self, passed)

    def _look(self) -> None:
        """Is it time? Asked again when it may be."""
        now = self._loop.time()
        waits = []
        if self._front.quiet is not None and self._connected is not None:  # the relay itself waits for the broker
            waits.append((self._last + self._front.quiet, QUIET_NOW))
        if self._front.long_enough is not None:
            waits.append((self._started + self._front.long_enough, LASTED))
        for when, told in waits:
            if now >= when:
                self.finish(told)
                return
        if waits:
            self._arm(min(when for when, _ in waits) - now, self._look)

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)

    def _keys(self, conversation: Conversation) -> str:
        hello = conversation.find(Sender.CLIENT, ContentType.HANDSHAKE, CLIENT_HELLO)
        if self._front.key_file is None or hello is None:
            return ""
        try:
            client_random = read_client_hello(hello.body).random
        except TLSError:
            return ""
        return self._front.key_file.secrets_of(client_random).lines_for(client_random)


def _address(peer: str) -> Address:
    """As address_in_words says it, taken apart again."""
    host, _, port = peer.rpartition(":")
    return Address(host.strip("[]") or peer, int(port) if port.isdigit() else 0)
