"""How a connection ended, as far as it was seen: the Situation that diagnosis.py judges."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace

from sealmq.errors import RemoteProtocolError, TLSError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Sender
from sealmq.kit.dissect.registry import is_grease, tell_version
from sealmq.kit.handshake.certificates import read_facts
from sealmq.kit.handshake.diagnosis import Situation, diagnose
from sealmq.kit.handshake.dial import MOST_RECEIVED, Seen
from sealmq.kit.handshake.facts import Facts
from sealmq.kit.handshake.mqtt_inside import first_packet, level_of
from sealmq.kit.handshake.psk_causes import psk_of
from sealmq.kit.handshake.report import Kind, Outcome
from sealmq.kit.handshake.sealed import outcome_of_sealed
from sealmq.mqtt.packets import ConnAck, Connect
from sealmq.tls.alerts import ALERTS

_FINISHED = 20
_DATA = "application data"
_CLOSE_NOTIFY = 0
_WAITS = {"TCP": "connect", "TLS": "handshake", "CONNACK": "CONNACK"}


def outcome_of_call(seen: Seen, facts: Facts, *, now: float, takes_plaintext: bool = False) -> Outcome:
    """How a call of our own ended.

    now: Unix seconds, by our clock. takes_plaintext: the broker answered a CONNECT without TLS (without_tls.py).
    """
    outcome = diagnose(replace(situation_of_call(seen, facts, now=now), takes_plaintext=takes_plaintext))
    if outcome.kind is Kind.CONNECTED and not seen.call.credentials.verifies:
        return replace(
            outcome,
            why="nobody checked who the broker is: no authority was given to check it by",
            remedy="--cafile FILE with the root certificate of the broker, or --system-cas",
        )
    return outcome


def situation_of_call(seen: Seen, facts: Facts, *, now: float) -> Situation:
    """All that is known of how a call of our own ended."""
    conversation, error, answer = seen.conversation, seen.error, seen.connack
    situation = _common(conversation, facts, now=now)
    before_tls = seen.connected_at is None
    if isinstance(error, TLSError) and not error.sent and not situation.alert:  # under keys that nobody gave us
        situation = replace(situation, alert=error.alert, alert_by="server")
    sent_connect = any(isinstance(one.packet, Connect) for one in seen.packets)
    if sent_connect and answer is None and (not situation.alert or situation.after == _DATA):
        situation = replace(situation, after="CONNECT", after_by="client")
    if answer is not None:
        situation = replace(situation, after="CONNACK", after_by="server")
    if conversation.sent[Sender.SERVER] > MOST_RECEIVED and not situation.trouble:
        what = f"the broker sent more than {MOST_RECEIVED:,} bytes before its CONNACK"
        situation = replace(situation, trouble="too much", trouble_by="server", trouble_what=what)
    return replace(
        situation,
        name_unknown=before_tls and isinstance(error, socket.gaierror),
        connect_error=_errno(error) if before_tls else None,
        silent=_silence(seen),
        ended_by="server" if seen.closed_by_server else situation.ended_by,
        how="reset" if isinstance(error, ConnectionError) and not before_tls else situation.how or "closed",
        verify_code=error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None,
        verify_message=error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else "",
        reason=_reason(error) if not situation.alert or situation.alert_by == "client" else "",
        own_refusal=_own_refusal(error),
        connack=int(answer.reason_code) if answer is not None else None,
        level=seen.call.level,
        no_mqtt=_no_mqtt(seen),
        answering=bool(conversation.sent[Sender.SERVER]),
        handshake_done=seen.established_at is not None,
    )


def outcome_of_conversation(
    conversation: Conversation,
    facts: Facts,
    *,
    now: float,
    reset_by: Sender | None = None,
    unreachable: str = "",
    cut: bool = False,
) -> Outcome:
    """How somebody else's connection ended.

    now: Unix seconds. reset_by: who ended it by RST. unreachable: why there was no way to the server, "" where there
    was. cut: it went on when we looked away, so its end says nothing.
    """
    if unreachable:
        remedy = "check host and port of the broker, and that it runs"
        return Outcome(kind=Kind.UNREACHABLE, what="the broker could not be reached", why=unreachable, remedy=remedy)
    situation = _common(conversation, facts, now=now)
    if reset_by is not None:
        situation = replace(situation, ended_by=str(reset_by), how="reset")
    code, level = _connack_in(conversation)
    if code is not None:
        situation = replace(situation, connack=code, level=level)
    if cut and situation.ended_by and not situation.alert:
        situation = replace(situation, ended_by="", how="")
    sealed = outcome_of_sealed(conversation, version=situation.version, after=situation.after)
    return sealed or diagnose(replace(situation, in_part=cut, handshake_done=_is_done(conversation)))


def _common(conversation: Conversation, facts: Facts, *, now: float) -> Situation:
    hello = facts.client_hello
    alert = _fatal_alert(conversation.messages)
    last = _last_before(conversation, alert)
    trouble = conversation.trouble[0] if conversation.trouble else None
    first_end = conversation.ended[0] if conversation.ended else None
    return Situation(
        after=facts.names[last] if last is not None else "",
        after_by=str(conversation.messages[last].sender) if last is not None else "",
        ended_by=str(first_end[0]) if first_end is not None else "",
        how="closed" if first_end is not None else "",
        alert=ALERTS[alert.type].name if alert is not None and alert.type in ALERTS else "",
        alert_by=str(alert.sender) if alert is not None else "",
        trouble=trouble.kind if trouble is not None and trouble.kind != "sealed" else "",
        trouble_by=str(trouble.sender) if trouble is not None else "",
        trouble_what=trouble.what if trouble is not None else "",
        first=trouble.first if trouble is not None else b"",
        offered=tuple(tell_version(code) for code in hello.versions if not is_grease(code)) if hello else (),
        version=tell_version(facts.version) if facts.version else "",
        psk=psk_of(hello, facts.psk),
        certificate_asked=facts.asked is not None,
        certificate_shown=bool(facts.chains.get(Sender.CLIENT)),
        clock_before=_is_before(facts, now),
    )


def _fatal_alert(messages: Sequence[Message]) -> Message | None:
    """The alert that ended it: the first that is no close_notify (RFC 8446 section 6), else the first."""
    alerts = [one for one in messages if one.kind == ContentType.ALERT]
    return next((one for one in alerts if one.type != _CLOSE_NOTIFY), alerts[0] if alerts else None)


def _last_before(conversation: Conversation, alert: Message | None) -> int | None:
    """Number of the last message before the alert, or before the end; alerts do not count."""
    end = alert.number if alert is not None else len(conversation.messages)
    found = [
        one.number
        for one in conversation.messages[:end]
        if one.kind not in (ContentType.ALERT, ContentType.CHANGE_CIPHER_SPEC)
    ]
    return found[-1] if found else None


def _is_done(conversation: Conversation) -> bool:
    """Have both finished, as far as it could be opened?"""
    finished = {one.sender for one in conversation.messages if (one.kind, one.type) == (22, _FINISHED)}
    return len(finished) == 2


def _connack_in(conversation: Conversation) -> tuple[int | None, int]:
    """The reason code of a CONNACK in the opened application data, and the protocol level."""
    level = level_of(conversation.application[Sender.CLIENT])
    if not level:
        return None, 4
    packet = first_packet(conversation.application[Sender.SERVER], level)
    return (int(packet.reason_code), level) if isinstance(packet, ConnAck) else (None, level)


def _is_before(facts: Facts, now: float) -> bool:
    """Does the broker's certificate begin only after `now`?"""
    shown = facts.chains.get(Sender.SERVER)
    if not shown:
        return False
    leaf = read_facts(shown[0], 0)
    return not leaf.trouble and now < leaf.not_before


def _no_mqtt(seen: Seen) -> bytes:
    """What came for CONNECT, if our own reader of MQTT gave up on it before there was a CONNACK."""
    if not isinstance(seen.error, RemoteProtocolError) or seen.connack is not None:
        return b""
    return seen.conversation.application[Sender.SERVER][:64]


def _silence(seen: Seen) -> str:
    if not seen.waiting_for or seen.closed_by_server or (seen.error is not None and seen.connected_at is not None):
        return ""
    if seen.connected_at is None:
        return "connect" if isinstance(seen.error, TimeoutError) else ""
    return _WAITS[seen.waiting_for]


def _errno(error: Exception | None) -> int | None:
    if isinstance(error, (TimeoutError, socket.gaierror)):
        return None
    return error.errno if isinstance(error, OSError) else None


def _own_refusal(error: Exception | None) -> TLSError | None:
    """What a middleware refused by itself; what the broker refused, the alert tells."""
    return error if isinstance(error, TLSError) and (error.sent or not error.alert) else None


def _reason(error: Exception | None) -> str:
    return (error.reason or "") if isinstance(error, ssl.SSLError) else ""
