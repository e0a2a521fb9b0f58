from __future__ import annotations

import pytest

from cheating_middlewares import Cheating
from middleware_comparisons import full
from middleware_material import material
from sealmq.errors import MiddlewareError
from sealmq.kit.middleware import comparing
from sealmq.kit.middleware.memory import Memory
from sealmq.tls.middleware import TLS12, TLS13
from sealmq.tls.middlewares import find
from tls_pairs import Trust


def test_the_default_is_measured_with_itself(trust: Trust) -> None:
    steps: list[tuple[int, int]] = []
    found = comparing.compare(["openssl"], material(trust).good, 0.1, tell=lambda *step: steps.append(step))
    (openssl,) = found.measured
    assert openssl.notes == ()
    assert {(each.version, each.resumed) for each in openssl.handshakes} == {
        (TLS12, False), (TLS12, True), (TLS13, False), (TLS13, True),
    }  # fmt: skip
    assert openssl.handshake(TLS13) is not None
    assert openssl.handshake(TLS13, client="wolfssl") is None
    assert openssl.messages(64) is not None
    assert openssl.messages(65) is None
    assert openssl.memory.client
    assert openssl.memory.server
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]
    assert found.absent == ()
    assert [each.name for each in found.known] == ["cyclonessl"]


def test_who_is_not_here_is_told_with_what_to_do(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> object:
        if name == "openssl":
            return find(name)
        raise MiddlewareError("libwolfssl is not installed", why="no such file", remedy="apt install libwolfssl35")

    monkeypatch.setattr(comparing, "find", found)
    here, absent = comparing.look_for(["openssl", "wolfssl"])
    assert [each.name for each in here] == ["openssl"]
    assert absent == [
        comparing.Absent("wolfssl", "libwolfssl is not installed: no such file", "apt install libwolfssl35")
    ]
    with pytest.raises(MiddlewareError, match="none of these") as failure:
        comparing.compare(["wolfssl"], material(trust).good, 0.1)
    assert failure.value.remedy == "apt install libwolfssl35"


def test_what_cannot_be_measured_is_noted_and_the_rest_goes_on(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Cheating(host="elsewhere.example")
    monkeypatch.setattr(comparing, "find", lambda name="openssl": broken if name == "cheating" else find(name))
    monkeypatch.setattr(comparing, "memory_of", lambda *_: Memory(1024, 2048))
    (cheating,) = comparing.compare(["cheating"], material(trust).good, 0.1).measured
    assert all("does not carry the name" in note for note in cheating.notes)
    assert {(each.client, each.server) for each in cheating.handshakes} == {("openssl", "cheating")}
    assert cheating.throughput == ()
    assert cheating.memory == Memory(1024, 2048)


def test_a_figure_is_found_by_its_kind() -> None:
    pyopenssl = full().measured[1]
    found = pyopenssl.handshake(TLS12, client="openssl", resumed=True)
    assert found is not None
    assert (found.client, found.server, found.resumed) == ("openssl", "pyopenssl", True)
