"""Every client that takes part, at each level and QoS, in both directions; and what outlives a connection.

The other side is always paho-mqtt with MQTT 5 and the operator's certificate, so that the levels meet, too. Each test
says a line of the table that is printed at the end of the run (interop_table.py).
"""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pytest

from interop_clients import CLIENTS, Client, Kind, Link, Message, Properties, Session, is_line
from interop_homes import make_home, start
from interop_table import NAME, interop_line
from running import Broker

pytestmark = pytest.mark.interop

MESSAGES = 300
"""Messages of each line that sends or receives."""

AWKWARD = (0, 1, 125, 126, 127, 4_096, 16_384, 65_535, 65_536, 204_800)
"""Bytes of payloads that every line has: none, one, at the edges of a frame and of a TLS record, large."""

USUAL = (16, 64, 300)

IDENTIFIER = 7

PROPERTIES = (
    Properties(),
    Properties(
        user=(("b", "1"), ("a", "2"), ("b", "3"), ("ü", "4")),
        content_type="text/plain",
        response_topic="devices/answers/1",
        correlation_data=b"question 1",
        expiry=3_600,
        payload_format=1,
    ),
    Properties(user=(("only", "one"),), content_type="application/octet-stream", payload_format=0),
)
"""What the messages of each of three topics carry in MQTT 5."""

LEVELS = pytest.mark.parametrize("level", [4, 5], ids=["3.1.1", "5"])
QOS = pytest.mark.parametrize("qos", [0, 1, 2], ids=["QoS 0", "QoS 1", "QoS 2"])
KINDS = pytest.mark.parametrize("kind", CLIENTS.values(), ids=list(CLIENTS))

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def matrix_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker as an unedited configuration makes it, with WebSocket and a device for each client."""
    devices = tuple(kind.device for kind in CLIENTS.values())
    home = make_home(tmp_path_factory.mktemp("matrix") / "home", "", devices)
    yield from start(home, "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0")


@pytest.fixture(scope="module")
def started(matrix_broker: Broker) -> Iterator[Callable[[Kind, str], Client]]:
    """Clients that are started once for all tests of this process."""
    running: dict[tuple[str, str], Client] = {}

    def client(kind: Kind, device: str) -> Client:
        if (kind.name, device) not in running:
            running[kind.name, device] = kind.make(kind, matrix_broker, device)
        return running[kind.name, device]

    yield client
    for each in running.values():
        each.vanish()


@dataclass
class Pair:
    """The client that is looked at, the other side, and what they have to say to each other."""

    kind: Kind
    level: int
    client: Client
    other: Client
    record: Callable[[str, object], None]

    def __post_init__(self) -> None:
        self.number = next(_numbers)
        self.topic = f"devices/{self.kind.device}/{self.number}"

    def session(self, **more: object) -> Session:
        return replace(Session(self.level, f"{self.kind.device}-{self.number}"), **more)  # type: ignore[arg-type]

    def connect_other(self) -> Link:
        return self.other.connect(Session(5, f"other-{self.kind.device}-{self.number}"))

    def end(self, *links: Link) -> None:
        for link in links:
            link.disconnect()

    def expected(self, messages: Sequence[Message], *, level: int, identifiers: tuple[int, ...]) -> list[Message]:
        """`messages` as a receiver of this level hears them when this client sends or receives them."""
        heard = []
        for message in messages:
            properties = Properties()
            if level == 5:
                said = message.properties if self.level == 5 else Properties()
                properties = replace(self.kind.as_said(said), identifiers=identifiers)
            heard.append(replace(message, properties=properties))
        return heard

    def tell(self, what: str, qos: str, messages: int, wrong: Sequence[str]) -> None:
        """Say the line, and fail when something was wrong."""
        line = interop_line(self.kind.name, self.client.version, self.level, qos, what, messages, len(wrong))
        self.record(NAME, line)
        assert not wrong, "\n".join(wrong[:10])


@pytest.fixture
def pair(
    kind: Kind,
    level: int,
    matrix_broker: Broker,
    started: Callable[[Kind, str], Client],
    record_property: Callable[[str, object], None],
) -> Pair:
    other = started(CLIENTS["paho-mqtt"], "operator")
    return Pair(kind, level, started(kind, kind.device), other, record_property)


def plan(pair: Pair, qos: int, *, in_lines: bool) -> list[Message]:
    """Messages of many sizes and any bytes, in turn to three topics; for mosquitto_pub most of them are lines."""
    dice = random.Random(pair.topic)
    messages = []
    for number in range(MESSAGES):
        awkward = number < len(AWKWARD)
        payload = dice.randbytes(AWKWARD[number] if awkward else USUAL[number % len(USUAL)])
        if in_lines and not awkward:
            payload = payload.replace(b"\n", b"\1").replace(b"\0", b"\1")
            assert is_line(payload)
        which = 0 if in_lines and awkward else number % len(PROPERTIES)
        messages.append(Message(f"{pair.topic}/{which}", payload, qos, properties=PROPERTIES[which]))
    return messages


def collect(receiver: Link, other: Link, pair: Pair, count: int) -> list[Message]:
    """The messages that came: at least `count`, or all that came in time, and none after them."""
    last, mark = f"{pair.topic}/last", secrets.token_hex(4).encode()  # others collect too, and it gets theirs
    receiver.inbox.wait(lambda messages: sum(message.topic != last for message in messages) >= count)
    other.publish([Message(last, mark)], 1)  # what was sent twice would come before it
    assert receiver.inbox.wait(lambda messages: messages != [] and messages[-1].payload == mark)
    return [message for message in receiver.inbox.messages if message.topic != last]


def compare(expected: Sequence[Message], received: Sequence[Message]) -> list[str]:
    """What is wrong with `received`, in words: order counts within a topic [MQTT-4.6.0-6]."""
    wrong = []
    for topic in dict.fromkeys(message.topic for message in (*expected, *received)):
        sent = [message for message in expected if message.topic == topic]
        came = [message for message in received if message.topic == topic]
        for number, (one, two) in enumerate(itertools.zip_longest(sent, came)):
            if not is_same(one, two):
                wrong.append(f"{topic}, number {number}: {brief(one)} became {brief(two)}")
    return wrong


def is_same(sent: Message | None, came: Message | None) -> bool:
    """Equal, but for the seconds that a message has waited."""
    if sent is None or came is None or sent.properties.expiry is None or came.properties.expiry is None:
        return sent == came
    left = sent.properties.expiry - came.properties.expiry
    return 0 <= left <= 60 and sent == replace(came, properties=replace(came.properties, expiry=sent.properties.expiry))


def brief(message: Message | None) -> str:
    if message is None:
        return "nothing"
    payload = message.payload[:20]
    return f"{len(message.payload)} bytes {payload!r}, QoS {message.qos}, retain {message.retain}, {message.properties}"


@QOS
@LEVELS
@KINDS
def test_what_it_sends_comes_once_and_in_order(pair: Pair, qos: int) -> None:
    other, link = pair.connect_other(), pair.client.connect(pair.session())
    other.subscribe(f"{pair.topic}/#", 2, identifier=IDENTIFIER)
    sent = plan(pair, qos, in_lines=pair.kind.sends_lines)
    link.publish(sent, qos)
    received = collect(other, other, pair, len(sent))
    pair.end(link, other)
    expected = pair.expected(sent, level=5, identifiers=(IDENTIFIER,))
    pair.tell("sends", str(qos), len(sent), compare(expected, received))


@QOS
@LEVELS
@KINDS
def test_what_it_receives_came_once_and_in_order(pair: Pair, qos: int) -> None:
    other, link = pair.connect_other(), pair.client.connect(pair.session())
    identifier = IDENTIFIER if pair.level == 5 else None
    link.subscribe(f"{pair.topic}/#", qos, identifier=identifier)
    sent = plan(pair, qos, in_lines=False)
    other.publish(sent, qos)
    received = collect(link, other, pair, len(sent))
    pair.end(link, other)
    expected = pair.expected(sent, level=pair.level, identifiers=(IDENTIFIER,))
    pair.tell("receives", str(qos), len(sent), compare(expected, received))


@LEVELS
@KINDS
def test_what_is_retained_comes_later_and_as_it_was_published(pair: Pair) -> None:
    other, link = pair.connect_other(), pair.client.connect(pair.session())
    kept = [Message(f"{pair.topic}/{number}", b"kept %d" % number, 1, True, PROPERTIES[number]) for number in range(3)]
    link.publish(kept, 1)
    other.subscribe(f"{pair.topic}/#", 1)
    link.subscribe(f"{pair.topic}/#", 1, as_published=pair.level == 5)
    heard = collect(other, other, pair, 3)
    wrong = compare(pair.expected(kept, level=5, identifiers=()), heard)
    live = Message(kept[0].topic, b"live", 1, True)
    other.publish([live], 1)
    expected = [*kept, replace(live, retain=pair.level == 5)]  # retain as published: MQTT 5 alone can ask for it
    wrong += compare(pair.expected(expected, level=pair.level, identifiers=()), collect(link, other, pair, 4))
    other.publish([Message(message.topic, b"", 1, True) for message in kept], 1)
    pair.end(link, other)
    pair.tell("retained", "1", len(kept) + len(expected), wrong)


@LEVELS
@KINDS
def test_its_will_is_published_when_it_vanishes(pair: Pair) -> None:
    other = pair.connect_other()
    other.subscribe(f"{pair.topic}/#", 1)
    will = Message(f"{pair.topic}/will", b"gone", 1, properties=PROPERTIES[1])
    link = pair.client.connect(pair.session(will=will))
    link.subscribe(f"{pair.topic}/living", 1)
    pair.client.vanish()
    received = collect(other, other, pair, 1)
    pair.end(other)
    pair.tell("will", "1", 1, compare(pair.expected([will], level=5, identifiers=()), received))


@LEVELS
@KINDS
def test_what_was_published_while_it_was_away_waits_for_it(pair: Pair) -> None:
    other = pair.connect_other()
    session = pair.session(clean=False, expiry=3_600)
    link = pair.client.connect(session)
    link.subscribe(f"{pair.topic}/#", 2)
    link.disconnect()
    queued = [
        Message(f"{pair.topic}/{n % 3}", b"queued %d" % n, 1 if n < 25 else 2, properties=PROPERTIES[n % 3])
        for n in range(50)
    ]
    for qos in (1, 2):
        other.publish([message for message in queued if message.qos == qos], qos)
    link = pair.client.connect(session)
    assert link.session_present in (True, None)
    received = collect(link, other, pair, len(queued))
    link.disconnect()
    pair.end(other)
    pair.tell("away", "1, 2", len(queued), compare(pair.expected(queued, level=pair.level, identifiers=()), received))


@LEVELS
@KINDS
def test_two_of_it_share_what_comes(pair: Pair) -> None:
    other = pair.connect_other()
    members = [pair.client.connect(pair.session(client_id=f"{pair.topic[8:].replace('/', '-')}-{n}")) for n in range(2)]
    for member in members:
        member.subscribe(f"$share/workers/{pair.topic}/#", 1)
    sent = [Message(f"{pair.topic}/{number}", b"work %d" % number, 1) for number in range(40)]
    other.publish(sent, 1)
    both = members[0].inbox, members[1].inbox
    both[0].wait(lambda _: sum(len(each.messages) for each in both) >= len(sent))
    received = [message for inbox in both for message in inbox.messages]
    pair.end(*members, other)
    wrong = compare(pair.expected(sent, level=pair.level, identifiers=()), received)
    wrong += [] if all(inbox.messages for inbox in both) else ["one of the two got nothing"]
    pair.tell("shared", "1", len(sent), wrong)


def test_what_was_lost_doubled_swapped_or_changed_is_a_mismatch() -> None:
    sent = [Message("a", b"1", properties=PROPERTIES[1]), Message("a", b"2"), Message("b", b"3")]
    waited = replace(sent[0], properties=replace(PROPERTIES[1], expiry=3_590))
    assert compare(sent, [sent[2], waited, sent[1]]) == [], "between topics there is no order, and expiry counts down"
    assert len(compare(sent, sent[:2])) == 1
    assert len(compare(sent, [*sent, sent[1]])) == 1
    assert len(compare(sent, [sent[1], sent[0], sent[2]])) == 2
    turned = replace(PROPERTIES[1], user=PROPERTIES[1].user[::-1])
    for changed in (replace(sent[0], payload=b""), replace(sent[0], qos=1), replace(sent[0], properties=turned)):
        assert len(compare(sent, [changed, *sent[1:]])) == 1
