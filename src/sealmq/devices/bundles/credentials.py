"""What a bundle is made of: a device's certificates, its key where it was made here, and where its broker is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from sealmq.errors import TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.chain import key_algorithm
from sealmq.pki.containers import certificate_pem, pkcs8_der, sec1_der, sec1_pem
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import PeerCertificate, identify_certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything that a target's files can be made of. Its views of the key are secrets, and show in no repr."""

    name: str
    """The device's name: its certificate's common name, and by habit its client identifier."""

    host: str
    """The broker's host name or address, as the device dials it: the broker's certificate must have it."""

    port: int
    """The broker's port for MQTT over TLS."""

    root_pem: bytes
    """Whom the device trusts: one root, or two (the newer first) while one is being replaced by the other."""

    leaf_pem: bytes
    """The device's certificate alone: what a device of ours sends. The broker has the rest of the chain."""

    issuing_pem: bytes
    """The certificate of the Device CA, for brokers that want it sent."""

    key: PrivateKey | None
    """The device's key; None where the device keeps its own (a certificate request)."""

    now: float
    """The time by which the bundle is checked and dated, Unix seconds."""

    min_tls: str = "1.2"
    """The lowest version of TLS that the broker speaks."""

    version: str = ""
    """The version of SealMQ that makes the bundle."""

    enrollment_token: str = field(default="", repr=False)
    """A one-time token for enrolment, where one was made: a secret until it has been used. Only labels carry it."""

    @property
    def leaf_der(self) -> bytes:
        """The device's certificate as DER."""
        return _only(self.leaf_pem)

    @property
    def issuing_der(self) -> bytes:
        """The Device CA's certificate as DER."""
        return _only(self.issuing_pem)

    @property
    def chain_pem(self) -> bytes:
        """The device's certificate, then its CA's: for brokers that do not know the Device CA."""
        return self.leaf_pem + self.issuing_pem

    @property
    def root_ders(self) -> tuple[bytes, ...]:
        """The roots as DER, the newest first."""
        return tuple(certificates_of(self.root_pem))

    @property
    def root_pems(self) -> tuple[bytes, ...]:
        """The roots as PEM, one by one, the newest first."""
        return tuple(certificate_pem(each) for each in self.root_ders)

    @property
    def root_fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of each root, lower-case hex: what somebody compares who got the bundle by a way he doubts."""
        return tuple(hashlib.sha256(each).hexdigest() for each in self.root_ders)

    @property
    def leaf(self) -> PeerCertificate:
        """What the device's certificate says: serial, dates, fingerprint."""
        return identify_certificate(self.leaf_der)

    @property
    def key_algorithm(self) -> str:
        """The device's kind of key: "P-256", "P-384", "P-521", "RSA-2048" ..."""
        return key_algorithm(self.leaf_der)

    @property
    def key_pkcs8_pem(self) -> bytes | None:
        """The key as PKCS#8 PEM ("BEGIN PRIVATE KEY"): a secret. None without a key, as in all of these."""
        return self.key.pem() if self.key is not None else None

    @property
    def key_pkcs8_der(self) -> bytes | None:
        """The key as PKCS#8 DER: a secret."""
        return pkcs8_der(self.key) if self.key is not None else None

    @property
    def key_sec1_pem(self) -> bytes | None:
        """The key as SEC1 PEM ("BEGIN EC PRIVATE KEY"): a secret. What old Mbed TLS and small parsers read."""
        return sec1_pem(self.key) if self.key is not None else None

    @property
    def key_sec1_der(self) -> bytes | None:
        """The key as SEC1 DER, the shortest form: a secret."""
        return sec1_der(self.key) if self.key is not None else None


def _only(pem: bytes) -> bytes:
    found = certificates_of(pem)
    if len(found) != 1:
        raise TrustError(f"one certificate was expected here, and there are {len(found)}")
    return found[0]
