"""From what somebody pastes to what it means: names, sentences and numbers are looked for, and ranked.

Rule 1: what is pasted is bounded (LONGEST) and never run, only compared: any text gets an answer, if an empty one.
Rule 2: the longest match wins: a sentence within a longer one that was found is not told again.
Rule 3: a number that several libraries know has a reading for each; words beside it ("mbedtls", "rc=", "alert") say
        which is likelier. In a whole log line only numbers count that look like a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sealmq.kit.codes import bearssl, mbedtls, openssl
from sealmq.kit.codes.catalog import catalog, members, normal
from sealmq.kit.codes.code import Code, Side
from sealmq.kit.codes.numbers import WEIGHTS, hints_in, weight
from sealmq.kit.codes.openssl_reasons import REASONS

LONGEST = 16_384
"""Characters that are looked at; the rest is left."""
MOST = 24
"""Readings at most."""

_NAMED, _WORDED = 100.0, 90.0
_FAR = 38.0
"""A reading that is so much less likely than the first is left out, where the first is sure."""
_WRAPPERS = frozenset({"connect_failed", "alert_heard", "no_connack", "check"})
"""Faults that only say that something else failed: what else stands in the text goes first."""
_WRAPPED = 14.0
_GENERAL_NAMES = frozenset({"SSL_R_SSL_HANDSHAKE_FAILURE"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9_]+)*")
_PACKED = re.compile(r"\berror:\s?(?:0x)?([0-9A-Fa-f]{6,8})\b")
_HEX = re.compile(r"(?<![\w.])(-?)0[xX](-?)([0-9A-Fa-f]{1,8})\b")
_DECIMAL = re.compile(r"(?<![\w.:/\-])-?\d{1,10}(?![\w.:/]|-\d)")
_ALERT = re.compile(
    r"alert(?:[ _](?:number|code|description|message))?\W{0,3}(?:level\W+\d\W+description\W+)?\(?(?:msg )?(\d{1,3})\b"
    r"|\bdescription\W{1,3}(\d{1,3})\b|(?<=\()msg (\d{1,3})\b",
    re.IGNORECASE,
)
_HEARD = re.compile(
    r"\b(?:tlsv1|tlsv13|sslv3)[ _]alert|ssl routines|remote error|received (?:fatal )?alert|fatal alert message \(",
    re.IGNORECASE,
)
"""OpenSSL, Go, Java and Mbed TLS print so what came from the other side."""
_RESULT = re.compile(
    r"(?:\b(?:rc|ret|result|state|status|code|error|err|errno|returned|return|reason|failed|failure|flags?|num|number"
    r"|exit|oserror|exception|connack|puback|suback|disconnect)\b|[=(\[])\W{0,4}$",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"^[ \t]*[EWIDV] \(\d+\)|^[ \t]*\d+ s:|\bconnected\([0-9a-f]+\)|\bdepth=\d+|\bcurl: \(\d+\)|\berror\[\d+\]"
    r"|\bsock=\d+|\b\d{4}-\d\d-\d\d\b|(?<![\w.])\d[\d.]*+(?::\d+)+",
    re.IGNORECASE | re.MULTILINE,
)
"""Numbers in every log line: times, sockets, places in a queue or a chain; and curl's own, which its words say."""
_SHORT = 4
"""Words of a text that is so short that every number in it is meant."""
_AGREED = 20.0
"""For a number beside its own name: other readings of that number are left out then."""
_SIGN_BIT, _WORD = 0x80000000, 0x100000000


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read what was pasted.

    codes:   usually one; a number of Mbed TLS in two parts, or flags, have several, the weightier first.
    matched: the part of the text that was read so.
    score:   how likely, only to be compared with that of other readings.
    heard:   True for an alert that came from the other side, False for one that was sent, None where nothing says so.
    """

    codes: tuple[Code, ...]
    matched: str
    score: float
    heard: bool | None = None

    @property
    def code(self) -> Code:
        """The weightiest."""
        return self.codes[0]

    @property
    def said_by(self) -> Side:
        """Who says it."""
        if self.heard is None or self.code.library != "tls" or self.code.fault.side is Side.NOBODY:
            return self.code.fault.side
        return Side.THERE if self.heard else Side.HERE

    @property
    def is_number(self) -> bool:
        """Was it a bare number that was read?"""
        return not self.matched.lower().replace("0x", "").strip("-0123456789abcdef")


def find(text: str, *, library: str | None = None) -> list[Reading]:
    """All readings of `text`, the likeliest first; none when nothing in it is known.

    library: a key of catalog.LIBRARIES or catalog.FAMILIES: only what programs built on it print.
    Raises ValueError for a library that is not known.
    """
    text = text[:LONGEST]
    wanted = members(library) if library else tuple(WEIGHTS)
    if not wanted:
        raise ValueError(library)
    hints = hints_in(text)
    found = [*_by_name(text, hints), *_by_words(text, hints), *_packed(text), *_alerts(text), *_by_number(text, hints)]
    heard = True if _HEARD.search(text) else None
    ranked = _ranked([reading for reading in found if reading.code.library in wanted])
    return [reading if reading.heard is not None else replace(reading, heard=heard) for reading in ranked]


def _ranked(found: list[Reading]) -> list[Reading]:
    """Each code once, the likeliest first; what is far behind a sure one is left out."""
    best: dict[tuple[str, str], Reading] = {}
    for reading in _agreed(found):
        key = (reading.code.library, reading.code.name)
        if key not in best or best[key].score < reading.score:
            best[key] = reading
    ranked = sorted(best.values(), key=lambda one: -one.score)
    if ranked and ranked[0].score >= _NAMED - _WRAPPED:
        ranked = [one for one in ranked if one.score > ranked[0].score - _FAR]
    return ranked[:MOST]


def _agreed(found: list[Reading]) -> list[Reading]:
    """Where a name and its number stand in the text, the number means nothing else."""
    named = {reading.code.name for reading in found if not reading.is_number}
    sure = {reading.matched for reading in found if reading.is_number and reading.code.name in named}
    kept = []
    for reading in found:
        if not reading.is_number or reading.matched not in sure:
            kept.append(reading)
        elif reading.code.name in named:
            kept.append(replace(reading, score=reading.score + _AGREED))
    return kept


def _by_name(text: str, hints: dict[str, float]) -> Iterator[Reading]:
    """Names of headers. One without "_" is everybody's word, unless it stands alone or in capitals as it is written."""
    alone = len(text.split()) == 1
    for word in dict.fromkeys(_NAME.findall(text)):
        for code in catalog().names.get(word.upper(), ()):
            if "_" not in word and not alone and word != code.name:
                continue
            if "_" not in word and len(word) < 4 and not alone:
                continue
            whole = 5.0 if word.upper() == code.name.upper() else 0.0
            yield Reading((code,), word, _NAMED + whole + hints.get(code.library, 0.0) / 4 - _outer(code))


def _by_words(text: str, hints: dict[str, float]) -> Iterator[Reading]:
    """Sentences that a library prints; one that lies within a longer one is left out."""
    said = normal(text)
    places = [(at, at + len(words), words) for words in catalog().texts if (at := _word_at(said, words)) >= 0]
    places.sort(key=lambda place: place[0] - place[1])
    taken: list[tuple[int, int]] = []
    for start, end, words in places:
        if any(first <= start and end <= last for first, last in taken):
            continue
        taken.append((start, end))
        for code in catalog().texts[words]:
            score = _WORDED + min(len(words) / 4, 12.0) + hints.get(code.library, 0.0) / 4 - _outer(code)
            yield Reading((code,), words, score)


def _word_at(said: str, words: str) -> int:
    """Where `words` stands in `said`, not as a part of a longer word; -1 where it does not."""
    at = said.find(words)
    while at >= 0:
        before = said[at - 1] if at else " "
        after = said[at + len(words)] if at + len(words) < len(said) else " "
        if not ((before.isalnum() and words[0].isalnum()) or (after.isalnum() and words[-1].isalnum())):
            return at
        at = said.find(words, at + 1)
    return -1


def _packed(text: str) -> Iterator[Reading]:
    """Numbers of OpenSSL's error queue: "error:0A000418"."""
    for digits in dict.fromkeys(_PACKED.findall(text)):
        part, reason = openssl.unpack(int(digits, 16))
        alert = openssl.heard_alert(part, reason)
        if alert is not None:
            yield from (Reading((code,), f"error:{digits}", _NAMED + 15, heard=True) for code in _alert_codes(alert))
        elif part == "SYS":
            codes = [one for one in catalog().numbers.get(reason, ()) if one.library == "errno"]
            yield from (Reading((one,), f"error:{digits}", _NAMED) for one in codes if "newlib" not in one.version)
        else:
            found = REASONS.get((part, reason))
            if found is not None:
                yield Reading((found,), f"error:{digits}", _NAMED + 8 - _outer(found))


def _alerts(text: str) -> Iterator[Reading]:
    """Numbers of alerts, where the text says that they are: "SSL alert number 48", "(msg 40)"."""
    for match in _ALERT.finditer(text):
        number = int(next(group for group in match.groups() if group))
        yield from (Reading((code,), match[0], _NAMED + 14) for code in _alert_codes(number))


def _by_number(text: str, hints: dict[str, float]) -> Iterator[Reading]:
    short = len(text.split()) <= _SHORT
    text = _NOISE.sub(lambda match: " " * len(match[0]), text)
    for start, written, number in _numbers(text):
        is_hex = "x" in written.lower()
        as_result = _RESULT.search(text[max(0, start - 24) : start]) is not None
        if not (short or as_result or number < 0 or (is_hex and number <= 0xFFFF)):
            continue
        bonus = 8.0 if as_result else 0.0
        yield from _bearssl_alert(number, written, bonus)
        for codes in _of_number(number, is_hex=is_hex):
            likely = weight(codes[0], number, is_hex=is_hex)
            if likely > 0:
                score = likely + bonus + hints.get(codes[0].library, 0.0) - _outer(codes[0]) / 4
                yield Reading(codes, written, score)


def _numbers(text: str) -> Iterator[tuple[int, str, int]]:
    """Where each number begins, how it is written, and what it is: 0xFFFFD900 is a negative one of 32 bits."""
    for match in _HEX.finditer(text):
        number = int(match[3], 16)
        if number >= _SIGN_BIT:
            number -= _WORD
        yield match.start(), match[0], -number if match[1] or match[2] else number
    for match in _DECIMAL.finditer(text):
        number = int(match[0])
        yield match.start(), match[0], number if number < _SIGN_BIT else number - _WORD


def _of_number(number: int, *, is_hex: bool) -> Iterator[tuple[Code, ...]]:
    """The codes that a number may be, each alone or with the parts that it is made of."""
    yield from ((code,) for code in catalog().numbers.get(number, ()))
    if number > 0:  # many print -0x2700 without its sign
        yield from (
            (code,) for code in catalog().numbers.get(-number, ()) if code.library in ("mbedtls", "wolfssl", "lwip")
        )
    elif number < 0:  # Zephyr and lwIP give errno negative
        yield from ((code,) for code in catalog().numbers.get(-number, ()) if code.library == "errno")
    yield from _two_parts(-abs(number))
    if number > 0:
        yield from _flags(number)


def _two_parts(number: int) -> Iterator[tuple[Code, ...]]:
    """A number of Mbed TLS that is a high and a low one."""
    high, low = mbedtls.parts(number)
    if not high or not low or number < -0x7FFF:
        return
    for outer in _mbedtls(high):
        for inner in _mbedtls(low):
            yield outer, inner


def _mbedtls(number: int) -> list[Code]:
    return [code for code in catalog().numbers.get(number, ()) if code.library == "mbedtls"]


def _flags(number: int) -> Iterator[tuple[Code, ...]]:
    """Flags of Mbed TLS; one alone is in the catalog already."""
    bits = [code for code in mbedtls.FLAGS if code.number is not None and number & code.number]
    if len(bits) > 1 and sum(code.number or 0 for code in bits) == number:
        yield tuple(bits)


def _bearssl_alert(number: int, written: str, bonus: float) -> Iterator[Reading]:
    """BearSSL adds 256 to an alert that it heard, 512 to one that it sent."""
    for offset in (bearssl.ALERT_HEARD, bearssl.ALERT_SENT):
        if offset <= number < offset + 256:
            yield from (
                Reading(
                    (code,), written, weight(code, number, is_hex=False) + bonus, heard=offset == bearssl.ALERT_HEARD
                )
                for code in _alert_codes(number - offset)
            )


def _alert_codes(number: int) -> list[Code]:
    return [code for code in catalog().numbers.get(number, ()) if code.library == "tls"]


def _outer(code: Code) -> float:
    return _WRAPPED if code.fault.name in _WRAPPERS or code.name in _GENERAL_NAMES else 0.0
