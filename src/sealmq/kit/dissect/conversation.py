"""What was seen of one TLS connection: records and messages, whichever way they were seen.

Two ways make it: OpenSSL's message callback on a connection of our own (kit/handshake/tap.py), and the bytes on the
wire with a key log (reading.py). Both give the same, which a test holds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Sender(enum.StrEnum):
    """Who sent it."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Sender:
        """The other end."""
        return Sender.SERVER if self is Sender.CLIENT else Sender.CLIENT


class ContentType(enum.IntEnum):
    """RFC 8446 section 5.1; heartbeat is RFC 6520's."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24


@dataclass(frozen=True, slots=True)
class Record:
    """One TLS record (RFC 8446 section 5.1).

    number:       its place among the records of both ends, 0 first, in the order in which they were seen.
    content_type: the outer one, as its header has it.
    version:      legacy_record_version, as its header has it.
    offset:       of its header in all that this end has sent, bytes.
    length:       of its fragment as its header has it, bytes; on the wire it is 5 more.
    at:           seconds since the connection was begun, when its last byte was there.
    protected:    encrypted.
    inner_type:   what it carries; of a protected record of TLS 1.3 only known where it could be opened, else None.
    content:      bytes that it carries without header, padding, tag; of a protected one None where nobody could look.
    padding:      bytes of padding, of a protected record that was opened; of CBC with the byte that says how many.
    """

    sender: Sender
    number: int
    content_type: int
    version: int
    offset: int
    length: int
    at: float
    protected: bool = False
    inner_type: int | None = None
    content: int | None = None
    padding: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One handshake message, alert, ChangeCipherSpec, or record of application data.

    number:    its place among the messages of both ends, 0 first.
    kind:      its content type, the inner one.
    type:      the HandshakeType; of an alert its description; else 0.
    body:      its bytes, decrypted: of a handshake message its header of 4 bytes too, of an alert level and
               description. Of application data nothing: that is in `Conversation.application`.
    records:   numbers of the records that carried it, in order.
    at:        seconds since the connection was begun, when its last byte was there.
    protected: it went over the wire encrypted.
    """

    sender: Sender
    number: int
    kind: int
    type: int
    body: bytes
    records: tuple[int, ...]
    at: float
    protected: bool


@dataclass(slots=True)
class Conversation:
    """All that was seen of one connection.

    sent:        bytes that each end put on the wire.
    application: the application data of each end, decrypted, as far as it was kept; b"" where nobody could look.
    ended:       who closed its direction, and when (seconds), in the order of time.
    trouble:     what could not be read, in words, in the order of time; the reading of that end stops there.
    opened:      False as soon as one protected record could not be opened: then messages are missing.
    """

    records: list[Record] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sent: dict[Sender, int] = field(default_factory=lambda: {Sender.CLIENT: 0, Sender.SERVER: 0})
    application: dict[Sender, bytes] = field(
        default_factory=lambda: {Sender.CLIENT: b"", Sender.SERVER: b""}, repr=False
    )  # payloads, and a password, in no log and no traceback
    ended: list[tuple[Sender, float]] = field(default_factory=list)
    trouble: list[Trouble] = field(default_factory=list)
    opened: bool = True

    def find(self, sender: Sender, kind: int, type_: int) -> Message | None:
        """The first such message, or None."""
        return next((one for one in self.messages if (one.sender, one.kind, one.type) == (sender, kind, type_)), None)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something on the wire that is not as it must be.

    what:  one sentence without a full stop at its end.
    kind:  "not TLS", "broken" (a record or message breaks the rules), "too much" (a bound of ours was met),
           "cut" (it ended in the middle) or "sealed" (encrypted, and nobody gave the keys).
    first: the first bytes of what was met there, at most 64.
    """

    sender: Sender
    kind: str
    what: str
    at: float
    first: bytes = b""
