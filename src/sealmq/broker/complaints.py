"""What is told of refusals: the first few of each session, then every tenfold; a client must not write our log."""

from __future__ import annotations

import logging

from sealmq.broker.sessions import Session

log = logging.getLogger("sealmq.broker")

TOLD = 3
"""Refusals of a session that are told one by one: enough to see what is wrong."""


def is_told(count: int) -> bool:
    """Is the refusal of this number one that is told?"""
    return count <= TOLD or str(count).rstrip("0") == "1"


def tell_refusal(session: Session, action: str, topic: str, why: str) -> None:
    """Count a refusal, and say it in the log when it is worth a line. `action`: "publish to", "subscribe to"."""
    session.refusals += 1
    if not is_told(session.refusals):
        return
    note = ""
    if session.refusals >= TOLD:
        note = (
            f" (refusal number {session.refusals:,} of this session; of those that follow, only every tenfold is told)"
        )
    log.info("%s (client %r) may not %s %r: %s%s", *session.key, action, topic, why, note)
