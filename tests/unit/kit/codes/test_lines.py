"""Lines of code: each is for a fault and a library that exist, and none turns a check off."""

from __future__ import annotations

import re

from sealmq.kit.codes.catalog import LIBRARIES, catalog
from sealmq.kit.codes.lines import LINES
from sealmq.kit.codes.table import FAULTS

WEAKENING = re.compile(r"VERIFY_NONE|CERT_NONE|setInsecure|insecure|skip_cert|VERIFY_OPTIONAL|rejectUnauthorized", re.I)


def test_each_line_is_for_a_fault_and_a_library_that_exist() -> None:
    for fault, lines in LINES.items():
        assert fault in FAULTS
        assert set(lines) <= set(LIBRARIES)
        assert all(lines.values())


def test_no_line_turns_a_check_off() -> None:
    assert not [line for lines in LINES.values() for line in lines.values() if WEAKENING.search(line)]


def test_lines_reach_the_codes() -> None:
    untrusted = {code.library for code in catalog().codes if code.fault.name == "untrusted" and code.line}
    assert {"mbedtls", "wolfssl", "bearssl", "node", "go", "java", "mbedtls-flags"} - untrusted <= {"mbedtls-flags"}
