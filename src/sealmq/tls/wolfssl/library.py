"""The system's libwolfssl: found, opened, and asked who it is.

Rule 1: it is called through cffi by the prototypes of declarations.py, without a compiler. What a build lacks is found
        by looking each name up, never by what a version is said to have.
Rule 2: it is initialised once and never cleaned up: at the end of a program objects of connections may still be there
        to be freed, and wolfSSL_Cleanup before that pulls the ground from under them. The system takes it all back.
Rule 3: nothing of it is linked into SealMQ or comes with it: wolfSSL is under the GPL, or paid for.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from sealmq.errors import MiddlewareError
from sealmq.tls.wolfssl.declarations import NEEDED, STRUCTURES, SUCCESS, TYPES, WANTED

OLDEST: Final = (5, 5, 0)
"""Debian 12 has 5.5.4. What is older has not been tried, and gets no more repairs."""

GPL_3: Final = (5, 8, 2)
"""The first version under GPL-3.0-or-later; those before are under GPL-2.0-or-later (its ChangeLog)."""

NUMBERS: Final = range(60, 34, -1)
"""Of libwolfssl.so.N, the newest first: 35 is 5.5, 42 is 5.7.2, 44 is 5.8 and 45 is 5.9.2."""

INSTALL: Final = "apt install libwolfssl35 (Debian 12), apt install libwolfssl42 (Debian 13), or your system's wolfSSL"


class Library:
    """libwolfssl as it was loaded.

    ffi:     makes C's values.
    lib:     its functions by their C names.
    version: (major, minor, patch).
    """

    def __init__(self, ffi: Any, lib: Any) -> None:
        """Raises MiddlewareError when it is not as needed."""
        self.ffi = ffi
        self.lib = lib
        lacking = [name for name in _names(NEEDED) if not self.has(name)]
        if lacking:
            raise MiddlewareError(
                "the wolfSSL that is installed cannot be used",
                why=f"it was built without {', '.join(lacking[:3])}{' and more' if lacking[3:] else ''}",
                remedy=INSTALL,
            )
        number = lib.wolfSSL_lib_version_hex()  # 0x05005004 is 5.5.4
        self.version = (number >> 24 & 0xFF, number >> 12 & 0xFFF, number & 0xFFF)
        if self.version < OLDEST:
            raise MiddlewareError(
                f"wolfSSL {self.text} is too old",
                why=f"{'.'.join(map(str, OLDEST))} is the oldest that was tried here",
                remedy=INSTALL,
            )
        if lib.wolfSSL_Init() != SUCCESS:
            raise MiddlewareError("wolfSSL could not be initialised", remedy=INSTALL)

    @property
    def text(self) -> str:
        """Its version, in its own words: "5.5.4"."""
        return str(self.ffi.string(self.lib.wolfSSL_lib_version()).decode("ascii", "replace"))

    @property
    def licence(self) -> str:
        """SPDX expression. wolfSSL Inc. sells another one, under which closed products may carry it."""
        return "GPL-3.0-or-later" if self.version >= GPL_3 else "GPL-2.0-or-later"

    def has(self, *names: str) -> bool:
        """Are all these functions there?"""
        return all(hasattr(self.lib, name) for name in names)


@cache
def loaded() -> Library:
    """The newest libwolfssl of this system. Raises MiddlewareError when there is none that can be used."""
    try:
        from cffi import FFI

        ffi = FFI()
        ffi.cdef(TYPES + STRUCTURES + NEEDED + WANTED)
    except Exception as error:  # it may be missing, or its C half be missing or of another version
        raise MiddlewareError(
            "cffi cannot be used, which wolfSSL is called through",
            why=str(error),
            remedy='pip install "sealmq[wolfssl]"',
        ) from error
    return Library(ffi, _opened(ffi))


def _opened(ffi: Any) -> Any:
    """The library; the error tells a file that is missing from one that is broken."""
    for name in [*(f"libwolfssl.so.{number}" for number in NUMBERS), "libwolfssl.so", "libwolfssl.dylib"]:
        try:
            return ffi.dlopen(name)
        except OSError as error:
            if "No such file" not in str(error) and "no such file" not in str(error):
                raise MiddlewareError(
                    f"{name} is installed, but cannot be loaded",
                    why=str(error).removeprefix(f"cannot load library '{name}': ").split(".  ")[0],
                    remedy=f"install it again: {INSTALL}",
                ) from error
    raise MiddlewareError("wolfSSL is not installed here", why="there is no libwolfssl.so", remedy=INSTALL)


def _names(declarations: str) -> list[str]:
    """The functions that are declared there."""
    return re.findall(r"\b(w\w+)\(", declarations)
