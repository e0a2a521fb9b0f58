"""What brokers answer: every code of both versions of MQTT."""

from __future__ import annotations

from sealmq.kit.codes import mqtt
from sealmq.mqtt.codes import ConnectReturnCode, ReasonCode


def test_each_code_of_the_standard_is_here() -> None:
    assert {code.number for code in mqtt.CONNACK} == set(map(int, ConnectReturnCode))
    assert {code.number: code.name for code in mqtt.REASONS} == {int(code): code.name for code in ReasonCode}


def test_success_is_no_error_and_all_from_0x80_on_are() -> None:
    for code in mqtt.REASONS:
        assert code.number is not None
        assert (code.fault.name in ("ok", "again")) == (code.number < 0x80)


def test_clients_spell_it_in_their_way() -> None:
    refused = next(code for code in mqtt.CONNACK if code.number == 5)
    assert {"Connection Refused: not authorised", "MQTT_CONNECTION_REFUSE_NOT_AUTHORIZED"} <= set(refused.texts)
