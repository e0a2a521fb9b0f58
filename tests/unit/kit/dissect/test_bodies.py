"""The messages behind the hellos: those of RFC 8448, those of OpenSSL in TLS 1.2, and some that neither sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.bodies import (
    MOST_CERTIFICATES,
    read_certificate,
    read_certificate_request,
    read_certificate_status,
    read_certificate_verify,
    read_compressed_certificate,
    read_encrypted_extensions,
    read_end_of_early_data,
    read_finished,
    read_hello_request,
    read_key_update,
    read_message_hash,
    read_new_session_ticket,
    read_server_hello_done,
)
from sealmq.kit.dissect.fields import Field
from tls_messages import check_every_byte, extension, message, tls12_messages, vector
from vectors.rfc8448 import CLIENT_AUTHENTICATION, EARLY_DATA, SIMPLE, TRACES, Trace


class Read(Protocol):
    """What every reader gives."""

    @property
    def fields(self) -> tuple[Field, ...]: ...


READERS: dict[int, list[Callable[[bytes], Read]]] = {
    0: [read_hello_request],
    4: [
        lambda data: read_new_session_ticket(data, tls13=True),
        lambda data: read_new_session_ticket(data, tls13=False),
    ],
    5: [read_end_of_early_data],
    8: [read_encrypted_extensions],
    11: [lambda data: read_certificate(data, tls13=True), lambda data: read_certificate(data, tls13=False)],
    13: [
        lambda data: read_certificate_request(data, tls13=True),
        lambda data: read_certificate_request(data, tls13=False),
        lambda data: read_certificate_request(data, tls13=False, version=0x0302),
    ],
    14: [read_server_hello_done],
    15: [read_certificate_verify, lambda data: read_certificate_verify(data, 0x0302)],
    20: [read_finished],
    22: [read_certificate_status],
    24: [read_key_update],
    25: [read_compressed_certificate],
    254: [read_message_hash],
}
TICKET_OF_TLS12 = message(4, (7200).to_bytes(4, "big") + vector(2, bytes(180)))
STAPLED = message(22, b"\x01" + vector(3, b"response"))
COMPRESSED = message(25, b"\x00\x02" + (1500).to_bytes(3, "big") + vector(3, bytes(700)))

VALID: list[tuple[Callable[[bytes], Read], bytes]] = [
    *[(READERS[one[0]][0], one) for trace in TRACES for one in trace.messages() if one[0] in READERS],
    *[
        (READERS[one[0]][min(1, len(READERS[one[0]]) - 1)], one)
        for _, one in tls12_messages()
        if one[0] in (11, 13, 14)
    ],
    *[(read_certificate_verify, one) for _, one in tls12_messages() if one[0] == 15],
    (READERS[4][1], TICKET_OF_TLS12),
    (READERS[13][2], message(13, vector(1, b"\x01\x40") + vector(2, vector(2, b"\x30\x00")))),
    (READERS[15][1], message(15, vector(2, bytes(64)))),
    (read_certificate_status, STAPLED),
    (read_certificate_status, message(22, b"\x02" + vector(3, vector(3, b"one")))),
    (read_compressed_certificate, COMPRESSED),
    (read_key_update, message(24, b"\x01")),
    (read_hello_request, message(0, b"")),
    (read_message_hash, message(254, bytes(32))),
]


def trace_message(trace: Trace, type_: int, number: int = 0) -> bytes:
    return trace.messages(type_)[number]


def test_a_chain_of_tls13() -> None:
    server = read_certificate(trace_message(CLIENT_AUTHENTICATION, 11), tls13=True)
    client = read_certificate(trace_message(CLIENT_AUTHENTICATION, 11, 1), tls13=True)
    for chain, name in ((server, "CN=ecdsa256"), (client, "CN=client")):
        assert chain.context == b""
        assert len(chain.certificates) == 1
        assert chain.extensions == ((),)
        assert x509.load_der_x509_certificate(chain.certificates[0]).subject.rfc4514_string() == name


def test_a_chain_of_tls12() -> None:
    chains = [read_certificate(one, tls13=False) for _, one in tls12_messages() if one[0] == 11]
    names = [
        [x509.load_der_x509_certificate(der).subject.rfc4514_string() for der in chain.certificates] for chain in chains
    ]
    assert names == [["CN=localhost", "CN=Server CA"], ["CN=device", "CN=Device CA"]]


def test_extensions_of_each_certificate() -> None:
    stapled = vector(2, extension(5, b"\x01" + vector(3, b"ocsp")))
    data = message(11, vector(1, b"ctx") + vector(3, vector(3, b"leaf"), stapled, vector(3, b"ca"), vector(2)))
    chain = read_certificate(data, tls13=True)
    assert (chain.context, chain.certificates) == (b"ctx", (b"leaf", b"ca"))
    assert [[one.value for one in extensions] for extensions in chain.extensions] == [["OCSP response, 4 bytes"], []]
    check_every_byte(data, chain.fields)


def test_a_chain_has_an_end() -> None:
    for tls13, each in ((False, vector(3)), (True, vector(3) + vector(2))):
        start = vector(1) if tls13 else b""
        read_certificate(message(11, start + vector(3, each * MOST_CERTIFICATES)), tls13=tls13)
        with pytest.raises(TLSError, match="more than 100 certificates"):
            read_certificate(message(11, start + vector(3, each * (MOST_CERTIFICATES + 1))), tls13=tls13)


def test_what_the_server_says_encrypted() -> None:
    found = read_encrypted_extensions(trace_message(SIMPLE, 8))
    assert [one.name for one in found.extensions] == ["supported_groups", "record_size_limit", "server_name"]
    early = read_encrypted_extensions(trace_message(EARLY_DATA, 8))
    assert early.extensions[-1].name == "early_data"


def test_a_client_is_asked_for_a_certificate() -> None:
    asked = read_certificate_request(trace_message(CLIENT_AUTHENTICATION, 13), tls13=True)
    assert (asked.context, asked.types, asked.authorities) == (b"", (), ())
    assert asked.schemes[:2] == (0x0403, 0x0503)
    (older,) = [read_certificate_request(one, tls13=False) for _, one in tls12_messages() if one[0] == 13]
    assert older.types == (1, 2, 64)
    assert 0x0403 in older.schemes
    assert older.extensions == older.authorities == ()


def test_authorities_are_der_in_both_forms() -> None:
    names = vector(2, vector(2, b"\x30\x00"), vector(2, b"\x30\x01x"))
    newer = read_certificate_request(message(13, vector(1, b"c") + vector(2, extension(47, names))), tls13=True)
    older = read_certificate_request(message(13, vector(1, b"\x40") + vector(2, b"\x04\x03") + names), tls13=False)
    oldest = read_certificate_request(message(13, vector(1, b"\x40") + names), tls13=False, version=0x0302)
    assert newer.authorities == older.authorities == oldest.authorities == (b"\x30\x00", b"\x30\x01x")
    assert (newer.context, older.schemes, oldest.schemes) == (b"c", (0x0403,), ())
    broken = read_certificate_request(message(13, vector(1) + vector(2, extension(47, b"\xff"))), tls13=True)
    assert broken.authorities == ()


def test_proofs() -> None:
    server = read_certificate_verify(trace_message(CLIENT_AUTHENTICATION, 15))
    assert (server.scheme, server.signature_length) == (0x0403, 71)
    client = read_certificate_verify(trace_message(CLIENT_AUTHENTICATION, 15, 1))
    assert (client.scheme, client.signature_length) == (0x0804, 128)
    old = read_certificate_verify(message(15, vector(2, bytes(64))), 0x0302)
    assert (old.scheme, old.signature_length) == (None, 64)


def test_tickets() -> None:
    newer = read_new_session_ticket(trace_message(SIMPLE, 4), tls13=True)
    assert (newer.lifetime, newer.ticket_length, newer.max_early_data) == (30, 178, 1024)
    older = read_new_session_ticket(TICKET_OF_TLS12, tls13=False)
    assert (older.lifetime, older.ticket_length, older.max_early_data) == (7200, 180, None)


def test_the_rest() -> None:
    status = read_certificate_status(STAPLED)
    assert (status.kind, status.response) == (1, b"response")
    packed = read_compressed_certificate(COMPRESSED)
    assert (packed.algorithm, packed.uncompressed_length, packed.compressed_length) == (2, 1500, 700)
    assert packed.fields[2].value == "brotli"
    assert read_key_update(message(24, b"\x01")).requested
    assert not read_key_update(message(24, b"\x00")).requested
    assert read_finished(trace_message(SIMPLE, 20)).fields[-1].length == 32
    assert read_end_of_early_data(trace_message(EARLY_DATA, 5)).fields[-1].value == "0 bytes"


@pytest.mark.parametrize(("read", "data"), VALID, ids=[f"{number}-{row[1][0]}" for number, row in enumerate(VALID)])
def test_every_byte_is_accounted_for(read: Callable[[bytes], Read], data: bytes) -> None:
    check_every_byte(data, read(data).fields)


@pytest.mark.parametrize(("read", "data"), VALID, ids=[f"{number}-{row[1][0]}" for number, row in enumerate(VALID)])
def test_a_message_that_was_cut_is_refused(read: Callable[[bytes], Read], data: bytes) -> None:
    """Its length corrected too, except where any bytes are as good: of a Finished, a hash, an unknown status."""
    for end in range(len(data)):
        with pytest.raises(TLSError):
            read(data[:end])
        if end >= 4 and data[0] not in (20, 254) and data[:5] != b"\x16\x00\x00\x0a\x02":
            with pytest.raises(TLSError):
                read(message(data[0], data[4:end]))


@given(st.sampled_from(VALID), st.data())
def test_only_tls_error_comes_out_of_what_was_changed(
    row: tuple[Callable[[bytes], Read], bytes], data: st.DataObject
) -> None:
    read, valid = row
    changed = bytearray(valid)
    changed[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(changed))
    except TLSError:
        return


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=100))
def test_only_tls_error_comes_out_of_any_bytes(type_: int, body: bytes) -> None:
    for read in READERS[type_]:
        try:
            found = read(message(type_, body))
        except TLSError:
            continue
        if not any("cannot be taken apart" in str(one) for one in found.fields):
            check_every_byte(message(type_, body), found.fields)
