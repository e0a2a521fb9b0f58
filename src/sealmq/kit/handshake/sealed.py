"""How a connection ended that nobody could open: what record sizes, their order and the ends say, and no more.

Rule 1: what is not known is not said: whether the broker let the client in stands in CONNACK, which is sealed.
Rule 2: TLS 1.2 shows an alert by its content type. TLS 1.3 hides it (RFC 8446 section 5.4), but not its size: an alert
        is two bytes, and no message of the handshake is that small.
"""

from __future__ import annotations

from typing import Final

from sealmq.kit.dissect.conversation import ContentType, Conversation, Record, Sender
from sealmq.kit.handshake.remedies import remedy_of
from sealmq.kit.handshake.report import Kind, Outcome

_ALERTS: Final = frozenset({11, 19})
"""Bytes of a sealed alert of TLS 1.3: level, description, content type, and a tag of 8 (CCM_8) or 16."""

_NO_KEYS: Final = "nobody gave the keys, so nobody here can tell whether the broker let the client in"


def outcome_of_sealed(conversation: Conversation, *, version: str, after: str) -> Outcome | None:
    """What can be said; None where the end lies in what everybody can read.

    version: the negotiated one, such as "TLS 1.3", "" before there was one. after: the last message that was read.
    """
    if conversation.opened or not version or _is_told_openly(conversation):
        return None
    client, server = ([one for one in conversation.records if _is_sealed(one, sender)] for sender in Sender)
    tls13 = version == "TLS 1.3"
    if not client or not server:
        return None  # one of them never had its keys
    answers = [one for one in server if one.number > client[0].number]
    if _is_alert(client[0], tls13) and len(client) == 1:
        return Outcome(
            kind=Kind.REFUSED,
            what=f"the client likely refused the broker: behind {after} it sent an encrypted alert, and nothing else",
            why="likely the broker's certificate; which alert it is, only the keys would tell",
            remedy=remedy_of("check"),
            by="client",
            after=after,
        )
    if answers and not all(_is_alert(one, tls13) for one in answers):
        return Outcome(
            kind=Kind.CONNECTED,
            what=f"the handshake was made with {version}, and what was said in it is encrypted",
            why=_NO_KEYS,
            remedy=remedy_of("no_keys"),
            after=after,
        )
    if answers and any(sender is Sender.SERVER for sender, _ in conversation.ended):
        return Outcome(
            kind=Kind.REFUSED,
            what="the broker likely refused the client: all that it sent behind the client's last flight is an "
            "encrypted alert",
            why="likely the client's certificate, or that it has none; which alert it is, only the keys would tell",
            remedy=remedy_of("refused_silently"),
            by="server",
            after=after,
        )
    return None


def _is_sealed(record: Record, sender: Sender) -> bool:
    return record.sender is sender and record.protected


def _is_told_openly(conversation: Conversation) -> bool:
    """Was there an alert that everybody can read, or something that is no TLS?"""
    alerts = any(one.kind == ContentType.ALERT for one in conversation.messages)
    return alerts or any(one.kind in ("not TLS", "broken") for one in conversation.trouble)


def _is_alert(record: Record, tls13: bool) -> bool:
    if not tls13:
        return record.content_type == ContentType.ALERT
    return record.content_type == ContentType.APPLICATION_DATA and record.length in _ALERTS
