"""What an alert tells of the fault, by who sent it and how far the handshake had come.

Rule 1: every alert of RFC 8446 section 6 has an answer for both senders in every phase.
Rule 2: an answer names what was seen ("before any certificate was shown"), not only what the alert says.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sealmq.tls.alerts import BY_NAME


class Phase(enum.IntEnum):
    """How far it had come when it ended."""

    START = 0
    """TCP is up, no byte of TLS was seen."""
    HELLO = 1
    """The ClientHello was sent, nothing came back."""
    SERVER_FLIGHT = 2
    """The server's hello, certificate and so on."""
    CLIENT_FLIGHT = 3
    """The client's certificate, key exchange, Finished."""
    DONE = 4
    """Both have finished."""
    MQTT = 5
    """CONNECT was sent, CONNACK has not come."""
    LATER = 6
    """CONNACK has come."""


@dataclass(frozen=True, slots=True)
class Cause:
    """fault: its name in kit/codes/table.py. why: one sentence without a full stop."""

    fault: str
    why: str


CLIENT, SERVER = "client", "server"

_EARLY = (Phase.START, Phase.HELLO)
_FLIGHT = (Phase.SERVER_FLIGHT,)
_SHOWN = (Phase.CLIENT_FLIGHT, Phase.DONE, Phase.MQTT, Phase.LATER)
_NO_COMMON = "no cipher suite, group or signature algorithm of the client's hello is allowed by the broker"
_CLIENT_CERTIFICATE = "the broker does not accept the certificate that the client showed"
_BROKER_CERTIFICATE = "the client does not accept the certificate that the broker showed"
_PROXY = "no certificate was shown yet: something in front of the broker answers, or the broker is set up wrongly"

_BY_PHASE: dict[tuple[str, str], tuple[tuple[tuple[Phase, ...], Cause], ...]] = {
    ("handshake_failure", SERVER): (
        (_EARLY, Cause("suite", _NO_COMMON)),
        (
            _FLIGHT,
            Cause("suite", "the broker gave up after its own hello: its certificate's key fits none of the suites"),
        ),
        (_SHOWN, Cause("device_untrusted", f"{_CLIENT_CERTIFICATE}, and says so in general words")),
    ),
    ("handshake_failure", CLIENT): (
        (
            _FLIGHT,
            Cause("suite", "the client cannot use what the broker chose: suite, group, or the certificate's key"),
        ),
        (_SHOWN, Cause("suite", "the client gave up behind the broker's certificate")),
    ),
    ("decrypt_error", SERVER): (
        (_EARLY, Cause("psk", "a ticket or pre-shared key in the hello does not fit (its binder is wrong)")),
        (
            _SHOWN,
            Cause("key_mismatch", "the client's private key is not that of the certificate that it showed"),
        ),
    ),
    ("decrypt_error", CLIENT): (
        (
            (*_FLIGHT, *_SHOWN),
            Cause(
                "broker_key",
                "the broker's key is not that of its certificate, or the client trusts an authority of the same name "
                "with another key",
            ),
        ),
    ),
    ("internal_error", SERVER): (
        (
            _EARLY,
            Cause("broker_setup", "the broker has no certificate or key that it can use, or met an error of its own"),
        ),
    ),
    ("internal_error", CLIENT): (
        (
            (*_FLIGHT, *_SHOWN),
            Cause("name", "mosquitto's clients say it when the broker's certificate lacks the name that was dialled"),
        ),
    ),
    ("certificate_required", SERVER): (
        (_SHOWN, Cause("no_certificate", "the broker asked for a certificate, and the client showed none")),
    ),
    ("illegal_parameter", CLIENT): (
        (_FLIGHT, Cause("broken", "the client finds a value in the broker's hello that it did not offer")),
    ),
    ("unsupported_extension", CLIENT): (
        (
            _FLIGHT,
            Cause("large", "the client's Mbed TLS does not expect the answer to max_fragment_length in TLS 1.3"),
        ),
    ),
}

_FROM_SERVER: dict[str, Cause] = {
    "bad_certificate": Cause("device_untrusted", f"{_CLIENT_CERTIFICATE}: damaged, not valid yet, or of another name"),
    "unsupported_certificate": Cause(
        "purpose", f"{_CLIENT_CERTIFICATE}: it is for another purpose or its key is too weak"
    ),
    "certificate_revoked": Cause("revoked", f"{_CLIENT_CERTIFICATE}: it was revoked"),
    "certificate_expired": Cause("device_expired", f"{_CLIENT_CERTIFICATE}: it is past its last day"),
    "certificate_unknown": Cause("device_untrusted", f"{_CLIENT_CERTIFICATE}, and does not say why"),
    "unknown_ca": Cause(
        "device_untrusted", f"{_CLIENT_CERTIFICATE}: it is of an authority that the broker does not trust"
    ),
    "certificate_required": Cause("no_certificate", "the broker wants a certificate, and the client showed none"),
    "no_certificate": Cause("no_certificate", "the broker has no certificate, in the words of SSL 3.0"),
    "access_denied": Cause("denied", "the broker knows the client and does not let it in"),
    "protocol_version": Cause("version", "the broker allows none of the TLS versions that the client offers"),
    "insufficient_security": Cause("suite", "the broker finds all that the client offers too weak"),
    "inappropriate_fallback": Cause("version", "the client came back with an older version than both have"),
    "handshake_failure": Cause("suite", _NO_COMMON),
    "decrypt_error": Cause("corrupted", "a signature or the checksum of the handshake is wrong"),
    "internal_error": Cause("broker_setup", "the broker met an error of its own"),
    "unrecognized_name": Cause("server_name", "the broker serves nobody of the server name (SNI) in the hello"),
    "no_application_protocol": Cause("alpn", "the broker speaks none of the protocols (ALPN) in the hello"),
    "unknown_psk_identity": Cause("psk", "the broker does not know the identity of the pre-shared key"),
    "record_overflow": Cause("large", "a record of the client is longer than the broker takes"),
    "bad_record_mac": Cause("corrupted", "a record of the client arrived altered"),
    "decryption_failed": Cause("corrupted", "a record of the client could not be decrypted"),
    "no_renegotiation": Cause("renegotiation", "the client wanted a second handshake, and the broker does not"),
    "close_notify": Cause("closed", "the broker closed in order"),
    "user_canceled": Cause("closed", "the broker gave the handshake up"),
}

_FROM_CLIENT: dict[str, Cause] = {
    "bad_certificate": Cause("name", f"{_BROKER_CERTIFICATE}: another name than was dialled, or not valid yet"),
    "unsupported_certificate": Cause(
        "purpose", f"{_BROKER_CERTIFICATE}: it is not for servers, or its key is too weak"
    ),
    "certificate_revoked": Cause("broker_certificate", f"{_BROKER_CERTIFICATE}: it was revoked"),
    "certificate_expired": Cause(
        "broker_certificate", f"{_BROKER_CERTIFICATE}: past its last day by the client's clock"
    ),
    "certificate_unknown": Cause("check", f"{_BROKER_CERTIFICATE}, and does not say why: name, date or authority"),
    "unknown_ca": Cause("untrusted", f"{_BROKER_CERTIFICATE}: it is of an authority that the client does not trust"),
    "certificate_required": Cause("broker_setup", "the broker showed no certificate"),
    "no_certificate": Cause("no_certificate", "the client has no certificate, in the words of SSL 3.0"),
    "access_denied": Cause("check", "the client does not want to talk to this broker"),
    "protocol_version": Cause("version", "the broker chose a TLS version that the client does not allow"),
    "insufficient_security": Cause("suite", "the client finds what the broker chose too weak"),
    "inappropriate_fallback": Cause("version", "the client finds the version older than it should be"),
    "handshake_failure": Cause("suite", "the client cannot use what the broker chose"),
    "decrypt_error": Cause("corrupted", "a signature or the checksum of the handshake is wrong"),
    "internal_error": Cause(
        "memory", "the client met an error of its own: memory is the usual one on a microcontroller"
    ),
    "unrecognized_name": Cause("server_name", "the client does not like the broker's answer to the server name (SNI)"),
    "no_application_protocol": Cause("alpn", "the client cannot use the protocol (ALPN) that the broker chose"),
    "unknown_psk_identity": Cause("psk", "the client does not know the identity of the pre-shared key"),
    "record_overflow": Cause("large", "a record of the broker is longer than the client's buffer"),
    "bad_record_mac": Cause("corrupted", "a record of the broker arrived altered"),
    "decryption_failed": Cause("corrupted", "a record of the broker could not be decrypted"),
    "no_renegotiation": Cause("renegotiation", "the broker wanted a second handshake, and the client does not"),
    "close_notify": Cause("client_closed", "the client closed in order"),
    "user_canceled": Cause("client_closed", "the client gave the handshake up"),
    "unsupported_extension": Cause("broken", "the broker answered an extension that the client did not send"),
}

_ABOUT_CLIENT_CERTIFICATE = frozenset(
    {
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "unknown_ca",
    }
)


def cause_of(alert: str, sender: str, phase: Phase, *, certificate_missing: bool = False) -> Cause:
    """The likely cause.

    alert:               its name; one that is not in RFC 8446 has an answer too.
    sender:              "client" or "server".
    certificate_missing: the server asked for a certificate, and the client showed none.
    """
    if sender == SERVER and certificate_missing and phase >= Phase.CLIENT_FLIGHT and alert in _BLAMES_CERTIFICATE:
        return Cause("no_certificate", "the broker asked for a certificate, and the client showed none")
    for phases, cause in _BY_PHASE.get((alert, sender), ()):
        if phase in phases:
            return cause
    if sender == SERVER and alert in _ABOUT_CLIENT_CERTIFICATE and phase < Phase.CLIENT_FLIGHT:
        return Cause("broker_setup", _PROXY)
    known = (_FROM_SERVER if sender == SERVER else _FROM_CLIENT).get(alert)
    if known is not None:
        return known
    row = BY_NAME.get(alert)
    if row is None:
        return Cause("broken", "the alert is none of RFC 8446")
    return Cause("broken", row.meaning)


_BLAMES_CERTIFICATE = _ABOUT_CLIENT_CERTIFICATE | {"handshake_failure", "certificate_required", "access_denied"}
