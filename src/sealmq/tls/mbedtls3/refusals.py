"""Mbed TLS's errors in words, as refusals.py has OpenSSL's. The codes and flags are the same in 3.6 and 2.28."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealmq.errors import TLSError
from sealmq.tls.alerts import ALERTS, BY_NAME
from sealmq.tls.refusals import REASONS, VERIFY_CODES, Refusal

FATAL_ALERT: Final = 0x7780
CLOSE_NOTIFY: Final = 0x7880
NO_CLIENT_CERTIFICATE: Final = 0x7480
_CERTIFICATE_CODES: Final = (0x2700, 0x7A00)

_KEY = Refusal(
    "the {peer} and this side have different keys for the same name, or a record was altered on its way",
    "bad_record_mac",
    "give both the same key",
)
_BINDER = Refusal(
    "the {peer} could not prove that it has the key that goes with its name", "decrypt_error", _KEY.remedy
)
_STRANGER = Refusal("nobody here knows the name that the {peer} gave with its key", "unknown_psk_identity")
_NO_KEY = Refusal("the {peer} offers no key (PSK), which is what counts here", "missing_extension", _KEY.remedy)
_NOTHING_IN_COMMON = Refusal(
    "the {peer} and this side found nothing that both allow", "handshake_failure",
    "turn on ECDHE with AES-GCM or ChaCha20-Poly1305, and P-256 or X25519",
)  # fmt: skip
_NO_MEMORY = Refusal("there is no memory for the connection with the {peer}", "internal_error")
_INTERNAL = Refusal("the TLS library failed on the connection with the {peer}", "internal_error")
_SIGNATURE = REASONS["BAD_SIGNATURE"]
_BROKEN = REASONS["BAD_KEY_SHARE"]
_LENGTH = REASONS["LENGTH_MISMATCH"]
_TOO_LONG = REASONS["EXCESSIVE_MESSAGE_SIZE"]
_FLAW_UNKNOWN = Refusal(
    "the {peer}'s certificate cannot be accepted", "certificate_unknown",
    "check the clocks of both sides: it may not be valid yet",
)  # fmt: skip
_NOT_CERTIFICATE = Refusal("the {peer}'s certificate cannot be taken apart", "bad_certificate")

CODES: Final = {
    0x2080: _NOT_CERTIFICATE,
    0x4380: _SIGNATURE,
    0x4E00: _SIGNATURE,
    0x6600: _BROKEN,
    0x6A00: _TOO_LONG,
    0x6C00: _INTERNAL,
    0x6C80: _STRANGER,
    0x6E00: _NOTHING_IN_COMMON,
    0x6E80: REASONS["UNSUPPORTED_PROTOCOL"],
    0x7180: REASONS["DECRYPTION_FAILED_OR_BAD_RECORD_MAC"],
    0x7200: Refusal("the {peer} sent a record that is not as TLS has it", "decode_error"),
    0x7300: _LENGTH,
    NO_CLIENT_CERTIFICATE: REASONS["PEER_DID_NOT_RETURN_A_CERTIFICATE"],
    0x7500: Refusal("the {peer} sent an extension that nobody asked for", "unsupported_extension"),
    0x7680: Refusal("the {peer} shows a certificate, and a key was to prove it", "unknown_ca"),
    0x7700: REASONS["UNEXPECTED_MESSAGE"],
    0x7F00: _NO_MEMORY,
}
"""Mbed TLS's error, without sign and without what a lower part of the library adds (the last seven bits) -> refusal."""

NOT_TRUSTED: Final = 0x08
CN_MISMATCH: Final = 0x04

FLAGS: Final = (
    (NOT_TRUSTED, 20),
    (0x02, 23),  # revoked
    (0x01, 10),  # expired
    (0x0200, 9),  # not valid yet
    (0x0800, 26),  # key usage
    (0x1000, 26),  # extended key usage
    (CN_MISMATCH, 62),
    (0x4000, 68),  # hash
    (0x8000, 66),  # kind of key
    (0x010000, 66),  # key
    (0x10, 8),  # the list's signature
    (0x20, 12),  # list expired
    (0x0400, 11),  # list not valid yet
)
"""MBEDTLS_X509_BADCERT_*, the weightiest first -> the row of VERIFY_CODES."""

_ALERTS_OF_FLAGS: Final = (
    (CN_MISMATCH, "bad_certificate"),
    (0x0800 | 0x1000 | 0x8000 | 0x010000, "unsupported_certificate"),
    (0x01, "certificate_expired"),
    (0x02, "certificate_revoked"),
    (NOT_TRUSTED, "unknown_ca"),
)
"""As mbedtls_ssl_verify_certificate chooses (ssl_parse_certificate in 2.28)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failure.

    code:     Mbed TLS's, a negative number.
    text:     Mbed TLS's words for it, of the certificate where it is about one.
    version:  "TLSv1.2" or "TLSv1.3", as far as it was agreed on.
    flags:    what is wrong with the peer's certificate.
    no_list:  nobody knows whom the issuer of the peer's certificate has revoked.
    address:  an address was dialled, and no name.
    psk:      a key is what proves the two.
    sent, received: numbers of alerts that were seen, -1 for none.
    own:      the library's own number, where `code` is another library's that says the same.
    """

    code: int
    text: str
    version: str = "TLSv1.3"
    flags: int = 0
    no_list: bool = False
    address: bool = False
    psk: bool = False
    sent: int = -1
    received: int = -1
    own: int = 0


def explain(failure: Failure, *, peer: str) -> TLSError:
    """The failure in words. peer: what the other end is called: "device" or "broker"."""
    code = -failure.code
    library = f"Mbed TLS: {failure.text} (-0x{failure.own or code:04X})"
    if failure.received in ALERTS:
        row = ALERTS[failure.received]
        return TLSError(
            f"the {peer} ended the connection, saying: {row.meaning}",
            row.name,
            sent=False,
            why=row.received.cause,
            remedy=row.received.remedy,
        )
    if code == FATAL_ALERT:
        return TLSError(f"the {peer} ended the connection, by an alert that says no more here", sent=False, why=library)
    if code == CLOSE_NOTIFY:
        return TLSError(
            f"the {peer} gave up in the middle of the handshake", "close_notify", sent=False, why=library,
            remedy=f"look into the {peer}'s own log: it may not accept the certificate that it saw",
        )  # fmt: skip
    refusal = _refusal(failure)
    alert = ALERTS[failure.sent].name if failure.sent in ALERTS else alert_for(failure)
    remedy = refusal.remedy or (BY_NAME[alert].sent.remedy if alert else "")
    return TLSError(refusal.what.format(peer=peer), alert, why=library, remedy=remedy.format(peer=peer))


def blames_certificate(code: int) -> bool:
    """True when the peer's certificate is why, or that its key was not proved."""
    return -code in _CERTIFICATE_CODES or _refusal(Failure(code, "")) in (_SIGNATURE, _NOT_CERTIFICATE)


def alert_for(failure: Failure) -> str:
    """The name of the alert that goes with a failure: what Mbed TLS sends, or what is to be sent in its place."""
    code = -failure.code
    if code in _CERTIFICATE_CODES and failure.flags:
        return next((name for bits, name in _ALERTS_OF_FLAGS if failure.flags & bits), "certificate_unknown")
    if code == NO_CLIENT_CERTIFICATE and failure.version == "TLSv1.2":
        return "handshake_failure"
    return _refusal(failure).alert


def _refusal(failure: Failure) -> Refusal:
    code = -failure.code & ~0x7F
    if failure.flags and -failure.code in _CERTIFICATE_CODES:
        return _verdict(failure)
    if -failure.code in _CERTIFICATE_CODES:
        return _FLAW_UNKNOWN
    if failure.psk and code == 0x7180:
        return _KEY
    if code == 0x6E00 and failure.sent == BY_NAME["decrypt_error"].number:
        return _BINDER if failure.psk else REASONS["DIGEST_CHECK_FAILED"]
    if code == 0x6600 and failure.sent == BY_NAME["missing_extension"].number:
        return _NO_KEY if failure.psk else REASONS["MISSING_SIGALGS_EXTENSION"]
    if code == 0x6600 and failure.sent == BY_NAME["unknown_psk_identity"].number:
        return _STRANGER
    if code in CODES:
        return CODES[code]
    if 0x2000 <= code < 0x3080:
        return _NOT_CERTIFICATE
    return Refusal("TLS with the {peer} failed", "internal_error")


def _verdict(failure: Failure) -> Refusal:
    if failure.no_list:
        return VERIFY_CODES[3]
    for bit, row in FLAGS:
        if failure.flags & bit:
            return VERIFY_CODES[64 if bit == CN_MISMATCH and failure.address else row]
    return REASONS["CERTIFICATE_VERIFY_FAILED"]
