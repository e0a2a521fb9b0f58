from __future__ import annotations

import struct

import pytest

from middleware_pairs import pair
from sealmq.errors import TLSError
from sealmq.kit.middleware.resuming import has_tickets
from tls_pairs import Trust


def hello(extensions: bytes) -> bytes:
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x2b" + b"\x01\x00" + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + struct.pack(">H", len(message)) + message


def test_openssl_has_tickets(trust: Trust) -> None:
    client, _ = pair("openssl", "openssl", trust, "TLSv1.2")
    assert has_tickets(client.data_to_send())


@pytest.mark.parametrize(
    ("extensions", "has"),
    [
        (b"", False),
        (b"\x00\x04\x00\x23\x00\x00", True),
        (b"\x00\x04\x00\x17\x00\x00", False),
    ],
)
def test_the_extension_decides(extensions: bytes, has: bool) -> None:
    assert has_tickets(hello(extensions)) is has


def test_what_is_no_hello_is_refused() -> None:
    with pytest.raises(TLSError):
        has_tickets(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00")
