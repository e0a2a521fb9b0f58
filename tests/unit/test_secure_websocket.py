"""TLS and WebSocket as one floor: what a link sees of it."""

from __future__ import annotations

import pytest
from wsproto.events import BytesMessage, CloseConnection

from certificates import Credentials
from sealmq.errors import TLSError, WebSocketError
from sealmq.secure_websocket import SecureWebSocket
from sealmq.tls.middleware import TLSConnection
from sealmq.tls.openssl import OpenSSLConnection, client_connection
from tls_pairs import Trust
from websocket_pairs import Client, frame, request


class Pair:
    """A browser in memory (OpenSSL and wsproto) and our side; `carry` until both are silent."""

    def __init__(self, trust: Trust, credentials: Credentials | None, size: int = 0) -> None:
        self.tls: OpenSSLConnection = client_connection(trust.client(credentials), "localhost")
        self.client = Client()
        self.server = SecureWebSocket(trust.server().connection())
        self.size = size
        self.answer = b""

    def carry(self) -> bytes:
        received = b""
        for _ in range(6):
            ciphertext = self.tls.data_to_send()
            size = self.size or len(ciphertext) or 1
            for at in range(0, len(ciphertext), size):
                received += self.server.receive_data(memoryview(ciphertext)[at : at + size])
            plaintext = self.tls.receive_data(self.server.data_to_send())
            self.answer += plaintext
        return received

    def open(self) -> None:
        self.tls.send(self.client.request())
        assert self.carry() == b""
        self.client.receive(self.answer)
        self.answer = b""
        assert self.client.accepted


def fits(connection: TLSConnection) -> TLSConnection:
    """mypy's proof that a link can stand on it."""
    return connection


@pytest.mark.parametrize("size", [0, 1, 100])
def test_bytes_go_both_ways_through_both_floors(trust: Trust, size: int) -> None:
    pair = Pair(trust, trust.device, size)
    pair.open()
    server = fits(pair.server)
    assert server.established
    assert server.proof is not None
    assert server.peer_certificate == trust.device.der
    pair.tls.send(pair.client.send(BytesMessage(b"from the browser")))
    server.send(b"from the ")
    server.send(b"broker")
    assert pair.carry() == b"from the browser"
    assert pair.answer == b"\x82\x0ffrom the broker"  # one frame
    assert server.refused_certificate == b""


def test_established_waits_for_both_handshakes(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.carry()
    assert pair.tls.established
    assert pair.server.proof is not None
    assert not pair.server.established
    pair.open()
    assert pair.server.established


def test_without_a_certificate_no_byte_of_http_is_read(trust: Trust) -> None:
    pair = Pair(trust, None)
    pair.tls.send(pair.client.request())
    with pytest.raises(TLSError):
        pair.carry()
    assert not pair.server.established
    with pytest.raises(TLSError):
        pair.tls.receive_data(pair.server.data_to_send())  # the alert, and no HTTP
    assert pair.answer == b""


def test_a_certificate_of_another_authority_is_refused_like_without_websocket(trust: Trust) -> None:
    stranger = trust.foreign_ca.issue("device")
    pair = Pair(trust, stranger)
    pair.tls.send(pair.client.request())
    with pytest.raises(TLSError):
        pair.carry()
    assert pair.server.refused_certificate == stranger.der


def test_a_refused_request_gets_http_then_close_notify(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.tls.send(request(Origin="https://evil.example"))
    with pytest.raises(WebSocketError) as caught:
        pair.carry()
    assert caught.value.code == 403
    assert not pair.server.established
    assert pair.server.refused_certificate == trust.device.der  # for the log: who was it?
    answer = pair.tls.receive_data(pair.server.data_to_send())
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert pair.tls.closed


def test_an_illegal_frame_right_behind_the_request_is_refused_with_it(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.tls.send(pair.client.request() + frame(1, b"text"))
    with pytest.raises(WebSocketError, match="text frame"):
        pair.carry()
    pair.client.receive(pair.tls.receive_data(pair.server.data_to_send()))
    assert pair.client.accepted
    assert isinstance(pair.client.events[-1], CloseConnection)
    assert pair.tls.closed


def test_an_illegal_frame_leaves_room_for_last_words(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.open()
    pair.tls.send(frame(1, b"text"))
    with pytest.raises(WebSocketError):
        pair.carry()
    assert pair.server.established
    pair.server.send(b"DISCONNECT")
    pair.server.close()
    pair.client.receive(pair.tls.receive_data(pair.server.data_to_send()))
    assert pair.client.messages == [b"DISCONNECT"]
    assert isinstance(pair.client.events[-1], CloseConnection)
    assert pair.client.events[-1].code == 1003
    assert pair.tls.closed


def test_closed_by_websocket_or_by_tls(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.open()
    pair.tls.send(pair.client.send(CloseConnection(1000)))
    pair.carry()
    assert pair.server.closed
    assert isinstance(pair.client.receive(pair.answer)[-1], CloseConnection)
    pair = Pair(trust, trust.device)
    pair.open()
    pair.tls.close()
    pair.carry()
    assert pair.server.closed


def test_a_frame_may_be_longer_than_a_tls_record(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    pair.open()
    pair.server.send(b"x" * 100_000)
    pair.carry()
    pair.client.receive(pair.answer)
    assert b"".join(pair.client.messages) == b"x" * 100_000


def test_smaller_records_can_be_asked_for(trust: Trust) -> None:
    pair = Pair(trust, trust.device)
    assert pair.server.max_record == 16_384
    pair.server.max_record = 1_024
    assert pair.server._tls.max_record == 1_024
