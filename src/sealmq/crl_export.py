"""Revocation lists for other brokers (RFC 5280 section 5). Our own broker asks the registry, and needs none.

A broker that is given a list refuses everybody once its nextUpdate is over, so lists can be signed ahead: each begins a
day or so before the one before it ends, and all stand in one file. OpenSSL takes that which holds at the moment. So an
outage of this CA stops nobody for as long as the last of them holds; who is revoked meanwhile is on none of them.

HOME/ca/crl.pem, once it is there, is kept fresh: anew at every revocation, and every day by a running broker. How long
its lists hold, and how many are signed ahead, is read from itself.

Rule 1: the number of a CA's list grows with each that is signed, whoever it is for.
Rule 2: a file is replaced as a whole (vault.py): nobody reads half a list.
Rule 3: a list has all that is revoked, where that of our own TLS contexts has the last thousand.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sealmq.devices.lock import locked_directory
from sealmq.devices.registry import Registry
from sealmq.devices.revocation import KEPT_ON_LISTS, revocation_of
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.home import Home
from sealmq.pki import vault
from sealmq.pki.authorities import ROOT, Authorities
from sealmq.pki.authority import Authority, sign_crl
from sealmq.pki.lists import ListFacts, list_pem, lists_of, read_list
from sealmq.pki.profiles import BACKDATE

log = logging.getLogger("sealmq.crl")

FILE_NAME = "crl.pem"
DAYS = 7
AHEAD = 0
LONGEST_DAYS, MOST_AHEAD = 365, 60
FRESH = 86_400.0
"""Seconds after which the kept file is signed anew."""

_DAY = 86_400.0
_OVERLAP = 1 / 7  # of a list's life, in which the next one holds too: a day of a week
_LOOK = 600.0  # seconds between two looks at whether the kept file is old


@dataclass(frozen=True, slots=True)
class Plan:
    """days: for which each list holds. ahead: lists that are signed beside that of today."""

    days: float = DAYS
    ahead: int = AHEAD


@dataclass(frozen=True, slots=True)
class Signed:
    """One list. common_name: of the CA."""

    der: bytes
    common_name: str
    facts: ListFacts


def sign_lists(
    registry: Registry, authorities: Authorities, plan: Plan, *, now: float, only: str | None = None
) -> list[Signed]:
    """Sign lists of every CA whose certificates count, and of the root where its key is here: some programs ask for a
    list of each CA of a chain. `now` in Unix seconds.

    only: one of authorities.NAMES, or a key identifier.
    Raises EnrollmentError when there is no such CA, HomeError or TrustError when a key can't be used.
    """
    if not 0 < plan.days <= LONGEST_DAYS or not 0 <= plan.ahead <= MOST_AHEAD:
        raise EnrollmentError(
            "such lists are not possible",
            why=f"1 to {LONGEST_DAYS} days, and at most {MOST_AHEAD} ahead, are",
            remedy="sealmq ca crl --days 7 --ahead 4",
        )
    signed: list[Signed] = []
    for key_id in _chosen(authorities, only):
        signed += _lists_of(registry, authorities.by_key_id(key_id), plan, now)
    return signed


def export(home: Home, plan: Plan, *, now: float, only: str | None = None) -> list[Signed]:
    """`sign_lists` of a home."""
    return sign_lists(home.registry, home.authorities, plan, now=now, only=only)


def as_pem(signed: Iterable[Signed]) -> bytes:
    """All of them in one file."""
    return b"".join(list_pem(each.der) for each in signed)


def keep(home: Home, plan: Plan, *, now: float) -> list[Signed]:
    """Write HOME/ca/crl.pem, which is kept fresh from then on."""
    return _write(home.registry, home.authorities, plan, now)


def refresh(registry: Registry, authorities: Authorities, *, now: float) -> bool:
    """Sign the kept file anew; False: there is none. Raises HomeError, TrustError, OSError."""
    path = authorities.directory / FILE_NAME
    if not path.exists():
        return False
    _write(registry, authorities, _plan_of(path), now)
    return True


def refresh_after_revoking(home: Home, *, now: float) -> str:
    """Sign the kept file anew, where there is one; returns why that could not be done, "" when all is well: what was
    revoked is revoked."""
    try:
        refresh(home.registry, home.authorities, now=now)
    except (Error, OSError) as error:
        return error.what if isinstance(error, Error) else str(error)
    return ""


def _write(registry: Registry, authorities: Authorities, plan: Plan, now: float) -> list[Signed]:
    with locked_directory(authorities.directory):
        signed = sign_lists(registry, authorities, plan, now=now)
        vault.write_public(authorities.directory / FILE_NAME, as_pem(signed))
    return signed


def _plan_of(path: Path) -> Plan:
    facts = [read_list(der) for der in lists_of(path.read_bytes())]
    if not facts:
        raise TrustError(f"{path} holds no revocation list", remedy="sealmq ca crl --keep makes a new one")
    days = round((facts[0].next_update - facts[0].this_update - BACKDATE) / _DAY)
    return Plan(max(1, days), max(Counter(each.authority for each in facts).values()) - 1)


def _chosen(authorities: Authorities, only: str | None) -> list[str]:
    known = {name: authorities.key_ids(name) for name in (ROOT, "device-ca", "claim-ca") if authorities.has(name)}
    if only is None:
        root = known[ROOT][:1] if authorities.has_key(ROOT) else []
        return [*authorities.anchors(), *root]
    if only in known:
        return known[only] if only != ROOT else known[only][:1]
    if only in {key_id for key_ids in known.values() for key_id in key_ids}:
        return [only]
    raise EnrollmentError(f"there is no CA '{only}' that has lists", remedy=f"one of: {', '.join(known)}, or a key id")


def _lists_of(registry: Registry, authority: Authority, plan: Plan, now: float) -> list[Signed]:
    revocations = [revocation_of(each) for each in registry.revoked(authority.key_id, not_after=now - KEPT_ON_LISTS)]
    number = _numbers(registry, authority, plan.ahead + 1, now)
    signed: list[Signed] = []
    for place in range(plan.ahead + 1):
        begins = now + place * plan.days * _DAY * (1 - _OVERLAP)
        ends = min(begins + plan.days * _DAY, authority.certificate.validity.not_after)
        if begins >= ends:
            break
        ahead = begins if place else None
        der = sign_crl(authority, revocations, number=number + place, now=now, next_update=ends, begins=ahead)
        signed.append(Signed(der, authority.common_name, read_list(der)))
    return signed


def _numbers(registry: Registry, authority: Authority, count: int, now: float) -> int:
    """The first of so many numbers that no list of this CA has had (rule 1)."""
    with registry.transaction():
        if registry.crl(authority.key_id) is None:
            # Our own contexts want a list of each CA that signs devices; an empty one says no more than none.
            until = authority.certificate.validity.not_after
            registry.put_crl(authority.key_id, 1, sign_crl(authority, [], number=1, now=now, next_update=until))
        statement = "UPDATE crls SET number = number + ? WHERE authority_key_id = ? RETURNING number"
        ((last,),) = registry.change(statement, count, authority.key_id)
    return int(last) - count + 1


class Keeper:
    """Keeps HOME/ca/crl.pem fresh while a broker runs: beside the loop, because a long list takes seconds."""

    def __init__(self, home: Home) -> None:
        self._database = home.database
        self._authorities = home.authorities
        self._path = home.authorities.directory / FILE_NAME
        self._looked = 0.0
        self._thread: threading.Thread | None = None

    def look(self, now: float) -> None:
        """To call at every tick: begins to sign when the file is there, and a day old. `now` in Unix seconds."""
        if now - self._looked < _LOOK or (self._thread is not None and self._thread.is_alive()):
            return
        self._looked = now
        try:
            age = now - self._path.stat().st_mtime
        except OSError:
            return  # nobody wants one
        if not 0 <= age < FRESH:
            self._thread = threading.Thread(target=self._refresh, args=(now,), name="sealmq-crl", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits for what was begun."""
        if self._thread is not None:
            self._thread.join()

    def _refresh(self, now: float) -> None:
        try:
            with Registry.open(self._database) as registry:
                refresh(registry, self._authorities, now=now)
        except (HomeError, TrustError, EnrollmentError, OSError) as error:
            what = error.what if isinstance(error, Error) else str(error)
            log.error("%s was not signed anew: %s; next: sealmq ca crl --keep", self._path, what)
        else:
            log.info("%s was signed anew", self._path)
