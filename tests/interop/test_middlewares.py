"""Every TLS library as client with every one as server, as docs/reference/middleware-matrix.md says.

A library that is not here is left out; with SEALMQ_CI=1 that is a failure. Where it is of another version than in the
file, nothing may fail, but another alert may be sent.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import middleware_matrix
from libraries import middleware
from middleware_material import material
from sealmq.kit.middleware.comparing import ALL
from sealmq.kit.middleware.material import Material
from sealmq.kit.middleware.matrix import run_alone, run_pair
from sealmq.kit.middleware.outcome import Outcome, Result, count
from sealmq.kit.middleware.record import Record, record
from sealmq.tls.middleware import Middleware
from tls_pairs import Trust

pytestmark = pytest.mark.interop

WRITTEN = middleware_matrix.read()


@pytest.fixture(scope="module")
def made(trust: Trust) -> Material:
    return material(trust)


def expect(results: Iterable[Result], written: Record, *middlewares: Middleware) -> dict[Outcome, int]:
    """Nothing has failed, and where the libraries are those of the file, everything is as it says."""
    tried = list(results)
    failed = [f"{each.case} {each.version}: {each.why}" for each in tried if each.outcome is Outcome.FAILED]
    assert failed == []
    if all(WRITTEN["middlewares"][each.name] == middleware_matrix.describe(each) for each in middlewares):
        assert record(tried) == written
    return count(tried)


@pytest.mark.parametrize("server", ALL)
@pytest.mark.parametrize("client", ALL)
def test_a_pair(client: str, server: str, made: Material, record_property: pytest.RecordProperty) -> None:
    one, other = middleware(client), middleware(server)
    written = WRITTEN["pairs"][middleware_matrix.pair_name(client, server)]
    counted = expect(run_pair(one, other, made), written, one, other)
    assert counted[Outcome.REFUSED] > 0
    said = ", ".join(f"{number} {outcome}" for outcome, number in counted.items() if number)
    record_property("said", f"{one.abilities.title} -> {other.abilities.title}: {said}")


@pytest.mark.parametrize("name", ALL)
def test_each_side_alone(name: str, made: Material) -> None:
    tried = middleware(name)
    counted = expect(run_alone(tried, made), WRITTEN["alone"][name], tried)
    assert counted[Outcome.REFUSED] >= 20


def test_the_file_has_every_pair_and_nothing_that_failed() -> None:
    assert list(WRITTEN["middlewares"]) == list(ALL)
    assert len(WRITTEN["pairs"]) == len(ALL) ** 2
    every = middleware_matrix.total([*WRITTEN["pairs"].values(), *WRITTEN["alone"].values()])
    assert every[Outcome.FAILED] == 0
    assert every[Outcome.PASSED] > len(ALL) ** 2
