"""A publisher and the broker's end of its connection: windows, acknowledgements, the lead."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from sealmq.kit.bench.givers import LOST, Giver, _Lead, topic, topics
from sealmq.kit.bench.stamps import STAMP
from sealmq.kit.bench.workloads import Flow
from wires import heard, wire

FLOW = Flow("test", "", 2, 1, 2, qos=1, window=5)


def publishes(data: bytes, size: int) -> list[bytes]:
    assert len(data) % size == 0
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_topics_have_one_length() -> None:
    assert topic("a", 3) == "a/00003"
    assert len({len(topic("a", lane)) for lane in (0, 99, 65_535)}) == 1


def test_qos_1_a_puback_closes_a_message() -> None:
    ours, broker = wire()
    giver = Giver(FLOW, ours, "a", 1)
    assert giver.give(5) == 5
    packets = publishes(heard(broker), giver.ring.size)
    assert [STAMP.unpack(packet[-64:][: STAMP.size])[1:] for packet in packets] == [(1, n) for n in range(5)]
    assert giver.open == 5
    identifiers = [packet[-66:-64] for packet in packets]
    answers = b"".join(b"\x40\x02" + each for each in identifiers)
    broker.send(answers[:10])  # in the middle of the third
    giver.hear()
    assert giver.open == 3
    broker.send(answers[10:])
    giver.hear()
    assert (giver.open, giver.acknowledged) == (0, 5)
    ours.close()
    broker.close()


def test_qos_2_a_pubrec_is_answered_and_a_pubcomp_closes() -> None:
    ours, broker = wire()
    giver = Giver(replace(FLOW, qos=2), ours, "a", 0)
    giver.give(2)
    first, second = (packet[-66:-64] for packet in publishes(heard(broker), giver.ring.size))
    broker.send(b"\x50\x02" + first + b"\x50\x02" + second)
    giver.hear()
    assert heard(broker) == b"\x62\x02" + first + b"\x62\x02" + second
    assert giver.open == 2
    broker.send(b"\x70\x02" + first + b"\x50\x02" + b"\x09\x09" + b"\x70\x02" + second)
    giver.hear()
    assert giver.open == 0
    assert heard(broker) == b"\x62\x02\x09\x09"
    ours.close()
    broker.close()


def test_no_more_are_on_their_way_than_the_lead_allows() -> None:
    arrived = SimpleNamespace(value=0)
    lead = _Lead(Flow("fan-out", "", 1, 10, 1, lead=100), arrived)
    assert lead.room(1.0) == 100
    lead.sent = 100
    assert lead.room(1.0) == 0
    arrived.value = 500  # ten copies of each: fifty have come
    assert lead.room(1.1) == 50


def test_what_does_not_come_is_not_waited_for_for_ever() -> None:
    arrived = SimpleNamespace(value=60)
    lead = _Lead(Flow("pairs", "", 1, 1, 1, lead=100), arrived)
    assert lead.room(1.0) == 160
    lead.sent = 160
    assert lead.room(1.0 + LOST / 2) == 0
    assert lead.room(1.0 + 2 * LOST) == 100
    lead.sent = 260
    assert lead.room(1.0 + 2 * LOST) == 0


def test_a_lane_may_have_names_below_its_topic() -> None:
    flow = Flow("names", "", 2, 2, 2, own=True, names=3)
    assert topics(flow, "a", 1) == ["a/00001/00000", "a/00001/00001", "a/00001/00002"]
    assert topics(replace(flow, names=0), "a", 1) == ["a/00001"]


def test_the_wait_for_each_acknowledgement_is_timed_where_nobody_takes_the_messages() -> None:
    ours, broker = wire()
    giver = Giver(replace(FLOW, timed=True), ours, "a", 0)
    giver.give(3)
    giver.give(2)
    broker.send(b"\x40\x02\x01\x00" * 4)  # three of the first, one of the second
    giver.hear()
    assert giver.waits.count == 4
    broker.send(b"\x40\x02\x01\x00")
    giver.hear()
    assert (giver.waits.count, giver.open) == (5, 0)
    assert giver.waits.worst > 0
    ours.close()
    broker.close()
