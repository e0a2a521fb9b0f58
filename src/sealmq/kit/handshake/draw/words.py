"""What all forms of output share: text that is safe to show, numbers with units, signs, and what a message is for."""

from __future__ import annotations

import enum
import unicodedata
from typing import Final

from sealmq.kit.handshake.report import Kind, MessageRow, Report, Verdict

LONGEST_TEXT: Final = 600
"""Characters of one text that are shown; a longer one ends in an ellipsis."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that move the cursor, turn the direction of writing, or can't be seen."""


class Purpose(enum.StrEnum):
    """What a message is for: its colour."""

    HELLO = "hello"
    CERTIFICATE = "certificate"
    KEY_EXCHANGE = "key exchange"
    FINISHED = "finished"
    TICKET = "ticket"
    APPLICATION = "application"
    ALERT = "alert"
    OTHER = "other"


_PURPOSES: Final = {
    "ClientHello": Purpose.HELLO,
    "ServerHello": Purpose.HELLO,
    "HelloRetryRequest": Purpose.HELLO,
    "HelloRequest": Purpose.HELLO,
    "EncryptedExtensions": Purpose.HELLO,
    "ServerHelloDone": Purpose.HELLO,
    "EndOfEarlyData": Purpose.HELLO,
    "Certificate": Purpose.CERTIFICATE,
    "CompressedCertificate": Purpose.CERTIFICATE,
    "CertificateRequest": Purpose.CERTIFICATE,
    "CertificateStatus": Purpose.CERTIFICATE,
    "CertificateVerify": Purpose.CERTIFICATE,
    "ServerKeyExchange": Purpose.KEY_EXCHANGE,
    "ClientKeyExchange": Purpose.KEY_EXCHANGE,
    "KeyUpdate": Purpose.KEY_EXCHANGE,
    "ChangeCipherSpec": Purpose.FINISHED,
    "Finished": Purpose.FINISHED,
    "NewSessionTicket": Purpose.TICKET,
    "application data": Purpose.APPLICATION,
    "Alert": Purpose.ALERT,
}

SIGNS: Final = {Verdict.OK: "✓", Verdict.BAD: "✗", Verdict.WARNING: "!", Verdict.NOT_TESTED: "·"}
WORDS: Final = {Verdict.OK: "ok", Verdict.BAD: "bad", Verdict.WARNING: "warning", Verdict.NOT_TESTED: "not tested"}
OUTCOME_VERDICTS: Final = {kind: Verdict.OK if kind is Kind.CONNECTED else Verdict.BAD for kind in Kind}


def purpose_of(message: MessageRow) -> Purpose:
    """What it is for, by its name; an alert's name may say which one it is."""
    found = _PURPOSES.get(message.name)
    return found or (Purpose.ALERT if message.name.startswith("Alert") else Purpose.OTHER)


def one_line(text: str, most: int = LONGEST_TEXT) -> str:
    """The text without anything that a screen would obey: such characters stand there as escapes, `\\x1b`, `\\u202e`.

    most: characters; what is longer is cut off and ends in an ellipsis.
    """
    cut = len(text) > most
    if cut:
        text = text[: max(most - 1, 0)]
    if not text.isascii() or not text.isprintable():
        text = "".join(_escaped(each) if unicodedata.category(each) in _UNSEEN else each for each in text)
    return text + "…" if cut else text


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_bytes(count: int) -> str:
    """1,234 B."""
    return f"{count:,} B"


def in_time(seconds: float | None) -> str:
    """3.72 ms, 310 µs, 2.50 s; "-" for what was not measured."""
    if seconds is None:
        return "-"
    if abs(seconds) >= 1:
        return f"{seconds:,.2f} s"
    if abs(seconds) >= 0.0001 or seconds == 0:
        milliseconds = seconds * 1e3
        return f"{milliseconds:.0f} ms" if abs(milliseconds) >= 100 else f"{milliseconds:.2f} ms"
    return f"{seconds * 1e6:.0f} µs"


def many(count: int, one: str) -> str:
    """1 record, 2 records, 3 flights."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def where(report: Report) -> str:
    """Whom it was about: host, port, and the address where that says more."""
    target = report.target
    host = f"[{target.host}]" if ":" in target.host else target.host
    more = f" ({target.address})" if target.address and target.address != target.host else ""
    return one_line(f"{host}:{target.port}{more}")


def summary(report: Report) -> str:
    """Version, suite and group on one line; "" where nothing was agreed."""
    if report.negotiated is None:
        return ""
    agreed = report.negotiated
    return one_line(" · ".join(part for part in (agreed.version, agreed.suite, agreed.group) if part))


def properties(report: Report) -> list[str]:
    """Of what was agreed: forward secret or not, post-quantum or not, resumed ..."""
    said = []
    if report.key_exchange is not None:
        said.append("forward secret" if report.key_exchange.forward_secret else "NOT forward secret")
        said.append("post-quantum key exchange" if report.key_exchange.post_quantum else "not post-quantum")
    if report.negotiated is not None:
        said += ["resumed"] if report.negotiated.resumed else []
        said += ["pre-shared key"] if report.negotiated.psk_identity is not None else []
        said += ["retried (HelloRetryRequest)"] if report.negotiated.retried else []
        said += ["no extended master secret"] if report.negotiated.extended_master_secret is False else []
        said += [f"ALPN {one_line(report.negotiated.alpn, 40)}"] if report.negotiated.alpn else []
    return said


def encrypted_from(messages: tuple[MessageRow, ...]) -> int | None:
    """Place of the first message from which on all are protected; a ChangeCipherSpec never is, and does not count."""
    found = None
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].protected:
            found = place
        elif messages[place].name != "ChangeCipherSpec":
            break
    return found
