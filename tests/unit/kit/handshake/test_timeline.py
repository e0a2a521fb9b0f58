from __future__ import annotations

from sealmq.kit.dissect.conversation import ContentType, Conversation, Record, Sender
from sealmq.kit.handshake.certificates import read_certificate
from sealmq.kit.handshake.facts import Facts, find_facts
from sealmq.kit.handshake.flights import flight_of_each
from sealmq.kit.handshake.report import MessageRow, PacketRow
from sealmq.kit.handshake.timeline import MOST_ROWS, extension_rows, message_rows, record_rows
from sealmq.kit.handshake.words import Scene
from tapped import Stage, tapped


def told(conversation: Conversation, packets: tuple[PacketRow, ...] = ()) -> tuple[tuple[MessageRow, ...], Facts]:
    facts = find_facts(conversation)
    leaf = {sender: read_certificate(chain[0], 0) for sender, chain in facts.chains.items()}
    scene = Scene(facts.client_hello, facts.server_hello, leaf, facts.resumed, facts.asked is not None)
    return message_rows(conversation, facts, scene, flight_of_each(conversation), packets), facts


def test_each_message_has_its_row_with_its_bytes_taken_apart(stage: Stage):
    conversation = tapped(stage, "1.3").conversation()
    rows, _ = told(conversation)
    assert [row.number for row in rows] == list(range(len(conversation.messages)))
    for row, message in zip(rows, conversation.messages, strict=True):
        assert row.raw == message.body.hex()
        assert row.gap >= 0
        assert row.flight > 0
        if message.kind != ContentType.APPLICATION_DATA:
            assert row.fields
            assert max(field.offset + field.length for field in row.fields) == len(message.body)


def test_a_finished_that_does_not_fit_is_told(stage: Stage):
    conversation = tapped(stage, "1.3").conversation()
    facts = find_facts(conversation)
    first, second = (number for number, name in enumerate(facts.names) if name == "Finished")
    scene = Scene(facts.client_hello, facts.server_hello, {}, facts.resumed, True)
    rows = message_rows(conversation, facts, scene, flight_of_each(conversation), (), {first: True, second: False})
    assert "it is what it must be" in rows[first].paragraph
    assert "have not seen the same handshake" in rows[second].paragraph


def test_the_mqtt_inside_stands_where_it_was_sent(stage: Stage):
    packets = (
        PacketRow(sender=Sender.CLIENT, name="CONNECT", size=5, at=0.0, line="lets see"),
        PacketRow(sender=Sender.SERVER, name="CONNACK", size=4, at=0.0, line="welcome"),
        PacketRow(sender=Sender.SERVER, name="PUBLISH", size=3, at=0.0, line="a message"),
    )
    rows, _ = told(tapped(stage, "1.2").conversation(), packets)
    lines = [row.line for row in rows if row.name == "application data"]
    assert lines == ["CONNECT: lets see", "CONNACK: welcome; PUBLISH: a message"]


def test_records_say_what_they_carry(stage: Stage):
    conversation = tapped(stage, "1.3").conversation()
    rows = record_rows(conversation, find_facts(conversation))
    assert sum(row.length for row in rows) == sum(conversation.sent.values())
    certificate = next(row for row in rows if row.carries == "Certificate")
    assert certificate.protected
    assert certificate.content_type == "application data", "as everybody on the way sees it"
    assert rows[0].content_type == "handshake"


def test_what_nobody_could_open_is_told_as_that():
    sealed = Record(Sender.SERVER, 0, 23, 0x0303, 0, 100, 0.1, protected=True)
    odd = Record(Sender.SERVER, 1, 99, 0x0303, 105, 10, 0.1)
    rows = record_rows(Conversation(records=[sealed, odd]), Facts())
    assert [row.carries for row in rows] == ["encrypted, not opened", "type 99"]
    assert rows[1].content_type == "unknown"


def test_a_capture_of_days_is_cut_off():
    records = [Record(Sender.SERVER, number, 23, 0x0303, 0, 100, 0.1) for number in range(MOST_ROWS + 50)]
    assert len(record_rows(Conversation(records=records), Facts())) == MOST_ROWS


def test_extensions_stand_with_their_answers(stage: Stage):
    _, facts = told(tapped(stage, "1.3").conversation())
    rows = {row.name: row for row in extension_rows(facts)}
    assert "localhost" in (rows["server_name"].client or "")
    assert rows["supported_versions"].server == "TLS 1.3"
    assert rows["signature_algorithms"].server is None
    assert all(row.meaning for row in rows.values())
    assert extension_rows(Facts()) == ()
