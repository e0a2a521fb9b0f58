"""Other rules and limits while clients are connected: what they may from now on, and who has to learn that.

No link is cut that the new rules still allow. What they do not allow any more ends in this way:

    a subscription   is taken away, with what waits for it alone; the client's link ends with 'not authorized' (in
                     MQTT 3.1.1 without words), because a client that goes on believing in its subscription would wait
                     for ever. It comes back, and learns from SUBACK or from its missing session state.
    a will           is forgotten, and the link ends in the same way: CONNECT with this will would be refused now.
    a topic          that was published to: the next message is refused like any other.

Limits count for what comes from now on. What a client was promised in CONNACK holds as long as its link.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from sealmq.broker.access import Grants
from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.rules import Rule
from sealmq.broker.sessions import Session
from sealmq.identity import Identity
from sealmq.mqtt.codes import ReasonCode

log = logging.getLogger("sealmq.broker")


def adopt(broker: Broker, rules: Iterable[Rule], limits: Limits, now: float) -> None:
    """Let the broker go on with these rules and limits. `now` in Unix seconds."""
    broker.limits = limits
    broker.dispatch.adopt(limits)
    broker.publishing.adopt(limits)
    broker.subscriptions.adopt(limits)
    broker.retained.adopt(*limits.retained)
    rules = tuple(rules)
    if rules == broker.rules:
        return
    broker.rules = rules
    lost = [(session, what) for session in list(broker.sessions.values()) if (what := _regrant(broker, session))]
    # All have their new rights before anything moves: what waited for a group goes to another member, and an end may
    # publish a will, which others get or no longer get.
    for session, _ in lost:
        broker.dispatch.withdraw(session, now)
    for session, what in lost:
        log.info("%s (client %r) %s any more", session.key.identity, session.key.client_id, what)
        if session.outbox is not None:
            session.outbox.end(ReasonCode.NOT_AUTHORIZED, f"the rules have changed: it {what} any more")


def recognize(broker: Broker, who: Callable[[str], Identity | None], now: float) -> None:
    """After a start: give the sessions that a store kept the rights that their clients have now.

    who: the identity of this name as it is today; None: it is no more (its device was revoked, its account removed),
    and its sessions end, as do those that another bearer of the name has left. `now` in Unix seconds.
    """
    heirs = {name: who(name) for name in {key.identity for key in broker.sessions}}
    for key, session in broker.sessions.items():
        identity = heirs[key.identity]
        if identity is not None and not session.identity.bearer:
            session.identity = identity  # kept by a SealMQ that did not ask: nobody else is known
    broker.end_sessions_of(heirs, now, "it is no more")
    lost = []
    for key, session in list(broker.sessions.items()):
        identity = heirs[key.identity]
        assert identity is not None  # or its sessions had ended
        session.identity = identity
        if _regrant(broker, session):
            lost.append(session)
    for session in lost:
        broker.dispatch.withdraw(session, now)


def distrust(broker: Broker, is_trusted: Callable[[Identity], bool], why: str, now: float) -> None:
    """End the links of those whose proof does not count any more, and let no will of theirs be spoken."""
    for session in list(broker.sessions.values()):
        if session.outbox is not None and not is_trusted(session.identity):
            outbox = session.outbox
            broker.silence(session, why)
            broker.on_lost(session, now)
            outbox.end(ReasonCode.ADMINISTRATIVE_ACTION, why)


def _regrant(broker: Broker, session: Session) -> str:
    """Give the session its new rights. Returns the first thing that it lost by them, "" when it lost nothing."""
    session.grants = Grants(broker.rules, session.identity, session.key.client_id)
    session.publishable.clear()
    lost = ""
    withdrawn = broker.subscriptions.check_again(session)
    if withdrawn:
        lost = f"may not subscribe to {withdrawn[0]!r}"
    if session.will is not None and not session.grants.may_leave_will(session.will.topic).allowed:
        lost = lost or f"may not have its will published to {session.will.topic!r}"
        broker.forget_will(session)
    return lost
