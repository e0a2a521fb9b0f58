"""TLS alerts: number, name, what each means, and what to do when we sent it or got it.

The table holds every alert of RFC 8446 section 6 and RFC 5246 section 7.2, the reserved ones included: an old library
at the other end may still send them. `refusals.py` turns OpenSSL's errors into these words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """The likely cause, and what to do about it; both without a full stop at the end."""

    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One row of the table.

    meaning:  what the alert says, in plain words.
    sent:     when we sent it to a peer.
    received: when the peer sent it to us.
    """

    number: int
    name: str
    meaning: str
    sent: Advice
    received: Advice


_UPDATE = "update the TLS library of the side that is older"
_NETWORK = "look for a proxy or a faulty network between the two, then connect again"
_REPORT = "if it comes again, report it with the versions of both TLS libraries"
_OUR_ROOT = "give the device this home's ca/root.pem, and connect by a name that the broker's certificate carries"
_RENEW_OURS = "renew the certificate of this side (the broker renews its own at the next start)"
_NEW_BUNDLE = "make the device a new certificate: sealmq device add NAME"
_RARE = Advice("an extension that SealMQ does not use", _REPORT)

_TABLE = (
    Alert(
        0,
        "close_notify",
        "the connection ends here, properly",
        Advice("this side had said everything", "nothing needs to be done"),
        Advice("the other side had said everything", "nothing needs to be done"),
    ),
    Alert(
        10,
        "unexpected_message",
        "a message came that is not allowed at this point",
        Advice("the peer's TLS library is faulty, or something between changed the bytes", _REPORT),
        Advice("something between changed the bytes, or one of the two libraries is faulty", _REPORT),
    ),
    Alert(
        20,
        "bad_record_mac",
        "a record was changed on its way, or encrypted with another key",
        Advice("the network damaged or somebody altered the bytes", _NETWORK),
        Advice("the network damaged or somebody altered the bytes", _NETWORK),
    ),
    Alert(
        21,
        "decryption_failed",
        "a record could not be decrypted (an old alert, forbidden since TLS 1.1)",
        Advice("this side never sends it", _REPORT),
        Advice("a very old TLS library at the other end", _UPDATE),
    ),
    Alert(
        22,
        "record_overflow",
        "a record is longer than the standard allows",
        Advice(
            "the peer sends what is not TLS, or its library is faulty", "check that the peer speaks TLS to this port"
        ),
        Advice(
            "the other end's buffers are smaller than our records",
            "lower max_record on the listener, for example to 1024",
        ),
    ),
    Alert(
        30,
        "decompression_failure",
        "compressed data could not be unpacked (an old alert)",
        Advice("this side never compresses, so never sends it", _REPORT),
        Advice("a very old TLS library at the other end", _UPDATE),
    ),
    Alert(
        40,
        "handshake_failure",
        "the two sides found nothing that both allow",
        Advice(
            "no cipher suite, group or signature in common; or, in TLS 1.2, the peer showed no certificate",
            "give the peer its certificate and key; turn on ECDHE with AES-GCM or ChaCha20, and P-256 or X25519",
        ),
        Advice(
            "no cipher suite, group or signature in common; or, in TLS 1.2, a certificate is missing",
            "show a certificate and key; allow ECDHE with AES-GCM or ChaCha20-Poly1305, and P-256 or X25519",
        ),
    ),
    Alert(
        41,
        "no_certificate",
        "no certificate is at hand (an alert of SSL 3.0)",
        Advice("this side never sends it", _REPORT),
        Advice(
            "a very old TLS library without a certificate",
            "give the peer its certificate and key, and update its library",
        ),
    ),
    Alert(
        42,
        "bad_certificate",
        "the certificate is damaged, not valid yet, or not of the expected name",
        Advice(
            "the peer's certificate is damaged, not valid yet (is a clock wrong?), or carries another name",
            "check the clocks of both sides; otherwise make the peer a new certificate",
        ),
        Advice(
            "the other side found our certificate damaged, not valid yet, or of another name than it dialled",
            "check the clocks of both sides, and dial a name that the broker's certificate carries",
        ),
    ),
    Alert(
        43,
        "unsupported_certificate",
        "the certificate is of a kind that is not accepted here",
        Advice(
            "the peer shows a certificate for another purpose, such as a server's in place of a device's", _NEW_BUNDLE
        ),
        Advice(
            "our certificate is for another purpose, or has a key type that the other side does not know",
            "use a device's certificate on devices and a server's on brokers, with a P-256 key",
        ),
    ),
    Alert(
        44,
        "certificate_revoked",
        "the certificate was revoked by its authority",
        Advice("the device was revoked on purpose", "if it may come back: sealmq device add NAME, with a new key"),
        Advice("our certificate was revoked on purpose", "ask who runs the broker for a new certificate"),
    ),
    Alert(
        45,
        "certificate_expired",
        "the certificate is past its last day",
        Advice("the peer's certificate was not renewed in time", _NEW_BUNDLE),
        Advice("our certificate was not renewed in time, or the other side's clock is ahead", _RENEW_OURS),
    ),
    Alert(
        46,
        "certificate_unknown",
        "the certificate cannot be accepted, for a reason that is not said",
        Advice("the peer's certificate breaks a rule", _NEW_BUNDLE),
        Advice("the other side could not use our certificate", _OUR_ROOT),
    ),
    Alert(
        47,
        "illegal_parameter",
        "a field has a value that is out of range or contradicts another",
        Advice("the peer's TLS library is faulty, or something between changed the bytes", _REPORT),
        Advice("one of the two libraries is faulty, or something between changed the bytes", _REPORT),
    ),
    Alert(
        48,
        "unknown_ca",
        "the authority that signed the certificate is not trusted here",
        Advice("the peer's certificate is of another authority than this broker's Device CA", _NEW_BUNDLE),
        Advice(
            "the other side does not trust the authority behind our certificate",
            "a device needs this home's ca/root.pem; a client needs a certificate of this very broker's authority",
        ),
    ),
    Alert(
        49,
        "access_denied",
        "the certificate is valid, but its owner may not come in",
        Advice("the peer is known and not admitted", "look the device up: sealmq device list"),
        Advice("the other side knows us and does not admit us", "ask who runs the broker"),
    ),
    Alert(
        50,
        "decode_error",
        "a message could not be taken apart: a length is wrong",
        Advice(
            "the peer's TLS library is faulty, or it does not speak TLS", "check that the peer speaks TLS to this port"
        ),
        Advice("one of the two libraries is faulty, or something between changed the bytes", _REPORT),
    ),
    Alert(
        51,
        "decrypt_error",
        "a signature or a checksum of the handshake is wrong",
        Advice(
            "the peer's private key is not that of its certificate, or the handshake was changed on its way",
            "check that certificate and key of the peer belong together",
        ),
        Advice(
            "our private key is not that of our certificate, or the handshake was changed on its way",
            "check that certificate and key of this side belong together",
        ),
    ),
    Alert(
        60,
        "export_restriction",
        "export rules of the nineties were broken (an old alert)",
        Advice("this side never sends it", _REPORT),
        Advice("a very old TLS library at the other end", _UPDATE),
    ),
    Alert(
        70,
        "protocol_version",
        "no TLS version is allowed by both sides",
        Advice(
            "the peer has only a TLS version that is too old",
            'the peer needs TLS 1.2 or 1.3; profile "modern" needs 1.3',
        ),
        Advice("the other side wants a newer TLS version than ours", "use a TLS library with TLS 1.2 and 1.3"),
    ),
    Alert(
        71,
        "insufficient_security",
        "what the other side offers is too weak",
        Advice("the peer offers only weak suites", "turn on ECDHE with AES-GCM or ChaCha20-Poly1305 on the peer"),
        Advice("the other side wants stronger suites than ours", _UPDATE),
    ),
    Alert(
        80,
        "internal_error",
        "the sender met an error of its own",
        Advice("this side ran out of memory or met a bug", _REPORT),
        Advice(
            "the other side ran out of memory or met a bug",
            "look into the other side's log; on a microcontroller, at its heap",
        ),
    ),
    Alert(
        86,
        "inappropriate_fallback",
        "the client tries an older version than both sides have",
        Advice("a client that goes back to older versions, or somebody who makes it do so", _NETWORK),
        Advice("we came back with an older version than both sides have", _NETWORK),
    ),
    Alert(
        90,
        "user_canceled",
        "the handshake was given up, not failed",
        Advice("this side gave up", "connect again"),
        Advice("the other side gave up", "connect again"),
    ),
    Alert(
        100,
        "no_renegotiation",
        "a second handshake on the same connection is refused",
        Advice("the peer wanted to renegotiate, which is off here", "turn renegotiation off on the peer"),
        Advice("the other side does not renegotiate", "connect anew instead"),
    ),
    Alert(
        109,
        "missing_extension",
        "a part of the hello that TLS 1.3 demands is missing",
        Advice("the peer's TLS library is faulty or stripped too far", _UPDATE),
        Advice("the other side misses something in our hello", _REPORT),
    ),
    Alert(
        110,
        "unsupported_extension",
        "an extension came that nobody asked for",
        Advice("the peer's TLS library is faulty", _UPDATE),
        Advice(
            "the other side got an answer it did not ask for, as Mbed TLS does by max_fragment_length in TLS 1.3",
            "turn max_fragment_length off on the device and set max_record on the listener",
        ),
    ),
    Alert(111, "certificate_unobtainable", "a certificate could not be fetched from its address", _RARE, _RARE),
    Alert(
        112,
        "unrecognized_name",
        "nobody of the dialled name is here",
        Advice("the peer dialled a name that is not ours", "dial a name that the broker's certificate carries"),
        Advice(
            "the other side does not go by the name that we dialled",
            "dial a name that the broker's certificate carries",
        ),
    ),
    Alert(113, "bad_certificate_status_response", "the stapled revocation status is wrong", _RARE, _RARE),
    Alert(114, "bad_certificate_hash_value", "a fetched certificate is another than announced", _RARE, _RARE),
    Alert(
        115,
        "unknown_psk_identity",
        "the name that goes with the shared key is not known",
        Advice("the device is not in the registry, or was revoked", "look the device up: sealmq device list"),
        Advice("the other side does not know our name", "ask who runs the broker for a new key"),
    ),
    Alert(
        116,
        "certificate_required",
        "a certificate is needed, and none was shown",
        Advice(
            "the peer connects without a certificate",
            "give it one: sealmq device add NAME writes device.pem and device.key (--cert, --key)",
        ),
        Advice("we showed no certificate", "set the device's certificate and key (mosquitto_pub: --cert, --key)"),
    ),
    Alert(
        120,
        "no_application_protocol",
        "no application protocol (ALPN) is spoken by both sides",
        Advice("the peer asks for another protocol than MQTT", 'ask for "mqtt", or leave ALPN off'),
        Advice("the other side does not speak the protocol that we asked for", "leave ALPN off"),
    ),
)

ALERTS: dict[int, Alert] = {alert.number: alert for alert in _TABLE}
"""Every alert by its number (RFC 8446 appendix B.2)."""

BY_NAME: dict[str, Alert] = {alert.name: alert for alert in _TABLE}
"""Every alert by its name, as RFC 8446 writes it, without "_RESERVED"."""
