"""Why a connection ended as it did: which side said what behind which message, the likely cause, and what mends it.

Rule 1: any Situation gets an Outcome with a sentence, and every one that is not "connected" a cause and a remedy.
Rule 2: what is sure goes first: no connection, CONNACK, not TLS, the check of a certificate, an alert; guesses from how
        it closed come last, and say "likely".
Rule 3: "client" and "broker" are the ends, whether the client is this program or somebody who was captured.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace

from sealmq.errors import TLSError
from sealmq.kit.codes.code import Code
from sealmq.kit.codes.mqtt import CONNACK, REASONS
from sealmq.kit.codes.openssl import VERIFY
from sealmq.kit.codes.openssl_reasons import REASONS as OPENSSL_REASONS
from sealmq.kit.handshake.alert_causes import CLIENT, SERVER, Phase, cause_of
from sealmq.kit.handshake.psk_causes import OFFERED, WANTS_CERTIFICATES, cause_by_psk
from sealmq.kit.handshake.remedies import ALL, remedy_of
from sealmq.kit.handshake.report import Kind, Outcome
from sealmq.tls.alerts import BY_NAME
from sealmq.tls.first_bytes import check_first_bytes, is_http
from sealmq.tls.refusals import REASONS as REFUSALS

_V5 = 5
_FAILURES_FROM = 0x80
_LONGEST = 200
"""Characters of somebody else's words that are passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that is known of how a connection ended. What is not known keeps its default.

    name_unknown:       the host name could not be resolved.
    connect_error:      errno of the TCP connection, None when it came up.
    silent:             where time ran out: "connect", "handshake", "CONNACK", or "" for nowhere.
    after, after_by:    the last message before the end, as the timeline names it ("ClientHello", "CONNECT" ...),
                        and who sent it: "client" or "server".
    ended_by, how:      who ended the connection ("client", "server" or "" for nobody), "closed" or "reset".
    alert, alert_by:    name of the fatal alert, and who sent it.
    verify_code:        OpenSSL's code for the check of the broker's certificate (X509_V_ERR_*), 0 for good, None for
                        not checked. verify_message: its words.
    reason:             ssl.SSLError.reason of what this side raised by itself, such as "WRONG_VERSION_NUMBER".
    own_refusal:        why this side gave up, where it is another library than OpenSSL under Python's ssl.
    trouble:            kind of the first conversation.Trouble, with trouble_by, trouble_what, first (its first bytes).
    connack, level:     code of CONNACK, None when none came; protocol level of CONNECT, 4 or 5.
    offered, version:   TLS versions that the client offers, and the one that was agreed ("TLS 1.3"), "" for none.
    psk:                what is known of a pre-shared key (psk_causes.py).
    certificate_asked:  the server sent a CertificateRequest. certificate_shown: the client sent a certificate.
    handshake_done:     both have finished.
    clock_before:       the client's clock says a time before the broker's certificate begins.
    takes_plaintext:    it said nothing in TLS, and answered a CONNECT that was sent without.
    no_mqtt:            the first bytes of an answer to CONNECT that is no MQTT, b"" where it is, or none came.
    answering:          it had begun to answer the ClientHello when time ran out.
    in_part:            the connection went on when who listened looked away, or the capture ended.
    """

    name_unknown: bool = False
    connect_error: int | None = None
    silent: str = ""
    after: str = ""
    after_by: str = ""
    ended_by: str = ""
    how: str = ""
    alert: str = ""
    alert_by: str = ""
    verify_code: int | None = None
    verify_message: str = ""
    reason: str = ""
    own_refusal: TLSError | None = None
    trouble: str = ""
    trouble_by: str = ""
    trouble_what: str = ""
    first: bytes = b""
    connack: int | None = None
    level: int = 4
    offered: tuple[str, ...] = ()
    version: str = ""
    psk: str = ""
    certificate_asked: bool = False
    certificate_shown: bool = False
    handshake_done: bool = False
    clock_before: bool = False
    takes_plaintext: bool = False
    no_mqtt: bytes = b""
    answering: bool = False
    in_part: bool = False


def diagnose(situation: Situation) -> Outcome:
    """How it ended, why, and what mends it."""
    for judge in _JUDGES:
        outcome = judge(situation)
        if outcome is not None:
            return outcome
    if situation.handshake_done:
        agreed = f" with {situation.version}" if situation.version else ""
        return Outcome(kind=Kind.CONNECTED, what=f"the handshake was made{agreed}", after=situation.after)
    if situation.in_part:
        return _outcome(situation, Kind.BROKEN, "seen_in_part", "what was seen ends before the handshake was done")
    return _outcome(
        situation, Kind.BROKEN, "closed", "the connection ended before the handshake was done", "nobody said why"
    )


def phase_of(situation: Situation) -> Phase:
    """How far it had come."""
    after, by = situation.after, situation.after_by
    if situation.connack is not None:
        return Phase.LATER
    if after in _MQTT_PACKETS:
        return Phase.MQTT if after in ("CONNECT", _DATA) else Phase.LATER
    if situation.handshake_done:
        return Phase.DONE
    if not after:
        return Phase.START
    if after == "ClientHello":
        return Phase.HELLO
    return Phase.SERVER_FLIGHT if by == SERVER else Phase.CLIENT_FLIGHT


_DATA = "application data"
_MQTT_PACKETS = frozenset(
    {
        _DATA,
        "CONNECT",
        "CONNACK",
        "PUBLISH",
        "PUBACK",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "SUBSCRIBE",
        "SUBACK",
        "UNSUBSCRIBE",
    }
    | {"UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}
)


def _tcp(situation: Situation) -> Outcome | None:
    if situation.name_unknown:
        return _outcome(
            situation,
            Kind.UNREACHABLE,
            "dns",
            "the host name could not be resolved",
            "it is unknown or misspelt, or no DNS server answers; a .local name needs mDNS",
        )
    if situation.connect_error is not None:
        fault, why = _CONNECT_ERRORS.get(situation.connect_error, ("unreachable", "the system gives no other reason"))
        said = os.strerror(situation.connect_error)
        return _outcome(situation, Kind.UNREACHABLE, fault, f"no TCP connection came up: {said}", why)
    if situation.silent == "connect":
        return _outcome(
            situation,
            Kind.UNREACHABLE,
            "silent",
            "no TCP connection came up in time",
            "a firewall drops the packets, or nobody has this address",
        )
    return None


_CONNECT_ERRORS: dict[int, tuple[str, str]] = {
    errno.ECONNREFUSED: ("refused", "the machine is there, and nobody listens at this port"),
    errno.EHOSTUNREACH: ("unreachable", "there is no way to this machine: it is off, or in another network"),
    errno.ENETUNREACH: ("unreachable", "there is no way to this network"),
    errno.ENETDOWN: ("unreachable", "the network interface is down"),
    errno.ETIMEDOUT: ("silent", "a firewall drops the packets, or nobody has this address"),
    errno.ECONNRESET: ("reset", "the other side took the connection back at once: a firewall, or a full queue"),
    errno.EADDRNOTAVAIL: ("unreachable", "the address is none that can be dialled"),
    errno.EACCES: ("unreachable", "a local firewall forbids it"),
}


def _connack(situation: Situation) -> Outcome | None:
    if situation.connack is None:
        return None
    if situation.connack == 0:
        agreed = f" over {situation.version}" if situation.version else ""
        return Outcome(kind=Kind.CONNECTED, what=f"the broker let the client in{agreed}", after=situation.after)
    known = _mqtt_code(situation.connack, situation.level)
    shown = f"0x{situation.connack:02X}" if situation.level == _V5 else str(situation.connack)
    if known is None:
        what, fault, why = "for a reason that the standard does not have", "not_authorized", "a broker of its own kind"
    else:
        what, fault, why = known.meaning, known.fault.name, _or(known.fault.causes)
    return _outcome(
        situation,
        Kind.REFUSED,
        fault,
        f"TLS is good, and the broker refused the CONNECT ({shown}): {what}",
        why,
        by=SERVER,
        after="CONNECT",
    )


def _no_mqtt(situation: Situation) -> Outcome | None:
    """TLS is good; an HTTPS server's is, too."""
    if not situation.no_mqtt:
        return None
    looks = "it looks like HTTP" if is_http(situation.no_mqtt) else f"it begins with {situation.no_mqtt[:8].hex(' ')}"
    return _outcome(
        situation,
        Kind.REFUSED,
        "no_connack",
        f"TLS is good, and what came in it for CONNECT is no MQTT: {looks}",
        "what listens behind TLS is no MQTT broker, or one that wants MQTT in WebSocket",
        by=SERVER,
        after="CONNECT",
    )


def _mqtt_code(number: int, level: int) -> Code | None:
    """A broker may answer in the other version's numbers: those of 3.1.1 end at 5, those of 5 begin at 0x80."""
    refusals = tuple(code for code in REASONS if code.number is not None and code.number >= _FAILURES_FROM)
    tables = (refusals, CONNACK) if level == _V5 else (CONNACK, refusals)
    return next((code for table in tables for code in table if code.number == number), None)


def _not_tls(situation: Situation) -> Outcome | None:
    if situation.takes_plaintext:
        return _outcome(situation, Kind.NOT_TLS, "not_tls", _TAKES_PLAINTEXT, _OTHER_PORT, by=SERVER)
    if situation.trouble != "not TLS" and situation.reason not in _NOT_TLS_REASONS:
        return None
    by = situation.trouble_by or SERVER
    peer = "broker" if by == SERVER else "client"
    what = f"the {peer} does not speak TLS"
    if situation.first:
        try:
            check_first_bytes(situation.first, peer=peer)
        except TLSError as error:
            what = error.what
    why = _OTHER_PORT if by == SERVER else "the client was set up without TLS"
    return _outcome(situation, Kind.NOT_TLS, "not_tls" if by == SERVER else "client_without_tls", what, why, by=by)


_OTHER_PORT = "the port takes something else than MQTT over TLS: 1883 is MQTT without TLS, 8883 with it"
_TAKES_PLAINTEXT = (
    "the broker has no answer to the ClientHello, and one to a CONNECT without TLS: here it speaks MQTT in plaintext"
)
_NOT_TLS_REASONS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL"})


def _own_refusal(situation: Situation) -> Outcome | None:
    """This side gave up, and its library said why."""
    said = situation.own_refusal
    if said is None:
        return None
    if situation.psk == OFFERED and situation.version:  # and its library looked for the key in vain
        what = f"the client refused what came {_behind(situation)}: the broker shows a certificate"
        return _outcome(situation, Kind.REFUSED, "psk", what, WANTS_CERTIFICATES, by=CLIENT)
    early = situation.clock_before and said.alert in _CLOCK_ALERTS
    broken = said.alert in _OF_BROKEN_BYTES or said.alert == "internal_error"  # which some say of what is too long
    kind, fault = (Kind.BROKEN, "broken") if broken else (Kind.REFUSED, "check")
    told = replace(situation, alert=situation.alert or said.alert)
    what, why = f"the client gave up {_behind(situation)}: {said.what}", _BEFORE if early else said.why
    found = _outcome(told, kind, "clock" if early else fault, what, why, by=CLIENT)
    return replace(found, remedy=said.remedy) if said.remedy and not early else found


def _verified(situation: Situation) -> Outcome | None:
    """This side refused the broker's certificate by itself."""
    failed = situation.reason == "CERTIFICATE_VERIFY_FAILED"
    if not situation.verify_code and not failed:
        return None
    known = next((code for code in VERIFY if situation.verify_code and code.number == situation.verify_code), None)
    words = situation.verify_message[:_LONGEST]
    meaning = known.meaning if known else words or "it did not pass the check"
    saying = f", saying {situation.alert}" if situation.alert and situation.alert_by == CLIENT else ""
    what = f"the client refused the broker's certificate{saying}: {meaning}"
    if situation.clock_before or (known is not None and known.fault.name == "clock"):
        fault, why = "clock", _BEFORE
    elif known is None:
        fault, why = "check", words or "name, date or authority of the certificate"
    elif known.fault.name in ("expired", "revoked"):
        fault, why = "broker_certificate", _or(known.fault.causes)
    else:
        fault, why = known.fault.name, _or(known.fault.causes)
    return _outcome(situation, Kind.REFUSED, fault, what, why, by=CLIENT)


def _alert(situation: Situation) -> Outcome | None:
    if not situation.alert or (situation.alert == "close_notify" and phase_of(situation) >= Phase.LATER):
        return None
    by = situation.alert_by or SERVER
    phase = phase_of(situation)
    missing = _is_certificate_missing(situation)
    by_psk = cause_by_psk(situation.alert, by, phase, situation.psk)
    cause = by_psk or cause_of(situation.alert, by, phase, certificate_missing=missing)
    fault, why = cause.fault, cause.why
    if by == CLIENT and situation.clock_before and situation.alert in _CLOCK_ALERTS:
        fault, why = "clock", _BEFORE
    if fault == "version" and situation.offered:
        why += f"; the client offers {', '.join(situation.offered)}"
    if by == SERVER and phase in (Phase.DONE, Phase.MQTT) and situation.version == "TLS 1.3":
        why += "; in TLS 1.3 the client hears it only now, when it has finished already"
    if situation.alert == "close_notify":
        return _closed_in_order(situation, by, phase)
    row = BY_NAME.get(situation.alert)
    general = situation.alert == "handshake_failure" and phase >= Phase.CLIENT_FLIGHT
    meaning = f": {row.meaning}" if row and not general else ""  # it has agreed already; what it says then is only "no"
    came = "what came " if by == CLIENT == situation.after_by else ""
    what = f"the {_end(by)} refused {came}{_behind(situation, by)}, saying {situation.alert}{meaning}"
    kind = Kind.BROKEN if by == CLIENT and situation.alert in _OF_BROKEN_BYTES else Kind.REFUSED
    return _outcome(situation, kind, fault, what, why, by=by)


_OF_BROKEN_BYTES = frozenset(
    {"unexpected_message", "bad_record_mac", "record_overflow", "decode_error", "illegal_parameter"}
)
"""What a client says of bytes that break the rules of TLS, not of what both might have agreed on."""


_BEFORE = (
    "the client's clock says a time before the certificate begins: the clock is not set, or the certificate is early"
)
_CLOCK_ALERTS = frozenset({"bad_certificate", "certificate_expired", "certificate_unknown"})


def _reason(situation: Situation) -> Outcome | None:
    """What this side raised by itself, in OpenSSL's name for it."""
    if not situation.reason or situation.reason == _EOF:
        return None
    code = next(
        (
            code
            for (part, _), code in OPENSSL_REASONS.items()
            if part == "SSL" and code.name == f"SSL_R_{situation.reason}"
        ),
        None,
    )
    refusal = REFUSALS.get(situation.reason)
    if refusal is not None:
        meaning = refusal.what.format(peer="broker")
    else:
        meaning = code.meaning if code else situation.reason[:_LONGEST].replace("_", " ").lower()
    fault = code.fault.name if code else "broken"
    what = f"the client gave up {_behind(situation)}: {meaning}"
    return _outcome(situation, Kind.REFUSED if fault in _AGREEING else Kind.BROKEN, fault, what, by=CLIENT)


_EOF = "UNEXPECTED_EOF_WHILE_READING"
_AGREEING = frozenset({"suite", "version", "weak", "alpn", "check", "no_certificate", "key_mismatch"})
"""Faults of two sides that do not agree; the others are TLS that is broken."""


def _trouble(situation: Situation) -> Outcome | None:
    peer = _end(situation.trouble_by or SERVER)
    said = situation.trouble_what[:_LONGEST]
    match situation.trouble:
        case "":
            return None
        case "sealed":
            return _outcome(situation, Kind.BROKEN, "no_keys", said or "what the ends say is encrypted")
        case "too much":
            return _outcome(situation, Kind.BROKEN, "too_much_seen", said or "more came than is looked at here")
        case "cut":
            if situation.ended_by or situation.how:
                return None  # how it closed says more
            return _outcome(situation, Kind.BROKEN, "reset", said or f"what the {peer} sent ends in the middle")
        case _:
            what = f"the {peer} breaks the rules of TLS" + (f": {said}" if said else "")
            return _outcome(situation, Kind.BROKEN, "broken", what, by=situation.trouble_by)


def _silence(situation: Situation) -> Outcome | None:
    if situation.silent == "CONNACK" or (situation.silent and situation.handshake_done):
        return _outcome(
            situation,
            Kind.REFUSED,
            "no_connack",
            "TLS is good, and the broker did not answer CONNECT in time",
            "what listens behind TLS is likely no MQTT broker, or one that is overloaded",
        )
    if situation.silent:
        phase = phase_of(situation)
        if phase <= Phase.HELLO and situation.answering:
            what = "an answer to the ClientHello began, and was not whole when the time was over"
            why = "packets are lost, or the other end is too slow for the time that was given"
            return _outcome(situation, Kind.BROKEN, "silent", what, why)
        if phase <= Phase.HELLO:
            what = "TCP is up, and nothing came back for the ClientHello"
            why = "the port likely belongs to a program that waits, or a firewall swallows TLS"
            return _outcome(situation, Kind.UNREACHABLE, "silent", what, why)
        what = f"the handshake stood still {_behind(situation)}"
        why = "packets are lost, likely the large ones (MTU), or one end is too slow for the time that was given"
        return _outcome(situation, Kind.BROKEN, "silent", what, why)
    return None


def _closed(situation: Situation) -> Outcome | None:
    """Somebody closed and said nothing."""
    if not situation.ended_by and not situation.how and situation.reason != _EOF:
        return None
    by = situation.ended_by or SERVER
    phase = phase_of(situation)
    verb = "reset" if situation.how == "reset" else "closed"
    where = ", in the middle of a message" if situation.trouble == "cut" and situation.trouble_by == by else ""
    what = f"the {_end(by)} {verb} the connection {_behind(situation, by)}{where}, without a word"
    if by == CLIENT:
        if phase >= Phase.LATER or (phase >= Phase.DONE and not situation.how):
            return None
        why = "the client gave up, likely because of the broker's certificate: some libraries send no alert"
        return _outcome(
            situation, Kind.REFUSED, "check" if phase <= Phase.CLIENT_FLIGHT else "client_closed", what, why
        )
    kind, fault, why = _server_closed(situation, phase)
    return _outcome(situation, kind, fault, what, why, by=by)


def _server_closed(situation: Situation, phase: Phase) -> tuple[Kind, str, str]:
    match phase:
        case Phase.START | Phase.HELLO if situation.how == "reset":
            return (
                Kind.BROKEN,
                "not_tls",
                "likely a port for MQTT without TLS; else a firewall, or a broker without a certificate",
            )
        case Phase.START | Phase.HELLO:
            return (
                Kind.BROKEN,
                "not_tls",
                "likely a port for MQTT without TLS, or a proxy without a target",
            )
        case Phase.SERVER_FLIGHT:
            why = "the broker's flight ends in the middle: its program ended, or something on the way (a proxy) cut it"
            return Kind.BROKEN, "reset", why
        case Phase.MQTT if situation.version == "TLS 1.3" and _is_certificate_missing(situation):
            why = "the broker asked for a certificate, and the client showed none; its alert was lost on the way"
            return Kind.REFUSED, "no_certificate", why
        case Phase.MQTT | Phase.LATER:
            return (
                Kind.REFUSED,
                "refused_connect",
                "TLS was good: likely the broker's access rules, or the client identifier",
            )
        case _ if _is_certificate_missing(situation):
            return Kind.REFUSED, "no_certificate", "the broker asked for a certificate, and the client showed none"
        case _ if situation.certificate_shown:
            return Kind.REFUSED, "refused_silently", "likely the broker does not accept the certificate that was shown"
        case _:
            return Kind.REFUSED, "closed", "the broker gave up at the end of the handshake: its log says why"


def _is_certificate_missing(situation: Situation) -> bool:
    return situation.certificate_asked and not situation.certificate_shown


def _closed_in_order(situation: Situation, by: str, phase: Phase) -> Outcome:
    """close_notify before the end of things is a refusal in polite words."""
    what = f"the {_end(by)} closed {_behind(situation, by)}, in order (close_notify)"
    if by == CLIENT:
        return _outcome(situation, Kind.REFUSED, "client_closed", what, "the client gave up without saying why", by=by)
    kind, fault, why = _server_closed(situation, phase)
    return _outcome(situation, kind, fault, what, why, by=by)


def _outcome(
    situation: Situation, kind: Kind, fault: str, what: str, why: str = "", *, by: str = "", after: str = ""
) -> Outcome:
    return Outcome(
        kind=kind,
        what=what,
        why=why or _or(ALL[fault].causes),
        remedy=remedy_of(fault),
        by=by or situation.ended_by,
        after=after or situation.after,
        alert=situation.alert,
    )


def _end(sender: str) -> str:
    return "client" if sender == CLIENT else "broker"


def _behind(situation: Situation, by: str = "") -> str:
    """After which message. by: of whom the sentence speaks."""
    if not situation.after:
        return "before a message was seen"
    if not situation.after_by:
        return f"after {situation.after}"
    whose = "its own" if situation.after_by == by else f"the {_end(situation.after_by)}'s"
    return f"after {whose} {situation.after}"


def _or(causes: tuple[str, ...]) -> str:
    """The two likeliest causes in one sentence."""
    return "; or ".join(causes[:2])


_JUDGES = (_tcp, _connack, _no_mqtt, _not_tls, _own_refusal, _verified, _alert, _reason, _trouble, _silence, _closed)
