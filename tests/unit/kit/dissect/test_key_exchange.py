"""The key exchange of TLS 1.2, for each kind of suite."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.key_exchange import (
    ClientKeyExchange,
    ServerKeyExchange,
    read_client_key_exchange,
    read_server_key_exchange,
)
from sealmq.kit.dissect.suites import NAMES
from tls_messages import check_every_byte, message, tls12_messages, vector

POINT = b"\x03\x00\x17" + vector(1, bytes(65))
SIGNATURE = b"\x04\x03" + vector(2, bytes(71))
GROUP_14 = vector(2, b"\x00" + b"\xff" * 256) + vector(2, b"\x02") + vector(2, bytes(256))
HINT = vector(2, b"which\n")

SERVER = [
    (0xC02B, POINT + SIGNATURE, {"group": 0x17, "public_length": 65, "scheme": 0x0403, "signature_length": 71}),
    (0x009E, GROUP_14 + SIGNATURE,
     {"prime_bits": 2048, "public_length": 256, "scheme": 0x0403, "signature_length": 71}),
    (0xC018, POINT, {"group": 0x17, "public_length": 65}),
    (0x00A6, GROUP_14, {"prime_bits": 2048, "public_length": 256}),
    (0x00A8, HINT, {"psk_hint": "which\\x0a"}),
    (0x00AC, HINT, {"psk_hint": "which\\x0a"}),
    (0x00AA, HINT + GROUP_14, {"psk_hint": "which\\x0a", "prime_bits": 2048, "public_length": 256}),
    (0xD001, HINT + POINT, {"psk_hint": "which\\x0a", "group": 0x17, "public_length": 65}),
    (0x0003, vector(2, bytes(64)) + vector(2, b"\x01\x00\x01") + SIGNATURE,
     {"public_length": 64, "scheme": 0x0403, "signature_length": 71}),
    (0xC01D, vector(2, b"\x01" + bytes(255)) + vector(2, b"\x02") + vector(1, b"salt") + vector(2, bytes(256)),
     {"prime_bits": 2041, "public_length": 256}),
    (0xC02B, b"\x01explicit", {}),
    (0xC0FF, b"anything", {}),
    (0x1301, b"anything", {}),
    (None, b"anything", {}),
]  # fmt: skip
CLIENT = [
    (0xC02B, vector(1, bytes(65)), {"public_length": 65}),
    (0x009E, vector(2, bytes(256)), {"public_length": 256}),
    (0x009C, vector(2, bytes(256)), {"public_length": 256}),
    (0x00A8, vector(2, b"me\x00"), {"psk_identity": "me\\x00"}),
    (0x00AA, vector(2, b"me") + vector(2, bytes(256)), {"psk_identity": "me", "public_length": 256}),
    (0x00AC, vector(2, b"me") + vector(2, bytes(256)), {"psk_identity": "me", "public_length": 256}),
    (0xD001, vector(2, b"me") + vector(1, bytes(32)), {"psk_identity": "me", "public_length": 32}),
    (0x00A0, b"", {}),
    (0xC02D, b"", {}),
    (0xC01D, vector(2, bytes(256)), {"public_length": 256}),
    (0xC0FF, b"anything", {}),
    (None, b"anything", {}),
]


@pytest.mark.parametrize(("suite", "body", "said"), SERVER)
def test_the_server_s_half(suite: int | None, body: bytes, said: dict[str, object]) -> None:
    found = read_server_key_exchange(message(12, body), suite)
    assert found == ServerKeyExchange(**said, fields=found.fields)  # type: ignore[arg-type]
    check_every_byte(message(12, body), found.fields)


@pytest.mark.parametrize(("suite", "body", "said"), CLIENT)
def test_the_client_s_half(suite: int | None, body: bytes, said: dict[str, object]) -> None:
    found = read_client_key_exchange(message(16, body), suite)
    assert found == ClientKeyExchange(**said, fields=found.fields)  # type: ignore[arg-type]
    check_every_byte(message(16, body), found.fields)


def test_before_tls12_a_signature_does_not_say_its_scheme() -> None:
    found = read_server_key_exchange(message(12, POINT + SIGNATURE[2:]), 0xC013, 0x0302)
    assert (found.scheme, found.signature_length) == (None, 71)


def test_the_key_exchange_of_openssl() -> None:
    both = {one[0]: one for _, one in tls12_messages() if one[0] in (12, 16)}
    server = read_server_key_exchange(both[12], 0xC02B)
    client = read_client_key_exchange(both[16], 0xC02B)
    assert server.group in (0x1D, 0x17)
    assert server.public_length == client.public_length
    assert server.scheme == 0x0403
    assert 68 <= server.signature_length <= 72
    check_every_byte(both[12], server.fields)
    check_every_byte(both[16], client.fields)


@pytest.mark.parametrize(("suite", "body", "said"), SERVER)
def test_a_half_that_was_cut_is_refused(suite: int | None, body: bytes, said: dict[str, object]) -> None:
    for end in range(len(body)):
        if said:
            with pytest.raises(TLSError):
                read_server_key_exchange(message(12, body[:end]), suite)
    if said:
        with pytest.raises(TLSError):
            read_server_key_exchange(message(12, body + b"\x00"), suite)


@given(st.sampled_from(sorted(NAMES)), st.sampled_from([0x0301, 0x0303]), st.binary(max_size=80))
def test_only_tls_error_comes_out_of_any_bytes(suite: int, version: int, body: bytes) -> None:
    try:
        found = read_server_key_exchange(message(12, body), suite, version)
    except TLSError:
        pass
    else:
        check_every_byte(message(12, body), found.fields)
    try:
        answer = read_client_key_exchange(message(16, body), suite)
    except TLSError:
        return
    check_every_byte(message(16, body), answer.fields)


def signed(parameters: bytes, scheme: int, signature: bytes) -> bytes:
    body = parameters + scheme.to_bytes(2, "big") + len(signature).to_bytes(2, "big") + signature
    return b"\x0c" + len(body).to_bytes(3, "big") + body


@given(st.binary(min_size=1, max_size=133), st.integers(0, 65535), st.binary(min_size=1, max_size=300))
def test_ecdhe_is_split(point: bytes, scheme: int, signature: bytes) -> None:
    parameters = b"\x03\x00\x1d" + bytes([len(point)]) + point
    message = signed(parameters, scheme, signature)
    read = read_server_key_exchange(message, 0xC02B)
    assert (read.scheme, read.split(message)) == (scheme, (parameters, signature))


@given(st.binary(min_size=64, max_size=300), st.binary(min_size=1, max_size=2), st.binary(min_size=64, max_size=300))
def test_dhe_is_split(p: bytes, g: bytes, public: bytes) -> None:
    parameters = b"".join(len(one).to_bytes(2, "big") + one for one in (p, g, public))
    message = signed(parameters, 0x0401, b"signature")
    read = read_server_key_exchange(message, 0x009E)
    assert (read.scheme, read.split(message)) == (0x0401, (parameters, b"signature"))


def test_what_is_not_signed_or_is_cut_off_has_no_scheme() -> None:
    hint = b"\x0c\0\0\6\0\4hint"
    assert read_server_key_exchange(hint, 0x00A8).scheme is None  # PSK
    point = b"\x03\x00\x1d\x20" + bytes(32)
    anonymous = b"\x0c" + len(point).to_bytes(3, "big") + point
    assert read_server_key_exchange(anonymous, 0xC018).scheme is None
    whole = signed(point, 0x0403, b"signature")
    for broken in [*(whole[:end] for end in range(len(whole))), whole + b"\0"]:
        with pytest.raises(TLSError):
            read_server_key_exchange(broken, 0xC02B)
