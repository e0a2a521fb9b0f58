"""[tls], and the keys of a listener that speaks another TLS than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sealmq.config.table import Table
from sealmq.tls.middlewares import DEFAULT, EXACT, NAMES

Profile = Literal["default", "modern", "post-quantum"]

PROFILES: Final[tuple[Profile, ...]] = ("default", "modern", "post-quantum")
MIDDLEWARES: Final = (*NAMES, *EXACT)
KEYS: Final = ("middleware", "profile", "max_record")

# RFC 8449 section 4: no record limit below 64. A page above it keeps a mistake from costing all the throughput.
SMALLEST_RECORD: Final = 512
LARGEST_RECORD: Final = 16_384


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """[tls]: what the listeners speak."""

    profile: Profile = "default"
    """"default" is TLS 1.2 and 1.3, "modern" is TLS 1.3 only, "post-quantum" is TLS 1.3 with a hybrid group."""

    max_record: int = LARGEST_RECORD
    """Bytes of the largest TLS record that we send; small for microcontrollers with a small buffer."""

    middleware: str = DEFAULT
    """The TLS library, one of MIDDLEWARES."""


def read_tls(table: Table) -> TLSSettings:
    """The table [tls]."""
    table.expect_keys(*KEYS)
    default = TLSSettings()
    return TLSSettings(
        profile=read_profile(table) or default.profile,
        max_record=read_max_record(table) or default.max_record,
        middleware=read_middleware(table) or default.middleware,
    )


def read_profile(table: Table) -> Profile | None:
    """The key `profile`, None where there is none."""
    if "profile" not in table.values:
        return None
    profile = table.choice("profile", "", PROFILES)
    return next(each for each in PROFILES if each == profile)


def read_max_record(table: Table) -> int | None:
    """The key `max_record`, None where there is none."""
    if "max_record" not in table.values:
        return None
    return int(table.number("max_record", LARGEST_RECORD, SMALLEST_RECORD, LARGEST_RECORD, whole=True))


def read_middleware(table: Table) -> str | None:
    """The key `middleware`, None where there is none. Whether its library is here is found out when it is used."""
    return table.choice("middleware", "", MIDDLEWARES) if "middleware" in table.values else None
