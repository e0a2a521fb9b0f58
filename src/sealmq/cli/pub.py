"""`sealmq pub`: publish, with mosquitto_pub's habits."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sealmq.cli import options as o
from sealmq.cli.passwords import STDIN
from sealmq.errors import ConfigError, Error

if TYPE_CHECKING:
    from paho.mqtt.properties import Properties

    from sealmq.cli.connection import Connection

WINDOW: Final = 20
"""Messages on the way at the same time: what paho keeps in flight, and what bounds the memory of -l."""

LARGEST: Final = 268_435_455
"""Bytes that a packet can hold [MQTT 1.5.5]."""

_READABLE: Final = "name a file that you may read"


@o.with_connection_options
def pub(
    topic: Annotated[str, typer.Option("--topic", "-t", metavar="TOPIC", help="Topic to publish to.")],
    message: Annotated[str | None, typer.Option("--message", "-m", metavar="MESSAGE", help="The message.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", readable=False, help="Send this file's content.")
    ] = None,
    stdin_file: Annotated[bool, typer.Option("--stdin-file", "-s", help="Send all of stdin as one message.")] = False,
    stdin_line: Annotated[bool, typer.Option("--stdin-line", "-l", help="Send each line of stdin.")] = False,
    null_message: Annotated[bool, typer.Option("--null-message", "-n", help="Send an empty message.")] = False,
    qos: Annotated[int, typer.Option("--qos", "-q", metavar="QOS", min=0, max=2, help="Quality of service.")] = 0,
    retain: Annotated[
        bool, typer.Option("--retain", "-r", help="Let the broker keep it for later subscribers.")
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", metavar="COUNT", min=1, help="Send it so many times.")] = 1,
    repeat_delay: Annotated[
        float, typer.Option("--repeat-delay", metavar="SECONDS", min=0, help="Seconds between two of them.")
    ] = 0,
    *,
    connect: o.ConnectionOptions,
) -> None:
    """Publish a message over TLS.

    Exit code 0: with -q 1 or -q 2 in MQTT 5 the broker accepted it;
    with -q 0 only that it was sent: a refusal then stands in the broker's log.
    MQTT 3.1.1 has no refusals: there -q 1 and -q 2 say that the broker got it.
    """
    from sealmq.cli.connection import Connection, expect_topic_name

    expect_topic_name("-t", topic)
    if connect.password_file == STDIN and (stdin_file or stdin_line):
        raise ConfigError("stdin can't be both the password and the message", remedy="--password-file FILE")
    payload = read_payload(message, file, stdin_file=stdin_file, stdin_line=stdin_line, null_message=null_message)
    if payload is None and repeat > 1:
        raise ConfigError("--repeat and -l are both given", why="each line is sent once", remedy="keep one of them")
    dial = o.read_dial(connect)
    connection = Connection(dial)
    publisher = Publisher(connection, topic, qos, retain, dial.properties.get("publish"))
    try:
        connection.open()
        if payload is None:
            publisher.publish_lines(sys.stdin.fileno())
        else:
            publisher.publish_repeatedly(payload, repeat, repeat_delay)
        connection.finish()
    except Error as error:
        if connect.quiet:
            raise typer.Exit(1) from error
        raise
    finally:
        connection.close()


def read_payload(
    message: str | None, file: Path | None, *, stdin_file: bool, stdin_line: bool, null_message: bool
) -> bytes | None:
    """The one message that the options name, or None when the lines of stdin are the messages."""
    given = [message is not None, file is not None, stdin_file, stdin_line, null_message]
    if sum(given) != 1:
        raise ConfigError(
            "no message is given" if not any(given) else "more than one message is given",
            remedy="one of -m MESSAGE, -f FILE, -s (all of stdin), -l (each line of stdin), -n (empty)",
        )
    if message is not None:
        return message.encode(errors="surrogateescape")
    if null_message:
        return b""
    if stdin_line:
        return None
    try:
        payload = sys.stdin.buffer.read(LARGEST + 1) if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file or 'stdin'} cannot be read", why=error.strerror or str(error), remedy=_READABLE
        ) from error
    if len(payload) > LARGEST:
        raise ConfigError(f"{file or 'stdin'} is too large for a message", why=f"MQTT can send {LARGEST} bytes")
    return payload


class Publisher:
    """Publishes to one topic, with at most WINDOW messages on the way."""

    def __init__(
        self, connection: Connection, topic: str, qos: int, retain: bool, properties: Properties | None
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._qos = qos
        self._retain = retain
        self._properties = properties
        self._on_the_way = 0
        self._refusal: Error | None = None
        connection.client.on_publish = self._on_publish

    def publish_repeatedly(self, payload: bytes, times: int, delay: float) -> None:
        """Publish `payload` so many times, `delay` seconds after the one before was delivered."""
        for number in range(times):
            if number and delay:
                self._settle(0)
                self._wait(delay)
            self._publish(payload)
        self._settle(0)

    def publish_lines(self, source: int) -> None:
        """Publish each line of the file number `source` as it comes, until its end."""
        lines = LineReader(lambda: os.read(source, 65_536))
        while not lines.ended:
            self._settle(WINDOW - 1)
            if self._connection.turn(1.0, source):
                for line in lines.read():
                    self._publish(line)
        self._settle(0)

    def _publish(self, payload: bytes) -> None:
        self._settle(WINDOW - 1)
        self._connection.check_size(self._topic, payload, self._qos, self._properties)
        self._on_the_way += 1  # before publish(), which may already say that it is written
        self._connection.client.publish(self._topic, payload, self._qos, self._retain, self._properties)

    def _settle(self, most: int) -> None:
        self._connection.turn_until(lambda: self._on_the_way <= most or self._refusal is not None)
        if self._refusal is not None:
            raise self._refusal

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._connection.turn(left)

    def _on_publish(self, client: Any, userdata: Any, packet_id: int, code: Any, properties: Any) -> None:
        from sealmq.cli.connection import reason_string
        from sealmq.cli.refusals import explain_reason

        self._on_the_way -= 1
        if code.is_failure and self._refusal is None:
            what = f"the broker refused the message to {self._topic!r}"
            self._refusal = explain_reason(what, code.value, reason_string(properties))


class LineReader:
    """Cuts what `read_some` gives into lines, and holds no more than the line that is not finished."""

    def __init__(self, read_some: Callable[[], bytes]) -> None:
        self._read_some = read_some
        self._rest = bytearray()
        self.ended = False

    def read(self) -> Iterator[bytes]:
        """Read once, and give the lines that are whole; at the end also a last line without its newline."""
        data = self._read_some()
        if not data:
            self.ended = True
            if self._rest:
                yield bytes(self._rest)
            return
        first, *others = data.split(b"\n")
        self._rest += first
        for line in others:
            yield bytes(self._rest)
            self._rest = bytearray(line)
        if len(self._rest) > LARGEST:
            raise ConfigError("a line of stdin is too large for a message", why=f"MQTT can send {LARGEST} bytes")
