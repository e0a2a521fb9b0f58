"""The numbers of the standard."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode as PahoReasonCode

from sealmq.mqtt.codes import REASON_CODES, PacketType, ReasonCode


def test_the_reason_codes_of_each_packet_agree_with_pahos() -> None:
    paho = PahoReasonCode(PacketTypes.CONNACK).names
    for packet_type, reason_codes in REASON_CODES.items():
        theirs = {code for code, names in paho.items() if any(packet_type in places for places in names.values())}
        if packet_type is PacketType.CONNACK:
            theirs.add(ReasonCode.PAYLOAD_FORMAT_INVALID)  # [MQTT 3.2.2.2]: paho 2.1 forgets it
        assert reason_codes == theirs, packet_type.name


def test_every_reason_code_belongs_to_a_packet() -> None:
    assert frozenset().union(*REASON_CODES.values()) == set(ReasonCode)


def test_a_reason_code_can_be_said_in_words() -> None:
    assert ReasonCode.NOT_AUTHORIZED.words == "not authorized"
