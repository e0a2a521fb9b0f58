"""What can be said without the keys: that it went well, that somebody refused somebody, or nothing."""

from __future__ import annotations

import ssl

import pytest

from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.captured import report_of_others
from sealmq.kit.handshake.report import Kind, Report
from sealmq.kit.handshake.sealed import outcome_of_sealed
from tapped import RecordingTap, Stage, converse


def seen(tap: RecordingTap, *, first: int = 0, ended: bool = True) -> Conversation:
    """What somebody in between saw, who has no keys. first: only so many pieces; 0: all."""
    reading = Reading()
    for sender, data, at in tap.pieces[: first or None]:
        reading.receive_data(sender, data, at)
    if ended:
        reading.end(Sender.SERVER, 1.0)
        reading.end(Sender.CLIENT, 1.0)
    return reading.conversation


def told(conversation: Conversation) -> Report:
    return report_of_others(conversation, client=("192.0.2.1", 5000), server=("192.0.2.2", 8883), began=0.0)


def listened(stage: Stage, version: str, context: ssl.SSLContext | None = None, *, mutual: bool = True) -> RecordingTap:
    tap = RecordingTap(context or stage.client(version), server_name="localhost")
    try:
        converse(tap, stage.server(mutual=mutual))
    except ssl.SSLError:
        tap.data_to_send(1.0)
    return tap


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("mutual", [False, True])
def test_a_handshake_that_was_made_is_said_to_be_made_and_no_more(stage: Stage, version: str, mutual: bool) -> None:
    report = told(seen(listened(stage, version, mutual=mutual)))
    assert report.outcome.kind is Kind.CONNECTED
    assert report.outcome.what == f"the handshake was made with TLS {version}, and what was said in it is encrypted"
    assert "whether the broker let the client in" in report.outcome.why
    assert "SSLKEYLOGFILE" in report.outcome.remedy
    asked = report.client_authentication
    assert asked is not None
    assert (asked.result == "unknown") is (version == "1.3"), "TLS 1.3 hides whether the server asked"
    assert asked.asked is (mutual and version == "1.2")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_that_was_refused_is_found_by_the_size_of_what_it_got(stage: Stage, version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(stage.root)
    context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    outcome = told(seen(listened(stage, version, context))).outcome
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == "server"
    assert ("likely refused the client" if version == "1.3" else "handshake_failure") in outcome.what


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_broker_that_was_refused_is_found_where_the_alert_is_open(stage: Stage, version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it trusts nobody
    context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    outcome = told(seen(listened(stage, version, context))).outcome
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == "client"
    assert "unknown_ca" in outcome.what, "OpenSSL sends it before it has its keys for sending"


def test_a_broker_that_was_refused_is_found_by_size_where_the_alert_is_sealed(stage: Stage) -> None:
    tap = listened(stage, "1.3")
    reading = Reading()
    for sender, data, at in tap.pieces[:2]:
        reading.receive_data(sender, data, at)
    reading.receive_data(Sender.CLIENT, b"\x17\x03\x03\0\x13" + bytes(19), 1.0)
    reading.end(Sender.CLIENT, 1.0)
    outcome = told(reading.conversation).outcome
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == "client"
    assert outcome.what.startswith("the client likely refused the broker: behind ServerHello")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_every_beginning_of_it_has_an_answer_that_does_not_say_too_much(stage: Stage, version: str) -> None:
    tap = listened(stage, version)
    for first in range(1, len(tap.pieces) + 1):
        conversation = seen(tap, first=first, ended=False)
        outcome = outcome_of_sealed(conversation, version=f"TLS {version}", after="")
        spoke = [one.sender for one in conversation.records if one.protected]
        if outcome is not None and outcome.kind is Kind.CONNECTED:
            assert Sender.SERVER in spoke[spoke.index(Sender.CLIENT) :], "the broker answered what was encrypted"
        assert told(conversation).outcome.what


def test_what_was_opened_is_not_guessed(stage: Stage) -> None:
    tap = listened(stage, "1.3")
    assert outcome_of_sealed(tap.conversation(), version="TLS 1.3", after="") is None
    assert outcome_of_sealed(Conversation(opened=False), version="", after="") is None
