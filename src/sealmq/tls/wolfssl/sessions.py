"""What clients resume with at a listener: sessions that are kept here, each under a number that nobody can guess.

wolfSSL would carry the session in the ticket, encrypted by a key of its own, and then not know whose it was: the
client's certificate is not in it (before 5.9). Its cache of sessions is one for the whole process: whoever was revoked
could go on by another listener. So the ticket is a key to what lies here (RFC 5077 section 5.5 has nothing against it).

Rule 1: a store belongs to one context. With a new context nobody of the old one is resumed.
Rule 2: it is bounded: the session that was used least lately goes first.
Rule 3: who ended properly, or was only cut off by TCP, may resume; who failed may not.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from sealmq.tls.resumption import LIFETIME

CAPACITY = 10_240
"""Sessions of one listener. Each takes 1 KB and a certificate: 16 MB in all."""

HANDLE = 64
"""Bytes: wolfSSL's fields around a ticket have room for as many, and refuse those that are empty."""


@dataclass(frozen=True, slots=True)
class Session:
    """One client that may come again.

    secret:       what wolfSSL wants back: version, suite, secrets.
    certificate:  DER that the client proved; b"" for none.
    psk_identity: the name that it proved; "" for none.
    born:         seconds, by the clock of wolfSSL.
    """

    secret: bytes = field(repr=False)
    certificate: bytes
    psk_identity: str
    born: int


class Sessions:
    """Sessions by handle.

    lifetime: seconds for which one can be resumed.
    """

    def __init__(self, *, capacity: int = CAPACITY, lifetime: float = LIFETIME) -> None:
        self._capacity = capacity
        self.lifetime = lifetime
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def keep(self, session: Session, handle: bytes = b"") -> bytes:
        """Keep a session; returns its handle: a new one, unless wolfSSL has given it one, a session ID."""
        handle = handle or secrets.token_bytes(HANDLE)
        self._sessions[handle] = session
        while len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)
        return handle

    def find(self, handle: bytes, now: int) -> Session | None:
        """The session with that handle; None when there is none any more. now: as for `Session.born`."""
        session = self._sessions.get(handle)
        if session is None:
            return None
        if not 0 <= now - session.born <= self.lifetime:
            del self._sessions[handle]
            return None
        self._sessions.move_to_end(handle)
        return session

    def forget(self, handle: bytes) -> None:
        """Nobody resumes it."""
        self._sessions.pop(handle, None)
