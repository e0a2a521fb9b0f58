"""Cipher suites in Mbed TLS's spelling and in ours, which is OpenSSL's (policy.py) and, for TLS 1.3, RFC 8446's."""

from __future__ import annotations

import re
from typing import Final

TLS13: Final = ("TLS1-3-AES-128-GCM-SHA256", "TLS1-3-AES-256-GCM-SHA384", "TLS1-3-CHACHA20-POLY1305-SHA256")

PSK13: Final = ("TLS1-3-AES-128-GCM-SHA256", "TLS1-3-CHACHA20-POLY1305-SHA256")
"""A key of ours goes with SHA-256 (RFC 8446 section 4.2.11): no suite with another hash can be used with it."""

PSK12: Final = (
    "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256",
    "TLS-PSK-WITH-AES-128-GCM-SHA256",
    "TLS-PSK-WITH-AES-256-GCM-SHA384",
    "TLS-PSK-WITH-CHACHA20-POLY1305-SHA256",
    "TLS-PSK-WITH-AES-128-CCM",
)
"""AEAD all of them, forward secrecy first. The rest has none: the devices that PSK is for often have no curve."""

_OURS = re.compile(r"ECDHE-(?P<signed>ECDSA|RSA)-(?P<cipher>.+)")
_CIPHERS: Final = {
    "AES128-GCM-SHA256": "AES-128-GCM-SHA256",
    "AES256-GCM-SHA384": "AES-256-GCM-SHA384",
    "CHACHA20-POLY1305": "CHACHA20-POLY1305-SHA256",
    "AES128-CCM": "AES-128-CCM",
    "AES256-CCM": "AES-256-CCM",
    "AES128-CCM8": "AES-128-CCM-8",
    "AES256-CCM8": "AES-256-CCM-8",
}
_THEIRS: Final = {theirs: ours for ours, theirs in _CIPHERS.items()}


def to_mbedtls(suites: tuple[str, ...]) -> list[str]:
    """Suites of a policy; ECDHE with an AEAD, and what is something else is left out."""
    found = []
    for suite in suites:
        match = _OURS.fullmatch(suite)
        if match and match["cipher"] in _CIPHERS:
            found.append(f"TLS-ECDHE-{match['signed']}-WITH-{_CIPHERS[match['cipher']]}")
    return found


def from_mbedtls(suite: str) -> str:
    """A suite that was agreed on; one that is not in the tables as Mbed TLS writes it."""
    if suite.startswith("TLS1-3-"):
        return "TLS_" + suite.removeprefix("TLS1-3-").replace("-", "_")
    exchange, _, cipher = suite.removeprefix("TLS-").partition("-WITH-")
    return f"{exchange}-{_THEIRS[cipher]}" if cipher in _THEIRS else suite
