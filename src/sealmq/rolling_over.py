"""The roll-over of the CAs: a new root comes in while the old one is still trusted, and later the old one goes.

    rotate   a new root, Server CA, Device CA and Claim CA, each with a new key. Clients are given both roots; the
             broker proves itself by a chain that leads to either; devices of the old Device CA are let in as before.
             `only` puts one issuing CA in place of another, below the same root.
    finish   the old ones count no more. Refused while a device needs them.

Rule 1: what changes in ca/ changes as one (pki/together.py). The registry records the new CAs before that, and
        finishes their record behind it: who is killed in between has changed the home, and the next command here
        finishes the record.
Rule 2: no device is locked out by time alone. The overlap that is asked for is a plan; it ends by `finish`.
Rule 3: no link is dropped. A running broker hears of it by a line of change ("authority"), and shows new connections
        the new certificate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sealmq.devices.confirming import confirm
from sealmq.devices.enrollment import operator
from sealmq.devices.founding import ISSUING_KINDS, confirm_authority, reservation_of
from sealmq.devices.records import Reservation, State
from sealmq.devices.revocation import KEPT_ON_LISTS
from sealmq.devices.trail import Entry, Fact, Trail
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.home import Home
from sealmq.pki import vault
from sealmq.pki.authorities import (
    CLAIM_CA,
    CROSS_FILE,
    DEVICE_CA,
    NAMES,
    OVERLAP_FILE,
    ROOT,
    SERVER_CA,
    Authorities,
    Overlap,
    kept_as,
)
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.peer import PeerCertificate, day, identify_certificate, subject_key_id
from sealmq.pki.profiles import CROSS, DEVICE
from sealmq.pki.rollover import Cross, Generation, next_generation, next_issuing

OVERLAP_DAYS = 365
"""Days for which both roots are meant to be trusted: the life of a device's certificate, in which each renews once."""

NEAR_END = 0.1
"""The last part of a life in which a CA is warned of: an issuing CA's last year, a device certificate's whole life."""

_DAY = 86_400.0
_ANCHORS = (DEVICE_CA, CLAIM_CA)  # of which several count at a time


@dataclass(frozen=True, slots=True)
class AuthorityStatus:
    """One CA of the home.

    name:      of its files: root, server-ca, ...
    is_newest: it signs; else it only still counts.
    key:       "plain", "sealed", "token", "away".
    """

    name: str
    common_name: str
    key_id: str
    serial: str
    not_before: float
    not_after: float
    is_newest: bool
    key: str


@dataclass(frozen=True, slots=True)
class Need:
    """Devices that need something old. latest: when the last of their certificates ends, Unix seconds."""

    key_id: str
    devices: int
    latest: float


@dataclass(frozen=True, slots=True)
class Status:
    """Where the roll-over is.

    overlap:      of the roots; None: there is one.
    devices:      that are let in.
    old_root:     those that were not given the newest root, by the root that they were given ("": not recorded).
    old_issuer:   those with a certificate of an older Device CA, by that.
    locked_out:   devices whose Device CA counts no more (finish with force); nobody waits for them.
    """

    authorities: list[AuthorityStatus]
    overlap: Overlap | None
    devices: int
    old_root: list[Need] = field(default_factory=list)
    old_issuer: list[Need] = field(default_factory=list)
    locked_out: int = 0

    @property
    def is_rolling_over(self) -> bool:
        """Does anything old still count?"""
        return any(not each.is_newest for each in self.authorities)

    @property
    def waits_for(self) -> int:
        """How many devices, at least, need something old."""
        needs = (self.old_root if self.overlap is not None else [], self.old_issuer)
        return max(sum(need.devices for need in each) for each in needs)

    @property
    def may_be_finished(self) -> bool:
        """Is nothing old needed any more?"""
        return self.is_rolling_over and not self.waits_for


# -- asking ----------------------------------------------------------------------------------------------------------


def status(home: Home, *, now: float) -> Status:
    """Where the roll-over is. `now` in Unix seconds. Reads no key. Raises HomeError, TrustError."""
    authorities = home.authorities
    trusted = authorities.key_ids(DEVICE_CA)
    by_root = home.registry.query(
        f"SELECT c.authority_key_id IN ({', '.join('?' for _ in trusted)}), d.root, count(*), max(c.not_after)"  # noqa: S608 - question marks alone
        " FROM devices d JOIN certificates c ON c.serial = d.serial"
        " WHERE d.state = 'active' AND c.not_after >= ? AND c.profile = ? GROUP BY 1, 2",
        *(*trusted, now - KEPT_ON_LISTS, DEVICE.name),
    )
    counted = [row for is_trusted, *row in by_root if is_trusted]
    by_issuer = home.registry.query(
        "SELECT authority_key_id, count(DISTINCT device), max(not_after) FROM certificates"
        " WHERE profile = ? AND state = 'valid' AND not_after >= ? GROUP BY authority_key_id",
        *(DEVICE.name, now),
    )
    newest_root, newest_issuer = authorities.key_ids(ROOT)[0], trusted[0]
    return Status(
        authorities=list(_authorities(authorities)),
        overlap=authorities.overlap(),
        devices=sum(count for _, count, _ in counted),
        old_root=[Need(*row) for row in counted if row[0] != newest_root],
        old_issuer=[Need(*row) for row in by_issuer if row[0] in trusted and row[0] != newest_issuer],
        locked_out=sum(row[2] for row in by_root if not row[0]),
    )


def devices_behind(home: Home, *, now: float) -> Iterator[tuple[str, bool, bool]]:
    """The devices that need something old, by name: name, needs the old root, has a certificate of the old CA."""
    newest_root, newest_issuer = home.authorities.key_ids(ROOT)[0], home.authorities.key_ids(DEVICE_CA)[0]
    is_rolling = home.authorities.overlap() is not None
    after = ""
    while True:  # page by page: a fleet has a million
        rows = home.registry.query(
            "SELECT d.name, d.root <> ? AND ?, EXISTS (SELECT 1 FROM certificates o WHERE o.device = d.id"
            " AND o.state = 'valid' AND o.not_after >= ? AND o.authority_key_id <> ?)"
            " FROM devices d JOIN certificates c ON c.serial = d.serial"
            " WHERE d.state = 'active' AND c.not_after >= ? AND c.profile = ? AND d.name > ?"
            " ORDER BY d.name LIMIT 1000",
            *(newest_root, is_rolling, now, newest_issuer, now - KEPT_ON_LISTS, DEVICE.name, after),
        )
        for name, needs_root, has_old in rows:
            if needs_root or has_old:
                yield name, bool(needs_root), bool(has_old)
        if not rows:
            return
        after = rows[-1][0]


def near_end(home: Home, *, now: float) -> list[str]:
    """A sentence about each CA that signs and is near its end. `now` in Unix seconds."""
    told = []
    for each in _authorities(home.authorities):
        left = each.not_after - now
        if each.is_newest and left < (each.not_after - each.not_before) * NEAR_END:
            what = "sealmq ca rotate" if each.name == ROOT else f"sealmq ca rotate --only {each.name}"
            ends = "ended" if left < 0 else "ends"
            told.append(
                f"'{each.common_name}' {ends} on {day(each.not_after)}, and all that it signs with it; next: {what}"
            )
    return told


def _authorities(authorities: Authorities) -> Iterator[AuthorityStatus]:
    for name in NAMES:
        if not authorities.has(name):
            continue
        for place, der in enumerate(certificates_of(authorities.certificate_file(name).read_bytes())):
            certificate, key_id = identify_certificate(der), subject_key_id(der)
            key = authorities.key_file(name if place == 0 else f"retired/{key_id}")
            yield AuthorityStatus(
                name=name,
                common_name=certificate.common_name,
                key_id=key_id,
                serial=certificate.serial,
                not_before=certificate.not_before,
                not_after=certificate.not_after,
                is_newest=place == 0,
                key=kept_as(vault.read_private(key)) if key.exists() else "away",
            )


# -- changing --------------------------------------------------------------------------------------------------------


def rotate(home: Home, *, now: float, only: str | None = None, overlap_days: int = OVERLAP_DAYS) -> list[Authority]:
    """Put new CAs in place of those that sign; the old ones still count. Returns the new ones. `now` in Unix seconds.

    only: one of server-ca, device-ca, claim-ca: that one alone, below the same root.

    The root's key is needed (Authorities.bring_root, where it is away). Raises EnrollmentError when it cannot be as
    asked, HomeError when the disk is at fault, TrustError when a key can't be relied upon; then nothing has changed.
    """
    with _changing(home, now, "the CAs are as they were") as authorities:
        if only is not None:
            return _replace_one(home, authorities, only, now)
        if authorities.overlap() is not None:
            raise EnrollmentError(
                "a roll-over is on its way already",
                why="two roots are trusted; a third one would be one more than devices keep",
                remedy="sealmq ca status, then: sealmq ca rotate --finish",
            )
        kinds = {name: kind for name, kind in ISSUING_KINDS.items() if authorities.has(name)}
        old = authorities.root
        made = next_generation(old, kinds, _known_names(authorities), authorities.new_key, now=now)
        files = _files(authorities, {ROOT: made.root} | made.issuing)
        files[CROSS_FILE] = made.new_with_old.certificate.pem + made.old_with_new.certificate.pem
        files[OVERLAP_FILE] = json.dumps({"begun": now, "until": now + overlap_days * _DAY}).encode()
        _adopt(home, list(_records(made)), files, made.issuing, now)
        return [made.root, *made.issuing.values()]


def finish(home: Home, *, now: float, force: bool = False) -> list[AuthorityStatus]:
    """Let what is old count no more; returns that. force: also what devices need, which are locked out by it.

    Raises EnrollmentError while it is needed, or when there is nothing to finish.
    """
    with _changing(home, now, "the old CAs still count") as authorities:
        found = status(home, now=now)
        if not found.is_rolling_over:
            raise EnrollmentError("no roll-over is on its way", remedy="sealmq ca rotate begins one")
        if found.waits_for and not force:
            raise EnrollmentError(
                f"{found.waits_for:,} devices need what is old",
                why="they were not given the new root, or show a certificate of the old Device CA",
                remedy="sealmq ca status --list names them; --force locks them out",
            )
        gone = [each for each in found.authorities if not each.is_newest]
        files = {f"{each.name}.pem": authorities.newest_of(each.name) for each in gone}
        facts: dict[str, Fact] = {"gone": " ".join(each.serial for each in gone), "devices": found.waits_for}
        with home.registry.transaction():
            home.registry.note("authority", "", "")
            Trail(home.audit_trail).append([Entry("finish-rollover", operator(), facts)], now=now)
            authorities.replace(files, remove=[CROSS_FILE, OVERLAP_FILE])
        return gone


def _replace_one(home: Home, authorities: Authorities, name: str, now: float) -> list[Authority]:
    if name not in ISSUING_KINDS or not authorities.has(name):
        there = [each for each in ISSUING_KINDS if authorities.has(each)]
        raise EnrollmentError(f"there is no issuing CA '{name}' here", remedy=f"one of: {', '.join(there)}")
    known = _known_names(authorities)
    made = next_issuing(authorities.root, ISSUING_KINDS[name], known, authorities.new_key, now=now)
    record = (reservation_of(made, authorities.root), made.certificate.fingerprint)
    _adopt(home, [record], _files(authorities, {name: made}), {name: made}, now)
    return [made]


def _files(authorities: Authorities, made: dict[str, Authority]) -> dict[str, bytes]:
    """What is to stand in ca/: new ones in front of those that still count, whose keys are kept for their CRLs."""
    files: dict[str, bytes] = {}
    for name, authority in made.items():
        files |= authorities.files_to_retire(name) | authorities.files_of(name, authority)
        if name != SERVER_CA:  # nobody trusts that one by itself
            files[f"{name}.pem"] = authorities.all_of(name, authority)
    return files


_Record = tuple[Reservation, str]
"""A CA's or cross certificate's record, and its fingerprint."""


def _records(made: Generation) -> Iterator[_Record]:
    yield reservation_of(made.root, made.root), made.root.certificate.fingerprint
    for authority in made.issuing.values():
        yield reservation_of(authority, made.root), authority.certificate.fingerprint
    for cross in (made.new_with_old, made.old_with_new):
        yield _cross_reservation(cross), cross.certificate.fingerprint


def _cross_reservation(cross: Cross) -> Reservation:
    return Reservation(
        serial=cross.certificate.serial,
        subject=cross.subject.common_name,
        profile=CROSS.name,
        authority_key_id=cross.issuer.key_id,
        not_before=cross.certificate.validity.not_before,
        not_after=cross.certificate.validity.not_after,
        spki_sha256=cross.subject.key.public.spki_sha256,
    )


def _adopt(
    home: Home, records: list[_Record], files: dict[str, bytes], issuing: dict[str, Authority], now: float
) -> None:
    """Record, write, and tell (rule 1)."""
    registry, trail, authorities = home.registry, Trail(home.audit_trail), home.authorities
    registry.reserve(*(reservation for reservation, _ in records), now=now)
    try:
        with registry.transaction():
            for reservation, fingerprint in records:
                confirm(registry, trail, reservation.serial, fingerprint, now=now, actor=operator())
            for name in _ANCHORS:
                if name in issuing:  # an empty list: OpenSSL wants one of each CA
                    home.revocations().sign_list(issuing[name], now=now)
            registry.note("authority", records[0][0].serial, "")
            authorities.replace(files)
    except BaseException:
        with suppress(Error, OSError):  # the first error says more; what was never confirmed counts for nothing
            serials = {reservation.serial for reservation, _ in records}
            there = {certificate.serial for _, certificate in _certificates(authorities)}
            if not authorities.is_unfinished() and not serials & there:  # else the change was made all the same
                registry.abandon_serials(serials)
        raise


@contextmanager
def _changing(home: Home, now: float, what: str) -> Iterator[Authorities]:
    """The CAs, for this process alone, and their records finished, should somebody have been killed (rule 1)."""
    with home.changing_authorities(what) as authorities:
        if authorities.is_unfinished():  # not always: it would forget a root that was brought
            authorities.finish()
        unfinished = [each for each in _certificates(authorities) if _is_pending(home, each[1])]
        if unfinished:
            with home.registry.transaction():
                for der, _ in unfinished:
                    confirm_authority(home.registry, Trail(home.audit_trail), der, now=now)
                for name in _ANCHORS:
                    if authorities.has(name) and home.registry.crl(authorities.key_ids(name)[0]) is None:
                        with suppress(HomeError, TrustError):  # its key is out of reach; the registry refuses without
                            home.revocations().sign_list(authorities.load(name), now=now)
                home.registry.note("authority", "", "")
        yield authorities


def _is_pending(home: Home, certificate: PeerCertificate) -> bool:
    record = home.registry.lookup(certificate.serial)
    return record is not None and record.state is State.PENDING


def _certificates(authorities: Authorities) -> Iterator[tuple[bytes, PeerCertificate]]:
    ders: Iterable[bytes] = [
        *(der for name in NAMES if authorities.has(name) for der in certificates_of(authorities.all_of(name))),
        *authorities.cross_certificates,
    ]
    for der in ders:
        yield der, identify_certificate(der)


def _known_names(authorities: Authorities) -> set[str]:
    """The common names of all CAs that the home has or had."""
    retired = [authorities.certificate(f"retired/{key_id}") for key_id in authorities.retired_key_ids()]
    there = {certificate.common_name for _, certificate in _certificates(authorities)}
    return there | {identify_certificate(der).common_name for der in retired}
