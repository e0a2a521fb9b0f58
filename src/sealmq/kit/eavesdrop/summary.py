"""What the listener saw, of all connections together: plaintext MQTT on one side, TLS on the other.

Rule 1: connections come and go without end: each is merged into what is there, and let go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.entropy import Meter
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.handshake.exposures import ATTACKS, TITLES, TLS12, TLS13, in_words
from sealmq.kit.handshake.report import Exposure

MOST_VALUES: Final = 3
"""Different values of one row that are shown."""

MOST_KEPT: Final = 100
"""Different values of one row that are told apart."""


@dataclass(slots=True)
class Side:
    """All connections of one kind.

    seconds: the shortest and the longest that one lasted.
    attempts: {verdict: how many}; outcomes: what became of the attacks, each sentence once.
    """

    connections: int = 0
    sent: dict[Sender, int] = field(default_factory=lambda: dict.fromkeys(Sender, 0))
    meters: dict[Sender, Meter] = field(default_factory=lambda: {sender: Meter() for sender in Sender})
    seconds: tuple[float, float] = (float("inf"), 0.0)
    visible: dict[str, bool] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    def add(self, sight: Sight) -> None:
        """One more connection."""
        self.connections += 1
        lasted = sight.over or 0.0
        self.seconds = (min(self.seconds[0], lasted), max(self.seconds[1], lasted))
        for sender in Sender:
            self.sent[sender] += sight.sent[sender]
            self.meters[sender].merge(sight.meters[sender])
        for each in sight.exposures:
            self.visible[each.id] = self.visible.get(each.id, False) or each.visible
            values = self.values.setdefault(each.id, {})
            if each.value in values or len(values) < MOST_KEPT:
                values[each.value] = values.get(each.value, 0) + 1
        if sight.attempt is not None:
            verdict = sight.attempt.verdict
            self.attempts[verdict] = self.attempts.get(verdict, 0) + 1

    def exposures(self) -> tuple[Exposure, ...]:
        """One row for each thing, for all of the connections."""
        return tuple(
            Exposure(id=id_, what=title, visible=self.visible.get(id_, False), value=self._value(id_))
            for id_, title in TITLES.items()
        )

    def _value(self, id_: str) -> str:
        if id_ == "SNF-11" and self.connections > 1:
            least, most = self.seconds
            return f"{self.connections} connections, of {least:.1f} s to {most:.1f} s"
        if id_ == "SNF-12":
            return f"device: {self.meters[Sender.CLIENT]}; broker: {self.meters[Sender.SERVER]}"
        values = self.values.get(id_, {})
        several = len(values) > 1
        shown = [f"{value} ({count} times)" if several and count > 1 else value for value, count in values.items()]
        more = len(shown) - MOST_VALUES
        return "\n".join([*shown[:MOST_VALUES], *([f"and {more} more"] if more > 0 else [])])


@dataclass(slots=True)
class Summary:
    """All sides, and how many connections were none of them.

    tls_other: an older version, or none was agreed on.
    """

    plaintext: Side = field(default_factory=Side)
    tls_1_2: Side = field(default_factory=Side)
    tls_1_3: Side = field(default_factory=Side)
    tls_other: Side = field(default_factory=Side)
    others: int = 0

    def add(self, sight: Sight) -> None:
        """One more connection that is over."""
        if sight.kind is Kind.PLAINTEXT:
            self.plaintext.add(sight)
        elif sight.kind is Kind.TLS:
            {TLS12: self.tls_1_2, TLS13: self.tls_1_3}.get(sight.version, self.tls_other).add(sight)
        else:
            self.others += 1

    def sides(self) -> list[tuple[Kind, str, Side]]:
        """Those that had connections, with kind and title."""
        columns = [
            (Kind.PLAINTEXT, "plaintext MQTT", self.plaintext),
            (Kind.TLS, "TLS 1.2", self.tls_1_2),
            (Kind.TLS, "TLS 1.3", self.tls_1_3),
            (Kind.TLS, "other TLS", self.tls_other),
        ]
        return [one for one in columns if one[2].connections]

    @property
    def connections(self) -> int:
        """All of them."""
        return sum(side.connections for _, _, side in self.sides()) + self.others

    def sentence(self) -> str:
        """The sum, in one sentence."""
        sides = self.sides()
        counts = [f"{in_words(side.connections, 'connection')} of {name}" for _, name, side in sides]
        if self.others:
            counts.append(f"{in_words(self.others, 'connection')} of neither")
        if not counts:
            return "nobody came"
        seen = [f"{sum(side.visible.values())} of {len(TITLES)} things lay open in {name}" for _, name, side in sides]
        return "; ".join([", ".join(counts), *seen])

    def as_json(self) -> dict[str, Any]:
        """The last line of JSON."""
        return {
            "event": "summary",
            "connections": self.connections,
            "plaintext": _side_as_json(self.plaintext),
            "tls_1_2": _side_as_json(self.tls_1_2),
            "tls_1_3": _side_as_json(self.tls_1_3),
            "tls_other": _side_as_json(self.tls_other),
            "others": self.others,
            "sentence": self.sentence(),
        }


def mark(kind: Kind, each: Exposure) -> str:
    """One word for a cell: "open", "hidden", "noticed" (an attack), or "none": plaintext has no such thing."""
    if each.visible:
        return "open"
    if each.id in ATTACKS:
        return "noticed"
    return "none" if kind is Kind.PLAINTEXT else "hidden"


def _side_as_json(side: Side) -> dict[str, Any] | None:
    if not side.connections:
        return None
    return {
        "connections": side.connections,
        "sent": {sender.value: count for sender, count in side.sent.items()},
        "attempts": dict(side.attempts),
        "exposures": [
            {"id": each.id, "what": each.what, "visible": each.visible, "value": each.value}
            for each in side.exposures()
        ],
    }
