"""What TLS may be here, and why: each default has its reason below it.

Not here, because Python's `ssl` cannot set it before 3.15 and OpenSSL's own choice is good:
the groups (OpenSSL 3.0: X25519, P-256, ...; 3.5: X25519MLKEM768 first) and the suites of TLS 1.3 (three AEADs).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import ClassVar

from sealmq.errors import ConfigError

RECORD_LIMIT = 16384  # RFC 8446 section 5.1: no record carries more plaintext
SMALLEST_RECORD = 64  # below it the 22 to 29 bytes around each record are more than a third of the traffic

PROFILES = {
    "default": ssl.TLSVersion.TLSv1_2,
    "modern": ssl.TLSVersion.TLSv1_3,
    "post-quantum": ssl.TLSVersion.TLSv1_3,
}

HYBRID_GROUPS = ("X25519MLKEM768", "SecP256r1MLKEM768")
"""Key exchange in which ML-KEM stands beside a curve (draft-ietf-tls-ecdhe-mlkem), so that both would have to fall; the
best first. A group without a curve is not here: it would rest on ML-KEM alone."""


@dataclass(frozen=True, slots=True)
class TLSPolicy:
    """The TLS rules of one listener or client. Raises ConfigError for what cannot be done."""

    profile: str = "default"
    """"default" is TLS 1.2 and 1.3: many devices in the field carry a library that has only 1.2, which is sound with
    the suites below. "modern" is 1.3 only: certificates and names travel encrypted. TLS 1.0 and 1.1 are forbidden by
    RFC 8996, SSL by RFC 7568. "post-quantum" is 1.3 only, with one of HYBRID_GROUPS and nothing else: what is recorded
    today stays closed to a quantum computer of tomorrow."""

    suites: tuple[str, ...] = (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
    """TLS 1.2 suites, the best first, in OpenSSL's spelling: ECDHE, so that a stolen key opens no old recording; AEAD,
    so that no padding oracle exists (RFC 9325 section 4.2). AES-128 leads because small devices have hardware for it,
    and fewer rounds. A client that puts ChaCha20 first (no AES hardware) gets ChaCha20."""

    tickets: int = 1
    """Session tickets for each full handshake, 0 to 8; 0 turns tickets off. A resumed handshake spares a device the
    signatures, most of the work. One suffices, as a device has one connection and each resumption brings a new
    ticket; of OpenSSL's default of two each takes memory here and time there. A ticket is 32 bytes, the key to a
    session that is kept here for two hours, so that a microcontroller can hold it; where too many would be kept, it
    carries the session, 0.6 KB and more (tls/resumption.py has the bound)."""

    max_record: int = RECORD_LIMIT
    """Bytes of plaintext in a record that we send, 64 to 16384. The standard's maximum is right for whoever has the
    RAM; a microcontroller that listens with a 1 KiB buffer needs a cap, as TLS 1.3 stacks often cannot ask for one and
    OpenSSL has no record_size_limit (RFC 8449). Handshake records are not capped: keep the chain short."""

    highest: str = "TLSv1.3"
    """The newest version that is spoken. "TLSv1.2" is for looking at how that is done, and for measuring it."""

    classical: bool = False
    """True leaves the hybrid groups out of what is offered and taken, where a middleware has any. It protects nobody
    better: it is for measuring what a hybrid group costs, with the same library beside it."""

    CLIENT_CERTIFICATES: ClassVar[bool] = True
    """Every peer proves who it is, by a certificate in the handshake. A listener with auth = "password", which somebody
    has to write into sealmq.toml, asks for none; there nobody is in before the password was checked. One with auth =
    "psk" takes no certificate: there the handshake proves both sides by the key that they share."""

    RENEGOTIATION: ClassVar[bool] = False
    """TLS 1.2 renegotiation changes who is at the other end in mid-stream, and lets one packet cost a handshake."""

    COMPRESSION: ClassVar[bool] = False
    """Compression before encryption leaks content through length (CRIME, RFC 7525 section 3.3)."""

    EARLY_DATA: ClassVar[bool] = False
    """0-RTT data can be replayed (RFC 8446 section 8): a replayed PUBLISH opens the door twice."""

    SECURITY_LEVEL: ClassVar[int] = 2
    """OpenSSL's level: no RSA key below 2048 bits, no curve below 224, no SHA-1 signature, whatever the system's
    openssl.cnf says."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(
                f"there is no TLS profile {self.profile!r}", remedy=f"profile is one of: {', '.join(sorted(PROFILES))}"
            )
        if self.highest not in ("TLSv1.2", "TLSv1.3"):
            raise ConfigError(f"{self.highest!r} is no TLS version that is spoken here", remedy="TLSv1.2 or TLSv1.3")
        if self.lowest > self.highest:
            raise ConfigError(
                f"profile {self.profile!r} leaves no TLS version when {self.highest} is the newest",
                remedy='profile "default" has TLS 1.2',
            )
        if self.classical and self.hybrid_only:
            raise ConfigError(
                'profile "post-quantum" leaves no group when the hybrid ones are left out', remedy="keep one of the two"
            )
        if not self.suites:
            raise ConfigError("no TLS 1.2 cipher suite is left", remedy='for TLS 1.3 only, set profile = "modern"')
        if not 0 <= self.tickets <= 8:
            raise ConfigError(f"{self.tickets} session tickets cannot be sent", remedy="tickets is from 0 to 8")
        if not SMALLEST_RECORD <= self.max_record <= RECORD_LIMIT:
            raise ConfigError(
                f"a record cannot carry {self.max_record} bytes",
                remedy=f"max_record is from {SMALLEST_RECORD} to {RECORD_LIMIT}",
            )

    @property
    def lowest(self) -> str:
        """The oldest version that is spoken: "TLSv1.2" or "TLSv1.3"."""
        return "TLSv1.2" if self.profile == "default" else "TLSv1.3"

    @property
    def hybrid_only(self) -> bool:
        """Is a hybrid group demanded?"""
        return self.profile == "post-quantum"

    @property
    def minimum_version(self) -> ssl.TLSVersion:
        """`lowest`, as `ssl` writes it."""
        return PROFILES[self.profile]

    @property
    def maximum_version(self) -> ssl.TLSVersion:
        """`highest`, as `ssl` writes it."""
        return ssl.TLSVersion.TLSv1_2 if self.highest == "TLSv1.2" else ssl.TLSVersion.MAXIMUM_SUPPORTED

    @property
    def cipher_string(self) -> str:
        """The TLS 1.2 suites and the security level, as OpenSSL reads them."""
        return f"{':'.join(self.suites)}:@SECLEVEL={self.SECURITY_LEVEL}"
