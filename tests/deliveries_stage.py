"""A Dispatch alone, and sessions subscribed to its topic "a": for the tests of dispatch.py and deliveries.py."""

from __future__ import annotations

from outboxes import RememberingOutbox, RememberingStore, held, session
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.limits import Limits
from sealmq.broker.router import Router
from sealmq.broker.sessions import Session
from sealmq.mqtt.packets import Packet
from sealmq.mqtt.reader import read_packet

NOW = 1_000.0


def make(**limits: int) -> Dispatch:
    return Dispatch(Router(), Limits(**limits), RememberingStore())


def reader(dispatch: Dispatch, name: str = "one", level: int = 5, qos: int = 0, **how: object) -> Session:
    one = session(name, level, RememberingOutbox())
    dispatch.router.subscribe(one, held("a", qos, **how))
    return one


def heard(one: Session, level: int = 5) -> list[Packet]:
    assert isinstance(one.outbox, RememberingOutbox)
    data, found = one.outbox.heard(), []
    while data:
        length = 2 + data[1]
        found.append(read_packet(data[:length], 2, level))
        data = data[length:]
    return found
