"""One connection, looked at and reported: what `sealmq handshake HOST` does."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sealmq.addresses import is_address
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.dial import Call, Seen, dial_in_either_level
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.fragments import try_fragments
from sealmq.kit.handshake.report import Report, Trial
from sealmq.kit.handshake.reporting import report_of_call
from sealmq.kit.handshake.situations import outcome_of_call
from sealmq.kit.handshake.without_tls import takes_plaintext


@dataclass(frozen=True, slots=True)
class Looked:
    """A connection and its report."""

    seen: Seen
    report: Report


def look(call: Call, *, resume: Seen | None = None, probes: bool = False) -> Looked:
    """Dial, and report of it.

    probes: ask for small records too, and a broker that is silent in TLS for an answer without: in connections of their
    own.

    Raises ConfigError or TrustError when the call itself cannot be made.
    """
    seen = dial_in_either_level(call, resume=resume)
    facts = find_facts(seen.conversation)
    asks = probes and facts.server_hello is not None and call.credentials.psk is None  # whose hello is another
    trials = _trials(seen) if asks else ()
    now = time.time()
    plaintext = probes and _heard_nothing(seen) and takes_plaintext(seen.remote, timeout=call.timeout)
    outcome = outcome_of_call(seen, facts, now=now, takes_plaintext=plaintext)
    return Looked(seen, report_of_call(seen, outcome, facts, now=now, trials=trials))


def _heard_nothing(seen: Seen) -> bool:
    return seen.connected_at is not None and not seen.conversation.sent[Sender.SERVER]


def _trials(seen: Seen) -> tuple[Trial, ...]:
    usual = max((one.length for one in seen.conversation.records if one.sender is Sender.SERVER), default=0)
    name = seen.call.name if not is_address(seen.call.name) else ""
    return try_fragments(seen.remote, usual=usual, server_name=name, timeout=seen.call.timeout)
