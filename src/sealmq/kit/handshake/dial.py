"""One connection to a broker, from the TCP connect to CONNACK and goodbye, with everything that was seen on the way.

Rule 1: everything ends: each wait has a deadline, and so has the whole; a server that speaks without end is cut off.
Rule 2: a client is only connected when CONNACK says so: under TLS 1.3 it believes itself done before the server has
        looked at its certificate.
Rule 3: it is polite: what was begun ends with DISCONNECT and close_notify, so that a broker's log shows a client and no
        attack.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, cast

from sealmq.errors import RemoteProtocolError, TLSError
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.handshake.contexts import Credentials, look_context
from sealmq.kit.handshake.library_tap import LibraryTap, library_context, title_of
from sealmq.kit.handshake.tap import Tap
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import ConnAck, Connect, Disconnect, Packet
from sealmq.mqtt.state import Sender as Role
from sealmq.tls.demands import expect_name
from sealmq.tls.middleware import ClientContext
from sealmq.tls.middlewares import DEFAULT, find

MOST_RECEIVED: Final = 1_048_576
"""Bytes that a server may send before CONNACK: the largest honest flights are some 20 KB."""

LAST_WORDS: Final = 0.3
"""Seconds that a server has for its own goodbye."""

AnyTap = Tap | LibraryTap
"""What a call is looked at with."""

_V311: Final = 4
_NO_SUCH_LEVEL: Final = b"\x20\x02\x00\x01"
"""How a broker of 3.1.1 alone refuses CONNECT of MQTT 5: in its own form, which MQTT 5 cannot read
[MQTT 3.1.1: MQTT-3.1.2-2]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Whom to dial, as whom, and how.

    server_name: the name that is asked for (SNI) and verified; "" for `host`.
    timeout:  seconds for each wait; the whole takes three of them at most.
    level:    of MQTT, 5 or 4 (3.1.1).
    listen:   False: look by the key log although OpenSSL has a callback.
    groups:   CLASSICAL or POST_QUANTUM of contexts.py; "" for what the library offers.
    middleware: the TLS library; any but the default verifies, or does not connect.
    password: goes to a broker that was verified, to no other.
    """

    host: str
    port: int
    credentials: Credentials = field(default_factory=Credentials)
    server_name: str = ""
    version: str = ""
    ciphers: str = ""
    timeout: float = 10.0
    level: int = 5
    client_id: str = ""
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    keep_keys: bool = False
    listen: bool = True
    groups: str = ""
    middleware: str = DEFAULT

    @property
    def name(self) -> str:
        """What is asked for and verified: an address without brackets and without a zone."""
        return server_name_of(self.server_name or self.host)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes as they were at the socket. at: seconds since the connection was begun."""

    sender: Sender
    data: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class PacketSeen:
    """An MQTT packet inside, and its bytes."""

    sender: Sender
    packet: Packet
    size: int
    at: float


@dataclass(slots=True)
class Seen:
    """What came of a Call.

    began:         Unix seconds.
    local, remote: address and port of both ends, "" and 0 before there was a connection.
    connected_at:  seconds that connecting took; None: nobody was there.
    established_at: when TLS believed the handshake to be done; None: never.
    error:         what ended it: an OSError (its errno), an ssl.SSLError or a middleware's TLSError, a
                   RemoteProtocolError; None: it ended well.
    waiting_for:   what we waited for in vain: "TCP", "TLS" or "CONNACK"; "" when we did not.
    closed_by_server: it closed the connection before we did.
    resumable:     the context and the session by which the next connection may resume; None when there is none.
    proved:        the version, as OpenSSL names it; "" before.
    library:       the TLS library and its version.
    cpu:           seconds of processor time that it took on our side until its handshake was done.
    """

    call: Call
    began: float
    conversation: Conversation = field(default_factory=Conversation)
    pieces: list[Piece] = field(default_factory=list)
    packets: list[PacketSeen] = field(default_factory=list)
    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)
    connected_at: float | None = None
    established_at: float | None = None
    connack_at: float | None = None
    error: Exception | None = None
    waiting_for: str = ""
    closed_by_server: bool = False
    resumable: tuple[object, object] | None = field(default=None, repr=False)
    resumed: bool = False
    key_log: str = field(default="", repr=False)
    seen_by: str = ""
    proved: str = ""
    library: str = ""
    cpu: float = 0.0

    @property
    def connack(self) -> ConnAck | None:
        """The broker's answer to CONNECT."""
        return next((one.packet for one in self.packets if isinstance(one.packet, ConnAck)), None)


def dial(call: Call, *, resume: Seen | None = None, clock: Callable[[], float] = time.monotonic) -> Seen:
    """Connect, say CONNECT, hear CONNACK, say goodbye; whatever goes wrong stands in the answer.

    resume: what came of a call before, whose session is to be taken up again.
    Raises ConfigError or TrustError when the call itself cannot be made.
    """
    # A session is taken up with those alone with whom it was made, as those whom it was verified for.
    same = resume is not None and _party(resume.call) == _party(call)
    before = resume.resumable if resume is not None and same else None
    ours = call.middleware == DEFAULT and call.credentials.psk is None  # which the look through `ssl` has not
    make = _tap(call, before) if ours else _library_tap(call, before)
    seen = Seen(call, time.time(), library=ssl.OPENSSL_VERSION if ours else title_of(call.middleware))
    dialling = _Dialling(call, seen, clock)
    connection = dialling.connect()
    if connection is None:
        return seen
    with connection:
        tap = make()
        try:
            dialling.talk(connection, tap)
            seen.resumable, seen.resumed, seen.proved = tap.resumable, tap.resumed, tap.version
        finally:
            seen.conversation, seen.seen_by, seen.cpu = tap.conversation(), tap.seen_by, tap.cpu
            seen.key_log = tap.key_log if call.keep_keys else ""
            tap.close()
    return seen


def _tap(call: Call, before: tuple[object, object] | None) -> Callable[[], Tap]:
    """How to look with Python's own `ssl`. before: the context and the session to resume."""
    context, session = before or (None, None)
    asked = {"version": call.version, "ciphers": call.ciphers, "groups": call.groups}
    chosen = context if isinstance(context, ssl.SSLContext) else look_context(call.credentials, **asked)
    assert session is None or isinstance(session, ssl.SSLSession)
    return lambda: Tap(chosen, server_name=call.name, session=session, keep_keys=call.keep_keys, listen=call.listen)


def _library_tap(call: Call, before: tuple[object, object] | None) -> Callable[[], LibraryTap]:
    """How to look with another library. before: as in `_tap`."""
    if call.credentials.psk is None:
        expect_name(call.middleware, find(call.middleware).abilities, call.name)  # before anything is sent
    context, session = before or (None, None)
    asked = {"version": call.version, "ciphers": call.ciphers, "groups": call.groups}
    chosen = (
        library_context(call.middleware, call.credentials, **asked)
        if context is None
        else cast("ClientContext", context)  # of the same party, so of the same middleware
    )
    return lambda: LibraryTap(chosen, server_name=call.name, session=session)


def dial_in_either_level(call: Call, *, resume: Seen | None = None) -> Seen:
    """As `dial`; a broker that knows no MQTT 5 is asked again in 3.1.1 [MQTT-3.1.2-2]."""
    seen = dial(call, resume=resume)
    answer = seen.connack
    refused = answer is not None and answer.reason_code == ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
    return dial(replace(call, level=4), resume=resume) if refused and call.level == 5 else seen


def _party(call: Call) -> tuple[str, int, Credentials, str, str]:
    return call.host, call.port, call.credentials, call.middleware, call.groups


def server_name_of(host: str) -> str:
    """What `ssl` is to verify: an address without brackets and zone, a name without the dot at its end.

    RFC 6066 section 3 wants no dot there, and OpenSSL finds a name with one in no certificate.
    """
    return host.strip("[]").partition("%")[0].removesuffix(".")


class _Dialling:
    """One call while it lasts."""

    def __init__(self, call: Call, seen: Seen, clock: Callable[[], float]) -> None:
        self._call = call
        self._seen = seen
        self._clock = clock
        self._start = clock()
        self._end = self._start + 3 * call.timeout
        self._received = 0

    def _now(self) -> float:
        return self._clock() - self._start

    def connect(self) -> socket.socket | None:
        """A TCP connection to the first address that takes one."""
        seen, call = self._seen, self._call
        try:
            found = socket.getaddrinfo(call.host.strip("[]"), call.port, type=socket.SOCK_STREAM)
        except OSError as error:
            seen.error, seen.waiting_for = error, "TCP"
            return None
        except UnicodeError:  # a label that is empty or too long: such a name cannot be asked for
            seen.error, seen.waiting_for = socket.gaierror(socket.EAI_NONAME, "no name of a host"), "TCP"
            return None
        for family, kind, protocol, _, address in found[:8]:
            self._start = self._clock()
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(max(min(call.timeout, self._end - self._clock()), 0.001))
                connection.connect(address)
            except OSError as error:
                connection.close()
                seen.error, seen.waiting_for = error, "TCP"
                continue
            seen.connected_at = self._now()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            seen.local, seen.remote = connection.getsockname()[:2], connection.getpeername()[:2]
            seen.error, seen.waiting_for = None, ""
            return connection
        return None

    def talk(self, connection: socket.socket, tap: AnyTap) -> None:
        """The handshake, CONNECT and CONNACK, goodbye."""
        seen = self._seen
        try:
            tap.advance()
            self._flush(connection, tap)
            if not self._until(lambda: tap.established, "TLS", connection, tap):
                return
            seen.established_at = self._now()
            mqtt = self._say_connect(connection, tap)
            if self._until(lambda: seen.connack is not None, "CONNACK", connection, tap, mqtt):
                self._say_goodbye(connection, tap, mqtt)
        except (ssl.SSLError, TLSError, RemoteProtocolError) as error:
            seen.error = error
            if isinstance(error, RemoteProtocolError):
                tap.say_goodbye()
            with suppress(OSError):
                self._flush(connection, tap)  # the alert, which the server needs
            self._hang_up(connection, tap)
        except OSError as error:
            seen.error, seen.closed_by_server = error, True
            self._take_last_words(connection, tap)

    def _until(
        self,
        done: Callable[[], bool],
        what: str,
        connection: socket.socket,
        tap: AnyTap,
        mqtt: MQTTConnection | None = None,
    ) -> bool:
        """Receive until it is `done`. False, with the reason in `seen`, when it will not be."""
        seen = self._seen
        end = min(self._clock() + self._call.timeout, self._end)
        while not done():
            connection.settimeout(max(end - self._clock(), 0.001))
            try:
                data = connection.recv(65_536)
            except TimeoutError:
                seen.waiting_for = what
                return False
            at = self._now()
            self._received += len(data)
            if not data:
                tap.end(Sender.SERVER, at)
                seen.closed_by_server, seen.waiting_for = True, what
                return False
            seen.pieces.append(Piece(Sender.SERVER, data, at))
            inside = tap.receive_data(data, at)
            self._flush(connection, tap)
            if mqtt is not None and inside:
                self._take_packets(mqtt, inside, at)
            if self._received > MOST_RECEIVED or self._clock() > end:
                seen.waiting_for = what
                return False
        return True

    def _say_connect(self, connection: socket.socket, tap: AnyTap) -> MQTTConnection:
        call = self._call
        mqtt = MQTTConnection(Role.CLIENT)
        # rule 2 of contexts.py; a broker that showed no certificate was not verified, whatever OpenSSL calls it
        trusted = call.credentials.verifies and (tap.shown or call.credentials.psk is not None)
        packet = Connect(
            client_id=call.client_id,
            keep_alive=30,
            level=call.level,
            user_name=call.username if trusted else None,
            password=call.password if trusted else None,
        )
        mqtt.send(packet)
        self._send_inside(connection, tap, packet, mqtt.data_to_send())
        return mqtt

    def _send_inside(self, connection: socket.socket, tap: AnyTap, packet: Packet, data: bytes) -> None:
        tap.send(data)
        self._seen.packets.append(PacketSeen(Sender.CLIENT, packet, len(data), self._now()))
        self._flush(connection, tap)  # which fails where the server has closed already

    def _take_packets(self, mqtt: MQTTConnection, data: bytes, at: float) -> None:
        if mqtt.level != _V311 and data[:4] == _NO_SUCH_LEVEL:
            answer = ConnAck(False, ReasonCode.UNSUPPORTED_PROTOCOL_VERSION)
            self._seen.packets.append(PacketSeen(Sender.SERVER, answer, 4, at))
            return
        for packet in mqtt.receive_data(data):
            if isinstance(packet, ConnAck):
                self._seen.connack_at = at
            self._seen.packets.append(PacketSeen(Sender.SERVER, packet, len(data), at))
            if len(self._seen.packets) > 100:
                return

    def _say_goodbye(self, connection: socket.socket, tap: AnyTap, mqtt: MQTTConnection) -> None:
        answer = self._seen.connack
        if answer is not None and answer.reason_code < ReasonCode.UNSPECIFIED_ERROR:
            mqtt.close()
            self._send_inside(connection, tap, Disconnect(), mqtt.data_to_send())
        tap.say_goodbye()
        self._flush(connection, tap)
        self._hang_up(connection, tap)

    def _hang_up(self, connection: socket.socket, tap: AnyTap) -> None:
        """End our direction, and take what the server still says."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            tap.end(Sender.CLIENT, self._now())
            self._take_last_words(connection, tap)

    def _take_last_words(self, connection: socket.socket, tap: AnyTap) -> None:
        """What the server had said before it closed, or reset: an alert may still lie in the kernel."""
        end = self._clock() + LAST_WORDS
        try:
            while (left := end - self._clock()) > 0 and self._received <= MOST_RECEIVED:
                connection.settimeout(left)
                data = connection.recv(65_536)
                if not data:
                    break
                self._received += len(data)
                at = self._now()
                self._seen.pieces.append(Piece(Sender.SERVER, data, at))
                tap.receive_data(data, at)
        except TLSError as error:
            if error.alert and not error.sent:  # why it closed, where writing told only that it had
                self._seen.error = error
        except (OSError, ssl.SSLError):
            return

    def _flush(self, connection: socket.socket, tap: AnyTap) -> None:
        """Send what the TLS library has to say."""
        at = self._now()
        data = tap.data_to_send(at)
        if data:
            self._seen.pieces.append(Piece(Sender.CLIENT, data, at))
            connection.settimeout(max(min(self._call.timeout, self._end - self._clock()), 0.001))
            connection.sendall(data)
