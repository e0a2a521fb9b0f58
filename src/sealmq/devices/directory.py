"""The answer to 'who is this?': from the certificate that a handshake proved to an identity.

TLS has checked that the chain leads to the Device CA and that the peer has the key. What is asked here is what only
the registry knows: whether we gave this certificate out, and whether it still counts.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from sealmq.devices.psks import PSKs
from sealmq.devices.record_sizes import LARGEST
from sealmq.devices.records import PSK, CertificateRecord, State
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import Tokens
from sealmq.errors import TrustError
from sealmq.identity import Credential, Identity
from sealmq.pki.peer import PeerCertificate, day, describe_certificate, identify_certificate, printable
from sealmq.pki.profiles import CLAIM, DEVICE

_LET_IN = (DEVICE.name, CLAIM.name)
_NEW_CLAIM = "sealmq enroll claim makes a new one"


class Directory:
    """Looks certificates up in the registry.

    authorities: key identifiers of the CAs that count today; None: all that have ever signed one.
    first_seen:  is told the serial of a certificate that proved somebody and never had before (Registry.mark_seen).
    """

    def __init__(
        self,
        registry: Registry,
        authorities: frozenset[str] | None = None,
        first_seen: Callable[[str], None] | None = None,
    ) -> None:
        self._registry = registry
        self._tokens = Tokens(registry)
        self._psks = PSKs(registry)
        self.authorities = authorities
        self._first_seen = first_seen

    def identify(self, der: bytes, now: float) -> Identity:
        """Who the certificate (DER) belongs to. `now` in Unix seconds.

        Raises TrustError, which says what is wrong with it, why, and what to do; HomeError when the registry
        cannot be read.
        """
        # A certificate with a hash that we recorded is the one that we gave out, byte for byte: what it says we know
        # without reading it: 0.56 of the 11.9 million instructions of a handshake less.
        record = self._registry.recognize(sha256(der).hexdigest())
        if record is None or record.profile not in _LET_IN or not self._counts(record):
            record = self._read(der)
        self._check_state(record)
        self._check_dates(record, now)
        if record.profile == CLAIM.name:
            return self._claim(record, now)
        return self._device(record, "certificate")

    def identify_psk(self, identity: str, now: float) -> Identity:
        """Who has proved this PSK identity, "" when none was proved. `now` in Unix seconds. Raises as `identify`.

        The lookup in the handshake has asked the same; but a resumed handshake did not come by it.
        """
        if not identity:
            raise TrustError("no PSK was proved", remedy="sealmq device add NAME --psk makes one")
        return self._device(self._psks.proved(identity, now), "PSK")

    def _device(self, record: CertificateRecord, credential: Credential) -> Identity:
        """Whose record it is, now that it was proved."""
        if record.seen is None and self._first_seen is not None:
            self._first_seen(record.serial)
        return Identity(
            name=record.device,
            role=record.role,
            serial=record.serial,
            not_after=record.not_after,
            bearer=record.uuid,
            credential=credential,
            max_record=record.max_record or LARGEST,
        )

    def _claim(self, record: CertificateRecord, now: float) -> Identity:
        """Whoever has a claim that still counts. One that is used up is let in: an answer may have been lost."""
        claim = self._tokens.by_serial(record.serial)
        if claim is None:
            raise TrustError(
                f"nobody knows what the claim '{record.device}' (serial {record.serial}) is for", remedy=_NEW_CLAIM
            )
        if claim.state == "revoked" or now > claim.expires:
            raise TrustError(claim.reason_to_refuse(now), remedy=_NEW_CLAIM)
        return Identity(
            name=f"claim:{claim.id}",
            role="claim",
            serial=record.serial,
            not_after=min(record.not_after, claim.expires),
            kind="claim",
            bearer=record.serial,
        )

    def _read(self, der: bytes) -> CertificateRecord:
        """The record of a certificate by what it says; TrustError says what is wrong with it."""
        peer = identify_certificate(der)
        if peer.is_server_only:
            raise TrustError(
                f"{_short(peer)} is a server's certificate, not a device's",
                why="it may prove a server to clients, and nobody to a server",
                remedy="use the device's own files: sealmq device add NAME",
            )
        record = self._registry.lookup(peer.serial)
        if record is None or record.authority_key_id != peer.authority_key_id:
            raise self._unknown(peer)
        if not self._counts(record):
            raise TrustError(
                f"{_short(peer)} was issued by an authority that is not trusted any more",
                why="it stands in ca/device-ca.pem no longer",
                remedy=f"sealmq device revoke {record.device}, then sealmq device add {record.device}",
            )
        self._check_same(peer, record)
        return record

    def trusts(self, serial: str) -> bool:
        """Does a certificate that was let in before still come from an authority that counts? A PSK needs none.
        Raises HomeError."""
        record = self._registry.lookup(serial)
        return record is not None and (record.profile == PSK or self._counts(record))

    def _counts(self, record: CertificateRecord) -> bool:
        return self.authorities is None or record.authority_key_id in self.authorities

    def describe(self, der: bytes, now: float | None = None) -> str:
        """One phrase about a certificate for a log line; never raises. `now` (Unix seconds) lets it say 'expired'."""
        return describe_certificate(der, now)

    def _unknown(self, peer: PeerCertificate) -> TrustError:
        if self._registry.crl(peer.authority_key_id) is None:
            return TrustError(
                f"{_short(peer)} was issued by another authority, '{printable(peer.issuer)}'",
                why="only this home's own Device CA counts here",
                remedy="sealmq device add NAME makes a certificate for this broker",
            )
        return TrustError(
            f"{_short(peer)} is not in the registry",
            why="our Device CA signed it, but there is no record of it: was an older backup put back?",
            remedy=f"sealmq device add {printable(peer.common_name)} makes a new one, if the device is yours",
        )

    def _check_same(self, peer: PeerCertificate, record: CertificateRecord) -> None:
        differs = peer.common_name != record.device or record.profile not in _LET_IN
        if differs or (record.fingerprint and record.fingerprint != peer.fingerprint):
            raise TrustError(
                f"{_short(peer)} is not what the registry recorded under that serial",
                why=f"there it is the certificate of '{record.device}'",
                remedy="treat the Device CA's key as stolen unless you know better",
            )

    def _check_state(self, record: CertificateRecord) -> None:
        name = record.device
        if record.state is State.REVOKED:
            since = f" on {day(record.revoked_at)}" if record.revoked_at is not None else ""
            reason = f", reason {record.reason}" if record.reason not in (None, "unspecified") else ""
            raise TrustError(
                f"the certificate of '{name}' (serial {record.serial}) was revoked{since}{reason}",
                remedy=_remedy(record, f"sealmq device add {name} makes a new one, if the device is still yours"),
            )
        if record.state is State.SUPERSEDED:
            raise TrustError(
                f"the certificate of '{name}' (serial {record.serial}) was replaced by a newer one",
                why=f"'{name}' has connected with that since",
                remedy=f"give the device its newest files; lost: sealmq device revoke {name}, then add it again",
            )
        if record.state in (State.PENDING, State.ABANDONED):
            raise TrustError(
                f"the certificate of '{name}' (serial {record.serial}) was never finished",
                why="the command that made it was interrupted",
                remedy=f"sealmq device add {name}, and use the files that it writes",
            )

    def _check_dates(self, record: CertificateRecord, now: float) -> None:
        # OpenSSL has checked them too; but a link may be asked about long after its handshake.
        if now > record.not_after:
            raise TrustError(
                f"the certificate of '{record.device}' (serial {record.serial}) expired on {day(record.not_after)}",
                remedy=_remedy(record, f"sealmq device revoke {record.device}, then sealmq device add {record.device}"),
            )
        if now < record.not_before:
            raise TrustError(
                f"the certificate of '{record.device}' (serial {record.serial}) does not hold before"
                f" {day(record.not_before)}",
                remedy="check this machine's clock",
            )


def _remedy(record: CertificateRecord, for_a_device: str) -> str:
    return for_a_device if record.profile == DEVICE.name else _NEW_CLAIM


def _short(peer: PeerCertificate) -> str:
    return f"the certificate '{printable(peer.common_name)}' (serial {peer.serial})"
