"""One changed bit, one repeated packet: done once, in the right place; and the verdict is what the wire shows."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mqtt_bytes
import packet_strategies
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.tamper import How, PlaintextTamper, SealedTamper, flip, tamper_for
from sealmq.mqtt.packets import Connect, Disconnect, PubAck, Publish, PubRec
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet
from tls_pairs import Trust
from wiretap import between, wire

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


def changed(tamper: PlaintextTamper, data: bytes, size: int = 0) -> bytes:
    """What arrives of what the device sends, in pieces of `size`."""
    size = size or len(data)
    return b"".join(tamper.change(CLIENT, data[at : at + size], 1.0) for at in range(0, len(data), size))


def connected(how: How, level: int = 5) -> PlaintextTamper:
    tamper = PlaintextTamper(how)
    connect = write_packet(Connect("a", level=level), level)
    assert tamper.change(CLIENT, connect, 0.0) == connect
    return tamper


# -- plaintext ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ON", b"NN"),
        (b"21.5", b"31.5"),
        (b'{"t":21}', b'{"t":31}'),
        (b"Z", b"X"),
        (b"a", b"c"),
        (b"\x00\x01", b"\x01\x01"),
    ],
)
def test_a_person_sees_the_change(before: bytes, after: bytes) -> None:
    tamper = connected(How.FLIP)
    assert changed(tamper, mqtt_bytes.publish("t", before)) == mqtt_bytes.publish("t", after)
    assert tamper.attempt is not None
    assert tamper.attempt.what.endswith("; topic 't'")


@pytest.mark.parametrize("level", [4, 5])
@given(st.data())
def test_one_bit_of_the_payload_changes_and_nothing_else_however_it_is_cut(level: int, data: st.DataObject) -> None:
    packet = data.draw(packet_strategies.publishes(level))
    size = data.draw(st.integers(1, 30))
    wire_ = write_packet(packet, level)
    tamper = connected(How.FLIP, level)
    again = mqtt_bytes.PINGREQ + wire_
    arrived = changed(tamper, wire_ + again, size)
    assert arrived[len(wire_) :] == again  # once
    different = [one ^ other for one, other in zip(wire_, arrived, strict=False) if one != other]
    if not packet.payload:
        assert different == []
        return
    assert [mask.bit_count() for mask in different] == [1]
    begin = len(wire_) - len(packet.payload)
    assert arrived[:begin] == wire_[:begin]


@given(st.integers(1, 30))
def test_a_publish_is_sent_twice_however_it_is_cut(size: int) -> None:
    tamper = connected(How.REPLAY)
    first, second = mqtt_bytes.publish("a", b"ON"), mqtt_bytes.publish("b", b"OFF")
    assert changed(tamper, first + second, size) == first + first + second


@given(
    st.lists(st.tuples(st.sampled_from(Sender), st.binary(max_size=80)), max_size=10),
    st.sampled_from(How),
    st.booleans(),
)
def test_garbage_goes_on_as_it_came(pieces: list[tuple[Sender, bytes]], how: How, tls: bool) -> None:
    tamper = tamper_for(Kind.TLS if tls else Kind.PLAINTEXT, how)
    assert tamper is not None
    for sender, data in pieces:
        arrived = tamper.change(sender, data, 0.0)
        if tamper.attempt is None or sender is SERVER:
            assert arrived == data
    for sender in Sender:
        tamper.ended(sender, 1.0)
    tamper.over(1.0)


def test_an_acknowledgement_says_that_it_was_swallowed() -> None:
    tamper = connected(How.FLIP)
    changed(tamper, write_packet(Publish("t", b"ON", qos=1, packet_id=7), 5))
    tamper.change(SERVER, write_packet(PubAck(6), 5), 1.0)
    assert tamper.attempt is not None
    assert tamper.attempt.outcome == ""
    tamper.change(SERVER, write_packet(PubAck(7, 0x10), 5), 1.004)
    assert tamper.attempt.verdict == "taken"
    assert tamper.attempt.outcome == "the broker swallowed it: it acknowledged the changed message 4 ms later"


def test_a_refusal_by_the_brokers_rules_says_nothing_about_the_change() -> None:
    tamper = connected(How.FLIP)
    changed(tamper, write_packet(Publish("t", b"ON", qos=1, packet_id=7), 5))
    tamper.change(SERVER, write_packet(PubAck(7, 0x87), 5), 1.0)
    assert tamper.attempt is not None
    assert tamper.attempt.verdict == "unknown"


def test_a_replay_counts_when_both_are_acknowledged() -> None:
    tamper = connected(How.REPLAY)
    changed(tamper, write_packet(Publish("t", b"ON", qos=2, packet_id=7), 5))
    assert tamper.attempt is not None
    for count in (1, 2):
        assert tamper.attempt.verdict == "unknown"
        tamper.change(SERVER, write_packet(PubRec(7), 5), 1.0 + count)
    assert tamper.attempt.verdict == "taken"
    assert "at QoS 2 it counts once" in tamper.attempt.outcome


@pytest.mark.parametrize(
    ("qos", "who", "verdict"),
    [(0, CLIENT, "taken"), (0, SERVER, "unknown"), (1, CLIENT, "unknown"), (1, SERVER, "unknown")],
)
def test_who_leaves_first_decides_where_nothing_was_acknowledged(qos: int, who: Sender, verdict: str) -> None:
    tamper = connected(How.FLIP)
    changed(tamper, write_packet(Publish("t", b"ON", qos=qos, packet_id=7 if qos else 0), 5))
    tamper.ended(who, 1.5)
    tamper.over(2.0)
    assert tamper.attempt is not None
    assert tamper.attempt.verdict == verdict
    assert tamper.attempt.outcome


def test_a_device_that_publishes_nothing_is_left_alone() -> None:
    tamper = connected(How.FLIP)
    goodbye = write_packet(Disconnect(), 5)
    assert changed(tamper, goodbye) == goodbye
    tamper.ended(CLIENT, 1.0)
    tamper.over(1.0)
    assert tamper.attempt is None


def test_a_payload_behind_long_properties_is_found() -> None:
    many = Properties(user_properties=[("name", "value " * 20)] * 20)
    sent = write_packet(Publish("t", b"7", properties=many), 5)
    arrived = changed(connected(How.FLIP), sent, 100)
    assert read_packet(arrived, 3, 5).payload == b"6"  # type: ignore[union-attr]


def test_other_protocols_are_not_attacked() -> None:
    assert tamper_for(Kind.OTHER, How.FLIP) is None
    assert flip(b"abc", 1, 1) == b"acc"


# -- TLS ---------------------------------------------------------------------------------------------------------------


def attacked(trust: Trust, version: str, how: How, size: int = 100_000) -> tuple[SealedTamper, dict[str, object]]:
    """An attack on a connection with real TLS, in pieces of `size`, until one end complains."""
    tamper = SealedTamper(how)

    def on_the_way(sender: Sender, data: bytes) -> bytes:
        return b"".join(tamper.change(sender, data[at : at + size], 0.0) for at in range(0, len(data), size))

    tapped = wire(trust, version, on_the_way)
    tapped.carry()
    assert tapped.errors == {}
    if version == "TLSv1.3":  # the broker answers, as a broker does
        tapped.say(CLIENT, b"CONNECT")
        assert tapped.read[SERVER] == b"CONNECT" or tamper.attempt is not None
        if tamper.attempt is None:
            tapped.say(SERVER, b"CONNACK")
    if tamper.attempt is None:
        tapped.say(CLIENT, b"PUBLISH")
    return tamper, {"read": tapped.read[SERVER], "errors": tapped.errors}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_real_tls_refuses_a_changed_bit_behind_the_handshake(trust: Trust, version: str, size: int) -> None:
    tamper, seen = attacked(trust, version, How.FLIP, size)
    assert tamper.attempt is not None
    assert "one bit of an encrypted record" in tamper.attempt.what
    assert seen["errors"][SERVER] in ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "BAD_RECORD_MAC")  # type: ignore[index]
    assert b"PUBLISH" not in seen["read"]  # type: ignore[operator]
    tamper.ended(SERVER, 0.002)
    assert tamper.attempt.verdict == "refused"
    assert "the size of an encrypted alert, came 2 ms later" not in tamper.attempt.outcome  # the alert, not the end
    assert tamper.attempt.outcome.endswith("and the connection ended; not one byte of it was delivered")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_real_tls_refuses_a_record_that_comes_again(trust: Trust, version: str) -> None:
    tamper, seen = attacked(trust, version, How.REPLAY)
    assert SERVER in seen["errors"]  # type: ignore[operator]
    assert seen["read"].count(b"CONNECT") + seen["read"].count(b"PUBLISH") >= 1  # type: ignore[attr-defined]
    assert seen["read"].count(b"PUBLISH") <= 1  # type: ignore[attr-defined]
    tamper.ended(SERVER, 0.002)
    assert tamper.attempt is not None
    assert tamper.attempt.outcome.endswith("not one byte of it was delivered a second time")


def test_the_handshake_with_a_retry_is_left_alone(trust: Trust) -> None:
    """Its second ClientHello stands behind a ChangeCipherSpec, where in TLS 1.2 only a Finished stands."""
    client = trust.client(trust.device, "TLSv1.3")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key = trust.broker.save(trust.folder, "retry")
    server.load_cert_chain(chain, key)
    server.set_ecdh_curve("secp384r1")
    tamper = SealedTamper(How.FLIP)
    tapped = between(client, server, lambda sender, data: tamper.change(sender, data, 0.0))
    tapped.carry()
    assert tapped.client.version() == "TLSv1.3"
    hellos = [data for sender, data in tapped.passed if sender is CLIENT and data[0] in (20, 22)]
    assert len(hellos) == 2
    assert tapped.errors == {}
    tapped.say(CLIENT, b"CONNECT")
    assert tamper.attempt is not None  # OpenSSL's tickets have answered the Finished
    assert tapped.read[SERVER] == b""
    assert SERVER in tapped.errors


def test_a_device_that_is_gone_before_the_broker_is_heard_leaves_it_open(trust: Trust) -> None:
    tamper, _ = attacked(trust, "TLSv1.2", How.FLIP)
    tamper._alert = None
    tamper.ended(CLIENT, 0.001)
    assert tamper.attempt is not None
    assert tamper.attempt.outcome == ""
    tamper.over(0.002)
    assert tamper.attempt.verdict == "unknown"


def test_a_broker_that_ends_without_a_word_has_refused_too(trust: Trust) -> None:
    tamper, _ = attacked(trust, "TLSv1.2", How.FLIP)
    tamper._alert = None
    tamper.ended(SERVER, 0.003)
    assert tamper.attempt is not None
    assert "the broker ended the connection 3 ms later" in tamper.attempt.outcome
