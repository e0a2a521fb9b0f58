"""Alerts: every one is here, in every library's spelling."""

from __future__ import annotations

import pytest

from sealmq.kit.codes import tls
from sealmq.kit.codes.code import Side
from sealmq.tls.alerts import ALERTS

BY_NAME = {code.name: code for code in tls.CODES}


def test_each_alert_is_here() -> None:
    assert {code.number: code.name for code in tls.CODES} == {number: alert.name for number, alert in ALERTS.items()}


@pytest.mark.parametrize("code", tls.CODES, ids=lambda code: code.name)
def test_each_has_causes_and_a_remedy(code: tls.Code) -> None:
    assert code.causes
    assert code.remedy
    assert code.fault.side in (Side.PRINTED_BY, Side.NOBODY)


def test_both_readings_of_unknown_ca_are_told() -> None:
    causes = BY_NAME["unknown_ca"].causes
    assert causes[0].startswith("if a device prints it: the broker does not trust")
    assert causes[1].startswith("if the broker's log has it: the device lacks the root")


def test_spellings() -> None:
    texts = BY_NAME["unknown_ca"].texts
    assert {"alert unknown ca", "alert: unknownca", "tls: unknown certificate authority", "unknown ca"} <= set(texts)
    assert "internal error" not in BY_NAME["internal_error"].texts  # everybody's words
