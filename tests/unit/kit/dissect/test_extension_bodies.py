"""Each extension in each of its forms: what it says, and that no length of it can lie unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.extension_bodies import READERS, Place, reader_of, tell_psk_mode
from sealmq.kit.dissect.extensions import Extension, take_extensions
from sealmq.kit.dissect.fields import MOST_FIELDS, Cursor
from tls_messages import check_every_byte, extension, vector

HELLO, ANSWER, ENCRYPTED = Place.CLIENT_HELLO, Place.SERVER_HELLO, Place.ENCRYPTED_EXTENSIONS
RETRY, CERTIFICATE, REQUEST = Place.HELLO_RETRY_REQUEST, Place.CERTIFICATE, Place.CERTIFICATE_REQUEST
TICKET = Place.NEW_SESSION_TICKET

VALID = [
    (0, HELLO, vector(2, b"\x00", vector(2, b"broker.example")), "broker.example"),
    (0, HELLO, vector(2, b"\x07", vector(2, b"\x1b[2J")), "\\x1b[2J"),
    (0, ENCRYPTED, b"", "yes"),
    (1, HELLO, b"\x02", "1024 bytes"),
    (1, ANSWER, b"\x09", "unknown (0x09)"),
    (5, HELLO, b"\x01" + vector(2) + vector(2), "ocsp"),
    (5, HELLO, b"\x01" + vector(2, vector(2, b"id")) + vector(2, b"ext"), "ocsp"),
    (5, HELLO, b"\x09anything", "unknown (0x09)"),
    (5, ANSWER, b"", "yes"),
    (5, CERTIFICATE, b"\x01" + vector(3, bytes(300)), "OCSP response, 300 bytes"),
    (5, CERTIFICATE, b"\x02abc", "ocsp_multi"),
    (10, HELLO, vector(2, b"\x11\xec\x00\x1d\x5a\x5a"), "X25519MLKEM768, x25519, GREASE (0x5a5a)"),
    (11, HELLO, vector(1, b"\x00\x01\x09"), "uncompressed, ansiX962_compressed_prime, unknown (0x09)"),
    (13, HELLO, vector(2, b"\x04\x03\x08\x07"), "ecdsa_secp256r1_sha256, ed25519"),
    (15, HELLO, b"\x01", "peer_allowed_to_send"),
    (16, HELLO, vector(2, vector(1, b"mqtt"), vector(1, b"h2\n")), "mqtt, h2\\x0a"),
    (18, HELLO, b"", "yes"),
    (18, CERTIFICATE, vector(2, vector(2, b"one"), vector(2, b"two")), "2 timestamps"),
    (19, HELLO, vector(1, b"\x02\x00"), "raw public key, X.509"),
    (20, ENCRYPTED, b"\x02", "raw public key"),
    (21, HELLO, bytes(7), "7 bytes"),
    (21, HELLO, b"\x00\x01", "2 bytes, not all of them zero"),
    (22, HELLO, b"", "yes"),
    (23, ANSWER, b"", "yes"),
    (24, HELLO, b"\x01\x00" + vector(1, b"\x02"), "version 1.0"),
    (27, HELLO, vector(1, b"\x00\x02\x00\x03"), "brotli, zstd"),
    (28, HELLO, b"\x40\x01", "16385 bytes"),
    (34, HELLO, vector(2, b"\x04\x03"), "ecdsa_secp256r1_sha256"),
    (34, CERTIFICATE, b"abc", "3 bytes"),
    (35, HELLO, b"", "none yet"),
    (35, HELLO, bytes(192), "a ticket of 192 bytes"),
    (41, HELLO, vector(2, vector(2, b"identity"), bytes(4)) + vector(2, vector(1, bytes(32))), "1 key is offered"),
    (41, ANSWER, b"\x00\x00", "number 0 is taken"),
    (42, HELLO, b"", "yes"),
    (42, TICKET, b"\x00\x00\x04\x00", "at most 1024 bytes"),
    (43, HELLO, vector(1, b"\x03\x04\x03\x03"), "TLS 1.3, TLS 1.2"),
    (43, RETRY, b"\x03\x04", "TLS 1.3"),
    (44, RETRY, vector(2, b"cookie"), "6 bytes"),
    (45, HELLO, vector(1, b"\x01\x00\x0b"), "psk_dhe_ke, psk_ke, GREASE (0x0b)"),
    (47, REQUEST, vector(2, vector(2, b"\x30\x00"), vector(2, b"\x30\x00")), "2 names"),
    (48, REQUEST, vector(2, vector(1, b"oid"), vector(2, b"value")), "1 filters"),
    (49, HELLO, b"", "yes"),
    (50, HELLO, vector(2, b"\x08\x04"), "rsa_pss_rsae_sha256"),
    (51, HELLO, vector(2, b"\x00\x1d", vector(2, bytes(32))), "x25519 (32 bytes)"),
    (51, HELLO, vector(2), "none"),
    (51, ANSWER, b"\x00\x17" + vector(2, bytes(65)), "secp256r1 (65 bytes)"),
    (51, RETRY, b"\x00\x17", "secp256r1 is wanted"),
    (54, HELLO, vector(1), "empty"),
    (58, HELLO, b"\x02\x01", "2 for a new session, 1 for a resumed one"),
    (58, ENCRYPTED, b"\x02", "2 are to come"),
    (17613, HELLO, vector(2, vector(1, b"h2")), "h2"),
    (0xFE0D, HELLO, b"\x00\x00\x01\x00\x01\x2a" + vector(2, b"enc") + vector(2, b"hello"),
     "an encrypted hello of 5 bytes"),
    (0xFE0D, HELLO, b"\x01", "the inner hello"),
    (0xFE0D, ENCRYPTED, vector(2, b"new"), "new configurations, 3 bytes"),
    (0xFE0D, RETRY, bytes(8), "a confirmation"),
    (0xFF01, HELLO, vector(1), "first handshake"),
    (0xFF01, ANSWER, vector(1, bytes(24)), "24 bytes of the handshake before"),
    (0x1234, HELLO, b"\x01\x02\x03", "3 bytes"),
    (0x2A2A, HELLO, b"", "0 bytes"),
]  # fmt: skip


def take(code: int, place: Place, body: bytes) -> tuple[Extension, Cursor, bytes]:
    data = vector(2, extension(code, body))
    cursor = Cursor(data)
    (found,) = take_extensions(cursor, place)
    return found, cursor, data


@pytest.mark.parametrize(("code", "place", "body", "value"), VALID)
def test_an_extension_says_what_it_is(code: int, place: Place, body: bytes, value: str) -> None:
    found, cursor, data = take(code, place, body)
    assert (found.trouble, found.value, found.code, found.body) == ("", value, code, body)
    assert data[found.offset : found.offset + len(body)] == body
    check_every_byte(data, cursor.fields)


def test_every_reader_has_a_row_above() -> None:
    assert READERS.keys() - {2, 4, 12, 17513} <= {row[0] for row in VALID}


@pytest.mark.parametrize(("code", "place", "body", "value"), VALID)
def test_bytes_too_few_or_too_many_are_seen(code: int, place: Place, body: bytes, value: str) -> None:
    """Where what is left of it has no other meaning: the bytes of a padding or of a ticket may be any."""
    takes_any = code in (0x1234, 0x2A2A, 21, 35) or value.startswith(("unknown (", "ocsp_multi"))
    for cut in range(len(body)):
        found, _, _ = take(code, place, body[:cut])
        empty_is_allowed = cut == 0 and code in (5, 18)
        assert found.trouble or takes_any or empty_is_allowed or (code, place) == (34, CERTIFICATE), body[:cut]
    longer, _, _ = take(code, place, body + b"\x00")
    assert longer.trouble or takes_any or (code, place) in ((34, CERTIFICATE), (0xFE0D, HELLO)) or not body


@given(st.sampled_from([*READERS, 0x1234]), st.sampled_from(Place), st.binary(max_size=80))
def test_only_tls_error_comes_out_of_a_reader(code: int, place: Place, body: bytes) -> None:
    cursor = Cursor(body)
    try:
        value = reader_of(code)(cursor, place)
        cursor.expect_end("it")
    except TLSError:
        return
    assert value.isprintable()
    check_every_byte(body, cursor.fields)


@pytest.mark.parametrize(
    ("code", "place", "each", "before", "after"),
    [
        (0, HELLO, b"\x00" + vector(2), b"", b""),
        (16, HELLO, vector(1), b"", b""),
        (41, HELLO, vector(2) + bytes(4), b"", vector(2)),
        (48, REQUEST, vector(1) + vector(2), b"", b""),
        (51, HELLO, b"\x00\x1d" + vector(2), b"", b""),
        (18, CERTIFICATE, vector(2), b"", b""),
    ],
)
def test_lists_are_bounded(code: int, place: Place, each: bytes, before: bytes, after: bytes) -> None:
    most, _, _ = take(code, place, before + vector(2, each * MOST_FIELDS) + after)
    assert not most.trouble
    more, _, _ = take(code, place, before + vector(2, each * (MOST_FIELDS + 1)) + after)
    assert f"more than {MOST_FIELDS}" in more.trouble
    assert len(most.value) < 4000


def test_the_modes_of_grease_are_of_their_own_form() -> None:
    """RFC 8701 section 2: 0x0b, 0x2a, 0x49 and so on."""
    assert [code for code in range(256) if tell_psk_mode(code).startswith("GREASE")] == [
        0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4]  # fmt: skip
