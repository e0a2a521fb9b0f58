"""A connection of the load, over a pair of sockets, with TLS and without."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports import free_port
from sealmq.kit.bench.wire import Wire
from sealmq.tls.openssl import client_connection
from tls_pairs import Trust
from wires import heard, wire


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    ours, broker = wire()
    yield ours, broker
    ours.close()
    broker.close()


def test_what_is_not_there_is_nothing_and_the_end_is_said(pair: tuple[Wire, socket.socket]) -> None:
    ours, broker = pair
    assert ours.arrive()
    assert ours.receive() == b""
    broker.send(b"pong")
    assert ours.receive() == b"pong"
    broker.close()
    with pytest.raises(ConnectionAbortedError, match="the broker ended the connection"):
        ours.receive()


def test_what_the_kernel_does_not_take_is_kept_and_sent_later(pair: tuple[Wire, socket.socket]) -> None:
    ours, broker = pair
    data = bytes(range(256)) * 8_192
    assert not ours.send(data)
    assert ours.unsent
    got = b""
    while not ours.flush():
        got += heard(broker)
    while len(got) < len(data):
        got += heard(broker)
    assert got == data
    assert not ours.unsent


def test_it_shakes_hands_by_itself_and_carries_many_records(pair: tuple[Wire, socket.socket], tmp_path: Path) -> None:
    plain, broker = pair
    trust = Trust(tmp_path)
    ours = Wire(plain._socket, client_connection(trust.client(trust.device), "localhost"))
    server = trust.server().connection()
    assert ours.arrive()  # says ClientHello
    for _ in range(3):
        server.receive_data(heard(broker))
        broker.send(server.data_to_send())
        assert ours.receive() == b""
    assert ours.tls.established
    server.receive_data(heard(broker))
    assert server.established
    ours.send(b"x" * 100_000)
    got = b""
    while len(got) < 100_000:
        got += server.receive_data(heard(broker))
    several = b""
    for _ in range(300):  # a record each, as some brokers do
        server.send(b"y" * 50)
        several += server.data_to_send()
    broker.send(several)
    assert ours.receive() == b"y" * 15_000


def test_a_port_where_nobody_listens_is_an_error() -> None:
    from sealmq.kit.bench.target import Target

    port = free_port()
    ours = Target("127.0.0.1", port).dialer().dial()
    with pytest.raises(ConnectionRefusedError):
        ours.arrive()
    ours.close()
