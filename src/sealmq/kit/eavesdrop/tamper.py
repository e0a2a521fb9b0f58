"""Being the attacker in between: one bit changed, or one packet sent again, once a connection; and what came of it.

MQTT in plaintext: the payload of the first PUBLISH of the device, or that PUBLISH as a whole.
TLS: the first record of the device behind its handshake. Whoever has no keys cannot tell which packet is in it.

Rule 1: what is changed keeps its length, so plaintext MQTT goes on as if nothing were.
Rule 2: a verdict rests on what was seen on the wire afterwards; where that says nothing, the verdict is "unknown".
"""

from __future__ import annotations

import enum
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Sender
from sealmq.kit.dissect.hello import read_server_hello
from sealmq.kit.eavesdrop.events import LONGEST_TEXT, excerpt
from sealmq.kit.eavesdrop.framing import (
    LONGEST_FRAGMENT,
    RECORD_HEADER,
    BrokenFramingError,
    Kind,
    Part,
    Turns,
    Walker,
    body_at,
    level_of,
    packets,
    payload_at,
    records,
)
from sealmq.kit.eavesdrop.sight import Attempt
from sealmq.kit.handshake.exposures import in_words
from sealmq.mqtt.codes import PacketType

ALERT_SIZES: Final = (19, 11)
"""Bytes of the fragment of an encrypted alert in TLS 1.3 without padding: level, description, content type, and a tag
of 16 bytes, or 8 with CCM_8 (RFC 8446 section 5.2)."""

KEPT: Final = 70_000
"""Bytes of a PUBLISH that are kept: its topic, and of one that is sent again all of it."""

HELLO: Final = 8_192
"""Bytes of the broker's first record, in which its ServerHello is."""


class How(enum.StrEnum):
    """What is tried."""

    FLIP = "flip"
    REPLAY = "replay"


class Tamper:
    """What both kinds share: nothing raises, and what cannot be followed is left alone.

    attempt: None until something was done.
    """

    def __init__(self, how: How, client: Walker, server: Walker) -> None:
        self._how = how
        self._walkers: dict[Sender, Walker | None] = {Sender.CLIENT: client, Sender.SERVER: server}
        self.attempt: Attempt | None = None

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        """What is to be sent in place of `data`. Each byte of both ends has to come past here."""
        walker = self._walkers[sender]
        if walker is None:
            return data
        replaced = data
        try:
            for part in walker.receive_data(data):
                if sender is Sender.SERVER:
                    self._from_server(part, at)
                    continue
                changed = self._from_client(part, data, at)
                if changed is not None:
                    replaced = changed
        except BrokenFramingError:
            self._walkers[sender] = None
        return replaced

    def ended(self, sender: Sender, at: float) -> None:
        """This end sends no more."""

    def over(self, at: float) -> None:
        """The connection is over: what is not known by now stays unknown."""

    def _from_client(self, part: Part, data: bytes, at: float) -> bytes | None:
        """Look at a part of what the device sends; what all of `data` becomes, None for what it is."""
        return None

    def _from_server(self, part: Part, at: float) -> None:
        """Look at a part of what the broker sends."""

    def _conclude(self, verdict: str, outcome: str) -> None:
        if self.attempt is not None and not self.attempt.outcome:
            self.attempt.verdict = verdict
            self.attempt.outcome = outcome


class PlaintextTamper(Tamper):
    """For MQTT that nobody seals."""

    def __init__(self, how: How) -> None:
        super().__init__(how, packets(KEPT), packets(16))
        self._level = 0
        self._qos = 0
        self._packet_id = b""
        self._acknowledged = 0
        self._server_ended: float | None = None

    def _from_client(self, part: Part, data: bytes, at: float) -> bytes | None:
        kind = part.kept[0] >> 4
        if kind == PacketType.CONNECT and part.is_last:
            self._level = level_of(part.kept)
        if kind != PacketType.PUBLISH or self.attempt is not None or not self._level or not part.length:
            return None
        begin = payload_at(part.kept, self._level)
        if not begin:
            return None
        return self._replay(part, data, at) if self._how is How.REPLAY else self._flip(part, data, at, begin)

    def _flip(self, part: Part, data: bytes, at: float, begin: int) -> bytes | None:
        start = part.start + max(begin - part.offset, 0)
        payload = data[start : part.end]
        if not payload:
            return None
        place, mask = _visible_bit(payload)
        changed = flip(data, start + place, mask)
        before, after = excerpt(payload, 24), excerpt(changed[start : part.end], 24)
        self._remember(part, at, f"one bit of a payload was changed: {before} became {after}")
        return changed

    def _replay(self, part: Part, data: bytes, at: float) -> bytes | None:
        if not part.is_whole:
            return None
        self._remember(part, at, "a PUBLISH was sent a second time, as it had been")
        return data[: part.end] + bytes(part.kept) + data[part.end :]

    def _remember(self, part: Part, at: float, what: str) -> None:
        body = body_at(part.kept)
        end = body + 2 + int.from_bytes(part.kept[body : body + 2], "big")
        topic = excerpt(bytes(part.kept[body + 2 : end]), LONGEST_TEXT)
        self._qos = part.kept[0] >> 1 & 3
        self._packet_id = bytes(part.kept[end : end + 2]) if self._qos else b""
        self.attempt = Attempt(self._how, f"{what}; topic {topic}", at)

    def _from_server(self, part: Part, at: float) -> None:
        if self.attempt is None or not part.is_last:
            return
        kind = part.kept[0] >> 4
        if kind not in (PacketType.PUBACK, PacketType.PUBREC) or not self._qos:
            return
        body = body_at(part.kept)
        if bytes(part.kept[body : body + 2]) != self._packet_id:
            return
        later = _later(self.attempt.at, at)
        if part.length > body + 2 and part.kept[body + 2] >= 0x80:
            self._conclude("unknown", f"the broker allows this message from nobody: it refused it {later} later")
            return
        self._acknowledged += 1
        if self._how is How.FLIP:
            self._conclude("taken", f"the broker swallowed it: it acknowledged the changed message {later} later")
        elif self._acknowledged == 2:
            open_ = " (at QoS 2 it counts once while the first is unfinished)" if self._qos == 2 else ""
            self._conclude("taken", f"the broker swallowed it: it acknowledged both{open_}")

    def ended(self, sender: Sender, at: float) -> None:
        """Who left first says something, where nothing was acknowledged."""
        if self.attempt is None:
            return
        later = _later(self.attempt.at, at)
        if sender is Sender.SERVER:
            self._conclude("unknown", f"the broker ended the connection {later} later; it may have had another reason")
        elif not self._qos:
            self._conclude("taken", f"the broker swallowed it: nothing objected until the device left, {later} later")

    def over(self, at: float) -> None:
        """The connection is over."""
        self._conclude("unknown", "the connection was over before the broker answered")


class SealedTamper(Tamper):
    """For TLS: which record is the first behind the handshake follows from the order of the records alone.

    TLS 1.2: application data has its own outer type. TLS 1.3: the broker must have answered to what the device sent
    encrypted, which begins with the end of its handshake; so what the device sends next is no handshake any more.
    """

    def __init__(self, how: How) -> None:
        keep = RECORD_HEADER + LONGEST_FRAGMENT if how is How.REPLAY else RECORD_HEADER
        super().__init__(how, records(keep), records(HELLO))
        self._is_tls13: bool | None = None
        self._turns = Turns()
        self._aim = -1
        self._alert: tuple[float, int] | None = None

    def _from_client(self, part: Part, data: bytes, at: float) -> bytes | None:
        if not part.length:
            return None
        if part.kept[0] == ContentType.APPLICATION_DATA:
            if self._aim < 0 and part.offset < RECORD_HEADER and self._is_behind_the_handshake():
                self._aim = RECORD_HEADER + (part.length - RECORD_HEADER) // 2
            self._turns.take(Sender.CLIENT)
        if self._aim < 0 or self.attempt is not None:
            return None
        size = in_words(part.length, "byte")
        if self._how is How.REPLAY:
            if not part.is_whole:
                return None
            self.attempt = Attempt(self._how, f"an encrypted record of {size} was sent a second time", at)
            return data[: part.end] + bytes(part.kept) + data[part.end :]
        place = self._aim - part.offset
        if not 0 <= place < part.end - part.start:
            return None
        self.attempt = Attempt(self._how, f"one bit of an encrypted record of {size} was changed", at)
        return flip(data, part.start + place, 1)

    def _is_behind_the_handshake(self) -> bool:
        return self._is_tls13 is False or self._turns.count == 3

    def _from_server(self, part: Part, at: float) -> None:
        if not part.is_last:
            return
        kind = part.kept[0]
        if kind == ContentType.HANDSHAKE and self._is_tls13 is None:
            self._is_tls13 = _is_tls13(bytes(part.kept))
        if kind == ContentType.APPLICATION_DATA:
            self._turns.take(Sender.SERVER)
        if self.attempt is not None and self._alert is None:
            sealed = kind == ContentType.APPLICATION_DATA and part.length - RECORD_HEADER in ALERT_SIZES
            if kind == ContentType.ALERT or (self._is_tls13 and sealed):
                self._alert = (at, part.length)

    def ended(self, sender: Sender, at: float) -> None:
        """The broker's end is what the attack is judged by."""
        if self.attempt is None or (sender is Sender.CLIENT and self._alert is None):
            return
        if self._alert is None:
            how = f"the broker ended the connection {_later(self.attempt.at, at)} later"
        else:
            when, size = self._alert
            how = (
                f"a record of {size} bytes, the size of an encrypted alert, came {_later(self.attempt.at, when)} later"
            )
            how += ", and the connection ended"
        again = " a second time" if self._how is How.REPLAY else ""
        self._conclude("refused", f"TLS refused it: {how}; not one byte of it was delivered{again}")

    def over(self, at: float) -> None:
        """Nobody ended the connection because of it, as far as it was seen."""
        if self.attempt is not None:
            later = _later(self.attempt.at, at)
            self._conclude("unknown", f"the device left {later} later, before the broker was heard")


def tamper_for(kind: Kind, how: How) -> Tamper | None:
    """The attack for a connection of this kind; None where there is none."""
    if kind is Kind.PLAINTEXT:
        return PlaintextTamper(how)
    return SealedTamper(how) if kind is Kind.TLS else None


def flip(data: bytes, place: int, mask: int) -> bytes:
    """`data` with the bits of `mask` turned over in one byte."""
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def _visible_bit(payload: bytes) -> tuple[int, int]:
    """A byte and a bit of it that a person sees changed: a digit becomes another digit, or a letter another."""
    for characters in (b"0123456789", _LETTERS):
        for place, byte in enumerate(payload[:256]):
            if byte in characters:
                return place, 1 if byte ^ 1 in characters else 2
    return 0, 1


_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _is_tls13(record: bytes) -> bool | None:
    """The version that the broker's first handshake record chose; None where that cannot be read."""
    body = record[RECORD_HEADER:]
    message = body[: 4 + int.from_bytes(body[1:4], "big")]
    try:
        return read_server_hello(message).version == 0x0304
    except TLSError:
        return None


def _later(before: float, after: float) -> str:
    return f"{(after - before) * 1000:.0f} ms"
