"""Real TLS messages, and what holds for whatever is taken apart: every byte is accounted for, once."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sealmq.kit.dissect.fields import Field
from sealmq.tls.openssl import client_connection
from tls_pairs import Trust


def message(type_: int, body: bytes) -> bytes:
    """A handshake message: header and body."""
    return bytes([type_]) + len(body).to_bytes(3, "big") + body


def vector(length_bytes: int, *parts: bytes) -> bytes:
    """A vector: the length, and all parts behind it."""
    whole = b"".join(parts)
    return len(whole).to_bytes(length_bytes, "big") + whole


def extension(code: int, body: bytes) -> bytes:
    """One extension: number, length, body."""
    return code.to_bytes(2, "big") + vector(2, body)


def client_hello(*extensions: bytes, suites: bytes = b"\x13\x01", session_id: bytes = b"") -> bytes:
    """A ClientHello with these extensions."""
    start = b"\x03\x03" + bytes(range(32)) + vector(1, session_id) + vector(2, suites) + vector(1, b"\x00")
    return message(1, start + vector(2, *extensions))


def server_hello(*extensions: bytes, suite: bytes = b"\x13\x01", random: bytes = bytes(32)) -> bytes:
    """A ServerHello with these extensions."""
    return message(2, b"\x03\x03" + random + vector(1) + suite + b"\x00" + vector(2, *extensions))


def all_fields(fields: Iterable[Field]) -> Iterator[Field]:
    """Every field, those inside others too."""
    for one in fields:
        yield one
        yield from all_fields(one.inside)


def check_every_byte(data: bytes, fields: Iterable[Field]) -> None:
    """Each byte is in exactly one leaf, or is the length that stands before a field; fields stand in one another."""
    fields = list(fields)
    seen = bytearray(len(data))
    for one in all_fields(fields):
        assert 0 <= one.offset <= one.offset + one.length <= len(data), one
        inside = one.offset
        for inner in one.inside:
            assert inside <= inner.offset <= inner.offset + inner.length <= one.offset + one.length, (one, inner)
            inside = inner.offset + inner.length
        if not one.inside:
            for at in range(one.offset, one.offset + one.length):
                seen[at] += 1
    assert max(seen, default=1) <= 1, "a byte is in two fields"
    for one in all_fields(fields):
        for size in (3, 2, 1):
            first = one.offset - size
            unseen = first >= 0 and not any(seen[first : one.offset])
            if unseen and int.from_bytes(data[first : one.offset], "big") == one.length:
                seen[first : one.offset] = b"\x01" * size
                break
    missing = [at for at, times in enumerate(seen) if not times]
    assert not missing, f"nobody accounts for the bytes at {missing}"


@functools.cache
def tls12_messages() -> tuple[tuple[str, bytes], ...]:
    """(sender, message) of each handshake message in the clear of a TLS 1.2 handshake with a client's certificate."""
    with tempfile.TemporaryDirectory() as folder:
        trust = Trust(Path(folder))
        client = client_connection(trust.client(trust.device, "TLSv1.2"), "localhost")
        server = trust.server().connection()
        found: list[tuple[str, bytes]] = []
        for _ in range(2):
            for name, sender, receiver in (("client", client, server), ("server", server, client)):
                flight = sender.data_to_send()
                found += [(name, one) for one in in_the_clear(flight)]
                receiver.receive_data(flight)
        assert client.established
        assert server.established
    return tuple(found)


def in_the_clear(flight: bytes) -> list[bytes]:
    """The handshake messages of whole records, up to ChangeCipherSpec."""
    content = b""
    while flight and flight[0] == 22:
        end = 5 + int.from_bytes(flight[3:5], "big")
        content += flight[5:end]
        flight = flight[end:]
    return split(content)


def split(content: bytes) -> list[bytes]:
    """Handshake messages that stand one behind the other."""
    found = []
    while content:
        end = 4 + int.from_bytes(content[1:4], "big")
        found.append(content[:end])
        content = content[end:]
    return found
