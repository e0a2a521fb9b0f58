from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from ports import free_port
from sealmq.kit.handshake.fragments import ASKED, try_fragments
from tapped import Stage


@contextlib.contextmanager
def serving(handle, times: int = 2) -> Iterator[tuple[str, int]]:
    """A server of so many connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(times):
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    handle(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[:2]
        thread.join(10)


@pytest.fixture(scope="module")
def big(stage: Stage):
    """A server with a certificate that is longer than what is asked for."""
    names = [f"a-rather-long-name-{number}.example.com" for number in range(40)]
    return stage.server_ca.issue("localhost", purpose="server", hosts=["localhost", *names])


def test_a_server_that_honours_one_and_not_the_other_is_found_out(stage: Stage, big):
    context = stage.server(credentials=big)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with serving(handle) as address:
        by_length, by_limit = try_fragments(address, usual=3000, server_name="localhost")
    assert by_length.honoured is True, "OpenSSL honours max_fragment_length (RFC 6066)"
    assert by_length.largest <= ASKED + 64
    assert by_limit.honoured is False, "and knows no record_size_limit"
    assert by_limit.largest > 1000
    assert "not honoured" in by_limit.sentence


def test_a_server_with_small_records_is_not_asked():
    (trial,) = try_fragments(("127.0.0.1", 1), usual=500)
    assert trial.honoured is None
    assert "small unasked" in trial.sentence


def test_who_does_not_answer_is_not_known(stage: Stage):
    with serving(lambda connection: connection.recv(65_536)) as address:
        for trial in try_fragments(address, usual=3000, timeout=0.5):
            assert trial.honoured is None
            assert "did not answer" in trial.sentence


def test_nobody_there_is_not_known():
    address = ("127.0.0.1", free_port())
    assert [trial.honoured for trial in try_fragments(address, usual=3000, timeout=0.5)] == [None, None]


def test_garbage_is_not_known():
    with serving(lambda connection: connection.sendall(b"SSH-2.0-nothing\r\n" * 1000)) as address:
        assert [trial.honoured for trial in try_fragments(address, usual=3000, timeout=1)] == [None, None]
