"""OpenSSL's errors in words: what happened, which alert went out or came in, what to do.

Three sources, the best first: the alert that was heard (hearing.py), the verification code of the peer's certificate,
and the reason that OpenSSL names. What is in no table still gets a sentence.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from sealmq.errors import TLSError
from sealmq.tls.alerts import ALERTS, BY_NAME


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why we refused.

    what:   the sentence, with {peer} where the other end is named.
    alert:  the alert that OpenSSL sends for it, "" for none.
    remedy: what to do; "" for what the alert's own advice says.
    """

    what: str
    alert: str
    remedy: str = ""


_CLOCK = "check the clocks of both sides"
_DIALLED = "dial a name or address that the broker's certificate carries, or renew it for this one"
_UNKNOWN_CA = "the {peer}'s certificate was not issued by the authority that is trusted here"
_CRL = "restart the broker; if it comes again, make the revocation list anew"

VERIFY_CODES: dict[int, Refusal] = {
    2: Refusal(_UNKNOWN_CA, "unknown_ca"),
    3: Refusal("there is no revocation list of the authority that issued the {peer}'s certificate", "unknown_ca", _CRL),
    7: Refusal("the signature on the {peer}'s certificate is wrong", "decrypt_error"),
    8: Refusal("the signature on the revocation list is wrong", "decrypt_error", _CRL),
    9: Refusal("the {peer}'s certificate is not valid yet", "bad_certificate", _CLOCK),
    10: Refusal("the {peer}'s certificate has expired", "certificate_expired"),
    11: Refusal("the revocation list is not valid yet", "bad_certificate", _CLOCK),
    12: Refusal("the revocation list has expired", "certificate_expired", _CRL),
    13: Refusal("the first day in the {peer}'s certificate is no date", "bad_certificate"),
    14: Refusal("the last day in the {peer}'s certificate is no date", "bad_certificate"),
    18: Refusal("the {peer}'s certificate is signed by itself, not by an authority", "unknown_ca"),
    19: Refusal(f"{_UNKNOWN_CA}: its chain ends in a root that nobody here knows", "unknown_ca"),
    20: Refusal(_UNKNOWN_CA, "unknown_ca"),
    21: Refusal(_UNKNOWN_CA, "unknown_ca"),
    22: Refusal("the {peer}'s certificate chain is too long", "unknown_ca"),
    23: Refusal("the {peer}'s certificate was revoked", "certificate_revoked"),
    24: Refusal("the {peer}'s certificate is signed by a certificate that is not an authority's", "unknown_ca"),
    25: Refusal("the {peer}'s certificate chain is longer than its authority allows", "unknown_ca"),
    26: Refusal("the {peer}'s certificate is for another purpose", "unsupported_certificate"),
    27: Refusal(_UNKNOWN_CA, "bad_certificate"),
    28: Refusal("the {peer}'s certificate is marked as rejected here", "bad_certificate"),
    32: Refusal("the authority behind the {peer}'s certificate may not sign certificates", "unknown_ca"),
    34: Refusal("the {peer}'s certificate has a critical extension that is not known here", "certificate_unknown"),
    62: Refusal("the {peer}'s certificate does not carry the name that was dialled", "bad_certificate", _DIALLED),
    64: Refusal("the {peer}'s certificate does not carry the address that was dialled", "bad_certificate", _DIALLED),
    66: Refusal("the key in the {peer}'s certificate is too short", "bad_certificate", "use a P-256 key"),
    67: Refusal("the key of the authority behind the {peer}'s certificate is too short", "bad_certificate"),
    68: Refusal("the {peer}'s certificate is signed with a broken hash", "bad_certificate", "sign it with SHA-256"),
}
"""X509_V_ERR_* (openssl/x509_vfy.h): number -> refusal."""

_BROKEN = Refusal("the {peer} broke the rules of the handshake", "illegal_parameter")
_LENGTH = Refusal("the {peer} sent a handshake message that cannot be taken apart", "decode_error")
_TOO_LONG = Refusal("the {peer} sent a record that is longer than TLS allows", "record_overflow")
_ORDER = Refusal("the {peer} sent a TLS message out of order", "unexpected_message")
_VERSION = Refusal("the {peer} offers no TLS version that is allowed here", "protocol_version")
_NO_GROUP = Refusal(
    "the {peer} offers no key exchange group that is allowed here",
    "handshake_failure",
    "turn on P-256 (secp256r1) or X25519",
)
_NO_SIGNATURE = Refusal(
    "the {peer} and this side have no signature algorithm in common",
    "handshake_failure",
    "turn on ECDSA with P-256 and SHA-256",
)
_NO_CIPHER = Refusal(
    "the {peer} offers no cipher suite that is allowed here", "handshake_failure",
    "turn on ECDHE with AES-GCM or ChaCha20-Poly1305, such as ECDHE-ECDSA-AES128-GCM-SHA256",
)  # fmt: skip
_NOT_TLS = Refusal("the {peer} sent something that is not TLS", "", "check that it speaks TLS to this port")
_HTTP = Refusal(
    "the {peer} does not speak TLS: this looks like HTTP without encryption", "", "this port takes MQTT over TLS"
)
_RENEGOTIATION = Refusal("the {peer} wanted to renegotiate, which is off here", "no_renegotiation")
_GAVE_UP = Refusal(
    "the {peer} gave up in the middle of the handshake", "close_notify",
    "look into the {peer}'s own log: it may not accept the certificate that it saw",
)  # fmt: skip
_ALTERED = Refusal("a record from the {peer} was altered on its way", "bad_record_mac")

REASONS: dict[str, Refusal] = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Refusal(
        "the {peer} showed no certificate", "certificate_required", BY_NAME["certificate_required"].sent.remedy
    ),
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "NO_PROTOCOLS_AVAILABLE": _VERSION,
    "VERSION_TOO_LOW": _VERSION,
    "VERSION_TOO_HIGH": _VERSION,
    "WRONG_SSL_VERSION": _VERSION,
    "UNKNOWN_PROTOCOL": _VERSION,
    "INAPPROPRIATE_FALLBACK": Refusal("the {peer} tried an older TLS version than it has", "inappropriate_fallback"),
    "NO_SHARED_CIPHER": _NO_CIPHER,
    "NO_CIPHERS_AVAILABLE": _NO_CIPHER,
    "WRONG_CIPHER_RETURNED": _BROKEN,
    "NO_SUITABLE_KEY_SHARE": _NO_GROUP,
    "NO_SHARED_GROUPS": _NO_GROUP,
    "NO_SUITABLE_GROUPS": _NO_GROUP,
    "WRONG_CURVE": _NO_GROUP,
    "NO_SHARED_SIGNATURE_ALGORITHMS": _NO_SIGNATURE,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": _NO_SIGNATURE,
    "WRONG_SIGNATURE_TYPE": _NO_SIGNATURE,
    "BAD_SIGNATURE": Refusal(
        "the {peer} could not prove that it holds the private key of its certificate", "decrypt_error"
    ),
    "DIGEST_CHECK_FAILED": Refusal("the handshake with the {peer} was altered on its way", "decrypt_error"),
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": _ALTERED,
    "BAD_RECORD_TYPE": _ORDER,
    "PACKET_LENGTH_TOO_LONG": _TOO_LONG,
    "ENCRYPTED_LENGTH_TOO_LONG": _TOO_LONG,
    "DATA_LENGTH_TOO_LONG": _TOO_LONG,
    "EXCESSIVE_MESSAGE_SIZE": Refusal("the {peer} sent a handshake message that is too long", "illegal_parameter"),
    "UNEXPECTED_MESSAGE": _ORDER,
    "UNEXPECTED_RECORD": _ORDER,
    "CCS_RECEIVED_EARLY": _ORDER,
    "APP_DATA_IN_HANDSHAKE": _ORDER,
    "LENGTH_MISMATCH": _LENGTH,
    "LENGTH_TOO_SHORT": _LENGTH,
    "LENGTH_TOO_LONG": _LENGTH,
    "RECORD_LENGTH_MISMATCH": _LENGTH,
    "RECORD_TOO_SMALL": _LENGTH,
    "BAD_EXTENSION": _LENGTH,
    "BAD_LENGTH": _LENGTH,
    "BAD_PACKET": _LENGTH,
    "NO_CERTIFICATES_RETURNED": _LENGTH,
    "BAD_KEY_SHARE": _BROKEN,
    "BAD_ECPOINT": _BROKEN,
    "INVALID_SESSION_ID": _BROKEN,
    "NO_COMPRESSION_SPECIFIED": _BROKEN,
    "MISSING_SIGALGS_EXTENSION": Refusal("the {peer}'s hello lacks what TLS 1.3 demands", "missing_extension"),
    "MISSING_SUPPORTED_GROUPS_EXTENSION": Refusal("the {peer}'s hello lacks what TLS 1.3 demands", "missing_extension"),
    "NO_RENEGOTIATION": _RENEGOTIATION,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": _RENEGOTIATION,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "HTTP_REQUEST": _HTTP,
    "HTTPS_PROXY_REQUEST": _HTTP,
    "UNEXPECTED_EOF_WHILE_READING": Refusal(
        "the {peer} was cut off", "", "look at the network, and into the {peer}'s log"
    ),
    "CERTIFICATE_VERIFY_FAILED": Refusal("the {peer}'s certificate cannot be accepted", "certificate_unknown"),
}
"""SSL_R_* (openssl/sslerr.h) as `ssl.SSLError.reason` spells them -> refusal."""

_RECEIVED = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(?P<name>[A-Z_]+)")
_OPENSSL_SPELLING = {"user_cancelled": "user_canceled"}


def explain(error: ssl.SSLError, *, peer: str = "device", alert: int | None = None, sent: bool = True) -> TLSError:
    """`ssl`'s `error` as a TLSError with words. The rest as for `explain_reason`."""
    if isinstance(error, ssl.SSLZeroReturnError):
        return TLSError(
            _GAVE_UP.what.format(peer=peer), "close_notify", sent=False, remedy=_GAVE_UP.remedy.format(peer=peer)
        )
    verification = None
    if isinstance(error, ssl.SSLCertVerificationError):
        verification = error.verify_code, error.verify_message
    return explain_reason(_reason(error), verification=verification, peer=peer, alert=alert, sent=sent)


def explain_reason(
    reason: str,
    *,
    verification: tuple[int, str] | None = None,
    peer: str = "device",
    alert: int | None = None,
    sent: bool = True,
) -> TLSError:
    """What OpenSSL reported, as a TLSError with words.

    reason:       OpenSSL's name for it ("NO_SHARED_CIPHER"), "" for none.
    verification: when the peer's certificate is to blame: X509_V_ERR_*, and OpenSSL's words for it.
    peer:         what the other end is called: "device" or "broker".
    alert:        number of the alert that was heard in the handshake, None when none was or nobody listened: then the
                  alert is the one that OpenSSL sends for this error.
    sent:         True when we sent that alert.
    """
    received = _received_alert(reason)
    if alert in ALERTS and not sent:
        received = ALERTS[alert].name
    if received:
        row = BY_NAME[received]
        return TLSError(
            f"the {peer} ended the connection, saying: {row.meaning}",
            received,
            sent=False,
            why=row.received.cause,
            remedy=row.received.remedy,
        )
    refusal = _refusal(reason, verification)
    name = ALERTS[alert].name if alert in ALERTS else refusal.alert
    if verification is not None:
        why = f"OpenSSL: {verification[1]}"  # more exact than any table ("Missing Authority Key Identifier")
    elif reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        why = BY_NAME["certificate_required"].sent.cause
    else:
        why = BY_NAME[name].sent.cause if name else ""
    remedy = refusal.remedy or (BY_NAME[name].sent.remedy if name else "")
    return TLSError(refusal.what.format(peer=peer), name, why=why, remedy=remedy.format(peer=peer))


BLAMES_CERTIFICATE = frozenset({"CERTIFICATE_VERIFY_FAILED", "BAD_SIGNATURE"})
"""Reasons for which it was the peer's certificate that was refused, or that its key was not proved."""


def blames_certificate(error: ssl.SSLError) -> bool:
    """True when the handshake failed because of the peer's certificate, or because its key was not proved."""
    return isinstance(error, ssl.SSLCertVerificationError) or _reason(error) in BLAMES_CERTIFICATE


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name for it. Python leaves the attribute out of errors that it makes itself."""
    return getattr(error, "reason", None) or ""


def _received_alert(reason: str) -> str:
    """The name of the alert that `reason` reports as received, "" when it reports none."""
    match = _RECEIVED.fullmatch(reason)
    if match is None:
        return ""
    name = match["name"].lower()
    name = _OPENSSL_SPELLING.get(name, name)
    return name if name in BY_NAME else ""


def _refusal(reason: str, verification: tuple[int, str] | None) -> Refusal:
    """The row for it; a sentence made of OpenSSL's own words when there is none."""
    if verification is not None and verification[0] in VERIFY_CODES:
        return VERIFY_CODES[verification[0]]
    if reason in REASONS:
        return REASONS[reason]
    said = reason.replace("_", " ").lower() or "unknown error"
    return Refusal(f"TLS with the {{peer}} failed: {said}", "")
