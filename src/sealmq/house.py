"""What all links of one server share: the broker, the clock, the limits, and the lists in which the links stand.

Links are flushed together, once for each turn of the loop: who is spoken to often in one turn is written to once.

And nobody has a turn for itself. What a link has received is taken for SHARE seconds, handshakes together for
HANDSHAKES; what is left waits for the next turn, in which everybody else is heard too. So however much one client
asks for at once, and however many come at once, the others wait for milliseconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sealmq.broker.broker import Broker
from sealmq.broker.clones import Alarm, Clones
from sealmq.broker.gate import ClosedGate, Directory, Gatekeeper
from sealmq.broker.limits import Limits
from sealmq.broker.quiet import Quiet
from sealmq.identity import Identity, Terms
from sealmq.mqtt.codes import ReasonCode
from sealmq.tcp.deadlines import Deadlines

SHARE = 0.010
"""Seconds of a turn for what one link has received; those who were not done in the last turn divide it among them.
Long enough that a fan-out of whole 64 KiB is written in large pieces, too short to be felt."""

SMALLEST_SHARE = 0.001
"""Seconds that everybody has: so many packets that looking at the clock is not what the time is spent on."""

REST = 10
"""How many times as long as it was late a link rests, whose messages need long searches for those who want them: then
such searches have less than a tenth of all time, however many filters somebody has made cross."""

LONGEST_REST = 2.0
"""Seconds of such a rest at most."""

HANDSHAKES = 0.0005
"""Seconds of a turn for all handshakes: one step of one with a client certificate, which takes longer, ends it. While
there is nothing else to do, turns are short and handshakes have nearly all the time. With three times as much, 2,000
devices that come back are as fast, and others' messages take twice as long meanwhile (0.7 and 1.6 ms)."""

log = logging.getLogger("sealmq.link")


class Speaker(Protocol):
    """Whoever has something to say at the end of a turn."""

    def end(self, reason_code: int, why: str) -> None:
        """Say goodbye and close; `why` is for the log."""

    def flush(self) -> None:
        """Let what was queued leave."""


class Resident(Speaker, Protocol):
    """A link, or an exchange over HTTPS, as the house and the server know it.

    account:  whose password it gave; "" when it gave none, or was not believed.
    identity: who it is; None until that is proved.
    deadline: when its stage is over, on the house's clock.
    peer:     where its client is, "address:port".
    terms:    what the listener that it came by asks for.
    """

    account: str
    identity: Identity | None
    deadline: float
    peer: str
    terms: Terms

    def deadline_passed(self, now: float) -> None:
        """The deadline has come."""

    def go_on(self) -> None:
        """A new turn: take more of what was received and had to wait."""


def _tell_nobody(name: str, alarm: Alarm) -> None:
    """Where no trail is kept."""


@dataclass(slots=True, eq=False)
class House:
    """What all links of one server share.

    clock:      Unix seconds that never jump.
    unflushed:  links that may have something to send; the first to enter asks for a flush at the end of the turn.
    by_serial:  the standing links of each client certificate, to cut them when it is revoked.
    gatekeeper: looks at passwords.
    unfinished: links with packets that were received and not taken yet.
    resting:    links that are not to be given more before a time.
    shaking:    links with bytes of a handshake that were not looked at yet, in the order in which they came.
    shaken_for: seconds that this turn's handshakes have had.
    share:      seconds that each link has in this turn.
    quiet:      knows which lines about strangers the log is spared.
    clones:     watches certificates that have links from two places; `tell_clone` has an alarm recorded.
    """

    broker: Broker
    directory: Directory
    limits: Limits
    clock: Callable[[], float]
    ask_for_flush: Callable[[], None]
    links: set[Resident] = field(default_factory=set)
    unflushed: set[Speaker] = field(default_factory=set)
    by_serial: dict[str, set[Resident]] = field(default_factory=dict)
    deadlines: Deadlines[Resident] = field(default_factory=Deadlines)
    flush_is_due: bool = False
    gatekeeper: Gatekeeper = field(default_factory=ClosedGate)
    unfinished: dict[Resident, None] = field(default_factory=dict)
    resting: dict[Resident, float] = field(default_factory=dict)
    shaking: dict[Resident, None] = field(default_factory=dict)
    shaken_for: float = 0.0
    share: float = SHARE
    quiet: Quiet = field(default_factory=Quiet)
    clones: Clones = field(default_factory=Clones)
    tell_clone: Callable[[str, Alarm], None] = _tell_nobody

    def tell_rest(self, now: float) -> None:
        """Say in numbers what the log was spared. To call at every tick."""
        for summary in self.quiet.rest(now):
            log.warning("%s", summary.words, extra={"address": summary.address} if summary.address else None)

    def mark(self, link: Resident) -> None:
        """The link may have something to send: flush it at the end of this turn of the loop."""
        self.unflushed.add(link)
        self.ask_for_end_of_turn()

    def ask_for_end_of_turn(self) -> None:
        """Something was said to somebody, or has to be gone on with: `end_turn` has to be called."""
        if not self.flush_is_due:
            self.flush_is_due = True
            self.ask_for_flush()

    def has_time_for_handshakes(self) -> bool:
        """May a handshake go on in this turn? Not past those that wait for it already."""
        return not self.shaking and self.shaken_for < HANDSHAKES

    def wait_for_turn(self, link: Resident, late: float = 0.0, *, shaking: bool = False) -> None:
        """The link has more than it may be given in this turn: `go_on` is called in the next.

        late: seconds that it was over its share by searching; it is called after a rest, at a tick.
        """
        rest = min(REST * late, LONGEST_REST)
        if rest > self.share:
            self.resting[link] = self.clock() + rest
            return
        (self.shaking if shaking else self.unfinished)[link] = None
        self.ask_for_end_of_turn()

    def tick(self, now: float) -> None:
        """Time has passed: some have rested enough."""
        for link in [link for link, until in self.resting.items() if until <= now]:
            del self.resting[link]
            self.wait_for_turn(link)
        for alarm in self.clones.look(self.by_serial, now):
            self._tell_clone(alarm)

    def _tell_clone(self, alarm: Alarm) -> None:
        """Somebody has copied a key, it seems. Nobody is cut: which of them is the device, only its owner knows."""
        link = next(iter(self.by_serial.get(alarm.serial, ())), None)
        name = link.identity.name if link is not None and link.identity is not None else "a device"
        self.broker.dispatch.counters.clones += 1
        log.warning(
            "%s is in two places at once, %s and %s (%s): has somebody copied its key? next: if so, sealmq device"
            " revoke %s --reason keyCompromise, and add it anew",
            name,
            *alarm.places,
            alarm.how,
            name,
            extra={"device": name, "serial": alarm.serial},
        )
        self.tell_clone(name, alarm)

    def end_turn(self) -> None:
        """Everybody who spoke in this turn was heard, or waits: let the links answer, then begin the next turn with
        those who wait."""
        self.flush()
        unfinished, self.unfinished = self.unfinished, {}
        self.share = max(SMALLEST_SHARE, SHARE / max(1, len(unfinished)))
        for link in unfinished:
            self._go_on(link)
        self.shaken_for = 0.0
        while self.shaking and self.shaken_for < HANDSHAKES:
            link = next(iter(self.shaking))
            del self.shaking[link]
            self._go_on(link)
        if self.shaking:
            self.ask_for_end_of_turn()

    def _go_on(self, link: Resident) -> None:
        try:
            link.go_on()
        except Exception:  # a mistake of ours: nobody else may suffer
            self._end_by_mistake(link)

    def _end_by_mistake(self, link: Speaker) -> None:
        log.exception("%s: our own mistake", link)
        link.end(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "an error of the broker")

    def identified(self, link: Resident, serial: str) -> None:
        """The link stands on the certificate with this serial."""
        standing = self.by_serial.setdefault(serial, set())
        if standing and link.identity is not None and link.identity.kind == "device":  # a claim is in many hands
            self.clones.met(serial, link, standing, self.clock())
        standing.add(link)

    def leave(self, link: Resident) -> None:
        """The link is gone."""
        self.links.discard(link)
        self.unflushed.discard(link)
        self.unfinished.pop(link, None)
        self.resting.pop(link, None)
        self.shaking.pop(link, None)
        self.deadlines.forget(link)
        serial = link.identity.serial if link.identity is not None else ""
        standing = self.by_serial.get(serial)
        if standing is not None:
            standing.discard(link)
            if not standing:
                del self.by_serial[serial]

    def flush(self) -> None:
        """Let every link that has something to say say it: one record or more, one write."""
        self.flush_is_due = False
        dispatch = self.broker.dispatch
        dispatch.spoken_bytes = 0
        unflushed = self.unflushed
        for session in dispatch.spoken:
            if session.outbox is not None:
                unflushed.add(session.outbox)
        dispatch.spoken.clear()
        while unflushed:
            link = unflushed.pop()
            try:
                link.flush()
            except Exception:
                self._end_by_mistake(link)
        if dispatch.pace.unfinished:
            # Now that their links have written. What they are given leaves in the next turn, when others were heard.
            dispatch.go_on(self.clock())
            self.ask_for_end_of_turn()
