"""One connection, assembled: TCP <-> TLS <-> MQTT <-> broker. Start reading here.

    bytes_received     ciphertext from tcp/ -> tls/ -> mqtt/ -> broker/, all in one synchronous pass
    send, push         what the broker says to this client is queued ...
    flush              ... and leaves once for each turn of the loop: joined, encrypted, written in one go

A link lives through three stages, each with its deadline: the TLS handshake, waiting for CONNECT, connected. Where TLS
carries WebSocket (secure_websocket.py), a link sees both as one TLSConnection, and both handshakes as one. Where
CONNECT carries a password, a gatekeeper looks at it in its own time, and the link reads nothing more until it answers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain

from sealmq.broker.gate import Asked, Denial, vouched
from sealmq.broker.sessions import Session
from sealmq.errors import Error, LocalProtocolError, RemoteProtocolError, TLSError, TrustError, WebSocketError
from sealmq.house import House
from sealmq.identity import BY_CERTIFICATE, Identity, Terms
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import (
    Auth,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    Subscribe,
    Unsubscribe,
)
from sealmq.mqtt.state import Sender
from sealmq.tcp.transport import Wire
from sealmq.tls.middleware import TLSConnection

log = logging.getLogger("sealmq.link")

SIGN_OF_LIFE = 1_000
"""Bytes of an unfinished packet that count as a packet for the keep-alive: a large message may take its time."""

FLUSH_AT = 4_194_304
"""Bytes given to links that make us flush before the turn is over: the most that a fan-out holds unsent."""


class Link:
    """One connection with its whole stack. Is the broker's `Outbox` and TCP's `Floor`.

    terms:   what the listener that it came by asks for.
    account: whose password it gave; "" when it gave none, or was not believed.
    """

    __slots__ = (
        "_asked",
        "_ended",
        "_holds",
        "_house",
        "_latest",
        "_mqtt",
        "_refusal",
        "_shaken",
        "_silence",
        "_tls",
        "_traffic",
        "_wire",
        "account",
        "deadline",
        "identity",
        "push",
        "session",
        "terms",
    )

    def __init__(self, wire: Wire, tls: TLSConnection, house: House, terms: Terms = BY_CERTIFICATE) -> None:
        limits = house.limits
        self._wire = wire
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
        self._refusal: Error | None = None
        self._shaken = False
        self._ended = False
        self._holds = 0
        self._silence = 0.0
        self._latest = float("inf")
        self.deadline = house.clock() + limits.handshake_timeout
        house.links.add(self)
        house.deadlines.watch(self)

    # -- upwards: TCP -> TLS -> MQTT -> broker -----------------------------------------------------------------------

    def bytes_received(self, ciphertext: memoryview) -> None:
        """Ciphertext arrived: take it through the whole stack before returning."""
        if self._ended:
            return
        house = self._house
        now = house.clock()
        try:
            plaintext = self._tls.receive_data(ciphertext)
        except (TLSError, WebSocketError) as error:
            self._refuse_handshake(error)
            return
        if not self._shaken and self._tls.established:
            self._shaken = True
            self._set_deadline(now + house.limits.connect_timeout)
            if self.terms.asks_certificate:
                self._identify(now)
        if plaintext:
            self._traffic.bytes_received += len(plaintext)
            self._packets_received(bytes(plaintext), now)
        if self._asked is None and self._tls.closed and not self._ended:
            self.end(ReasonCode.SUCCESS, "it closed the connection without DISCONNECT")
        house.mark(self)
        if house.broker.dispatch.spoken_bytes > FLUSH_AT:
            house.flush()

    def _heard(self, now: float) -> None:
        """It lives [MQTT-3.1.2-22]; but no link outlives the certificate that it stands on."""
        deadline = now + self._silence
        self.deadline = deadline if deadline < self._latest else self._latest

    def _packets_received(self, plaintext: bytes, now: float) -> None:
        if self._asked is None:
            self._take(self._mqtt.receive_data(plaintext), now, len(plaintext))
            return
        if self._asked.park(plaintext) > self._house.limits.first_packet_size:
            self.end(ReasonCode.QUOTA_EXCEEDED, "it sent too much behind a CONNECT that was not answered yet")

    def _take(self, packets: Iterator[Packet], now: float, size: int) -> None:
        broker = self._house.broker
        on_publish = broker.publishing.on_publish  # the hot path, without a detour
        packet: Packet | None = None
        try:
            for packet in packets:
                if type(packet) is Publish and self.session is not None:
                    on_publish(self.session, packet, now)
                else:
                    self._packet_received(packet, now)
                    if self._asked is not None:
                        self._asked.rest = packets
                        return
                if self._ended:
                    return
        except RemoteProtocolError as error:
            self.end(error.reason_code, error.what)
        except LocalProtocolError as error:
            if error.reason_code == ReasonCode.PACKET_TOO_LARGE:
                self.end(error.reason_code, error.what)  # not our mistake: it takes less than an answer needs
                return
            log.error("%s: our own mistake: %s", self, error.what, exc_info=True)
            self.end(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "an error of the broker")
        else:
            if self._silence and (packet is not None or size >= SIGN_OF_LIFE):
                self._heard(now)

    def _packet_received(self, packet: Packet, now: float) -> None:
        broker, session = self._house.broker, self.session
        self._traffic.packets_received += 1
        if session is None:
            self._connect_received(packet, now)
            return
        match packet:
            case PubAck():
                broker.on_puback(session, packet, now)
            case PubRec():
                broker.on_pubrec(session, packet, now)
            case PubRel():
                broker.on_pubrel(session, packet)
            case PubComp():
                broker.on_pubcomp(session, packet, now)
            case PingReq():
                broker.on_pingreq(session)
            case Subscribe():
                broker.on_subscribe(session, packet, now)
            case Unsubscribe():
                broker.on_unsubscribe(session, packet)
            case Disconnect():
                self._disconnect_received(packet, now)
            case Auth():
                # [MQTT-4.12.0-6]: CONNECT named no method, so there is nothing to authenticate by.
                raise RemoteProtocolError("AUTH without an authentication method", ReasonCode.PROTOCOL_ERROR)
            case _:
                raise RemoteProtocolError(f"{packet.type.name} is not for a server", ReasonCode.PROTOCOL_ERROR)

    def _connect_received(self, packet: Packet, now: float) -> None:
        if not isinstance(packet, Connect) or (self.terms.asks_certificate and self.identity is None):
            # A certificate that was refused behind the handshake, and told to the log: the client learns it here.
            why = self._refusal.what if self._refusal is not None else "the client did not prove who it is"
            self._mqtt.close(ReasonCode.NOT_AUTHORIZED, why)
            self._finish()
            return
        if self.terms.asks_password and not self.account:
            self._ask(packet, now)
            return
        assert self.identity is not None
        house = self._house
        self._traffic.connections += 1
        session = house.broker.on_connect(self, self.identity, packet, now)
        if session is None:
            return
        self.session = session
        self._silence = 1.5 * house.broker.keep_alive(packet)  # [MQTT-3.1.2-22]
        self._latest = self.identity.not_after
        self._set_deadline(min(now + self._silence, self._latest) if self._silence else self._latest)
        proof = self._tls.proof
        log.info(
            "%s connected from %s as client %r (MQTT %s, %s)",
            self.identity.name,
            self._wire.peer,
            session.key.client_id,
            "5" if packet.level == 5 else "3.1.1",
            f"{proof.version}, {proof.cipher}" if proof else "no TLS",
            extra=self._who(),
        )

    def _ask(self, packet: Connect, now: float) -> None:
        """Have the password looked at. What stands behind CONNECT waits, here and in the kernel."""
        self._asked = Asked(packet)
        self._set_deadline(now + self._house.limits.connect_timeout)
        self.hold()
        password, packet.password = packet.password, None  # who does not have it cannot show it
        self._house.gatekeeper.ask(packet.user_name, password, self._wire.peer, self._answered)

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
        if self._tls.closed and not self._ended:
            self.end(ReasonCode.SUCCESS, "it closed the connection without DISCONNECT")
        self._house.mark(self)

    def _disconnect_received(self, packet: Disconnect, now: float) -> None:
        session = self.session
        assert session is not None
        log.info("%s left: it said goodbye", self, extra=self._who())
        self._house.broker.on_disconnect(session, packet, now)
        self.session = None
        self._finish()

    def _identify(self, now: float) -> None:
        """The handshake is done: who is it? [order: proven, known, not revoked]"""
        proof = self._tls.proof
        try:
            if proof is None or not proof.peer_certificate:
                raise TrustError("no client certificate came")
            self.identity = self._house.directory.identify(proof.peer_certificate, now)
        except Error as error:  # TrustError, or HomeError when the registry cannot be read: both mean no
            self._refusal = error
            self._traffic.refused["certificate"] += 1
            if self._is_told("refused certificates"):
                log.warning(
                    "%s was refused: %s (%s)%s",
                    self._wire.peer,
                    error.what,
                    self._house.directory.describe(proof.peer_certificate) if proof else "",
                    f"; next: {error.remedy}" if error.remedy else "",
                    extra=self._who(),
                )
        else:
            self._house.by_serial.setdefault(self.identity.serial, set()).add(self)

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
        refused = self._tls.refused_certificate
        self._traffic.refused[(error.alert or "no_alert") if isinstance(error, TLSError) else "websocket"] += 1
        if self._is_told("refused handshakes"):
            log.warning(
                "%s was refused: %s%s%s%s",
                self._wire.peer,
                error.what,
                f" ({self._house.directory.describe(refused)})" if refused else "",
                f"; alert {error.alert} {'sent' if error.sent else 'received'}"
                if isinstance(error, TLSError) and error.alert
                else "",
                f"; next: {error.remedy}" if error.remedy else "",
                extra=self._who(),
            )
        self._ended = True
        self.flush()  # the alert: without it the device sees a bare disconnect
        self._wire.finish()

    # -- downwards: broker -> MQTT -> TLS -> TCP ---------------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        """Queue one packet for this client (Outbox)."""
        self._mqtt.send(packet)
        self._traffic.packets_sent += 1
        self._house.mark(self)

    def acknowledge(self, packet_id: int, encoded: bytes) -> None:
        """Queue an acknowledgement that is already encoded (Outbox). Its PUBLISH is being received: we flush anyway."""
        self._mqtt.acknowledge(packet_id, encoded)
        self._traffic.packets_sent += 1

    def flush(self) -> None:
        """Join what is queued, encrypt it once, write it once."""
        self._encrypt()
        ciphertext = self._tls.data_to_send()
        if ciphertext:
            self._wire.write(ciphertext)

    def _encrypt(self) -> None:
        if self._mqtt.has_data():
            data = self._mqtt.data_to_send()
            self._traffic.bytes_sent += len(data)
            self._tls.send(data)

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
        if self.session is not None:
            self._house.broker.dispatch.link_full(self.session, self._house.clock())

    def drained(self) -> None:
        """The client has caught up (Floor)."""
        if self.session is not None:
            self._house.broker.dispatch.link_drained(self.session, self._house.clock())
            self._house.mark(self)

    def lost(self, why: str) -> None:
        """The connection is gone (Floor)."""
        if not self._ended:
            self._ended = True
            if not self._shaken:
                if self._is_told("connections that went away during the handshake"):
                    log.info("%s went away during the handshake%s", self._wire.peer, f": {why}" if why else "")
            elif self._is_told("connections lost before CONNECT"):
                log.info("%s is lost%s", self, f": {why}" if why else "", extra=self._who())
            self._leave_session()
        if self._asked is not None:
            self._house.gatekeeper.forget(self._answered)
        self._leave_house()

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, reason_code: int, why: str) -> None:
        """Say goodbye and close (Outbox). `why` goes into the log, and in MQTT 5 to the client."""
        if self._ended:
            return
        known = reason_code in ReasonCode.__members__.values()
        words = ReasonCode(reason_code).words if known else "?"
        if self._is_told("connections ended before they had a session"):
            log.info("%s ends: %s (reason code 0x%02X, %s)", self, why, reason_code, words, extra=self._who())
        self._ended = True
        self._mqtt.close(reason_code, why if reason_code else "")
        self._leave_session()
        self._finish()

    def deadline_passed(self, now: float) -> None:
        """The time of this stage is over, or the certificate's."""
        if self._ended:
            return
        if self._asked is not None:
            self.end(ReasonCode.SERVER_BUSY, "its password could not be looked at in time")
        elif self.session is None:
            limits, tls = self._house.limits, self._tls
            handshake = "WebSocket handshake" if tls.proof else "TLS handshake"
            doing, seconds, key = (
                ("CONNECT", limits.connect_timeout, "connect_timeout")
                if tls.established
                else (handshake, limits.handshake_timeout, "handshake_timeout")
            )
            if self._is_told("connections that said too little in time"):
                log.info(
                    "%s sent no whole %s in %.0f s; next: for a slow device, raise [limits] %s in sealmq.toml",
                    self,
                    doing,
                    seconds,
                    key,
                    extra=self._who(),
                )
            self._ended = True
            self._wire.abort()
        elif self._holds and self._latest > now:
            # It is we who do not read: whether it lives is seen when it is read again.
            self._heard(now)
            self._house.deadlines.watch(self)
        elif self.identity is not None and now >= self.identity.not_after:
            self.end(ReasonCode.MAXIMUM_CONNECT_TIME, "its certificate has expired")
        else:
            self.end(ReasonCode.KEEP_ALIVE_TIMEOUT, f"nothing was heard of it for {self._silence:.0f} s")

    def _finish(self) -> None:
        self._ended = True
        self._encrypt()
        self._tls.close()
        self.flush()
        self._wire.finish()

    def _leave_session(self) -> None:
        session, self.session = self.session, None
        if session is not None and session.outbox is self:
            self._house.broker.on_lost(session, self._house.clock())
            self._house.mark(self)  # somebody may have been told its will

    def _leave_house(self) -> None:
        house = self._house
        house.links.discard(self)
        house.unflushed.discard(self)
        house.deadlines.forget(self)
        if self.identity is not None:
            standing = house.by_serial.get(self.identity.serial)
            if standing is not None:
                standing.discard(self)
                if not standing:
                    del house.by_serial[self.identity.serial]

    def __str__(self) -> str:
        if self.session is not None:
            return f"{self.session.key.identity} (client {self.session.key.client_id!r}, {self._wire.peer})"
        if self.identity is not None:
            return f"{self.identity.name} ({self._wire.peer})"
        return self._wire.peer

    def _is_told(self, kind: str) -> bool:
        """Is it worth a line? What ends a session always is; of strangers' failures, the first few (quiet.py)."""
        return self.session is not None or self._house.quiet.lets(kind, self._wire.peer, self._house.clock())

    def _who(self) -> dict[str, str]:
        """The fields that a log line in JSON carries."""
        who = {"address": self._wire.peer}
        if self.identity is not None:
            who |= {self.identity.kind: self.identity.name, "serial": self.identity.serial}
        if self.account:
            who["account"] = self.account
        if self.session is not None:
            who["client_id"] = self.session.key.client_id
        return who
