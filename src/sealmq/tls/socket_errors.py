"""Our refusals as the exceptions that programs around `ssl` expect, with our words in them.

Who catches ssl.SSLCertVerificationError or looks at `reason` finds what OpenSSL would have put there; who prints the
exception reads what happened, why, and what to do next. The TLSError itself is its `__cause__`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from sealmq.errors import Error, TLSError
from sealmq.tls.alerts import BY_NAME

_OF_THE_CERTIFICATE: Final = frozenset(
    (
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "unknown_ca",
    )
)
_X509_V_ERR_UNSPECIFIED: Final = 1

_SSLV3: Final = frozenset((0, 10, 20, 30, 40, 41, 42, 43, 44, 45, 46, 47))
_TLSV13: Final = frozenset((109, 116))


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that is raised again at each later call; it holds no exception, and so nobody's frames.

    words:      what happened, why, and what is next.
    reason:     as OpenSSL names it: "TLSV13_ALERT_CERTIFICATE_REQUIRED"; "" where it has no name.
    of_us:      the number of OpenSSL's check (X509_V_ERR_*) when it was we who refused the certificate, else None.
    """

    words: str
    reason: str
    of_us: int | None

    def exception(self, *, shaking: bool) -> ssl.SSLError:
        """A fresh one. shaking: in the handshake; behind it nothing is a ValueError, which paho-mqtt passes over, as
        ssl.SSLCertVerificationError is."""
        text = f"[SSL: {self.reason}] {self.words}" if self.reason else self.words
        if self.of_us is None or not shaking:
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, text)
        else:
            error = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, text)
            error.verify_code, error.verify_message = self.of_us, self.words
        error.library, error.reason = "SSL", self.reason
        return error


def refused(error: TLSError) -> Refused:
    """What is kept of an error."""
    if not error.sent and error.alert in BY_NAME:
        return Refused(in_words(error), openssl_name(error.alert), None)
    if error.sent and error.alert in _OF_THE_CERTIFICATE:
        code = getattr(error.__cause__, "verify_code", _X509_V_ERR_UNSPECIFIED)
        return Refused(in_words(error), "CERTIFICATE_VERIFY_FAILED", code)
    return Refused(in_words(error), "", None)


def openssl_name(alert: str) -> str:
    """How OpenSSL calls an alert that came: programs tell a refusal from a faulty network by it."""
    number = BY_NAME[alert].number
    version = "SSLV3" if number in _SSLV3 else "TLSV13" if number in _TLSV13 else "TLSV1"
    return f"{version}_ALERT_{alert.upper()}"


def in_words(error: Error) -> str:
    """What happened, why, and what is next, in one line."""
    why = f" ({error.why})" if error.why else ""
    return f"{error.what}{why}{f'; next: {error.remedy}' if error.remedy else ''}"


def want_read() -> ssl.SSLWantReadError:
    """Come again when the socket can be read."""
    return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the read would block")


def want_write() -> ssl.SSLWantWriteError:
    """Come again, with the same data, when the socket can be written to."""
    return ssl.SSLWantWriteError(ssl.SSL_ERROR_WANT_WRITE, "the write would block")


def cut_off(*, shaking: bool) -> ssl.SSLEOFError:
    """TCP ended, and TLS had not."""
    when = "in the middle of the handshake" if shaking else "without a goodbye"
    text = f"EOF occurred in violation of protocol: the broker closed the connection {when}; next: look into its log"
    return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, text)
