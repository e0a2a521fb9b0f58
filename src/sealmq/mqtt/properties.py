"""MQTT 5 properties [MQTT 2.2.2]: the table of table 2-4, and their reader and writer.

`PROPERTIES` is the standard's table: identifier -> name, data type, packets that may carry it. `Properties` is what a
packet holds: an absent property reads as None, and costs nothing.
"""

from __future__ import annotations


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


NO_PROPERTIES = Properties()
"""Shared by every packet that carries none; never written to."""
