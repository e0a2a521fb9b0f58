"""MQTT 5 properties [MQTT 2.2.2]: the table of table 2-4, and their reader and writer.

`PROPERTIES` is the standard's table: identifier -> name, data type, packets that may carry it. `Properties` is what a
packet holds: an absent property reads as None, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt.codes import PacketType, PropertyId, ReasonCode
from sealmq.mqtt.wire import (
    Cursor,
    pull_binary,
    pull_byte,
    pull_four_byte_integer,
    pull_string,
    pull_string_pair,
    pull_two_byte_integer,
    pull_variable_byte_integer,
    push_binary,
    push_byte,
    push_four_byte_integer,
    push_string,
    push_string_pair,
    push_two_byte_integer,
    push_variable_byte_integer,
)


class Properties:
    """The properties of one packet. Each attribute is named as in table 2-4; None (or an empty tuple) when absent."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifier_available: int | None = None
    shared_subscription_available: int | None = None

    def __init__(self, **present: object) -> None:
        for name, value in present.items():
            if not hasattr(Properties, name):
                raise TypeError(f"MQTT 5 has no property {name!r}")
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Properties) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(vars(self))

    def __repr__(self) -> str:
        return f"Properties({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class _NoProperties(Properties):
    """Shared, so nobody writes to it; and what cannot change may be a default of a dataclass, if it has a hash."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"NO_PROPERTIES is shared by every packet: {name} belongs in Properties of its own")


NO_PROPERTIES: Final[Properties] = _NoProperties()
"""Shared by every packet that carries none; never written to."""


WILL: Final = "WILL"
"""Where CONNECT keeps the properties of its will message [MQTT 3.1.3.2]: a place that is not a packet of its own."""

Place: TypeAlias = PacketType | Literal["WILL"]
"""What may carry properties."""


class DataType(Enum):
    """The data types of properties: their name in table 2-4, and the twins of wire.py that read and write them."""

    BYTE = ("Byte", pull_byte, push_byte)
    TWO_BYTE_INTEGER = ("Two Byte Integer", pull_two_byte_integer, push_two_byte_integer)
    FOUR_BYTE_INTEGER = ("Four Byte Integer", pull_four_byte_integer, push_four_byte_integer)
    VARIABLE_BYTE_INTEGER = ("Variable Byte Integer", pull_variable_byte_integer, push_variable_byte_integer)
    STRING = ("UTF-8 Encoded String", pull_string, push_string)
    BINARY = ("Binary Data", pull_binary, push_binary)
    STRING_PAIR = ("UTF-8 String Pair", pull_string_pair, push_string_pair)

    def __init__(self, words: str, pull: Callable[[Cursor], object], push: Callable[[bytearray, Any], None]) -> None:
        self.words = words
        self.pull = pull
        self.push = push


class Property(NamedTuple):
    """One row of table 2-4, and what the sections behind it say of the value.

    name:       the attribute of `Properties`.
    data_type:  how it looks on the wire.
    places:     which packets may carry it.
    check:      answers what is wrong with a value, "" when nothing is.
    wrong:      the reason code of a wrong value.
    """

    name: str
    data_type: DataType
    places: frozenset[Place]
    check: Callable[[Any], str] | None = None
    wrong: ReasonCode = ReasonCode.PROTOCOL_ERROR


def _flag(value: int) -> str:
    return "" if value <= 1 else "is neither 0 nor 1"


def _not_zero(value: int) -> str:
    return "" if value else "is 0"


def _name_without_wildcard(value: str) -> str:
    if not value:  # [MQTT-4.7.3-1]
        return "is empty"
    return "contains a wildcard" if "+" in value or "#" in value else ""  # [MQTT-3.3.2-14]


_CONNECT, _CONNACK, _PUBLISH = PacketType.CONNECT, PacketType.CONNACK, PacketType.PUBLISH
_DISCONNECT, _AUTH = PacketType.DISCONNECT, PacketType.AUTH
_MESSAGE: frozenset[Place] = frozenset({_PUBLISH, WILL})
_ANSWERS: frozenset[Place] = frozenset(
    {
        _CONNACK,
        PacketType.PUBACK,
        PacketType.PUBREC,
        PacketType.PUBREL,
        PacketType.PUBCOMP,
        PacketType.SUBACK,
        PacketType.UNSUBACK,
        _DISCONNECT,
        _AUTH,
    }
)
_EVERYWHERE: frozenset[Place] = _ANSWERS | _MESSAGE | {_CONNECT, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE}


def _in(*places: Place) -> frozenset[Place]:
    return frozenset(places)


_BYTE, _TWO, _FOUR = DataType.BYTE, DataType.TWO_BYTE_INTEGER, DataType.FOUR_BYTE_INTEGER
_STRING, _BINARY = DataType.STRING, DataType.BINARY

PROPERTIES: dict[PropertyId, Property] = {
    PropertyId.PAYLOAD_FORMAT_INDICATOR: Property("payload_format_indicator", _BYTE, _MESSAGE, _flag),
    PropertyId.MESSAGE_EXPIRY_INTERVAL: Property("message_expiry_interval", _FOUR, _MESSAGE),
    PropertyId.CONTENT_TYPE: Property("content_type", _STRING, _MESSAGE),  # [MQTT-3.3.2-19]
    PropertyId.RESPONSE_TOPIC: Property(  # [MQTT-3.3.2-13], [MQTT-3.3.2-14]
        "response_topic", _STRING, _MESSAGE, _name_without_wildcard
    ),
    PropertyId.CORRELATION_DATA: Property("correlation_data", _BINARY, _MESSAGE),
    PropertyId.SUBSCRIPTION_IDENTIFIER: Property(
        "subscription_identifiers", DataType.VARIABLE_BYTE_INTEGER, _in(_PUBLISH, PacketType.SUBSCRIBE), _not_zero
    ),
    PropertyId.SESSION_EXPIRY_INTERVAL: Property(
        "session_expiry_interval", _FOUR, _in(_CONNECT, _CONNACK, _DISCONNECT)
    ),
    PropertyId.ASSIGNED_CLIENT_IDENTIFIER: Property("assigned_client_identifier", _STRING, _in(_CONNACK)),
    PropertyId.SERVER_KEEP_ALIVE: Property("server_keep_alive", _TWO, _in(_CONNACK)),
    PropertyId.AUTHENTICATION_METHOD: Property("authentication_method", _STRING, _in(_CONNECT, _CONNACK, _AUTH)),
    PropertyId.AUTHENTICATION_DATA: Property("authentication_data", _BINARY, _in(_CONNECT, _CONNACK, _AUTH)),
    PropertyId.REQUEST_PROBLEM_INFORMATION: Property("request_problem_information", _BYTE, _in(_CONNECT), _flag),
    PropertyId.WILL_DELAY_INTERVAL: Property("will_delay_interval", _FOUR, _in(WILL)),
    PropertyId.REQUEST_RESPONSE_INFORMATION: Property("request_response_information", _BYTE, _in(_CONNECT), _flag),
    PropertyId.RESPONSE_INFORMATION: Property("response_information", _STRING, _in(_CONNACK)),
    PropertyId.SERVER_REFERENCE: Property("server_reference", _STRING, _in(_CONNACK, _DISCONNECT)),
    PropertyId.REASON_STRING: Property("reason_string", _STRING, _ANSWERS),
    PropertyId.RECEIVE_MAXIMUM: Property("receive_maximum", _TWO, _in(_CONNECT, _CONNACK), _not_zero),
    PropertyId.TOPIC_ALIAS_MAXIMUM: Property("topic_alias_maximum", _TWO, _in(_CONNECT, _CONNACK)),
    PropertyId.TOPIC_ALIAS: Property(  # [MQTT-3.3.2-8]
        "topic_alias", _TWO, _in(_PUBLISH), _not_zero, ReasonCode.TOPIC_ALIAS_INVALID
    ),
    PropertyId.MAXIMUM_QOS: Property("maximum_qos", _BYTE, _in(_CONNACK), _flag),
    PropertyId.RETAIN_AVAILABLE: Property("retain_available", _BYTE, _in(_CONNACK), _flag),
    PropertyId.USER_PROPERTY: Property("user_properties", DataType.STRING_PAIR, _EVERYWHERE),
    PropertyId.MAXIMUM_PACKET_SIZE: Property("maximum_packet_size", _FOUR, _in(_CONNECT, _CONNACK), _not_zero),
    PropertyId.WILDCARD_SUBSCRIPTION_AVAILABLE: Property(
        "wildcard_subscription_available", _BYTE, _in(_CONNACK), _flag
    ),
    PropertyId.SUBSCRIPTION_IDENTIFIER_AVAILABLE: Property(
        "subscription_identifier_available", _BYTE, _in(_CONNACK), _flag
    ),
    PropertyId.SHARED_SUBSCRIPTION_AVAILABLE: Property("shared_subscription_available", _BYTE, _in(_CONNACK), _flag),
}
"""Table 2-4: identifier -> name, data type, where it may stand. Each section 3.x.2.y says what its values may be."""

_LISTS = frozenset({"user_properties", "subscription_identifiers"})
"""What may stand more than once, and is a tuple."""

_BY_NAME: dict[str, tuple[PropertyId, Property]] = {row.name: (key, row) for key, row in PROPERTIES.items()}

_BY_PLACE: dict[Place, dict[int, Property]] = {
    place: {int(key): row for key, row in PROPERTIES.items() if place in row.places} for place in _EVERYWHERE
}


def pull_properties(cursor: Cursor, place: Place) -> Properties:
    """Read the properties of a packet, or of the will, their length before them.

    Raises RemoteProtocolError: Malformed Packet where an identifier is unknown or does not belong in `place`
    [MQTT 2.2.2.2], Protocol Error where one stands twice or its value is not allowed.
    """
    length = pull_variable_byte_integer(cursor)
    if not length:
        return NO_PROPERTIES
    outer_end, end = cursor.end, cursor.at + length
    if end > outer_end:
        raise RemoteProtocolError("the packet ends inside its properties", ReasonCode.MALFORMED_PACKET)
    cursor.end = end
    rows = _BY_PLACE[place]
    properties = Properties()
    present = vars(properties)
    lists: dict[str, list[object]] = {}
    while cursor.at < end:
        identifier = pull_variable_byte_integer(cursor)
        row = rows.get(identifier)
        if row is None:
            raise RemoteProtocolError(
                f"property 0x{identifier:02x} does not belong in {_words(place)}", ReasonCode.MALFORMED_PACKET
            )
        name, data_type, _, check, wrong = row
        value = data_type.pull(cursor)
        if check is not None and (problem := check(value)):
            raise RemoteProtocolError(f"the property {name} {problem}", wrong)
        if name in _LISTS:
            if name not in lists:
                lists[name] = []
                present[name] = ()  # keeps its place among the others
            lists[name].append(value)  # a list: a tuple that grows costs the square of its length
        elif name in present:
            raise RemoteProtocolError(f"the property {name} stands twice", ReasonCode.PROTOCOL_ERROR)
        else:
            present[name] = value
    for name, values in lists.items():
        present[name] = tuple(values)
    if place is PacketType.SUBSCRIBE and len(properties.subscription_identifiers) > 1:  # [MQTT 3.8.2.1.2]
        raise RemoteProtocolError("SUBSCRIBE has more than one subscription identifier", ReasonCode.PROTOCOL_ERROR)
    cursor.end = outer_end
    return properties


def push_properties(buffer: bytearray, properties: Properties, place: Place) -> None:
    """Append the properties of a packet, or of the will, their length before them [MQTT-2.2.2-1].

    Raises LocalProtocolError where one does not belong in `place`, or its value is not allowed.
    """
    present = vars(properties)
    if not present:
        buffer.append(0)
        return
    body = bytearray()
    for name, value in present.items():
        if value is None:
            continue
        identifier, row = _BY_NAME[name]
        values = value if name in _LISTS else (value,)
        if values and place not in row.places:
            raise LocalProtocolError(
                f"the property {name} does not belong in {_words(place)}", ReasonCode.PROTOCOL_ERROR
            )
        for one in values:
            if row.check is not None and (problem := row.check(one)):
                raise LocalProtocolError(f"the property {name} {problem}", row.wrong)
            body.append(identifier)
            row.data_type.push(body, one)
    if place is PacketType.SUBSCRIBE and len(properties.subscription_identifiers) > 1:  # [MQTT 3.8.2.1.2]
        raise LocalProtocolError("SUBSCRIBE takes one subscription identifier", ReasonCode.PROTOCOL_ERROR)
    push_variable_byte_integer(buffer, len(body))
    buffer += body


def _words(place: Place) -> str:
    return place.name if isinstance(place, PacketType) else "a will"
