"""What one connection showed to whoever listened: the facts that the summary is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.entropy import Meter
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.handshake.report import Exposure


def _none() -> dict[Sender, int]:
    return dict.fromkeys(Sender, 0)


@dataclass(slots=True)
class Attempt:
    """An attack that was tried, and what became of it.

    how:     "flip" or "replay". what: what was done, one sentence. verdict: "taken", "refused" or "unknown".
    outcome: what became of it, one sentence; "" while it is not known.
    at:      seconds since the connection was begun.
    """

    how: str
    what: str
    at: float
    verdict: str = "unknown"
    outcome: str = ""


@dataclass(slots=True)
class Sight:
    """Facts about one connection. Texts are safe to print.

    version:   of TLS, as the broker chose it; 0 where there is none.
    sent:      bytes of each end. over: seconds that it lasted, None while it lasts.
    meters:    of what each end sent, encrypted where the connection is.
    publishes, topics ... example: plaintext alone. exposures: what of TLS was left to see.
    """

    number: int
    kind: Kind = Kind.OTHER
    version: int = 0
    over: float | None = None
    sent: dict[Sender, int] = field(default_factory=_none)
    meters: dict[Sender, Meter] = field(default_factory=lambda: {sender: Meter() for sender in Sender})
    packets: int = 0
    publishes: dict[Sender, int] = field(default_factory=_none)
    topics: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    example: str = ""
    client_id: str = ""
    user_name: str = ""
    password: str = ""
    will: str = ""
    keep_alive: int | None = None
    attempt: Attempt | None = None
    exposures: tuple[Exposure, ...] = ()
