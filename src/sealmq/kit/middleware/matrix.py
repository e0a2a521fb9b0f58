"""Every middleware as client with every middleware as server, and each side alone: everything that can be tried.

for result in run_pair(client, server, material): ...
for result in run_alone(middleware, material): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealmq.kit.middleware.cases import WAYS, try_way
from sealmq.kit.middleware.material import Material
from sealmq.kit.middleware.outcome import Result
from sealmq.kit.middleware.refusing import REFUSALS, try_refusal
from sealmq.kit.middleware.strangers import STRANGERS, try_stranger
from sealmq.tls.middleware import TLS12, TLS13, Middleware, Version

VERSIONS: Final[tuple[Version, ...]] = (TLS12, TLS13)


def run_pair(client: Middleware, server: Middleware, material: Material) -> Iterator[Result]:
    """Every way that must work and every case that must be refused, one after the other."""
    for way in WAYS:
        yield try_way(way, client, server, material)
    for refusal in REFUSALS:
        for version in VERSIONS:
            yield try_refusal(refusal, version, client, server, material)


def run_alone(middleware: Middleware, material: Material) -> Iterator[Result]:
    """What comes to a client of this middleware and to a server of it, from nobody who speaks TLS."""
    for stranger in STRANGERS:
        for version in VERSIONS:
            for is_server in (False, True):
                yield try_stranger(stranger, version, middleware, material, is_server=is_server)
