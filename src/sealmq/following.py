"""What became of devices and accounts, in this process or another, seen from those who are connected.

The registry numbers its changes; whoever follows it asks for what came behind the last number. What comes together is
dealt with together: a batch of ten thousand is one walk over the sessions, not ten thousand.

    revoked    the links that stand on the certificate end, without their will. With the device's last certificate its
               sessions end, too; on hold they wait for it, and nothing is said in its name meanwhile.
    retired    what is retained of the device is forgotten
    accounts   `reloading.cut_account`

For TLS the caller builds new contexts where `look` says so: then no TLS session of before can be resumed, neither
past a revocation nor past a hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Set
from itertools import chain

from sealmq.broker.change import distrust
from sealmq.devices.accounts import Account
from sealmq.devices.records import Change
from sealmq.devices.registry import Registry
from sealmq.gatekeeper import PasswordGatekeeper
from sealmq.house import House, Resident
from sealmq.identity import Identity
from sealmq.mqtt.codes import ReasonCode
from sealmq.reloading import ACCOUNT_REMOVED, cut_account

log = logging.getLogger("sealmq.server")

CERTIFICATE_REVOKED = "its certificate was revoked"
PSK_REVOKED = "its PSK was revoked"

TOLD = 20
"""Devices of one batch that are told one by one; the audit trail names all."""

_ACCOUNTS = ("password", "bound", "removed")


class Follower:
    """Follows one registry.

    registry:       whose changes these are.
    house:          who is connected.
    gatekeeper:     forgets what it remembers of an account.
    maybe_identity: who has a name today; None: nobody.
    maybe_account:  the account of a name as it is now.
    last:           the number of the last change that was dealt with.
    done:           is told of each number, once all of it is dealt with.
    """

    def __init__(
        self,
        registry: Registry,
        house: House,
        gatekeeper: PasswordGatekeeper,
        *,
        maybe_identity: Callable[[str], Identity | None],
        maybe_account: Callable[[str], Account | None],
        last: int,
        done: Callable[[int], None],
    ) -> None:
        self._registry = registry
        self._house = house
        self._gatekeeper = gatekeeper
        self._maybe_identity = maybe_identity
        self._maybe_account = maybe_account
        self._last = last
        self._done = done
        self._is_stale = True

    def look(self, now: float) -> frozenset[str]:
        """Deal with what has happened since the last look; returns the kinds of it (records.Change).

        Raises HomeError; then all of it is dealt with again at the next look.
        """
        # `changed` tells it once; should what follows fail, it is done at the next look.
        self._is_stale = self._registry.changed() or self._is_stale
        if not self._is_stale:
            return frozenset()
        changes = self._registry.changes_since(self._last)
        self._cut([change for change in changes if change.kind == "revoked"], now)
        for change in changes:
            if change.kind == "retired":
                self._forget(change.device)
            elif change.kind == "released":
                extra = {"device": change.device, "serial": change.serial}
                log.info("%s was released (serial %s): it is let in again", change.device, change.serial, extra=extra)
            elif change.kind in _ACCOUNTS:
                self._account_changed(change, now)
        if changes:
            self._last = changes[-1].id
            self._done(self._last)
        self._is_stale = False
        return frozenset(change.kind for change in changes)

    def _cut(self, revoked: Collection[Change], now: float) -> None:
        if not revoked:
            return
        by_serial = self._house.by_serial
        links = {change.serial: list(by_serial.get(change.serial, ())) for change in revoked}
        self._tell(revoked, {serial: len(standing) for serial, standing in links.items()})
        psks = {serial for serial, standing in links.items() if any(map(_has_psk, standing))}
        for serials, why in ((links.keys() - psks, CERTIFICATE_REVOKED), (psks, PSK_REVOKED)):
            if serials:
                names = {change.device for change in revoked if change.serial in serials}
                self._end({name: self._maybe_identity(name) for name in names}, serials, why, now)
                for link in chain.from_iterable(links[serial] for serial in serials):
                    link.end(ReasonCode.ADMINISTRATIVE_ACTION, why)

    def _end(self, heirs: Mapping[str, Identity | None], serials: Set[str], why: str, now: float) -> None:
        """End the sessions of those who are revoked, and of all that stand on these serials."""
        broker = self._house.broker
        broker.end_sessions_of(heirs, now, why)
        distrust(broker, lambda identity: identity.serial not in serials, why, now)

    def _tell(self, revoked: Collection[Change], links: dict[str, int]) -> None:
        for change in list(revoked)[:TOLD]:
            log.info(
                "%s was revoked (serial %s): it is refused from now on%s",
                change.device,
                change.serial,
                f", {links[change.serial]} of its links cut" if links[change.serial] else "",
                extra={"device": change.device, "serial": change.serial},
            )
        if len(revoked) > TOLD:
            cut = sum(links.values())
            log.info("%d certificates were revoked in all, %d links cut: sealmq log show", len(revoked), cut)

    def _forget(self, device: str) -> None:
        count = self._house.broker.publishing.forget_retained_of(device)
        log.info("%s is retired: %d retained messages forgotten", device, count, extra={"device": device})

    def _account_changed(self, change: Change, now: float) -> None:
        """An account is gone, or has another password or other devices: what was proved may not count any more."""
        self._gatekeeper.account_changed(change.device)
        if change.kind == "removed":
            # Somebody else may have the name already, and keeps what is its own.
            self._house.broker.end_sessions(change.device, now, ACCOUNT_REMOVED, self._maybe_identity(change.device))
        cut_account(self._house, change, self._maybe_account(change.device))


def _has_psk(link: Resident) -> bool:
    return link.identity is not None and link.identity.credential == "PSK"
