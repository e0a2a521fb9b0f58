"""The header of a handshake message; and that the traces of RFC 8448 hold together."""

from __future__ import annotations

import pytest

from sealmq.errors import TLSError
from sealmq.kit.dissect.fields import Cursor
from sealmq.kit.dissect.framing import LONGEST_MESSAGE, read_whole, take_header
from tls_messages import message
from vectors.rfc8448 import TRACES, Trace


def test_a_header_is_type_and_length() -> None:
    cursor = Cursor(message(20, b"abc"))
    assert take_header(cursor) == 20
    assert [(one.name, one.value) for one in cursor.fields] == [("msg_type", "Finished"), ("length", "3 bytes")]


@pytest.mark.parametrize(
    "broken", [b"", b"\x14", b"\x14\x00\x00", message(20, b"abc")[:-1], message(20, b"abc") + b"x"]
)
def test_a_length_must_be_that_of_the_bytes(broken: bytes) -> None:
    with pytest.raises(TLSError) as caught:
        take_header(Cursor(broken), 20)
    assert caught.value.alert == "decode_error"


def test_another_message_is_unexpected() -> None:
    with pytest.raises(TLSError, match="a Finished stands where a ClientHello must") as caught:
        take_header(Cursor(message(20, b"")), 1)
    assert caught.value.alert == "unexpected_message"


def test_a_message_that_would_fill_the_memory_is_not_taken_apart() -> None:
    with pytest.raises(TLSError, match="too long"):
        take_header(Cursor(message(11, bytes(LONGEST_MESSAGE + 1))))
    take_header(Cursor(message(11, bytes(LONGEST_MESSAGE))))


def test_nothing_may_be_left_over() -> None:
    assert read_whole(message(20, b"ab"), 20, lambda cursor: cursor.take(2, "all")) == b"ab"
    with pytest.raises(TLSError, match="Finished has 1 bytes too many"):
        read_whole(message(20, b"ab"), 20, lambda cursor: cursor.take(1, "half"))


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.section)
def test_the_records_of_the_traces_carry_their_messages(trace: Trace) -> None:
    for step in trace.steps:
        assert len(step.wire) == 5 + int.from_bytes(step.wire[3:5], "big")
        content = b"".join(step.messages)
        if step.wire[0] == 23:  # content, its type, the tag (RFC 8446 section 5.2); none of them is padded
            assert len(step.wire) == 5 + len(content) + 1 + 16
        else:
            assert step.wire[5:] == content
            assert step.wire[0] == step.kind
        if step.kind == 22:
            for one in step.messages:
                take_header(Cursor(one))
