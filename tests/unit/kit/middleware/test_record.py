from __future__ import annotations

from sealmq.kit.middleware.outcome import Outcome, Result
from sealmq.kit.middleware.record import outcome_of, record, words_of


def test_a_case_is_written_down_with_what_others_must_know() -> None:
    results = [
        Result("certificate", "TLSv1.2", "a", "b", Outcome.PASSED),
        Result("wrong-host", "TLSv1.2", "a", "b", Outcome.REFUSED, "words", "bad_certificate", "bad_certificate"),
        Result("wrong-host", "TLSv1.3", "a", "b", Outcome.REFUSED, "words", "bad_certificate", ""),
        Result("no-certificate", "TLSv1.2", "a", "b", Outcome.REFUSED, "words", "", ""),
        Result("psk", "TLSv1.3", "a", "b", Outcome.IMPOSSIBLE, "a has no PSK: none"),
        Result("psk", "TLSv1.2", "a", "b", Outcome.FAILED, "why"),
        Result("garbage", "TLSv1.2", "a", "", Outcome.REFUSED, "words", "decode_error"),
        Result("garbage", "TLSv1.2", "", "a", Outcome.REFUSED, "words", "decode_error"),
    ]
    written = record(results)
    assert written == {
        "certificate TLSv1.2": "passed",
        "wrong-host TLSv1.2": "refused: bad_certificate",
        "wrong-host TLSv1.3": "refused: bad_certificate, heard: no alert",
        "no-certificate TLSv1.2": "refused: no alert",
        "psk TLSv1.3": "not possible: a has no PSK: none",
        "psk TLSv1.2": "failed: why",
        "garbage TLSv1.2 client": "refused",
        "garbage TLSv1.2 server": "refused",
    }
    assert [outcome_of(value) for value in written.values()] == [each.outcome for each in results]
    assert words_of(written["psk TLSv1.3"]) == "a has no PSK: none"
    assert words_of("passed") == ""
