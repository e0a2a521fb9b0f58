"""What OpenSSL says aloud during a handshake, and Python's `ssl` does not pass on: the alerts, and the certificate of a
peer that is being refused.

`SSLContext._msg_callback` is private. `hear` is what context.py hangs into it, where it exists; without it every
refusal still works, with an alert that is inferred from the error, and without the refused certificate.

Rule 1: whatever the peer sends, `hear` does not raise, and keeps at most one certificate.
Rule 2: it costs nothing after the handshake: OpenSSLConnection then moves to a twin context without a callback.
"""

from __future__ import annotations

import ssl

LARGEST_CERTIFICATE = 16384  # bytes of DER kept; ours have 474, the largest post-quantum ones about 8,000

_ALERT = 21  # content types, RFC 8446 section 5.1
_HANDSHAKE = 22
_CERTIFICATE = 11  # a handshake message type, RFC 8446 section 4


class HeardSSLObject(ssl.SSLObject):
    """An SSLObject that remembers what was heard.

    leaf:       DER of the first certificate in the peer's Certificate message, b"" when there was none.
    alert:      number of the last alert that was sent or received, None before.
    alert_sent: True when that alert was ours.
    """

    leaf: bytes = b""
    alert: int | None = None
    alert_sent: bool = True


def hear(
    connection: HeardSSLObject, direction: str, version: int, content_type: int, message_type: int, message: bytes
) -> None:
    """OpenSSL's message callback: keep the peer's certificate and the alerts, forget the rest.

    direction: "read" or "write". message_type: of a handshake message, or the number of an alert.
    message: a handshake message as a whole, decrypted, its 4-byte header included.
    """
    if content_type == _HANDSHAKE:
        if message_type == _CERTIFICATE and direction == "read":
            connection.leaf = leaf_of(message, tls13=version >= ssl.TLSVersion.TLSv1_3)
    elif content_type == _ALERT:
        connection.alert = message_type
        connection.alert_sent = direction == "write"


def leaf_of(message: bytes, *, tls13: bool) -> bytes:
    """The peer's own certificate (DER) out of a Certificate message; b"" when there is none or the lengths lie.

    TLS 1.2 (RFC 5246 section 7.4.2): list length (3), then for each certificate length (3) and DER.
    TLS 1.3 (RFC 8446 section 4.4.2): before it the request context with its length (1), behind each its extensions.
    """
    at = 4
    if tls13:
        at += 1 + int.from_bytes(message[4:5], "big")
    at += 3
    length = int.from_bytes(message[at : at + 3], "big")
    if not 0 < length <= LARGEST_CERTIFICATE:
        return b""
    leaf = message[at + 3 : at + 3 + length]
    return leaf if len(leaf) == length else b""
