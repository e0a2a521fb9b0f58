"""What a broker answers: CONNACK of MQTT 3.1.1, and the reason codes of MQTT 5.

Numbers are those of mqtt/codes.py (MQTT 3.1.1 section 3.2.2.3; MQTT 5.0 section 2.4).
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import make
from sealmq.mqtt.codes import ConnectReturnCode, ReasonCode

_CONNACK: dict[ConnectReturnCode, tuple[str, str, tuple[str, ...]]] = {
    # code: (fault, meaning, how clients print it)
    ConnectReturnCode.ACCEPTED: ("ok", "the broker let the client in", ("Connection Accepted.",)),
    ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION: (
        "mqtt_version",
        "the broker does not speak the version of MQTT that the client asked for",
        (
            "unacceptable protocol version",
            "Connection Refused: unacceptable protocol version",
            "MQTT_CONNECTION_REFUSE_PROTOCOL",
            "MQTT_CONNECTION_REFUSED_PROTOCOL",
            "MQTT_CONNECT_BAD_PROTOCOL",
            "Connection refused, bad protocol",
        ),
    ),
    ConnectReturnCode.IDENTIFIER_REJECTED: (
        "client_id",
        "the broker does not take the client identifier",
        (
            "identifier rejected",
            "MQTT_CONNECTION_REFUSE_ID_REJECTED",
            "MQTT_CONNECTION_REFUSED_ID_REJECTED",
            "MQTT_CONNECTION_REFUSED_IDENTIFIER",
            "MQTT_CONNECT_BAD_CLIENT_ID",
        ),
    ),
    ConnectReturnCode.SERVER_UNAVAILABLE: (
        "server_unavailable",
        "the broker is there, and cannot serve at this moment",
        (
            "broker unavailable",
            "Connection refused: Server unavailable",
            "Connection refused, server unavailable",
            "MQTT_CONNECTION_REFUSE_SERVER_UNAVAILABLE",
            "MQTT_CONNECTION_REFUSED_SERVER_UNAVAILABLE",
            "MQTT_CONNECT_UNAVAILABLE",
        ),
    ),
    ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD: (
        "login",
        "user name or password is wrong, or of a wrong form",
        (
            "bad user name or password",
            "Connection refused, bad username or password",
            "MQTT_CONNECTION_REFUSE_BAD_USERNAME",
            "MQTT_CONNECTION_REFUSED_BAD_USERNAME",
            "MQTT_CONNECT_BAD_CREDENTIALS",
            "MQTT_BAD_USER_NAME_OR_PASSWORD",
        ),
    ),
    ConnectReturnCode.NOT_AUTHORIZED: (
        "not_authorized",
        "the broker does not let this client in",
        (
            "not authorised",
            "not authorized",
            "Connection Refused: not authorised",
            "Connection refused: Not authorized",
            "MQTT_CONNECTION_REFUSE_NOT_AUTHORIZED",
            "MQTT_CONNECTION_REFUSED_NOT_AUTHORIZED",
            "MQTT_CONNECT_UNAUTHORIZED",
            "MQTT_NOT_AUTHORIZED",
        ),
    ),
}

_REASONS: dict[ReasonCode, tuple[str, str]] = {
    ReasonCode.SUCCESS: ("ok", "it was done; in DISCONNECT: the connection ends in order"),
    ReasonCode.GRANTED_QOS_1: ("ok", "subscribed, at QoS 1 at most"),
    ReasonCode.GRANTED_QOS_2: ("ok", "subscribed, at QoS 2 at most"),
    ReasonCode.DISCONNECT_WITH_WILL_MESSAGE: ("ok", "the client goes, and its will is to be published"),
    ReasonCode.NO_MATCHING_SUBSCRIBERS: ("ok", "the message was taken, and nobody has subscribed to its topic"),
    ReasonCode.NO_SUBSCRIPTION_EXISTED: ("ok", "there was no such subscription to end"),
    ReasonCode.CONTINUE_AUTHENTICATION: ("again", "the authentication goes on"),
    ReasonCode.RE_AUTHENTICATE: ("again", "the client authenticates again"),
    ReasonCode.UNSPECIFIED_ERROR: (
        "mqtt_broken",
        "the broker refuses and does not say why; in SUBACK of 3.1.1: refused",
    ),
    ReasonCode.MALFORMED_PACKET: ("mqtt_broken", "a packet could not be taken apart"),
    ReasonCode.PROTOCOL_ERROR: ("mqtt_broken", "a packet is not allowed here, or contradicts itself"),
    ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR: ("mqtt_broken", "the packet is good, and this broker does not take it"),
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: ("mqtt_version", "the broker does not speak this version of MQTT"),
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: ("client_id", "the broker does not take the client identifier"),
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: ("login", "user name or password is wrong"),
    ReasonCode.NOT_AUTHORIZED: ("not_authorized", "the broker does not let this client in, or not do this"),
    ReasonCode.SERVER_UNAVAILABLE: ("server_unavailable", "the broker is there, and cannot serve at this moment"),
    ReasonCode.SERVER_BUSY: ("server_unavailable", "the broker is busy: try again later"),
    ReasonCode.BANNED: ("denied", "the broker has shut this client out: ask who runs it"),
    ReasonCode.SERVER_SHUTTING_DOWN: ("server_unavailable", "the broker stops"),
    ReasonCode.BAD_AUTHENTICATION_METHOD: ("mqtt_auth", "the broker does not know the method of authentication"),
    ReasonCode.KEEP_ALIVE_TIMEOUT: (
        "keep_alive",
        "nothing came from the client for one and a half times its keep-alive",
    ),
    ReasonCode.SESSION_TAKEN_OVER: ("taken_over", "another connection came with the same client identifier"),
    ReasonCode.TOPIC_FILTER_INVALID: ("topic", "the topic filter is well formed, and this broker does not take it"),
    ReasonCode.TOPIC_NAME_INVALID: ("topic", "the topic name is well formed, and this broker does not take it"),
    ReasonCode.PACKET_IDENTIFIER_IN_USE: ("packet_id", "the packet identifier is in use"),
    ReasonCode.PACKET_IDENTIFIER_NOT_FOUND: ("packet_id", "the packet identifier is not known"),
    ReasonCode.RECEIVE_MAXIMUM_EXCEEDED: ("too_much", "more messages are under way than Receive Maximum allows"),
    ReasonCode.TOPIC_ALIAS_INVALID: ("topic", "the topic alias is 0, too large, or was not set"),
    ReasonCode.PACKET_TOO_LARGE: ("mqtt_large", "a packet is larger than Maximum Packet Size"),
    ReasonCode.MESSAGE_RATE_TOO_HIGH: ("too_much", "messages come too fast"),
    ReasonCode.QUOTA_EXCEEDED: ("too_much", "a bound for this client was met"),
    ReasonCode.ADMINISTRATIVE_ACTION: ("admin", "whoever runs the broker ended the connection"),
    ReasonCode.PAYLOAD_FORMAT_INVALID: ("payload", "the payload is not what it says it is"),
    ReasonCode.RETAIN_NOT_SUPPORTED: ("feature", "the broker keeps no retained messages"),
    ReasonCode.QOS_NOT_SUPPORTED: ("feature", "the broker does not offer this QoS"),
    ReasonCode.USE_ANOTHER_SERVER: ("moved", "use another server for now"),
    ReasonCode.SERVER_MOVED: ("moved", "use another server from now on"),
    ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: ("feature", "the broker does not offer shared subscriptions"),
    ReasonCode.CONNECTION_RATE_EXCEEDED: ("too_much", "connections come too fast"),
    ReasonCode.MAXIMUM_CONNECT_TIME: ("admin", "the connection has lasted as long as it may"),
    ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: (
        "feature",
        "the broker does not offer subscription identifiers",
    ),
    ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: (
        "feature",
        "the broker does not offer wildcards in subscriptions",
    ),
}

_GENERAL_WORDS = 3

CONNACK: tuple[Code, ...] = tuple(
    make("mqtt", f"CONNACK {code.name}", int(code), fault, meaning, *texts, version="MQTT 3.1.1")
    for code, (fault, meaning, texts) in _CONNACK.items()
)
"""The answer to CONNECT in MQTT 3.1.1."""

REASONS: tuple[Code, ...] = tuple(
    make(
        "mqtt",
        code.name,
        int(code),
        fault,
        meaning,
        *([code.words] if len(code.words.split()) >= _GENERAL_WORDS and "bad user" not in code.words else []),
        version="MQTT 5",
    )
    for code, (fault, meaning) in _REASONS.items()
)
"""Reason codes of MQTT 5."""
