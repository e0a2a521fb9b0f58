"""A session with and without a link."""

from __future__ import annotations

import logging

import pytest

from outboxes import RememberingOutbox, session
from sealmq.broker.sessions import NEVER, NOTHING, Delivery, SessionKey
from sealmq.identity import Identity
from sealmq.mqtt.connection import LONGEST_REASON
from sealmq.mqtt.packets import MESSAGE_OVERHEAD, Publish
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet


def test_a_key_is_the_identity_and_its_client_identifier() -> None:
    assert SessionKey("a", "b/c") != SessionKey("a/b", "c")
    assert session("one").key == ("one", "client")


def test_a_session_speaks_to_its_link_while_it_has_one() -> None:
    outbox = RememberingOutbox()
    one = session()
    one.push(b"nobody hears this")
    one.attach(outbox, Identity("one", "device", serial="new"), 4)
    one.push(b"this is heard")
    assert outbox.heard() == b"this is heard"
    assert (one.level, one.identity.serial, one.expires_at) == (4, "new", NEVER)
    one.link_is_full = True
    one.detach()
    one.push(b"nor this")
    assert outbox.heard() == b""
    assert one.outbox is None
    assert not one.link_is_full


def test_a_session_has_a_queue_of_its_own_only_when_something_waited() -> None:
    one, other = session("one"), session("other")
    assert one.queue is other.queue is NOTHING
    first = Delivery(Publish("a", b"1"), 1)
    one.enqueue(first)
    assert (list(one.queue), list(other.queue), list(NOTHING)) == ([first], [], [])
    one.detach()
    assert list(one.queue) == [first]
    assert one.dequeue() is first
    assert one.queue is not NOTHING, "a link that was sent much is sent more"
    one.detach()
    assert one.queue is NOTHING


def test_a_session_says_in_the_log_whose_it_is() -> None:
    assert repr(session("one")) == "Session(one, 'client', away)"
    assert repr(session("one", outbox=RememberingOutbox())) == "Session(one, 'client', here)"


def test_the_size_of_a_delivery_is_what_its_message_weighs() -> None:
    assert Delivery(Publish("ab", b"cde"), 1).size == MESSAGE_OVERHEAD + 5
    wire = write_packet(Publish("ab", b"cde"), 5)
    publish = read_packet(wire, 2, 5)
    assert isinstance(publish, Publish)
    assert Delivery(publish, 1).size == MESSAGE_OVERHEAD + len(wire)


def test_a_decision_and_its_rule_are_in_the_log_for_who_looks_closely(caplog: pytest.LogCaptureFixture) -> None:
    one = session("one")
    with caplog.at_level(logging.INFO):
        assert one.may_publish("a").allowed
    assert caplog.text == ""
    with caplog.at_level(logging.DEBUG):
        assert one.may_publish("a").allowed
        assert not one.may_subscribe("$other").allowed
    assert "one (client 'client') may publish to 'a': rule 1 (allow #)" in caplog.text
    assert "one (client 'client') may not subscribe to '$other': no rule allows it" in caplog.text


def test_a_reason_is_given_to_who_wants_and_understands_it() -> None:
    one = session(level=5)
    assert one.reason_string("why").reason_string == "why"
    assert len(one.reason_string("x" * 100_000).reason_string or "") == LONGEST_REASON
    assert not one.reason_string("")
    one.problem_information = False
    assert not one.reason_string("why")  # [MQTT-3.1.2-29]
    assert not session(level=4).reason_string("why")
