"""Standing in between until it is enough: the relay, one watcher for each connection, and the sum of what they saw."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from sealmq.kit.eavesdrop.events import Tell
from sealmq.kit.eavesdrop.relay import Address, Relay
from sealmq.kit.eavesdrop.sealed import Links
from sealmq.kit.eavesdrop.summary import Summary
from sealmq.kit.eavesdrop.tamper import How
from sealmq.kit.eavesdrop.watch import Watch


@dataclass(frozen=True, slots=True)
class Orders:
    """What is asked for.

    count:   connections after which it is enough, None: no end. seconds: the same in time.
    how:     the attack to try on each connection, None: only listen.
    """

    target: Address
    listen: Address
    count: int | None = None
    seconds: float | None = None
    how: How | None = None
    show_secrets: bool = False


@dataclass(slots=True)
class Result:
    """What came of it; the counts are the relay's."""

    summary: Summary = field(default_factory=Summary)
    reached: int = 0
    unreachable: int = 0
    turned_away: int = 0
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """1: somebody came, and the broker could be reached for nobody."""
        return 1 if self.unreachable and not self.reached else 0


async def listen(orders: Orders, tell: Tell, started: Callable[[list[Address]], None], stop: asyncio.Event) -> Result:
    """Listen until `stop` is set or it is enough. started: told where, once devices can come.

    Raises PortTakenError or ConfigError where it cannot listen.
    """
    result = Result()
    numbers = itertools.count(1)
    links = Links()
    over = itertools.count(1)

    def watch(peer: str) -> Watch:
        return Watch(
            next(numbers),
            peer,
            tell=tell,
            done=result.summary.add,
            links=links,
            how=orders.how,
            show_secrets=orders.show_secrets,
            finished=finished,
        )

    def finished() -> None:
        if next(over) == orders.count:
            stop.set()

    relay = Relay(orders.target, watch)
    try:
        started(await relay.start(orders.listen.host, orders.listen.port))
        await asyncio.wait_for(stop.wait(), orders.seconds)
    except TimeoutError:
        pass
    finally:
        await relay.close()
        result.reached, result.unreachable = relay.reached, relay.unreachable
        result.turned_away, result.failed = relay.turned_away, relay.failed
    return result
