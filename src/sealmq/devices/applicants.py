"""Who shows a certificate where certificates are fetched and renewed: also one that has expired.

The handshake of such a listener has checked that a CA of ours signed it and that the peer has the key, and no date
(tls/context.py, rule 5). So everything else is asked here, for each connection anew:

Rule 1: it is one that we gave out, byte for byte, and that counts: not revoked, not replaced by a newer one.
Rule 2: the CA that signed it is trusted today, and holds today; and the certificate holds already.
Rule 3: that it has expired is no refusal, but is told. What it opens then is the renewal of itself, for as long as
        policy allows (registration.py), and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sealmq.devices.records import CertificateRecord, State
from sealmq.devices.registry import Registry
from sealmq.errors import TrustError
from sealmq.identity import Identity
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import day, identify_certificate, subject_key_id
from sealmq.pki.profiles import CLAIM, DEVICE, Validity


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who showed a certificate.

    serial:     of the certificate, lower-case hex.
    is_claim:   it is a claim, and no device's.
    is_expired: it is past its end.
    is_new:     nobody had connected with it before.
    identity:   whose it is.
    """

    serial: str
    is_claim: bool
    is_expired: bool
    is_new: bool
    identity: Identity


class Applicants:
    """Looks certificates up in the registry, as Directory does for the broker.

    anchors: the CAs whose certificates may be shown: key identifier -> when the CA holds.
    """

    def __init__(self, registry: Registry, anchors: Mapping[str, Validity]) -> None:
        self._registry = registry
        self._anchors = anchors

    def identify(self, der: bytes, now: float) -> Applicant:
        """Whose certificate this is (DER). `now` in Unix seconds.

        Raises TrustError, which says what is wrong with it and what to do; HomeError when the registry can't be read.
        """
        record = self._registry.recognize(sha256(der).hexdigest())
        if record is None or record.profile not in (DEVICE.name, CLAIM.name):
            raise TrustError(
                f"the certificate {identify_certificate(der).serial} is not one that this home gave to a device",
                remedy="enrol it anew: sealmq enroll token --device NAME",
            )
        self._check_authority(record, now)
        self._check_state(record)
        if now < record.not_before:
            raise TrustError(
                f"the certificate of '{record.device}' (serial {record.serial}) does not hold before"
                f" {day(record.not_before)}",
                remedy="check this machine's clock",
            )
        is_claim = record.profile == CLAIM.name
        return Applicant(
            serial=record.serial,
            is_claim=is_claim,
            is_expired=now > record.not_after,
            is_new=record.seen is None and record.profile == DEVICE.name,
            identity=Identity(
                record.device,
                "claim" if is_claim else record.role,
                record.serial,
                record.not_after,
                kind="claim" if is_claim else "device",
                bearer=record.uuid,
            ),
        )

    def _check_authority(self, record: CertificateRecord, now: float) -> None:
        holds = self._anchors.get(record.authority_key_id)
        if holds is None or not holds.not_before <= now <= holds.not_after:
            raise TrustError(
                f"the certificate of '{record.device}' (serial {record.serial}) was issued by an authority that"
                f" {'is not trusted any more' if holds is None else 'does not hold today'}",
                why="" if holds is None else f"it holds from {day(holds.not_before)} to {day(holds.not_after)}",
                remedy="enrol the device anew: sealmq enroll token --device NAME",
            )

    def _check_state(self, record: CertificateRecord) -> None:
        if record.state is State.VALID:
            return
        how = {State.REVOKED: "was revoked", State.SUPERSEDED: "was replaced by a newer one that is in use"}
        raise TrustError(
            f"the certificate of '{record.device}' (serial {record.serial})"
            f" {how.get(record.state, 'was never finished')}",
            remedy=f"sealmq enroll token --device {record.device}, if the device is still yours",
        )


def anchors_of(pem: bytes) -> dict[str, Validity]:
    """The CAs in a PEM file: key identifier -> when the CA holds. Raises TrustError when one is none."""
    anchors = {}
    for der in certificates_of(pem):
        says = identify_certificate(der)
        anchors[subject_key_id(der)] = Validity(int(says.not_before), int(says.not_after))
    return anchors
