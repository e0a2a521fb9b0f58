"""Packet identifiers, and what is sent again after a reconnect."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from sealmq.errors import LocalProtocolError
from sealmq.mqtt.inflight import HIGHEST_PACKET_ID, Outgoing


@dataclass(eq=False)
class Message:
    qos: int


def filled(*qos: int) -> tuple[Outgoing[Message], list[Message]]:
    outgoing: Outgoing[Message] = Outgoing()
    messages = [Message(one) for one in qos]
    assert [outgoing.add(message) for message in messages] == list(range(1, len(qos) + 1))
    return outgoing, messages


def drain(outgoing: Outgoing[Message]) -> list[int]:
    ids = []
    while again := outgoing.again():
        ids.append(again[0])
    return ids


def test_qos_1_is_done_by_puback() -> None:
    outgoing, (message,) = filled(1)
    assert len(outgoing) == 1
    assert outgoing.on_puback(1) is message
    assert outgoing.on_puback(1) is None
    assert len(outgoing) == 0


def test_qos_2_is_done_by_pubrec_and_pubcomp() -> None:
    outgoing, (message,) = filled(2)
    assert not outgoing.on_pubcomp(1)
    assert outgoing.on_pubrec(1, failed=False) is message
    assert outgoing.on_pubrec(1, failed=False) is None
    assert list(outgoing.released) == [1]
    assert len(outgoing) == 1
    assert outgoing.on_pubcomp(1)
    assert not outgoing.on_pubcomp(1)
    assert len(outgoing) == 0


def test_a_pubrec_that_refuses_is_the_end() -> None:
    outgoing, (message,) = filled(2)
    assert outgoing.on_pubrec(1, failed=True) is message
    assert len(outgoing) == 0
    assert not outgoing.released


def test_an_answer_of_the_other_qos_is_none() -> None:
    outgoing, _ = filled(1, 2)
    assert outgoing.on_puback(2) is None
    assert outgoing.on_pubrec(1, failed=False) is None
    assert len(outgoing) == 2


def test_an_identifier_in_use_is_passed_over() -> None:
    outgoing, _ = filled(1, 2, 1)
    outgoing.on_pubrec(2, failed=False)
    outgoing.on_puback(3)
    outgoing._last = HIGHEST_PACKET_ID
    assert outgoing.add(Message(1)) == 3  # 1 is sent, 2 is released
    outgoing.restart()
    outgoing._last = HIGHEST_PACKET_ID
    assert outgoing.add(Message(1)) == 4  # 1 and 3 are still to be sent again


def test_identifiers_begin_anew_behind_the_highest_and_are_never_0() -> None:
    outgoing: Outgoing[Message] = Outgoing()
    ids = []
    for _ in range(HIGHEST_PACKET_ID + 2):
        ids.append(outgoing.add(Message(1)))
        outgoing.on_puback(ids[-1])
    assert ids == [*range(1, HIGHEST_PACKET_ID + 1), 1, 2]


def test_when_all_identifiers_are_in_use_there_is_no_other() -> None:
    outgoing: Outgoing[Message] = Outgoing()
    for _ in range(HIGHEST_PACKET_ID):
        outgoing.add(Message(1))
    with pytest.raises(LocalProtocolError):
        outgoing.add(Message(1))
    outgoing.on_puback(77)
    assert outgoing.add(Message(1)) == 77


def test_what_is_unfinished_goes_again_in_the_order_of_its_first_sending() -> None:
    outgoing, messages = filled(1, 2, 1, 2, 1)
    outgoing.on_puback(3)
    outgoing.on_pubrec(2, failed=False)
    outgoing.restart()
    assert len(outgoing) == 1  # the released one: the others do not count until they are sent
    assert outgoing.again() == (1, messages[0])
    assert drain(outgoing) == [4, 5]
    assert outgoing.again() is None


def test_a_second_restart_in_the_middle_keeps_the_order() -> None:
    outgoing, _ = filled(1, 1, 1, 1)
    outgoing.restart()
    outgoing.again()
    outgoing.again()
    outgoing.on_puback(1)
    outgoing.restart()
    assert drain(outgoing) == [2, 3, 4]
    assert outgoing.add(Message(1)) == 5
    outgoing.restart()
    assert drain(outgoing) == [2, 3, 4, 5]


def test_what_is_dropped_is_done() -> None:
    outgoing, _ = filled(1, 1)
    outgoing.drop(1)
    outgoing.drop(99)
    assert list(outgoing.sent) == [2]


def test_sending_all_again_takes_no_longer_for_each_when_there_are_many() -> None:
    outgoing: Outgoing[Message] = Outgoing()
    for _ in range(HIGHEST_PACKET_ID):
        outgoing.add(Message(1))
    outgoing.restart()
    before = time.process_time()
    assert drain(outgoing) == list(range(1, HIGHEST_PACKET_ID + 1))
    assert time.process_time() - before < 0.4  # looking for the first of a dictionary each time takes 0.7 s and more
