"""HTTP: what comes is bounded, and what leaves is what the pickiest client wants, byte for byte."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.web.http import (
    LONGEST_BODY,
    LONGEST_HEAD,
    MOST_PIECES,
    STATUSES,
    Answer,
    Request,
    RequestError,
    RequestReader,
    encode,
    say,
)

NOW = 1_800_000_000.0
POST = b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\nContent-Type: Application/PKCS10; charset=x\r\n"


def whole(data: bytes) -> Request:
    request = RequestReader().receive_data(data)
    assert request is not None
    return request


def test_a_request_is_read_with_what_counts_of_its_headers() -> None:
    head = POST + b"Authorization: Basic QTpC\r\nAccept: */*\r\nContent-Length: 4\r\n\r\n"
    assert whole(head + b"body") == Request(
        "POST", "/.well-known/est/simpleenroll", "application/pkcs10; charset=x", "Basic QTpC", "*/*", b"body"
    )


def test_a_request_may_come_a_byte_at_a_time() -> None:
    reader = RequestReader()
    data = POST + b"Content-Length: 4\r\n\r\nbody"
    answers = [reader.receive_data(data[at : at + 1]) for at in range(len(data))]
    assert answers[:-1] == [None] * (len(data) - 1)
    assert answers[-1] == whole(data)


def test_a_body_may_come_in_chunks() -> None:
    assert whole(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n").body == b"body"


@pytest.mark.parametrize("target", [b"/a", b"/a?b=c", b"https://localhost:8443/a", b"https://localhost/a?b"])
def test_a_path_is_what_stands_between_host_and_query(target: bytes) -> None:
    assert whole(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n").path == "/a"


def test_a_body_that_is_too_long_is_refused_before_it_is_there() -> None:
    with pytest.raises(RequestError, match=f"more than {LONGEST_BODY} bytes"):
        RequestReader().receive_data(POST + f"Content-Length: {LONGEST_BODY + 1}\r\n\r\n".encode())


def test_a_body_in_chunks_is_bounded_too() -> None:
    reader = RequestReader()
    assert reader.receive_data(POST + b"Transfer-Encoding: chunked\r\n\r\n") is None
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    for _ in range(LONGEST_BODY // 0x4000):
        assert reader.receive_data(chunk) is None
    with pytest.raises(RequestError, match="more than"):
        reader.receive_data(chunk)


def test_a_body_comes_in_few_pieces() -> None:
    reader = RequestReader()
    reader.receive_data(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * MOST_PIECES)
    with pytest.raises(RequestError, match="pieces"):
        reader.receive_data(b"1\r\nx\r\n")


def test_a_head_that_comes_at_once_is_bounded_too() -> None:
    reader = RequestReader()
    with pytest.raises(RequestError, match=f"more than {LONGEST_HEAD} bytes"):
        reader.receive_data(POST + b"X: " + b"y" * LONGEST_HEAD + b"\r\n\r\n")


@pytest.mark.parametrize("digits", [21, 5_000])
def test_a_length_that_is_no_number_to_anybody(digits: int) -> None:
    with pytest.raises(RequestError):
        RequestReader().receive_data(POST + b"Content-Length: " + b"9" * digits + b"\r\n\r\n")


def test_what_is_secret_is_not_shown() -> None:
    request = RequestReader().receive_data(POST + b"Authorization: Basic c2VjcmV0\r\nContent-Length: 4\r\n\r\nbody")
    assert "c2VjcmV0" not in repr(request)
    assert "PRIVATE" not in repr(Answer(200, b"PRIVATE"))


def test_a_head_is_bounded() -> None:
    reader = RequestReader()
    line = b"X: " + b"y" * 1_019 + b"\r\n"
    assert reader.receive_data(b"GET / HTTP/1.1\r\n" + line * 7) is None
    with pytest.raises(RequestError, match=f"more than {LONGEST_HEAD} bytes"):
        reader.receive_data(line)


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0achatterbox\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_what_is_no_http_is_an_answer(data: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        RequestReader().receive_data(data)
    assert refused.value.answer.status == 400
    assert refused.value.answer.body.endswith(b".\n")


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_whatever_comes_is_a_request_or_nothing_yet_or_an_answer(pieces: list[bytes]) -> None:
    reader = RequestReader()
    try:
        for piece in pieces:
            request = reader.receive_data(piece)
            if request is not None:
                break
    except RequestError as error:
        encode(error.answer, NOW)


@given(
    st.sampled_from([b"Host", b"Content-Length", b"Transfer-Encoding", b"Expect", b"Authorization", b"\xff"]),
    st.binary(max_size=60),
)
def test_whatever_stands_in_a_header_too(name: bytes, value: bytes) -> None:
    with contextlib.suppress(RequestError):  # and nothing else
        RequestReader().receive_data(POST + name + b": " + value + b"\r\n\r\n")


def test_who_waits_for_a_word_before_its_body_gets_it() -> None:
    reader = RequestReader()
    assert reader.receive_data(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n") is None
    assert reader.continue_wanted
    assert reader.continued() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not reader.continue_wanted
    request = reader.receive_data(b"body")
    assert request is not None
    assert request.body == b"body"


def test_an_answer_has_these_bytes_and_no_others() -> None:
    answer = say(401, "show a token", ("WWW-Authenticate", 'Basic realm="SealMQ"'))
    assert encode(answer, NOW) == (
        b"HTTP/1.1 401 Unauthorized\r\n"
        b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 14\r\n"
        b'WWW-Authenticate: Basic realm="SealMQ"\r\n'
        b"Connection: close\r\n"
        b"\r\n"
        b"Show a token.\n"
    )


@pytest.mark.parametrize("status", STATUSES)
def test_every_head_is_small_and_its_length_is_right(status: int) -> None:
    data = encode(Answer(status, b"x" * 5_000, "application/pkcs7-mime; smime-type=certs-only"), NOW)
    head, _, body = data.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert len(head) < 512
    assert len(names) <= 8
    assert all(name.decode() == name.decode().title() for name in names)
    assert b"Content-Length: %d\r\n" % len(body) in head


def test_head_gets_the_head_of_what_get_gets() -> None:
    answer = say(200, "hello")
    assert encode(answer, NOW, head_only=True) == encode(answer, NOW).partition(b"Hello")[0]
