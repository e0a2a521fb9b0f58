"""What `sealmq handshake` has to tell: one Report, from which every form of output is made.

Rule 1: no renderer knows more than the Report; no renderer works anything out.
Rule 2: nothing here is secret: no key, no password, no payload. What a stranger wrote is kept as text that is safe to
        print (`printable` in words.py); a renderer escapes what its own form asks for.
Rule 3: names of fields change only together with SCHEMA_VERSION; docs/reference/handshake.schema.json is made of them.

Times are seconds since the TCP connection was begun; sizes are bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.fields import Field

SCHEMA_VERSION = 1


class Kind(enum.StrEnum):
    """How it ended; each has its exit code."""

    CONNECTED = "connected"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NOT_TLS = "not TLS"
    BROKEN = "broken"

    @property
    def exit_code(self) -> int:
        """0 connected; 1 TLS or MQTT refused; 3 nobody there; 4 something else than TLS; 5 TLS that is broken."""
        return {"connected": 0, "refused": 1, "unreachable": 3, "not TLS": 4, "broken": 5}[self]


class Verdict(enum.StrEnum):
    """Of one rule. "not tested" is never "ok"."""

    OK = "ok"
    BAD = "bad"
    WARNING = "warning"
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom we dialled, or what was captured.

    server_name: what the client asked for (SNI), "" for nothing.
    """

    host: str
    port: int
    address: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended.

    what:   one sentence. why: the likely cause. remedy: lines of words, or a command to type; each without a full
            stop.
    by:     "client" or "server", who ended it; "" where nobody did.
    after:  name of the last message before it, "" where there was none.
    alert:  name of the alert (RFC 8446 section 6), "" for none.
    """

    kind: Kind
    what: str
    why: str = ""
    remedy: str = ""
    by: str = ""
    after: str = ""
    alert: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What both agreed on, in the standard's names.

    psk_identity: the name of the pre-shared key by which both prove themselves, "" before it was said; None: by another
    means.
    """

    version: str
    suite: str
    suite_code: int
    group: str = ""
    server_signature: str = ""
    client_signature: str = ""
    alpn: str = ""
    resumed: bool = False
    psk_identity: str | None = None
    retried: bool = False
    extended_master_secret: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """A record on the wire: length with its header of 5 bytes; carries: what is in it, as far as it is known."""

    number: int
    sender: Sender
    at: float
    length: int
    protected: bool
    content_type: str
    carries: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message of the timeline.

    name:      "ClientHello", "Alert", "application data" ...
    size:      its bytes, 4 of header included.
    gap:       seconds since the message before.
    flight:    number of the flight (Flight) that it belongs to.
    steps:     numbers of the classic steps (Step) that it does.
    line:      what it does, one line. paragraph: the same for whoever wants to know more.
    fields:    its bytes, taken apart. raw: the bytes, in hex; "" for application data.
    """

    number: int
    sender: Sender
    name: str
    size: int
    at: float
    gap: float
    protected: bool
    records: tuple[int, ...]
    flight: int
    steps: tuple[int, ...]
    line: str
    paragraph: str
    fields: tuple[Field, ...] = ()
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """Messages that one end sends without waiting.

    thought: seconds between the last byte of the other end and the first of this flight.
    """

    number: int
    sender: Sender
    bytes: int
    records: int
    at: float
    until: float
    thought: float
    segments_1460: int
    segments_536: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionRow:
    """An extension, as offered and as answered; None: that end did not send it. meaning: one line."""

    code: int
    name: str
    client: str | None
    server: str | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExchange:
    """How the keys were agreed. kind: "ECDHE", "DHE", "hybrid", "RSA", "PSK"."""

    kind: str
    group: str
    client_bytes: int
    server_bytes: int
    forward_secret: bool
    post_quantum: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that a certificate or chain must be. about: position in the chain, None for the whole of it."""

    id: str
    title: str
    verdict: Verdict
    reason: str
    about: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says. readable: False where it is no certificate; then only size and sha256 count."""

    position: int
    size: int
    sha256: str
    readable: bool = True
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    names: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""
    key: str = ""
    signature: str = ""
    key_usages: tuple[str, ...] = ()
    extended_key_usages: tuple[str, ...] = ()
    is_ca: bool = False
    path_length: int | None = None
    subject_key_id: str = ""
    authority_key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The certificates that one end showed, the judgement on them, and its sum in one sentence.

    trusted: None where there was nothing to judge by (no authority given).
    """

    sender: Sender
    certificates: tuple[Certificate, ...]
    rules: tuple[Rule, ...]
    trusted: bool | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuthentication:
    """The client's certificate. result: "not asked", "nothing shown", "accepted", "refused", "unknown"."""

    asked: bool
    authorities: tuple[str, ...]
    signatures: tuple[str, ...]
    result: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketRow:
    """An MQTT packet inside: never a password, never a payload. details: names and values."""

    sender: Sender
    name: str
    size: int
    at: float
    line: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the ten classic steps.

    here: what did it in this connection. otherwise: where today's TLS does it otherwise.
    messages: numbers of the messages (MessageRow) that did it.
    """

    number: int
    title: str
    classic: str
    here: str
    otherwise: str
    messages: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A small fragment was asked for. asked: bytes; honoured: None where it was not tried."""

    asked: int
    honoured: bool | None
    largest: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Bytes on the wire by purpose: "certificates", "signatures", "key exchange", "tickets", "the rest of the hellos",
    "headers, padding and tags", "other messages", "application data", "what could not be read"; they sum to all."""

    what: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the handshake costs a microcontroller, seen from the client."""

    sent: int
    received: int
    largest_record_sent: int
    largest_record_received: int
    largest_message_received: int
    receive_buffer: int
    send_buffer: int
    round_trips: float
    shares: tuple[Share, ...]
    trials: tuple[Trial, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One thing about this connection, and whether who listens in between sees it."""

    id: str
    what: str
    visible: bool
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Of the client's hello.

    stack: what it looks like, "" where it is not known; a guess, and `confidence` says how good.
    """

    ja3: str
    ja3_text: str
    ja4: str
    ja4_text: str
    stack: str = ""
    confidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long it took until each was done.

    tcp: what connecting took, which is a round trip. None: it did not come to that, or it was not seen.
    processor: seconds of processor time that the client's TLS library took until its handshake was done; None where
    the client was somebody else, or the handshake was not done.
    """

    tcp: float | None
    handshake: float | None
    connack: float | None
    processor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """How it was looked at.

    began:   Unix seconds. seen: "callback", "key log", "capture" (of a file) or "wire" (as it passed by).
    library: the client's TLS library where the client was this program, "" where it was somebody else.
    middleware: the name under which it was chosen, "" where it was somebody else's.
    note:    what could not be seen, and why; "" for nothing.
    """

    began: float
    seen: str
    library: str
    sealmq: str
    middleware: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about one connection."""

    target: Target
    outcome: Outcome
    meta: Meta
    timing: Timing
    negotiated: Negotiated | None = None
    records: tuple[RecordRow, ...] = ()
    messages: tuple[MessageRow, ...] = ()
    flights: tuple[Flight, ...] = ()
    extensions: tuple[ExtensionRow, ...] = ()
    key_exchange: KeyExchange | None = None
    chain: Chain | None = None
    client_chain: Chain | None = None
    client_authentication: ClientAuthentication | None = None
    mqtt: tuple[PacketRow, ...] = ()
    steps: tuple[Step, ...] = ()
    cost: Cost | None = None
    eavesdropper: tuple[Exposure, ...] = ()
    fingerprint: Fingerprint | None = None
    schema_version: int = SCHEMA_VERSION
