"""`sealmq pub`: its options, its window, its lines. The network is a fake that answers when it is told to."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sealmq.cli.pub import WINDOW, LineReader, Publisher, read_payload
from sealmq.errors import ConfigError, Error


class FakeClient:
    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int, bool]] = []
        self.waiting: list[int] = []
        self.on_publish: Callable[..., None] | None = None

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, properties: Any) -> None:
        self.published.append((topic, payload, qos, retain))
        self.waiting.append(len(self.published))

    def acknowledge(self, code: int = 0) -> None:
        assert self.on_publish is not None
        packet_id = self.waiting.pop(0)
        self.on_publish(self, None, packet_id, SimpleNamespace(value=code, is_failure=code >= 0x80), None)


class FakeConnection:
    """Each turn acknowledges one message, and `source` can always be read."""

    def __init__(self, code: int = 0) -> None:
        self.client = FakeClient()
        self.code = code
        self.most = 0
        self.largest: int | None = None

    def check_size(self, topic: str, payload: bytes, qos: int, properties: Any) -> None:
        if self.largest is not None and len(payload) > self.largest:
            raise Error("the message is too large for the broker")

    def turn(self, timeout: float, source: int | None = None) -> bool:
        self.most = max(self.most, len(self.client.waiting))
        if self.client.waiting:
            self.client.acknowledge(self.code)
        return source is not None

    def turn_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.turn(1.0)


def publisher(connection: FakeConnection) -> Publisher:
    return Publisher(connection, "a/b", 1, True, None)  # type: ignore[arg-type]


def test_one_message_is_published_and_waited_for() -> None:
    connection = FakeConnection()
    publisher(connection).publish_repeatedly(b"x", 1, 0)
    assert connection.client.published == [("a/b", b"x", 1, True)]
    assert connection.client.waiting == []


def test_a_refusal_is_an_error_with_the_reason() -> None:
    with pytest.raises(Error, match=r"refused the message to 'a/b': not authorized"):
        publisher(FakeConnection(0x87)).publish_repeatedly(b"x", 1, 0)


def test_a_message_that_the_broker_does_not_take_is_not_sent() -> None:
    connection = FakeConnection()
    connection.largest = 3
    with pytest.raises(Error, match="too large for the broker"):
        publisher(connection).publish_repeatedly(b"long", 1, 0)
    assert connection.client.published == []


def test_no_more_than_the_window_is_on_the_way() -> None:
    connection = FakeConnection()
    publisher(connection).publish_repeatedly(b"x", 5 * WINDOW, 0)
    assert len(connection.client.published) == 5 * WINDOW
    assert connection.most == WINDOW


def test_lines_are_messages() -> None:
    connection = FakeConnection()
    source, end = os.pipe()
    os.write(end, b"one\n\nthree\nlast")
    os.close(end)
    publisher(connection).publish_lines(source)
    os.close(source)
    assert [payload for _, payload, _, _ in connection.client.published] == [b"one", b"", b"three", b"last"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_may_be_cut_anywhere(size: int) -> None:
    data = io.BytesIO(b"a\r\nbc\n\xff\x00\n\nd")
    lines = LineReader(lambda: data.read(size))
    found: list[bytes] = []
    while not lines.ended:
        found += lines.read()
    assert found == [b"a\r", b"bc", b"\xff\x00", b"", b"d"]


def payload(message: str | None = None, file: Path | None = None, **flags: bool) -> bytes | None:
    chosen = {"stdin_file": False, "stdin_line": False, "null_message": False, **flags}
    return read_payload(message, file, **chosen)


def test_the_message_comes_from_where_the_options_say(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00content")
    assert payload("häh\udcff") == b"h\xc3\xa4h\xff"
    assert payload(file=tmp_path / "file") == b"\x00content"
    assert payload(null_message=True) == b""
    assert payload(stdin_line=True) is None


def test_stdin_is_one_message_with_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"all\nof it")))
    assert payload(stdin_file=True) == b"all\nof it"


def test_none_and_two_messages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no message is given"):
        payload()
    with pytest.raises(ConfigError, match="more than one"):
        payload("x", null_message=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        payload(file=tmp_path / "missing")
