from __future__ import annotations

from sealmq.kit.middleware.draw.words import (
    bytes_of,
    count_of,
    in_time,
    kib_of,
    rate_of,
    sum_of,
    time_of,
    version_of,
    versions_of,
)
from sealmq.kit.middleware.spread import Spread
from sealmq.tls.middleware import BOTH, TLS13


def test_figures_in_words() -> None:
    spread = Spread(0.00119, 0.0011, 0.0013, 9)
    assert time_of(spread) == "1.19 ms ±8%"
    assert bytes_of(Spread(1197.5, 1, 2, 2)) == "1,198 B"
    assert [in_time(each) for each in (0.0115, 0.25, 0.00031, 73e-6)] == ["11.5 ms", "250 ms", "0.31 ms", "73 µs"]
    assert (rate_of(1_154_000_000), rate_of(6_440_000)) == ("1,154 MB/s", "6.4 MB/s")
    assert (count_of(282_413), count_of(812.4), count_of(7.0)) == ("282,000/s", "812/s", "7/s")
    assert kib_of(24_883) == "24.3 KiB"
    assert (version_of(TLS13), versions_of(BOTH), versions_of([])) == ("1.3", "1.2, 1.3", "no")


def test_what_was_not_measured_is_no_zero() -> None:
    assert {time_of(None), bytes_of(None), rate_of(None), count_of(None), kib_of(None)} == {"-"}


def test_a_unit_is_said_once() -> None:
    assert sum_of("0.90 ms", "1.20 ms") == "0.90 + 1.20 ms"
    assert sum_of("90 µs", "1.20 ms") == "90 µs + 1.20 ms"
