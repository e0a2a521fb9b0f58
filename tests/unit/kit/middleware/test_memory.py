from __future__ import annotations

from dataclasses import replace

import pytest

from middleware_material import material
from sealmq.errors import Error
from sealmq.kit.middleware.memory import memory_of, per_connection
from tls_pairs import Trust


def test_a_connection_takes_some_kilobytes_on_each_side(trust: Trust) -> None:
    found = memory_of("openssl", material(trust).good, 0.0)
    for side in (found.client, found.server):
        assert side is not None
        assert 2_000 < side < 200_000


def test_what_fails_in_the_other_process_is_told_here(trust: Trust) -> None:
    good = material(trust).good
    with pytest.raises(Error) as failure:
        memory_of("openssl", replace(good, host="elsewhere.example"), 0.0)
    assert failure.value.what == "the memory of openssl could not be measured"
    assert "does not carry the name" in failure.value.why


def test_what_is_done_there_is_done_here(trust: Trust) -> None:
    found = per_connection("openssl", material(trust).good, 0.0)
    assert found.client is not None  # in a process that has made others before, what they took may be taken again
