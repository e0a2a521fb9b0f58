"""A listener's context for which resuming is of no use: it remembers next to nothing of those who were there.

Python's `ssl` cannot tell OpenSSL to keep no sessions of TLS 1.2, and each that it keeps takes 12 KB for two hours.
What connects here comes once in months. So the context is replaced after some handshakes, and its sessions go with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sealmq.errors import TrustError
from sealmq.tls.openssl import OpenSSLConnection, OpenSSLContext

HANDSHAKES: Final = 256
"""With one context: building another takes 2 ms, a fiftieth of what they took; and 3 MB are the most that is kept."""


class UnresumedContext:
    """A TLSContext that is built anew every HANDSHAKES handshakes.

    build: builds one. Raises TrustError when the files are not as they should be; at the first time that is raised.
    """

    def __init__(self, build: Callable[[], OpenSSLContext]) -> None:
        self._build = build
        self._context = build()

    def connection(self) -> OpenSSLConnection:
        """See TLSContext."""
        if self._context.handshakes >= HANDSHAKES:
            try:
                self._context = self._build()
            except TrustError:
                pass  # the one that there is serves on; whoever changed the files has another built, and hears of it
        return self._context.connection()
