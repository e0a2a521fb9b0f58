"""docs/reference/error-codes.md: what `sealmq explain` knows, a table for each library."""

from __future__ import annotations

from sealmq.kit.codes.catalog import LIBRARIES, catalog
from sealmq.kit.codes.code import Code


def page() -> str:
    """All tables, in the order of the catalog."""
    by_library: dict[str, list[Code]] = {}
    for code in catalog().codes:
        by_library.setdefault(code.library, []).append(code)
    total = sum(len(codes) for codes in by_library.values())
    lines = [
        "# Error codes",
        "",
        "Generated from `src/sealmq/kit/codes/` by `docs/generate.py`: change them there, not this page.",
        "",
        f"What `sealmq explain` knows: {total:,} numbers and sentences of {len(by_library)} libraries and programs. It "
        "says the likely causes too, and what mends each, on the device and at the broker:",
        "",
        "    sealmq explain -0x2700",
        "    sealmq explain 'tlsv1 alert unknown ca'",
        "    sealmq explain --from wolfssl -188",
        "    tail -1 device.log | sealmq explain -",
    ]
    for library, codes in by_library.items():
        lines += ["", f"## {LIBRARIES[library]}", "", f"`--from {library}`", "", "| number | name | what it says |"]
        lines += ["| --- | --- | --- |", *(_row(code) for code in codes)]
    return "\n".join(lines) + "\n"


def _row(code: Code) -> str:
    number = "" if code.number is None else _number(code)
    return f"| {number} | {_plain(code.name)} | {_plain(code.meaning)}{f' ({code.version})' if code.version else ''} |"


def _number(code: Code) -> str:
    assert code.number is not None
    if code.library in ("mbedtls", "mbedtls-flags", "esp-idf"):
        sign = "-" if code.number < 0 else ""
        return f"{sign}0x{abs(code.number):04x} ({code.number})"
    return str(code.number)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("\n", " ")
