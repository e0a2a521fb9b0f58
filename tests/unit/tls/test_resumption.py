"""Who is resumed from what we keep, and who from the ticket: it depends on how much is kept already."""

from __future__ import annotations

import gc

import pytest

from sealmq.tls.openssl import OpenSSLConnection, OpenSSLContext, Session, client_connection
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.resumption import CACHE, LIFETIME, TIDY, Resumption, room
from tls_pairs import Trust, exchange

CONNECTIONS = 4
ROOM = room(CONNECTIONS)


class Listener:
    """A listener's context, watched, and one device that comes and goes."""

    def __init__(self, trust: Trust, resumption: Resumption, policy: TLSPolicy | None = None) -> None:
        self.context: OpenSSLContext = resumption.watch(trust.server(policy), 0.0)
        self.device = trust.client(trust.device)
        self.session: Session | None = None

    def stand(self, session: Session | None = None) -> OpenSSLConnection:
        client, server = client_connection(self.device, "localhost", session=session), self.context.connection()
        server.send(b"the ticket comes with this")
        exchange(client, server)
        self.session = client.session
        return server

    def come_and_go(self, times: int = 1) -> None:
        """With a full handshake each time."""
        for _ in range(times):
            self.stand().keep_session()

    def come_back(self) -> bool:
        """Once more, with the session of the last time. Was it resumed?"""
        server = self.stand(self.session)
        server.keep_session()
        assert server.proof is not None
        return server.proof.resumed


@pytest.fixture
def resumption() -> Resumption:
    return Resumption()


@pytest.fixture
def listener(trust: Trust, resumption: Resumption) -> Listener:
    return Listener(trust, resumption)


def test_there_is_room_for_all_that_may_stand_and_a_quarter_more() -> None:
    assert room(10_000) == 12_501
    assert room(1) == 2
    assert room(1_000_000) == CACHE, "OpenSSL keeps no more"


def test_sessions_are_kept_until_the_room_is_used_up_and_then_carried(
    listener: Listener, resumption: Resumption
) -> None:
    listener.come_and_go(ROOM - 1)
    resumption.look(CONNECTIONS, 1.0)
    assert resumption.keeps
    assert listener.come_back()
    listener.come_and_go()
    resumption.look(CONNECTIONS, 2.0)
    assert not resumption.keeps
    before = listener.context.kept
    assert not listener.come_back(), (
        "its session is kept; a ticket that carries one was expected: once a full handshake"
    )
    assert listener.come_back()
    assert listener.come_back()
    listener.come_and_go(50)
    assert listener.context.kept == before, "who comes now costs no memory"


def test_what_was_kept_is_over_after_two_hours_once_openssl_has_dropped_it(
    listener: Listener, resumption: Resumption
) -> None:
    listener.come_and_go(ROOM)
    resumption.look(CONNECTIONS, 1.0)
    resumption.look(CONNECTIONS, LIFETIME + 1.0)
    assert not resumption.keeps, "nobody has come since, so OpenSSL has not looked"
    assert not listener.come_back()
    for _ in range(TIDY):
        assert listener.come_back()
    resumption.look(CONNECTIONS, LIFETIME + 2.0)
    assert not resumption.keeps, "of those that were counted then, the last may have come just before"
    resumption.look(CONNECTIONS, 2 * LIFETIME + 2.0)
    for _ in range(TIDY):
        assert listener.come_back()
    resumption.look(CONNECTIONS, 2 * LIFETIME + 3.0)
    assert resumption.keeps
    assert not listener.come_back()
    assert listener.come_back()


def test_a_fleet_that_is_resumed_again_and_again_uses_no_room_up(listener: Listener, resumption: Resumption) -> None:
    listener.come_and_go(2)
    for _ in range(10 * ROOM):
        assert listener.come_back()
        resumption.look(CONNECTIONS, 1.0)
    assert resumption.keeps


def test_room_that_becomes_less_or_more_by_a_reload_is_seen(listener: Listener, resumption: Resumption) -> None:
    listener.come_and_go(ROOM)
    resumption.look(100, 1.0)
    assert resumption.keeps
    resumption.look(CONNECTIONS, 2.0)
    assert not resumption.keeps
    resumption.look(CONNECTIONS + 1, 3.0)
    assert not resumption.keeps, "half of it has to be free: no going to and fro"
    resumption.look(100, 4.0)
    assert resumption.keeps


def test_what_a_replaced_context_keeps_counts_for_as_long_as_a_link_stands_on_it(
    trust: Trust, listener: Listener, resumption: Resumption
) -> None:
    standing = [listener.stand()]
    listener.come_and_go(ROOM - 1)
    listener.context = resumption.watch(trust.server(), 1.0)
    gc.collect()
    assert not listener.come_back(), "a new context knows nobody"
    resumption.look(CONNECTIONS, 2.0)
    assert not resumption.keeps
    standing.clear()
    resumption.look(CONNECTIONS, 3.0)
    assert resumption.keeps


def test_a_new_context_does_as_the_others_do(trust: Trust, listener: Listener, resumption: Resumption) -> None:
    listener.come_and_go(ROOM)
    resumption.look(CONNECTIONS, 1.0)
    late = Listener(trust, resumption)
    late.come_and_go()
    assert late.context.kept == 0
    assert late.come_back()


def test_where_there_are_no_tickets_there_are_none_when_the_room_is_used_up(
    trust: Trust, resumption: Resumption
) -> None:
    listener = Listener(trust, resumption, TLSPolicy(tickets=0))
    other = Listener(trust, resumption)
    other.come_and_go(ROOM)
    resumption.look(CONNECTIONS, 1.0)
    assert not resumption.keeps
    listener.come_and_go()
    assert listener.session is None or not listener.session.session.has_ticket
