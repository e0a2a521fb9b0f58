"""Every TLS library as client with every one as server, as docs/reference/middleware-matrix.md says.

A library that is not here is left out; with SEALMQ_CI=1 that is a failure. Where it is of another version than in the
file, nothing may fail, but another alert may be sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

import middleware_matrix
from middleware_material import material
from sealmq.errors import MiddlewareError
from sealmq.kit.middleware.comparing import ALL
from sealmq.kit.middleware.material import Material
from sealmq.kit.middleware.matrix import run_alone, run_pair
from sealmq.kit.middleware.outcome import Outcome, Result, count
from sealmq.kit.middleware.record import Record, record
from sealmq.tls.middleware import Middleware
from sealmq.tls.middlewares import find
from tls_pairs import Trust

pytestmark = pytest.mark.interop

WRITTEN = middleware_matrix.read()
NAMES = list(WRITTEN["middlewares"])


@pytest.fixture(scope="module")
def made(trust: Trust) -> Material:
    return material(trust)


def here(name: str) -> Middleware:
    """The middleware. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    try:
        return find(name)
    except MiddlewareError as error:
        words = f"{error.what}: {error.remedy}"
        if os.environ.get("SEALMQ_CI") == "1":
            pytest.fail(words)
        pytest.skip(words)


def expect(results: Iterable[Result], written: Record, *middlewares: Middleware) -> dict[Outcome, int]:
    """Nothing has failed, and where the libraries are those of the file, everything is as it says."""
    tried = list(results)
    failed = [f"{each.case} {each.version}: {each.why}" for each in tried if each.outcome is Outcome.FAILED]
    assert failed == []
    if all(WRITTEN["middlewares"][each.name] == middleware_matrix.describe(each) for each in middlewares):
        assert record(tried) == written
    return count(tried)


@pytest.mark.parametrize("server", NAMES)
@pytest.mark.parametrize("client", NAMES)
def test_a_pair(client: str, server: str, made: Material, record_property: pytest.RecordProperty) -> None:
    one, other = here(client), here(server)
    written = WRITTEN["pairs"][middleware_matrix.pair_name(client, server)]
    counted = expect(run_pair(one, other, made), written, one, other)
    assert counted[Outcome.REFUSED] > 0
    said = ", ".join(f"{number} {outcome}" for outcome, number in counted.items() if number)
    record_property("said", f"{one.abilities.title} -> {other.abilities.title}: {said}")


@pytest.mark.parametrize("name", NAMES)
def test_each_side_alone(name: str, made: Material) -> None:
    middleware = here(name)
    counted = expect(run_alone(middleware, made), WRITTEN["alone"][name], middleware)
    assert counted[Outcome.REFUSED] >= 20


def test_the_file_has_every_pair_and_nothing_that_failed() -> None:
    assert set(NAMES) <= set(ALL)
    assert len(WRITTEN["pairs"]) == len(NAMES) ** 2
    every = middleware_matrix.total([*WRITTEN["pairs"].values(), *WRITTEN["alone"].values()])
    assert every[Outcome.FAILED] == 0
    assert every[Outcome.PASSED] > len(NAMES) ** 2
