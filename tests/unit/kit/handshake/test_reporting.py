from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sealmq.errors import TrustError
from sealmq.kit.dissect.conversation import Conversation, Record, Sender
from sealmq.kit.handshake.contexts import Credentials
from sealmq.kit.handshake.dial import Call, Seen
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.report import Kind, Outcome, Report, Target, Timing
from sealmq.kit.handshake.reporting import Looked, meta_of, report_of, report_of_call
from sealmq.kit.handshake.timeline import MOST_ROWS
from sealmq.mqtt.packets import ConnAck, Connect, PingReq
from sealmq.mqtt.writer import write_packet
from tapped import Stage, tapped

WELL = Outcome(kind=Kind.CONNECTED, what="well")


def reported(conversation: Conversation, outcome: Outcome = WELL, **more: object) -> Report:
    given = {
        "target": Target(host="localhost", port=8883),
        "meta": meta_of("capture", 1.8e9),
        "timing": Timing(tcp=None, handshake=None, connack=None),
        "conversation": conversation,
        "facts": find_facts(conversation),
        "outcome": outcome,
        "now": 1.8e9,
    }
    return report_of(Looked(**(given | more)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mutual(stage: Stage) -> Conversation:
    return tapped(stage, "1.3").conversation()


@pytest.fixture(scope="module")
def alone(stage: Stage) -> Conversation:
    return tapped(stage, "1.2", mutual=False).conversation()


def let_in(conversation: Conversation) -> Conversation:
    """The same, with a CONNECT and a CONNACK in it."""
    inside = {Sender.CLIENT: write_packet(Connect(client_id="a-1"), 5), Sender.SERVER: write_packet(ConnAck(), 5)}
    return replace(conversation, application=inside)


def refused(alert: str, by: str = "server") -> Outcome:
    return Outcome(kind=Kind.REFUSED, what="no", by=by, alert=alert)


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (WELL, "accepted"),
        (refused("unknown_ca"), "refused"),
        (refused("certificate_revoked"), "refused"),
        (refused("internal_error"), "unknown"),
        (refused("unknown_ca", by="client"), "unknown"),
    ],
)
def test_whether_the_client_was_accepted_the_end_decides(mutual: Conversation, outcome: Outcome, result: str):
    client = reported(let_in(mutual), outcome).client_authentication
    assert client is not None
    assert client.asked
    assert client.result == result
    assert client.sentence


def test_who_shows_nothing_is_told_apart(mutual: Conversation):
    empty = [
        replace(one, body=b"\x0b\0\0\4\0\0\0\0") if one.sender is Sender.CLIENT and one.type == 11 else one
        for one in mutual.messages
    ]
    for outcome, result in ((WELL, "nothing shown"), (refused("certificate_required"), "refused")):
        client = reported(let_in(replace(mutual, messages=empty)), outcome).client_authentication
        assert client is not None
        assert client.result == result


def test_who_was_not_asked_is_told_so(alone: Conversation):
    client = reported(alone).client_authentication
    assert client is not None
    assert client.result == "not asked"
    assert reported(Conversation()).client_authentication is None


def test_the_server_is_judged_by_who_was_given(stage: Stage, alone: Conversation):
    now = stage.broker.certificate.not_valid_before_utc.timestamp() + 60
    good = reported(alone, authorities=stage.root_ca.pem, name="localhost", now=now)
    assert good.chain is not None
    assert good.chain.trusted is True
    other = reported(alone, authorities=stage.device_ca.pem, name="localhost")
    assert other.chain is not None
    assert other.chain.trusted is False
    assert reported(alone).chain.trusted is None  # type: ignore[union-attr]


def test_a_list_of_revoked_certificates_is_looked_at(stage: Stage, alone: Conversation):
    for crl, verdict in ((stage.server_ca.crl(), "ok"), (stage.server_ca.crl([stage.broker]), "bad")):
        chain = reported(alone, authorities=stage.root_ca.pem, name="localhost", crl=crl, now=time.time()).chain
        assert chain is not None
        assert [str(rule.verdict) for rule in chain.rules if rule.id == "revocation"] == [verdict]


def test_the_mqtt_of_others_is_told_when_it_was_sent(mutual: Conversation):
    inside = {
        Sender.CLIENT: write_packet(Connect(client_id="a-1"), 5) + write_packet(PingReq(), 5),
        Sender.SERVER: write_packet(ConnAck(), 5),
    }
    report = reported(replace(mutual, application=inside))
    assert sorted(row.name for row in report.mqtt) == ["CONNACK", "CONNECT", "PINGREQ"]
    times = [row.at for row in report.mqtt]
    assert times == sorted(times)
    assert reported(replace(mutual, application={Sender.CLIENT: b"GET /", Sender.SERVER: b""})).mqtt == ()


def test_an_empty_conversation_is_a_short_report():
    report = reported(Conversation())
    assert report.messages == report.records == report.steps == report.eavesdropper == ()
    assert report.cost is report.negotiated is report.fingerprint is None


def test_a_file_that_went_away_is_told(tmp_path: Path):
    call = Call(host="a", port=1, credentials=Credentials(tmp_path / "none.pem"))
    with pytest.raises(TrustError, match=r"none\.pem cannot be read"):
        report_of_call(Seen(call, 0.0), WELL, find_facts(Conversation()), now=0.0)


def test_nobody_is_accepted_without_connack_in_tls_1_3(mutual: Conversation):
    client = reported(replace(mutual, application=dict.fromkeys(Sender, b""))).client_authentication
    assert client is not None
    assert client.result == "unknown", "a server of TLS 1.3 looks at the certificate when the client has finished"


def test_in_tls_1_2_the_end_of_the_handshake_accepts_and_nothing_else_is_said(stage: Stage):
    conversation = tapped(stage, "1.2").conversation()
    client = reported(replace(conversation, application=dict.fromkeys(Sender, b""))).client_authentication
    assert client is not None
    assert client.result == "accepted"
    assert "CONNACK" not in client.sentence


def test_what_the_library_refused_is_never_called_trusted(stage: Stage, alone: Conversation):
    now = stage.broker.certificate.not_valid_before_utc.timestamp() + 60
    given = {"authorities": stage.root_ca.pem, "name": "localhost", "now": now}
    report = reported(alone, **given, refused="some rule \x1b[31mof its own")
    assert report.chain is not None
    assert report.chain.trusted is False
    assert report.chain.sentence.startswith("The client's TLS library refused it: some rule \\x1b[31mof its own")


def test_a_chain_without_its_key_is_not_called_trusted(stage: Stage, mutual: Conversation):
    now = stage.broker.certificate.not_valid_before_utc.timestamp() + 60
    messages = [
        replace(one, body=one.body[:-1] + bytes([one.body[-1] ^ 1]))
        if (one.sender, one.kind, one.type) == (Sender.SERVER, 22, 15)
        else one
        for one in mutual.messages
    ]
    for said, trusted in ((mutual.messages, True), (messages, False)):
        given = {"authorities": stage.root_ca.pem, "name": "localhost", "now": now}
        report = reported(replace(mutual, messages=said), **given)
        assert report.chain is not None
        assert report.chain.trusted is trusted


def test_ends_that_speak_in_turn_for_days_have_a_bounded_report(alone: Conversation):
    many = [
        Record(list(Sender)[number % 2], number, 23, 0x0303, 0, 20, 0.001 * number, protected=True)
        for number in range(5_000)
    ]
    report = reported(replace(alone, records=many, messages=[]))
    assert len(report.flights) == len(report.records) == MOST_ROWS
