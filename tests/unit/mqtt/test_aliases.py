"""The topic aliases that we use: the peer reads what would have been read without them, in fewer bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from packet_strategies import properties
from sealmq.mqtt.aliases import MOST_ADDED, SHORTEST, TopicAliases
from sealmq.mqtt.codes import PacketType
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import ConnAck, Connect, Publish
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.state import Sender
from sealmq.mqtt.writer import encode_publish_frame, encode_publish_qos0, write_packet

LONG = "devices/sensor-1/temperature"


def peer(aliases: int) -> MQTTConnection:
    """A client that has connected, and takes so many aliases."""
    made = MQTTConnection(Sender.CLIENT, topic_alias_maximum=aliases, packet_size=10_000_000)
    made.send(Connect("c", level=5))
    list(made.receive_data(write_packet(ConnAck(False), 5)))
    return made


def encoded(publish: Publish, table: TopicAliases, may_introduce: bool = True) -> bytes:
    if publish.qos == 0:
        return table.shorten_packet(encode_publish_qos0(publish, 5), may_introduce)
    head, tail = table.shorten(*encode_publish_frame(publish, 5, publish.qos), may_introduce)
    return head + publish.packet_id.to_bytes(2, "big") + tail


def test_the_first_says_the_name_and_the_rest_the_alias_alone() -> None:
    table, client = TopicAliases(2), peer(2)
    plain = len(encode_publish_qos0(Publish(LONG, b"x"), 5))
    sizes = []
    for _ in range(3):
        wire = encoded(Publish(LONG, b"x"), table)
        sizes.append(len(wire) - plain)
        (packet,) = client.receive_data(wire)
        assert isinstance(packet, Publish)
        assert (packet.topic, packet.payload, packet.properties.topic_alias) == (LONG, b"x", 1)
    assert sizes == [3, 3 - len(LONG), 3 - len(LONG)]


def test_short_names_and_names_beyond_the_table_stay_as_they_are() -> None:
    table = TopicAliases(1)
    short = encode_publish_qos0(Publish("x" * (SHORTEST - 1)), 5)
    assert table.shorten_packet(short, True) == short
    table.shorten_packet(encode_publish_qos0(Publish("x" * SHORTEST), 5), True)
    other = encode_publish_qos0(Publish("y" * SHORTEST), 5)
    assert table.shorten_packet(other, True) == other


def test_a_packet_that_may_get_lost_introduces_nothing_but_may_use_what_is_known() -> None:
    table = TopicAliases(1)
    wire = encode_publish_qos0(Publish(LONG), 5)
    assert table.shorten_packet(wire, False) == wire
    assert len(table.shorten_packet(wire, True)) > len(wire)
    assert len(table.shorten_packet(wire, False)) < len(wire)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([LONG, LONG + "/2", "ä" * 20, "short", "z" * 200]),
            st.integers(0, 2),
            st.sampled_from([0, 1, 90, 127, 128, 16_380]),
            st.booleans(),
            properties(PacketType.PUBLISH),
        ),
        max_size=12,
    ),
    st.integers(0, 4),
)
def test_the_peer_reads_what_it_would_have_read(
    messages: list[tuple[str, int, int, bool, Properties]], most: int
) -> None:
    table, client = TopicAliases(most), peer(most)
    for number, (topic, qos, size, may_introduce, carried) in enumerate(messages, 1):
        kept = Properties(**{name: value for name, value in vars(carried).items() if name != "topic_alias"})
        publish = Publish(topic, b"x" * size, qos, packet_id=number if qos else 0, properties=kept)
        wire = encoded(publish, table, may_introduce)
        assert len(wire) <= len(write_packet(publish, 5)) + (MOST_ADDED if may_introduce else 0)
        (packet,) = client.receive_data(wire)
        assert isinstance(packet, Publish)
        assert (packet.topic, packet.payload, packet.qos) == (topic, publish.payload, qos)
        alias = packet.properties.topic_alias
        assert alias is None or 1 <= alias <= most
        assert {name: value for name, value in vars(packet.properties).items() if name != "topic_alias"} == vars(kept)
