"""TLS libraries that may be missing here."""

from __future__ import annotations

from collections.abc import Iterable

from running import leave_out
from sealmq.errors import MiddlewareError
from sealmq.tls.middleware import BOTH, Middleware, Version
from sealmq.tls.middlewares import find

PSK_LIBRARIES = ("wolfssl", "mbedtls-3.6", "mbedtls-2.28")
"""Those that have pre-shared keys."""


def middleware(name: str) -> Middleware:
    """That middleware. Without its library the test is left out; with SEALMQ_CI=1 it fails."""
    try:
        return find(name)
    except MiddlewareError as error:
        leave_out(f"{error.what}: {error.why}; {error.remedy}")


def able(names: Iterable[str], ability: str = "versions") -> list[tuple[str, Version]]:
    """Each of these middlewares with each TLS version in which it has the ability (a field of Abilities).

    One whose library is missing stands there with both, so that a test of it says so by `middleware`.
    """
    return [(name, version) for name in names for version in sorted(_versions(name, ability))]


def _versions(name: str, ability: str) -> frozenset[Version]:
    try:
        return getattr(find(name).abilities, ability)  # type: ignore[no-any-return]
    except MiddlewareError:
        return BOTH
