"""The first bytes of a connection: TLS, or what else knocks at a TLS port."""

from __future__ import annotations

from sealmq.errors import TLSError

_HTTP = (
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"PATCH ",
    b"TRACE ",
    b"PRI * ",
    b"HTTP/",
)
_CONTENT_TYPES = range(20, 25)  # RFC 8446 section 5.1, and heartbeat
_MAJOR_VERSION = 3  # legacy_record_version is 0x0301 to 0x0303


def check_first_bytes(first: bytes | memoryview, *, peer: str = "device") -> None:
    """Raise TLSError when a connection that begins with `first` cannot be TLS, naming what it looks like.

    first: at least one byte. peer: what the other end is called in the sentence.
    Nothing is kept back: one byte is enough to know that it is not TLS, more give a better name.
    """
    if first[0] in _CONTENT_TYPES and (len(first) == 1 or first[1] == _MAJOR_VERSION):
        return
    name, remedy = _looks_like(bytes(first[:16]), peer)
    raise TLSError(f"the {peer} does not speak TLS: this looks like {name}", remedy=remedy)


def is_http(first: bytes | memoryview) -> bool:
    """Does a connection that begins with these bytes speak HTTP without TLS?"""
    return bytes(first[:8]).startswith(_HTTP)


def _looks_like(first: bytes, peer: str) -> tuple[str, str]:
    """Name and remedy for what is not TLS."""
    if first[0] == 0x10 and (len(first) < 8 or b"MQ" in first):  # [MQTT-3.1.0-1] CONNECT, its protocol name
        return (
            "MQTT without encryption (a CONNECT packet)",
            "connect with TLS: mosquitto_pub --cafile root.pem --cert device.pem --key device.key -p 8883 ...",
        )
    if first[0] == 0x20 and peer == "broker":
        return "MQTT without encryption (a CONNACK packet)", "connect to the broker's TLS port, usually 8883"
    if any(first.startswith(word) or word.startswith(first) for word in _HTTP):
        return (
            "HTTP without encryption",
            "this port takes MQTT over TLS, not HTTP; a browser or proxy has the wrong port",
        )
    if first.startswith(b"SSH-") or b"SSH-".startswith(first):
        return "SSH", "this port takes MQTT over TLS; SSH is usually port 22"
    if first[0] & 0x80 and first[2:3] == b"\x01":
        return "SSL 2.0 (a ClientHello of 1995)", f"update the {peer}'s TLS library: TLS 1.2 or 1.3 is needed"
    shown = first.hex(" ")
    return (
        f"nothing known (it begins with {shown})",
        f"check what the {peer} sends, and to which port: MQTT over TLS is 8883",
    )
