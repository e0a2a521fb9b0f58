"""The key that goes with an identity, for a TLS library that asks in the middle of a handshake (tls.middleware).

Rule 1: it never raises, and waits for nobody: what the registry cannot answer is no.
Rule 2: who asks is a stranger: of what he makes us say, TOLD lines in a minute are told, and the rest is counted.
        A library that asks once for each cipher suite makes one line.
Rule 3: what can be no device's name is no identity, and not worth a line: libraries ask about tickets, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from sealmq.devices.enrollment import check_name
from sealmq.devices.psks import PSKs
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError, HomeError, TrustError

log = logging.getLogger("sealmq.devices")

TOLD: Final = 20
"""Lines in a minute."""

_MINUTE: Final = 60.0
_ONE_HANDSHAKE: Final = 0.1  # seconds between two questions about one identity that may come from one handshake


class PSKLookup:
    """Looks keys up in a registry, in the thread that has opened it. clock: Unix seconds."""

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._psks = PSKs(registry)
        self._clock = clock
        self._since = 0.0
        self._told = 0
        self._untold = 0
        self._latest = ("", 0.0)

    def __call__(self, identity: str) -> bytes | None:
        """The key of this identity, a secret; None when there is none that counts now."""
        now = self._clock()
        try:
            check_name(identity)
            return self._psks.key(self._psks.proved(identity, now).serial)
        except EnrollmentError:
            return None
        except (TrustError, HomeError) as error:
            self._tell(identity, error, now)
            return None

    def _tell(self, identity: str, error: TrustError | HomeError, now: float) -> None:
        said, when = self._latest
        self._latest = (error.what, now)
        if said == error.what and 0 <= now - when < _ONE_HANDSHAKE:
            return
        if not 0 <= now - self._since < _MINUTE:
            if self._untold:
                log.info("... and %s more PSK identities were refused", f"{self._untold:,}")
            self._since, self._told, self._untold = now, 0, 0
        if self._told >= TOLD:
            self._untold += 1
            return
        self._told += 1
        level = logging.WARNING if isinstance(error, TrustError) else logging.ERROR
        next_step = f"; next: {error.remedy}" if error.remedy else ""
        log.log(level, "no key for the PSK identity '%s': %s%s", identity, error.what, next_step)
