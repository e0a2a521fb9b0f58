from __future__ import annotations

from middleware_material import material
from sealmq.kit.middleware.cases import WAYS
from sealmq.kit.middleware.matrix import VERSIONS, run_alone, run_pair
from sealmq.kit.middleware.outcome import Outcome, count
from sealmq.kit.middleware.refusing import REFUSALS
from sealmq.kit.middleware.strangers import STRANGERS
from sealmq.tls.middlewares import find
from tls_pairs import Trust


def test_each_case_is_tried_once_with_a_pair(trust: Trust) -> None:
    openssl = find("openssl")
    results = list(run_pair(openssl, openssl, material(trust)))
    assert len(results) == len(WAYS) + len(REFUSALS) * len(VERSIONS)
    assert len({(each.case, each.version) for each in results}) == len(results)
    assert count(results)[Outcome.FAILED] == 0
    assert count(results)[Outcome.PASSED] >= 10
    assert count(results)[Outcome.REFUSED] >= 26


def test_each_stranger_comes_to_both_sides(trust: Trust) -> None:
    results = list(run_alone(find("openssl"), material(trust)))
    assert len(results) == len(STRANGERS) * len(VERSIONS) * 2
    assert count(results)[Outcome.REFUSED] == len(results)
