"""Many at the door: who is let in, who is not and why, who comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sealmq.errors import HomeError
from sealmq.kit.bench import arrivals
from sealmq.kit.bench.arrivals import Arrivals, Guest, arrive, connect_words, subscribe_words
from sealmq.kit.bench.target import Target
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.state import Sender
from wires import CONNACK, SUBACK, FakeDialer, heard

WORDS = connect_words(Target("localhost", 1), "guest")


@pytest.fixture
def dial() -> Iterator[Any]:
    made: list[FakeDialer] = []

    def new(answers: Sequence[bytes | None]) -> FakeDialer:
        made.append(FakeDialer(answers))
        return made[-1]

    yield new
    for each in made:
        each.close()


def leave(came: Arrivals) -> None:
    for guest in came.standing:
        guest.leave()


def test_words_are_packets_that_a_broker_reads() -> None:
    target = Target("localhost", 1, username="panel", password=b"secret")
    broker = MQTTConnection(Sender.SERVER)
    (packet,) = broker.receive_data(connect_words(target, "guest-1", keep_alive=60))
    assert (packet.client_id, packet.keep_alive, packet.level) == ("guest-1", 60, 4)
    assert (packet.user_name, packet.password) == ("panel", b"secret")
    (packet,) = MQTTConnection(Sender.SERVER).receive_data(connect_words(target, "guest-2", clean=False))
    assert (packet.client_id, packet.clean_start) == ("guest-2", False)
    assert subscribe_words("a/#", 1) == b"\x82\x08\x00\x01\x00\x03a/#\x01"


def test_all_who_are_let_in_stand(dial: Any) -> None:
    dialer = dial([CONNACK] * 120)
    came = arrive(dialer, [Guest(WORDS) for _ in range(120)], 10.0, at_once=7)
    assert (len(came.standing), came.waits.count, dict(came.refused)) == (120, 120, {})
    assert [heard(broker) for broker in dialer.brokers] == [WORDS] * 120
    leave(came)


def test_a_subscription_is_waited_for(dial: Any) -> None:
    dialer = dial([CONNACK + SUBACK])
    came = arrive(dialer, [Guest(WORDS, subscribes=True)], 10.0)
    assert len(came.standing) == 1
    leave(came)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"\x20\x02\x00\x05", "the broker's connack says 0x05"),
        (CONNACK + b"\x90\x03\x00\x01\x80", "the broker refuses the subscription"),
        (None, "the broker ended the connection"),
    ],
)
def test_who_is_not_let_in_is_counted_by_reason(dial: Any, answer: bytes | None, why: str) -> None:
    came = arrive(dial([answer, answer]), [Guest(WORDS, subscribes=True) for _ in range(2)], 10.0)
    assert came.standing == []
    assert sum(came.refused.values()) == 2
    assert set(came.refused) <= {why, "broken pipe"}  # who is cut off hears it when it reads or when it writes


def test_who_is_turned_away_may_come_back(dial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "AGAIN", 0.0)
    came = arrive(dial([None, b"\x20\x02\x00\x03", CONNACK]), [Guest(WORDS)], 10.0, again=True)
    assert len(came.standing) == 1
    assert sum(came.refused.values()) == 2
    leave(came)


def test_it_ends_when_the_time_is_over(dial: Any) -> None:
    came = arrive(dial([b"", b""]), [Guest(WORDS), Guest(WORDS)], 0.05)
    assert dict(came.refused) == {"not in when the time was over": 2}


def test_what_is_done_with_who_is_in_is_the_callers_choice(dial: Any) -> None:
    seen: list[Guest] = []

    def arrived(guest: Guest, came: Arrivals) -> None:
        seen.append(guest)
        guest.leave()

    came = arrive(dial([CONNACK] * 3), (Guest(WORDS) for _ in range(3)), 10.0, arrived=arrived)
    assert (len(seen), came.standing, came.waits.count) == (3, [], 3)


def test_what_comes_behind_the_answers_is_kept(dial: Any) -> None:
    """A session's messages do not wait, and are no refused subscription."""
    message = b"\x32\x05\x00\x01a\x00\x01"
    for words, answers, subscribes in ((WORDS, CONNACK, False), (WORDS, CONNACK + SUBACK, True)):
        came = arrive(dial([answers + message]), [Guest(words, subscribes=subscribes)], 10.0)
        assert [guest.rest for guest in came.standing] == [message]
        leave(came)


def test_who_is_missing_is_told_with_the_reason_that_was_met_most() -> None:
    guests = [Guest(b""), Guest(b""), Guest(b"")]
    Arrivals(standing=guests).expect_all(guests)
    came = Arrivals(standing=guests[:1], refused=Counter({"no answer": 1, "connection refused": 2}))
    with pytest.raises(HomeError, match="1 of 3 connections") as missing:
        came.expect_all(guests)
    assert missing.value.why == "connection refused"
