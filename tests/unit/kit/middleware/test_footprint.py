from __future__ import annotations

from pathlib import Path

from sealmq.kit.middleware.footprint import NUMBERS, load, read

MEASURED = {
    "both": {
        "flash": 135_568, "ram_static": 33_464, "heap_peak": 16_768, "stack_peak": 2_700,
        "mbedtls_flash": 84_700, "lwip_flash": 44_000,
    },
    "1.2-small": {
        "flash": 108_576, "ram_static": 33_464, "heap_peak": 16_000, "stack_peak": 1_788, "mbedtls_flash": 57_000,
    },
}  # fmt: skip


def test_the_smallest_stands_first_and_the_library_is_found() -> None:
    small, large = read(MEASURED)
    assert (small.variant, large.variant) == ("1.2-small", "both")
    assert (large.library, large.library_flash) == ("mbedtls", 84_700)
    assert large.ram == 33_464 + 2_700
    assert (small.title, large.title) == ("TLS 1.2, small buffers", "TLS 1.2 and 1.3")


def test_nothing_measured_is_nothing_to_show(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == ()


def test_the_numbers_that_are_shipped_can_be_read() -> None:
    shipped = load(NUMBERS)
    assert len(shipped) >= 3
    assert all(0 < each.library_flash < each.flash for each in shipped)
    assert {each.library for each in shipped} == {"mbedtls"}
