"""What all links of one server share: the broker, the clock, the limits, and the lists in which the links stand.

Links are flushed together, once for each turn of the loop: who is spoken to often in one turn is written to once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sealmq.broker.broker import Broker
from sealmq.broker.gate import ClosedGate, Directory, Gatekeeper
from sealmq.broker.limits import Limits
from sealmq.broker.quiet import Quiet
from sealmq.broker.sessions import Outbox
from sealmq.identity import Identity, Terms
from sealmq.tcp.deadlines import Deadlines

log = logging.getLogger("sealmq.link")


class Resident(Outbox, Protocol):
    """A link, as the house and the server know it.

    account:  whose password it gave; "" when it gave none, or was not believed.
    identity: who has proved to be at its other end; None: nobody yet.
    deadline: when its stage is over, on the house's clock.
    terms:    what the listener that it came by asks for.
    """

    account: str
    identity: Identity | None
    deadline: float
    terms: Terms

    def deadline_passed(self, now: float) -> None:
        """The deadline has come."""


@dataclass(slots=True, eq=False)
class House:
    """What all links of one server share.

    clock:      Unix seconds that never jump.
    unflushed:  links that may have something to send; the first to enter asks for a flush at the end of the turn.
    by_serial:  the standing links of each client certificate, to cut them when it is revoked.
    gatekeeper: looks at passwords.
    quiet:      knows which lines about strangers the log is spared.
    """

    broker: Broker
    directory: Directory
    limits: Limits
    clock: Callable[[], float]
    ask_for_flush: Callable[[], None]
    links: set[Resident] = field(default_factory=set)
    unflushed: set[Outbox] = field(default_factory=set)
    by_serial: dict[str, set[Resident]] = field(default_factory=dict)
    deadlines: Deadlines[Resident] = field(default_factory=Deadlines)
    flush_is_due: bool = False
    gatekeeper: Gatekeeper = field(default_factory=ClosedGate)
    quiet: Quiet = field(default_factory=Quiet)

    def tell_rest(self, now: float) -> None:
        """Say in numbers what the log was spared. To call at every tick."""
        for summary in self.quiet.rest(now):
            log.warning("%s", summary.words, extra={"address": summary.address} if summary.address else None)

    def mark(self, link: Resident) -> None:
        """The link may have something to send: flush it at the end of this turn of the loop."""
        self.unflushed.add(link)
        self._ask()

    def _ask(self) -> None:
        if not self.flush_is_due:
            self.flush_is_due = True
            self.ask_for_flush()

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
            unflushed.pop().flush()
        if dispatch.pace.unfinished:
            # Now that their links have written. What they are given leaves in the next turn, when others were heard.
            dispatch.go_on(self.clock())
            self._ask()
