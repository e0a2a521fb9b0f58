"""TLS, as a stranger on the wire sees it: the hellos, lengths, times; in TLS 1.2 also certificates and tickets.

Rule 1: nobody gives it keys. What it says of the inside are lengths, and guesses that it calls so.
Rule 2: of a connection that lasts, it keeps counts and the last records' times, not the records.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from statistics import median
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Message, Sender
from sealmq.kit.dissect.hello import ClientHello, ServerHello, read_client_hello, read_server_hello
from sealmq.kit.dissect.key_exchange import read_client_key_exchange
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.dissect.registry import tell_suite, tell_version
from sealmq.kit.eavesdrop.exposures import attempt_exposures
from sealmq.kit.eavesdrop.framing import RECORD_HEADER, BrokenFramingError, Part, Turns, Walker, records
from sealmq.kit.eavesdrop.plaintext import Report
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.handshake.exposures import (
    CERTIFICATE,
    CLIENT_HELLO,
    CLIENT_KEY_EXCHANGE,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
    SESSION_TICKET,
    TLS13,
    certificate_in,
    certificate_in_words,
    content_of,
    exposure,
    exposures_of,
    in_words,
    rhythm,
)
from sealmq.kit.handshake.report import Exposure
from sealmq.tls.alerts import ALERTS

READ: Final = 2_000
"""Records that are looked into: handshakes end long before."""

METERED: Final = 1 << 20
"""Bytes of each end whose entropy is measured."""

REMEMBERED: Final = 256
"""Records of each end whose times and sizes are remembered."""

_SHORT: Final = {2: "PINGREQ, DISCONNECT or an alert", 4: "an acknowledgement"}
_SHORT_ANSWER: Final = {2: "PINGRESP or an alert", 4: "CONNACK or an acknowledgement"}


class Links:
    """What was shown on earlier connections in clear, and on which: bounded, the oldest is forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._seen: dict[bytes, int] = {}

    def seen(self, what: str, value: bytes, number: int) -> int | None:
        """Remember it for this connection; the number of the connection on which it was seen before, or None."""
        key = hashlib.sha256(what.encode() + b"\0" + value).digest()
        before = self._seen.pop(key, None)
        self._seen[key] = number
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return before if before != number else None


class Sealed:
    """Both directions of one connection."""

    def __init__(self, sight: Sight, report: Report, links: Links) -> None:
        self._sight = sight
        self._report = report
        self._links = links
        self._reading = Reading(keep_application=0, most_records=READ)
        self._walkers: dict[Sender, Walker | None] = {sender: records() for sender in Sender}
        self._told = 0
        self._answer: ServerHello | None = None
        self._turns = Turns()
        self._counts = dict.fromkeys(Sender, 0)
        self._times: dict[Sender, deque[float]] = {sender: deque(maxlen=REMEMBERED) for sender in Sender}
        self._sizes: dict[Sender, deque[int]] = {sender: deque(maxlen=REMEMBERED) for sender in Sender}
        self._asked: float | None = None
        self._pings: deque[float] = deque(maxlen=32)
        self._linked: set[int] = set()
        self._last = 0.0

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """Look on. Tells what it saw; never raises for what a peer sent."""
        self._last = at
        walker = self._walkers[sender]
        if walker is None:
            return
        if len(self._reading.conversation.records) < READ:
            self._reading.receive_data(sender, data, at)
            messages = self._reading.conversation.messages
            while self._told < len(messages):
                message = messages[self._told]
                self._told += 1
                if not message.protected:
                    self._message(message)
        try:
            for part in walker.receive_data(data):
                self._part(sender, part, data, at)
        except BrokenFramingError as error:
            self._walkers[sender] = None
            self._report(sender, "unreadable", f"from here on it is not TLS that can be followed: {error.what}", ())

    def exposures(self) -> tuple[Exposure, ...]:
        """SNF-01 to SNF-12, for what was seen by now."""
        rows = {one.id: one for one in exposures_of(self._reading.conversation, seconds=self._sight.over)}
        if not rows:
            return ()
        if self._linked:
            numbers = ", ".join(f"#{number}" for number in sorted(self._linked)[:5])
            rows["SNF-07"] = exposure("SNF-07", True, f"the same device as in connection {numbers}")
        rows["SNF-08"] = exposure("SNF-08", True, self._sizes_in_words())
        flipped, replayed = attempt_exposures(self._sight, open_=False)
        rows |= {one.id: one for one in (flipped, replayed)}
        meters = self._sight.meters
        noise = f"device: {meters[Sender.CLIENT]}; broker: {meters[Sender.SERVER]}"
        rows["SNF-12"] = exposure("SNF-12", False, f"encrypted records: {noise}")
        return tuple(rows.values())

    # -- what stands in clear ------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> None:
        if message.kind == ContentType.ALERT:
            alert = ALERTS.get(message.type)
            name = alert.name if alert else f"number {message.type}"
            meaning = f": {alert.meaning}" if alert else ""
            self._report(message.sender, "alert", f"{name}, in clear{meaning}", (("alert", name),))
        elif message.kind == ContentType.HANDSHAKE:
            try:
                self._handshake(message)
            except TLSError as error:
                self._report(message.sender, "unreadable", f"a handshake message: {error.what}", ())

    def _handshake(self, message: Message) -> None:
        if message.type == CLIENT_HELLO and message.sender is Sender.CLIENT:
            self._client_hello(read_client_hello(message.body))
        elif message.type == SERVER_HELLO and message.sender is Sender.SERVER:
            self._answer = read_server_hello(message.body)
            self._sight.version = self._answer.version
            chosen = (("version", tell_version(self._answer.version)), ("suite", tell_suite(self._answer.suite)))
            self._report(message.sender, "ServerHello", ", ".join(value for _, value in chosen), chosen)
            if self._answer.version != TLS13 and self._answer.session_id:
                self._link("session id", self._answer.session_id, message.sender)
        elif message.type == CERTIFICATE:
            certificate = certificate_in(message)
            whose = "the device" if message.sender is Sender.CLIENT else "the broker"
            if certificate is not None:
                shown = certificate_in_words(certificate)
                line = f"in clear, {whose}'s: {shown}"
                self._report(message.sender, "Certificate", line, (("certificate", shown),))
                if message.sender is Sender.CLIENT:
                    self._link("certificate", certificate.sha256.encode(), message.sender)
        elif message.type == CLIENT_KEY_EXCHANGE and self._answer is not None:
            if name := read_client_key_exchange(message.body, self._answer.suite).psk_identity:
                self._psk(name)
        elif message.type == NEW_SESSION_TICKET and message.sender is Sender.SERVER:
            ticket = message.body[10:]  # 4 of header, 4 of lifetime, 2 of length (RFC 5077 section 3.3)
            self._report(message.sender, "NewSessionTicket", f"in clear, {in_words(len(ticket), 'byte')}", ())
            self._links.seen("ticket", ticket, self._sight.number)

    def _client_hello(self, hello: ClientHello) -> None:
        versions = ", ".join(tell_version(code) for code in hello.versions[:4])
        name = hello.server_name or "none"
        suites = in_words(len(hello.suites), "suite")
        details = (("server name", name), ("versions", versions), ("suites", str(len(hello.suites))))
        self._report(Sender.CLIENT, "ClientHello", f"server name {name}, {versions}, {suites}", details)
        for extension in hello.extensions:
            if extension.code == SESSION_TICKET and extension.body:
                self._link("ticket", extension.body, Sender.CLIENT)
        for psk in hello.psk_identities[:1]:
            if psk.name is None:
                self._link("ticket", psk.identity, Sender.CLIENT)
            else:
                self._psk(psk.name)
        if hello.session_id and TLS13 not in hello.versions:
            self._link("session id", hello.session_id, Sender.CLIENT)

    def _psk(self, name: str) -> None:
        """A client has named its pre-shared key."""
        self._report(Sender.CLIENT, "PSK", f"in clear, the name of its pre-shared key: {name}", (("identity", name),))
        self._link("pre-shared key", name.encode(), Sender.CLIENT)

    def _link(self, what: str, value: bytes, sender: Sender) -> None:
        before = self._links.seen(what, value, self._sight.number)
        if before is None or before in self._linked:
            return
        if len(self._linked) < REMEMBERED:
            self._linked.add(before)
        line = f"the same {what} as in connection #{before}: it is the same device"
        self._report(sender, "linked", line, (("by", what), ("connection", str(before))))

    # -- what the records say ------------------------------------------------------------------------------------------

    def _part(self, sender: Sender, part: Part, data: bytes, at: float) -> None:
        if part.kept[0] != ContentType.APPLICATION_DATA:
            return
        meter = self._sight.meters[sender]
        if meter.total < METERED:
            meter.add(data[part.start + max(RECORD_HEADER - part.offset, 0) : part.end])
        if not part.is_last:
            return
        self._counts[sender] += 1
        turn = self._turns.take(sender)
        size = content_of(part.length - RECORD_HEADER, self._answer)
        is_tls13 = self._answer is not None and self._answer.version == TLS13
        if is_tls13 and turn < 3:
            rest = "the rest of the handshake" + (", or data" if turn == 2 else "")
            line = f"{in_words(part.length, 'byte')}, encrypted: {rest}"
        elif size is None:
            line = f"{in_words(part.length, 'byte')}, encrypted"
        else:
            self._times[sender].append(at)
            self._sizes[sender].append(size)
            line = f"{in_words(part.length, 'byte')}, encrypted: about {in_words(size, 'byte')} inside"
            guess = (_SHORT if sender is Sender.CLIENT else _SHORT_ANSWER).get(size)
            line += f" (perhaps {guess})" if guess else ""
            self._follow_pings(sender, size, at)
        inside = "" if size is None else str(size)
        self._report(sender, "record", line, (("length", str(part.length)), ("inside", inside)))

    def _follow_pings(self, sender: Sender, size: int, at: float) -> None:
        """Two bytes that are answered by two bytes: nothing else in MQTT looks like PINGREQ and PINGRESP."""
        if sender is Sender.CLIENT:
            self._asked = at if size == 2 else None
        elif size == 2 and self._asked is not None:
            self._pings.append(self._asked)
            self._asked = None

    def _sizes_in_words(self) -> str:
        words = [
            f"{who}: {in_words(self._counts[sender], 'encrypted record')}"
            + rhythm(list(self._times[sender]), list(self._sizes[sender]))
            for sender, who in ((Sender.CLIENT, "device"), (Sender.SERVER, "broker"))
        ]
        pings = list(self._pings)
        if len(pings) > 1:
            gaps = [after - before for before, after in itertools.pairwise(pings)]
            words.append(f"a ping about each {median(gaps):.3g} s, so its keep alive is that or more")
        return "; ".join(words)
