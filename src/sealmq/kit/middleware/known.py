"""What is known of libraries without measuring them here, each with its source.

CycloneSSL has no Python binding and no Debian package: nothing of it was built or run for SealMQ. What stands here was
read in its headers; hybrid groups, tickets and PSK with TLS 1.2 are there and off by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """A library that stands in the table without figures.

    licence: as in Abilities. hybrid, psk, resumption: what it has, in words. bundle: the target that serves it.
    """

    name: str
    title: str
    licence: str
    versions: str
    hybrid: str
    psk: str
    resumption: str
    bundle: str
    source: str


CYCLONESSL: Final = Known(
    name="cyclonessl",
    title="CycloneSSL 2.6.2",
    licence="GPL-2.0-or-later OR LicenseRef-commercial",
    versions="1.2, 1.3",
    hybrid="off",
    psk="1.3",
    resumption="sessions",
    bundle="cyclonessl",
    source="read in tls/tls.h of https://github.com/Oryx-Embedded/CycloneSSL; not built, not measured",
)

KNOWN: Final = (CYCLONESSL,)

FOR_DEVICES: Final = {
    "mbedtls": "Mbed TLS: lwIP, ESP-IDF, Zephyr and FreeRTOS come with it",
    "wolfssl": "wolfSSL is made for devices with little RAM",
    "cyclonessl": "CycloneSSL is made for devices with little RAM",
}
"""Families of libraries that microcontrollers run, by the beginning of a middleware's name. OpenSSL is not made for
devices of this size."""


SOLD: Final = {"wolfssl": "wolfSSL Inc. sells another licence"}
"""Families of which a licence can be bought, where the library itself does not say so."""


def family_of(name: str) -> str:
    """The family of a middleware that microcontrollers run; "" when it is none."""
    return next((family for family in FOR_DEVICES if name.startswith(family)), "")
