"""What a connected client's packet means: each kind to the handler that knows. PUBLISH and what answers it, the hot
path, and the goodbye go past here (link.py)."""

from __future__ import annotations

from sealmq.broker.broker import Broker
from sealmq.broker.sessions import Session
from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import Auth, Packet, PingReq, PubAck, PubComp, PubRec, PubRel, Subscribe, Unsubscribe


def handle(broker: Broker, session: Session, packet: Packet, now: float) -> None:
    """Do what the packet asks for. Raises RemoteProtocolError where no client may send it."""
    match packet:
        case PubAck() | PubRec() | PubRel() | PubComp():
            broker.on_answer[type(packet)](session, packet, now)
        case PingReq():
            broker.on_pingreq(session)
        case Subscribe():
            broker.subscriptions.on_subscribe(session, packet, now)
        case Unsubscribe():
            broker.subscriptions.on_unsubscribe(session, packet)
        case Auth():
            # [MQTT-4.12.0-7]: CONNECT named no method, so there is nothing to authenticate by [MQTT-4.12.1-2], and
            # we send none either [MQTT-4.12.0-6].
            raise RemoteProtocolError("AUTH without an authentication method", ReasonCode.PROTOCOL_ERROR)
        case _:
            raise RemoteProtocolError(f"{packet.type.name} is not for a server", ReasonCode.PROTOCOL_ERROR)
