"""A stranger reads MQTT: what he is told, what he is not, and that nothing stops him."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mqtt_bytes
import packet_strategies
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.plaintext import MOST_NAMES, Plaintext
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    PingReq,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
    Subscription,
    Unsubscribe,
    Will,
)
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet


class Ear:
    """A listener, and what he was told."""

    def __init__(self, *, show_secrets: bool = False) -> None:
        self.sight = Sight(1, Kind.PLAINTEXT)
        self.told: list[tuple[str, str, str]] = []
        self.observer = Plaintext(self.sight, self._report, show_secrets=show_secrets)

    def _report(self, sender: Sender, name: str, line: str, details: tuple[tuple[str, str], ...]) -> None:
        assert line.isprintable()
        assert all(value.isprintable() for pair in details for value in pair)
        self.told.append((sender.value, name, line))

    def hear(self, packet: object, level: int = 5, sender: Sender = Sender.CLIENT, at: float = 0.0) -> str:
        """What is told of one packet."""
        self.observer.receive_data(sender, write_packet(packet, level), at)  # type: ignore[arg-type]
        return self.told[-1][2]


CONNECT = Connect("plug-1", user_name="anna", password=b"hunter22", keep_alive=60, will=Will("gone", b"bye"), level=4)


def test_connect_gives_everything_away_but_the_password_is_not_repeated() -> None:
    ear = Ear()
    line = ear.hear(CONNECT, 4)
    assert line == (
        "MQTT 3.1.1, client id 'plug-1', user name 'anna', password 8 characters, in clear, keep alive 60 s, "
        "will 'gone': 'bye'"
    )
    assert "hunter22" not in repr(ear.told)
    assert "hunter22" not in repr(ear.sight)


def test_a_password_is_shown_when_secrets_are_asked_for() -> None:
    assert "password 'hunter22'" in Ear(show_secrets=True).hear(CONNECT, 4)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("größer".encode(), "6 characters, in clear"),
        (b"\xff\xfe", "2 bytes, in clear"),
        (b"x", "1 character, in clear"),
    ],
)
def test_a_password_is_counted(password: bytes, words: str) -> None:
    assert f"password {words}" in Ear().hear(Connect("a", user_name="u", password=password))


def test_authentication_data_is_a_secret_too() -> None:
    given_ = Properties(authentication_method="SCRAM", authentication_data=b"n,,n=u,r=secret")
    line = Ear().hear(Connect("a", properties=given_))
    assert "authentication data 15 characters, in clear" in line
    assert "r=secret" not in line


def test_each_packet_is_told() -> None:
    ear = Ear()
    ear.hear(Connect("a"))
    both = [
        (Sender.SERVER, ConnAck(), "success"),
        (Sender.SERVER, ConnAck(reason_code=0x87, properties=Properties(reason_string="no\x1bt")),
         "refused: not authorized, because 'no\\x1bt'"),
        (Sender.CLIENT, Subscribe(1, [Subscription("home/#"), Subscription("x")]), "filter 'home/#', filter 'x'"),
        (Sender.SERVER, SubAck(1, [1, 0x87]), "QoS 1; refused: not authorized"),
        (Sender.CLIENT, Unsubscribe(2, ["x"]), "filter 'x'"),
        (Sender.CLIENT, Publish("home/t", b"21.5", qos=1, packet_id=3, retain=True),
         "topic 'home/t', payload '21.5', QoS 1, retained"),
        (Sender.SERVER, PubAck(3), "packet id 3"),
        (Sender.SERVER, PubAck(3, 0x10), "packet id 3, no matching subscribers"),
        (Sender.CLIENT, Auth(0x19), "re authenticate"),
        (Sender.CLIENT, Disconnect(), "success"),
    ]  # fmt: skip
    for sender, packet, line in both:
        assert ear.hear(packet, sender=sender) == line
    assert ear.sight.topics == ["'home/t'"]
    assert ear.sight.filters == ["'home/#'", "'x'"]
    assert ear.sight.example == "'home/t': '21.5'"


def test_a_second_ping_tells_the_rhythm() -> None:
    ear = Ear()
    assert ear.hear(PingReq(), at=1.0) == ""
    assert ear.hear(PingReq(), at=31.0) == "30.0 s after the last"


def test_an_alias_is_followed() -> None:
    ear = Ear()
    ear.hear(Connect("a"))
    ear.hear(Publish("home/t", b"1", properties=Properties(topic_alias=3)))
    assert "topic 'home/t', payload '2'" in ear.hear(Publish("", b"2", properties=Properties(topic_alias=3)))
    assert "(alias 9)" in ear.hear(Publish("", b"2", properties=Properties(topic_alias=9)))


def test_a_large_payload_is_told_by_its_beginning_and_its_size() -> None:
    ear = Ear()
    ear.hear(Connect("a"))
    line = ear.hear(Publish("firmware", b"v" * 5_000_000))
    assert line == f"topic 'firmware', payload '{'v' * 64}...' (5,000,000 bytes)"
    assert ear.hear(Publish("t", b"next")).endswith("'next'")


def test_another_packet_that_is_too_large_is_told_by_its_size() -> None:
    ear = Ear()
    many = Subscribe(1, [Subscription("x" * 1_000 + str(number)) for number in range(100)])
    assert ear.hear(many).endswith("bytes, too many to look at")


def test_names_are_not_remembered_without_end() -> None:
    ear = Ear()
    ear.hear(Connect("a"))
    for number in range(MOST_NAMES + 50):
        ear.hear(Publish(f"t/{number}", b"", properties=Properties(topic_alias=number + 1)))
    assert len(ear.sight.topics) == MOST_NAMES
    assert len(ear.observer._aliases) == MOST_NAMES


def test_what_is_no_mqtt_ends_the_observation_of_that_end_alone() -> None:
    ear = Ear()
    ear.observer.receive_data(Sender.CLIENT, b"\x10\x04\x00\x02ab", 0.0)
    assert ear.told[-1][1] == "unreadable"
    ear.observer.receive_data(Sender.CLIENT, mqtt_bytes.PINGREQ, 0.0)
    assert len(ear.told) == 1
    assert ear.hear(ConnAck(), sender=Sender.SERVER) == "success"


@given(st.lists(st.tuples(st.sampled_from(Sender), st.binary(max_size=120)), max_size=12))
def test_garbage_is_never_an_exception(pieces: list[tuple[Sender, bytes]]) -> None:
    ear = Ear()
    for sender, data in pieces:
        ear.observer.receive_data(sender, data, 0.0)


@given(st.sampled_from([4, 5]).flatmap(lambda level: st.tuples(st.just(level), packet_strategies.packets(level))),
       st.integers(1, 40), st.integers(0, 10_000), st.integers(0, 255))  # fmt: skip
def test_any_packet_is_told_whole_cut_or_broken(both: tuple[int, object], size: int, place: int, changed: int) -> None:
    level, packet = both
    wire = write_packet(packet, level)  # type: ignore[arg-type]
    for data in (wire, wire[:place] + bytes([changed]) + wire[place + 1 :]):
        ear = Ear()
        ear.observer.receive_data(Sender.CLIENT, write_packet(Connect("a", level=level), level), 0.0)
        for at in range(0, len(data), size):
            ear.observer.receive_data(Sender.CLIENT, data[at : at + size], 1.0)
        assert data != wire or len(ear.told) == 2
