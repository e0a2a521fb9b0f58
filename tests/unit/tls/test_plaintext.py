"""No TLS, with TLS's verbs."""

from __future__ import annotations

import pytest

from sealmq.errors import TLSError
from sealmq.tls.middleware import TLSConnection, TLSContext
from sealmq.tls.plaintext import PlaintextContext


def test_bytes_pass_as_they_are_and_prove_nothing() -> None:
    context: TLSContext = PlaintextContext()
    connection: TLSConnection = context.connection()
    assert connection.established
    assert connection.proof is None
    buffer = bytearray(b"\x10\x00")
    received = connection.receive_data(memoryview(buffer))
    buffer[:] = b"zz"  # the transport uses its buffer again
    assert received == b"\x10\x00"
    connection.send(b"a")
    connection.send(b"b")
    connection.close()
    assert connection.data_to_send() == b"ab"
    assert connection.data_to_send() == b""


def test_who_speaks_tls_to_it_is_told_so() -> None:
    with pytest.raises(TLSError, match="speaks TLS to a listener without it"):
        PlaintextContext().connection().receive_data(b"\x16\x03\x01\x02\x00")
