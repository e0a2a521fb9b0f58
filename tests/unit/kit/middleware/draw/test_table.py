from __future__ import annotations

import io

import pytest
from rich.console import Console

from middleware_comparisons import comparison, full, measured
from sealmq.kit.middleware.comparing import Absent
from sealmq.kit.middleware.draw.table import sections, show
from sealmq.kit.middleware.recommend import recommend


def printed(width: int) -> list[str]:
    out = io.StringIO()
    show(full(), recommend(full()), Console(file=out, width=width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_too_long_and_no_name_is_broken(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    for name in ("openssl", "pyopenssl", "mbedtls-3.6", "mbedtls-2.28", "wolfssl"):
        assert sum(line.startswith(f" {name} ") for line in lines) >= 4


def test_each_library_has_its_line_in_each_table() -> None:
    found = {section.title: section for section in sections(full())}
    full_rows = found["Full handshakes, each library with itself, mutual"].rows
    assert len(full_rows) == 9
    assert full_rows[0] == ("openssl", "1.2", "0.90 ms ±10%", "1.20 ms ±10%", "1,200 B", "1,800 B", "4")
    assert len(found["Resumed handshakes"].rows) == 8
    by_psk = found["Full handshakes by a pre-shared key in place of certificates"].rows
    assert [row[:2] for row in by_psk] == [
        ("mbedtls-3.6", "1.2"), ("mbedtls-3.6", "1.3"), ("mbedtls-2.28", "1.2"), ("wolfssl", "1.2"), ("wolfssl", "1.3"),
    ]  # fmt: skip
    assert by_psk[0][4:6] == ("300 B", "450 B")
    beside = found["Full handshakes with openssl on the other side"].rows
    assert beside[0] == ("pyopenssl", "1.2", "0.80 ms", "1,200 B", "1,800 B", "0.75 ms", "1,200 B", "1,800 B")
    assert found["Memory of an idle connection"].rows[0] == ("openssl", "30.0 KiB", "20.0 KiB")
    assert ("cyclonessl", "1.2, 1.3", "sessions", "1.3", "off", "-", "-") in found[
        "What they can do, on both sides"
    ].rows


def test_a_table_without_a_line_is_left_out() -> None:
    titles = [section.title for section in sections(comparison(measured("openssl")))]
    assert not any("Cortex" in title for title in titles)
    assert not any("other side" in title and "openssl" in title for title in titles[2:4])


def test_who_is_not_here_and_what_failed_is_told() -> None:
    out = io.StringIO()
    absent = Absent("wolfssl", "libwolfssl is missing", "apt install libwolfssl35")
    shown = comparison(measured("openssl", notes=("it was busy",)), absent=(absent,))
    show(shown, recommend(shown), Console(file=out, width=100))
    assert "wolfssl was left out: libwolfssl is missing. Next: apt install libwolfssl35" in out.getvalue()
    assert "openssl: it was busy" in out.getvalue()
