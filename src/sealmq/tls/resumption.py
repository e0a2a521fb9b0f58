"""What a client resumes with: a session that we keep, or a ticket that carries it.

RFC 8446 section 4.6.1 leaves open which of the two a ticket is. For a device with a certificate of ours:

    kept       The ticket is a key of 32 bytes to the session that we have. OpenSSL needs for a resumed handshake a
               third of a full one's time (TLS 1.3: 0.22 of 0.72 ms). But whoever is gone leaves 12 KB with us for two
               hours, 10 of them its certificate as OpenSSL holds it.
    carried    The ticket is the session, encrypted: 0.6 KB and more, certificate included. Reading that again is most
               of what a resumed handshake costs then, two thirds of a full one. It takes no memory.

Rule 1: sessions are kept while there is room, and carried from when there is none until half of it is free. Clients
        that never resume, or that come and go by the ten thousand, are no reason to hold memory for them. One device
        that makes full handshakes in a loop can use the room up: then each other device needs one full handshake where
        it would have been resumed, and after it is resumed again, at the higher price.
Rule 2: counted are certificates. A session that began with a resumption (TLS 1.3 gives each connection a new one)
        shares that of the session before, and so costs 1.5 KB; of those OpenSSL drops the oldest, when all sessions of
        a listener are more than CACHE.
Rule 3: what was kept on a context that was replaced can be resumed by nobody (context.py), but is there, in OpenSSL,
        for as long as a link that began on it. So it counts.

A ticket that carries a session is encrypted with a key that is as old as the context, and with TLS 1.2 whoever steals
that key can read what was recorded before. So keeping is the better choice for secrecy, too.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sealmq.tls.openssl import OpenSSLContext

LIFETIME = 7_200.0
"""Seconds for which a session can be resumed: OpenSSL's default."""

CACHE = 20_480
"""Sessions that OpenSSL keeps for one listener: its default, as Python's `ssl` can't set it."""

TIDY = 256
"""Handshakes of a listener between two looks of OpenSSL for sessions that are over, to drop them."""


def room(connections: int) -> int:
    """Certificates that may be kept where so many links may stand: theirs, and a quarter more.

    Those of links that stand cost nothing, as the link has them anyway. When all are gone, 12,500 take 150 MB, less
    than half of what 10,000 links took.
    """
    return min(connections + connections // 4 + 1, CACHE)


class Resumption:
    """Says to all contexts of one server whether they keep sessions.

    keeps: they do at present.
    """

    def __init__(self) -> None:
        self.keeps = True
        self._contexts: WeakKeyDictionary[OpenSSLContext, _Count] = WeakKeyDictionary()

    def watch(self, context: OpenSSLContext, now: float) -> OpenSSLContext:
        """A context is about to be used; it is counted until the last of its links is gone."""
        context.keep_sessions(self.keeps)
        self._contexts[context] = _Count(now)
        return context

    def look(self, connections: int, now: float) -> None:
        """Is there room? To call at every tick. connections: the links that may stand."""
        kept = sum(count.certificates(context, now) for context, count in list(self._contexts.items()))
        enough = room(connections)
        keep = kept < (enough if self.keeps else enough // 2)
        if keep != self.keeps:
            self.keeps = keep
            for context in list(self._contexts):
                context.keep_sessions(keep)


class _Count:
    """The certificates that one context keeps, as far as can be known: never fewer than there are."""

    __slots__ = ("_begun", "_over", "_since", "_tidy")

    def __init__(self, now: float) -> None:
        self._since = now
        self._begun = 0  # full handshakes until `_since`
        self._over = 0  # full handshakes whose sessions are over, and were dropped
        self._tidy: int | None = None  # handshakes after which those of `_begun` have been dropped

    def certificates(self, context: OpenSSLContext, now: float) -> int:
        """Full handshakes of the last two to four hours; but no more than there are sessions."""
        full = context.handshakes - context.resumed
        if now - self._since >= LIFETIME:
            if self._tidy is None:
                self._tidy = context.handshakes + TIDY
            elif context.handshakes >= self._tidy:
                self._over, self._begun, self._since, self._tidy = self._begun, full, now, None
        return min(full - self._over, context.kept)
