from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.tls.first_bytes import check_first_bytes, is_http

CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1"

KNOCKS = [
    (CONNECT, "MQTT without encryption"),
    (b"\x10\x95\x01\x00\x04MQTT\x05\x02\x00\x3c", "MQTT without encryption"),
    (b"\x10\x1c\x00\x06MQIsdp\x03\x02\x00\x3c", "MQTT without encryption"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
    (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n", "HTTP"),
    (b"HEAD / HTTP/1.0\r\n", "HTTP"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"),
    (b"CONNECT broker:8883 HTTP/1.1\r\n", "HTTP"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
    (b"\x80\x2e\x01\x03\x01\x00\x15", "SSL 2.0"),
    (b"\x00" * 40, "nothing known (it begins with 00 00"),
    (b"\xff\xd8\xff\xe0", "nothing known"),
]


@pytest.mark.parametrize(("first", "name"), KNOCKS)
def test_what_is_not_tls_is_called_by_its_name(first: bytes, name: str) -> None:
    with pytest.raises(TLSError) as caught:
        check_first_bytes(first)
    assert name in caught.value.what
    assert caught.value.alert == ""
    assert caught.value.remedy


def test_the_remedy_for_plain_mqtt_is_a_command_to_type() -> None:
    with pytest.raises(TLSError) as caught:
        check_first_bytes(memoryview(CONNECT))
    assert "mosquitto_pub --cafile" in caught.value.remedy


def test_one_byte_is_enough() -> None:
    for first, name in ((b"\x10", "MQTT"), (b"G", "HTTP"), (b"S", "SSH")):
        with pytest.raises(TLSError, match=name):
            check_first_bytes(first)


def test_a_client_hears_what_the_broker_speaks() -> None:
    for first, name in ((b"HTTP/1.1 400 Bad Request\r\n", "HTTP"), (b"\x20\x02\x00\x00", "MQTT"), (b"SSH-2.0-", "SSH")):
        with pytest.raises(TLSError, match=f"the broker does not speak TLS: this looks like {name}"):
            check_first_bytes(first, peer="broker")


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03", b"\x16\x03\x01\x02\x00\x01", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_tls_passes(first: bytes) -> None:
    check_first_bytes(first)


@given(st.binary(min_size=1, max_size=64))
def test_only_a_tls_error_leaves(first: bytes) -> None:
    with suppress(TLSError):
        check_first_bytes(first)
        assert first[0] in range(20, 25)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"POST /.well-known/est", memoryview(b"HEAD /x"), b"OPTIONS *"]
)
def test_http_is_told_from_everything_else(first: bytes | memoryview) -> None:
    assert is_http(first)


@pytest.mark.parametrize("first", [b"G", b"GETTING", CONNECT, b"\x16\x03\x01", b"SSH-2.0"])
def test_what_only_begins_like_http_is_none(first: bytes) -> None:
    assert not is_http(first)
