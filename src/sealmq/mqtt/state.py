"""Who may send what when: the life of a connection as a table, and the lives of messages at QoS 1 and 2.

Rule 1: a packet that is not in `TRANSITIONS` for this phase and sender is a protocol error. There is no other rule.
Rule 2: packets in `LEVEL_5_ONLY` do not exist in MQTT 3.1.1.
Rule 3: what is written here is printed in docs/reference/state-machine.md (docs/generate.py); a test compares the two.

The table knows packet types alone. Two ends of a connection hang on what a packet says, and belong to the caller: a
CONNACK with a failure ends it [MQTT-3.2.2-7], and a client that named an authentication method sends only AUTH and
DISCONNECT before CONNACK [MQTT-3.1.2-30].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import PacketType, ProtocolLevel, ReasonCode

_V5 = ProtocolLevel.V5  # looked up once: in Python 3.11 each look into an enum costs as much as a call


class Sender(Enum):
    """Which side sent a packet."""

    CLIENT = "client"
    SERVER = "server"

    __hash__ = object.__hash__  # Enum's own runs as Python code, and every packet comes past it


class Phase(Enum):
    """Where in its life a connection is."""

    EXPECT_CONNECT = "nothing was said yet"
    CONNECTING = "CONNECT was sent, CONNACK was not"
    CONNECTED = "CONNACK was sent"
    ENDED = "DISCONNECT was sent"

    __hash__ = object.__hash__


def _each(sender: Sender, packet_types: Iterable[PacketType], phase: Phase) -> dict[tuple[Sender, PacketType], Phase]:
    return {(sender, packet_type): phase for packet_type in packet_types}


_FROM_BOTH = (PacketType.PUBLISH, PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP)
_FROM_CLIENT = (*_FROM_BOTH, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE, PacketType.PINGREQ, PacketType.AUTH)
_FROM_SERVER = (*_FROM_BOTH, PacketType.SUBACK, PacketType.UNSUBACK, PacketType.PINGRESP, PacketType.AUTH)

TRANSITIONS: dict[Phase, dict[tuple[Sender, PacketType], Phase]] = {
    Phase.EXPECT_CONNECT: {
        (Sender.CLIENT, PacketType.CONNECT): Phase.CONNECTING,  # [MQTT-3.1.0-1]
    },
    Phase.CONNECTING: {
        **_each(Sender.CLIENT, _FROM_CLIENT, Phase.CONNECTING),  # need not wait for CONNACK [MQTT 3.1.4]
        (Sender.CLIENT, PacketType.DISCONNECT): Phase.ENDED,
        (Sender.SERVER, PacketType.AUTH): Phase.CONNECTING,  # [MQTT-4.12.0-2]
        (Sender.SERVER, PacketType.CONNACK): Phase.CONNECTED,  # [MQTT-3.2.0-1]; no DISCONNECT yet [MQTT-3.14.0-1]
    },
    Phase.CONNECTED: {  # no second CONNECT [MQTT-3.1.0-2], no second CONNACK [MQTT-3.2.0-2]
        **_each(Sender.CLIENT, _FROM_CLIENT, Phase.CONNECTED),
        (Sender.CLIENT, PacketType.DISCONNECT): Phase.ENDED,  # [MQTT-3.14.4-1]
        **_each(Sender.SERVER, _FROM_SERVER, Phase.CONNECTED),
        (Sender.SERVER, PacketType.DISCONNECT): Phase.ENDED,
    },
    Phase.ENDED: {},  # [MQTT-3.14.4-1]
}
"""{phase: {(sender, packet type): next phase}}: what is not here is a protocol error."""

LEVEL_5_ONLY = frozenset(
    {
        (Sender.CLIENT, PacketType.AUTH),
        (Sender.SERVER, PacketType.AUTH),
        (Sender.SERVER, PacketType.DISCONNECT),
    }
)
"""What does not exist in MQTT 3.1.1."""


def next_phase(phase: Phase, sender: Sender, packet_type: PacketType, level: int) -> Phase:
    """The phase behind a packet of `packet_type` from `sender`.

    Raises RemoteProtocolError (Protocol Error) where that packet may not be sent now; who the wrong-doer is, us or the
    peer, the caller knows.
    """
    move = (sender, packet_type)
    after = TRANSITIONS[phase].get(move)
    if after is None:
        raise RemoteProtocolError(
            f"the {sender.value} must not send {packet_type.name} when {phase.value}", ReasonCode.PROTOCOL_ERROR
        )
    if level != _V5 and move in LEVEL_5_ONLY:
        raise RemoteProtocolError(
            f"MQTT 3.1.1 has no {packet_type.name} from the {sender.value}", ReasonCode.PROTOCOL_ERROR
        )
    return after


class Step(NamedTuple):
    """One step of a message's delivery: before, what happens, what is done, after, and the clauses."""

    before: str
    event: str
    action: str
    after: str
    clauses: str


QOS_1_SENDER = (
    Step(
        "new",
        "message to deliver",
        "send PUBLISH with a free packet id",
        "PUBLISH sent",
        "[MQTT-4.3.2-1, MQTT-4.3.2-2]",
    ),
    Step("PUBLISH sent", "connection resumed", "send PUBLISH with DUP", "PUBLISH sent", "[MQTT-4.4.0-1]"),
    Step("PUBLISH sent", "PUBACK", "free the packet id", "done", "[MQTT-4.3.2-3]"),
)
"""QoS 1, who sends [MQTT 4.3.2]."""

QOS_1_RECEIVER = (
    Step("new", "PUBLISH", "take the message, send PUBACK", "done", "[MQTT-4.3.2-4]"),
    Step("done", "PUBLISH", "it is a new message: take it, send PUBACK", "done", "[MQTT-4.3.2-5]"),
)
"""QoS 1, who receives [MQTT 4.3.2]."""

QOS_2_SENDER = (
    Step(
        "new",
        "message to deliver",
        "send PUBLISH with a free packet id",
        "PUBLISH sent",
        "[MQTT-4.3.3-1, MQTT-4.3.3-2]",
    ),
    Step("PUBLISH sent", "connection resumed", "send PUBLISH with DUP", "PUBLISH sent", "[MQTT-4.4.0-1]"),
    Step("PUBLISH sent", "PUBREC, success", "send PUBREL", "PUBREL sent", "[MQTT-4.3.3-3, MQTT-4.3.3-4]"),
    Step("PUBLISH sent", "PUBREC, 0x80 or above", "free the packet id", "done", "[MQTT-4.3.3-4]"),
    Step("PUBREL sent", "connection resumed", "send PUBREL", "PUBREL sent", "[MQTT-4.4.0-1]"),
    Step("PUBREL sent", "PUBREC, success", "send PUBREL", "PUBREL sent", "[MQTT-4.3.3-4, MQTT-4.3.3-6]"),
    Step("PUBREL sent", "PUBCOMP", "free the packet id", "done", "[MQTT-4.3.3-5]"),
)
"""QoS 2, who sends [MQTT 4.3.3]."""

QOS_2_RECEIVER = (
    Step("new", "PUBLISH", "take the message, send PUBREC", "PUBREC sent", "[MQTT-4.3.3-8]"),
    Step("new", "PUBLISH, refused", "send PUBREC, 0x80 or above", "done", "[MQTT-4.3.3-9]"),
    Step("PUBREC sent", "PUBLISH", "send PUBREC, do not take it twice", "PUBREC sent", "[MQTT-4.3.3-10]"),
    Step("PUBREC sent", "PUBREL", "send PUBCOMP, free the packet id", "done", "[MQTT-4.3.3-11, MQTT-4.3.3-12]"),
    Step("done", "PUBREL", "send PUBCOMP, 0x92", "done", "[MQTT-3.7.2-1]"),
)
"""QoS 2, who receives [MQTT 4.3.3]."""


def tables_as_markdown() -> str:
    """The page docs/reference/state-machine.md: every table of this file, in Markdown."""
    lines = [
        "# The state machine",
        "",
        "Generated from `src/sealmq/mqtt/state.py` by `docs/generate.py`: change the tables there, not this page.",
        "",
        "## A connection",
        "",
        "A packet that a phase does not list is a protocol error.",
        "",
    ]
    for phase, moves in TRANSITIONS.items():
        lines += [f"### {phase.name}: {phase.value}", ""]
        if not moves:
            lines += ["Nothing may be sent any more.", ""]
            continue
        rows = [
            (
                sender.value,
                packet_type.name,
                "5" if (sender, packet_type) in LEVEL_5_ONLY else "3.1.1, 5",
                after.name,
            )
            for (sender, packet_type), after in moves.items()
        ]
        lines += _table(("sender", "packet", "MQTT", "next phase"), rows)
    lines += ["## A message on its way", ""]
    for title, steps in (
        ("QoS 1, who sends", QOS_1_SENDER),
        ("QoS 1, who receives", QOS_1_RECEIVER),
        ("QoS 2, who sends", QOS_2_SENDER),
        ("QoS 2, who receives", QOS_2_RECEIVER),
    ):
        lines += [f"### {title}", "", *_table(("state", "event", "what is done", "next state", "clauses"), steps)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines] + [""]
