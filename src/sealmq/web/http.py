"""HTTP/1.1 as far as EST needs it: one request in, within bounds; one answer out.

Rule 1: an answer is written by hand. EST clients in the field compare header names letter by letter, read at most
        sixteen of them, need Content-Length and know no chunks; one reads the head from the first 1,024 bytes that
        come, another the body from a single TLS record. So: names in Title-Case, at most eight, head and body in one
        piece, below 512 bytes the one; and `Connection: close`, because one of them reads until the end.
Rule 2: of the status codes only those in STATUSES: the others mean nothing to such clients.
Rule 3: whatever comes, the answer is a request, nothing yet, or RequestError, which is itself an answer.
Rule 4: no more is kept of a request than LONGEST_HEAD and LONGEST_BODY, and its body comes in at most MOST_PIECES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

import h11

LONGEST_HEAD: Final = 8_192
"""Bytes of a request's line and headers."""

LONGEST_BODY: Final = 65_536
"""Bytes of its body: a certificate request has at most 8 KiB, and base64 with all kinds of white space fits well."""

MOST_PIECES: Final = 1_000
"""Pieces in which it may come. In chunks of one byte each, 400 kB of a stranger's cost 0.6 s of the loop."""

STATUSES: Final[Mapping[int, str]] = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    423: "Locked",
    500: "Internal Server Error",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}
"""What libest knows; everything else it calls an unknown error."""

TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    path:          without query; as it came, nothing decoded.
    content_type:  lower-case, "" when there is none.
    authorization: as it came, "" when there is none.
    accept:        as it came, "" when there is none.
    """

    method: str
    path: str
    content_type: str = ""
    authorization: str = field(default="", repr=False)  # a token is in it
    accept: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. more: headers beside the usual ones."""

    status: int
    body: bytes = field(repr=False)  # a device's key may be in it
    content_type: str = TEXT
    more: tuple[tuple[str, str], ...] = ()


def say(status: int, sentence: str, *more: tuple[str, str]) -> Answer:
    """An answer for a person: one sentence."""
    return Answer(status, f"{sentence[:1].upper()}{sentence[1:]}.\n".encode(), more=more)


class RequestError(Exception):
    """What came is no request that can be dealt with. answer: what the peer is told."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.answer = say(status, sentence)


class RequestReader:
    """Takes the bytes of one connection until its one request is there."""

    __slots__ = ("_body", "_head", "_http", "_size", "continue_wanted", "method")

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self.method = ""
        self.continue_wanted = False

    def receive_data(self, data: bytes) -> Request | None:
        """Take what came; the request, once it is whole. What stands behind it is not looked at.

        `continue_wanted` says, until `continued` is called, that the peer waits with its body for a word of ours.
        Raises RequestError when it cannot become a request.
        """
        if not data:
            return None  # h11 takes it for the end of the connection
        try:
            self._http.receive_data(data)
            return self._next()
        except h11.RemoteProtocolError as error:
            words = f"this is not proper HTTP ({str(error)[:100]})"
            if self._head is None and error.error_status_hint == 431:
                words = f"the head of the request has more than {LONGEST_HEAD} bytes"
            error.__traceback__ = None  # h11 raises it from a method of its own: it would hold all frames, and itself
        raise RequestError(words)

    def continued(self) -> bytes:
        """The word that a peer waits for before it sends its body (RFC 9110 section 10.1.1)."""
        self.continue_wanted = False
        self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
        return b"HTTP/1.1 100 Continue\r\n\r\n"

    def _next(self) -> Request | None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._check_head(event)
                self._head = event
                self.method = event.method.decode("ascii", "replace")
                self._check_length(event)
            elif isinstance(event, h11.Data):
                self._keep(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                return _request(self._head, b"".join(self._body))
            else:
                self.continue_wanted = self._http.they_are_waiting_for_100_continue
                return None

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if len(self._body) >= MOST_PIECES:
            raise RequestError(f"the body comes in more than {MOST_PIECES} pieces")
        if self._size > LONGEST_BODY:
            raise RequestError(f"the body has more than {LONGEST_BODY} bytes")
        self._body.append(data)

    def _check_head(self, head: h11.Request) -> None:
        """h11 bounds a head that is not whole yet; this one came at once."""
        length = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
        if length > LONGEST_HEAD:
            raise RequestError(f"the head of the request has more than {LONGEST_HEAD} bytes")

    def _check_length(self, head: h11.Request) -> None:
        """Before a byte of the body is waited for."""
        length = _header(head, b"content-length")
        if length and int(length) > LONGEST_BODY:
            raise RequestError(f"the body has more than {LONGEST_BODY} bytes")


def encode(answer: Answer, now: float, *, head_only: bool = False) -> bytes:
    """The bytes of an answer (rule 1). `now` in Unix seconds; head_only: it answers HEAD."""
    headers = [
        ("Date", formatdate(now, usegmt=True)),
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        *answer.more,
        ("Connection", "close"),
    ]
    lines = [f"HTTP/1.1 {answer.status} {STATUSES[answer.status]}", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if head_only else head + answer.body


def _request(head: h11.Request, body: bytes) -> Request:
    target = head.target.decode("latin-1")
    if "://" in target:  # the absolute form of a target, as for a proxy [RFC 9112 section 3.2.2]
        target = "/" + target.partition("://")[2].partition("/")[2]
    return Request(
        method=head.method.decode("latin-1"),
        path=target.partition("?")[0],
        content_type=_header(head, b"content-type").lower(),
        authorization=_header(head, b"authorization"),
        accept=_header(head, b"accept"),
        body=body,
    )


def _header(head: h11.Request, name: bytes) -> str:
    """The first header of this name, "" where there is none."""
    return next((value.decode("latin-1") for each, value in head.headers if each == name), "")
