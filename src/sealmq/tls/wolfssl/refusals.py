"""wolfSSL's errors in words: what happened, which alert went out or came in, what to do.

The table has what can happen here; wolfSSL has some three hundred codes, and the rest get its own words.
"""

from __future__ import annotations

from typing import Final

from sealmq.errors import TLSError
from sealmq.tls.alerts import ALERTS, BY_NAME
from sealmq.tls.refusals import Refusal, explain_reason

ALERT_RECEIVED = -313  # FATAL_ERROR
CLOSED = -343  # ZERO_RETURN: close_notify
COMPLAINTS: Final = {"name": -322, "purpose": -386, "hash": -156}
"""wolfSSL's codes for what certificates.py finds: DOMAIN_NAME_MISMATCH, EXTKEYUSE_AUTH_E, ASN_SIG_HASH_E."""

PARSE_ERROR = -306
VERSION_ERROR = -326
OUT_OF_ORDER = -373
UNKNOWN_PSK = -333  # PSK_KEY_ERROR
NO_PSK = -440  # NO_CERT_ERROR
WITHOUT_PSK = frozenset({-328, -331, UNKNOWN_PSK, -423, NO_PSK})
"""What a listener for PSK meets, by version and TLS version, when no key of the peer's is known to it: BUFFER_ERROR,
CLIENT_ID_ERROR, PSK_KEY_ERROR, BAD_BINDER, NO_CERT_ERROR."""

_CLOCK = "check the clocks of both sides"
_DIALLED = "dial a name or address that the broker's certificate carries, or renew it for this one"
_UNKNOWN_CA = Refusal("the {peer}'s certificate was not issued by the authority that is trusted here", "unknown_ca")
_CRL = "restart the broker; if it comes again, make the revocation list anew"
_DAMAGED = Refusal("the {peer}'s certificate is damaged, or of a kind that is not accepted here", "bad_certificate")
_NAME = Refusal("the broker's certificate does not carry the name that was dialled", "bad_certificate", _DIALLED)
_WRONG_USE = Refusal("the {peer}'s certificate is for another purpose", "unsupported_certificate")
_WEAK = Refusal("the key in the {peer}'s certificate is too short", "bad_certificate")
_CHAIN = Refusal("the {peer}'s certificate is signed by a certificate that may not sign it", "bad_certificate")
_NOT_PROVED = Refusal("the {peer} could not prove that it holds the private key of its certificate", "decrypt_error")
_BROKEN = Refusal("the {peer} sent something in the handshake that TLS does not allow", "illegal_parameter")
_LENGTH = Refusal("the {peer} sent a TLS message that cannot be taken apart", "decode_error")
_ORDER = Refusal("the {peer} sent a TLS message out of order", "unexpected_message")
_ALTERED = Refusal("a record from the {peer} was altered on its way", "bad_record_mac")
_TOO_LONG = Refusal("the {peer} sent a record that is longer than TLS allows", "record_overflow")
_VERSION = Refusal("the {peer} offers no TLS version that is allowed here", "protocol_version")
_HANDSHAKE = Refusal("the handshake with the {peer} was altered on its way, or its key is another", "decrypt_error")
_NO_CIPHER = Refusal(
    "the {peer} offers no cipher suite that is allowed here", "handshake_failure",
    "turn on ECDHE with AES-GCM or ChaCha20-Poly1305, such as ECDHE-ECDSA-AES128-GCM-SHA256",
)  # fmt: skip
_NO_GROUP = Refusal(
    "the {peer} offers no key exchange group that is allowed here",
    "handshake_failure",
    "turn on P-256 (secp256r1) or X25519",
)
_NO_CERTIFICATE = Refusal(
    "the {peer} showed no certificate", "certificate_required", BY_NAME["certificate_required"].sent.remedy
)
_RENEGOTIATION = Refusal("the {peer} wanted to renegotiate, which is off here", "no_renegotiation")
_PSK = Refusal(
    "the {peer} proved itself by no key that is known here", "unknown_psk_identity",
    "compare the identity and the key that both sides have",
)  # fmt: skip
_FLOOD = Refusal("the {peer} sent too many alerts or empty records", "unexpected_message")

CODES: dict[int, Refusal] = {
    -132: _LENGTH,  # BUFFER_E
    -140: _DAMAGED,  # ASN_PARSE_E and its like
    -142: _DAMAGED,
    -144: _DAMAGED,
    -149: _DAMAGED,
    -150: Refusal("the {peer}'s certificate is not valid yet", "bad_certificate", _CLOCK),
    -151: Refusal("the {peer}'s certificate has expired", "certificate_expired"),
    -152: _DAMAGED,
    -154: _DAMAGED,
    -155: Refusal("the signature on the {peer}'s certificate is wrong", "bad_certificate"),  # ASN_SIG_CONFIRM_E
    -156: Refusal("the {peer}'s certificate is signed with a broken hash", "bad_certificate"),
    -160: _DAMAGED,  # ASN_CRIT_EXT_E: a critical extension that nobody knows
    -161: _DAMAGED,
    -179: Refusal("the revocation list has expired or is not valid yet", "certificate_expired", _CRL),
    -180: _ALTERED,  # AES_GCM_AUTH_E
    -182: _ALTERED,  # AES_CCM_AUTH_E
    -188: _UNKNOWN_CA,  # ASN_NO_SIGNER_E
    -189: Refusal("the signature on the revocation list is wrong", "decrypt_error", _CRL),
    -190: Refusal("the revocation list was not issued by an authority that is trusted here", "unknown_ca", _CRL),
    -213: _ALTERED,  # MAC_CMP_FAILED_E, of ChaCha20-Poly1305
    -229: _NOT_PROVED,  # SIG_VERIFY_E
    -237: _CHAIN,
    -238: _CHAIN,
    -275: Refusal("the {peer}'s certificate is signed by itself, not by an authority", "unknown_ca"),
    -302: _LENGTH,  # PREFIX_ERROR
    -304: _HANDSHAKE,  # VERIFY_FINISHED_ERROR
    -305: _ALTERED,  # VERIFY_MAC_ERROR
    PARSE_ERROR: _LENGTH,
    -307: _ORDER,  # UNKNOWN_HANDSHAKE_TYPE
    -310: _LENGTH,  # INCOMPLETE_DATA
    -311: _ORDER,  # UNKNOWN_RECORD_TYPE
    -312: _ALTERED,  # DECRYPT_ERROR
    -321: _LENGTH,  # BAD_HELLO
    -322: _NAME,
    -325: _NAME,  # IPADDR_MISMATCH
    VERSION_ERROR: _VERSION,
    -328: _LENGTH,  # BUFFER_ERROR
    -329: _DAMAGED,  # VERIFY_CERT_ERROR
    -330: _NOT_PROVED,  # VERIFY_SIGN_ERROR
    -331: _PSK,  # CLIENT_ID_ERROR
    UNKNOWN_PSK: _PSK,
    -341: _TOO_LONG,  # LENGTH_ERROR
    -345: _NO_CERTIFICATE,  # NO_PEER_CERT
    -350: _NO_GROUP,
    -351: _NO_GROUP,
    -352: _BROKEN,  # ECC_PEERKEY_ERROR
    -355: _BROKEN,  # ECC_SHARED_ERROR
    -357: _CHAIN,  # NOT_CA_ERROR
    -361: Refusal("the {peer}'s certificate was revoked", "certificate_revoked"),
    -362: Refusal(
        "there is no revocation list of the authority that issued the {peer}'s certificate", "unknown_ca", _CRL
    ),
    -368: Refusal("the {peer}'s certificate chain is too long", "unknown_ca"),
    -371: _NO_CIPHER,  # SUITES_ERROR
    OUT_OF_ORDER: _ORDER,
    -378: _NO_CERTIFICATE,  # NO_PEER_VERIFY
    -383: _WRONG_USE,  # KEYUSE_SIGNATURE_E
    -385: _WRONG_USE,
    -386: _WRONG_USE,  # EXTKEYUSE_AUTH_E
    -388: _RENEGOTIATION,
    -393: _ORDER,
    -394: _ORDER,
    -395: _ORDER,
    -404: Refusal("the {peer} sent a handshake message that is too long", "illegal_parameter"),
    -409: _WEAK,
    -410: _WEAK,
    -414: _BROKEN,  # EXT_MASTER_SECRET_NEEDED_E
    -416: _LENGTH,  # DECODE_E
    -421: _BROKEN,  # BAD_KEY_SHARE_DATA
    -422: _LENGTH,
    -423: _HANDSHAKE,  # BAD_BINDER: the key of the ticket or of the PSK is another
    -424: _BROKEN,
    -425: _BROKEN,  # INVALID_PARAMETER
    -427: _FLOOD,  # ALERT_COUNT_E
    -428: Refusal("the {peer}'s hello lacks what TLS demands", "missing_extension"),
    -429: _BROKEN,
    NO_PSK: Refusal(
        "the {peer} offers no shared key (PSK), and this listener takes nothing else",
        "handshake_failure",
        "give the {peer} its identity and key, or another port",
    ),
    -450: _VERSION,
    -457: _BROKEN,
    -500: _NO_CIPHER,
    -501: _NO_CIPHER,
    -503: _NO_GROUP,
    -505: _BROKEN,
}
"""wolfSSL's codes (wolfssl/error-ssl.h, wolfcrypt/error-crypt.h: part of its ABI) -> refusal."""

BLAMES_CERTIFICATE = frozenset(
    code for code, refusal in CODES.items()
    if refusal in (_UNKNOWN_CA, _DAMAGED, _NAME, _WRONG_USE, _WEAK, _CHAIN, _NOT_PROVED)
    or ("certificate" in refusal.what and refusal is not _NO_CERTIFICATE)
)  # fmt: skip
"""Those for which it was the peer's certificate that was refused, or that its key was not proved."""


def explain(code: int, words: str, *, peer: str, sent: int | None, received: int | None) -> TLSError:
    """What wolfSSL reported, as a TLSError with words.

    code:     of wolfSSL, such as -188.
    words:    its own text for that.
    peer:     what the other end is called: "device" or "broker".
    sent:     number of the fatal alert that went out, None when none did.
    received: number of the alert that came last, None when none did.
    """
    if code == ALERT_RECEIVED and received in ALERTS:
        return explain_reason("", peer=peer, alert=received, sent=False)
    if code == CLOSED:
        return TLSError(
            f"the {peer} gave up in the middle of the handshake",
            "close_notify",
            sent=False,
            remedy=f"look into the {peer}'s own log: it may not accept the certificate that it saw",
        )
    name = ALERTS[sent].name if sent in ALERTS else ""
    said = ALERTS[sent].meaning if sent in ALERTS else words.replace("{", "(").replace("}", ")")
    refusal = CODES.get(code) or Refusal(f"TLS with the {{peer}} failed: {said}", "")
    remedy = refusal.remedy or (BY_NAME[name or refusal.alert].sent.remedy if name or refusal.alert else "")
    return TLSError(
        refusal.what.format(peer=peer),
        name,
        why=f"wolfSSL {code}: {words}",
        remedy=remedy.format(peer=peer),
    )
