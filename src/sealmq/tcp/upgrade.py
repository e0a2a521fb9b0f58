"""The opening handshake of WebSocket: a request's head in, the HTTP response out (RFC 6455 section 4.2).

Rule 1: a refusal is an answer. Whoever sends HTTP gets HTTP back, with words that a person can read.
Rule 2: no extension is accepted. Compression would sit between packets that an attacker can choose and secrets beside
        them, and it costs memory for each connection.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container
from http import HTTPStatus

import h11
from wsproto.utilities import generate_accept_token

from sealmq.errors import WebSocketError
from sealmq.tcp.origins import may_connect

PATHS = (b"/", b"/mqtt")
"""Where MQTT is: what clients ask for when nobody told them a path."""

SUBPROTOCOL = b"mqtt"

_MORE_HEADERS = {
    405: [("Allow", "GET")],
    426: [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],  # RFC 6455 section 4.4, RFC 9110 section 15.5.22
}


def respond(head: bytes, origins: Container[str]) -> tuple[bytes, WebSocketError | None]:
    """The HTTP response to the head of a request, and why it is a refusal when it is one.

    head:    from the request line to the empty line.
    origins: whose web pages may connect, beside our own; as `normal_origin` writes them.
    """
    http = h11.Connection(h11.SERVER)
    method = b""
    try:
        http.receive_data(head)
        request = http.next_event()
        if not isinstance(request, h11.Request):
            raise WebSocketError("the request is not proper HTTP", code=400)
        method = request.method
        key = _check(request, origins)
        if not isinstance(http.next_event(), h11.EndOfMessage):
            raise WebSocketError("a request for a WebSocket has no body", code=400)
    except h11.RemoteProtocolError as error:
        refusal = WebSocketError(f"the request is not proper HTTP: {str(error)[:100]}", error.error_status_hint)
    except WebSocketError as error:
        refusal = error
    else:
        return _switch(http, generate_accept_token(key)), None
    return _refuse(http, refusal, method), refusal.with_traceback(None)  # or it would hold the frame that holds it


def refuse(refusal: WebSocketError) -> bytes:
    """The HTTP response to a request of which the head is not there."""
    return _refuse(h11.Connection(h11.SERVER), refusal)


def _check(request: h11.Request, origins: Container[str]) -> bytes:
    """The Sec-WebSocket-Key of a request that may pass. [RFC 6455 section 4.2.1, in its order]"""
    if request.method != b"GET":
        raise WebSocketError(f"only GET opens a WebSocket, not {_shown(request.method)}", code=405)
    path = request.target.partition(b"?")[0]
    if path not in PATHS:
        raise WebSocketError(f"there is nothing at {_shown(path)}; MQTT is at / and at /mqtt", code=404)
    upgrades = b"websocket" in _tokens(request, b"upgrade") and b"upgrade" in _tokens(request, b"connection")
    if request.http_version != b"1.1" or not upgrades:
        raise WebSocketError("MQTT over WebSocket is spoken here, and the request asks for no WebSocket", code=426)
    versions = _values(request, b"sec-websocket-version")
    if versions != [b"13"]:
        raise WebSocketError(f"WebSocket version 13 is spoken here, not {_shown(b', '.join(versions))}", code=426)
    keys = _values(request, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise WebSocketError("Sec-WebSocket-Key must be 16 bytes in base64, once", code=400)
    for origin in _values(request, b"origin"):
        host = _values(request, b"host")[0].decode("latin-1")
        if not may_connect(origin.decode("latin-1"), host, origins):
            raise WebSocketError(
                f"a web page of {_shown(origin)} may not connect here",
                code=403,
                remedy="name it in sealmq.toml, [websocket] origins, if it is one of yours",
            )
    offered = _tokens(request, b"sec-websocket-protocol", lower=False)
    if SUBPROTOCOL not in offered:  # [MQTT-6.0.0-3]
        raise WebSocketError(f"the subprotocol must be 'mqtt'; offered was {_shown(b', '.join(offered))}", code=400)
    return keys[0]


def _switch(http: h11.Connection, accept: bytes) -> bytes:
    """101: from here on it is WebSocket. [RFC 6455 section 4.2.2]"""
    headers = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", accept),
        (b"Sec-WebSocket-Protocol", SUBPROTOCOL),  # [MQTT-6.0.0-4]
    ]
    response = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
    return http.send(response) or b""


def _refuse(http: h11.Connection, refusal: WebSocketError, method: bytes = b"") -> bytes:
    """The refusal as HTTP; the connection is closed behind it. `method` is empty when the request could not be read."""
    body = f"{refusal.what[:1].upper()}{refusal.what[1:]}.\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Connection", "upgrade, close" if refusal.code == 426 else "close"),
        *_MORE_HEADERS.get(refusal.code, []),
    ]
    reason = HTTPStatus(refusal.code).phrase.encode()
    response = h11.Response(status_code=refusal.code, headers=headers, reason=reason)
    content = [] if method == b"HEAD" else [h11.Data(data=body)]  # [RFC 9110 section 9.3.2]
    return b"".join(http.send(event) or b"" for event in (response, *content, h11.EndOfMessage()))


def _values(request: h11.Request, name: bytes) -> list[bytes]:
    return [value for each, value in request.headers if each == name]


def _tokens(request: h11.Request, name: bytes, *, lower: bool = True) -> list[bytes]:
    """The members of a header that is a list, from all its lines [RFC 9110 section 5.6.1]."""
    tokens = [token.strip() for value in _values(request, name) for token in value.split(b",")]
    return [token.lower() if lower else token for token in tokens if token]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _shown(value: bytes) -> str:
    """What a stranger sent, short and harmless in a log."""
    shown = repr(value.decode("latin-1"))
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
