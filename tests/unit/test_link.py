"""The link alone: stages, deadlines, the log, and errors that are not the client's."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

import pytest

from sealmq.errors import HomeError, LocalProtocolError, TLSError
from sealmq.house import SHARE
from sealmq.identity import Identity, Terms
from sealmq.link import Link
from sealmq.mqtt.packets import Connect, PingResp, Publish, Subscribe, Subscription
from sealmq.tls.policy import TLSPolicy
from stacks import START, Client, Stage
from tls_pairs import Trust


def test_a_link_stands_in_the_house_from_the_first_byte_to_the_last(stage: Stage) -> None:
    client = stage.client()
    assert stage.house.links == {client.link}
    assert stage.house.by_serial == {}
    client.connect()
    assert stage.house.by_serial == {"serial of operator": {client.link}}
    client.lose()
    assert stage.house.links == set()
    assert stage.house.by_serial == {}
    assert len(stage.house.deadlines) == 0


def test_links_of_one_certificate_stand_together(stage: Stage) -> None:
    one, two = stage.client(), stage.client()
    one.connect("one")
    two.connect("two")
    one.lose()
    assert stage.house.by_serial == {"serial of operator": {two.link}}


def test_each_stage_has_its_deadline(stage: Stage) -> None:
    client = stage.client()
    assert client.link.deadline == START + stage.limits.handshake_timeout
    stage.wait(5)
    client.raw(b"\x10")  # with it the stack sees that the handshake is done
    assert client.link.deadline == START + 5 + stage.limits.connect_timeout
    fast = stage.client()
    fast.connect("fast", keep_alive=2)
    assert fast.link.deadline == START + 5 + 3
    slow = stage.client(level=4)
    slow.connect("slow", keep_alive=0)
    assert slow.link.deadline == float("inf")


def test_a_deadline_that_comes_sooner_than_the_one_before_is_met(stage: Stage) -> None:
    client = stage.client()
    client.connect("one", keep_alive=1)
    stage.wait(3)
    assert client.goodbye() == 0x8D


def test_the_log_says_who_came_from_where_and_how(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client = stage.client("sensor-1")
        client.connect("one")
        client.disconnect()
    first, second = (record for record in caplog.records if record.name == "sealmq.link")
    assert first.getMessage() == "sensor-1 connected from 192.0.2.7:1883 as client 'one' (MQTT 5, TLSv1.3, none)"
    assert vars(first)["device"] == "sensor-1"
    assert vars(first)["client_id"] == "one"
    assert "said goodbye" in second.getMessage()


def test_the_log_says_why_a_link_ended(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    client = stage.client("sensor-1")
    client.connect("one")
    with caplog.at_level(logging.INFO):
        client.raw(b"\xc1\x00")
    assert len(caplog.records) == 1
    assert "sensor-1 (client 'one', 192.0.2.7:1883) ends: the reserved flags of PINGREQ" in caplog.text
    assert "(reason code 0x81, malformed packet)" in caplog.text


def test_a_registry_that_cannot_be_read_lets_nobody_in(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(der: bytes, now: float) -> Identity:
        raise HomeError("the registry cannot be read", remedy="mend the disk")

    monkeypatch.setattr(stage.registry, "identify", broken)
    client = stage.client()
    assert client.connect().reason_code == 0x87
    assert client.closed


def test_a_handshake_without_a_certificate_proves_nobody(stage: Stage) -> None:
    client = stage.client("")
    connack = client.connect()
    assert connack.reason_code == 0x87
    assert connack.properties.reason_string == "no client certificate came"


def test_our_own_mistake_ends_the_link_and_is_told_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> None:
        raise LocalProtocolError("we said what cannot be said", 0x82)

    client = stage.client()
    client.connect()
    monkeypatch.setattr(stage.broker.publishing, "on_publish", mistaken)
    client.publish("a")
    assert client.goodbye() == 0x83
    assert "our own mistake: we said what cannot be said" in caplog.text
    assert stage.broker.sessions == {}


def test_an_end_is_an_end(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.link.end(0x98, "enough")
    writes = client.wire.write_count
    client.link.end(0x8B, "again")
    client.link.bytes_received(memoryview(b"\xc0\x00"))
    client.link.deadline_passed(stage.clock.now)
    client.link.full()
    client.link.drained()
    assert client.wire.write_count == writes
    client.link.lost("")
    client.link.lost("")
    assert stage.house.links == set()


def test_bytes_of_a_handshake_that_fails_are_answered_by_the_alert(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = stage.client()
    tls = client.link._tls
    tls.established = False
    tls.refused_certificate = b"der"

    def refuse(_: object) -> bytes:
        tls.send(b"alert")
        raise TLSError("no", "unknown_ca", remedy="another certificate")

    monkeypatch.setattr(tls, "receive_data", refuse)
    client.link.bytes_received(memoryview(b"hello"))
    assert client.wire.writes == [b"alert"]
    assert client.wire.finished
    assert "was refused: no (a certificate); alert unknown_ca sent; next: another certificate" in caplog.text


def test_holds_are_counted(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    for _ in range(2):
        client.link.hold()
    client.link.release()
    assert not client.wire.reading
    client.link.release()
    assert client.wire.reading


def test_the_house_flushes_once_and_forgets(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    asked = []
    stage.house.ask_for_flush = lambda: asked.append(1)
    for _ in range(3):
        client.link.send(PingResp())
    assert asked == [1]
    stage.house.flush()
    stage.house.flush()
    assert client.wire.writes == [b"\xd0\x00" * 3]
    assert stage.house.unflushed == set()
    assert not stage.house.flush_is_due


def test_a_link_knows_its_name_at_every_stage(stage: Stage) -> None:
    client = stage.client("sensor-1")
    assert str(client.link) == "192.0.2.7:1883"
    client.mqtt.send(Connect("one"))
    wire = client.mqtt.data_to_send()
    client.raw(wire[:1])
    assert str(client.link) == "sensor-1 (192.0.2.7:1883)"
    client.raw(wire[1:])
    assert str(client.link) == "sensor-1 (client 'one', 192.0.2.7:1883)"


def test_a_link_costs_no_dictionary(stage: Stage) -> None:
    assert not hasattr(stage.client().link, "__dict__")
    assert "__slots__" in vars(Link)


def is_refused_for_its_certificate(client: Client) -> None:
    client.stage.registry.revoked.add("operator")
    client.connect()


def breaks_the_standard(client: Client) -> None:
    client.connect()
    client.raw(b"\xc1\x00")


def takes_less_than_an_answer_needs(client: Client) -> None:
    client.connect(maximum_packet_size=128)
    client.send(Subscribe(1, [Subscription(f"a/{number}") for number in range(200)]))


def breaks_off_while_its_packets_wait(client: Client) -> None:
    client.connect()
    client.stage.clock.step = SHARE
    with client.stage.one_turn():
        client.send(*(Publish("a", b"%d" % number) for number in range(100)))
        assert client.link in client.stage.house.resting
        client.lose()


def says_too_little(client: Client) -> None:
    client.stage.wait(30)


@pytest.mark.parametrize(
    "ending",
    [
        is_refused_for_its_certificate,
        breaks_the_standard,
        takes_less_than_an_answer_needs,
        breaks_off_while_its_packets_wait,
        says_too_little,
    ],
)
def test_a_link_that_ended_is_gone_without_a_look_for_cycles(ending: Callable[[Client], None]) -> None:
    def live_and_end() -> None:
        stage = Stage()
        client = stage.client()
        ending(client)
        client.lose()
        assert not stage.house.links
        stage.clients.clear()
        client.wire.link = None  # the test's own cycle

    gc.collect()
    gc.disable()  # they are hardly ever looked for among what is old: server.COLLECTIONS
    try:
        live_and_end()
        assert not any(isinstance(thing, Link) for thing in gc.get_objects())
    finally:
        gc.enable()


# -- a PSK


PSK = Terms("psk")


def test_who_proved_a_psk_is_let_in_as_who_it_is(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client = stage.client("small-1", terms=PSK)
        client.connect("one")
    assert client.link.identity == Identity("small-1", "device", "serial of small-1", credential="PSK")
    assert stage.house.by_serial == {"serial of small-1": {client.link}}
    assert "small-1 connected from 192.0.2.7:1883" in caplog.text
    assert client.subscribe("devices/small-1/#") == [0]
    assert client.subscribe("devices/other/#") == [0x87]


def test_a_psk_that_was_revoked_behind_the_handshake_opens_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.registry.revoked.add("small-1")
    client = stage.client("small-1", terms=PSK)
    assert client.connect("one").reason_code == 0x87
    assert client.closed
    assert "192.0.2.7:1883 was refused: the certificate of 'small-1' was revoked" in caplog.text
    assert stage.traffic.refused == {"psk": 1}


def test_a_listener_for_psks_believes_no_certificate_and_the_other_way_round(stage: Stage) -> None:
    shown = stage.client("small-1", terms=PSK)
    shown.link._tls.psk_identity, shown.link._tls.peer_certificate = "", b"small-1"  # type: ignore[misc, attr-defined]
    assert shown.connect("one").reason_code == 0x87
    proved = stage.client("small-1")
    proved.link._tls.psk_identity, proved.link._tls.peer_certificate = "small-1", b""  # type: ignore[misc, attr-defined]
    assert proved.connect("two").reason_code == 0x87


def test_no_link_outlives_its_psk(stage: Stage) -> None:
    stage.registry.not_after["small-1"] = START + 60
    client = stage.client("small-1", terms=PSK)
    client.connect("one")
    stage.wait(61)
    assert client.goodbye() == 0xA0


def test_a_device_with_a_small_buffer_gets_small_records(stage: Stage) -> None:
    stage.registry.record_sizes = {"small": 1_024, "large": 16_384}
    clients = [stage.client(name) for name in ("small", "large", "operator")]
    for client in clients:
        client.connect()
    sizes = [client.link._tls.max_record for client in clients]
    assert sizes == [1_024, 16_384, 16_384]


def test_a_listener_with_small_records_stays_one(trust: Trust) -> None:
    stage = Stage(trust=trust)
    stage._server_tls = trust.server(TLSPolicy(max_record=512))
    stage.registry.record_sizes = {"small": 1_024}
    client = stage.client("small")
    client.connect("x")
    assert client.link.identity is not None
    assert client.link._tls.max_record == 512
