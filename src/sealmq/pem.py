"""PEM as everybody reads it: RFC 7468."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator


def to_pem(label: str, der: bytes) -> bytes:
    """`der` as PEM: "-----BEGIN label-----", base64 in lines of 64, "-----END label-----"."""
    text = b2a_base64(der, newline=False)
    # Not textwrap, which is quadratic in the length of a word: a list of 100,000 entries took ten seconds.
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]  # RFC 7468 section 2
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])


def blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Label and base64 text of each block in `data`; one that is cut off is left out.

    Not a pattern: it would look for an end behind each of a million beginnings.
    """
    for part in data.split(b"-----BEGIN ")[1:]:
        label, _, rest = part.partition(b"-----")
        text, end, _ = rest.partition(b"-----END")
        if end:
            yield label.decode("ascii", "replace"), text
