from __future__ import annotations

from sealmq.kit.dissect.hello import read_client_hello
from sealmq.kit.handshake.hellos import MAX_FRAGMENT_LENGTH, RECORD_SIZE_LIMIT, hello


def test_a_hello_says_what_it_was_asked_to():
    record = hello(server_name="broker.example", extensions={RECORD_SIZE_LIMIT: b"\2\0", MAX_FRAGMENT_LENGTH: b"\1"})
    assert record[:3] == b"\x16\x03\x01"
    assert int.from_bytes(record[3:5], "big") == len(record) - 5
    read = read_client_hello(record[5:])
    assert read.server_name == "broker.example"
    assert read.versions == (0x0304, 0x0303)
    assert read.record_size_limit == 512
    assert read.max_fragment_length == 512
    assert read.key_shares == ((0x001D, 32),)
    assert not any(extension.trouble for extension in read.extensions)


def test_an_address_has_no_server_name():
    assert read_client_hello(hello()[5:]).server_name == ""


def test_no_two_are_alike():
    one, other = read_client_hello(hello()[5:]), read_client_hello(hello()[5:])
    assert one.random != other.random
