"""Everything that SealMQ raises, in one tree.

    Error
    ├── ProtocolError(reason_code)    MQTT: what goes into the answer
    │   ├── LocalProtocolError        we did it: a bug of ours
    │   └── RemoteProtocolError       they did it: they must be told
    ├── TLSError(alert)               the handshake or a record failed
    ├── WebSocketError(code)          a WebSocket was refused, or a frame was illegal: what goes into the answer
    ├── TrustError                    a key, chain, name or date cannot be relied upon
    ├── EnrollmentError               a device cannot be added, found or revoked as asked
    ├── BundleError                   a device's credentials can't be given in the form that was asked for
    ├── ConfigError                   sealmq.toml or an option says something that cannot be done
    │   ├── PortTakenError            another program listens there
    │   └── MiddlewareError           a TLS library is missing, too old, or cannot do what is asked of it
    └── HomeError                     the home cannot be made, opened or read

Every error says what happened, and where it helps why, and what to type next. A denied PUBLISH is not an error: it
is a decision (broker/access.py).
"""

from __future__ import annotations


class Error(Exception):
    """The root of the tree.

    what:   what happened, one sentence without a full stop at its end.
    why:    the reason, where it is known and not already said.
    remedy: what to do next, as words or as a command to type.
    """

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy


class ProtocolError(Error):
    """MQTT was broken. `reason_code` is the MQTT 5 reason code of the answer (mqtt.codes.ReasonCode)."""

    def __init__(self, what: str, reason_code: int, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.reason_code = reason_code


class LocalProtocolError(ProtocolError):
    """We tried to send what the standard forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the standard forbids; it is told `reason_code`, then the link ends."""


class TLSError(Error):
    """The TLS handshake or a record failed.

    alert: the alert's name as RFC 8446 section 6 writes it ("unknown_ca"), or "" when none was sent or received.
    sent:  True when we sent the alert, False when the peer did.
    """

    def __init__(self, what: str, alert: str = "", *, sent: bool = True, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.alert = alert
        self.sent = sent


class WebSocketError(Error):
    """The peer's request for a WebSocket was refused, or it sent a frame that is not allowed (RFC 6455).

    code: of the answer: the HTTP status, or the close code of RFC 6455 section 7.4 once the WebSocket is open.
    """

    def __init__(self, what: str, code: int, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.code = code


class TrustError(Error):
    """A key, a chain, a name or a date cannot be relied upon."""


class EnrollmentError(Error):
    """A device cannot be added, found, renewed or revoked as asked."""


class BundleError(Error):
    """A device's credentials cannot be given in the form that was asked for, or a file of them is not as it must be."""


class ConfigError(Error):
    """sealmq.toml, or an option, says something that cannot be done."""


class PortTakenError(ConfigError):
    """Another program listens where we should: nothing was asked wrongly, so the exit code is that of a failure."""


class MiddlewareError(ConfigError):
    """A TLS library is missing, is of a version that does not do, or cannot do what is asked of it."""


class HomeError(Error):
    """The home (the folder with CA, registry and configuration) cannot be made, opened or read."""
