"""Error codes of 2.28 that 3.6 has no more, or under which it has something else: each as the one of 3.6 that says the
same, for mbedtls3/refusals.py to have the words."""

from __future__ import annotations

from typing import Final

_LENGTH, _ORDER, _SIGNATURE, _NOTHING_IN_COMMON, _INTERNAL, _ALTERED, _TOO_LONG = (
    0x7300, 0x7700, 0x4E00, 0x6E00, 0x6C00, 0x7180, 0x6A00,
)  # fmt: skip

TO_NEW: Final = {
    0x6600: _LENGTH,  # the hash of a signature
    0x6980: _NOTHING_IN_COMMON,  # no suite goes with our certificate
    0x6E00: _LENGTH,  # a NewSessionTicket
    0x7300: _NOTHING_IN_COMMON,  # an unknown suite was chosen
    0x7380: _NOTHING_IN_COMMON,
    0x7500: _TOO_LONG,  # a certificate
    0x7580: _INTERNAL,
    0x7800: _SIGNATURE,
    0x7900: _LENGTH,  # from here on messages by name
    0x7980: _LENGTH,
    0x7A80: _LENGTH,
    0x7B00: _LENGTH,
    0x7B80: _LENGTH,
    0x7C00: _LENGTH,
    0x7C80: _LENGTH,
    0x7D00: _LENGTH,
    0x7D80: _SIGNATURE,  # CertificateVerify
    0x7E00: _ORDER,
    0x7E80: _ALTERED,  # Finished
}


def as_new(code: int) -> int:
    """The code of 3.6 for one of 2.28, both without sign."""
    return TO_NEW.get(code & ~0x7F, code)
