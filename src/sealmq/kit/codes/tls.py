"""TLS alerts, by number and name, whoever prints them: what it means on a device and in a broker's log.

The table itself is tls/alerts.py (RFC 8446 section 6); here is what a firmware developer wants to know beyond it.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code, Fault, Side
from sealmq.kit.codes.table import FAULTS
from sealmq.tls.alerts import ALERTS, Alert

_DEVICE = "if a device prints it: "
_BROKER = "if the broker's log has it: "

_HEARD: dict[str, tuple[str, tuple[str, ...]]] = {
    # alert -> (fault whose remedies fit, causes)
    "handshake_failure": (
        "suite",
        (
            f"{_DEVICE}the broker found no cipher suite, group or signature in common with the device's hello",
            f"{_DEVICE}in TLS 1.2, the broker wants a certificate and the device showed none",
            f"{_BROKER}the device could not use what the broker chose, such as the kind of its certificate's key",
        ),
    ),
    "bad_certificate": (
        "device_untrusted",
        (
            f"{_DEVICE}the broker found the device's certificate damaged, not valid yet, or of another authority",
            f"{_BROKER}the device dialled a name that is not in the broker's certificate, or its clock says 1970",
            f"{_BROKER}the device runs wolfSSL, which says so for an unknown authority, too",
        ),
    ),
    "unsupported_certificate": (
        "purpose",
        (
            f"{_DEVICE}it shows a certificate for servers, or one whose key the broker does not take",
            f"{_BROKER}the broker's certificate is not for servers (extended key usage), or its key too weak",
        ),
    ),
    "certificate_revoked": ("revoked", (f"{_DEVICE}its certificate was revoked on purpose", f"{_BROKER}the broker's")),
    "certificate_expired": (
        "expired",
        (
            f"{_DEVICE}the device's certificate is past its last day",
            f"{_BROKER}the broker's certificate is past its last day, or the device's clock is ahead",
        ),
    ),
    "certificate_unknown": (
        "device_untrusted",
        (
            f"{_DEVICE}the broker could not use the device's certificate, and does not say why",
            f"{_BROKER}the device could not use the broker's: name, date or authority; Java and browsers say it so",
        ),
    ),
    "unknown_ca": (
        "device_untrusted",
        (
            f"{_DEVICE}the broker does not trust the authority that signed the device's certificate",
            f"{_BROKER}the device lacks the root of the broker's authority, or the intermediate was not sent",
        ),
    ),
    "access_denied": ("denied", (f"{_DEVICE}the broker knows it and does not let it in",)),
    "decrypt_error": (
        "key_mismatch",
        (
            f"{_DEVICE}its private key is not that of its certificate",
            f"{_BROKER}the broker's key is not that of its certificate, or the device has a root of the same name "
            "and another key",
        ),
    ),
    "protocol_version": (
        "version",
        (
            f"{_DEVICE}it offers only TLS versions that the broker forbids",
            f"{_BROKER}the broker answered with a version that the device forbids",
        ),
    ),
    "insufficient_security": ("suite", (f"{_DEVICE}it offers only suites that the broker finds too weak",)),
    "internal_error": (
        "internal",
        (
            f"{_BROKER}mosquitto's clients say it when the name that was dialled is not in the broker's certificate",
            "a device ran out of memory in the handshake",
            "a fault of the library that sent it",
        ),
    ),
    "certificate_required": (
        "no_certificate",
        (f"{_DEVICE}the broker wants a certificate (TLS 1.3), and the device showed none",),
    ),
    "unrecognized_name": ("server_name", (f"{_DEVICE}the broker serves nobody of the server name (SNI) it sent",)),
    "no_application_protocol": ("alpn", (f"{_DEVICE}the broker does not speak the protocol (ALPN) it asked for",)),
    "unknown_psk_identity": ("psk", (f"{_DEVICE}the broker does not know the identity of its pre-shared key",)),
    "record_overflow": ("large", ("a record is longer than the side that sent the alert can take",)),
    "bad_record_mac": ("corrupted", FAULTS["corrupted"].causes),
    "unsupported_extension": (
        "large",
        (f"{_BROKER}the device's Mbed TLS got an answer to max_fragment_length in TLS 1.3, which it does not expect",),
    ),
    "close_notify": ("ok", ("the side that sent it had said everything",)),
}

_PHRASES = frozenset(
    {
        "unknown_ca",
        "bad_certificate",
        "handshake_failure",
        "certificate_required",
        "certificate_expired",
        "certificate_revoked",
        "certificate_unknown",
        "unsupported_certificate",
        "unrecognized_name",
        "no_application_protocol",
        "insufficient_security",
        "bad_record_mac",
        "close_notify",
    }
)
"""Alerts that are known by their words alone; the words of the others are everybody's."""

_GO = {
    "unknown_ca": "tls: unknown certificate authority",
    "certificate_expired": "tls: expired certificate",
    "certificate_revoked": "tls: revoked certificate",
    "certificate_unknown": "tls: unknown certificate",
    "protocol_version": "tls: protocol version not supported",
    "decrypt_error": "tls: error decrypting message",
    "internal_error": "tls: internal error",
}


def _code(alert: Alert) -> Code:
    words = alert.name.replace("_", " ")
    squeezed = alert.name.replace("_", "")
    texts = [f"alert {words}", f"alert: {words}", f"alert: {squeezed}", f"tlsv1 {words}", f"remote error: tls: {words}"]
    if alert.name in _PHRASES:
        texts.append(words)
    if alert.name in _GO:
        texts.append(_GO[alert.name])
    return Code(
        library="tls",
        name=alert.name,
        number=alert.number,
        meaning=alert.meaning,
        fault=_fault(alert),
        texts=tuple(texts),
    )


def _fault(alert: Alert) -> Fault:
    """Of an alert that is not in _HEARD, what tls/alerts.py says of it."""
    if alert.name in _HEARD:
        like, causes = _HEARD[alert.name]
        model = FAULTS[like]
        side = Side.NOBODY if alert.name == "close_notify" else Side.PRINTED_BY
        return Fault(
            name=like, side=side, causes=causes, device=model.device, sealmq=model.sealmq, mosquitto=model.mosquitto
        )
    return Fault(
        name="broken",
        side=Side.PRINTED_BY,
        causes=(alert.received.cause,),
        device=alert.received.remedy,
        sealmq=FAULTS["broken"].sealmq,
        mosquitto=FAULTS["broken"].mosquitto,
    )


CODES: tuple[Code, ...] = tuple(_code(alert) for alert in ALERTS.values())
"""Every alert of tls/alerts.py."""
