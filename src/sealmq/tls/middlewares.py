"""The middlewares by name: each is loaded when it is asked for, and says in words when it is not there.

Rule 1: what is asked for is what one gets, or MiddlewareError: nothing stands in for a library that is missing.
Rule 2: only the default is needed. The others come with extras, or from the system, and cost nothing unless chosen.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, cast

from sealmq.errors import MiddlewareError
from sealmq.tls.middleware import Middleware

DEFAULT: Final = "openssl"

NAMES: Final = ("openssl", "pyopenssl", "mbedtls", "wolfssl")
"""As configurations write them. "mbedtls" is Mbed TLS 3.6 where it was built, else 2.28."""

EXACT: Final = ("mbedtls-3.6", "mbedtls-2.28")
"""For who wants one of the two and no other."""

_WHERE: Final = {
    "openssl": "sealmq.tls.openssl_middleware",
    "pyopenssl": "sealmq.tls.pyopenssl.middleware",
    "mbedtls-3.6": "sealmq.tls.mbedtls3.middleware",
    "mbedtls-2.28": "sealmq.tls.mbedtls2.middleware",
    "wolfssl": "sealmq.tls.wolfssl.middleware",
}
"""Modules with a function `load() -> Middleware`, which raises MiddlewareError when the library is not as needed."""


@cache
def find(name: str = DEFAULT) -> Middleware:
    """The middleware of that name. Raises MiddlewareError when there is none, or its library is missing or too old."""
    if name == "mbedtls":
        return _mbedtls()
    if name not in _WHERE:
        nearest = difflib.get_close_matches(name, (*NAMES, *EXACT), n=1)
        raise MiddlewareError(
            f"there is no middleware {name!r}",
            why=f"known: {', '.join((*NAMES, *EXACT))}",
            remedy=f"did you mean {nearest[0]!r}?" if nearest else "sealmq middleware tells what each can do",
        )
    return cast(Callable[[], Middleware], import_module(_WHERE[name]).load)()


def _mbedtls() -> Middleware:
    """The newer where it is; it was built by hand, so who has it wants it."""
    try:
        return find("mbedtls-3.6")
    except MiddlewareError as newer:
        try:
            return find("mbedtls-2.28")
        except MiddlewareError as older:
            raise MiddlewareError(
                "Mbed TLS cannot be used here",
                why=f"{newer.what}; {older.what}",
                remedy=f"for TLS 1.3: {newer.remedy}; for TLS 1.2 alone: {older.remedy}",
            ) from older
