"""`sealmq sub`: which messages are printed, when it is enough, what is acknowledged."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from paho.mqtt.client import MQTTMessage, MQTTv5, MQTTv311

from sealmq.cli.message_format import Received
from sealmq.cli.sub import TIMED_OUT, Subscriber, Wanted, read_format, received, writer
from sealmq.errors import ConfigError, Error


def message(topic: str, payload: bytes = b"x", *, retain: bool = False, packet_id: int = 1) -> MQTTMessage:
    made = MQTTMessage(packet_id, topic.encode())
    made.payload, made.qos, made.retain = payload, 1, retain
    return made


class FakeClient:
    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.asked: Any = None
        self.on_message: Any = None
        self.on_subscribe: Any = None

    def manual_ack_set(self, on: bool) -> None:
        assert on

    def ack(self, packet_id: int, qos: int) -> None:
        self.acknowledged.append(packet_id)

    def subscribe(self, asked: Any, properties: Any) -> tuple[int, int]:
        self.asked = asked
        return 0, 9


class FakeConnection:
    """Each turn does the next thing of the play: a message, the codes of a SUBACK, or an error."""

    def __init__(self, *play: Any, version: int = MQTTv5) -> None:
        self.client = FakeClient()
        self.dial = SimpleNamespace(version=version, properties={})
        self.play = list(play)
        self.opened = 0
        self.transient = True

    def open(self) -> None:
        self.opened += 1

    def turn(self, timeout: float) -> bool:
        if not self.play:
            return False
        step = self.play.pop(0)
        if isinstance(step, Error):
            raise step
        if isinstance(step, MQTTMessage):
            self.client.on_message(self.client, None, step)
        else:
            codes = [SimpleNamespace(value=code, is_failure=code >= 0x80) for code in step]
            self.client.on_subscribe(self.client, None, 9, codes, None)
        return False


def run(connection: FakeConnection, seconds: float | None = None, **wanted: Any) -> list[Received]:
    printed: list[Received] = []
    everything = Wanted(filters=wanted.pop("filters", ("a/#",)), **wanted)
    Subscriber(connection, everything, printed.append).run(seconds)  # type: ignore[arg-type]
    return printed


def test_it_ends_after_the_count_and_acknowledges_only_what_it_printed() -> None:
    connection = FakeConnection([1], *(message("a/b", packet_id=number) for number in (1, 2, 3)))
    assert [each.packet_id for each in run(connection, count=2)] == [1, 2]
    assert connection.client.acknowledged == [1, 2]


def test_what_was_left_out_is_acknowledged_and_not_counted() -> None:
    play = [message("a/old", retain=True, packet_id=1), message("a/noise", packet_id=2), message("a/b", packet_id=3)]
    connection = FakeConnection(*play)
    printed = run(connection, count=1, no_retained=True, left_out=("+/noise",))
    assert [each.topic for each in printed] == ["a/b"]
    assert connection.client.acknowledged == [1, 2, 3]


def test_retained_only_ends_at_the_first_fresh_message() -> None:
    connection = FakeConnection(message("a/old", retain=True), message("a/b"))
    assert [each.topic for each in run(connection, retained_only=True)] == ["a/old"]


def test_subscribe_only_ends_with_suback() -> None:
    assert run(FakeConnection([1, 0], message("a")), filters=("a", "b"), subscribe_only=True) == []


def test_a_refused_subscription_is_named() -> None:
    with pytest.raises(Error, match=r"subscription to 'b': not authorized"):
        run(FakeConnection([1, 0x87]), filters=("a", "b"))
    with pytest.raises(Error) as caught:
        run(FakeConnection([0x80], version=MQTTv311))
    assert "-V 5" in caught.value.why


def test_the_time_runs_out_with_code_27() -> None:
    with pytest.raises(typer.Exit) as caught:
        run(FakeConnection([0]), seconds=0.01)
    assert caught.value.exit_code == TIMED_OUT == 27


def test_it_connects_again_when_that_may_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    connection = FakeConnection(Error("lost"), message("a/b"))
    assert len(run(connection, count=1)) == 1
    assert connection.opened == 2


def test_it_does_not_connect_again_when_the_answer_would_be_the_same() -> None:
    connection = FakeConnection(Error("revoked"))
    connection.transient = False
    with pytest.raises(Error, match="revoked"):
        run(connection)
    assert connection.opened == 1


def test_messages_are_written_whole_and_flushed() -> None:
    out = io.BytesIO()
    writer(read_format(None, payload_only=False, verbose=False), False, out)(received(message("a/b", b"\xff\x00")))
    writer(read_format(None, payload_only=True, verbose=False), True, out)(received(message("a/b", b"raw")))
    assert out.getvalue() == b"a/b \xff\x00\nraw"


def test_a_payload_that_is_no_json_is_told_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.BytesIO()
    writer("%J", False, out)(received(message("a/b", b"{")))
    assert out.getvalue() == b""
    assert "not valid JSON" in capsys.readouterr().err


def test_the_format_options_do_not_contradict_each_other() -> None:
    assert read_format("%p", payload_only=False, verbose=True) == "%p"
    with pytest.raises(ConfigError):
        read_format("%t", payload_only=True, verbose=False)
