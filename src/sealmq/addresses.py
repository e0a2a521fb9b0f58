"""Addresses: what is one, a peer's in words, and which ones count as one for whoever limits or locks out an address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

UNKNOWN = "an unknown address"

_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1: an IPv4 host behind a translator


def is_address(text: str, version: int | None = None) -> bool:
    """Is it an IP address (of this version, 4 or 6)?"""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (None, address.version)


def address_in_words(address: object) -> str:
    """A peer's address as the log says it: "192.0.2.7:5123", "[2001:db8::1]:5123"."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = str(address[0]).removeprefix("::ffff:")  # an IPv4 peer on an IPv6 socket
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return UNKNOWN


def address_key(peer: str) -> str:
    """Whom "192.0.2.7:5123" or "[2001:db8::1]:5123" counts for: one IPv4 address, or an IPv6 network of 64 bits.

    A host with IPv6 has a whole /64 to choose addresses from (RFC 4291 section 2.5.4).
    """
    return _network(peer, 32, 64)


def network_key(peer: str) -> str:
    """The network that somebody may have as a whole: 24 bits of IPv4, or 48 of IPv6 (RFC 6177 section 2)."""
    return _network(peer, 24, 48)


def _network(peer: str, bits_of_4: int, bits_of_6: int) -> str:
    host = peer.rpartition(":")[0].strip("[]").partition("%")[0]
    return _network_of(host, bits_of_4, bits_of_6) or peer


@lru_cache(maxsize=256)
def _network_of(host: str, bits_of_4: int, bits_of_6: int) -> str:
    """The network around an address, "" when it is none. Reading one takes 15 microseconds, and most come again."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if address.version == 4:
        return _around(address, bits_of_4)
    behind = address.ipv4_mapped
    if behind is None and address in _TRANSLATED:
        behind = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if behind is not None:  # or all of IPv4 would be one
        return _around(behind, bits_of_4)
    return _around(address, bits_of_6)


def _around(address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int) -> str:
    return str(ipaddress.ip_network((address, bits), strict=False)).removesuffix("/32")
