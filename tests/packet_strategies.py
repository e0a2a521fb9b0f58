"""Every packet that may be sent, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

from sealmq.mqtt.codes import REASON_CODES, PacketType
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from sealmq.mqtt.properties import NO_PROPERTIES, PROPERTIES, WILL, DataType, Place, Properties, Property
from sealmq.mqtt.reader import REASONS_OF_RETURN_CODES

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
topic_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=12)
packet_ids = st.integers(1, 0xFFFF)
levels = st.sampled_from((4, 5))

_VALUES: dict[DataType, st.SearchStrategy[object]] = {
    DataType.BYTE: st.integers(0, 1),
    DataType.TWO_BYTE_INTEGER: st.integers(1, 0xFFFF),
    DataType.FOUR_BYTE_INTEGER: st.integers(1, 0xFFFFFFFF),
    DataType.VARIABLE_BYTE_INTEGER: st.integers(1, 268_435_455),
    DataType.STRING: text,
    DataType.BINARY: st.binary(max_size=12),
    DataType.STRING_PAIR: st.tuples(text, text),
}


def _value(row: Property, place: Place) -> st.SearchStrategy[object]:
    if row.name == "response_topic":
        return topic_names
    if row.name == "subscription_identifiers":
        at_most = 1 if place == PacketType.SUBSCRIBE else 3
        return st.lists(_VALUES[row.data_type], min_size=1, max_size=at_most).map(tuple)
    if row.name == "user_properties":
        return st.lists(_VALUES[row.data_type], min_size=1, max_size=3).map(tuple)
    return _VALUES[row.data_type]


def properties(place: Place, level: int = 5) -> st.SearchStrategy[Properties]:
    """All that may stand in `place`; MQTT 3.1.1 has none."""
    if level != 5:
        return st.just(NO_PROPERTIES)
    optional = {row.name: _value(row, place) for row in PROPERTIES.values() if place in row.places}
    return st.fixed_dictionaries({}, optional=optional).map(lambda present: Properties(**present))


@st.composite
def connects(draw: st.DrawFn, level: int) -> Connect:
    user_name = draw(st.none() | text)
    password = draw(st.none() | st.binary(max_size=8)) if level == 5 or user_name is not None else None
    will = draw(
        st.none()
        | st.builds(
            Will, topic_names, st.binary(max_size=12), st.integers(0, 2), st.booleans(), properties(WILL, level)
        )
    )
    carried = draw(properties(PacketType.CONNECT, level))
    if carried.authentication_data is not None and carried.authentication_method is None:
        carried.authentication_method = "SCRAM"
    return Connect(
        draw(text), draw(st.booleans()), draw(st.integers(0, 0xFFFF)), level, user_name, password, will, carried
    )


@st.composite
def connacks(draw: st.DrawFn, level: int) -> ConnAck:
    codes = REASON_CODES[PacketType.CONNACK] if level == 5 else REASONS_OF_RETURN_CODES.values()
    reason_code = draw(st.sampled_from(sorted(codes)))
    present = draw(st.booleans()) and not reason_code
    return ConnAck(present, reason_code, draw(properties(PacketType.CONNACK, level)))


@st.composite
def publishes(draw: st.DrawFn, level: int) -> Publish:
    qos = draw(st.integers(0, 2))
    carried = draw(properties(PacketType.PUBLISH, level))
    topic = "" if carried.topic_alias is not None and draw(st.booleans()) else draw(topic_names)
    return Publish(
        topic,
        draw(st.binary(max_size=40)),
        qos,
        draw(st.booleans()),
        bool(qos) and draw(st.booleans()),
        draw(packet_ids) if qos else 0,
        carried,
    )


def _acknowledgements(make: type[PubAck | PubRec | PubRel | PubComp], level: int) -> st.SearchStrategy[Packet]:
    codes = sorted(REASON_CODES[make.type]) if level == 5 else [0]
    return st.builds(make, packet_ids, st.sampled_from(codes), properties(make.type, level))


def _answers(make: type[SubAck | UnsubAck], level: int) -> st.SearchStrategy[Packet]:
    codes = sorted(REASON_CODES[make.type]) if level == 5 else [0, 1, 2, 0x80]
    lists = st.lists(st.sampled_from(codes), min_size=1, max_size=4)
    if make is UnsubAck and level == 4:
        lists = st.just([])
    return st.builds(make, packet_ids, lists, properties(make.type, level))


def _subscriptions(level: int) -> st.SearchStrategy[Subscription]:
    if level == 4:
        return st.builds(Subscription, text, st.integers(0, 2))
    return st.builds(Subscription, text, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2))


def packets(level: int) -> st.SearchStrategy[Packet]:
    """Every packet that `level` has."""
    every = [
        connects(level),
        connacks(level),
        publishes(level),
        *(_acknowledgements(make, level) for make in (PubAck, PubRec, PubRel, PubComp)),
        st.builds(
            Subscribe,
            packet_ids,
            st.lists(_subscriptions(level), min_size=1, max_size=3),
            properties(PacketType.SUBSCRIBE, level),
        ),
        _answers(SubAck, level),
        st.builds(
            Unsubscribe,
            packet_ids,
            st.lists(text, min_size=1, max_size=3),
            properties(PacketType.UNSUBSCRIBE, level),
        ),
        _answers(UnsubAck, level),
        st.just(PingReq()),
        st.just(PingResp()),
    ]
    if level == 4:
        return st.one_of(*every, st.just(Disconnect()))
    return st.one_of(
        *every,
        st.builds(
            Disconnect,
            st.sampled_from(sorted(REASON_CODES[PacketType.DISCONNECT])),
            properties(PacketType.DISCONNECT),
        ),
        st.builds(Auth, st.sampled_from(sorted(REASON_CODES[PacketType.AUTH])), properties(PacketType.AUTH)),
    )


def body_at(wire: bytes) -> int:
    """Where the fixed header of a whole packet ends."""
    at = 1
    while wire[at] & 0x80:
        at += 1
    return at + 1
