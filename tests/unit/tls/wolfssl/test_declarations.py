from __future__ import annotations

import re

from sealmq.tls.wolfssl.declarations import NEEDED, STRUCTURES, TYPES, WANTED
from wolfssl_here import library


def names(declarations: str) -> list[str]:
    return re.findall(r"\b(w\w+)\(", declarations)


def test_each_function_is_declared_once_and_the_library_has_what_is_needed() -> None:
    every = names(NEEDED) + names(WANTED)
    assert len(set(every)) == len(every)
    assert library().has(*names(NEEDED))
    for line in (NEEDED + WANTED).split("\n"):
        assert not line or re.fullmatch(r"[\w*() ,]+;", line), line


def test_what_no_library_has_is_not_there() -> None:
    assert not library().has("wolfSSL_no_such_thing")


def test_the_structure_has_the_size_of_its_four_numbers() -> None:
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(TYPES + STRUCTURES)
    assert ffi.sizeof("WOLFSSL_ALERT_HISTORY") == 16
