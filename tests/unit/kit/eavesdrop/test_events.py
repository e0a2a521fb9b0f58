"""What is printed of what strangers wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.events import Event, excerpt


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"ON", "'ON'"),
        (b"", "''"),
        (b"\x00\xff", "00ff"),
        ("größer".encode(), "'größer'"),
        (b"\x1b[31mred", "1b5b33316d726564"),
        ("a\u202eb", "'a\\u202eb'"),
        ("a\x1b[2J", "'a\\x1b[2J'"),
    ],
)
def test_an_excerpt_is_text_where_it_can_be_printed(data: bytes | str, shown: str) -> None:
    assert excerpt(data) == shown


def test_an_excerpt_is_cut_between_characters() -> None:
    assert excerpt("aé".encode() * 30, 5) == "'aéa...'"


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.integers(1, 80))
def test_whatever_it_is_it_can_be_printed(data: bytes | str, most: int) -> None:
    shown = excerpt(data, most)
    assert shown.isprintable()
    assert len(shown) <= 10 * most + 8


def test_an_event_is_a_line_of_json() -> None:
    event = Event(connection=1, at=0.5, sender=Sender.CLIENT, name="CONNECT", line="x", details=(("a", "b"),))
    assert json.loads(json.dumps(event.as_json())) == {
        "event": "CONNECT", "connection": 1, "at": 0.5, "sender": "client", "line": "x", "details": {"a": "b"},
    }  # fmt: skip
    assert Event(connection=1, at=0, sender=None, name="opened", line="x").as_json()["sender"] is None
