from __future__ import annotations

import pytest

from sealmq.devices.records import Reservation
from sealmq.devices.tokens import SECRET_LENGTH, Tokens
from sealmq.errors import EnrollmentError


@pytest.fixture
def tokens(fleet):
    return Tokens(fleet.registry)


def test_a_secret_is_shown_once_and_kept_nowhere(fleet, tokens):
    number, secret = tokens.make(now=fleet.now, ttl=300, device="sensor-1")
    assert len(secret) == SECRET_LENGTH
    assert tokens.by_secret(secret).id == number
    fleet.registry.query("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret.encode() not in fleet.registry.path.read_bytes()
    assert tokens.by_secret(secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None
    for nonsense in ("", "x" * SECRET_LENGTH, "ä" * SECRET_LENGTH, secret + "x", "\udcff" * SECRET_LENGTH):
        assert tokens.by_secret(nonsense) is None


def test_it_ends_by_time_by_use_and_by_being_revoked(fleet, tokens):
    number, _ = tokens.make(now=fleet.now, ttl=300, prefix="line-", quota=2)
    assert tokens.find(number).reason_to_refuse(fleet.now + 300) == ""
    assert "ended" in tokens.find(number).reason_to_refuse(fleet.now + 301)
    assert [tokens.use(number) for _ in range(3)] == [True, True, False]
    assert "2 times" in tokens.find(number).reason_to_refuse(fleet.now)
    reservation = Reservation("0a", "line-1", "device", "aa", 0, 1, "bb", token=number)
    fleet.registry.reserve(reservation, now=fleet.now)
    fleet.registry.abandon("device", "LINE-1")
    assert tokens.find(number).reason_to_refuse(fleet.now) == ""
    tokens.revoke(number)
    assert "revoked" in tokens.find(number).reason_to_refuse(fleet.now)
    assert not tokens.use(number)


def test_names_that_were_listed(fleet, tokens):
    number, _ = tokens.make(now=fleet.now, ttl=300, quota=2, names=["a", "b", "a"], serial="0a")
    claim = tokens.by_serial("0a")
    assert (claim.id, claim.kind, claim.is_listed) == (number, "claim", True)
    assert [tokens.lists(claim, name) for name in ("a", "B", "c")] == [True, True, False]


def test_what_cannot_be(fleet, tokens):
    with pytest.raises(EnrollmentError, match="quota"):
        tokens.make(now=fleet.now, ttl=1, quota=0)
    with pytest.raises(EnrollmentError, match="one device"):
        tokens.make(now=fleet.now, ttl=1, device="a", prefix="b")
    with pytest.raises(EnrollmentError, match="no token or claim 7"):
        tokens.find(7)


def test_all_of_them(fleet, tokens):
    numbers = [tokens.make(now=fleet.now, ttl=300)[0] for _ in range(3)]
    assert [token.id for token in tokens.all()] == numbers
    assert [token.id for token in tokens.all(after=numbers[0], limit=1)] == [numbers[1]]
