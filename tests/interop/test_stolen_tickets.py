"""Who has seen a device's ticket, and has no key of it, is nobody, whatever he shows it in."""

from __future__ import annotations

import pytest

from libraries import middleware
from middleware_pairs import client_material, server_material, shaken
from sealmq.errors import TLSError
from sealmq.tls.policy import TLSPolicy
from stolen_tickets import resume_by, ticket_in
from tls_pairs import Trust, carry, exchange

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("server", ["openssl", "pyopenssl", "mbedtls-3.6", "wolfssl"])
def test_a_ticket_of_tls_13_opens_nothing_in_tls_12(trust: Trust, server: str) -> None:
    listener = middleware(server).server_context(TLSPolicy(), server_material(trust))
    device = middleware("openssl").client_context(TLSPolicy(), client_material(trust))
    client, there = shaken(device.connection("localhost"), listener.connection())
    client.close()
    exchange(client, there)
    again = device.connection("localhost", session=client.session)
    hello = again.data_to_send()
    ticket = ticket_in(hello)
    assert 30 < len(ticket) < 2_000
    broker = listener.connection()
    try:
        assert not resume_by(ticket, broker), "it was taken"
    except TLSError:
        pass
    assert not broker.established
    assert broker.peer_certificate == b""

    broker = listener.connection()  # and the device itself is resumed by it
    broker.receive_data(hello)
    carry(broker, again)
    exchange(again, broker)
    assert broker.proof is not None
    assert broker.proof.resumed
    assert broker.peer_certificate == trust.device.der
