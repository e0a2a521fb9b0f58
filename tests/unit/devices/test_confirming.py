from __future__ import annotations

import pytest

from sealmq.devices.accounting import verify
from sealmq.devices.confirming import confirm
from sealmq.devices.records import Reservation, State
from sealmq.devices.registry import Registry
from sealmq.devices.trail import Trail
from sealmq.errors import HomeError

NOW = 1_800_000_000.0


@pytest.fixture
def trail(tmp_path):
    return Trail(tmp_path / "audit.jsonl")


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "sealmq.db") as registry:
        registry.reserve(Reservation("0a", "Example Root CA", "root", "", NOW, NOW + 10, "k"), now=NOW)
        yield registry


def test_what_counts_has_its_line(registry, trail):
    confirm(registry, trail, "0a", "ff", now=NOW)
    assert registry.lookup("0a").state is State.VALID
    (line,) = trail.backwards()
    assert (line.action, line.actor, line.facts["serial"], line.facts["profile"]) == ("issue", "home", "0a", "root")
    assert verify(trail, registry).holds


def test_without_a_line_it_does_not_count(registry, trail):
    trail.path.write_bytes(b"not of ours\n")
    with pytest.raises(HomeError, match="damaged"):
        confirm(registry, trail, "0a", "ff", now=NOW)
    assert registry.lookup("0a").state is State.PENDING


def test_what_was_killed_in_between_has_two_lines_and_is_one_certificate(registry, trail, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "confirm", lambda *args: None)
        confirm(registry, trail, "0a", "ff", now=NOW)
    confirm(registry, trail, "0a", "ff", now=NOW)
    assert len(list(trail.backwards())) == 2
    verdict = verify(trail, registry)
    assert verdict.holds
    assert verdict.issued == 1


def test_what_was_never_recorded_cannot_be_confirmed(registry, trail):
    with pytest.raises(HomeError, match="waiting"):
        confirm(registry, trail, "0b", "ff", now=NOW)
    assert not trail.path.exists()
