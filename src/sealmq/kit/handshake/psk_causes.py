"""What an alert tells where a pre-shared key was to prove who is there, or the other end wanted a certificate."""

from __future__ import annotations

from typing import Final

from sealmq.kit.dissect.hello import ClientHello
from sealmq.kit.dissect.registry import TLS13
from sealmq.kit.dissect.suites import suite_parts
from sealmq.kit.handshake.alert_causes import SERVER, Cause, Phase

TAKEN: Final = "taken"
"""The two have chosen a key by arrangement."""

OFFERED: Final = "offered"
"""The client has one, and the server has not taken it by now."""

WANTS_CERTIFICATES: Final = "the client has a pre-shared key to prove itself by, and here the broker takes certificates"

_ANOTHER_KEY: Final = frozenset({"bad_record_mac", "decrypt_error", "decryption_failed"})
_NOTHING_IN_COMMON: Final = frozenset({"handshake_failure", "insufficient_security", "missing_extension"})


def psk_of(hello: ClientHello | None, name: str | None) -> str:
    """TAKEN, OFFERED, or "" where nothing is known of a key.

    name: of the key that was taken, as facts.py has it.
    """
    if name is not None:
        return TAKEN
    if hello is None:
        return ""
    if any(each.name is not None for each in hello.psk_identities):
        return OFFERED
    known = [parts for suite in hello.suites if (parts := suite_parts(suite)) is not None and parts.authentication]
    alone = known and all(parts.authentication == "PSK" for parts in known)
    return OFFERED if alone and TLS13 not in hello.versions else ""  # TLS 1.3 has one list for both


def cause_by_psk(alert: str, sender: str, phase: Phase, psk: str) -> Cause | None:
    """The likely cause; None where the alert says no more than it says without such a key.

    alert, sender, phase: as for alert_causes.cause_of. psk: as psk_of says it.
    """
    if psk == TAKEN and alert in _ANOTHER_KEY and phase <= Phase.DONE:
        # TLS 1.2 has no binder: that the keys differ shows in the first record, which cannot be read (RFC 4279).
        return Cause("psk", "the two have different keys under this identity: neither can read what the other encrypts")
    if psk == OFFERED and phase <= Phase.SERVER_FLIGHT and (sender != SERVER or alert in _NOTHING_IN_COMMON):
        return Cause("psk", WANTS_CERTIFICATES)
    return None
