"""The registration authority: who gets a certificate, and who does not. One policy, whatever the way in (EST, MQTT).

    ENROLL   a device that has none: it proves a token or a claim, and gets the name that these allow
    RENEW    a device that has one: it proves it, and gets another of the same name beside it

Rule 1: the name comes from what was proved. What the request says must not differ from it; nothing of it is copied.
Rule 2: the same key and name, proved the same way, have the same answer until it was used: whoever lost it asks again,
        and no second certificate is made.
Rule 3: what a device hears is short (`Refused.words`); why is for the log (`Refused.why`).
Rule 4: a batch is decided together, and one that fails harms no other.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sealmq.devices.applications import Applications
from sealmq.devices.enrollment import barring, check_name
from sealmq.devices.issuing import Issued, Issuer, Order
from sealmq.devices.outcomes import (
    Application,
    ByCertificate,
    ByClaim,
    ByToken,
    EnrollmentPolicy,
    Granted,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Waiting,
)
from sealmq.devices.records import PSK, CertificateRecord, DeviceRecord, State
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import TokenRecord, Tokens
from sealmq.devices.trail import CLONE, Entry, Trail
from sealmq.errors import EnrollmentError
from sealmq.pki.authority import Authority
from sealmq.pki.peer import day, printable
from sealmq.pki.profiles import DEVICE
from sealmq.pki.requests import CertificateRequest, read_csr

BEING_MADE = 30.0
"""Seconds for which a serial that was reserved for a name keeps others from enrolling it: longer than any issue takes,
and no longer than a device waits until it tries again after a crash."""

RENEWALS_A_DAY = 20
"""Certificates that one device may get in a day. One that asks in a loop is broken; and serials are kept for good."""

_DAY = 86_400.0


class _RefusedError(Exception):
    def __init__(self, kind: Refusal, words: str, why: str = "") -> None:
        self.refused = Refused(kind, words, why or words)


@dataclass(frozen=True, slots=True)
class _Admitted:
    order: Order
    application: int | None


@dataclass(slots=True)
class _Batch:
    """What is known while one batch is decided: inside the transaction nobody else changes it.

    tokens: those that applicants proved. A production line has one: asked once and not 64 times (15 us each).
    used:   how often each was used in this batch.
    taken_keys, taken_names: which of its keys and names somebody has, or is making a certificate for. The others
            need not be asked about one by one: 50 us a certificate less. asked: the names that were asked about.
    """

    names: set[str] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    tokens: dict[ByToken | ByClaim | ByCertificate, TokenRecord] = field(default_factory=dict)
    used: Counter[int] = field(default_factory=Counter)
    taken_keys: set[str] = field(default_factory=set)
    taken_names: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    def is_new(self, name: str) -> bool:
        """Is it known that nobody has this name?"""
        return name.lower() in self.asked and name.lower() not in self.taken_names

    def add(self, order: Order) -> None:
        """One more that is to be made. Two of one name or key in a batch are one too many."""
        name, key = order.name.lower(), order.public_key.der
        if name in self.names or key in self.keys:
            raise _RefusedError(Refusal.BUSY, "somebody else is enrolling this name or key: try again")
        self.names.add(name)
        self.keys.add(key)
        if order.token is not None:
            self.used[order.token] += 1


class RegistrationAuthority:
    """Decides about applications, with one registry and one Device CA. For one thread.

    root: key identifier of the newest root: an answer over MQTT carries it beside the certificate, and so that the
          device has been given it is recorded with that. Over EST it is asked for apart, by whom we do not know.
    """

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        trail: Trail,
        policy: EnrollmentPolicy | None = None,
        root: str = "",
    ) -> None:
        self._registry = registry
        self._tokens = Tokens(registry)
        self._applications = Applications(registry)
        self._issuer = Issuer(registry, authority, trail)
        self._trail = trail
        self._batch = _Batch()
        self._root = root
        self.policy = policy or EnrollmentPolicy()

    def decide(self, applications: Sequence[Application], now: float) -> list[Outcome]:
        """Decide a batch; one outcome for each application, in order. `now` in Unix seconds.

        Raises HomeError when the disk is at fault, TrustError when the CA does not hold: then nothing was issued, and
        everybody may ask again.
        """
        outcomes: dict[int, Outcome] = {}
        admitted: dict[int, _Admitted] = {}
        self._batch = batch = _Batch()
        requests = [_maybe_read(application) for application in applications]
        with self._registry.transaction():
            read = [each for each in requests if isinstance(each, CertificateRequest)]
            names = {each.name for each in applications} | {each.common_name or "" for each in read}
            batch.asked = {name.lower() for name in names if name.isascii()}
            batch.taken_keys, batch.taken_names = self._registry.taken({each.spki_sha256 for each in read}, batch.asked)
            for place, (application, request) in enumerate(zip(applications, requests, strict=True)):
                try:
                    decided = self._admit(application, request, now)
                except _RefusedError as no:
                    outcomes[place] = no.refused
                else:
                    if isinstance(decided, _Admitted):
                        admitted[place] = decided
                    else:
                        outcomes[place] = decided
            for token, times in batch.used.items():
                counted = self._tokens.use(token, times)
                assert counted, "its quota was looked at in this transaction"
            reserved = self._issuer.reserve([each.order for each in admitted.values()], now=now)
        issued = self._issuer.make(reserved, now=now) if reserved else []
        for (place, each), answer in zip(admitted.items(), issued, strict=True):
            outcomes[place] = self._answer(each, answer)
        return [outcomes[place] for place in range(len(applications))]

    def saw(self, serials: Sequence[str], now: float) -> None:
        """Devices connected with these certificates for the first time: what they had before is superseded."""
        with self._registry.transaction():
            entries = []
            for serial in serials:
                superseded = self._registry.mark_seen(serial, now=now)
                if superseded:
                    record = self._registry.lookup(serial)
                    name = record.device if record is not None else ""
                    facts = {"device": name, "serial": serial, "superseded": " ".join(superseded)}
                    entries.append(Entry("supersede", f"device:{name}", facts))
            self._trail.append(entries, now=now)

    def record(self, entries: Sequence[Entry], now: float) -> None:
        """What else belongs into the trail; of clones, what `sealmq device show` tells."""
        with self._registry.transaction():
            for entry in entries:
                if entry.action == CLONE:
                    self._registry.note("clone", str(entry.facts["serial"]), str(entry.facts["device"]))
            self._trail.append(entries, now=now)

    def _answer(self, admitted: _Admitted, answer: Issued | EnrollmentError) -> Outcome:
        if isinstance(answer, EnrollmentError):
            return Refused(Refusal.BUSY, "somebody else is enrolling this name: try again", answer.what)
        if admitted.application is not None:
            self._applications.finish(admitted.application)
        certificate = answer.certificate
        return Granted(
            admitted.order.name,
            certificate.serial,
            certificate.der,
            certificate.validity.not_after,
            answer.shortened,
        )

    # -- policy ------------------------------------------------------------------------------------------------------

    def _admit(
        self, application: Application, request: CertificateRequest | _RefusedError, now: float
    ) -> _Admitted | Outcome:
        """What becomes of one application: an order, an answer that needs none, or _RefusedError."""
        if isinstance(request, _RefusedError):
            raise request
        _check_challenge(application, request)
        if application.operation is Operation.RENEW:
            decided = self._admit_renewal(application, request, now)
        else:
            decided = self._admit_enrollment(application, request, now)
        if isinstance(decided, _Admitted):
            self._batch.add(decided.order)
        return decided

    def _admit_enrollment(
        self, application: Application, request: CertificateRequest, now: float
    ) -> _Admitted | Outcome:
        token = self._proven_token(application)
        name = self._enrolled_name(application, request, token)
        known = self._with_key(request)
        repeated = self._repeated(name, known, now, token=token.id)
        if repeated is not None:
            return repeated
        is_new = self._batch.is_new(name)
        if not is_new and self._registry.pending(name, since=0.0):
            token = self._clear_stale(name, token, now)
        reason = token.reason_to_refuse(now, also_used=self._batch.used[token.id])
        if reason:
            raise _RefusedError(Refusal.UNAUTHENTICATED, "not authorized", reason)
        device = None if is_new else self._registry.device(name)
        if not is_new:
            self._check_name_is_free(name, device, token)
        self._check_key(name, known)
        waiting = self._approval(application, request, name, token, now)
        if isinstance(waiting, Waiting):
            return waiting
        renews = device is not None and device.state == "active"
        return _Admitted(
            Order(
                name=name if device is None or not renews else device.name,
                public_key=request.public_key,
                role=device.role if device is not None and renews else token.role,
                days=application.label.shorten(token.days or self.policy.days),
                uuid=UUID(device.uuid) if device is not None and renews else uuid4(),
                renews=renews,
                token=token.id,
                actor=f"{token.kind}:{token.id}",
                root=self._root if application.via == "mqtt" else "",
                via=application.via,
                address=application.address,
            ),
            waiting,
        )

    def _admit_renewal(self, application: Application, request: CertificateRequest, now: float) -> _Admitted | Outcome:
        record, device = self._proven_device(application, now)
        name = device.name
        self._check_same_names(request, record)
        if application.name and application.name != name:
            raise _RefusedError(
                Refusal.FORBIDDEN,
                "the name is not that of the certificate",
                f"{printable(application.name)} is not {name}",
            )
        known = self._with_key(request)
        repeated = self._repeated(name, known, now)
        if repeated is not None:
            return repeated
        self._check_key(name, known)
        recent = self._registry.recorded_since(name, now - _DAY)
        if recent >= RENEWALS_A_DAY:
            raise _RefusedError(
                Refusal.BUSY, "too many renewals today", f"'{name}' has had {recent} certificates in a day"
            )
        return _Admitted(
            Order(
                name=name,
                public_key=request.public_key,
                role=device.role,
                days=application.label.shorten(min(self.policy.days, self._tokens.days_of(name) or self.policy.days)),
                uuid=UUID(device.uuid),
                renews=True,
                actor=f"device:{name}" + (" (late)" if now > record.not_after else ""),
                root=self._root if application.via == "mqtt" else "",
                via=application.via,
                address=application.address,
            ),
            None,
        )

    def _proven_token(self, application: Application) -> TokenRecord:
        applicant = application.applicant
        token = self._batch.tokens.get(applicant)
        if token is not None:
            return token
        if isinstance(applicant, ByToken):
            token = self._tokens.by_secret(applicant.secret)
        elif isinstance(applicant, ByClaim):
            token = self._tokens.by_serial(applicant.serial)
            record = self._registry.lookup(applicant.serial)
            if record is None or record.state is not State.VALID:
                raise _RefusedError(
                    Refusal.UNAUTHENTICATED, "not authorized", f"the claim {applicant.serial} does not count"
                )
        else:
            raise _RefusedError(Refusal.FORBIDDEN, "a device's certificate renews itself, and enrols nobody")
        if token is None:
            raise _RefusedError(Refusal.UNAUTHENTICATED, "not authorized", "no token or claim of ours")
        self._batch.tokens[applicant] = token
        return token

    def _enrolled_name(self, application: Application, request: CertificateRequest, token: TokenRecord) -> str:
        name = application.name or request.common_name or token.device or ""
        if request.common_name not in (None, name):
            said = printable(request.common_name or "")
            raise _RefusedError(
                Refusal.FORBIDDEN, "the request is for another name", f"it is for '{said}', not for '{printable(name)}'"
            )
        try:
            check_name(name)
        except EnrollmentError as error:
            raise _RefusedError(Refusal.MALFORMED, "this cannot be a device's name", error.what) from error
        if not application.label.admits(name):
            why = f"label '{application.label.name}' is for '{application.label.prefix}...', not '{name}'"
            raise _RefusedError(Refusal.FORBIDDEN, "not for this name", why)
        if token.device is not None:
            if name.lower() != token.device.lower():
                raise _RefusedError(
                    Refusal.FORBIDDEN, "not for this name", f"token {token.id} is for '{token.device}', not '{name}'"
                )
            return token.device
        if not name.startswith(token.prefix) or not self._tokens.lists(token, name):
            raise _RefusedError(
                Refusal.FORBIDDEN,
                "not for this name",
                f"{token.kind} {token.id} is for '{token.prefix}...', not '{name}'",
            )
        return name

    def _with_key(self, request: CertificateRequest) -> list[CertificateRecord]:
        """What was recorded for the request's key."""
        key = request.spki_sha256
        return self._registry.certificates_with_key(key) if key in self._batch.taken_keys else []

    def _clear_stale(self, name: str, token: TokenRecord, now: float) -> TokenRecord:
        """Give up what somebody reserved for this name who was killed since; the token may count again by that."""
        if self._registry.pending(name, since=now - BEING_MADE):
            raise _RefusedError(Refusal.BUSY, "somebody else is enrolling this name: try again")
        self._registry.abandon(DEVICE.name, name)
        return self._tokens.find(token.id)

    def _check_name_is_free(self, name: str, device: DeviceRecord | None, token: TokenRecord) -> None:
        if self._registry.account(name) is not None:
            raise _RefusedError(Refusal.FORBIDDEN, "the name is taken", f"there is an account '{name}'")
        # A token for one device was made for it by hand: it may bring back a revoked one, or give a present one another
        # certificate. Whoever holds a whole line's claim must not come by a device's name that way.
        # Nor anybody while a hold may be lifted again.
        if device is not None and (token.device is None or device.held):
            state = "on hold" if device.held else device.state
            raise _RefusedError(Refusal.FORBIDDEN, "the name is taken", f"there is a device '{device.name}' ({state})")
        if device is not None and device.has_psk and device.state == "active":
            why = f"'{device.name}' has a PSK, and a device has one of the two: revoke it first"
            raise _RefusedError(Refusal.FORBIDDEN, "the name is taken", why)

    def _check_key(self, name: str, known: Sequence[CertificateRecord]) -> None:
        """known: what was certified for this key before."""
        record = barring(known, name)
        if record is None:
            return
        if record.is_of(name):
            raise _RefusedError(Refusal.FORBIDDEN, "the key was revoked", "its key was revoked as compromised")
        raise _RefusedError(Refusal.FORBIDDEN, "the key is in use", f"its key belongs to '{record.device}' already")

    def _check_same_names(self, request: CertificateRequest, record: CertificateRecord) -> None:
        """RFC 7030 section 4.2.2: subject and subjectAltName as in the certificate; absent is no difference."""
        same_san = request.uris is None or request.uris == (f"urn:uuid:{record.uuid}",)
        if request.has_other_names or not same_san or request.common_name not in (None, record.device):
            raise _RefusedError(
                Refusal.FORBIDDEN,
                "subject and subjectAltName must be those of the certificate, or absent",
                f"the request of '{record.device}' names something else",
            )

    def _proven_device(self, application: Application, now: float) -> tuple[CertificateRecord, DeviceRecord]:
        applicant = application.applicant
        if not isinstance(applicant, ByCertificate):
            raise _RefusedError(Refusal.UNAUTHENTICATED, "a renewal needs the device's certificate")
        record = self._registry.lookup(applicant.serial)
        device = self._registry.device(record.device) if record is not None else None
        if record is not None and record.profile == PSK:
            words = "a pre-shared key is not renewed over the network: its owner gives the device a new one"
            raise _RefusedError(Refusal.FORBIDDEN, words, f"'{record.device}' has a PSK, and no certificate")
        if record is None or device is None or record.profile != DEVICE.name:
            raise _RefusedError(Refusal.UNAUTHENTICATED, "not authorized", "no certificate of a device of ours")
        if record.state is not State.VALID or device.state != "active" or device.uuid != record.uuid:
            raise _RefusedError(
                Refusal.UNAUTHENTICATED, "not authorized", f"the certificate of '{device.name}' is {record.state}"
            )
        if now < record.not_before:
            raise _RefusedError(
                Refusal.UNAUTHENTICATED, "not authorized", "its certificate does not hold yet: whose clock is wrong?"
            )
        late = now - record.not_after
        if late > self.policy.late_renewal * _DAY:
            raise _RefusedError(
                Refusal.UNAUTHENTICATED,
                "the certificate ended too long ago",
                f"the certificate of '{device.name}' ended on {day(record.not_after)}, more than"
                f" {self.policy.late_renewal} days ago",
            )
        return record, device

    def _repeated(
        self, name: str, known: Sequence[CertificateRecord], now: float, *, token: int | None = None
    ) -> Granted | None:
        """The answer that this name and key have had already, while the certificate was not used yet (rule 2)."""
        for record in known:
            if record.device.lower() != name.lower() or record.state is not State.VALID or record.seen is not None:
                continue
            body = self._registry.body(record.serial)
            if body is not None and record.token == token and now <= record.not_after:
                return Granted(record.device, record.serial, body, record.not_after)
        return None

    def _approval(
        self, application: Application, request: CertificateRequest, name: str, token: TokenRecord, now: float
    ) -> Waiting | int | None:
        """Waiting, when somebody has to approve it first; else the number of the request that was approved."""
        if not (token.approval or self.policy.approval or application.label.approval):
            return None
        if application.via == "est-server-key":
            why = "a key that is made here is another one each time it is asked for, so nobody could approve it"
            raise _RefusedError(Refusal.FORBIDDEN, "somebody has to approve the device's own key: make one there", why)
        known = self._applications.known(name, request.spki_sha256)
        # What was approved is this name and key by this token: another one may give another role.
        if known is None or (known.token != token.id and known.state in ("approved", "done")):
            try:
                self._applications.put(
                    name=name,
                    spki_sha256=request.spki_sha256,
                    token=token.id,
                    via=application.via,
                    address=application.address,
                    now=now,
                    quota=token.quota - token.used,
                )
            except EnrollmentError as error:
                raise _RefusedError(Refusal.BUSY, "too many requests wait", error.what) from error
            facts = {"device": name, "spki_sha256": request.spki_sha256, "address": application.address}
            self._trail.append([Entry("apply", f"{token.kind}:{token.id}", facts)], now=now)
            return Waiting(name)
        if known.state == "denied":
            raise _RefusedError(
                Refusal.FORBIDDEN, "the request was denied", f"request {known.id} of '{name}' was denied"
            )
        return Waiting(name) if known.state == "waiting" else known.id


def _maybe_read(application: Application) -> CertificateRequest | _RefusedError:
    try:
        return read_csr(application.csr)
    except EnrollmentError as error:
        why = f"{error.what}{f' ({error.why})' if error.why else ''}"
        return _RefusedError(Refusal.MALFORMED, error.what, why)


def _check_challenge(application: Application, request: CertificateRequest) -> None:
    """RFC 7030 section 3.5: a challengePassword binds a request to its connection; one that does not is refused."""
    unique, said = application.tls_unique, request.challenge_password
    if said is not None and unique is not None and (not unique or said != b64encode(unique)):
        words = "the request's challengePassword is not the tls-unique of this connection: leave it out"
        raise _RefusedError(Refusal.MALFORMED, words)
