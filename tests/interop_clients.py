"""Other people's MQTT clients, driven alike: connect, subscribe, publish, and say what came.

Rule 1: each runs in a process of its own and knows nothing of SealMQ but three files: root.pem, its chain and its key.
Rule 2: what a client cannot do stands in its row of CLIENTS, and nowhere else.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from running import WAIT, Broker, Lines, leave_out, program, run

DRIVERS = Path(__file__).parent / "interop" / "drivers"

_LEAVING = 5.0  # seconds for mosquitto_sub to say DISCONNECT

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Properties:
    """The properties of a PUBLISH in MQTT 5; () and None for those that it does not have."""

    user: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    expiry: int | None = None
    payload_format: int | None = None
    identifiers: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        given = {name: value for name, value in vars(self).items() if value not in (None, ())}
        if self.correlation_data is not None:
            given["correlation_data"] = base64.b64encode(self.correlation_data).decode()
        return given

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Properties:
        read = dict(given)
        if "user" in read:
            read["user"] = tuple((name, value) for name, value in read["user"])
        if "identifiers" in read:
            read["identifiers"] = tuple(read["identifiers"])
        if "correlation_data" in read:
            read["correlation_data"] = base64.b64decode(read["correlation_data"])
        return cls(**read)


@dataclass(frozen=True)
class Message:
    """A PUBLISH as it was said or heard."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = Properties()

    def as_json(self) -> dict[str, Any]:
        payload = base64.b64encode(self.payload).decode()
        return vars(self) | {"payload": payload, "properties": self.properties.as_json()}


@dataclass(frozen=True)
class Session:
    """What CONNECT says of the session, and the will."""

    level: int
    client_id: str
    clean: bool = True
    expiry: int = 0
    will: Message | None = None


class Inbox:
    """The messages of one connection, in the order in which they came."""

    _changed = threading.Condition()  # of all inboxes, so that one may wait for what several have together

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def put(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait(self, enough: Callable[[list[Message]], bool], seconds: float = WAIT) -> bool:
        """Wait until the messages are `enough`; False when they are not within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: enough(self.messages), seconds)


class Link(Protocol):
    """One connection of a client."""

    inbox: Inbox
    session_present: bool | None
    """What CONNACK said, or None when the client does not tell."""

    def subscribe(self, text: str, qos: int, *, identifier: int | None = None, as_published: bool = False) -> None:
        """Return after SUBACK."""

    def publish(self, messages: Sequence[Message], qos: int) -> None:
        """Return when all are acknowledged; at QoS 0, when all are sent."""

    def disconnect(self) -> None:
        """Say DISCONNECT."""


class Client(Protocol):
    """A client program with the credentials of one device."""

    version: str

    def connect(self, session: Session) -> Link:
        """Return after CONNACK."""

    def vanish(self) -> None:
        """End it so that it can say nothing more."""


# -- clients that are libraries: a driver for each -------------------------------------------------------------------


class Driver:
    """A process that turns orders into calls of a library: see interop/drivers/orders.py."""

    def __init__(self, command: Sequence[str | Path], settings: dict[str, Any]) -> None:
        self._command = [*map(str, command), json.dumps(settings)]
        self._process: subprocess.Popen[str] | None = None
        self._inboxes: dict[int, Inbox] = {}
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._answers: list[dict[str, Any]] = []
        self._ended = False
        self._changed = threading.Condition()
        assert self._process.stderr is not None
        self._errors = Lines(self._process.stderr)
        self._reading = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reading.start()
        self.version = str(self._wait("ready")["version"])

    def _read(self, pipe: Iterable[str]) -> None:
        try:
            for line in pipe:
                self._take(json.loads(line))
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, said: dict[str, Any]) -> None:
        if said["event"] == "message":
            properties = Properties.from_json(said["properties"])
            payload = base64.b64decode(said["payload"])
            message = Message(said["topic"], payload, said["qos"], said["retain"], properties)
            self._inboxes[said["link"]].put(message)
            return
        with self._changed:
            self._answers.append(said)
            self._changed.notify_all()

    def _wait(self, event: str, link: int | None = None) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [each for each in self._answers if (each["event"], each.get("link")) == (event, link)]

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, WAIT)
            if not found():
                said = "\n".join(self._errors.lines[-20:])
                raise AssertionError(f"the driver did not say {event!r}: {self._command[:2]}\n{said}")
            answer = found()[0]
            self._answers.remove(answer)
            return answer

    def ask(self, link: int, what: str, answer: str, **more: Any) -> dict[str, Any]:
        """Give an order, and wait for its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        order = {"do": what, "link": link, **more}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._wait(answer, link)

    def connect(self, session: Session) -> Link:
        if self._process is None:
            self._start()
        number = next(_numbers)
        self._inboxes[number] = Inbox()  # before anything can come for it
        will = None if session.will is None else session.will.as_json()
        answer = self.ask(number, "connect", "connected", **(vars(session) | {"will": will}))
        assert answer["code"] == 0
        return DriverLink(self, number, self._inboxes[number], answer["session_present"])

    def vanish(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(WAIT)
        self._reading.join(WAIT)
        self._errors.close()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass
class DriverLink:
    """One of a driver's connections."""

    driver: Driver
    number: int
    inbox: Inbox
    session_present: bool | None

    def subscribe(self, text: str, qos: int, *, identifier: int | None = None, as_published: bool = False) -> None:
        more = {"filter": text, "qos": qos, "identifier": identifier, "as_published": as_published}
        self.driver.ask(self.number, "subscribe", "subscribed", **more)

    def publish(self, messages: Sequence[Message], qos: int) -> None:
        said = [message.as_json() for message in messages]
        self.driver.ask(self.number, "publish", "published", qos=qos, messages=said)

    def disconnect(self) -> None:
        self.driver.ask(self.number, "disconnect", "disconnected")


# -- mosquitto_pub and mosquitto_sub ---------------------------------------------------------------------------------

_FORMAT = r"> %t\t%q\t%r\t%x\t%E\t%C\t%R\t%D\t%F\t%S\t%P"


class Mosquitto:
    """The two programs: one mosquitto_sub for each subscription, as many mosquitto_pub as it takes."""

    def __init__(self, broker: Broker, device: str) -> None:
        self.broker, self.device = broker, device
        program("mosquitto_pub", "mosquitto-clients")
        said = subprocess.run(["mosquitto_pub", "--version"], capture_output=True, text=True, check=False).stdout
        self.version = re.findall(r"[0-9]+(?:\.[0-9]+)+", said)[0]
        self._kept: dict[str, list[str]] = {}
        self._links: list[MosquittoLink] = []

    def connect(self, session: Session) -> Link:
        link = MosquittoLink(self, session)
        self._links.append(link)
        if not session.clean and session.client_id in self._kept:
            link.start(self._kept[session.client_id])
        return link

    def keep(self, session: Session, subscription: list[str]) -> None:
        """mosquitto_sub always subscribes: a session is resumed with the filter that it had."""
        if not session.clean:
            self._kept[session.client_id] = subscription

    def vanish(self) -> None:
        for link in self._links:
            link.vanish()
        self._links.clear()


class MosquittoLink:
    """What one connection is for the libraries: here it is made anew for each thing to do."""

    session_present = None

    def __init__(self, client: Mosquitto, session: Session) -> None:
        self.client, self.session = client, session
        self.inbox = Inbox()
        self._process: subprocess.Popen[bytes] | None = None
        self._subscribed = threading.Event()
        self._said: list[str] = []

    def subscribe(self, text: str, qos: int, *, identifier: int | None = None, as_published: bool = False) -> None:
        words = ["-q", str(qos), "-t", text]
        if identifier is not None:
            words += ["-D", "subscribe", "subscription-identifier", str(identifier)]
        if as_published:
            words.append("--retain-as-published")
        self.client.keep(self.session, words)
        self.start(words)

    def start(self, subscription: list[str]) -> None:
        """Start mosquitto_sub; with -d it says when it has subscribed."""
        session = self.session
        words = ["-d", "-F", _FORMAT, "-V", _version(session.level), "-i", session.client_id, *subscription]
        if not session.clean:
            words += ["-c", *(["-x", str(session.expiry)] if session.level == 5 else [])]
        if (will := session.will) is not None:
            words += ["--will-topic", will.topic, "--will-payload", will.payload.decode(), "--will-qos", str(will.qos)]
            words += _said_properties("will", will.properties) if session.level == 5 else []
        command = self.client.broker.mosquitto("mosquitto_sub", self.client.device, *words)
        self._process = subprocess.Popen(
            [program("stdbuf", "coreutils"), "-oL", *map(str, command)],  # else it keeps its lines until there are many
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reading = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reading.start()
        assert self._subscribed.wait(WAIT), self._said

    def _read(self, pipe: Iterable[bytes]) -> None:
        for raw in pipe:
            line = raw.decode(errors="surrogateescape").rstrip("\n")
            if line.startswith("> "):
                self.inbox.put(_heard(line[2:]))
            elif line.startswith("Subscribed "):
                self._subscribed.set()
            else:
                self._said.append(line)

    def publish(self, messages: Sequence[Message], qos: int) -> None:
        """Lines with the same topic, retain flag and properties in one program, by -l; what is no line in its own."""
        for topic in dict.fromkeys(message.topic for message in messages):
            for messages_alike, are_lines in _alike([each for each in messages if each.topic == topic]):
                self._publish(messages_alike, qos, lines=are_lines)

    def _publish(self, messages: Sequence[Message], qos: int, *, lines: bool) -> None:
        first = messages[0]
        words: list[str | Path] = ["-V", _version(self.session.level), "-q", str(qos), "-t", first.topic]
        words += ["-r"] if first.retain else []
        words += _said_properties("publish", first.properties) if self.session.level == 5 else []
        command = self.client.broker.mosquitto("mosquitto_pub", self.client.device, *words)
        with tempfile.TemporaryFile() as file:
            if lines:
                file.write(b"".join(message.payload + b"\n" for message in messages))
                file.seek(0)
                run([*command, "-l"], stdin=file)
                return
        for message in messages:
            if not message.payload:
                run([*command, "-n"])
                continue
            with tempfile.NamedTemporaryFile() as named:
                named.write(message.payload)
                named.flush()
                run([*command, "-f", named.name])

    def disconnect(self) -> None:
        self._end(lambda process: process.terminate())

    def vanish(self) -> None:
        self._end(lambda process: process.kill())

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        try:
            process.wait(_LEAVING)
        except subprocess.TimeoutExpired:  # mosquitto_sub disconnects in its signal handler, by locks that may be held
            process.kill()
            process.wait(WAIT)
        self._reading.join(WAIT)
        assert process.stdout is not None
        process.stdout.close()


def _version(level: int) -> str:
    return "mqttv5" if level == 5 else "mqttv311"


def is_line(payload: bytes) -> bool:
    """Can mosquitto_pub -l send it?"""
    return bool(payload) and not set(payload) & set(b"\n\0") and len(payload) < 60_000


def _alike(messages: Sequence[Message]) -> Iterable[tuple[list[Message], bool]]:
    def kind(message: Message) -> tuple[Properties, bool, bool]:
        return message.properties, message.retain, is_line(message.payload)

    for (_, _, are_lines), group in itertools.groupby(messages, kind):
        yield list(group), are_lines


def _said_properties(command: str, properties: Properties) -> list[str | Path]:
    said: list[tuple[str, ...]] = [("user-property", *pair) for pair in properties.user]
    for name in ("content_type", "response_topic", "payload_format", "correlation_data", "expiry"):
        value = getattr(properties, name)
        if value is None:
            continue
        theirs = {"payload_format": "payload-format-indicator", "expiry": "message-expiry-interval"}
        text = value.decode() if isinstance(value, bytes) else str(value)
        said.append((theirs.get(name, name.replace("_", "-")), text))
    return [word for each in said for word in ("-D", command, *each)]


def _heard(line: str) -> Message:
    """A message as _FORMAT prints it. User properties stand as name:value with a blank between: ours have no blanks."""
    topic, qos, retain, payload, expiry, content_type, response, correlation, text, identifiers, user = line.split("\t")
    properties = Properties(
        user=tuple((name, value) for name, _, value in (each.partition(":") for each in user.split())),
        content_type=content_type or None,
        response_topic=response or None,
        correlation_data=correlation.encode(errors="surrogateescape") or None,
        expiry=int(expiry) if expiry else None,
        payload_format=int(text) if text else None,
        identifiers=tuple(map(int, identifiers.split())),
    )
    return Message(topic, bytes.fromhex(payload), int(qos), retain == "1", properties)


# -- who takes part --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A client that takes part, and what sets it apart."""

    name: str
    make: Callable[[Kind, Broker, str], Client] = field(repr=False)
    path: str | None = None
    """Of the URL: this one speaks WebSocket; the others speak MQTT over TLS directly."""

    sends_lines: bool = False
    """Sends many messages only as lines of text; others by one program each."""

    mixes_user_properties: bool = False
    """Has them in a table by name: the values of one name stay in order, the names among each other do not."""

    @property
    def device(self) -> str:
        """The device whose certificate it shows."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())

    def as_said(self, properties: Properties) -> Properties:
        """`properties` as this client says or hears them."""
        if not self.mixes_user_properties:
            return properties
        names = list(dict.fromkeys(name for name, _ in properties.user))
        return replace(properties, user=tuple(sorted(properties.user, key=lambda pair: names.index(pair[0]))))


def _settings(kind: Kind, broker: Broker, device: str) -> dict[str, Any]:
    root, chain, key = map(str, broker.files(device))
    port = broker.port if kind.path is None else broker.websocket_ports[0]
    where = {"host": "localhost", "port": port, "path": kind.path}
    return {"root": root, "chain": chain, "key": key, **where}


def _python(script: str) -> Callable[[Kind, Broker, str], Client]:
    def make(kind: Kind, broker: Broker, device: str) -> Client:
        return Driver([sys.executable, DRIVERS / script], _settings(kind, broker, device))

    return make


def _mqtt_js(kind: Kind, broker: Broker, device: str) -> Client:
    node = program("node", "nodejs")
    folder = DRIVERS / "mqtt_js"
    if not (folder / "node_modules" / "mqtt").is_dir():
        leave_out(f"MQTT.js is not installed: npm ci --prefix {folder.relative_to(Path(__file__).parent.parent)}")
    return Driver([node, folder / "drive.cjs"], _settings(kind, broker, device))


def _mosquitto(kind: Kind, broker: Broker, device: str) -> Client:
    return Mosquitto(broker, device)


CLIENTS = {
    kind.name: kind
    for kind in (
        Kind("mosquitto_pub, _sub", _mosquitto, sends_lines=True),
        Kind("paho-mqtt", _python("drive_paho.py")),
        Kind("paho-mqtt, WebSocket", _python("drive_paho.py"), path="/mqtt"),
        Kind("aiomqtt", _python("drive_aiomqtt.py")),
        Kind("gmqtt", _python("drive_gmqtt.py")),
        Kind("MQTT.js", _mqtt_js, mixes_user_properties=True),
        Kind("MQTT.js, WebSocket", _mqtt_js, path="/", mixes_user_properties=True),
    )
}
