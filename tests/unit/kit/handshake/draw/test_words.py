"""Text that is safe to show, and numbers with units."""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from sealmq.kit.handshake.draw.words import (
    Purpose,
    encrypted_from,
    in_bytes,
    in_time,
    many,
    one_line,
    properties,
    purpose_of,
    summary,
    where,
)
from sealmq.kit.handshake.report import KeyExchange, Target


@given(st.text(), st.integers(1, 40))
def test_nothing_that_a_screen_obeys_is_left(text: str, most: int) -> None:
    shown = one_line(text, most)
    assert all(
        unicodedata.category(each)[0] != "C" and unicodedata.category(each) not in ("Zl", "Zp") for each in shown
    )
    shown.encode()


@pytest.mark.parametrize("text", reports.HOSTILE)
def test_hostile_text_becomes_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) == 1
    assert "\x1b" not in one_line(text)


def test_plain_words_stay_what_they_are() -> None:
    assert one_line("Grüße, 世界 (100 %)") == "Grüße, 世界 (100 %)"
    assert one_line("\x1b[31m\u202e\U000e0001") == "\\x1b[31m\\u202e\\U000e0001"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0.00 ms"),
        (0.000_031, "31 µs"),
        (0.003_72, "3.72 ms"),
        (0.127, "127 ms"),
        (2.5, "2.50 s"),
        (-0.001, "-1.00 ms"),
    ],
)
def test_times_have_a_unit_that_fits(seconds: float | None, text: str) -> None:
    assert in_time(seconds) == text


def test_numbers_have_their_word() -> None:
    assert in_bytes(1_234) == "1,234 B"
    assert (many(1, "record"), many(2, "record"), many(0, "flight")) == ("1 record", "2 records", "0 flights")


def test_whom_it_was_about() -> None:
    assert where(reports.good()) == "localhost:8883 (127.0.0.1)"
    assert where(dataclasses.replace(reports.good(), target=Target(host="::1", port=1, address="::1"))) == "[::1]:1"


def test_what_was_agreed() -> None:
    assert summary(reports.good()) == "TLS 1.3 · TLS_AES_256_GCM_SHA384 · X25519"
    assert summary(reports.unreachable()) == ""
    assert properties(reports.good()) == ["forward secret", "not post-quantum"]
    assert properties(reports.unreachable()) == []
    rsa = KeyExchange(
        kind="RSA", group="", client_bytes=256, server_bytes=0, forward_secret=False, post_quantum=False, sentence=""
    )
    agreed = dataclasses.replace(
        reports.good().negotiated, resumed=True, retried=True, alpn="mqtt", extended_master_secret=False
    )  # type: ignore[type-var]
    said = properties(dataclasses.replace(reports.good(), key_exchange=rsa, negotiated=agreed))
    assert said == [
        "NOT forward secret",
        "not post-quantum",
        "resumed",
        "retried (HelloRetryRequest)",
        "no extended master secret",
        "ALPN mqtt",
    ]


def test_encryption_begins_where_nothing_in_clear_follows() -> None:
    assert encrypted_from(reports.good().messages) == 3  # the client's ChangeCipherSpec behind it does not count
    assert encrypted_from(reports.classic().messages) == 10  # after the server's ticket, which is in clear
    assert encrypted_from(()) is None
    assert encrypted_from(reports.good().messages[:3]) is None


def test_each_message_has_a_purpose() -> None:
    told = {one.name: purpose_of(one) for report in (reports.good(), reports.classic()) for one in report.messages}
    assert Purpose.OTHER not in told.values()
    alert = dataclasses.replace(reports.good().messages[0], name="Alert unknown_ca")
    assert purpose_of(alert) is Purpose.ALERT
    assert purpose_of(dataclasses.replace(alert, name="unknown (99)")) is Purpose.OTHER
