"""Any message of a Conversation, taken apart for people to look at: its name, and its fields.

Rule: nothing is raised. What cannot be taken apart is one field that says why, behind those that could be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sealmq.errors import TLSError
from sealmq.kit.dissect import bodies
from sealmq.kit.dissect.conversation import ContentType, Sender
from sealmq.kit.dissect.fields import Cursor, Field
from sealmq.kit.dissect.framing import take_header
from sealmq.kit.dissect.hello import take_client_hello, take_server_hello
from sealmq.kit.dissect.key_exchange import take_client_key_exchange, take_server_key_exchange
from sealmq.kit.dissect.registry import TLS12, TLS13, tell, tell_handshake_type
from sealmq.tls.alerts import ALERTS

Take = Callable[[Cursor, int, int | None], object]

_TAKERS: dict[int, Take] = {
    0: lambda cursor, version, suite: bodies.take_empty(cursor),
    1: lambda cursor, version, suite: take_client_hello(cursor),
    2: lambda cursor, version, suite: take_server_hello(cursor),
    4: lambda cursor, version, suite: bodies.take_new_session_ticket(cursor, tls13=version > TLS12),
    5: lambda cursor, version, suite: bodies.take_empty(cursor),
    8: lambda cursor, version, suite: bodies.take_encrypted_extensions(cursor),
    11: lambda cursor, version, suite: bodies.take_certificate(cursor, tls13=version > TLS12),
    12: lambda cursor, version, suite: take_server_key_exchange(cursor, suite, version),
    13: lambda cursor, version, suite: bodies.take_certificate_request(cursor, version),
    14: lambda cursor, version, suite: bodies.take_empty(cursor),
    15: lambda cursor, version, suite: bodies.take_certificate_verify(cursor, version),
    16: lambda cursor, version, suite: take_client_key_exchange(cursor, suite),
    20: lambda cursor, version, suite: bodies.take_finished(cursor),
    22: lambda cursor, version, suite: bodies.take_certificate_status(cursor),
    24: lambda cursor, version, suite: bodies.take_key_update(cursor),
    25: lambda cursor, version, suite: bodies.take_compressed_certificate(cursor),
    254: lambda cursor, version, suite: bodies.take_hash(cursor),
}

_ONLY = {
    **dict.fromkeys((0, 2, 4, 8, 12, 13, 14, 22), Sender.SERVER),
    **dict.fromkeys((1, 5, 16), Sender.CLIENT),
}
"""Type of a message -> the one end that may send it."""

_NAMES: dict[int, str] = {
    ContentType.CHANGE_CIPHER_SPEC: "ChangeCipherSpec",
    ContentType.ALERT: "Alert",
    ContentType.APPLICATION_DATA: "application data",
    ContentType.HEARTBEAT: "Heartbeat",
}
_CHANGES = {1: "change_cipher_spec"}
_LEVELS = {1: "warning", 2: "fatal"}


def name_of(kind: int, type_: int) -> str:
    """A message's name: of a handshake message by its HandshakeType, of any other by its content type.

    A HelloRetryRequest has the type of a ServerHello, and is called so here: only its random tells them apart.
    """
    if kind == ContentType.HANDSHAKE:
        return tell_handshake_type(type_)
    return tell(_NAMES, kind, 2)


def fields_of(kind: int, body: bytes, *, version: int | None, suite: int | None, sender: Sender) -> tuple[Field, ...]:
    """What a message is made of.

    kind, body: as `conversation.Message` has them: a handshake message with its header of 4 bytes.
    version:    that the server took; None where nobody knows: then both forms of a message are tried, the newer first.
    suite:      that the server took, None where nobody knows.
    """
    if kind == ContentType.HANDSHAKE:
        fields = _handshake(body, version, suite)
        return _with_sender(fields, body, sender)
    if kind == ContentType.ALERT:
        return _taken(body, _alert)
    if kind == ContentType.CHANGE_CIPHER_SPEC:
        return _taken(body, lambda cursor: cursor.number(1, "type", lambda code: tell(_CHANGES, code, 2)))
    return _taken(body, lambda cursor: cursor.rest("bytes") if body else None)


def _handshake(body: bytes, version: int | None, suite: int | None) -> tuple[Field, ...]:
    versions = (TLS13, TLS12) if version is None else (version,)
    fields: tuple[Field, ...] = ()
    for one in versions:
        cursor = Cursor(body)
        try:
            type_ = take_header(cursor)
            if type_ in _TAKERS:
                _TAKERS[type_](cursor, one, suite)
            else:
                cursor.rest("bytes")
            cursor.expect_end("the message")
            return tuple(cursor.fields)
        except TLSError as error:
            cursor.give_up(error.what)
        fields = fields or tuple(cursor.fields)
    return fields


def _with_sender(fields: tuple[Field, ...], body: bytes, sender: Sender) -> tuple[Field, ...]:
    """Says at the type of a message that the other end alone may send it."""
    only = _ONLY.get(body[0]) if body else None
    if only is None or only is sender:
        return fields
    value = f"{fields[0].value} (only a {only} may send it)"
    return (dataclasses.replace(fields[0], value=value), *fields[1:])


def _taken(body: bytes, take: Callable[[Cursor], object]) -> tuple[Field, ...]:
    cursor = Cursor(body)
    try:
        take(cursor)
        cursor.expect_end("the message")
    except TLSError as error:
        cursor.give_up(error.what)
    return tuple(cursor.fields)


def _alert(cursor: Cursor) -> None:
    """RFC 8446 section 6."""
    cursor.number(1, "level", lambda code: tell(_LEVELS, code, 2))
    cursor.number(1, "description", lambda code: ALERTS[code].name if code in ALERTS else f"unknown ({code})")
