from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.tls.openssl import client_connection
from sealmq.tls.seen_group import MOST, SeenGroup
from tls_pairs import Trust


def server_flight(trust: Trust, version: str) -> bytes:
    """What OpenSSL answers to a hello."""
    client = client_connection(trust.client(trust.device, version), "localhost")
    server = trust.server().connection()
    server.receive_data(client.data_to_send())
    return server.data_to_send()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_group_is_read(trust: Trust, version: str, size: int) -> None:
    flight = server_flight(trust, version)
    seen = SeenGroup()
    for at in range(0, len(flight), size):
        seen.look(flight[at : at + size])
    assert seen.name == "x25519"
    assert seen.over
    seen.look(b"more")


def message(kind: int, body: bytes) -> bytes:
    whole = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return bytes([22, 3, 3]) + len(whole).to_bytes(2, "big") + whole


def hello(group: int, random: bytes = bytes(32)) -> bytes:
    share = (51).to_bytes(2, "big") + (2).to_bytes(2, "big") + group.to_bytes(2, "big")
    extensions = b"\0\x2b\0\x02\x03\x04" + share
    return message(2, b"\x03\x03" + random + b"\0" + b"\x13\x01\0" + len(extensions).to_bytes(2, "big") + extensions)


def test_a_retry_is_not_the_answer() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    seen = SeenGroup()
    seen.look(hello(24, retry))
    assert not seen.over
    seen.look(b"\x14\x03\x03\0\x01\x01")  # for middleboxes
    seen.look(hello(23))
    assert seen.name == "secp256r1"


def test_groups_that_have_no_name_here() -> None:
    seen = SeenGroup()
    seen.look(hello(0x0102))
    assert seen.name == "0x0102"


def test_a_key_exchange_with_a_psk_has_a_hint_before_it() -> None:
    seen = SeenGroup()
    seen.look(message(12, b"\0\x04hint" + b"\x03\0\x1d" + b"\x20" + bytes(32)))
    assert seen.name == "x25519"


def test_nothing_is_agreed_on_in_a_resumed_handshake() -> None:
    seen = SeenGroup()
    seen.look(message(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2b\0") + b"\x14\x03\x03\0\x01\x01")
    assert seen.over
    assert seen.name == ""
    done = SeenGroup()
    done.look(message(14, b""))
    assert done.over


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_noise_does_no_harm(pieces: list[bytes]) -> None:
    for start in (b"", b"\x16\x03\x03\x00\x40\x02\0\0\x3c", b"\x16\x03\x03\x00\x40\x0c\0\0\x3c"):
        seen = SeenGroup()
        seen.look(start)
        for piece in pieces:
            seen.look(piece)


def test_what_is_kept_is_bounded() -> None:
    seen = SeenGroup()
    for _ in range(100):
        seen.look(b"\x16\x03\x03\x40\x00" + bytes(1024))
    assert seen.over
    assert len(seen._records) + len(seen._messages) <= MOST
