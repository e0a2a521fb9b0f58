"""How certificates are taken back: of a device, of one serial, of all that came by a token; for good, or on hold. And
PSKs (psks.py), which are on no list.

Rule 1: the registry is the truth, and one transaction changes it: the states, the line of change that has the broker
        cut links, the list for OpenSSL, and before its end the lines of the audit trail.
Rule 2: what is revoked stays so. A hold (certificateHold) alone is lifted again: what was valid before is valid, and
        stands on no list any more. (removeFromCRL is for delta CRLs, RFC 5280 section 5.2.4, of which we make none.)
Rule 3: revoking needs no key. Where the CA's key is out of reach the list for OpenSSL stays as it was, and the
        registry refuses all the same: with other words, a moment later.
Rule 4: a device whose last certificate was revoked is revoked. A device that is revoked has none that opens anything,
        and what was made to enrol it before, and was not used, enrols it no more. One of which anything is on hold yet
        is on hold.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sealmq.devices.listing import near
from sealmq.devices.lock import locked_directory
from sealmq.devices.psks import PSKs
from sealmq.devices.records import PSK, CertificateRecord, DeviceRecord, State
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import RELEASE, REVOKE, Entry, Trail
from sealmq.errors import EnrollmentError, HomeError, TrustError
from sealmq.pki import vault
from sealmq.pki.authority import HOLD, REASONS, Authority, Revocation, sign_crl
from sealmq.pki.peer import day, printable
from sealmq.pki.profiles import DEVICE

log = logging.getLogger("sealmq.devices")

KEPT_ON_LISTS = 30 * 86_400
"""Seconds for which an expired certificate stays on the lists: a device may renew that late."""

LISTED = 1_000
"""Certificates on the list that our own TLS contexts get: those that were revoked last. Who stands on it hears
'certificate_revoked' in the handshake; who stood on it before hears it from the registry, which knows all of them.
OpenSSL hashes the whole list at each handshake and its signer writes it anew at each revocation: with 1,000 entries
that is 0.03 and 10 ms, with 100,000 it was 3 and 9,900 ms."""

# In which a certificate may still open something, or come to open it again.
_OPEN = "(state IN ('valid', 'superseded', 'pending') OR state = 'revoked' AND reason = 'certificateHold')"

_OF_DEVICE = "device = (SELECT id FROM devices WHERE name = ?) AND "


@dataclass(slots=True)
class Taken:
    """What was taken back, or given back.

    serials: of the certificates. devices: the names of the devices that are refused (or let in) from now on.
    """

    serials: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    """A certificate whose state has changed."""

    serial: str
    device: str
    authority: str


class Revocations:
    """Takes certificates back.

    registry:  where they are recorded.
    signer:    the CA with this key identifier; may raise HomeError or TrustError (rule 3).
    trail:     is told of all of it.
    actor:     who does it, for the trail.
    anchors:   key identifiers of the CAs that count. OpenSSL wants a list of each, or none at all.
    """

    def __init__(
        self,
        registry: Registry,
        signer: Callable[[str], Authority],
        trail: Trail,
        *,
        actor: str,
        anchors: Iterable[str] = (),
    ) -> None:
        self._registry = registry
        self._signer = signer
        self._trail = trail
        self._actor = actor
        self._anchors = frozenset(anchors)
        self._tokens = Tokens(registry)
        self._psks = PSKs(registry)

    # -- for good ----------------------------------------------------------------------------------------------------

    def revoke_device(self, name: str, reason: str = "unspecified", *, now: float) -> Taken:
        """Revoke every certificate of a device. `now` in Unix seconds. Nothing is taken when it was revoked before.

        Its files stay where they are. Raises EnrollmentError when there is no such device or reason, HomeError when the
        disk is at fault; then nothing has changed. So do all the others here.
        """
        _check_reason(reason)
        device = self.find(name)
        with self._registry.transaction():
            return self._done(self._take_device(device.name, reason, now), reason, now, device.name)

    def revoke_serial(self, serial: str, reason: str = "unspecified", *, now: float) -> Taken:
        """Revoke one certificate: a device's, whose other ones stay; or a claim's, with the claim."""
        _check_reason(reason)
        record = self.find_serial(serial)
        with self._registry.transaction():
            claim = self._tokens.by_serial(record.serial)
            if claim is not None:
                self._tokens.revoke(claim.id)
            return self._done(self._take_serial(record, reason, now), reason, now)

    def revoke_batch(self, number: int, reason: str = "unspecified", *, now: float) -> Taken:
        """Revoke a token or claim, and every device that was enrolled by it, with what these have renewed since."""
        _check_reason(reason)
        token = self._tokens.find(number)
        with self._registry.transaction():
            self._tokens.revoke(token.id)
            names = self._registry.query(
                "SELECT name FROM devices"  # noqa: S608 - a constant
                f" WHERE id IN (SELECT device FROM certificates WHERE token = ? AND {_OPEN}) ORDER BY name",
                number,
            )
            rows = [row for (name,) in names for row in self._take_device(name, reason, now)]
            claim = self._registry.lookup(token.serial) if token.serial is not None else None
            if claim is not None:
                rows += self._take_serial(claim, reason, now)
            taken = self._done(rows, reason, now)
            facts = {"token": token.id, "kind": token.kind, "certificates": len(taken.serials), "reason": reason}
            self._trail.append([Entry("revoke-token", self._actor, facts)], now=now)
            return taken

    def retire_device(self, name: str, reason: str = "cessationOfOperation", *, now: float) -> Taken:
        """Revoke a device that is gone, and have the broker forget what it left: sessions, retained messages."""
        _check_reason(reason)
        device = self.find(name)
        with self._registry.transaction():
            taken = self._done(self._take_device(device.name, reason, now), reason, now, device.name)
            self._registry.note("retired", device.serial, device.name)
            self._trail.append([Entry("retire", self._actor, {"device": device.name})], now=now)
            return taken

    # -- for a while -------------------------------------------------------------------------------------------------

    def hold_device(self, name: str, *, now: float) -> Taken:
        """Refuse a device until it is released or revoked. Nothing is taken when it is on hold already."""
        device = self.find(name)
        if device.state == "revoked" and not device.held:
            raise self._final(device, f"'{device.name}' cannot be put on hold")
        with self._registry.transaction():
            rows = self._take(_OF_DEVICE + "state = 'valid'", (device.name,), HOLD, now)
            self._registry.change("UPDATE devices SET state = 'revoked' WHERE name = ?", device.name)
            return self._done(rows, HOLD, now)

    def release_device(self, name: str, *, now: float) -> Taken:
        """Lift a hold: what was valid before it is valid. EnrollmentError when the device is on none."""
        device = self.find(name)
        if device.state == "active":
            raise EnrollmentError(
                f"'{device.name}' is not on hold", why="it is let in", remedy=f"sealmq device show {device.name}"
            )
        if not device.held:
            raise self._final(device, f"'{device.name}' cannot be released")
        with self._registry.transaction():
            found = self._registry.change(
                "UPDATE certificates SET state = 'valid', revoked_at = NULL, reason = NULL"
                " WHERE device = (SELECT id FROM devices WHERE name = ?) AND state = 'revoked' AND reason = ?"
                " RETURNING serial, authority_key_id",
                *(device.name, HOLD),
            )
            rows = [_Row(serial, device.name, authority) for serial, authority in found]
            self._registry.change("UPDATE devices SET state = 'active' WHERE name = ?", device.name)
            for row in rows:
                self._registry.note("released", row.serial, device.name)
            self._sign_lists(rows, now)
            lines = [Entry(RELEASE, self._actor, {"serial": row.serial, "device": device.name}) for row in rows]
            self._trail.append(lines, now=now)
        return Taken([row.serial for row in rows], [device.name])

    # -- who is meant ------------------------------------------------------------------------------------------------

    def find(self, name: str) -> DeviceRecord:
        """The device of this name. Raises EnrollmentError with near matches when there is none."""
        device = self._registry.device(name)
        if device is not None:
            return device
        nearest = near(self._registry, name)
        raise EnrollmentError(
            f"there is no device '{printable(name)}'",
            why=f"did you mean {' or '.join(nearest)}?" if nearest else "",
            remedy="sealmq device list",
        )

    def find_serial(self, text: str) -> CertificateRecord:
        """The certificate that a device or a claim has, by its serial as anybody writes it: colons, capitals, zeros.

        Raises EnrollmentError when there is none, or it is somebody else's.
        """
        serial = text.replace(":", "").replace(" ", "").lower().removeprefix("0x").lstrip("0")
        record = self._registry.lookup(serial) or self._registry.lookup("0" + serial)
        if record is None or record.state is State.ABANDONED:
            raise EnrollmentError(
                f"there is no certificate with the serial '{printable(text)}'",
                why="it is none of ours, or was never finished",
                remedy="openssl x509 -noout -serial -in FILE shows a certificate's",
            )
        if record.profile in ("root", "issuing"):
            raise EnrollmentError(
                f"{record.serial} is the serial of '{record.device}', a certificate authority",
                why="taking one back is putting another in its place",
                remedy="sealmq ca rotate",
            )
        if record.profile == "server":
            raise EnrollmentError(
                f"{record.serial} is the serial of the broker's own certificate",
                why="devices ask no list about it",
                remedy="sealmq ca rotate --only server-ca, if its key is no longer a secret",
            )
        return record

    # -- the list ----------------------------------------------------------------------------------------------------

    def sign_list(self, authority: Authority, *, now: float) -> None:
        """Sign and keep a new list of what a CA has revoked, for our own TLS contexts. `now` in Unix seconds."""
        number = self._registry.crl_number(authority.key_id) + 1
        records = self._registry.revoked(authority.key_id, not_after=now - KEPT_ON_LISTS, limit=LISTED)
        # This list is for our own TLS context only, which gets a new one with every revocation. So it holds as long
        # as the CA: a list that ran out would lock out the whole fleet, as it does elsewhere, and prove nothing.
        until = authority.certificate.validity.not_after
        der = sign_crl(authority, map(revocation_of, records), number=number, now=now, next_update=until)
        self._registry.put_crl(authority.key_id, number, der)

    def _sign_lists(self, rows: Iterable[_Row], now: float) -> None:
        without = {key_id for key_id in self._anchors if self._registry.crl(key_id) is None}
        for key_id in sorted({row.authority for row in rows if row.authority} | without):
            try:
                authority = self._signer(key_id)
            except (HomeError, TrustError) as error:  # rule 3
                log.warning("the list for OpenSSL stays as it was: %s; the registry refuses all the same", error.what)
            else:
                self.sign_list(authority, now=now)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _take_device(self, name: str, reason: str, now: float) -> list[_Row]:
        rows = self._take(_OF_DEVICE + _OPEN, (name,), reason, now)
        self._registry.change("UPDATE devices SET state = 'revoked' WHERE name = ?", name)
        return rows

    def _take_serial(self, record: CertificateRecord, reason: str, now: float) -> list[_Row]:
        rows = self._take(f"serial = ? AND {_OPEN}", (record.serial,), reason, now)
        if record.profile in (DEVICE.name, PSK) and rows:
            self._settle(record.device)
        return rows

    def _settle(self, name: str) -> None:
        """One certificate of a device is gone: another one is in use now, or the device is revoked (rule 4)."""
        valid = [each for each in self._registry.certificates_of(name) if each.state is State.VALID]
        if not valid:
            # What is on hold is what stands for it then. Else nobody would see that it is, another one could come by
            # the name, and the next release would give this one's certificates back to it.
            self._registry.change(
                "UPDATE devices SET state = 'revoked', serial = COALESCE((SELECT serial FROM certificates"
                " WHERE device = devices.id AND state = 'revoked' AND reason = ?), serial) WHERE name = ?",
                *(HOLD, name),
            )
            return
        in_use = max(valid, key=lambda each: (each.seen is not None, each.seen or each.not_before))
        self._registry.change("UPDATE devices SET serial = ? WHERE name = ?", in_use.serial, name)

    def _take(self, where: str, values: tuple[object, ...], reason: str, now: float) -> list[_Row]:
        # A hold that becomes final keeps its date: that is from when on the certificate was not to be believed.
        found = self._registry.change(
            "UPDATE certificates SET state = 'revoked', revoked_at = COALESCE(revoked_at, ?), reason = ?"  # noqa: S608
            f" WHERE {where} RETURNING serial, subject, authority_key_id",
            *(now, reason, *values),
        )
        rows = [_Row(*each) for each in found]
        for row in rows:
            self._registry.note("revoked", row.serial, row.device)
        return rows

    def _done(self, rows: list[_Row], reason: str, now: float, *revoked: str) -> Taken:
        """Tell of it. revoked: names of devices that are revoked, even when there was nothing to take."""
        self._sign_lists(rows, now)
        facts = [{"serial": row.serial, "device": row.device, "reason": reason} for row in rows]
        self._trail.append([Entry(REVOKE, self._actor, each) for each in facts], now=now)
        names = dict.fromkeys(row.device for row in rows)
        refused = [name for name in names if (device := self._registry.device(name)) and device.state == "revoked"]
        if reason != HOLD:
            self._psks.drop(row.serial for row in rows)
            self._end_tokens({*refused, *revoked}, reason, now)
        return Taken([row.serial for row in rows], refused)

    def _end_tokens(self, names: set[str], reason: str, now: float) -> None:
        """Whoever has such a device may have the token that was made for it, too."""
        ended = self._registry.change(
            "UPDATE tokens SET state = 'revoked' WHERE state = 'active' AND used < quota"
            " AND device IN (SELECT value FROM json_each(?)) RETURNING id, kind, device",
            json.dumps(sorted(names)),
        )
        facts = [{"token": number, "kind": kind, "device": name, "reason": reason} for number, kind, name in ended]
        self._trail.append([Entry("revoke-token", self._actor, each) for each in facts], now=now)

    def _final(self, device: DeviceRecord, what: str) -> EnrollmentError:
        record = self._registry.lookup(device.serial)
        since = f" on {day(record.revoked_at)}" if record is not None and record.revoked_at is not None else ""
        reason = f" ({record.reason})" if record is not None and record.reason else ""
        given = "--psk gives it a new key" if device.has_psk else "gives it a new certificate"
        return EnrollmentError(
            what,
            why=f"it was revoked{since}{reason}, and only a hold can be lifted: others may have acted on it",
            remedy=f"sealmq device add {device.name} {given}",
        )


def revocation_of(record: CertificateRecord) -> Revocation:
    """The line of a list for a certificate that is revoked."""
    return Revocation(record.serial, record.revoked_at or record.not_before, record.reason or "unspecified")


def remove_files(folder: Path) -> bool:
    """Remove a device's folder, HOME/devices/NAME; False: there was none. Raises OSError, HomeError.

    Nothing is written over: a flash disk and a journal keep what was there in any case, and the certificate is revoked.
    """
    hidden = (
        folder.parent / f".{folder.name}.old"
    )  # as enrollment.py has it: whoever is killed here is cleared up after
    with locked_directory(folder.parent):
        if folder.exists() and not hidden.exists():
            folder.rename(hidden)
        there = [path for path in (hidden, folder) if path.exists()]
        for path in there:
            shutil.rmtree(path)
        vault.sync_directory(folder.parent)
    return bool(there)


def _check_reason(reason: str) -> None:
    if reason == HOLD:
        raise EnrollmentError("a hold is not for good", remedy="sealmq device hold NAME")
    if reason not in REASONS:
        raise EnrollmentError(f"'{printable(reason)}' is no reason", remedy=f"use one of: {', '.join(REASONS)}")
