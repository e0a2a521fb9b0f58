"""A client does not write our log."""

from __future__ import annotations

import logging

import pytest

from outboxes import session
from sealmq.broker.complaints import is_told, tell_refusal


def test_the_first_few_are_told_and_then_every_tenfold() -> None:
    assert [count for count in range(1, 20_000) if is_told(count)] == [1, 2, 3, 10, 100, 1_000, 10_000]


def test_each_session_has_a_count_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sealmq.broker")
    one, two = session("one"), session("two")
    for number in range(1_000):
        tell_refusal(one, "publish to", f"t/{number}", "no rule allows it")
    tell_refusal(two, "subscribe to", "a", "no rule allows it")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 7
    assert lines[0] == "one (client 'client') may not publish to 't/0': no rule allows it"
    assert lines[2].endswith("(refusal number 3 of this session; of those that follow, only every tenfold is told)")
    assert "'t/999'" in lines[5]
    assert "refusal number 1,000 " in lines[5]
    assert lines[6] == "two (client 'client') may not subscribe to 'a': no rule allows it"
