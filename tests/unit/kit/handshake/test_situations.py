from __future__ import annotations

import time
from dataclasses import replace

import pytest

from sealmq.kit.dissect.conversation import Conversation, Message, Sender, Trouble
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.report import Kind
from sealmq.kit.handshake.situations import outcome_of_conversation
from sealmq.mqtt.packets import ConnAck, Connect
from sealmq.mqtt.writer import write_packet
from tapped import Stage, tapped

NOW = time.time()


def outcome_of(conversation: Conversation, **more):
    return outcome_of_conversation(conversation, find_facts(conversation), now=NOW, **more)


@pytest.fixture(scope="module", params=["1.2", "1.3"])
def whole(stage: Stage, request: pytest.FixtureRequest) -> Conversation:
    return tapped(stage, request.param).conversation()


def until(conversation: Conversation, name: str, sender: Sender, count: int = 1) -> Conversation:
    """The conversation as it was behind that message."""
    facts = find_facts(conversation)
    found = [
        one.number
        for one, each in zip(conversation.messages, facts.names, strict=True)
        if (one.sender, each) == (sender, name)
    ]
    return replace(conversation, messages=conversation.messages[: found[count - 1] + 1])


def alert(conversation: Conversation, sender: Sender, number: int) -> Conversation:
    said = Message(sender, len(conversation.messages), 21, number, bytes([2, number]), (0,), 0.5, False)
    return replace(conversation, messages=[*conversation.messages, said])


def test_somebody_elses_connection_that_went_well(whole: Conversation):
    assert outcome_of(whole).kind is Kind.CONNECTED


def test_the_connack_inside_is_believed(whole: Conversation):
    for code, kind in ((0, Kind.CONNECTED), (0x87, Kind.REFUSED)):
        inside = {
            Sender.CLIENT: write_packet(Connect(client_id="a"), 5),
            Sender.SERVER: write_packet(ConnAck(reason_code=code), 5),
        }
        outcome = outcome_of(replace(whole, application=inside))
        assert outcome.kind is kind


@pytest.mark.parametrize(
    ("number", "who", "said"),
    [
        (48, Sender.CLIENT, "unknown_ca"),
        (42, Sender.CLIENT, "bad_certificate"),
        (40, Sender.SERVER, "handshake_failure"),
    ],
)
def test_who_gave_up_is_told_with_what_it_had_heard(whole: Conversation, number: int, who: Sender, said: str):
    outcome = outcome_of(alert(until(whole, "Certificate", Sender.SERVER), who, number))
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == str(who)
    assert (outcome.after, outcome.alert) == ("Certificate", said)


def test_a_client_that_leaves_without_a_word_is_told_as_that(whole: Conversation):
    cut = replace(until(whole, "Certificate", Sender.SERVER), ended=[(Sender.CLIENT, 0.5)])
    outcome = outcome_of(cut)
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == "client"
    assert "without a word" in outcome.what


def test_a_reset_is_no_close(whole: Conversation):
    cut = until(whole, "ClientHello", Sender.CLIENT)
    assert "reset" in outcome_of(cut, reset_by=Sender.SERVER).what


def test_a_capture_that_ends_is_no_end(whole: Conversation):
    ended = replace(whole, ended=[(Sender.CLIENT, 9.0), (Sender.SERVER, 9.0)])
    assert outcome_of(ended, cut=True).kind is Kind.CONNECTED


def test_what_is_no_tls_is_told_by_its_first_bytes():
    trouble = Trouble(Sender.SERVER, "not TLS", "it is no TLS", 0.1, b"HTTP/1.1 400 Bad Request")
    outcome = outcome_of(Conversation(trouble=[trouble]))
    assert outcome.kind is Kind.NOT_TLS
    assert "HTTP" in outcome.what


def test_a_sealed_conversation_is_judged_by_its_course(stage: Stage):
    from sealmq.kit.dissect.reading import Reading

    tap = tapped(stage, "1.3")
    reading = Reading()
    for sender, data, at in tap.pieces:
        reading.receive_data(sender, data, at)
    assert not reading.conversation.opened
    assert outcome_of(reading.conversation).kind is Kind.CONNECTED


def test_a_clock_of_1970_is_blamed(whole: Conversation):
    conversation = alert(until(whole, "Certificate", Sender.SERVER), Sender.CLIENT, 42)
    outcome = outcome_of_conversation(conversation, find_facts(conversation), now=10_000.0)
    assert "clock" in outcome.why
