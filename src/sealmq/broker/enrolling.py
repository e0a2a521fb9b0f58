"""Certificates are asked for over MQTT itself: `$enroll/csr/json` by who has a claim, `$enroll/renew/json` by a device.

    PUBLISH $enroll/renew/json             {"csr": "-----BEGIN CERTIFICATE REQUEST-----..."}
    PUBLISH $enroll/renew/json/accepted    {"certificate": "-----BEGIN CERTIFICATE-----...", ...}
         or $enroll/renew/json/rejected    {"code": "forbidden", "message": "..."}

Rule 1: a request is nobody's message. It is not routed, not retained, and no rule of sealmq.toml is about it.
Rule 2: the answer goes to the link that asked, and to no other; so who has not subscribed to it is not served: a
        certificate that nobody hears of helps nobody.
Rule 3: a request is acknowledged at once (PUBACK, PUBREC): an acknowledgement that waited for the answer would hold
        back those of all that the device publishes meanwhile [MQTT-4.6.0-2]. The answer itself is what tells that it
        was done; who misses it asks again with the same request, and gets the same certificate.
Rule 4: a link has one request at a time, and an identity a bucket of them: a loop in a firmware must not fill the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol, TypeAlias

from sealmq.broker.certificate_requests import (
    CertificateRequestMessage,
    Certified,
    Declined,
    accepted,
    maybe_request_id,
    read_request,
    rejected,
)
from sealmq.broker.complaints import tell_refusal
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.sessions import Delivery, Held, Outbox, Session
from sealmq.errors import EnrollmentError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.topics import SHARED, matches

_AROUND: Final = 512
"""Bytes of a PUBLISH around its payload, at most: topic, properties, a Correlation Data that is not too long."""

Answer: TypeAlias = Callable[[Certified | Declined], None]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and for what.

    operation: "enroll" with a claim, "renew" with a device's own certificate.
    serial:    of the certificate that the link stands on.
    address:   the client's, for the log.
    """

    operation: Literal["enroll", "renew"]
    csr: bytes
    name: str
    serial: str
    address: str


class Enroller(Protocol):
    """Who gets a certificate? Answered by enroller.py."""

    def ask(self, asking: Asking, answer: Answer) -> None:
        """Have it decided, and call `answer` once, now or later; never wait."""


class NoEnroller:
    """An Enroller that gives out nothing: what a broker without a CA has."""

    def ask(self, asking: Asking, answer: Answer) -> None:
        """See Enroller."""
        answer(Declined("unavailable", "no certificates are given out here"))


class Buckets:
    """How often each identity may still ask: `size` times at once, and once more each `interval` seconds."""

    MOST: Final = 10_000
    """Identities that are remembered: who has not asked for a while is forgotten, as its bucket is full."""

    def __init__(self, size: int, interval: float) -> None:
        self._size = size
        self._interval = interval
        self._full_at: dict[str, float] = {}

    def take(self, identity: str, now: float) -> float:
        """Take one; returns 0, or the seconds until there is one."""
        full_at = max(self._full_at.get(identity, now), now)
        wait = full_at - now - (self._size - 1) * self._interval
        if wait > 0:
            return wait
        if len(self._full_at) >= self.MOST and identity not in self._full_at:
            self._forget(now)
        self._full_at[identity] = full_at + self._interval
        return 0.0

    def _forget(self, now: float) -> None:
        self._full_at = {each: full_at for each, full_at in self._full_at.items() if full_at > now}
        while len(self._full_at) >= self.MOST:
            del self._full_at[next(iter(self._full_at))]


class Enrolling:
    """Takes requests for certificates, and gives the answers.

    enroller: decides.
    """

    def __init__(self, dispatch: Dispatch, enroller: Enroller | None = None) -> None:
        self.enroller: Enroller = enroller or NoEnroller()
        self._dispatch = dispatch
        self._asked: set[Outbox] = set()
        self._buckets = {
            "device": Buckets(5, 10.0),  # one renewal a year is usual, and five tries in a minute are a broken one
            "claim": Buckets(200, 0.05),  # a whole production line has it: 20 devices in a second
        }

    def on_request(self, session: Session, packet: Publish, now: float) -> tuple[ReasonCode, str]:
        """A client has published a request that it may publish. Returns the reason code of the acknowledgement, and
        why where it is none of success."""
        outbox = session.outbox
        if outbox is None:
            return ReasonCode.SUCCESS, ""
        correlation = packet.properties.correlation_data  # [MQTT 4.10.1]: as it came, into the answer
        say = partial(self._say, session, outbox, packet.topic, correlation)
        if not _wanted(session, f"{packet.topic}/accepted"):
            why = f"subscribe to {packet.topic}/accepted (and rejected) first: nothing would reach you"
            say("rejected", rejected(Declined("deaf", why), maybe_request_id(packet.payload)), now)
            return ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, why
        try:
            request = read_request(packet.payload)
        except EnrollmentError as error:
            tell_refusal(session, "be certified by", packet.topic, error.what)
            say("rejected", rejected(Declined("malformed", error.what), maybe_request_id(packet.payload)), now)
            return ReasonCode.SUCCESS, ""
        declined = self._reason_to_decline(session, outbox, packet, now)
        if declined is not None:
            tell_refusal(session, "be certified by", packet.topic, declined.message)
            say("rejected", rejected(declined, request.id), now)
            return ReasonCode.SUCCESS, ""
        self._asked.add(outbox)
        identity = session.identity
        operation: Literal["enroll", "renew"] = "enroll" if identity.kind == "claim" else "renew"
        asking = Asking(operation, request.csr, request.name, identity.serial, outbox.peer)
        self.enroller.ask(asking, partial(self._answered, outbox, say, request, session.packet_limit, now))
        return ReasonCode.SUCCESS, ""

    def _reason_to_decline(self, session: Session, outbox: Outbox, packet: Publish, now: float) -> Declined | None:
        """What can be said without a look at the registry."""
        if packet.retain:
            return Declined("malformed", "a request is not retained: publish it without RETAIN")
        if outbox in self._asked:
            return Declined("busy", "one request at a time: wait for the answer to the last", 5)
        wait = self._buckets[session.identity.kind].take(session.key.identity, now)
        return Declined("busy", "too many requests", int(wait) + 1) if wait > 0 else None

    def _answered(
        self,
        outbox: Outbox,
        say: Callable[[str, bytes, float], None],
        request: CertificateRequestMessage,
        packet_limit: int,
        now: float,
        answer: Certified | Declined,
    ) -> None:
        """It is decided."""
        self._asked.discard(outbox)
        if isinstance(answer, Certified):
            payload = accepted(answer, request, now)
            if not 0 < packet_limit < len(payload) + _AROUND:
                say("accepted", payload, now)
                return
            answer = Declined(
                "too-large", f"the answer has {len(payload)} bytes: raise your Maximum Packet Size, and ask again", 1
            )
        say("rejected", rejected(answer, request.id), now)

    def _say(
        self,
        session: Session,
        outbox: Outbox,
        topic: str,
        correlation: bytes | None,
        word: Literal["accepted", "rejected"],
        payload: bytes,
        now: float,
    ) -> None:
        """Send an answer to the link that asked, as it has subscribed to it."""
        if session.outbox is not outbox:
            return  # it is gone, and asks again
        topic = f"{topic}/{word}"
        wanted = _wanted(session, topic)
        if not wanted:
            return
        properties = Properties(payload_format_indicator=1, content_type="application/json")
        if correlation is not None:
            properties.correlation_data = correlation
        qos = max(held.subscription.qos for held in wanted)  # [MQTT-3.3.4-2]
        identifiers = tuple(dict.fromkeys(held.identifier for held in wanted if held.identifier))  # [MQTT-3.3.4-3]
        publish = Publish(topic, payload, qos, properties=properties)
        delivery = Delivery(publish, qos, subscription_identifiers=identifiers)
        if qos:
            self._dispatch.deliver(session, delivery, now)
        else:
            self._dispatch.deliver_once(session, delivery, now)


def _wanted(session: Session, topic: str) -> list[Held]:
    """The session's own subscriptions to this topic name; one that it shares with others is none."""
    return [
        held
        for topic_filter, held in session.subscriptions.items()
        if not topic_filter.startswith(SHARED) and matches(topic_filter, topic)
    ]
