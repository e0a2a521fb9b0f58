"""The diagram in Mermaid's language: every line is a statement of ours, whatever a stranger wrote."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from sealmq.kit.handshake.draw.mermaid import MOST_MESSAGES, draw_mermaid, quoted

TEXT = r"(?:[^\W]|[ .,\-_()'/+*=?!🔒✓✗…]|#\d+;|<br/>)+"
STATEMENTS = re.compile(
    rf"    (?:accTitle: {TEXT}|accDescr: {TEXT}|participant [CS] as {TEXT}|rect rgba\(21, 128, 61, 0\.10\)|end"
    rf"|Note (?:over C,S|left of C|right of S): {TEXT}|[CS](?:->>|-->>|-x)[CS]: {TEXT})"
)


def check(text: str) -> None:
    first, *lines = text.split("\n")
    assert first == "sequenceDiagram"
    assert lines.pop() == ""
    for line in lines:
        assert STATEMENTS.fullmatch(line), line
    assert sum(line.strip().startswith("rect") for line in lines) == sum(line.strip() == "end" for line in lines) <= 1


@pytest.mark.parametrize("name", reports.samples())
def test_every_line_is_a_statement(name: str) -> None:
    check(draw_mermaid(reports.samples()[name]))


def test_each_message_is_an_arrow_dotted_where_encrypted() -> None:
    lines = draw_mermaid(reports.good()).splitlines()
    assert "    C->>S: ClientHello, 150 B, 0.61 ms" in lines
    assert "    S-->>C: Certificate 🔒, 1,102 B, 2.01 ms" in lines
    assert "    Note right of S: chooses TLS 1.3 and AES-256-GCM, sends<br/>its half of the key" in lines
    assert sum(bool(re.match(r"    [CS]-+>>", line)) for line in lines) == len(reports.good().messages)
    place = next(place for place, line in enumerate(lines) if "from here on encrypted" in line)
    assert "EncryptedExtensions" in lines[place + 1]


def test_how_it_ended_is_the_last_note() -> None:
    assert (
        draw_mermaid(reports.refused())
        .splitlines()[-1]
        .startswith("    Note over C,S: to do, sealmq device add sensor-1")
    )
    assert "C-xS: no TLS message was seen" in draw_mermaid(reports.unreachable())


@given(st.text(max_size=200))
def test_any_text_is_no_more_than_text(words: str) -> None:
    report = reports.refused()
    message = dataclasses.replace(report.messages[0], name=words, line=words)
    outcome = dataclasses.replace(report.outcome, what=words, why=words, remedy=words)
    check(draw_mermaid(dataclasses.replace(report, messages=(message,), outcome=outcome)))


def test_marks_that_mermaid_reads_are_references() -> None:
    assert quoted("a; b: #c %%{x}") == "a#59; b#58; #35;c #37;#37;#123;x#125;"
    assert quoted("<br>\n") == "#60;br#62;#92;x0a"
    assert quoted("") == quoted("  ") == "-"


def test_very_many_messages_are_bounded() -> None:
    text = draw_mermaid(reports.hostile(10_000))
    assert f"{10_000 - MOST_MESSAGES:,} more messages not drawn" in text
    assert len(text) < 200_000
