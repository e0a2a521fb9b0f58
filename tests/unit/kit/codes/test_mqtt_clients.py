"""What MQTT clients give of their own."""

from __future__ import annotations

from paho.mqtt.enums import MQTTErrorCode

from sealmq.kit.codes import mqtt_clients


def of(library: str) -> dict[str, int | None]:
    return {code.name: code.number for code in mqtt_clients.CODES if code.library == library}


def test_pahos_are_those_of_paho() -> None:
    assert of("paho") == {code.name: int(code) for code in MQTTErrorCode}


def test_pubsubclients_negative_states() -> None:
    assert of("pubsubclient") == {
        "MQTT_CONNECTION_TIMEOUT": -4,
        "MQTT_CONNECTION_LOST": -3,
        "MQTT_CONNECT_FAILED": -2,
        "MQTT_DISCONNECTED": -1,
    }


def test_mosquittos_numbers_have_no_gap() -> None:
    assert {number for number in of("mosquitto").values() if number is not None} == set(range(-4, 32))
