"""A TLS connection of our own, in memory, that is looked at while it happens.

Theory of operation. OpenSSL works on two memory BIOs. The bytes of both ends go through `Reading`, which knows every
record; what is in the protected ones is heard from OpenSSL itself, whose message callback gives every handshake message
decrypted. `SSLContext._msg_callback` is private: where a Python has none, the key log opens the records instead, and
the same Conversation comes out.

Rule 1: times are those at which bytes were at the socket, given by the caller. OpenSSL calls back in bursts, later.
Rule 2: the key log is a file in memory (memfd) and has no name on any disk. Without `keep_keys` there is none where the
        callback does the work, so no key ever leaves OpenSSL.
Rule 3: whatever comes, the callback does not raise.
"""

from __future__ import annotations

import os
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender
from sealmq.kit.dissect.hello import read_server_hello
from sealmq.kit.dissect.keylog import KeyLog, read_key_log
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.dissect.suites import suite_parts
from sealmq.tls.context import set_message_callback

_HEADER: Final = 256  # SSL3_RT_HEADER and SSL3_RT_INNER_CONTENT_TYPE of openssl/ssl3.h
_INNER_TYPE: Final = 257
_SERVER_HELLO: Final = 2
_TLS13: Final = 0x0304
_MOST_HEARD: Final = 100_000
"""Callbacks that are kept: a peer that sends warnings without end must not fill our memory."""


@dataclass(frozen=True, slots=True)
class _Heard:
    sender: Sender
    kind: int
    body: bytes


class Tap:
    """One client connection. Bytes in, bytes out; `conversation()` is what was seen until now.

    context:   of this connection alone (contexts.py).
    keep_keys: have the key log too, for a capture that opens the conversation.
    listen:    False: do not use the callback although there is one.
    Raises OSError where the key log's file in memory cannot be made.

    cpu: seconds of this thread's processor time that OpenSSL took until its handshake was done, what it told us of it
         included.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_name: str | None,
        session: ssl.SSLSession | None = None,
        keep_keys: bool = False,
        listen: bool = True,
    ) -> None:
        self._heard: list[_Heard] = []
        self._listens = listen and set_message_callback(context, self._hear)
        self._keys: int | None = None
        if keep_keys or not self._listens:
            self._keys = os.memfd_create("key log", os.MFD_CLOEXEC)
            context.keylog_filename = f"/proc/self/fd/{self._keys}"
        self._reading = Reading(None if self._listens else lambda _: self._key_log())
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=server_name, session=session)
        self._context = context
        self.established = False
        self.cpu = 0.0
        self._application = {Sender.CLIENT: b"", Sender.SERVER: b""}

    @property
    def seen_by(self) -> str:
        """ "callback" or "key log"."""
        return "callback" if self._listens else "key log"

    @property
    def resumable(self) -> tuple[object, object] | None:
        """The context and the session by which the next connection may resume; None where there is none."""
        try:
            session = self.tls.session
        except ValueError:  # the handshake did not come so far
            return None
        return None if session is None else (self._context, session)

    @property
    def resumed(self) -> bool:
        """Was a session taken up again?"""
        return bool(self.tls.session_reused)

    @property
    def version(self) -> str:
        """As OpenSSL names it, "TLSv1.3"; "" before there is one."""
        return self.tls.version() or ""

    @property
    def shown(self) -> bool:
        """Has the server proved itself by a certificate? Without one, OpenSSL may call it verified all the same."""
        return self.tls.getpeercert(binary_form=True) is not None

    @property
    def key_log(self) -> str:
        """The keys of this connection in the NSS key log format; "" where they were not kept."""
        if self._keys is None:
            return ""
        return os.pread(self._keys, 65_536, 0).decode("ascii", "replace")

    def close(self) -> None:
        """Let go of the keys."""
        if self._keys is not None:
            os.close(self._keys)
            self._keys = None

    # -- bytes -------------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, at: float) -> bytes:
        """Take in what the server sent; returns what it says inside, b"" during the handshake.

        Raises ssl.SSLError when TLS fails: what is to be told to the server still comes from `data_to_send`.
        """
        self._reading.receive_data(Sender.SERVER, data, at)
        self._in.write(data)
        if not self.established:
            self.advance()
        return self._read() if self.established else b""

    def end(self, sender: Sender, at: float) -> None:
        """That end has closed its direction."""
        self._reading.end(sender, at)
        if sender is Sender.SERVER:
            self._in.write_eof()

    def advance(self) -> None:
        """Begin the handshake, or go on with it. Raises ssl.SSLError."""
        began = time.thread_time()
        try:
            self.tls.do_handshake()
            self.established = True
        except ssl.SSLWantReadError:
            pass
        finally:
            self.cpu += time.thread_time() - began

    def send(self, data: bytes) -> None:
        """Encrypt it. Raises ssl.SSLError."""
        self._application[Sender.CLIENT] += data
        self.tls.write(data)

    def say_goodbye(self) -> None:
        """Queue close_notify."""
        with suppress(ssl.SSLError):
            self.tls.unwrap()

    def data_to_send(self, at: float) -> bytes:
        """What has to go to the server; it goes now."""
        data = self._out.read()
        if data:
            self._reading.receive_data(Sender.CLIENT, data, at)
        return data

    def _read(self) -> bytes:
        pieces = []
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while piece := self.tls.read(16_384):
                pieces.append(piece)
        data = b"".join(pieces)
        self._application[Sender.SERVER] = (self._application[Sender.SERVER] + data)[:65_536]
        return data

    # -- what was seen -----------------------------------------------------------------------------------------------

    def conversation(self) -> Conversation:
        """All that was seen until now."""
        if not self._listens:
            self._reading.look_again()
            return self._reading.conversation
        seen = self._reading.conversation
        records, messages = _put_together(seen.records, self._heard)
        return replace(seen, records=records, messages=messages, application=dict(self._application), opened=True)

    def _key_log(self) -> KeyLog:
        return read_key_log(self.key_log.splitlines())

    def _hear(self, tls: object, direction: str, version: int, kind: int, type_: int, body: bytes) -> None:
        if len(self._heard) < _MOST_HEARD:
            self._heard.append(_Heard(Sender.CLIENT if direction == "write" else Sender.SERVER, kind, bytes(body)))


def _put_together(records: list[Record], heard: list[_Heard]) -> tuple[list[Record], list[Message]]:
    """The records with what was heard of their inside, and the messages with the records that carried them."""
    known = {record.number: record for record in records}
    waiting = {sender: deque(one for one in records if one.sender is sender) for sender in Sender}
    overhead = _overhead(heard)
    drafts: list[Message] = []
    for sender in Sender:
        drafts += _of_one_end(sender, heard, waiting[sender], known, overhead)
    drafts.sort(key=lambda message: message.records[-1] if message.records else len(records))
    return (
        [known[number] for number in sorted(known)],
        [replace(message, number=number) for number, message in enumerate(drafts)],
    )


def _of_one_end(
    sender: Sender, heard: list[_Heard], waiting: deque[Record], known: dict[int, Record], overhead: int | None
) -> Iterator[Message]:
    """The messages of one end, in order. OpenSSL tells of each record's header, then of what was in it."""
    record: Record | None = None
    carriers: deque[tuple[int, int]] = deque()  # records with handshake bytes that no message has taken, and how many
    for one in (each for each in heard if each.sender is sender):
        if one.kind == _HEADER:
            record = waiting.popleft() if waiting else None
            if record is not None and record.content_type == ContentType.CHANGE_CIPHER_SPEC:
                if sender is Sender.SERVER:  # of one that it reads, OpenSSL tells the header alone
                    yield _message(sender, record.content_type, 0, b"\1", (record.number,), record)
            elif record is not None:
                if record.protected:
                    content = None if overhead is None else max(record.length - overhead, 0)
                    record = known[record.number] = replace(record, content=content)
                if record.protected and record.inner_type == ContentType.APPLICATION_DATA:  # TLS 1.2
                    yield _message(sender, ContentType.APPLICATION_DATA, 0, b"", (record.number,), record)
                if ContentType.HANDSHAKE in (record.inner_type, record.content_type):
                    carriers.append((record.number, record.content or record.length))
        elif record is None:
            continue
        elif one.kind == _INNER_TYPE:
            record = known[record.number] = replace(record, inner_type=one.body[0], protected=True)
            if one.body[0] == ContentType.APPLICATION_DATA:
                yield _message(sender, ContentType.APPLICATION_DATA, 0, b"", (record.number,), record)
            elif one.body[0] == ContentType.HANDSHAKE:
                carriers.append((record.number, record.content or record.length))
        elif one.kind == ContentType.HANDSHAKE:
            yield _message(sender, one.kind, one.body[0], one.body, _take(carriers, len(one.body), record), record)
        elif one.kind in (ContentType.ALERT, ContentType.CHANGE_CIPHER_SPEC):
            type_ = one.body[1] if one.kind == ContentType.ALERT and len(one.body) > 1 else 0
            yield _message(sender, one.kind, type_, one.body, (record.number,), record)


def _take(carriers: deque[tuple[int, int]], size: int, last: Record) -> tuple[int, ...]:
    """The numbers of the records that carried a message of `size` bytes whose end is in `last`."""
    numbers = []
    while carriers and size > 0:
        number, left = carriers.popleft()
        numbers.append(number)
        if left > size:
            carriers.appendleft((number, left - size))
        size -= left
    if not numbers or numbers[-1] != last.number:  # padding: then lengths say nothing
        carriers.clear()
        return (last.number,)
    return tuple(numbers)


def _message(sender: Sender, kind: int, type_: int, body: bytes, numbers: tuple[int, ...], record: Record) -> Message:
    return Message(sender, 0, int(kind), type_, body, numbers, record.at, record.protected)


def _overhead(heard: list[_Heard]) -> int | None:
    """Bytes of a protected record beside its content, where no padding is added; None where that is not fixed."""
    for one in heard:
        if one.sender is Sender.SERVER and one.kind == ContentType.HANDSHAKE and one.body[:1] == bytes([_SERVER_HELLO]):
            try:
                hello = read_server_hello(one.body)
            except TLSError:
                return None
            suite = suite_parts(hello.suite)
            if suite is None or not suite.aead:
                return None
            explicit = 0 if hello.version == _TLS13 or "CHACHA" in suite.cipher else 8  # RFC 5288, RFC 7905
            return suite.tag_bytes + explicit + (1 if hello.version == _TLS13 else 0)
    return None
