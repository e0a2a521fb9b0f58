"""Handshakes side by side: the same broker, dialled in several ways, each several times.

The ways are words: "1.2" and "1.3" offer that version alone, "resumed" takes up the session of a connection before,
"mtls" shows our certificate, "classical" offers curves alone, "post-quantum" hybrid groups alone. Words are joined
by "+": "1.2+resumed", "1.3+post-quantum". A way without "mtls" shows no certificate, so that its
cost can be seen; where the broker demands one, all of them show it, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sealmq.errors import ConfigError
from sealmq.kit.handshake.contexts import CLASSICAL, POST_QUANTUM, VERSIONS
from sealmq.kit.handshake.dial import Call, Seen
from sealmq.kit.handshake.draw.comparison import Column, Comparison
from sealmq.kit.handshake.library_tap import title_of
from sealmq.kit.handshake.looking import look
from sealmq.kit.handshake.report import Kind, Report
from sealmq.tls.middlewares import DEFAULT

_WANTING = ("certificate_required", "handshake_failure", "bad_certificate", "no_certificate")
"""Alerts by which servers say that they want a certificate: RFC 8446 section 4.4.2.4, and what older ones send."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to dial. version: "" for the best that both have. groups: CLASSICAL, POST_QUANTUM, or "" for all."""

    name: str
    version: str = ""
    resumed: bool = False
    mutual: bool = False
    groups: str = ""


def read_ways(text: str) -> tuple[Way, ...]:
    """The ways of "1.2,1.3,resumed,mtls". Raises ConfigError."""
    ways = tuple(_read_way(word.strip().lower()) for word in text.split(",") if word.strip())
    if not ways:
        raise ConfigError("--compare names nothing to compare", remedy="--compare 1.2,1.3,resumed,mtls")
    return ways


def _read_way(word: str) -> Way:
    way = Way(word)
    for part in word.split("+"):
        if part in VERSIONS and not way.version:
            way = replace(way, version=part)
        elif part == "resumed":
            way = replace(way, resumed=True)
        elif part == "mtls":
            way = replace(way, mutual=True)
        elif part in (CLASSICAL, POST_QUANTUM) and not way.groups:
            way = replace(way, groups=part)
        else:
            raise ConfigError(
                f"there is no way {word!r} to compare",
                remedy="1.2, 1.3, resumed, mtls, classical, post-quantum, and joined as in 1.2+resumed",
            )
    return way


def compare(
    call: Call, ways: Sequence[Way], times: int, *, tell: Callable[[int, int], None] = lambda done, total: None
) -> Comparison:
    """Dial in each way so many times. tell: how many of how many connections were made.

    Raises ConfigError when a certificate is wanted and none was given, TrustError when a file can't be used.
    """
    shows = call.credentials.certificate is not None
    if any(way.mutual for way in ways) and not shows:
        raise ConfigError("mtls needs a certificate to show", remedy="--bundle DIR, or --cert FILE --key FILE")
    demanded = shows and not all(way.mutual for way in ways) and _demands_certificate(call)
    done, total, columns = 0, len(ways) * times, []
    for way in ways:
        reports: list[Report] = []
        mine = _call_for(call, way, show=way.mutual or demanded)
        for _ in range(times):
            reports.append(_once(mine, way))
            done += 1
            tell(done, total)
        note = "the broker demands a certificate" if demanded and not way.mutual else ""
        columns.append(Column(way.name, tuple(reports), note))
    return Comparison(tuple(columns), "" if call.middleware == DEFAULT else title_of(call.middleware))


def _call_for(call: Call, way: Way, *, show: bool) -> Call:
    credentials = call.credentials if show else replace(call.credentials, certificate=None, key=None)
    return replace(call, version=way.version, credentials=credentials, groups=way.groups)


def _once(call: Call, way: Way) -> Report:
    before: Seen | None = look(call).seen if way.resumed else None
    return look(call, resume=before).report


def _demands_certificate(call: Call) -> bool:
    """Does the broker refuse who shows none?"""
    outcome = look(_call_for(call, Way(""), show=False)).report.outcome
    return outcome.kind is Kind.REFUSED and outcome.alert in _WANTING
