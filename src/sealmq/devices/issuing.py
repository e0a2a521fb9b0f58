"""Issuing certificates for devices, many at a time: the one way by which a device's certificate comes into being.

    1. the serials are recorded (pending), all of a batch in one transaction
    2. the certificates are signed
    3. they are handed over: files are written, or nothing, where an answer follows
    4. the audit trail has a line for each, on the disk
    5. the registry says: valid, in one transaction

What fails before 5 is given up as a whole: a serial that opens nothing. What is killed leaves pending serials, which
open nothing either. A batch shares three syncs of the disk: alone, one certificate costs as many as sixty-four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sealmq.devices.records import Confirmation, Reservation
from sealmq.devices.registry import Registry
from sealmq.devices.trail import ISSUE, Entry, Trail
from sealmq.errors import EnrollmentError, Error
from sealmq.pki.authority import Authority, Certificate, issue_device, new_serial
from sealmq.pki.keys import PublicKey
from sealmq.pki.profiles import DEVICE, Validity, validity


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that is to be made; what policy had to say was said before.

    days:       its life; None: the profile's. Cut where the CA ends.
    uuid:       of the device; that of the existing one when it `renews`.
    token:      the batch by which it is enrolled.
    root:       key identifier of the root that the device is given with it, "" when it is given none.
    actor:      who wants it, for the audit trail; via: how it was asked for: "cli", "est", "mqtt"; address: from where.
    """

    name: str
    public_key: PublicKey
    role: str = "device"
    days: int | None = None
    uuid: UUID = field(default_factory=uuid4)
    renews: bool = False
    token: int | None = None
    root: str = ""
    actor: str = ""
    via: str = "cli"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was made. shortened: it ends with the CA, earlier than was asked for."""

    order: Order
    certificate: Certificate
    shortened: bool


@dataclass(frozen=True, slots=True)
class Reserved:
    """An order whose serial is recorded."""

    order: Order
    serial: str
    when: Validity


HandOver = Callable[[Sequence[Issued]], None]
"""Writes what belongs to certificates that were signed and are not valid yet; what it raises gives them up."""


class Issuer:
    """Issues with one Device CA, and tells the trail."""

    def __init__(self, registry: Registry, authority: Authority, trail: Trail) -> None:
        self._registry = registry
        self._authority = authority
        self._trail = trail

    def issue(
        self, orders: Sequence[Order], *, now: float, hand_over: HandOver | None = None
    ) -> list[Issued | EnrollmentError]:
        """Issue a batch; one answer for each order: it, or why that one was not made. `now` in Unix seconds.

        Raises HomeError or OSError when the disk is at fault, TrustError when the CA does not hold; then none was made.
        """
        return self.make(self.reserve(orders, now=now), now=now, hand_over=hand_over)

    def reserve(self, orders: Sequence[Order], *, now: float) -> list[Reserved]:
        """The first step alone, for who has more to write in the same transaction. Raises as `issue`."""
        when = [validity(DEVICE, now, issuer=self._authority.certificate.validity, days=each.days) for each in orders]
        reserved = [Reserved(order, new_serial(), life) for order, life in zip(orders, when, strict=True)]
        self._registry.reserve(*map(self._reservation, reserved), now=now)
        return reserved

    def make(
        self, reserved: Sequence[Reserved], *, now: float, hand_over: HandOver | None = None
    ) -> list[Issued | EnrollmentError]:
        """The other steps. Raises as `issue`."""
        try:
            issued = [self._sign(each, now) for each in reserved]
            if hand_over is not None:
                hand_over(issued)
            return self._confirm(issued, now)
        except BaseException:
            with suppress(Error):  # the first error says more; pending serials open nothing
                self._registry.abandon_serials(each.serial for each in reserved)
            raise

    def _reservation(self, reserved: Reserved) -> Reservation:
        return Reservation(
            serial=reserved.serial,
            subject=reserved.order.name,
            profile=DEVICE.name,
            authority_key_id=self._authority.key_id,
            not_before=reserved.when.not_before,
            not_after=reserved.when.not_after,
            spki_sha256=reserved.order.public_key.spki_sha256,
            token=reserved.order.token,
        )

    def _sign(self, reserved: Reserved, now: float) -> Issued:
        order = reserved.order
        certificate = issue_device(
            self._authority,
            order.name,
            order.uuid,
            order.public_key,
            serial=reserved.serial,
            now=now,
            days=order.days,
        )
        asked = reserved.when.not_before + (order.days or DEVICE.days) * 86400 - 1
        return Issued(order, certificate, certificate.validity.not_after < asked)

    def _confirm(self, issued: Sequence[Issued], now: float) -> list[Issued | EnrollmentError]:
        answers: list[Issued | EnrollmentError] = []
        lost: list[str] = []
        with self._registry.transaction():
            errors = self._registry.confirm_devices([self._confirmation(each) for each in issued], now=now)
            for each, error in zip(issued, errors, strict=True):
                if error is None:
                    answers.append(each)
                else:
                    answers.append(EnrollmentError(error.what, why=error.why, remedy=error.remedy))
                    lost.append(each.certificate.serial)
            self._registry.abandon_serials(lost)
            # Inside the transaction, and before its end: no certificate opens anything without its line.
            self._trail.append(
                [_entry(each, self._authority.key_id) for each in answers if isinstance(each, Issued)], now=now
            )
        return answers

    def _confirmation(self, issued: Issued) -> Confirmation:
        order, certificate = issued.order, issued.certificate
        return Confirmation(
            serial=certificate.serial,
            fingerprint=certificate.fingerprint,
            role=order.role,
            uuid=str(order.uuid),
            der=certificate.der,
            token=order.token,
            renews=order.renews,
            root=order.root,
        )


def _entry(issued: Issued, authority: str) -> Entry:
    order, certificate = issued.order, issued.certificate
    return Entry(
        ISSUE,
        order.actor,
        {
            "device": order.name,
            "role": order.role,
            "profile": DEVICE.name,
            "serial": certificate.serial,
            "fingerprint": certificate.fingerprint,
            "spki_sha256": order.public_key.spki_sha256,
            "authority": authority,
            "not_after": certificate.validity.not_after,
            "renews": int(order.renews),
            "token": order.token,
            "via": order.via,
            "address": order.address,
        },
    )
