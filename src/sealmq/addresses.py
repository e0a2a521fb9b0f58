"""A peer's address: in words, and which ones count as one for whoever limits or locks out an address."""

from __future__ import annotations

import ipaddress

UNKNOWN = "an unknown address"


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
    host = peer.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return peer
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
