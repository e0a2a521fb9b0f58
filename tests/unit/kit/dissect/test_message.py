"""Any message for people to look at: nothing is raised, and every byte is in a field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.fields import Field
from sealmq.kit.dissect.message import fields_of, name_of
from sealmq.tls.alerts import ALERTS
from tls_messages import all_fields, check_every_byte, message, tls12_messages, vector
from vectors.rfc8448 import TRACES

OPENSSL = [(Sender(sender), 22, one, 0x0303, 0xC02B) for sender, one in tls12_messages()]
RFC = [
    (Sender(step.sender), step.kind, one, 0x0304, 0x1301)
    for trace in TRACES
    for step in trace.steps
    for one in step.messages
    if step.kind != 23
]
VALID = OPENSSL + RFC


def last(fields: tuple[Field, ...]) -> Field:
    return list(all_fields(fields))[-1]


@pytest.mark.parametrize("row", VALID, ids=range(len(VALID)))
def test_every_byte_of_a_real_message_is_in_a_field(row: tuple[Sender, int, bytes, int, int]) -> None:
    sender, kind, body, version, suite = row
    fields = fields_of(kind, body, version=version, suite=suite, sender=sender)
    check_every_byte(body, fields)
    assert not any("cannot be" in one.name or "only a" in one.value for one in all_fields(fields))
    # whoever does not know the version yet sees the same
    assert fields_of(kind, body, version=None, suite=suite, sender=sender) == fields


@given(st.sampled_from(VALID), st.data())
def test_what_was_changed_is_shown_all_the_same(row: tuple[Sender, int, bytes, int, int], data: st.DataObject) -> None:
    sender, kind, body, version, suite = row
    changed = bytearray(body)
    changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(body)))
    for one in (bytes(changed), body[:end]):
        fields = fields_of(kind, one, version=version, suite=suite, sender=sender)
        assert all(part.value.isprintable() for part in all_fields(fields))
        assert not one or fields[-1].offset + fields[-1].length == len(one)


@given(
    st.integers(0, 255),
    st.one_of(st.binary(max_size=100), st.builds(message, st.integers(0, 255), st.binary(max_size=100))),
    st.sampled_from([None, 0x0301, 0x0303, 0x0304]),
    st.one_of(st.none(), st.integers(0, 0xFFFF)),
    st.sampled_from(Sender),
)
def test_nothing_is_raised(kind: int, body: bytes, version: int | None, suite: int | None, sender: Sender) -> None:
    for one in (kind, 22):
        fields = fields_of(one, body, version=version, suite=suite, sender=sender)
        assert not body or fields[-1].offset + fields[-1].length == len(body)
        assert name_of(one, body[0] if body else 0).isprintable()


def test_what_cannot_be_taken_apart_says_why() -> None:
    broken = message(11, vector(3, vector(3, b"certificate"), b"\x00\x00\x09"))
    fields = fields_of(22, broken, version=0x0303, suite=None, sender=Sender.SERVER)
    assert [one.name for one in fields] == ["msg_type", "length", "cannot be taken apart"]
    assert (fields[2].offset, fields[2].length) == (4, len(broken) - 4)
    assert fields[2].value == "cert_data says 9 bytes, and 0 are there"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_its_name(alert: int) -> None:
    fields = fields_of(21, bytes([2, alert]), version=None, suite=None, sender=Sender.CLIENT)
    assert [one.value for one in fields] == ["fatal", ALERTS[alert].name]


def test_alerts_that_are_none() -> None:
    fields = fields_of(21, b"\x07\xee", version=None, suite=None, sender=Sender.CLIENT)
    assert [one.value for one in fields] == ["unknown (0x07)", "unknown (238)"]
    assert last(fields_of(21, b"\x02", version=None, suite=None, sender=Sender.CLIENT)).name == "cannot be taken apart"
    longer = fields_of(21, b"\x02\x28\x00", version=None, suite=None, sender=Sender.CLIENT)
    assert last(longer).value == "the message has 1 bytes too many"


def test_what_only_the_other_end_may_send_is_said() -> None:
    hello = tls12_messages()[0][1]
    assert fields_of(22, hello, version=None, suite=None, sender=Sender.CLIENT)[0].value == "ClientHello"
    wrong = fields_of(22, hello, version=None, suite=None, sender=Sender.SERVER)
    assert wrong[0].value == "ClientHello (only a client may send it)"
    check_every_byte(hello, wrong)


def test_messages_that_are_not_known_are_bytes() -> None:
    fields = fields_of(22, message(99, b"abc"), version=0x0304, suite=None, sender=Sender.CLIENT)
    assert [(one.name, one.value) for one in fields][2:] == [("bytes", "616263")]
    assert fields_of(23, b"", version=0x0304, suite=None, sender=Sender.CLIENT) == ()


@pytest.mark.parametrize(
    ("kind", "type_", "name"),
    [
        (22, 1, "ClientHello"),
        (22, 8, "EncryptedExtensions"),
        (22, 20, "Finished"),
        (22, 99, "unknown (0x63)"),
        (21, 40, "Alert"),
        (20, 1, "ChangeCipherSpec"),
        (23, 0, "application data"),
        (24, 0, "Heartbeat"),
        (99, 0, "unknown (0x63)"),
    ],
)
def test_names(kind: int, type_: int, name: str) -> None:
    assert name_of(kind, type_) == name
