"""How a client would resume TLS 1.2: by a ticket (RFC 5077), or by a session ID alone (RFC 5246 section 7.4.1.2).

A client may have no tickets, and a server keep no sessions. Then both resume, and not with each other.
"""

from __future__ import annotations

from typing import Final

from sealmq.kit.dissect.hello import read_client_hello

_SESSION_TICKET: Final = 35
"""The extension's number."""

_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
"""Bytes, before the message that is first in a flight, and before its body."""


def has_tickets(flight: bytes) -> bool:
    """Does a client whose first flight this is take tickets? Raises TLSError when it begins with no hello."""
    length = _MESSAGE_HEADER + int.from_bytes(flight[_RECORD_HEADER + 1 : _RECORD_HEADER + _MESSAGE_HEADER], "big")
    hello = read_client_hello(flight[_RECORD_HEADER : _RECORD_HEADER + length])  # it stands in one record
    return any(each.code == _SESSION_TICKET for each in hello.extensions)
