"""What OpenSSL reports through pyOpenSSL, in the words of tls/refusals.py.

pyOpenSSL gives sentences where Python's `ssl` gives names: "no shared cipher" is NO_SHARED_CIPHER. A received alert is
told by its number, whatever this OpenSSL calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from sealmq.errors import TLSError
from sealmq.tls.refusals import explain_reason, gave_up

_SSL_LIBRARY: Final = 20  # ERR_LIB_SSL of openssl/err.h, whose numbers stand above 23 bits of reason
_ALERTS: Final = 1000  # SSL_AD_REASON_OFFSET of openssl/ssl.h: what a received alert's number is raised by
_CLOSE_NOTIFY: Final = 0  # RFC 8446 section 6.1
_GROUPS: Final = frozenset({"NO_SUITABLE_KEY_SHARE", "NO_SHARED_GROUPS", "NO_SUITABLE_GROUPS", "WRONG_CURVE"})

_VAGUE: Final = frozenset({"RECORD_LAYER_FAILURE"})  # it stands behind the reason for it


@dataclass(slots=True)
class Report:
    """What OpenSSL reported of one failure.

    reason:       its name as Python's `ssl` spells it ("NO_SHARED_CIPHER"), "" for none.
    verification: X509_V_ERR_* of the peer's certificate and OpenSSL's words for it, when that was to blame.
    alert, sent:  number of the alert that was heard, None for none; True when we sent it.
    """

    reason: str
    verification: tuple[int, str] | None = None
    alert: int | None = None
    sent: bool = True

    @classmethod
    def of(cls, codes: Sequence[int], verify_result: int) -> Report:
        """codes: of OpenSSL's queue, the oldest first. The last one of libssl itself says what it was about."""
        of_ssl = [code for code in codes if code >> 23 & 0xFF == _SSL_LIBRARY]
        reasons = [(_name(code), code) for code in of_ssl or codes]
        while len(reasons) > 1 and reasons[-1][0] in _VAGUE:
            reasons.pop()
        if not reasons:
            return cls("")
        reason, code = reasons[-1]
        number = int(lib.ERR_GET_REASON(code))
        if of_ssl and number >= _ALERTS:
            return cls("", alert=number - _ALERTS, sent=False)
        if reason == "CERTIFICATE_VERIFY_FAILED" and verify_result:
            return cls(reason, (verify_result, _text(lib.X509_verify_cert_error_string(verify_result))))
        return cls(reason)


def explain_report(report: Report, *, peer: str, groups: str) -> TLSError:
    """As a TLSError with words.

    peer:   what the other end is called: "device" or "broker".
    groups: the key exchange groups that are allowed here, for people.
    """
    if report.alert == _CLOSE_NOTIFY and not report.sent and not report.reason:
        return gave_up(peer)
    error = explain_reason(
        report.reason, verification=report.verification, peer=peer, alert=report.alert, sent=report.sent
    )
    if report.reason in _GROUPS and error.sent:
        error.why = f"allowed here: {groups}"
        error.remedy = f"turn on one of them in the {peer}'s TLS library: {groups}"
    elif error.alert == "handshake_failure" and not error.sent:
        error.remedy += f"; this side allows the groups {groups}"
    return error


def in_words(error: Exception) -> str:
    """The reasons in an error that pyOpenSSL raised itself, for a file that cannot be used."""
    queue: Any = error.args[0] if isinstance(error, (SSL.Error, crypto.Error)) and error.args else None
    if not isinstance(queue, (list, tuple)):
        return getattr(error, "strerror", None) or str(error)
    reasons = [str(entry[-1]) for entry in queue if entry[-1]]
    if any("PEM" in reason or reason in ("no start line", "bad end line", "bad base64 decode") for reason in reasons):
        return "a certificate or key is no PEM, or it is damaged"
    return ", ".join(dict.fromkeys(reasons)) or "OpenSSL does not say why"


def _name(code: int) -> str:
    return _text(lib.ERR_reason_error_string(code)).upper().replace(" ", "_")


def _text(words: Any) -> str:
    return ffi.string(words).decode("ascii", "replace") if words != ffi.NULL else ""
