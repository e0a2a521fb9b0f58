"""What a broker has to remember: who holds which share of it, what a broker refuses, what of it is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sealmq.errors import HomeError
from sealmq.kit.bench import ballast
from sealmq.kit.bench.ballast import Ballast, Retained, Subscriptions, hear, topic_filter
from sealmq.kit.bench.givers import topics
from sealmq.kit.bench.workloads import Scale, find
from sealmq.mqtt.packets import Packet, PubAck, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe
from sealmq.mqtt.topics import matches
from wires import AnsweredWire


def scale(name: str, **changes: object) -> Scale:
    (found,) = find([name])
    assert isinstance(found, Scale)
    return replace(found, **changes)  # type: ignore[arg-type]


def granting(packet: Packet) -> list[Packet]:
    assert isinstance(packet, Subscribe)
    return [SubAck(packet.packet_id, [0] * len(packet.subscriptions))]


class Keeper:
    """A broker that keeps no more than so many retained messages, and acknowledges all."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: dict[str, bytes] = {}

    def __call__(self, packet: Packet) -> list[Packet]:
        match packet:
            case Publish():
                assert packet.retain
                if not packet.payload:
                    self.kept.pop(packet.topic, None)
                elif len(self.kept) < self.most:
                    self.kept[packet.topic] = packet.payload
                return [PubAck(packet.packet_id)]
            case Subscribe():
                shown = [Publish(topic, payload, 0, True) for topic, payload in self.kept.items()]
                return [SubAck(packet.packet_id, [0]), *shown]
            case Unsubscribe():
                return [UnsubAck(packet.packet_id, [0])]
        raise AssertionError(packet)


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.mark.parametrize("kind", ["exact", "+", "#"])
def test_no_filter_matches_what_is_measured_and_none_is_there_twice(kind: Ballast) -> None:
    one = scale("scale-exact")
    measured = [name for flow in (one.known, replace(one.new, names=3)) for name in topics(flow, "bench/abc", 7)]
    filters = [topic_filter(kind, "bench/abc", number) for number in (0, 7, 99_999)]
    assert len(set(filters)) == 3
    assert not [each for each in filters for name in measured if matches(each, name)]


def test_subscriptions_grow_to_what_is_wanted_in_equal_shares(told: list[int]) -> None:
    wires = [AnsweredWire(granting) for _ in range(4)]
    held = Subscriptions(list(wires), "a", scale("scale-plus", steps=(10, 1_000)), told.append)
    held.grow(10)
    assert held.count == 10
    held.grow(1_000)
    filters = [
        [each.topic_filter for packet in wire.heard if isinstance(packet, Subscribe) for each in packet.subscriptions]
        for wire in wires
    ]
    assert [len(each) for each in filters] == [250] * 4
    assert len({each for some in filters for each in some}) == 1_000
    assert told[-1] == 1_000
    held.drop()


def test_a_refused_subscription_is_said(told: list[int]) -> None:
    def refusing(packet: Packet) -> list[Packet]:
        assert isinstance(packet, Subscribe)
        return [SubAck(packet.packet_id, [0] * (len(packet.subscriptions) - 1) + [0x97])]

    held = Subscriptions([AnsweredWire(refusing)], "a", scale("scale-exact", steps=(10,)), told.append)
    with pytest.raises(HomeError, match="refuses subscription"):
        held.grow(10)
    held.drop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The answers of these tests lie there as soon as they are asked for."""
    monkeypatch.setattr(ballast, "SILENCE", 0.01)
    return


@pytest.mark.usefixtures("impatient")
def test_retained_messages_are_counted_by_what_the_broker_shows(told: list[int]) -> None:
    keeper = Keeper(most=150)
    held = Retained([AnsweredWire(keeper)], "a", scale("scale-retained"), told.append)
    held.grow(120)
    assert (held.count, len(keeper.kept)) == (120, 120)
    held.grow(250)
    assert held.count == 150  # of 250 that were acknowledged
    assert max(told) == 250
    held.drop()
    assert keeper.kept == {}


def test_who_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "PATIENCE", 0.01)
    silent = AnsweredWire(lambda packet: [])
    with pytest.raises(HomeError, match="has not answered"):
        hear(silent, 4, silence=0.01)
    silent.close()
