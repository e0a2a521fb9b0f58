"""Our side of WebSocket against wsproto's client: frames cut and joined anywhere, and every way to break the rules."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from sealmq.errors import WebSocketError
from sealmq.tcp.websocket import HEAD_LIMIT, WebSocketConnection
from websocket_pairs import Client, frame, request

BINARY, TEXT, CONTINUATION, CLOSE, PING = 0x2, 0x1, 0x0, 0x8, 0x9


def pair(**options: object) -> tuple[Client, WebSocketConnection]:
    """Client and server with the handshake done."""
    client, server = Client(), WebSocketConnection(**options)  # type: ignore[arg-type]
    assert server.receive_data(client.request()) == b""
    client.receive(server.data_to_send())
    assert client.accepted
    assert server.established
    return client, server


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def receive(server: WebSocketConnection, data: bytes, size: int) -> bytes:
    """What comes of data that comes in pieces."""
    return b"".join(server.receive_data(piece) for piece in pieces(data, size))


def failure(server: WebSocketConnection, data: bytes) -> WebSocketError:
    with pytest.raises(WebSocketError) as caught:
        server.receive_data(data)
    with pytest.raises(WebSocketError, match="has failed before"):
        server.receive_data(frame(BINARY, b"more"))
    return caught.value


# -- the opening handshake -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_handshake_may_be_cut_anywhere_and_data_may_stand_right_behind_it(size: int) -> None:
    client, server = Client(), WebSocketConnection()
    everything = client.request() + frame(BINARY, b"at once")
    assert receive(server, everything, size) == b"at once"
    client.receive(server.data_to_send())
    assert client.accepted
    assert client.accepted.subprotocol == "mqtt"  # [MQTT-6.0.0-4]


def test_what_is_sent_before_the_handshake_waits_for_it() -> None:
    client, server = Client(), WebSocketConnection()
    server.send(b"early")
    assert server.data_to_send() == b""
    server.receive_data(client.request())
    client.receive(server.data_to_send())
    assert client.messages == [b"early"]


def test_a_refused_request_gets_its_answer_and_nothing_behind_it() -> None:
    server = WebSocketConnection()
    assert failure(server, request("GET /nothing HTTP/1.1")).code == 404
    server.send(b"words")
    server.close()
    answer = server.data_to_send()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer.endswith(b"MQTT is at / and at /mqtt.\n")
    assert server.data_to_send() == b""
    assert not server.established


def test_the_pages_that_the_configuration_names_may_connect() -> None:
    head = request(Origin="https://dashboard.example")
    assert failure(WebSocketConnection(), head).code == 403
    server = WebSocketConnection(frozenset({"https://dashboard.example"}))
    assert server.receive_data(head) == b""
    assert server.established


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_head_that_does_not_end_is_refused_when_it_is_too_long(size: int) -> None:
    server = WebSocketConnection()
    endless = b"GET / HTTP/1.1\r\nCookie: " + b"a" * HEAD_LIMIT
    with pytest.raises(WebSocketError) as caught:
        receive(server, endless, size)
    assert caught.value.code == 431
    assert server.data_to_send().startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_head_is_too_long_however_it_comes(size: int) -> None:
    empty = len(request(Cookie=""))
    longest = request(Cookie="a" * (HEAD_LIMIT - empty))
    assert receive(WebSocketConnection(), longest, size) == b""
    with pytest.raises(WebSocketError, match="more than 8192 bytes"):
        receive(WebSocketConnection(), request(Cookie="a" * (HEAD_LIMIT - empty + 1)), size)


def test_mqtt_without_websocket_is_told_to_the_log_and_not_answered() -> None:
    server = WebSocketConnection()
    error = failure(server, b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1")
    assert "MQTT without WebSocket" in error.what
    assert "8883" in error.remedy
    assert server.data_to_send() == b""


@pytest.mark.parametrize("first", [b"\x16\x03\x01", b"\x00", b"\xff", b"\r\n"])
def test_garbage_is_refused_at_its_first_byte(first: bytes) -> None:
    server = WebSocketConnection()
    assert "something else than HTTP" in failure(server, first).what
    assert server.data_to_send() == b""


# -- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 125, 126, 127, 65_535, 65_536, 200_000])
def test_messages_of_every_length_come_whole_both_ways(size: int) -> None:
    client, server = pair()
    payload = bytes(index % 251 for index in range(size))
    assert server.receive_data(client.send(BytesMessage(payload))) == payload
    server.send(payload)
    client.receive(server.data_to_send())
    assert b"".join(client.messages) == payload


def test_many_frames_at_once_and_one_frame_byte_by_byte_are_the_same_bytes() -> None:
    client, server = pair()
    frames = b"".join(client.send(BytesMessage(bytes([value]) * value)) for value in range(1, 200))
    expected = b"".join(bytes([value]) * value for value in range(1, 200))
    assert server.receive_data(frames) == expected
    assert receive(server, frames, 1) == expected


def test_pieces_of_a_frame_are_passed_on_as_they_come_and_not_collected() -> None:
    _, server = pair()
    whole = frame(BINARY, b"x" * 1000)
    assert server.receive_data(whole[:500]) == b"x" * (500 - 8)
    assert server.receive_data(whole[500:]) == b"x" * (1000 - 492)


def test_a_frame_may_promise_more_than_anybody_can_hold() -> None:
    _, server = pair()
    endless = b"\x82\xff" + (2**63 - 1).to_bytes(8, "big") + b"\0\0\0\0"
    assert server.receive_data(endless) == b""
    for _ in range(100):
        assert server.receive_data(b"x" * 10_000) == b"x" * 10_000


def test_a_ping_in_the_middle_of_a_fragmented_message_is_answered() -> None:
    client, server = pair()
    parts = [
        client.send(BytesMessage(b"one ", message_finished=False)),
        client.send(Ping(b"alive?")),
        client.send(BytesMessage(b"two ", message_finished=False)),
        client.send(BytesMessage(b"three", message_finished=True)),
    ]
    assert server.receive_data(b"".join(parts)) == b"one two three"
    assert client.receive(server.data_to_send()) == [Pong(b"alive?")]
    assert server.data_to_send() == b""


def test_of_many_pings_the_last_is_answered() -> None:
    client, server = pair()
    server.receive_data(b"".join(client.send(Ping(bytes([value]))) for value in range(100)))
    assert client.receive(server.data_to_send()) == [Pong(b"\x63")]


def test_a_pong_that_nobody_asked_for_is_no_mistake() -> None:
    client, server = pair()
    assert server.receive_data(client.send(Pong(b"here"))) == b""
    assert server.data_to_send() == b""


def test_all_that_was_sent_leaves_as_one_frame() -> None:
    _, server = pair()
    for word in (b"one ", b"two ", b"three"):
        server.send(word)
    assert server.data_to_send() == b"\x82\x0done two three"  # FIN, binary, unmasked [RFC 6455 section 5.1]
    assert server.data_to_send() == b""


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [CloseConnection(1001, "leaving"), CloseConnection(CloseReason.NO_STATUS_RCVD, "")])
def test_the_peers_close_is_answered_and_ends_everything(event: CloseConnection) -> None:
    client, server = pair()
    last = client.send(BytesMessage(b"last words")) + client.send(event)
    assert server.receive_data(last) == b"last words"
    assert server.closed
    assert server.receive_data(b"whatever") == b""
    server.send(b"too late")
    server.close()
    assert client.receive(server.data_to_send()) == [event]
    assert server.data_to_send() == b""


def test_our_close_stands_behind_what_was_sent() -> None:
    client, server = pair()
    server.send(b"last words")
    server.close()
    heard = client.receive(server.data_to_send())
    assert [type(event) for event in heard] == [BytesMessage, CloseConnection]
    server.send(b"too late")
    assert server.data_to_send() == b""
    assert server.receive_data(client.send(heard[1].response())) == b""  # type: ignore[attr-defined]
    assert server.closed
    assert server.data_to_send() == b""


def test_after_our_close_the_peer_may_still_speak_but_is_not_answered() -> None:
    client, server = pair()
    server.close()
    farewell = server.data_to_send()
    assert server.receive_data(client.send(BytesMessage(b"on its way")) + client.send(Ping(b"?"))) == b"on its way"
    assert server.data_to_send() == b""
    assert [event.code for event in client.receive(farewell) if isinstance(event, CloseConnection)] == [1000]


@pytest.mark.parametrize(
    ("illegal", "code", "words"),
    [
        (frame(TEXT, b"hello"), 1003, "text frame"),  # [MQTT-6.0.0-1]
        (frame(TEXT, b""), 1003, "text frame"),
        (frame(TEXT, b"hel", fin=False), 1003, "text frame"),
        (frame(BINARY, b"x", mask=False), 1002, "unmasked"),
        (frame(BINARY, b"x", reserved=0x40), 1002, "Reserved bit"),  # compression that nobody agreed on
        (frame(0x3, b"x"), 1002, "opcode"),
        (frame(0xB, b""), 1002, "opcode"),
        (frame(CONTINUATION, b"x"), 1002, "CONTINUATION"),
        (frame(BINARY, b"x", fin=False) + frame(BINARY, b"y"), 1002, "CONTINUATION"),
        (frame(PING, b"x" * 126), 1002, "125"),
        (frame(PING, b"x", fin=False), 1002, "fragment"),
        (frame(CLOSE, b"\x03"), 1002, "CLOSE"),
        (frame(CLOSE, (1005).to_bytes(2, "big")), 1002, "local-only"),
        (frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007, "reason"),
        (b"\x82\xff" + (2**63).to_bytes(8, "big") + b"\0\0\0\0", 1002, "8-byte"),
        (b"\x82\xfe" + (5).to_bytes(2, "big") + b"\0\0\0\0hello", 1002, "2 bytes"),
    ],
)
def test_an_illegal_frame_ends_the_connection_with_its_code(illegal: bytes, code: int, words: str) -> None:
    client, server = pair()
    error = failure(server, illegal)
    assert error.code == code
    assert words in error.what
    server.send(b"DISCONNECT")
    server.close()
    heard = client.receive(server.data_to_send())
    assert client.messages == [b"DISCONNECT"]
    assert isinstance(heard[-1], CloseConnection)
    assert heard[-1].code == code
    assert server.data_to_send() == b""


def test_a_text_message_of_wsproto_is_refused_byte_by_byte_too() -> None:
    client, server = pair()
    text = client.send(TextMessage("hello"))
    with pytest.raises(WebSocketError, match="text frame"):
        receive(server, text, 1)


# -- whatever comes ------------------------------------------------------------------------------------------------

OPCODES = st.integers(0, 15)
FRAMES = st.builds(
    frame,
    st.one_of(st.sampled_from([BINARY, CONTINUATION, PING, CLOSE]), OPCODES),
    st.binary(max_size=200),
    fin=st.booleans(),
    mask=st.sampled_from([True, True, True, False]),
)


def mutate(data: bytes, at: int, value: int) -> bytes:
    at %= len(data) or 1
    return data[:at] + bytes([value]) + data[at + 1 :]


@given(
    st.one_of(st.lists(FRAMES, max_size=8).map(b"".join), st.binary(max_size=300)),
    st.integers(0, 500),
    st.integers(0, 255),
    st.integers(1, 50),
    st.booleans(),
)
def test_only_our_own_error_leaves_and_nothing_is_sent_behind_a_close(
    data: bytes, at: int, value: int, size: int, from_the_start: bool
) -> None:
    data = mutate(data, at, value)
    if from_the_start:
        client, server = Client(), WebSocketConnection()
        data = mutate(request(), at, value) + data
    else:
        client, server = pair()
    answer = b""
    for piece in pieces(data, size):
        try:
            server.receive_data(piece)
        except WebSocketError:
            break
        server.send(b"answer")
        answer += server.data_to_send()
    server.close()
    answer += server.data_to_send()
    assert server.data_to_send() == b""
    if not from_the_start:
        heard = client.receive(answer)
        assert isinstance(heard[-1], CloseConnection)
        assert sum(isinstance(event, CloseConnection) for event in heard) == 1


@given(st.lists(st.binary(max_size=300), max_size=10), st.integers(1, 100), st.integers(1, 400))
def test_bytes_come_through_however_they_are_framed_and_cut(messages: list[bytes], fragment: int, size: int) -> None:
    _, server = pair()
    wire = b""
    for message in messages:
        parts = list(pieces(message, fragment)) or [b""]
        for number, part in enumerate(parts):
            wire += frame(BINARY if number == 0 else CONTINUATION, part, fin=number == len(parts) - 1)
    assert receive(server, wire, size) == b"".join(messages)
