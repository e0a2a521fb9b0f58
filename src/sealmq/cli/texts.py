"""What MQTT can carry: strings of UTF-8 without U+0000, and byte strings, each of at most 65,535 bytes [MQTT 1.5.4].

paho finds out when it packs, and then with a traceback; here the option is named that must be changed.
"""

from __future__ import annotations

from typing import Final

from sealmq.errors import ConfigError

LONGEST: Final = 65_535
"""Bytes of a string or of binary data."""


def expect_text(option: str, text: str) -> None:
    """Raise ConfigError unless `text`, which `option` gave, can be a string of MQTT."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ConfigError(
            f"{option} is not UTF-8",
            why=f"MQTT carries no other text, and this is {text[:60]!r}",
            remedy="write it in UTF-8; only a message (-m, -f) may be of any bytes",
        ) from None
    _expect_size(option, size)
    if "\0" in text:
        raise ConfigError(f"{option} has a null character in it", why="MQTT forbids it in text")


def read_bytes(option: str, text: str) -> bytes:
    """The bytes that were typed for `option`, UTF-8 or not. Raises ConfigError when they are too many for MQTT."""
    data = text.encode(errors="surrogateescape")
    _expect_size(option, len(data))
    return data


def _expect_size(option: str, size: int) -> None:
    if size > LONGEST:
        raise ConfigError(f"{option} is too long", why=f"it has {size} bytes, and MQTT can carry {LONGEST}")
