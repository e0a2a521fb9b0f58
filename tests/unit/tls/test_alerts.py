from __future__ import annotations

import ssl

import pytest

from sealmq.tls.alerts import ALERTS, BY_NAME, Alert


def test_every_alert_of_both_standards_is_there() -> None:
    """RFC 8446 section 6 and RFC 5246 section 7.2, reserved ones included; Python's list adds those of RFC 6066."""
    rfc_5246 = {0, 10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 90, 100, 110}
    rfc_8446 = {0, 10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 109, 110, 112, 113, 115}
    assert rfc_5246 | rfc_8446 | {116, 120} <= ALERTS.keys()
    assert {int(one) for one in ssl.AlertDescription} <= ALERTS.keys()


def test_names_are_pythons_names() -> None:
    for one in ssl.AlertDescription:
        expected = one.name.removeprefix("ALERT_DESCRIPTION_").lower().replace("user_cancelled", "user_canceled")
        assert ALERTS[int(one)].name == expected


@pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert.name)
def test_each_row_is_complete(alert: Alert) -> None:
    assert BY_NAME[alert.name] is alert
    texts = [alert.meaning, alert.sent.cause, alert.sent.remedy, alert.received.cause, alert.received.remedy]
    for text in texts:
        assert len(text) > 8
        assert not text.endswith(".")
        assert text[0].islower()


def test_no_number_or_name_is_given_twice() -> None:
    assert len(ALERTS) == len(BY_NAME)
    assert all(ALERTS[number].number == number for number in ALERTS)


def test_the_three_that_people_mix_up_read_differently() -> None:
    three = [BY_NAME[name] for name in ("certificate_revoked", "unknown_ca", "certificate_expired")]
    assert len({alert.meaning for alert in three}) == 3
    assert len({alert.sent.cause for alert in three}) == 3
    assert len({alert.received.cause for alert in three}) == 3
