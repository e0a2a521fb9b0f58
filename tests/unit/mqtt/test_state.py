"""Who may send what when."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import PacketType, ReasonCode
from sealmq.mqtt.state import (
    LEVEL_5_ONLY,
    QOS_1_RECEIVER,
    QOS_1_SENDER,
    QOS_2_RECEIVER,
    QOS_2_SENDER,
    TRANSITIONS,
    Phase,
    Sender,
    next_phase,
    tables_as_markdown,
)

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "state-machine.md"


def legal(phase: Phase, sender: Sender, packet_type: PacketType, level: int) -> bool:
    try:
        next_phase(phase, sender, packet_type, level)
    except RemoteProtocolError:
        return False
    return True


def test_a_life_goes_from_connect_to_disconnect() -> None:
    phase = next_phase(Phase.EXPECT_CONNECT, CLIENT, PacketType.CONNECT, 5)
    assert phase is Phase.CONNECTING
    assert next_phase(phase, SERVER, PacketType.AUTH, 5) is Phase.CONNECTING
    assert next_phase(phase, CLIENT, PacketType.AUTH, 5) is Phase.CONNECTING
    phase = next_phase(phase, SERVER, PacketType.CONNACK, 5)
    assert phase is Phase.CONNECTED
    assert next_phase(phase, CLIENT, PacketType.PUBLISH, 5) is Phase.CONNECTED
    assert next_phase(phase, SERVER, PacketType.DISCONNECT, 5) is Phase.ENDED
    assert next_phase(phase, CLIENT, PacketType.DISCONNECT, 5) is Phase.ENDED


@pytest.mark.parametrize("level", [4, 5])
def test_nothing_comes_before_connect(level: int) -> None:  # [MQTT-3.1.0-1]
    first = [
        (sender, kind)
        for sender, kind in product(Sender, PacketType)
        if legal(Phase.EXPECT_CONNECT, sender, kind, level)
    ]
    assert first == [(CLIENT, PacketType.CONNECT)]


@pytest.mark.parametrize("phase", [Phase.CONNECTING, Phase.CONNECTED, Phase.ENDED])
def test_a_second_connect_is_a_protocol_error(phase: Phase) -> None:  # [MQTT-3.1.0-2]
    with pytest.raises(RemoteProtocolError) as caught:
        next_phase(phase, CLIENT, PacketType.CONNECT, 5)
    assert caught.value.reason_code == ReasonCode.PROTOCOL_ERROR


def test_a_client_need_not_wait_for_connack_and_a_server_must() -> None:  # [MQTT 3.1.4], [MQTT-3.2.0-1]
    assert next_phase(Phase.CONNECTING, CLIENT, PacketType.SUBSCRIBE, 4) is Phase.CONNECTING
    assert not legal(Phase.CONNECTING, SERVER, PacketType.PUBLISH, 5)
    assert not legal(Phase.CONNECTING, SERVER, PacketType.DISCONNECT, 5)  # [MQTT-3.14.0-1]


def test_a_server_sends_one_connack() -> None:  # [MQTT-3.2.0-2]
    assert not legal(Phase.CONNECTED, SERVER, PacketType.CONNACK, 5)


def test_each_side_keeps_to_its_own_packets() -> None:
    for kind in (PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE, PacketType.PINGREQ):
        assert legal(Phase.CONNECTED, CLIENT, kind, 5)
        assert not legal(Phase.CONNECTED, SERVER, kind, 5)
    for kind in (PacketType.SUBACK, PacketType.UNSUBACK, PacketType.PINGRESP):
        assert legal(Phase.CONNECTED, SERVER, kind, 5)
        assert not legal(Phase.CONNECTED, CLIENT, kind, 5)


@pytest.mark.parametrize("phase", [Phase.CONNECTING, Phase.CONNECTED])
def test_what_level_5_brought_does_not_exist_in_311(phase: Phase) -> None:
    for sender, kind in LEVEL_5_ONLY:
        assert not legal(phase, sender, kind, 4)
    assert legal(phase, CLIENT, PacketType.AUTH, 5)
    assert legal(phase, CLIENT, PacketType.DISCONNECT, 4)


def test_nothing_comes_after_the_end() -> None:  # [MQTT-3.14.4-1]
    assert not any(legal(Phase.ENDED, sender, kind, 5) for sender, kind in product(Sender, PacketType))


def test_every_phase_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(Phase)
    reached = {after for moves in TRANSITIONS.values() for after in moves.values()}
    assert reached | {Phase.EXPECT_CONNECT} == set(Phase)


@pytest.mark.parametrize("steps", [QOS_1_SENDER, QOS_1_RECEIVER, QOS_2_SENDER, QOS_2_RECEIVER])
def test_every_delivery_begins_new_and_ends_done(steps: tuple[tuple[str, ...], ...]) -> None:
    states = {step[0] for step in steps} | {step[3] for step in steps}
    reached = {"new"}
    while True:
        further = reached | {step[3] for step in steps if step[0] in reached}
        if further == reached:
            break
        reached = further
    assert reached == states
    assert "done" in reached


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_as_markdown(), "run: python docs/generate.py"
