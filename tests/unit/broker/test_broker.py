"""The broker alone: what the scenarios do not reach."""

from __future__ import annotations

import pytest

from outboxes import EVERYTHING, RememberingOutbox, RememberingStore
from sealmq.broker import broker as broker_module
from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.sessions import NEVER, Session
from sealmq.identity import Identity
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.connection import LONGEST_REASON
from sealmq.mqtt.packets import ConnAck, Connect, PubAck, Publish, PubRec, PubRel, Subscribe, Subscription, Will
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet
from stacks import Stage

ME = Identity("me", "device")


def make(rules=EVERYTHING, **limits: int) -> Broker:
    return Broker(rules, Limits(**limits), RememberingStore(), lambda: "assigned")


def connect(
    broker: Broker, packet: Connect | None = None, now: float = 0.0
) -> tuple[Session | None, RememberingOutbox]:
    outbox = RememberingOutbox()
    return broker.on_connect(outbox, ME, packet or Connect("c"), now), outbox


def test_connack_leaves_before_what_is_sent_again() -> None:
    broker = make()
    lasting = Connect("c", False, properties=Properties(session_expiry_interval=60))
    session, _ = connect(broker, lasting)
    assert session is not None
    session.outgoing.released[5] = None
    broker.on_lost(session, 0.0)
    again, outbox = connect(broker, lasting)
    assert again is session
    assert [type(packet) for packet in outbox.sent] == [ConnAck, PubRel]


def test_a_takeover_ends_the_old_link_before_the_new_one_speaks() -> None:
    broker = make()
    session, old = connect(broker)
    new_session, new = connect(broker)
    assert old.ended == [(0x8E, "the same client connected again")]
    assert new_session is not session
    assert new_session is not None
    assert new_session.outbox is new
    assert list(broker.sessions.values()) == [new_session]


def test_the_reason_of_a_refusal_is_as_long_as_a_person_reads() -> None:
    broker = make(rules=())
    session, outbox = connect(broker, Connect("c", will=Will("\x01" * 30_000, b"")))
    assert session is None
    (connack,) = outbox.sent
    assert isinstance(connack, ConnAck)
    assert len(connack.properties.reason_string or "") == LONGEST_REASON
    assert write_packet(connack, 5)
    assert len(outbox.ended) == 1


@pytest.mark.parametrize(
    ("level", "asked", "most", "granted"),
    [(5, 0, 3_600, 3_600), (5, 10, 3_600, 10), (5, 9_999, 3_600, 3_600), (4, 0, 3_600, 0), (4, 9_999, 3_600, 9_999)],
)
def test_the_keep_alive_is_the_clients_where_it_cannot_be_told_another(
    level: int, asked: int, most: int, granted: int
) -> None:
    assert make(keep_alive_maximum=most).keep_alive(Connect("c", keep_alive=asked, level=level)) == granted


@pytest.mark.parametrize(
    ("level", "clean_start", "asked", "expiry"),
    [
        (5, True, None, 0.0),
        (5, False, 0, 0.0),
        (5, True, 50, 50.0),
        (5, True, 500, 100.0),
        (5, True, 0xFFFF_FFFF, 100.0),
        (4, True, None, 0.0),
        (4, False, None, 100.0),
    ],
)
def test_a_session_lasts_as_long_as_asked_up_to_the_maximum(
    level: int, clean_start: bool, asked: int | None, expiry: float
) -> None:
    properties = Properties() if asked is None else Properties(session_expiry_interval=asked)
    session, _ = connect(
        make(session_expiry_maximum=100), Connect("c", clean_start, level=level, properties=properties)
    )
    assert session is not None
    assert session.expiry == expiry


def test_for_ever_is_never_where_it_is_allowed() -> None:
    properties = Properties(session_expiry_interval=0xFFFF_FFFF)
    session, _ = connect(make(session_expiry_maximum=0xFFFF_FFFF), Connect("c", properties=properties))
    assert session is not None
    assert session.expiry == NEVER


@pytest.mark.parametrize(("level", "asked", "limit"), [(4, None, 100), (5, None, 100), (5, 7, 7), (5, 5_000, 100)])
def test_the_window_is_the_smaller_of_what_the_client_takes_and_what_we_keep(
    level: int, asked: int | None, limit: int
) -> None:
    properties = Properties() if asked is None else Properties(receive_maximum=asked)
    session, _ = connect(make(in_flight=100), Connect("c", level=level, properties=properties))
    assert session is not None
    assert session.in_flight_limit == limit


def test_our_connack_fits_the_smallest_client_that_we_take() -> None:
    broker = make(session_expiry_maximum=100)
    packet = Connect(
        "",
        keep_alive=0,
        properties=Properties(session_expiry_interval=500, maximum_packet_size=broker_module.SMALLEST_PACKET_LIMIT),
    )
    _, outbox = connect(broker, packet)
    (connack,) = outbox.sent
    assert len(write_packet(connack, 5)) + len("auto-0123456789abcdef") <= broker_module.SMALLEST_PACKET_LIMIT


def test_a_refused_topic_is_asked_about_each_time() -> None:
    broker = make(rules=())
    session, outbox = connect(broker)
    assert session is not None
    for _ in range(2):
        broker.publishing.on_publish(session, Publish("a", qos=1, packet_id=3), 0.0)
    assert [packet.reason_code for packet in outbox.sent if isinstance(packet, PubAck)] == [0x87, 0x87]
    assert session.publishable == {}


def test_a_refused_qos_2_message_of_a_311_client_is_finished_like_any_other() -> None:
    broker = make(rules=())
    session, outbox = connect(broker, Connect("c", level=4))
    assert session is not None
    broker.publishing.on_publish(session, Publish("a", qos=2, packet_id=3), 0.0)
    broker.publishing.on_pubrel(session, PubRel(3), 0.0)
    assert outbox.sent[1] == PubRec(3)
    assert outbox.acknowledged == [(3, b"\x70\x02\x00\x03")]
    assert session.incoming == {}


def test_the_route_cache_is_kept_when_a_client_without_subscriptions_comes() -> None:
    broker = make()
    route = broker.router.route("a")
    connect(broker, Connect("c", properties=Properties(maximum_packet_size=1_000)))
    connect(broker, Connect("d", level=4))
    assert broker.router.route("a") is route


LASTING = Properties(session_expiry_interval=60)
OLD, NEW = (Identity("sensor-1", "device", serial, bearer=serial) for serial in ("old", "new"))


def test_who_has_the_name_by_now_keeps_what_is_its_own() -> None:
    broker = make()
    for identity in (OLD, NEW):
        session = broker.on_connect(
            RememberingOutbox(), identity, Connect(identity.bearer, properties=LASTING), 0.0
        )  # fmt: skip
        assert session is not None
        broker.on_lost(session, 0.0)
    broker.end_sessions("sensor-1", 0.0, "it was revoked", heir=NEW)
    assert [key.client_id for key in broker.sessions] == ["new"]


def test_ending_the_sessions_of_one_identity_leaves_the_others() -> None:
    broker = make()
    here, outbox = connect(broker, Connect("here", properties=LASTING))
    away, _ = connect(broker, Connect("away", properties=LASTING))
    other = broker.on_connect(RememberingOutbox(), Identity("other", "device"), Connect("c"), 0.0)
    assert here is not None
    assert away is not None
    assert other is not None
    broker.on_lost(away, 0.0)
    broker.end_sessions("me", 0.0, "it was revoked")
    assert set(broker.sessions.values()) == {other}
    assert outbox.ended == [(0x98, "it was revoked")]


@pytest.mark.parametrize("is_here", [True, False])
@pytest.mark.parametrize("clean_start", [True, False])
def test_a_new_bearer_of_a_name_never_finds_the_session_of_the_one_before(is_here: bool, clean_start: bool) -> None:
    broker = make()
    old_outbox, outbox = RememberingOutbox(), RememberingOutbox()
    will = Will("a", b"alas", properties=Properties(will_delay_interval=0 if is_here else 30))
    before = broker.on_connect(
        old_outbox, OLD, Connect("c", will=will, properties=LASTING), 0.0
    )  # fmt: skip
    assert before is not None
    watcher = broker.on_connect(RememberingOutbox(), Identity("other", "device"), Connect("w"), 0.0)
    assert watcher is not None
    broker.subscriptions.on_subscribe(watcher, Subscribe(1, [Subscription("a")]), 0.0)
    if not is_here:
        broker.on_lost(before, 0.0)
    session = broker.on_connect(outbox, NEW, Connect("c", clean_start=clean_start, properties=LASTING), 0.0)
    assert session is not None
    assert session is not before
    assert outbox.sent[0] == ConnAck(False, 0, outbox.sent[0].properties)
    if is_here:
        assert old_outbox.ended == [(0x98, "its name belongs to somebody else by now")]
    broker.tick(60.0)
    assert broker.dispatch.counters.unspoken_wills == 1
    assert broker.dispatch.counters.delivered == 0


def test_a_tick_without_anything_due_does_nothing() -> None:
    broker = make()
    session, outbox = connect(broker)
    for now in (0.0, 1e6, 1e12):
        broker.tick(now)
    assert list(broker.sessions.values()) == [session]
    assert outbox.ended == []


def test_nothing_of_a_claim_outlives_its_link() -> None:
    stage = Stage()
    stage.registry.claims.add("claim:1")
    client = stage.client("claim:1")
    assert client.connect("line", session_expiry_interval=600).properties.session_expiry_interval == 0
    client.disconnect()
    assert stage.session("line", "claim:1") is None
    old = stage.client("claim:1", level=4)
    assert old.connect("line", clean_start=False).reason_code == 0
    old.lose()
    assert stage.session("line", "claim:1") is None
    late = stage.client("claim:1")
    late.connect("line", session_expiry_interval=600)
    late.disconnect(session_expiry_interval=600)
    assert stage.session("line", "claim:1") is None


def test_a_claim_has_no_will_and_a_request_is_none() -> None:
    stage = Stage()
    stage.registry.claims.add("claim:1")
    for name, topic in (("claim:1", "a"), ("claim:1", "$enroll/csr/json"), ("sensor-1", "$enroll/renew/json")):
        refused = stage.client(name).connect("", will=Will(topic, b"bye"))
        assert refused.reason_code == ReasonCode.NOT_AUTHORIZED
