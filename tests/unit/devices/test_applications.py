from __future__ import annotations

import pytest

from sealmq.devices import applications as module
from sealmq.devices.applications import Applications
from sealmq.errors import EnrollmentError


@pytest.fixture
def applications(fleet):
    return Applications(fleet.registry)


def put(applications, now, name="a"):
    applications.put(name=name, spki_sha256="aa", token=None, via="est", address="::1", now=now, quota=1)


def test_one_waits_until_it_is_decided_once(fleet, applications):
    put(applications, fleet.now)
    (waiting,) = applications.waiting()
    assert applications.known("A", "aa") == waiting
    assert applications.decide(waiting.id, "approved", now=fleet.now).name == "a"
    assert applications.waiting() == []
    with pytest.raises(EnrollmentError, match="approved"):
        applications.decide(waiting.id, "denied", now=fleet.now)
    applications.finish(waiting.id)
    assert applications.find(waiting.id).state == "done"


def test_not_for_ever_more(fleet, applications, monkeypatch):
    monkeypatch.setattr(module, "WAITING_AT_MOST", 2)
    put(applications, fleet.now, "a")
    put(applications, fleet.now, "b")
    with pytest.raises(EnrollmentError, match="wait already"):
        put(applications, fleet.now, "c")


def test_an_unknown_one(applications):
    with pytest.raises(EnrollmentError, match="no request 3"):
        applications.find(3)
    assert applications.known("a", "b") is None
