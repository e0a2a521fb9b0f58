"""Which TLS library for what, with the reasons: worked out from what was measured, from abilities and licences.

Rule 1: no library is named here. Who meets what is demanded is ranked by figures; the words are made of the same.
Rule 2: where nothing that is here will do, that is said, with what would help.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sealmq.kit.middleware.comparing import Comparison, Measured
from sealmq.kit.middleware.handshaking import Handshakes
from sealmq.kit.middleware.known import FOR_DEVICES, SOLD, family_of
from sealmq.kit.middleware.licences import Terms, terms_of
from sealmq.tls.middleware import BOTH, TLS12, TLS13

SMALL_RAM: Final = 256 * 1024
"""Bytes of RAM of the microcontroller that is asked about."""

SMALL_MESSAGE: Final = 64
"""Bytes: what most of a gateway's messages have."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """For one use. choice: a middleware's name, or a library's; "" where nothing will do. reasons: in words."""

    use: str
    choice: str
    reasons: tuple[str, ...]


def recommend(comparison: Comparison) -> tuple[Recommendation, ...]:
    """One for each use."""
    return (
        _gateway(comparison),
        _microcontroller(comparison),
        _closed_source(comparison),
        _post_quantum(comparison),
    )


# --- what is ranked


def effort(each: Measured) -> tuple[float, float] | None:
    """Seconds of a full handshake (both sides, by its newest version) and of a small message; None: not measured."""
    handshake = each.handshake(max(each.abilities.versions))
    message = each.messages(SMALL_MESSAGE)
    if handshake is None or message is None:
        return None
    return handshake.client_cpu.median + handshake.server_cpu.median, message.seconds.median


def ranked(candidates: Iterable[Measured]) -> list[Measured]:
    """The least effort first: handshakes and messages count the same, each against the best of them."""
    known = [(each, found) for each in candidates if (found := effort(each)) is not None]
    if not known:
        return []
    best = [min(found[place] for _, found in known) for place in (0, 1)]
    known.sort(key=lambda pair: math.sqrt(pair[1][0] / best[0] * pair[1][1] / best[1]))
    return [each for each, _ in known]


def _costs(each: Measured) -> str:
    found = effort(each)
    assert found is not None
    rate = round(1 / found[1], -3)
    return (
        f"{found[0] * 1e3:.1f} ms for a full handshake (both sides), {rate:,.0f} messages of {SMALL_MESSAGE} B a second"
    )


def missing_of(each: Measured) -> list[str]:
    """What a gateway needs and this one has not."""
    has = each.abilities
    wanted = (
        (TLS12 in has.versions, "TLS 1.2"),
        (TLS13 in has.versions, "TLS 1.3"),
        (has.resumes_client >= BOTH and has.resumes_server >= BOTH, "resumption on both sides"),
        (has.addresses, "addresses compared"),
        (has.revocation, "revocation in the handshake"),
    )
    return [words for there, words in wanted if not there]


# --- the uses


def _gateway(comparison: Comparison) -> Recommendation:
    use = "a Linux gateway"
    able = ranked(each for each in comparison.measured if not missing_of(each))
    lacking = [f"{each.name} lacks {', '.join(missing_of(each))}" for each in comparison.measured if missing_of(each)]
    if not able:
        return Recommendation(use, "", tuple(lacking) or ("nothing was measured",))
    first, *others = able
    reasons = ["TLS 1.2 and 1.3, resumption, addresses and revocation", _costs(first)]
    reasons += [f"next: {others[0].name}, {_costs(others[0])}"] if others else []
    return Recommendation(use, first.name, (*reasons, *lacking))


def _microcontroller(comparison: Comparison) -> Recommendation:
    use = f"a microcontroller with {SMALL_RAM // 1024} KB RAM"
    fitting = [each for each in comparison.footprints if each.ram <= SMALL_RAM and family_of(each.library)]
    others = [
        f"{words}; its size was not measured here{f' ({terms})' if terms else ''}"
        for family, words in FOR_DEVICES.items()
        if family not in {each.library for each in fitting}
        for terms in [_terms_in_words(family, _licence_of(comparison, family))]
    ]
    if not fitting:
        return Recommendation(use, "", ("no build that fits was measured", *others))
    best = min(fitting, key=lambda each: each.flash + each.ram)
    ends = [best] if len(fitting) == 1 else [best, max(fitting, key=lambda each: each.flash + each.ram)]
    sizes = [f"{each.title} {_in_kib(each.flash)} flash, {_in_kib(each.ram)} RAM" for each in ends]
    reasons = [
        f"measured, with TCP/IP and MQTT: {', to '.join(sizes)}",
        FOR_DEVICES[family_of(best.library)],
        _terms_in_words(best.library, _licence_of(comparison, best.library)),
    ]
    return Recommendation(use, best.library, (*filter(None, reasons), *_psk_of(comparison, best.library), *others))


def _psk_of(comparison: Comparison, family: str) -> Iterator[str]:
    """What a pre-shared key spares, with a middleware of that family, the newest first."""
    for each in comparison.measured:
        version = max(each.abilities.versions)
        full, short = each.handshake(version), each.handshake(version, psk=True)
        if family_of(each.name) == family and full is not None and short is not None:
            sizes = [each.up.median + each.down.median for each in (short, full)]
            times = [each.client_cpu.median * 1e3 for each in (short, full)]
            yield (
                f"with a pre-shared key: {sizes[0]:,.0f} B in place of {sizes[1]:,.0f} B, and {times[0]:.1f} ms of its "
                f"time in place of {times[1]:.1f} ms here"
            )
            return


def _closed_source(comparison: Comparison) -> Recommendation:
    use = "a closed-source product"
    free = [each for each in comparison.measured if terms_of(each.abilities.licence) is Terms.FREE]
    others = sorted(set(_not_free(comparison)))
    able = ranked(each for each in free if not missing_of(each)) or ranked(free)
    if not able:
        return Recommendation(use, "", ("none that is here is free of copyleft", *others))
    first = able[0]
    names = [each.name for each in free if each is not first]
    reasons = [f"{first.abilities.licence}: nothing to pay, nothing to disclose", _costs(first)]
    reasons += [f"as free: {', '.join(names)}"] if names else []
    return Recommendation(use, first.name, (*reasons, *others))


def _not_free(comparison: Comparison) -> Iterator[str]:
    rows = [(each.name, each.abilities.licence) for each in comparison.measured]
    rows += [(each.name, each.licence) for each in comparison.known]
    for name, licence in rows:
        if terms_of(licence) is not Terms.FREE:
            yield f"{name}: {_terms_in_words(family_of(name), licence)}"


def _post_quantum(comparison: Comparison) -> Recommendation:
    use = "post-quantum"
    found: list[tuple[Measured, Handshakes]] = []
    for each in comparison.measured:
        figures = each.handshake(TLS13)
        if each.abilities.hybrid_groups and figures is not None:
            found.append((each, figures))
    without = [each.name for each in comparison.measured if not each.abilities.hybrid_groups]
    lacking = [f"no hybrid group here: {', '.join(without)}"] if without else []
    if not found:
        help_with = [f"{each.name} is not here: {each.remedy}" for each in comparison.absent if each.remedy]
        return Recommendation(use, "", (*lacking, *help_with))
    first, figures = min(found, key=lambda pair: pair[1].client_cpu.median + pair[1].server_cpu.median)
    cpu = (figures.client_cpu.median + figures.server_cpu.median) * 1e3
    size = f"{figures.up.median:,.0f} B up, {figures.down.median:,.0f} B down"
    reasons = [
        " and ".join(first.abilities.hybrid_groups),
        f"{cpu:.1f} ms for a full handshake (both sides), {size}",
    ]
    return Recommendation(use, first.name, (*reasons, *lacking))


# --- words


def _licence_of(comparison: Comparison, family: str) -> str:
    """Of a middleware of that family, or of what is known of it; "" when nobody knows."""
    for each in comparison.measured:
        if family_of(each.name) == family:
            package, _, library = each.abilities.licence.partition(" AND ")  # a device has no Python package
            return library.strip("()") or package
    return next((each.licence for each in comparison.known if each.name == family), "")


def _terms_in_words(family: str, licence: str) -> str:
    """ "" when nobody knows the licence."""
    sold = SOLD.get(family, "")
    said = {
        Terms.FREE: "nothing to pay, nothing to disclose",
        Terms.PAID: "a closed product pays for a licence",
        Terms.COPYLEFT: f"not for a closed product{f'; {sold}' if sold else ''}",
        Terms.UNKNOWN: "ask a lawyer",
    }
    return f"{licence}: {said[terms_of(licence)]}" if licence else ""


def _in_kib(size: int) -> str:
    return f"{size / 1024:.0f} KiB"
