"""Each packet goes to its handler, and what no client may send goes nowhere."""

from __future__ import annotations

import pytest

from sealmq.broker.handlers import handle
from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
)
from stacks import Client, Stage


@pytest.fixture
def client() -> Client:
    stage = Stage()
    client = stage.client(answering=False)
    client.connect("one")
    return client


def give(client: Client, packet: Packet) -> list[Packet]:
    """Hand a packet to the client's session, and see what is answered."""
    session = client.stage.session("one")
    assert session is not None
    handle(client.stage.broker, session, packet, client.stage.clock.now)
    client.stage.settle()
    return client.packets()


def test_what_asks_is_answered(client: Client) -> None:
    assert give(client, PingReq()) == [PingResp()]
    assert give(client, Subscribe(1, [Subscription("a", 2)])) == [SubAck(1, [2])]
    assert give(client, PubRel(9)) == [PubComp(9, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)]
    assert give(client, Unsubscribe(2, ["a"])) == [UnsubAck(2, [ReasonCode.SUCCESS])]


def test_what_acknowledges_finishes_a_delivery(client: Client) -> None:
    give(client, Subscribe(1, [Subscription("a", 2)]))
    session = client.stage.session("one")
    assert session is not None
    publisher = client.stage.client("other")
    publisher.connect()
    for qos in (1, 2):
        publisher.publish("a", qos=qos)
    first, second = client.messages()
    assert give(client, PubAck(first.packet_id)) == []
    assert give(client, PubRec(second.packet_id)) == [PubRel(second.packet_id)]
    assert give(client, PubComp(second.packet_id)) == []
    assert len(session.outgoing) == 0


@pytest.mark.parametrize("packet", [Auth(), ConnAck(), PingResp()], ids=lambda packet: packet.type.name)
def test_what_no_client_may_send_is_a_protocol_error(client: Client, packet: Packet) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        give(client, packet)
    assert refused.value.reason_code == ReasonCode.PROTOCOL_ERROR
