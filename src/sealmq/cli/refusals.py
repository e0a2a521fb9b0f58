"""Why a connection failed, in words: from the operating system, from TLS, and from MQTT's reason codes."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Final, NamedTuple

from sealmq.errors import Error, TLSError, TrustError
from sealmq.mqtt.codes import ReasonCode


class _Words(NamedTuple):
    what: str
    why: str = ""
    remedy: str = ""


_ANOTHER_HOME: Final = "use the bundle that the broker's own home wrote: HOME/devices/NAME"

# What the broker's alert means for the one who runs `sealmq pub`: names of RFC 8446, section 6.
_ALERTS: Final[dict[str, _Words]] = {
    "certificate_required": _Words(
        "the broker wants a certificate and got none",
        why="the listener at this address asks for one, whatever else it asks for",
        remedy='--as NAME or --bundle DIR shows one; a listener with auth = "password" asks for none',
    ),
    "certificate_revoked": _Words(
        "the broker refused this certificate: it was revoked",
        remedy="sealmq device list; a device that shall come back needs a new certificate: sealmq device add NAME",
    ),
    "certificate_expired": _Words(
        "the broker refused this certificate: it has expired, or is not valid yet",
        remedy="sealmq device list shows the dates; check the clocks of both machines",
    ),
    "unknown_ca": _Words(
        "the broker refused this certificate: it does not know the authority that issued it",
        why="the bundle was written by another SealMQ, or is not a device's",
        remedy=_ANOTHER_HOME,
    ),
    "bad_certificate": _Words("the broker refused this certificate as damaged or not fit", remedy=_ANOTHER_HOME),
    "unsupported_certificate": _Words(
        "the broker refused this certificate: it is not a device's",
        why="a broker's certificate can't be used as a client's",
        remedy=_ANOTHER_HOME,
    ),
    "certificate_unknown": _Words("the broker refused this certificate", remedy="the broker's log says why"),
    "access_denied": _Words(
        "the broker knows this certificate and refuses it",
        why="the device is not in its registry, or was revoked",
        remedy="sealmq device list",
    ),
    "protocol_version": _Words("the broker refused: no TLS version in common", why="SealMQ speaks TLS 1.2 and 1.3"),
    "handshake_failure": _Words(
        "the broker refused: nothing in common to encrypt with, or no certificate was sent",
        why='its log says which; a listener may be for auth = "psk" alone, or for profile = "post-quantum"',
        remedy="-p PORT for another listener, --psk-file, or --middleware pyopenssl for post-quantum",
    ),
    "unrecognized_name": _Words("the broker does not answer to this host's name"),
    "bad_record_mac": _Words(
        "the broker ended the connection: what it received is not what was sent",
        why="somebody in between changed it, or a program there is broken; nothing of it was delivered",
        remedy="find out what stands between here and the broker",
    ),
}

# The same for who proves himself by a pre-shared key (--psk-file).
_OTHER_KEY: Final = _Words(
    "the broker has another key for this identity",
    why="the device was revoked and added again, or the file was changed",
    remedy="copy its psk.txt again; or a new one: sealmq device revoke NAME, then sealmq device add NAME --psk",
)
_PSK_ALERTS: Final[dict[str, _Words]] = {
    "unknown_psk_identity": _Words(
        "the broker has no key for this identity",
        why="the device was never added with --psk, was revoked, is on hold, or its key has expired",
        remedy="on the broker's machine: sealmq device show NAME",
    ),
    "bad_record_mac": _OTHER_KEY,
    "decrypt_error": _OTHER_KEY,
    "handshake_failure": _Words(
        "the broker and this side found nothing in common to encrypt with",
        why="a listener for certificates takes no key",
        remedy='dial one with auth = "psk": -p PORT',
    ),
}

_PLAINTEXT_REASONS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL")

# X509_V_ERR_...: which check of the broker's certificate failed, as OpenSSL numbers them.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = (2, 18, 19, 20, 21)
_WRONG_PURPOSE: Final = 26
_WRONG_NAME: Final = (62, 64)

_REASONS: Final[dict[int, _Words]] = {
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: _Words(
        "",
        "there is no such account, or its password is another; who has failed before may have to wait",
        "--username NAME says which account; on the broker's machine: sealmq account list",
    ),
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: _Words(
        "", "the client identifier may belong to another device", "choose another one with -i"
    ),
    ReasonCode.NOT_AUTHORIZED: _Words("", "no access rule allows it", "see [[access]] in the broker's sealmq.toml"),
    ReasonCode.SERVER_BUSY: _Words("", "the broker is at one of its limits", "try again later"),
    ReasonCode.SERVER_SHUTTING_DOWN: _Words("", "the broker was stopped", "sealmq up"),
    ReasonCode.SESSION_TAKEN_OVER: _Words(
        "", "another client connected with the same client identifier", "give each its own with -i"
    ),
    ReasonCode.ADMINISTRATIVE_ACTION: _Words("", "the device may have been revoked", "sealmq device list"),
    ReasonCode.PACKET_TOO_LARGE: _Words(
        "", "the message is above the broker's limit", "see packet_size in sealmq.toml"
    ),
    ReasonCode.QUOTA_EXCEEDED: _Words("", "one of the broker's limits was reached", "see [limits] in sealmq.toml"),
    ReasonCode.PACKET_IDENTIFIER_NOT_FOUND: _Words(
        "", "at QoS 2 this comes after the broker refused the message itself", "try -q 1, which shows the reason"
    ),
}


def place_of(host: str, port: int) -> str:
    """Host and port in one word; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def explain_connect_error(error: OSError, host: str, port: int, *, psk: bool = False) -> Error:
    """What made connecting fail: no address, nobody there, or a handshake that one side refused.

    psk: we prove ourselves by a pre-shared key, and expect the broker to know it.
    """
    place = place_of(host, port)
    if psk and (explained := _explain_with_psk(error, place)) is not None:
        return explained
    cause = error.__cause__
    if isinstance(cause, Error) and not (isinstance(cause, TLSError) and cause.alert and not cause.sent):
        # Another middleware than Python's `ssl` (tls/sockets.py), or it cannot do that: what it says is in words.
        if isinstance(error, ssl.SSLCertVerificationError):
            return TrustError(f"{place}: {cause.what}", why=cause.why, remedy=cause.remedy)
        if isinstance(cause, TLSError):
            return TLSError(f"{place}: {cause.what}", cause.alert, why=cause.why, remedy=cause.remedy)
        return cause
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_verification(error, host, place)
    if isinstance(error, ssl.SSLError):
        return explain_tls_text(str(error), place)
    if isinstance(error, socket.gaierror):
        return Error(f"no address is known for the host {host!r}", why=error.strerror or "", remedy="check -h/--host")
    if isinstance(error, ConnectionRefusedError):
        return Error(
            f"nobody listens on {place}",
            why="the connection was refused",
            remedy="is `sealmq up` running? On another port: -p PORT",
        )
    if isinstance(error, TimeoutError):
        return Error(f"no answer from {place}", why="timed out", remedy="check host, port and firewalls between")
    if isinstance(error, ConnectionError):
        return Error(f"{place} closed the connection during the TLS handshake", remedy="the broker's log says why")
    return Error(f"{place} cannot be reached", why=error.strerror or str(error), remedy="check host and port")


def explain_tls_text(text: str, place: str) -> Error:
    """What OpenSSL's message means: `[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert ... (_ssl.c:2580)`."""
    found = re.search(r"\[SSL: ([A-Z0-9_]+)\]", text)
    reason = found[1] if found else ""
    alert = maybe_alert(reason)
    if alert is not None:
        words = _ALERTS.get(alert, _Words(f"the broker refused the handshake with the alert {alert}"))
        return TLSError(words.what, alert, sent=False, why=words.why, remedy=words.remedy)
    if reason in _PLAINTEXT_REASONS:
        return TLSError(
            f"{place} does not speak TLS",
            why="it answered with something else; SealMQ never speaks plain MQTT",
            remedy="check the port: MQTT over TLS is usually 8883",
        )
    if reason == "UNSUPPORTED_PROTOCOL":
        return TLSError(f"{place} speaks no TLS version that is safe", why="SealMQ speaks TLS 1.2 and 1.3")
    if "EOF" in text:
        return TLSError(f"{place} closed the connection during the TLS handshake", remedy="the broker's log says why")
    return TLSError(f"TLS with {place} failed", why=text)


def maybe_alert(reason: str) -> str | None:
    """The alert's name in OpenSSL's reason `TLSV1_ALERT_UNKNOWN_CA`, or None when it is no alert."""
    found = re.fullmatch(r"(?:TLSV1|TLSV13|SSLV3)_(?:ALERT_)([A-Z_]+)", reason)
    return found[1].lower() if found else None


def explain_reason(what: str, code: int, text: str = "") -> Error:
    """An answer of MQTT: what was refused, its reason code, and the broker's reason string when it sent one."""
    try:
        name = ReasonCode(code).words
    except ValueError:
        name = "for an unknown reason"
    words = _REASONS.get(code, _Words(""))
    return Error(f"{what}: {name} (0x{code:02x})", why=text or words.why, remedy=words.remedy)


def explain_refused_connect(code: int, text: str = "") -> Error:
    """As `explain_reason`, for a CONNECT: where the certificate counts no more, no rule of [[access]] helps."""
    refused = explain_reason("the broker refused the connection", code, text)
    if code == ReasonCode.NOT_AUTHORIZED and "certificate" in text:
        refused.remedy = "on the broker's machine: sealmq device show NAME says which certificate counts, if any"
    return refused


def _explain_with_psk(error: OSError, place: str) -> Error | None:
    """What means something else to who has a key; None: it is as with a certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TrustError(
            f"{place} proves itself by a certificate, and not by the key",
            why="this listener is for certificates, or it is another broker; no message was sent",
            remedy='dial the listener with auth = "psk": -p PORT',
        )
    cause = error.__cause__
    if isinstance(cause, TLSError):
        alert: str | None = cause.alert  # ours or theirs: what the key has to do with it is the same
    else:
        found = re.search(r"\[SSL: ([A-Z0-9_]+)\]", str(error)) if isinstance(error, ssl.SSLError) else None
        alert = maybe_alert(found[1]) if found else None
    words = _PSK_ALERTS.get(alert or "")
    if alert is None or words is None:
        return None
    return TLSError(words.what, alert, sent=False, why=words.why, remedy=words.remedy)


def _explain_verification(error: ssl.SSLCertVerificationError, host: str, place: str) -> Error:
    code = error.verify_code
    if code in _WRONG_NAME:
        return TrustError(
            f"the certificate of {place} is not for the name {host!r}",
            why="the broker proved another name than the one that was asked for",
            remedy=f'use a name that it has, or put [certificate] names = ["{host}"] into the broker\'s sealmq.toml',
        )
    if code in _UNKNOWN_ISSUER:
        return TrustError(
            f"the certificate of {place} does not come from this bundle's authority",
            why="it is another broker, or somebody in between",
            remedy=_ANOTHER_HOME,
        )
    if code == _EXPIRED:
        return TrustError(
            f"the certificate of {place} has expired", remedy="check this machine's clock; restart the broker"
        )
    if code == _NOT_YET_VALID:
        return TrustError(f"the certificate of {place} is not valid yet", remedy="check the clocks of both machines")
    if code == _WRONG_PURPOSE:
        return TrustError(f"the certificate of {place} is not a broker's", why="it may be a stolen device's")
    return TrustError(f"the certificate of {place} is not good", why=error.verify_message)
