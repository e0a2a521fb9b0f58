"""Which TLS library a hello looks like: the very same hello is known, or one that resembles it.

fingerprints.json is measured, by bench/fingerprints.py: real clients said hello to a listener. It has no more than what
they said, and no client that was not run.

Rule 1: it is a guess, and says so. Whoever wants can send any hello; who restricts suites or versions sends another
        than the default.
Rule 2: "exact" means that a known client says the same: JA3's text is equal, or the suites, extensions and signatures
        of JA4 are (the name that is asked for and the protocol inside aside). Only the library's name is a guess then.
Rule 3: "likely" means that one library is much nearer than all others (see `_likeness`), or alone has this list of
        signatures. Otherwise it is not named.
Rule 4: work is bounded: a hello with more than MOST_NUMBERS in it is nobody's.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from sealmq.kit.dissect.hello import ClientHello
from sealmq.kit.dissect.registry import is_grease
from sealmq.kit.handshake.ja import ALPN, SERVER_NAME, ja3, ja4_rest, ja4_suites

EXACT: Final = "exact"
LIKELY: Final = "likely"

MOST_NUMBERS: Final = 512
"""Suites, extensions, groups and signatures together; honest hellos have some 150."""

NAMED: Final = 3
"""Clients that say the same hello and are named."""

_BY_CIRCUMSTANCE: Final = frozenset({SERVER_NAME, ALPN, 21, 41, 42, 44})
"""Extensions that come and go with the one connection: name, protocol, padding, pre_shared_key, early_data, cookie."""

_ENOUGH: Final = 0.72
_AHEAD: Final = 0.1
"""What the nearest library must have of likeness, and how far the next one must be behind. Of the hellos in
fingerprints.json, none of one library has more than 0.68 of another's."""

_TELLING: Final = 6
"""Signatures in a list that is taken for one library's own: shorter ones are anybody's."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What tells libraries apart in a hello. All in the client's order."""

    suites: tuple[int, ...]
    extensions: tuple[int, ...]
    groups: tuple[int, ...]
    formats: tuple[int, ...]
    schemes: tuple[int, ...]
    session_id: int
    grease: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A client that said hello.

    stack: the library. version: of the library, "" where its client does not say. client: the program.
    rest:  of JA4_r, all behind its first part.
    """

    stack: str
    version: str
    client: str
    ja3_text: str
    rest: str
    traits: Traits

    def __str__(self) -> str:
        return f"{self.client} ({self.stack} {self.version})" if self.version else self.client


def guess_stack(hello: ClientHello) -> tuple[str, str]:
    """(library in words, how sure): "exact" (a known client says the same), "likely", or ("", "")."""
    numbers = len(hello.suites) + len(hello.extensions) + len(hello.groups) + len(hello.schemes)
    if numbers + len(hello.point_formats) > MOST_NUMBERS:
        return "", ""
    text, rest = ja3(hello)[1], f"{ja4_suites(hello)}_{ja4_rest(hello)}"
    same = [one for one in known_clients() if one.ja3_text == text]
    same = same or [one for one in known_clients() if one.rest == rest]
    stacks = list(dict.fromkeys(one.stack for one in same))
    if len(stacks) == 1:
        return f"{stacks[0]}, as in {_in_words(same)}", EXACT
    nearest = nearest_stack(traits_of(hello), known_clients())
    return (nearest, LIKELY) if nearest else ("", "")


def nearest_stack(traits: Traits, known: Sequence[Known]) -> str:
    """The library whose hellos are most alike; "" where none is near enough, or another is nearly as near."""
    best: dict[str, float] = {}
    for one in known:
        best[one.stack] = max(best.get(one.stack, 0.0), _likeness(traits, one.traits))
    order = sorted(best, key=lambda stack: best[stack], reverse=True)
    if not order:
        return ""
    second = best[order[1]] if len(order) > 1 else 0.0
    if best[order[0]] >= _ENOUGH and best[order[0]] - second >= _AHEAD:
        return order[0]
    signing = {one.stack for one in known if _begins_alike(traits.schemes, one.traits.schemes)}
    return signing.pop() if len(signing) == 1 else ""


def traits_of(hello: ClientHello) -> Traits:
    """What there is in a hello to tell by."""
    codes = tuple(one.code for one in hello.extensions)
    every = (*hello.suites, *codes, *hello.groups)
    return _traits(
        hello.suites, codes, hello.groups, hello.point_formats, hello.schemes, len(hello.session_id),
        grease=any(is_grease(one) for one in every),
    )  # fmt: skip


@functools.cache
def known_clients() -> tuple[Known, ...]:
    """The table."""
    text = resources.files(__package__).joinpath("fingerprints.json").read_text(encoding="utf-8")
    return tuple(_known(one) for one in json.loads(text)["clients"])


def _known(entry: dict[str, str | int | bool]) -> Known:
    text, raw = str(entry["ja3_text"]), str(entry["ja4_r"])
    suites, extensions, groups, formats = (
        tuple(int(number) for number in part.split("-") if number) for part in text.split(",")[1:]
    )
    schemes = tuple(int(number, 16) for number in raw.split("_")[3].split(",")) if raw.count("_") == 3 else ()
    return Known(
        stack=str(entry["stack"]),
        version=str(entry["version"]),
        client=str(entry["client"]),
        ja3_text=text,
        rest=raw.partition("_")[2],
        traits=_traits(
            suites, extensions, groups, formats, schemes, int(entry["session_id"]), grease=bool(entry["grease"])
        ),
    )


def _traits(
    suites: Iterable[int],
    extensions: Iterable[int],
    groups: Iterable[int],
    formats: Iterable[int],
    schemes: Iterable[int],
    session_id: int,
    *,
    grease: bool,
) -> Traits:
    """GREASE and what depends on the one connection is left out; of what stands there twice, the first counts."""

    def kept(numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(one for one in numbers if not is_grease(one)))

    lasting = (one for one in extensions if one not in _BY_CIRCUMSTANCE)
    return Traits(kept(suites), kept(lasting), kept(groups), tuple(formats), kept(schemes), session_id, grease)


def _likeness(one: Traits, other: Traits) -> float:
    """0 for nothing in common, 1 for the same.

    Suites and extensions tell most: which there are, and in which order. Then the signatures, whose order is hardly
    ever configured; then groups, the ways to write points, whether GREASE is sent, and a session identifier that means
    nothing (RFC 8446 appendix D.4), which small libraries leave out.
    """
    parts = (
        (3.0, _alike(one.suites, other.suites)),
        (3.0, _alike(one.extensions, other.extensions)),
        (3.0, _alike(one.schemes, other.schemes)),
        (1.5, _alike(one.groups, other.groups)),
        (0.5, float(one.formats == other.formats)),
        (0.5, float(one.session_id == other.session_id)),
        (1.0, float(one.grease == other.grease)),
    )
    return sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)


def _alike(one: Sequence[int], other: Sequence[int]) -> float:
    """How alike two lists are: half of it by what is in both, half by what of that follows on each other in both."""
    both = {*one} & {*other}
    if not both:
        return float(not one and not other)
    common = (len(both) / len({*one, *other}) + len(both) / min(len(one), len(other))) / 2
    if len(both) == 1:
        return common / 2
    pairs = [set(itertools.pairwise(number for number in each if number in both)) for each in (one, other)]
    return common * (1 + len(pairs[0] & pairs[1]) / (len(both) - 1)) / 2


def _begins_alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """One list is the other's beginning, and long enough to tell: a library's versions add to its end or take away."""
    length = min(len(one), len(other))
    return length >= _TELLING and one[:length] == other[:length]


def _in_words(same: Sequence[Known]) -> str:
    names = list(dict.fromkeys(map(str, same)))
    return ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
