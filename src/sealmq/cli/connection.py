"""One MQTT connection in the foreground: what `sealmq pub` and `sealmq sub` share.

paho speaks MQTT; this file drives it from one loop in one thread, so that an error is raised where it can be told, and
turns every failure into words.
"""

from __future__ import annotations

import select
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode as PahoReasonCode

from sealmq.cli.refusals import (
    explain_connect_error,
    explain_reason,
    explain_refused_connect,
    explain_tls_text,
    place_of,
)
from sealmq.cli.target import Target
from sealmq.cli.texts import expect_text
from sealmq.client import paho_client
from sealmq.errors import ConfigError, Error, ProtocolError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.topics import check_topic_name
from sealmq.tls.middlewares import DEFAULT

CONNECT_TIMEOUT: Final = 10.0

LAST_WORDS: Final = 2.0
"""Seconds that a broker has for what it still wants to say when we have said DISCONNECT."""

# After these the same connection may well succeed in a moment; after all others it would fail again.
_PASSING: Final = (
    ReasonCode.SERVER_UNAVAILABLE,
    ReasonCode.SERVER_BUSY,
    ReasonCode.SERVER_SHUTTING_DOWN,
    ReasonCode.KEEP_ALIVE_TIMEOUT,
    ReasonCode.CONNECTION_RATE_EXCEEDED,
    ReasonCode.MAXIMUM_CONNECT_TIME,
)

_VERSIONS: Final = {
    "5": MQTTProtocolVersion.MQTTv5,
    "mqttv5": MQTTProtocolVersion.MQTTv5,
    "311": MQTTProtocolVersion.MQTTv311,
    "mqttv311": MQTTProtocolVersion.MQTTv311,
}


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Dial:
    """Everything that CONNECT says."""

    target: Target
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5
    client_id: str = ""
    keep_alive: int = 60
    clean: bool = True
    session_expiry: int | None = None
    will: Will | None = None
    properties: dict[str, Properties] = field(default_factory=dict)
    debug: bool = False
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    middleware: str | None = None


def read_version(text: str) -> MQTTProtocolVersion:
    """What -V means."""
    if text not in _VERSIONS:
        raise ConfigError(
            f"-V {text!r} is not a version of MQTT that SealMQ speaks",
            why="known: 5, 311, mqttv5, mqttv311",
            remedy="-V 5",
        )
    return _VERSIONS[text]


def expect_topic_name(option: str, topic: str) -> None:
    """Raise ConfigError unless a message may be published to `topic`."""
    expect_text(option, topic)
    try:
        check_topic_name(topic)
    except ProtocolError as error:
        raise ConfigError(f"{option} {topic!r} is no topic to publish to", why=error.what) from None


class Connection:
    """A connection that is opened, turned until the work is done, and closed.

    transient: after an Error, whether trying again may help.
    """

    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        self.transient = False
        self.client = self._client()
        self._connected = False
        self._failure: Error | None = None
        self._socket_error = ""
        self._largest: int | None = None
        self._refused_at_last: Error | None = None
        self._is_finishing = False

    def open(self) -> None:
        """Connect, and wait for CONNACK: before it a client of TLS 1.3 can't know whether it is let in."""
        self._connected, self._failure, self._socket_error, self.transient = False, None, "", False
        self._largest = None
        host, port = self.dial.target.host, self.dial.target.port
        try:
            self._connect(host, port)
        except ssl.SSLError as error:
            raise explain_connect_error(error, host, port, psk=self.dial.target.psk is not None) from error
        except OSError as error:
            self.transient = True
            raise explain_connect_error(error, host, port) from error
        except ValueError as error:
            raise ConfigError(f"{place_of(host, port)} cannot be connected to", why=str(error)) from error
        deadline = time.monotonic() + CONNECT_TIMEOUT
        while not self._connected:
            if time.monotonic() > deadline:
                self.transient = True
                raise Error(f"{place_of(host, port)} did not answer CONNECT within {CONNECT_TIMEOUT:.0f} seconds")
            self.turn(0.5)

    def turn(self, timeout: float, source: int | None = None) -> bool:
        """Wait at most `timeout` seconds for the broker (or the file number `source`), and do what is there to do.

        Returns whether `source` can be read. Raises Error when the connection has ended.
        """
        sock: Any = self.client.socket()
        if sock is None or self._failure is not None:
            raise self._failure or self._lost()
        pending = hasattr(sock, "pending") and sock.pending() > 0  # an ssl.SSLSocket, or tls/sockets.py's
        readers: list[Any] = [sock] if source is None else [sock, source]
        writers = [sock] if self.client.want_write() else []
        # A second at most, so that keep-alive is looked after.
        ready, writable, _ = select.select(readers, writers, [], 0 if pending else min(timeout, 1.0))
        if sock in ready or pending:
            self.client.loop_read()
        if sock in writable and self.client.socket() is sock:
            self.client.loop_write()
        self.client.loop_misc()
        if self._failure is not None:
            raise self._failure
        return source in ready

    def turn_until(self, done: Callable[[], bool]) -> None:
        """Turn until `done()`."""
        while not done():
            self.turn(1.0)

    def check_size(self, topic: str, payload: bytes, qos: int, properties: Properties | None) -> None:
        """Raise Error when this PUBLISH is larger than the broker takes [MQTT-3.2.2-15]: paho would send it."""
        if self._largest is None:
            return
        packed = b"\0" if properties is None else properties.pack()  # type: ignore[no-untyped-call]
        rest = 2 + len(topic.encode()) + (2 if qos else 0) + len(packed) + len(payload)
        size = 1 + len(VariableByteIntegers.encode(rest)) + rest  # type: ignore[no-untyped-call]
        if size > self._largest:
            raise Error(
                f"the message to {topic!r} is too large for the broker",
                why=f"its packet has {size} bytes, and the broker takes {self._largest}",
                remedy="send it in parts, or set a larger packet_size in the broker's sealmq.toml",
            )

    def finish(self) -> None:
        """As `close`, and hear the broker out: raises Error when it answers the last messages with a refusal."""
        self._is_finishing = self.dial.version == MQTTProtocolVersion.MQTTv5  # the older one has no such words
        self.turn(0)
        self.close()
        if self._is_finishing and self._refused_at_last is not None:
            raise self._refused_at_last

    def close(self) -> None:
        """Say DISCONNECT, and wait until it is written."""
        if self.client.socket() is None:
            return
        deadline = time.monotonic() + CONNECT_TIMEOUT
        try:
            self.client.disconnect(properties=self.dial.properties.get("disconnect"))
            while self.client.socket() is not None and time.monotonic() < deadline:
                self.turn(1.0)
        except Error:
            pass  # it is closed, which is what we wanted

    def _client(self) -> paho.Client:
        dial = self.dial
        options: dict[str, Any] = {}
        if dial.version != MQTTProtocolVersion.MQTTv5:
            options["clean_session"] = dial.clean
        client = paho_client(
            dial.target.bundle,
            root=dial.target.root,
            username=dial.username,
            password=dial.password,
            psk=dial.target.psk,
            middleware=dial.middleware or DEFAULT,
            client_id=dial.client_id,
            protocol=dial.version,
            **options,
        )
        client.connect_timeout = CONNECT_TIMEOUT
        if dial.will is not None:
            expect_topic_name("--will-topic", dial.will.topic)
            client.will_set(
                dial.will.topic, dial.will.payload, dial.will.qos, dial.will.retain, dial.properties.get("will")
            )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        client.on_socket_close = self._on_socket_close
        return client

    def _connect(self, host: str, port: int) -> None:
        if self.dial.version != MQTTProtocolVersion.MQTTv5:
            self.client.connect(host, port, self.dial.keep_alive)
            return
        properties = self.dial.properties.get("connect")
        if self.dial.session_expiry is not None:
            properties = properties or Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self.dial.session_expiry
        self.client.connect(host, port, self.dial.keep_alive, clean_start=self.dial.clean, properties=properties)

    def _lost(self) -> Error:
        if self._was_refused():
            return explain_tls_text(self._socket_error, place_of(self.dial.target.host, self.dial.target.port))
        if not self._connected:
            return Error(
                "the broker closed the connection before it answered CONNECT",
                why="it did not accept the certificate, was stopped, or speaks something else there (8084: WebSocket)",
                remedy="the broker's log says why",
            )
        why = (
            "" if self.dial.version == paho.MQTTv5 else "MQTT 3.1.1 has no words for a refusal: it may be one; -V 5 has"
        )
        remedy = "is `sealmq up` still running? Its log says who was cut, and why"
        return Error("the connection to the broker was lost", why=why, remedy=remedy)

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, code: PahoReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._failure = explain_refused_connect(code.value, reason_string(properties))
            self.transient = code.value in _PASSING
        else:
            self._connected = True
            self._largest = getattr(properties, "MaximumPacketSize", None)

    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, code: PahoReasonCode, properties: Properties | None
    ) -> None:
        if self._failure is not None:
            return
        if flags.is_disconnect_packet_from_server:
            self._failure = explain_reason("the broker ended the connection", code.value, reason_string(properties))
            self.transient = code.value in _PASSING
            self._refused_at_last = self._failure if code.is_failure else None
            return
        self._failure = self._lost()
        self.transient = not self._was_refused()

    def _was_refused(self) -> bool:
        # An alert is an answer: the same certificate gets it again. Everything else may be the network.
        return "_ALERT_" in self._socket_error

    def _on_log(self, client: paho.Client, userdata: Any, level: int, text: str) -> None:
        if self.dial.debug:
            print(text, file=sys.stderr)  # noqa: T201 - this is the command line
        # paho tells what the socket said nowhere else.
        if level == LogLevel.MQTT_LOG_ERR and "on socket: " in text:
            self._socket_error = text.partition("on socket: ")[2]

    def _on_socket_close(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        if self._is_finishing and self._connected:
            self._hear_out(sock)
        # A broker that refuses our certificate may be gone before our CONNECT is written. Then paho knows only that
        # writing failed, and the alert that says why still waits to be read.
        if self._connected or self._was_refused():
            return
        try:
            sock.recv(1)
        except OSError as error:
            self._socket_error = str(error) if "_ALERT_" in str(error) else self._socket_error

    def _hear_out(self, sock: Any) -> None:
        # paho closes as soon as it has written DISCONNECT. A broker answers in order, and closes when it is through.
        heard = bytearray()
        deadline = time.monotonic() + LAST_WORDS
        try:
            while (left := deadline - time.monotonic()) > 0:
                sock.settimeout(left)
                data = sock.recv(4096)
                if not data:
                    break
                heard += data
        except OSError:
            pass  # an end without a goodbye is an end, too
        refusal = last_words(bytes(heard))
        if refusal is not None and self._refused_at_last is None:
            self._refused_at_last = explain_reason("the broker ended the connection", *refusal)


def last_words(data: bytes) -> tuple[int, str] | None:
    """Reason code and reason string of a DISCONNECT among these packets of MQTT 5, when it tells of a failure."""
    while len(data) > 1:
        try:
            size, width = VariableByteIntegers.decode(data[1:])  # type: ignore[no-untyped-call]
            body, kind = data[1 + width : 1 + width + size], data[0] >> 4
            data = data[1 + width + size :]
            if kind != PacketTypes.DISCONNECT or len(body) < size or not body or body[0] < 0x80:
                continue
            properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            if len(body) > 1:
                properties.unpack(body[1:])  # type: ignore[no-untyped-call]
            return body[0], reason_string(properties)
        except (IndexError, MQTTException):
            return None  # cut off, or no MQTT
    return None


def reason_string(properties: Properties | None) -> str:
    """What the broker added in words, or ""."""
    text = getattr(properties, "ReasonString", "")
    return text if isinstance(text, str) else ""
