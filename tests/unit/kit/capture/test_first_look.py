"""The first bytes of connections: real ClientHellos, in every cutting, and everything else."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import CONNECT, HELLO, SERVER_HELLO
from sealmq.kit.capture.first_look import HEAD, is_client_hello, is_connect, is_record, server_name


def hello(name: str | None) -> bytes:
    """A ClientHello of OpenSSL, in its record."""
    context = ssl.create_default_context()
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def in_records(message: bytes, size: int) -> bytes:
    """A handshake message in records of `size` bytes (RFC 8446 section 5.1)."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)


REAL = hello("broker.example")


def test_the_name_in_a_real_hello_is_found() -> None:
    assert is_client_hello(REAL[:HEAD])
    assert is_record(REAL[:HEAD])
    assert server_name(REAL) == "broker.example"
    assert server_name(REAL + b"anything behind it") == "broker.example"
    assert server_name(hello(None)) == ""
    assert server_name(HELLO) == ""


@pytest.mark.parametrize("data", [REAL, in_records(REAL[5:], 1), in_records(REAL[5:], 100)])
def test_every_prefix_of_a_hello_needs_more(data: bytes) -> None:
    for length in range(len(data)):
        assert server_name(data[:length]) is None
    assert server_name(data) == "broker.example"


def test_a_name_that_is_none_is_safe_to_print() -> None:
    wild = REAL.replace(b"broker.example", b"\x1b[2J\0\xff <b> .xy")
    assert server_name(wild) == r"\x1b[2J\x00\xff\x20<b>\x20.xy"


@pytest.mark.parametrize(
    "data",
    [
        b"\x17" + REAL[1:],
        b"\x16\x03\x01\0\0" + REAL,
        b"\x16\x03\x01\x40\0\x01\xff\xff\xff",
        b"\x16\x03\x01\x00\x08\x01\0\0\4\3\3\0\0",
        REAL[:43] + b"\xff" + REAL[44:],
    ],
)
def test_a_hello_that_breaks_the_rules_has_no_name(data: bytes) -> None:
    assert server_name(data) == ""


@given(st.binary(max_size=400), st.integers(0, len(REAL)))
def test_any_bytes_have_a_name_or_none(data: bytes, start: int) -> None:
    for one in (data, REAL[:start] + data, in_records(data, 7)):
        name = server_name(one)
        assert name is None or (name.isascii() and name.isprintable() and len(name) <= 4 * 255)
        assert not (is_client_hello(one[:HEAD]) and is_connect(one[:HEAD]))


def test_a_hello_a_record_and_a_connect_are_told_apart() -> None:
    assert is_client_hello(HELLO[:6])
    assert not is_client_hello(HELLO[:5])
    assert not is_client_hello(SERVER_HELLO)
    assert is_record(SERVER_HELLO)
    assert not is_record(b"\x16\x03\x03\xff\xff")
    assert not is_record(b"\x16\x03\x05\0\1")
    assert not is_record(b"GET / HTTP/1.1")
    assert is_connect(CONNECT)
    assert is_connect(b"\x10\xff\xff\xff\x7f\x00\x06MQIsdp\x03")
    assert not is_connect(b"\x10\xff\xff\xff\xff\x7f\x00\x04MQTT")
    assert not is_connect(b"\x10\x10\x00\x04HTTP")
    assert not is_connect(b"\x20\x02\0\0")
    assert not is_connect(b"\x10")
    assert not is_connect(b"")
