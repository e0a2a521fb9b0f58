"""ServerKeyExchange falls into what is signed and the signature, of ECDHE and of DHE, or into nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.handshake.server_key_exchange import Signed, split


def vector(data: bytes, length: int = 2) -> bytes:
    return len(data).to_bytes(length, "big") + data


def message(parameters: bytes, scheme: int, signature: bytes) -> bytes:
    return b"\x0c" + vector(parameters + scheme.to_bytes(2, "big") + vector(signature), 3)


@given(st.binary(min_size=1, max_size=133), st.integers(0, 65535), st.binary(min_size=1, max_size=300))
def test_ecdhe_is_split(point: bytes, scheme: int, signature: bytes) -> None:
    parameters = b"\x03\x00\x1d" + vector(point, 1)
    assert split(message(parameters, scheme, signature)) == Signed(parameters, scheme, signature)


@given(st.binary(min_size=64, max_size=300), st.binary(min_size=1, max_size=2), st.binary(min_size=64, max_size=300))
def test_dhe_is_split(p: bytes, g: bytes, public: bytes) -> None:
    parameters = vector(p) + vector(g) + vector(public)
    assert split(message(parameters, 0x0401, b"signature")) == Signed(parameters, 0x0401, b"signature")


def test_what_is_not_signed_is_nothing() -> None:
    assert split(b"\x0c" + vector(vector(b"hint"), 3)) is None  # PSK
    assert split(b"\x0c" + vector(b"\x03\x00\x1d" + vector(bytes(32), 1), 3)) is None  # anonymous
    whole = message(b"\x03\x00\x1d" + vector(bytes(32), 1), 0x0403, b"signature")
    assert all(split(whole[:end]) is None for end in range(len(whole)))
    assert split(whole + b"\0") is None


@given(st.binary(max_size=100))
def test_whatever_comes_there_is_an_answer(data: bytes) -> None:
    found = split(data)
    assert found is None or data.endswith(found.signature)
