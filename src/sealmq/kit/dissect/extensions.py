"""Extensions of TLS messages: taken apart one by one, so that one that lies does not hide the others.

Rule 1: an extension whose bytes contradict themselves is kept, and says so; only the list of them raises TLSError.
Rule 2: at most MOST_EXTENSIONS in one list; honest messages have some twenty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sealmq.errors import TLSError
from sealmq.kit.dissect.extension_bodies import Place, reader_of
from sealmq.kit.dissect.fields import Cursor, Field
from sealmq.kit.dissect.registry import tell_extension

MOST_EXTENSIONS = 256
LONGEST_WORDS = 1000
"""Signs of an extension's words, at most."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension.

    code:    its number (IANA, "TLS ExtensionType Values").
    body:    its bytes, without type and length.
    offset:  of the first byte of `body` in the message.
    value:   what it says, in words; safe to print.
    fields:  what `body` is made of.
    trouble: why it cannot be taken apart, in words; "" when it can.
    """

    code: int
    body: bytes
    offset: int
    value: str
    fields: tuple[Field, ...]
    trouble: str = ""

    @property
    def name(self) -> str:
        """ "server_name"."""
        return tell_extension(self.code)

    def numbers(self, length_bytes: int, size: int) -> tuple[int, ...]:
        """The body as a list of numbers; empty when it cannot be taken apart."""
        return () if self.trouble else Cursor(self.body).numbers(length_bytes, size, self.name, "")


def take_extensions(cursor: Cursor, place: Place, name: str = "extensions") -> tuple[Extension, ...]:
    """The list of extensions at `cursor` (RFC 8446 section 4.2), which stands in the message `place`.

    Raises TLSError when the list itself contradicts its lengths, or has more than MOST_EXTENSIONS.
    """
    inner = cursor.vector(2, name)
    found: list[Extension] = []
    while inner.left:
        if len(found) == MOST_EXTENSIONS:
            raise TLSError(f"there are more than {MOST_EXTENSIONS} extensions", "decode_error", sent=False)
        found.append(_take(inner, place))
    cursor.close(inner, name, {0: "none", 1: "1 extension"}.get(len(found), f"{len(found)} extensions"))
    return tuple(found)


def _take(cursor: Cursor, place: Place) -> Extension:
    code = cursor.number(2, "extension_type", tell_extension)
    kind = cursor.fields.pop()
    inner = cursor.vector(2, tell_extension(code))
    offset = inner.at
    body = inner.copy()
    trouble = ""
    try:
        value = reader_of(code)(inner, place)
        inner.expect_end(tell_extension(code))
    except TLSError as error:
        trouble = error.what
        value = f"cannot be taken apart: {error.what}"
        inner.give_up(error.what)
    value = printable_words(value)
    fields = tuple(inner.fields)
    data = Field("extension_data", offset, len(body), value, fields)
    length = offset + len(body) - kind.offset
    cursor.fields.append(Field(tell_extension(code), kind.offset, length, value, (kind, data)))
    return Extension(code, body, offset, value, fields, trouble)


def printable_words(value: str) -> str:
    """Words that are safe already, cut off where they are many."""
    return value if len(value) <= LONGEST_WORDS else f"{value[:LONGEST_WORDS]}..."


def find(extensions: Iterable[Extension], code: int) -> Extension | None:
    """The first one of that number, or None."""
    return next((one for one in extensions if one.code == code), None)


MEANINGS: dict[int, str] = {
    0: "which name the client wants to talk to: one address can serve many",
    1: "no record may carry more than so many bytes: for devices with little memory",
    2: "the client's certificate is to be fetched from an address",
    3: "which authorities the client trusts",
    4: "a shorter checksum in each record, which weakens it",
    5: "the server is asked to show at once that its certificate is not revoked (OCSP stapling)",
    9: "which kinds of certificate are understood, besides X.509",
    10: "which curves and other groups can be used to agree on keys, the best first",
    11: "how points of curves may be written; only one way is left in use",
    12: "the user's name, for a password in place of a certificate (SRP)",
    13: "which signatures can be checked: kinds of key and hash, the best first",
    14: "which protection is used for media (SRTP)",
    15: "signs of life inside TLS: hardly used, and once the place of Heartbleed",
    16: "which protocol is to be spoken inside: MQTT, HTTP/2 and so on",
    17: "as status_request, for the whole chain",
    18: "proof that the certificate stands in public logs (Certificate Transparency)",
    19: "which kinds of certificate the client can show: X.509 or a bare public key",
    20: "which kinds of certificate the server can show: X.509 or a bare public key",
    21: "bytes without meaning that bring the hello to another length: some old servers fail at certain lengths",
    22: "in TLS 1.2 with CBC: encrypt first, then protect against change, which is the safer order",
    23: "the session's secret is bound to this very handshake, so that two cannot be mixed up (TLS 1.2)",
    24: "cookies and the like can be bound to this connection",
    25: "which certificates the client has kept, so that they need not be sent again",
    27: "certificates may come compressed: fewer bytes on the wire",
    28: "no record may carry more than so many bytes, in either direction: for devices with little memory",
    34: "a certificate's owner may pass on the right to answer for it, for a few days",
    35: "a ticket lets the client come back without a whole handshake (TLS 1.2)",
    41: "both know a key already, from a ticket or by arrangement: no certificate is needed",
    42: "the client sends data before the server has answered: fast, and open to being sent again by others",
    43: "which TLS versions are allowed; since TLS 1.3 only this list counts",
    44: "the server gave the client this to send back, and so need not remember it",
    45: "how a known key may be used: with a fresh exchange beside it (psk_dhe_ke) or alone (psk_ke)",
    47: "which authorities' certificates are accepted",
    48: "which properties the client's certificate must have",
    49: "the server may ask for a certificate later, in the middle of the connection",
    50: "which signatures can be checked in certificates, where it differs from those of the handshake",
    51: "the client's or server's half of the key agreement, sent at once: it saves a journey to and fro",
    54: "the connection has a number, and so survives a new address (DTLS)",
    57: "settings of QUIC, which has TLS inside",
    58: "how many tickets for coming back the client wants",
    13172: "which protocol is to be spoken inside, in an old way before ALPN",
    17513: "settings of the protocol inside, sent along (an experiment of browsers)",
    17613: "settings of the protocol inside, sent along (an experiment of browsers)",
    0xFE0D: "the real hello stands in here, encrypted: nobody on the way sees the name that is asked for",
    0xFF01: "a later handshake on this connection is bound to this one, so that nobody can slip in between",
}
"""What each is for, in one line, for a person."""


def meaning_of(code: int) -> str:
    """The line of MEANINGS; for a number that is none of them, a line that says what it is."""
    if code in MEANINGS:
        return MEANINGS[code]
    if tell_extension(code).startswith("GREASE"):
        return "means nothing: sent so that servers stay used to skipping what they do not know"
    return "not one of those that are explained here"
