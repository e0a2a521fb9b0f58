"""What an SPDX licence expression allows to who keeps his own source closed."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Terms(IntEnum):
    """The better, the larger. FREE: for nothing, the notice is kept. PAID: a licence is sold. COPYLEFT: only who gives
    his own source away, too. UNKNOWN: nobody here knows the licence."""

    UNKNOWN = 0
    COPYLEFT = 1
    PAID = 2
    FREE = 3


_FREE: Final = ("Apache-2.0", "MIT", "MIT-0", "ISC", "Zlib", "OpenSSL", "PSF-2.0", "Unlicense", "CC0-1.0", "0BSD")
_FREE_KINDS: Final = ("BSD-",)
_COPYLEFT: Final = ("GPL-", "AGPL-", "LGPL-", "EUPL-", "MPL-", "EPL-")
_WORD: Final = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")


def terms_of(expression: str) -> Terms:
    """What the best choice of "A OR B", and all parts of "A AND B", come to (SPDX 2.3, annex D)."""
    words = _WORD.findall(expression)
    return _either(words) if words else Terms.UNKNOWN


def _either(words: list[str]) -> Terms:
    """A OR B: the better one. Takes from `words` what it has read."""
    found = _both(words)
    while words and words[0].upper() == "OR":
        words.pop(0)
        found = max(found, _both(words))
    return found


def _both(words: list[str]) -> Terms:
    """A AND B: the worse one."""
    found = _one(words)
    while words and words[0].upper() == "AND":
        words.pop(0)
        found = min(found, _one(words))
    return found


def _one(words: list[str]) -> Terms:
    if not words:
        return Terms.UNKNOWN
    word = words.pop(0)
    if word == "(":
        found = _either(words)
        if words and words[0] == ")":
            words.pop(0)
        return found
    found = _of_name(word)
    if words and words[0].upper() == "WITH":  # an exception; it takes nothing away
        del words[:2]
    return found


def _of_name(name: str) -> Terms:
    if name.startswith("LicenseRef-"):
        return Terms.PAID if "commercial" in name.lower() else Terms.UNKNOWN
    if name in _FREE or name.startswith(_FREE_KINDS):
        return Terms.FREE
    return Terms.COPYLEFT if name.startswith(_COPYLEFT) else Terms.UNKNOWN
