"""One connection, assembled: TCP <-> TLS <-> MQTT <-> broker. Start reading here.

    bytes_received     ciphertext from tcp/ -> tls/ -> mqtt/ -> broker/, all in one synchronous pass
    send, push         what the broker says to this client is queued ...
    flush              ... and leaves once for each turn of the loop: joined, encrypted, written in one go

A link lives through three stages, each with its deadline: the TLS handshake, waiting for CONNECT, connected. Where TLS
carries WebSocket (secure_websocket.py), a link sees both as one TLSConnection, and both handshakes as one. Where
CONNECT carries a password, a gatekeeper looks at it in its own time, and the link reads nothing more until it answers.

What a link received is more than its share of a turn sometimes (house.py): then the rest waits, and the link reads
nothing more until it has been taken. The same holds for a client that does not read our answers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain

from sealmq.broker.gate import Asked, Denial, proved, vouched
from sealmq.broker.handlers import handle
from sealmq.broker.sessions import Session
from sealmq.errors import Error, LocalProtocolError, RemoteProtocolError, TLSError, WebSocketError
from sealmq.house import House
from sealmq.identity import BY_CERTIFICATE, Identity, Terms
from sealmq.link_log import tell_connected, tell_end, tell_late, tell_lost, tell_refused, who
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import Connect, Disconnect, Packet, Publish
from sealmq.mqtt.state import Sender
from sealmq.tcp.transport import Wire
from sealmq.tls.middleware import TLSConnection

log = logging.getLogger("sealmq.link")

PACKETS_AT_ONCE = 8
"""PUBLISH packets that are taken between two looks at the clock, when the way of all of them is remembered."""

SIGN_OF_LIFE = 1_000
"""Bytes of an unfinished packet that count as a packet for the keep-alive: a large message may take its time."""

FLUSH_AT = 4_194_304
"""Bytes given to links that make us flush before the turn is over: the most that a fan-out holds unsent."""


class Link:
    """One connection with its whole stack. Is the broker's `Outbox`, TCP's `Floor` and the house's `Resident`.

    terms:   what the listener that it came by asks for.
    account: whose password it gave; "" when it gave none, or was not believed.
    """

    __slots__ = (
        "_asked",
        "_ended",
        "_holds",
        "_house",
        "_is_clogged",
        "_is_full",
        "_latest",
        "_mqtt",
        "_parked",
        "_refusal",
        "_rest",
        "_shaken",
        "_silence",
        "_tls",
        "_traffic",
        "_wire",
        "account",
        "deadline",
        "identity",
        "peer",
        "push",
        "session",
        "terms",
    )

    def __init__(self, wire: Wire, tls: TLSConnection, house: House, terms: Terms = BY_CERTIFICATE) -> None:
        limits = house.limits
        self._wire = wire
        self.peer = wire.peer
        self._tls = tls
        self._house = house
        self._traffic = house.broker.statistics.traffic
        self._traffic.sockets += 1
        self._mqtt = MQTTConnection(
            Sender.SERVER,
            first_packet_size=limits.first_packet_size,
            packet_size=limits.packet_size,
            receive_maximum=limits.receive_maximum,
            topic_alias_maximum=limits.topic_alias_maximum,
        )
        self.push = self._mqtt.push
        self.identity: Identity | None = None
        self.session: Session | None = None
        self.terms = terms
        self.account = ""
        self._asked: Asked | None = None
        self._refusal = ""  # in words: a kept exception would hold the frames that hold this link
        self._shaken = False
        self._ended = False
        self._parked = b""
        self._rest: Iterator[Packet] | None = None
        self._is_full = False
        self._is_clogged = False
        self._holds = 0
        self._silence = 0.0
        self._latest = float("inf")
        self.deadline = house.clock() + limits.handshake_timeout
        house.links.add(self)
        house.deadlines.watch(self)

    # -- upwards: TCP -> TLS -> MQTT -> broker -----------------------------------------------------------------------

    def bytes_received(self, ciphertext: memoryview) -> None:
        """Ciphertext arrived: take it through the whole stack before returning, or what this turn has time for."""
        if self._ended:
            return
        if not self._shaken and not self._house.has_time_for_handshakes():
            self._parked = bytes(ciphertext)
            self.hold()
            self._house.wait_for_turn(self, shaking=True)
        else:
            self._receive(ciphertext)

    def _receive(self, ciphertext: memoryview) -> None:
        house = self._house
        now = house.clock()
        try:
            plaintext = self._tls.receive_data(ciphertext)
        except (TLSError, WebSocketError) as error:
            self._refuse_handshake(error)
            house.shaken_for += house.clock() - now
            return
        if not self._shaken:
            self._shake(now)
        if plaintext:
            self._traffic.bytes_received += len(plaintext)
            if self._asked is None:
                self._take(self._mqtt.receive_data(plaintext), now, len(plaintext))
            else:
                self._park(plaintext, self._asked)
        self._taken()

    def _shake(self, now: float) -> None:
        """A step of the handshake, and perhaps its last, was done."""
        house = self._house
        if self._tls.established:
            self._shaken = True
            self._set_deadline(now + house.limits.connect_timeout)
            if self.terms.asks_in_handshake:
                self._identify(now)
        house.shaken_for += house.clock() - now

    def go_on(self) -> None:
        """A new turn: take more of what was received and had to wait (Resident)."""
        if self._ended:
            return
        rest, self._rest = self._rest, None
        if rest is None:
            parked, self._parked = self._parked, b""
            self.release()
            self._receive(memoryview(parked))
            return
        self._take(rest, self._house.clock(), 0)
        self.release()  # behind `_take`: when that leaves something again, reading stays paused
        self._taken()

    def _taken(self) -> None:
        """All that this turn has time for was taken."""
        house = self._house
        if self._is_full and not self._is_clogged:
            self._look_at_answers()
        if self._tls.closed and self._asked is None and self._rest is None and not self._ended:
            self.end(ReasonCode.SUCCESS, "it closed the connection without DISCONNECT")
        if self._mqtt.has_data() or self._tls.has_data():
            house.mark(self)
        else:  # it may have told others something: nine publishers of ten at QoS 0 hear no answer, and need no flush
            house.ask_for_end_of_turn()
        if house.broker.dispatch.spoken_bytes > FLUSH_AT:
            house.flush()

    def _look_at_answers(self) -> None:
        """Who asks on and reads no answer is not heard any more until it reads; and its keep-alive runs on."""
        if self._wire.waiting() > 2 * self._house.limits.buffered_bytes:
            self._is_clogged = True
            self.hold()

    def _heard(self, now: float) -> None:
        """It lives [MQTT-3.1.2-22]; but no link outlives the certificate that it stands on."""
        deadline = now + self._silence
        self.deadline = deadline if deadline < self._latest else self._latest

    def _park(self, plaintext: bytes, asked: Asked) -> None:
        """Its password is being looked at: what comes meanwhile waits."""
        if asked.park(plaintext) > self._house.limits.first_packet_size:
            self.end(ReasonCode.QUOTA_EXCEEDED, "it sent too much behind a CONNECT that was not answered yet")

    def _take(self, packets: Iterator[Packet], now: float, size: int) -> None:
        house = self._house
        on_publish, on_answer = house.broker.publishing.on_publish, house.broker.on_answer  # the hot path, no detours
        packet: Packet | None = None
        router, until = house.broker.router, now + house.share
        before = searches = router.searches
        taken = 0
        try:
            for packet in packets:
                if type(packet) is Publish and self.session is not None:
                    on_publish(self.session, packet, now)
                    taken += 1
                elif type(packet) in on_answer and self.session is not None:
                    self._traffic.packets_received += 1
                    on_answer[type(packet)](self.session, packet, now)
                    taken += 1
                else:
                    self._packet_received(packet, now)
                    if self._asked is not None:
                        self._asked.rest = packets
                        return
                    taken = PACKETS_AT_ONCE  # these may cost much, and are few where time counts
                if self._ended:
                    return
                if taken >= PACKETS_AT_ONCE or router.searches != searches:
                    searches, taken = router.searches, 0
                    late = house.clock() - until
                    if late > 0:
                        self._rest = packets
                        self.hold()
                        house.wait_for_turn(self, late if searches != before else 0.0)
                        break
        except RemoteProtocolError as error:  # [MQTT-4.13.1-1], [MQTT 3.1.1: MQTT-4.8.0-1]
            house.broker.dispatch.counters.broken(error.reason_code, before_connect=self.session is None)
            self.end(error.reason_code, error.what)
        except LocalProtocolError as error:
            self._cannot_say(error)
        else:
            if self._silence and (packet is not None or size >= SIGN_OF_LIFE):
                self._heard(now)

    def _cannot_say(self, error: LocalProtocolError) -> None:
        if error.reason_code == ReasonCode.PACKET_TOO_LARGE:
            self.end(error.reason_code, error.what)  # not our mistake: it takes less than an answer needs
            return
        log.error("%s: our own mistake: %s", self, error.what, exc_info=True)  # [MQTT 3.1.1: MQTT-4.8.0-2]
        self.end(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "an error of the broker")

    def _packet_received(self, packet: Packet, now: float) -> None:
        self._traffic.packets_received += 1
        if self.session is None:
            self._connect_received(packet, now)
        elif isinstance(packet, Disconnect):
            self._disconnect_received(packet, now)
        else:
            handle(self._house.broker, self.session, packet, now)

    def _connect_received(self, packet: Packet, now: float) -> None:
        if not isinstance(packet, Connect) or (self.terms.asks_in_handshake and self.identity is None):
            # A proof that was refused behind the handshake, and told to the log: the client learns it here.
            self._mqtt.close(ReasonCode.NOT_AUTHORIZED, self._refusal or "the client did not prove who it is")
            self._finish()
            return
        if self.terms.asks_password and not self.account:
            self._ask(packet, now)
            return
        assert self.identity is not None
        house, limits = self._house, self._house.broker.limits
        self._traffic.connections += 1
        self._mqtt.allow(
            packet_size=limits.packet_size,
            receive_maximum=limits.receive_maximum,
            topic_alias_maximum=limits.topic_alias_maximum,
        )
        session = house.broker.on_connect(self, self.identity, packet, now)
        if session is None:
            return
        self.session = session
        self._wire.accepted()
        self._silence = 1.5 * house.broker.keep_alive(packet)  # [MQTT-3.1.2-22]
        self._latest = self.identity.not_after
        self._set_deadline(min(now + self._silence, self._latest) if self._silence else self._latest)
        tell_connected(self.identity, session.key.client_id, packet.level, self._tls.proof, self._who(), now)

    def _ask(self, packet: Connect, now: float) -> None:
        """Have the password looked at. What stands behind CONNECT waits, here and in the kernel."""
        self._asked = Asked(packet)
        self._set_deadline(now + self._house.limits.connect_timeout)
        self.hold()
        password, packet.password = packet.password, None  # who does not have it cannot show it
        self._house.gatekeeper.ask(packet.user_name, password, self.peer, self._answered)

    def _answered(self, verdict: Identity | Denial) -> None:
        """The gatekeeper has looked: refuse, or go on as if nothing had been in between."""
        asked, self._asked = self._asked, None
        if asked is None or self._ended:
            return
        self.release()
        verdict = vouched(verdict, self.identity)
        if isinstance(verdict, Denial):
            self.send(verdict.packet())
            return self.end(verdict.reason_code, f"CONNECT refused: {verdict.why}")
        self.account = verdict.name
        if self.identity is None:  # else the certificate says who it is, and the account only that it may come in
            self.identity = verdict
        parked = chain.from_iterable(map(self._mqtt.receive_data, asked.parked))  # read one behind the other
        self._take(chain((asked.packet,), asked.rest, parked), self._house.clock(), 0)
        self._taken()

    def _disconnect_received(self, packet: Disconnect, now: float) -> None:
        session = self.session
        assert session is not None
        log.info("%s left: it said goodbye", self, extra=self._who())
        self._house.broker.on_disconnect(session, packet, now)
        self.session = None
        self._finish()

    def _identify(self, now: float) -> None:
        """The handshake is done: who is it? [order: proven, known, not revoked]"""
        tls = self._tls
        try:
            self.identity = proved(self._house.directory, self.terms, tls.peer_certificate, tls.psk_identity, now)
        except Error as error:  # TrustError, or HomeError when the registry cannot be read: both mean no
            kind = "psk" if self.terms.asks_psk else "certificate"
            self._refusal = error.what
            self._traffic.refused[kind] += 1
            self._tell_refused(f"refused {kind}s", error, tls.peer_certificate)
        else:
            self._house.identified(self, self.identity.serial)
            tls.max_record = min(tls.max_record, self.identity.max_record)

    def _set_deadline(self, deadline: float) -> None:
        sooner = deadline < self.deadline
        self.deadline = deadline
        if sooner:  # else the wheel finds out when it comes to the old one
            self._house.deadlines.watch(self)

    def _refuse_handshake(self, error: TLSError | WebSocketError) -> None:
        """The handshake, a record or a frame failed: send the answer that says so (an alert, HTTP), then close."""
        if self._tls.established:
            self.end(ReasonCode.UNSPECIFIED_ERROR, error.what)
            return
        self._traffic.refused[(error.alert or "no_alert") if isinstance(error, TLSError) else "websocket"] += 1
        self._tell_refused("refused handshakes", error, self._tls.refused_certificate)
        self._ended = True
        self.flush()  # the alert: without it the device sees a bare disconnect
        self._wire.finish()

    # -- downwards: broker -> MQTT -> TLS -> TCP ---------------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        """Queue one packet for this client (Outbox). Never raises: it may be somebody else's turn."""
        try:
            self._mqtt.send(packet)
        except LocalProtocolError as error:
            self._cannot_say(error)
            return
        self._traffic.packets_sent += 1
        self._house.mark(self)

    def acknowledge(self, packet_id: int, encoded: bytes) -> None:
        """Queue an acknowledgement that is already encoded (Outbox). Its PUBLISH is being received: we flush anyway."""
        self._mqtt.acknowledge(packet_id, encoded)
        self._traffic.packets_sent += 1

    def answer(self, encoded: bytes) -> None:
        """Queue an answer that is already encoded (Outbox)."""
        self.push(encoded)
        self._traffic.packets_sent += 1
        self._house.mark(self)

    def flush(self, *, closing: bool = False) -> None:
        """Join what is queued, encrypt it once, write it once; `closing`: with close_notify behind it."""
        data = self._mqtt.data_to_send()
        if data:
            self._traffic.bytes_sent += len(data)
            self._tls.send(data)
        if closing:
            self._tls.close()
        ciphertext = self._tls.data_to_send()
        if ciphertext:
            self._wire.write(ciphertext)

    def waiting(self) -> int:
        """Bytes that the network has not taken yet (Outbox)."""
        return self._wire.waiting()

    def hold(self) -> None:
        """Read nothing more from this client for now (Outbox)."""
        self._holds += 1
        self._wire.pause_reading()

    def release(self) -> None:
        """Read on, when nobody else holds it (Outbox)."""
        self._holds -= 1
        if self._holds == 0:
            if self._silence:
                self._heard(self._house.clock())  # what it said meanwhile, we did not want to hear
            self._wire.resume_reading()

    # -- TCP tells ---------------------------------------------------------------------------------------------------

    def full(self) -> None:
        """The client reads too slowly (Floor)."""
        self._is_full = True
        if self.session is not None:
            self._house.broker.dispatch.link_full(self.session, self._house.clock())

    def drained(self) -> None:
        """The client has caught up (Floor)."""
        self._is_full = False
        if self._is_clogged:
            self._is_clogged = False
            self.release()
        if self.session is not None:
            self._house.broker.dispatch.link_drained(self.session, self._house.clock())
            self._house.mark(self)

    def lost(self, why: str) -> None:
        """The connection is gone (Floor)."""
        if not self._ended:
            self._ended = True
            if self._is_told("connections lost before CONNECT"):
                tell_lost(self, why, self._shaken, self._who())
            if self.session is not None:  # it was let in, and will come back
                self._tls.keep_session()
            self._leave_session()
        if self._asked is not None:
            self._house.gatekeeper.forget(self._answered)
        self._rest = None
        self._house.leave(self)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, reason_code: int, why: str) -> None:
        """Say goodbye and close (Outbox). `why` goes into the log, and in MQTT 5 to the client."""
        if self._ended:
            return
        if self._is_told("connections ended before they had a session"):
            tell_end(self, why, reason_code, self._who())
        self._ended = True
        self._mqtt.close(reason_code, why if reason_code else "")
        self._leave_session()
        self._finish()  # [MQTT-3.14.4-2], [MQTT-4.13.2-1]

    def deadline_passed(self, now: float) -> None:
        """The time of this stage is over, or the certificate's."""
        if self._ended:
            return
        if self._asked is not None:
            self.end(ReasonCode.SERVER_BUSY, "its password could not be looked at in time")
        elif self._parked:
            self._set_deadline(now + self._house.limits.handshake_timeout)  # it is we who are late
            self._house.deadlines.watch(self)
        elif self.session is None:
            tls = self._tls
            met = "connect_timeout" if tls.established else "handshake_timeout"
            if self._is_told("connections that said too little in time"):
                tell_late(self, tls.proof, met, self._house.limits, self._who())
            self._house.broker.dispatch.counters.limits[met] += 1
            self._ended = True
            self._wire.abort()
        elif self._holds > self._is_clogged and self._latest > now:
            # It is we who do not read: whether it lives is seen when it is read again.
            self._heard(now)
            self._house.deadlines.watch(self)
        elif self.identity is not None and now >= self.identity.not_after:
            self.end(ReasonCode.MAXIMUM_CONNECT_TIME, f"its {self.identity.credential} has expired")
        else:
            self.end(ReasonCode.KEEP_ALIVE_TIMEOUT, f"nothing was heard of it for {self._silence:.0f} s")

    def _finish(self) -> None:
        self._ended = True
        self.flush(closing=True)
        self._wire.finish()

    def _leave_session(self) -> None:
        session, self.session = self.session, None
        if session is not None and session.outbox is self:
            self._house.broker.on_lost(session, self._house.clock())
            self._house.mark(self)  # somebody may have been told its will

    def __str__(self) -> str:
        if self.session is not None:
            return f"{self.session.key.identity} (client {self.session.key.client_id!r}, {self.peer})"
        return f"{self.identity.name} ({self.peer})" if self.identity is not None else self.peer

    def _is_told(self, kind: str) -> bool:
        """Is it worth a line? What ends a session always is; of strangers' failures, the first few (quiet.py)."""
        return self.session is not None or self._house.quiet.lets(kind, self.peer, self._house.clock())

    def _tell_refused(self, kind: str, error: Error, der: bytes) -> None:
        if self._is_told(kind):
            certificate = self._house.directory.describe(der) if der else ""
            tell_refused(self.peer, error, certificate, self.terms, self._who())

    def _who(self) -> dict[str, str]:
        """The fields that a log line in JSON carries."""
        client_id = self.session.key.client_id if self.session is not None else None
        return who(self.peer, self.identity, self.account, client_id)
