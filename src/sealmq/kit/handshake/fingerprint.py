"""The fingerprint of a client in a conversation: what it can be known by again, and which library it looks like."""

from __future__ import annotations

from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Sender
from sealmq.kit.dissect.hello import CLIENT_HELLO, ClientHello, read_client_hello
from sealmq.kit.handshake.ja import ja3, ja4
from sealmq.kit.handshake.report import Fingerprint
from sealmq.kit.handshake.stacks import guess_stack

LONGEST_TEXT: Final = 4096
"""Signs of a text that are shown; a hello of 256 KiB would make one of 200 KB. The hashes are of the whole."""


def fingerprint_of(conversation: Conversation) -> Fingerprint | None:
    """Of the client's first hello; None where there was none that can be read.

    A second one, after a HelloRetryRequest, repeats the first with what the server wanted (RFC 8446 section 4.1.2).
    """
    message = conversation.find(Sender.CLIENT, ContentType.HANDSHAKE, CLIENT_HELLO)
    if message is None:
        return None
    try:
        return fingerprint(read_client_hello(message.body))
    except TLSError:
        return None


def fingerprint(hello: ClientHello) -> Fingerprint:
    """JA3, JA4 and the guess of one hello."""
    ja3_hash, ja3_text = ja3(hello)
    ja4_hash, ja4_text = ja4(hello)
    stack, confidence = guess_stack(hello)
    return Fingerprint(
        ja3=ja3_hash,
        ja3_text=_short(ja3_text),
        ja4=ja4_hash,
        ja4_text=_short(ja4_text),
        stack=stack,
        confidence=confidence,
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
