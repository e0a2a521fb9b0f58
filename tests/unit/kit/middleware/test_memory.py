from __future__ import annotations

from dataclasses import replace

import pytest

from middleware_material import material
from sealmq.errors import Error
from sealmq.kit.middleware.memory import memory_of, per_connection
from tls_pairs import Trust


def test_a_connection_takes_some_kilobytes(trust: Trust) -> None:
    assert 2_000 < memory_of("openssl", material(trust).good, "server", 0.0) < 200_000


def test_what_fails_in_the_other_process_is_told_here(trust: Trust) -> None:
    good = material(trust).good
    with pytest.raises(Error) as failure:
        memory_of("openssl", replace(good, host="elsewhere.example"), "client", 0.0)
    assert failure.value.what == "the memory of openssl could not be measured"
    assert "does not carry the name" in failure.value.why


def test_what_is_done_is_counted_on_either_side(trust: Trust) -> None:
    for kept in ("client", "server"):  # in a process that has made others before, what they took may be taken again
        assert per_connection("openssl", material(trust).good, kept, 0.0) >= 0  # type: ignore[arg-type]
