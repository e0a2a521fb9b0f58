"""Addresses as sealmq.toml and the command line write them."""

from __future__ import annotations

import re

from sealmq.addresses import is_address
from sealmq.errors import ConfigError

LARGEST_PORT = 65_535


def parse_address(text: str) -> tuple[str | None, int]:
    """The host and port of "127.0.0.1:8883". The host of ":8883" is None: every address here, IPv4 and IPv6."""
    example = '":8883", "127.0.0.1:8883", "[::1]:8883"'
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > LARGEST_PORT:
        raise ConfigError(f"{text!r} has no port between 0 and 65535 behind a colon", remedy=f"write it like {example}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not is_address(host, version=6):
            raise ConfigError(f"{text!r} has no IPv6 address in its brackets", remedy=f"write it like {example}")
    elif ":" in host:
        raise ConfigError(f"{text!r} is ambiguous: an IPv6 address needs brackets", remedy=f"write it like {example}")
    elif host and not is_host(host):
        raise ConfigError(f"{text!r} has neither an address nor a host's name", remedy=f"write it like {example}")
    return host or None, int(port)


def is_host(text: str) -> bool:
    """Is it an IP address or a host's name (RFC 1123 section 2.1; '_' is tolerated)?"""
    if re.fullmatch(r"[0-9.]+", text):  # only digits and dots: an address or a slip of the finger, never a name
        return is_address(text)
    label = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
    return len(text) <= 253 and re.fullmatch(rf"{label}(\.{label})*\.?", text) is not None
