"""OpenSSL's reasons: those that the broker explains are here, and so is every one that Python can name."""

from __future__ import annotations

import _ssl

import pytest

from sealmq.kit.codes.openssl_reasons import ALERTS_FROM, REASONS
from sealmq.tls.refusals import REASONS as REFUSALS

SSL = 20
_CODES: dict[tuple[int, int], str] = getattr(_ssl, "err_codes_to_names", {})
NAMES = {code.name.removeprefix("SSL_R_") for (part, _), code in REASONS.items() if part == "SSL"}


def test_each_reason_that_the_broker_explains_is_here() -> None:
    assert set(REFUSALS) <= NAMES


@pytest.mark.skipif(not _CODES, reason="from Python 3.13 on, ssl does not show its table")
def test_what_python_calls_a_reason_is_what_we_call_it() -> None:
    known = {reason: name for (part, reason), name in _CODES.items() if part == SSL and reason < ALERTS_FROM}
    ours = {reason: code.name.removeprefix("SSL_R_") for (part, reason), code in REASONS.items() if part == "SSL"}
    common = set(known) & set(ours)
    assert len(common) > 150
    assert {reason: ours[reason] for reason in common} == {reason: known[reason] for reason in common}


def test_a_reason_without_a_sentence_of_its_own_has_its_words() -> None:
    code = REASONS["SSL", 100]
    assert code.name == "SSL_R_APP_DATA_IN_HANDSHAKE"
    assert code.meaning == "OpenSSL's own words: app data in handshake"
    assert code.texts == ("app data in handshake",)


def test_words_that_are_everybodys_are_not_taken_alone() -> None:
    assert REASONS["SSL", 159].texts == ("routines::length mismatch",)
