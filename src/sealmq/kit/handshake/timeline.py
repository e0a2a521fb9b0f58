"""The rows of a report that come straight from the wire: records, messages, extensions."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender
from sealmq.kit.dissect.extensions import meaning_of
from sealmq.kit.dissect.fields import Field
from sealmq.kit.dissect.message import fields_of
from sealmq.kit.dissect.registry import tell_extension
from sealmq.kit.handshake.facts import Facts
from sealmq.kit.handshake.report import ExtensionRow, MessageRow, PacketRow, RecordRow
from sealmq.kit.handshake.steps import steps_of_message
from sealmq.kit.handshake.words import Scene, tell

MOST_ROWS: Final = 1_000
"""Messages and records that are told: a capture may hold days."""

_HEADER: Final = 5
_FITS: Final = " Worked out anew from the keys, it is what it must be."
_DOES_NOT_FIT: Final = " Worked out anew from the keys, it is another: the two have not seen the same handshake."
_KINDS = {
    ContentType.CHANGE_CIPHER_SPEC: "ChangeCipherSpec",
    ContentType.ALERT: "alert",
    ContentType.HANDSHAKE: "handshake",
    ContentType.APPLICATION_DATA: "application data",
    ContentType.HEARTBEAT: "heartbeat",
}


def message_rows(
    conversation: Conversation,
    facts: Facts,
    scene: Scene,
    flight_of: Sequence[int],
    packets: Sequence[PacketRow] = (),
    finished: Mapping[int, bool] = MappingProxyType({}),
) -> tuple[MessageRow, ...]:
    """Every message, told.

    flight_of: the number of the flight of each message. packets: the MQTT inside, in the order of each end.
    finished:  whether a Finished is what the secrets make of the handshake, where they are known.
    """
    contents = {record.number: record.content or 0 for record in conversation.records}
    inside = {sender: deque(one for one in packets if one.sender is sender) for sender in Sender}
    rows, before = [], 0.0
    for message, name, flight in zip(conversation.messages[:MOST_ROWS], facts.names, flight_of, strict=False):
        line, paragraph = tell(message, name, scene)
        if message.number in finished:
            paragraph += _FITS if finished[message.number] else _DOES_NOT_FIT
        if message.kind == ContentType.APPLICATION_DATA:
            size = sum(contents[number] for number in message.records)
            line = _inside(inside[message.sender], size) or line
        rows.append(
            MessageRow(
                number=message.number,
                sender=message.sender,
                name=name,
                size=len(message.body) or sum(contents[number] for number in message.records),
                at=message.at,
                gap=max(message.at - before, 0.0),
                protected=message.protected,
                records=message.records,
                flight=flight,
                steps=steps_of_message(message.sender, name, tls13=facts.tls13),
                line=line,
                paragraph=paragraph,
                fields=_fields(message, facts),
                raw=message.body.hex(),
            )
        )
        before = message.at
    return tuple(rows) if conversation.opened else _with_sealed(rows, conversation)


def _with_sealed(rows: Sequence[MessageRow], conversation: Conversation) -> tuple[MessageRow, ...]:
    """The rows, and one for each record that could not be opened, in the order of the records; numbered anew."""
    told = {number for row in rows for number in row.records}
    every = [*rows, *(_sealed(each) for each in conversation.records if each.protected and each.number not in told)]
    every.sort(key=lambda row: row.records[-1] if row.records else 0)
    before, numbered = 0.0, []
    for number, row in enumerate(every[:MOST_ROWS]):
        numbered.append(replace(row, number=number, gap=max(row.at - before, 0.0)))
        before = row.at
    return tuple(numbered)


def _sealed(record: Record) -> MessageRow:
    kind = record.inner_type
    inside = f"{_KINDS[ContentType(kind)]}, " if kind in set(ContentType) else ""
    return MessageRow(
        number=0,
        sender=record.sender,
        name="encrypted record",
        size=record.length,
        at=record.at,
        gap=0.0,
        protected=True,
        records=(record.number,),
        flight=0,
        steps=(),
        line=f"{inside}{record.length:,} bytes that only the two ends can read",
        paragraph="With the client's key log (SSLKEYLOGFILE, --keylog) it could be opened here.",
    )


def _inside(waiting: deque[PacketRow], size: int) -> str:
    """The MQTT packets that begin in `size` bytes of application data; "" where nobody knows them."""
    told = []
    while waiting and size > 0:
        packet = waiting.popleft()
        told.append(f"{packet.name}: {packet.line}")
        size -= packet.size
    return "; ".join(told[:4])


def _fields(message: Message, facts: Facts) -> tuple[Field, ...]:
    if message.kind == ContentType.APPLICATION_DATA:
        return ()
    return fields_of(
        message.kind, message.body, version=facts.version or None, suite=facts.suite or None, sender=message.sender
    )


def record_rows(conversation: Conversation, facts: Facts) -> tuple[RecordRow, ...]:
    """Every record, with what it carries as far as it is known."""
    carried: dict[int, list[str]] = {}
    for message, name in zip(conversation.messages, facts.names, strict=False):
        for number in message.records:
            part = "" if len(message.records) == 1 else " (a part)"
            carried.setdefault(number, []).append(name + part)
    return tuple(_record_row(record, carried) for record in conversation.records[:MOST_ROWS])


def _record_row(record: Record, carried: dict[int, list[str]]) -> RecordRow:
    if record.number in carried:
        carries = ", ".join(carried[record.number])
    elif record.protected and record.inner_type is None:
        carries = "encrypted, not opened"
    else:
        kind = record.inner_type or record.content_type
        carries = _KINDS.get(ContentType(kind), str(kind)) if kind in set(ContentType) else f"type {kind}"
    return RecordRow(
        number=record.number,
        sender=record.sender,
        at=record.at,
        length=record.length + _HEADER,
        protected=record.protected,
        content_type=_KINDS[ContentType(record.content_type)] if record.content_type in set(ContentType) else "unknown",
        carries=carries,
    )


def extension_rows(facts: Facts) -> tuple[ExtensionRow, ...]:
    """What the client offered, in its order, each with the server's answer; then what the server alone sent."""
    offered = facts.client_hello.extensions if facts.client_hello is not None else ()
    answers = {extension.code: extension.value for extension in facts.answers}
    rows = [_extension_row(one.code, one.value, answers.pop(one.code, None)) for one in offered]
    rows += [_extension_row(code, None, value) for code, value in answers.items()]
    return tuple(rows)


def _extension_row(code: int, client: str | None, server: str | None) -> ExtensionRow:
    return ExtensionRow(code=code, name=tell_extension(code), client=client, server=server, meaning=meaning_of(code))
