"""The five kinds of certificate that this CA makes, as data, and the reason for each choice.

Rule 1: what a certificate may do is decided here, and nowhere else. `authority.py` turns a profile into bytes.
Rule 2: P-256 and ecdsa-with-SHA256 on every certificate of every chain: the one choice that all microcontroller
        stacks accept (Mbed TLS, wolfSSL, BearSSL, CycloneSSL).
Rule 3: no nameConstraints anywhere: RFC 5280 wants it critical, and Mbed TLS refuses to parse a certificate that
        carries it. The CA enforces names itself.
Rule 4: no CRL distribution point and no AIA: revocation is looked up in the registry, and each would cost a device
        bytes that it never reads.

The standards behind it: RFC 5280, and draft-ietf-uta-tls13-iot-profile for what small devices want.
"""

from __future__ import annotations

import calendar
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sealmq.errors import TrustError

BACKDATE = 3600
"""Seconds by which notBefore lies in the past: clocks differ, and firmware without one starts from its build time."""

LAST_UTC_TIME = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second that X.509 writes as UTCTime (RFC 5280 section 4.1.2.5); old embedded parsers know nothing later."""

COMMON_NAME_LENGTH = 64
"""ub-common-name of RFC 5280 appendix A: a longer name is refused by strict parsers."""

_DNS_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate. Each field says what it puts into the certificate."""

    name: str
    """How the registry calls it."""

    key_usage: frozenset[str]
    """keyUsage (always critical): digital_signature, key_cert_sign, crl_sign."""

    extended_key_usage: str = ""
    """serverAuth or clientAuth, never both; "" leaves it out. Not critical."""

    is_authority: bool = False
    """basicConstraints CA (always critical)."""

    path_length: int | None = None
    """pathLenConstraint; None leaves it out."""

    subject_key_id: bool = False
    """Whether the certificate names its own key."""

    authority_key_id: bool = True
    """Whether it names its issuer's key."""

    years: int = 0
    """Lifetime in calendar years, or"""

    days: int = 0
    """lifetime in days."""


ROOT = Profile(
    name="root",
    # It signs two CAs and nothing else; digitalSignature would let its key be used for TLS.
    key_usage=frozenset({"key_cert_sign", "crl_sign"}),
    is_authority=True,
    path_length=None,  # the IoT profile: MUST be omitted on a root; some parsers count wrongly when it is there
    subject_key_id=True,  # what the issuing CAs point at
    authority_key_id=False,  # it would only repeat the line above
    years=20,  # it is burnt into firmware; capped to 2049 below
)
"""The one anchor that a device must trust."""

ISSUING = Profile(
    name="issuing",
    # digitalSignature: the IoT profile says SHOULD, so that the CA can sign EST answers later.
    key_usage=frozenset({"key_cert_sign", "crl_sign", "digital_signature"}),
    is_authority=True,
    path_length=0,  # RFC 5280 allows it, the IoT profile would rather not: kept, a stolen CA key makes no further CAs
    subject_key_id=True,
    authority_key_id=True,
    years=10,  # longer than any leaf
)
"""The Server CA, the Device CA, the Claim CA. No extended key usage: the IoT profile forbids it in CA certificates."""

SERVER = Profile(
    name="server",
    key_usage=frozenset({"digital_signature"}),  # ECDHE only: no key ever encrypts another
    extended_key_usage="serverAuth",  # and not clientAuth: the broker's certificate logs nobody in
    days=90,  # it renews itself, so a short life costs nothing
)
"""The broker. No SKI in leaves: the IoT profile, 31 bytes that nobody reads."""

DEVICE = Profile(
    name="device",
    key_usage=frozenset({"digital_signature"}),
    extended_key_usage="clientAuth",  # and not serverAuth: a stolen device can't pose as the broker
    days=365,  # long enough for a device that sleeps over winter
)
"""A device, or the operator. Its name is the common name; the one SAN is urn:uuid:, so no name can be mistaken."""

CLAIM = Profile(
    name="claim",
    key_usage=frozenset({"digital_signature"}),
    extended_key_usage="clientAuth",
    days=30,  # one batch on one production line: the same key is in many hands, so it must not live long
)
"""What a device shows before it has its own certificate. No policy of its own in certificatePolicies: an identifier
under nobody's arc would mean nothing to others, and we know a claim by its issuer, the Claim CA."""

CROSS = Profile(
    name="cross",
    key_usage=frozenset({"key_cert_sign", "crl_sign"}),  # as the root whose key it carries
    is_authority=True,
    path_length=None,  # an issuing CA stands below it, as below the root
    subject_key_id=True,
    authority_key_id=True,
    years=20,  # as long as the root that signs it, and the one whose key it is
)
"""One root's key, signed by another root: by it, whoever knows only one of them verifies what stands below the other
(RFC 4210 section 4.4)."""

PROFILES = (ROOT, ISSUING, SERVER, DEVICE, CLAIM, CROSS)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate holds, both seconds included (RFC 5280 section 4.1.2.5), Unix seconds."""

    not_before: int
    not_after: int


@lru_cache(maxsize=16)  # a batch asks one question, twice for each certificate
def validity(profile: Profile, now: float, *, issuer: Validity | None = None, days: int | None = None) -> Validity:
    """When a certificate that is made at `now` (Unix seconds) begins and ends.

    The life is counted from notBefore, and both ends are inside: 90 days end one second early. `days` replaces the
    profile's life. Nothing outlives its issuer or 2049, and nothing is older than its issuer.

    Raises TrustError when the issuer does not hold at `now`: it is at its end, or the clock is wrong.
    """
    if issuer is not None and not issuer.not_before <= now <= issuer.not_after:
        when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if now < issuer.not_before:
            raise TrustError(
                f"the clock says {when}, which is before the certificate authority was made",
                remedy="set this machine's clock, then try again",
            )
        raise TrustError(
            "the certificate authority has expired and can issue nothing more",
            why=f"it ended before {when}",
            remedy="check this machine's clock; if it is right, make a new home",
        )
    start = int(now) - BACKDATE
    if issuer is not None:
        start = max(start, issuer.not_before)
    begin = datetime.fromtimestamp(start, UTC)
    span = timedelta(days=days if days is not None else profile.days)
    end = _years_later(begin, profile.years) if days is None and profile.years else begin + span
    last = int(min(end.timestamp() - 1, LAST_UTC_TIME))
    if issuer is not None:
        last = min(last, issuer.not_after)
    return Validity(start, last)


def _years_later(begin: datetime, years: int) -> datetime:
    year = begin.year + years
    day = 28 if (begin.month, begin.day) == (2, 29) and not calendar.isleap(year) else begin.day
    return begin.replace(year=year, day=day)


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What a broker may be called: clients compare the name that they dial with these.

    dns:                    host names. Lower-cased; doubles are dropped.
    addresses:              IP addresses as text, IPv4 or IPv6.
    addresses_as_dns_names: also write each IPv4 address as a dNSName. Mbed TLS before 3.5 (ESP-IDF 4, old NXP SDKs)
                            knows no address in a SAN and compares the text.

    Raises TrustError for a name that is no host name, or when there is no name at all.
    """

    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = field(default=())
    addresses_as_dns_names: bool = False

    def __post_init__(self) -> None:
        for name in self.dns:
            if not is_dns_name(name):
                raise TrustError(f"{name!r} is not a host name", remedy="use letters, digits, '-' and '.'")
        try:
            addresses = [str(ipaddress.ip_address(address)) for address in self.addresses]
        except ValueError as error:
            raise TrustError(str(error), remedy="write addresses like 192.168.1.10 or fd00::1") from error
        if not self.dns and not addresses:
            raise TrustError("a broker needs at least one name or address")
        object.__setattr__(self, "dns", tuple(dict.fromkeys(name.lower() for name in self.dns)))
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(addresses)))

    def dns_names(self) -> tuple[str, ...]:
        """The dNSNames of the certificate, the addresses that are written as names included."""
        if not self.addresses_as_dns_names:
            return self.dns
        # IPv4 only: a colon in a dNSName would upset more parsers than it helps.
        return tuple(dict.fromkeys((*self.dns, *(address for address in self.addresses if ":" not in address))))


def is_dns_name(name: str) -> bool:
    """Whether `name` is a host name that may stand in a certificate (RFC 5280 section 4.2.1.6, RFC 1034 section 3.5).

    A dotted IPv4 address is none, although it looks like one.
    """
    if not 0 < len(name) <= 253 or not all(_DNS_LABEL.fullmatch(label) for label in name.split(".")):
        return False
    return not name.rsplit(".", 1)[-1].isdigit()
