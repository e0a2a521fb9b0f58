"""PEM as everybody reads it: RFC 7468."""

from __future__ import annotations

from binascii import b2a_base64


def to_pem(label: str, der: bytes) -> bytes:
    """`der` as PEM: "-----BEGIN label-----", base64 in lines of 64, "-----END label-----"."""
    text = b2a_base64(der, newline=False)
    # Not textwrap, which is quadratic in the length of a word: a list of 100,000 entries took ten seconds.
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]  # RFC 7468 section 2
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])
