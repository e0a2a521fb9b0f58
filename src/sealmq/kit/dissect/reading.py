"""The bytes of both ends in, a Conversation out: what went over the wire, and with a key log what was in it.

Rule 1: nothing that comes in raises. What breaks the rules becomes a Trouble, and that end is not read on; what can't
        be opened is listed, without its content.
Rule 2: keys may come later than the bytes. What waits for them is kept, up to MOST_WAITING bytes of each end.
Rule 3: a record is tried with a handful of keys at most, and a byte is joined once: the time is linear in the bytes.
Rule 4: a second handshake inside a connection of TLS 1.2 (renegotiation) is not followed: its records are listed.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from sealmq.errors import TLSError
from sealmq.kit.dissect.agreement import Agreement, Stage
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender, Trouble
from sealmq.kit.dissect.handshake_messages import Reassembly
from sealmq.kit.dissect.keylog import KeyLog
from sealmq.kit.dissect.opening import Opened, Opener, OpenerTLS13
from sealmq.kit.dissect.records import (
    FIRST_BYTES,
    LONGEST_PLAINTEXT,
    LONGEST_TLS13,
    RawRecord,
    RecordReader,
    UnreadableError,
)
from sealmq.kit.dissect.schedule import TLS13

KeySource = KeyLog | Callable[[bytes], KeyLog | None]
"""A key log, or what gives one for a client random when it is asked; it is asked again while keys are missing."""

MOST_WAITING = 1 << 20
"""Bytes of each end that wait for their keys: a live connection's keys are late by milliseconds, not by a megabyte."""

MOST_HANDSHAKE = 1 << 20
"""Bytes of handshake messages kept of each end: four of the longest that are read, or a thousand tickets."""

_CLIENT_HELLO = 1  # handshake types, RFC 8446 section 4
_SERVER_HELLO = 2
_END_OF_EARLY_DATA = 5
_FINISHED = 20
_KEY_UPDATE = 24
_INNER_TYPES = (ContentType.ALERT, ContentType.HANDSHAKE, ContentType.APPLICATION_DATA, ContentType.HEARTBEAT)


class _Not(enum.Enum):
    """A record was not opened: not yet, or not ever."""

    YET = "yet"
    EVER = "ever"


class _End:
    """What is known of one end's direction.

    ccs:          its ChangeCipherSpec was there. sealed: its protected records are listed, and not opened.
    stopped:      it is not read any more. found: one of its protected records was opened.
    no_early_key: what waits is under no key of early data.
    late:         the trouble that keys did not come; it goes when they do.
    """

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.reader = RecordReader(sender)
        self.reassembly = Reassembly()
        self.stage = Stage.PLAIN
        self.opener: Opener | None = None
        self.ccs = self.sealed = self.stopped = self.found = self.no_early_key = self.ended = False
        self.waiting: deque[tuple[int, RawRecord]] = deque()
        self.waiting_bytes = 0
        self.handshake_bytes = 0
        self.application = bytearray()
        self.noted: Trouble | None = None
        self.late: Trouble | None = None

    def start(self, stage: Stage) -> None:
        """What follows is under the keys of `stage`. RFC 8446 section 5.1: no message goes on past that."""
        if self.reassembly.in_the_middle:
            raise UnreadableError("broken", "a handshake message goes on past a change of keys")
        self.stage = stage
        self.opener = None


class Reading:
    """Follows one connection.

    key_log:          None reads what is visible without keys.
    keep_application: bytes of application data that are kept of each end. most_records: of both ends together.
    """

    def __init__(
        self, key_log: KeySource | None = None, *, keep_application: int = 65_536, most_records: int = 100_000
    ) -> None:
        self._source = key_log
        self._keep_application = keep_application
        self._most_records = most_records
        self._agreed = Agreement()
        self._ends = {sender: _End(sender) for sender in Sender}
        self._conversation = Conversation()
        self._missed = False  # a record was passed over
        self._unsorted = False

    @property
    def conversation(self) -> Conversation:
        """What was seen so far. What could be opened late stands at its place, so numbers of messages may move."""
        seen = self._conversation
        if self._unsorted:
            in_order = sorted(seen.messages, key=lambda one: one.records[-1])
            seen.messages[:] = [
                one if one.number == number else replace(one, number=number) for number, one in enumerate(in_order)
            ]
            self._unsorted = False
        for end in self._ends.values():
            if len(end.application) != len(seen.application[end.sender]):
                seen.application[end.sender] = bytes(end.application)
        seen.opened = not self._missed and not any(end.sealed or end.waiting for end in self._ends.values())
        return seen

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """Take what one end sent. at: seconds since the connection was begun. Data after its end count for nothing."""
        end = self._ends[sender]
        if end.ended:
            return
        self._conversation.sent[sender] += len(data)
        if end.stopped and not end.reader.has_stopped():
            return
        for raw in end.reader.receive_data(data, at):
            self._take(end, raw)
            if end.stopped:
                break
        self._note_reader(end)

    def end(self, sender: Sender, at: float) -> None:
        """One end has closed its direction. at: seconds since the connection was begun."""
        end = self._ends[sender]
        if end.ended:
            return
        end.ended = True
        self._conversation.ended.append((sender, at))
        self.look_again()
        if end.waiting:
            self._say(end, "sealed", self._missing(end), at)
            end.late = self._conversation.trouble[-1]
        if end.stopped:
            return
        end.reader.end(at)
        self._note_reader(end)
        if end.reassembly.in_the_middle and not end.reader.has_stopped() and not end.sealed:
            self._say(end, "cut", "it ended in the middle of a handshake message", at, end.reassembly.begun)

    def look_again(self) -> bool:
        """Try what waits for its keys once more. True when some of it could be read."""
        waited = [len(end.waiting) for end in self._ends.values()]
        for end in self._ends.values():
            self._try_waiting(end)
        return waited != [len(end.waiting) for end in self._ends.values()]

    # --- records

    def _take(self, end: _End, raw: RawRecord) -> None:
        number = len(self._conversation.records)
        if number >= self._most_records:
            self._stop(end, "too much", f"more than {self._most_records:,} records are not read", raw)
            return
        self._conversation.records.append(self._row(end, number, raw, None))
        if end.waiting or not self._read(end, number, raw):
            end.waiting.append((number, raw))
            end.waiting_bytes += len(raw.fragment)
        for one in self._ends.values():  # a hello, or a key, may have come
            self._try_waiting(one)
        if end.waiting_bytes > MOST_WAITING:
            self._seal(end, "sealed", self._missing(end), raw)
            self._try_waiting(end)

    def _try_waiting(self, end: _End) -> None:
        while end.waiting:
            number, raw = end.waiting[0]
            if not self._read(end, number, raw):
                return
            self._unsorted = True
            if end.waiting:
                end.waiting.popleft()
                end.waiting_bytes -= len(raw.fragment)
        if end.late is not None:
            self._conversation.trouble.remove(end.late)
            end.late = None

    def _read(self, end: _End, number: int, raw: RawRecord) -> bool:
        """Read one record. False when it must wait for its key."""
        try:
            if not self._is_protected(end, raw):
                self._conversation.records[number] = self._row(end, number, raw, None)
                self._content(end, number, raw, Opened(raw.content_type, raw.fragment), protected=False)
                return True
            opened = _Not.EVER if end.sealed else self._open(end, raw)
            if opened is _Not.YET:
                return False
            if isinstance(opened, Opened):
                self._conversation.records[number] = self._row(end, number, raw, opened)
                self._content(end, number, raw, opened, protected=True)
            else:
                self._conversation.records[number] = self._row(end, number, raw, None)
        except UnreadableError as error:
            self._stop(end, error.kind, error.what, raw)
        except TLSError as error:
            self._stop(end, "broken", error.what, raw)
        return True

    def _row(self, end: _End, number: int, raw: RawRecord, opened: Opened | None) -> Record:
        protected = self._is_protected(end, raw)
        inner: int | None = raw.content_type
        content: int | None = len(raw.fragment)
        if opened is not None:
            inner, content = opened.content_type, len(opened.content)
        elif protected:
            content = None
            is_data = raw.content_type == ContentType.APPLICATION_DATA
            if self._agreed.tls13 or (is_data and self._agreed.version is None):
                inner = None
        padding = opened.padding if opened is not None else 0
        return Record(
            end.sender, number, raw.content_type, raw.version, raw.offset, len(raw.fragment), raw.at,
            protected, inner, content, padding,
        )  # fmt: skip

    def _is_protected(self, end: _End, raw: RawRecord) -> bool:
        if self._agreed.tls13:  # RFC 8446 section 5.2: all others are in plaintext, such as an alert before the keys
            return raw.content_type == ContentType.APPLICATION_DATA
        if self._agreed.version is None and raw.content_type == ContentType.APPLICATION_DATA:
            return True  # early data, or the beginning was not seen
        return end.ccs

    # --- opening

    def _open(self, end: _End, raw: RawRecord) -> Opened | _Not:
        agreed = self._agreed
        if end.stage is Stage.PLAIN and end.sender is Sender.CLIENT:
            if agreed.early_data:
                end.stage = Stage.EARLY
            elif agreed.tls13 and agreed.complete:
                end.stage = Stage.HANDSHAKE
        if self._source is None and agreed.version is not None:
            end.sealed = True
            return _Not.EVER
        if end.stage is Stage.EARLY and agreed.version in (None, TLS13):
            return self._open_early(end, raw)
        if agreed.tls13 and end.stage is Stage.PLAIN:
            return _Not.YET  # the ServerHello that is no HelloRetryRequest is still to come
        if end.opener is None:
            try:
                end.opener = agreed.opener(end.sender, end.stage, self._keys())
            except UnreadableError as error:
                self._seal(end, error.kind, error.what, raw)
                return _Not.EVER
        return _Not.YET if end.opener is None else self._open_with(end, end.opener, raw)

    def _open_with(self, end: _End, opener: Opener, raw: RawRecord) -> Opened | _Not:
        try:
            opened = opener.open(raw)
        except TLSError as error:
            wrong_key = error.alert == "bad_record_mac" and not end.found
            self._seal(end, "sealed" if wrong_key else "broken", error.what, raw)
            return _Not.EVER
        end.found = True
        return opened

    def _open_early(self, end: _End, raw: RawRecord) -> Opened | _Not:
        """Early data, or behind them the first record under the handshake's keys: a server that takes none says so
        where only the client can read it, and then nothing marks their end (RFC 8446 section 4.2.10)."""
        if not end.no_early_key:
            for opener in [end.opener] if end.opener else self._agreed.early_openers(self._keys()):
                try:
                    opened = opener.open(raw)
                except TLSError:
                    end.no_early_key = True
                else:
                    end.opener, end.no_early_key, end.found = opener, False, True
                    return opened
        try:
            handshake = (
                self._agreed.opener(end.sender, Stage.HANDSHAKE, self._keys()) if self._agreed.complete else None
            )
        except UnreadableError as error:
            self._seal(end, error.kind, error.what, raw)
            return _Not.EVER
        if handshake is None:
            return _Not.YET
        if end.no_early_key:
            end.stage, end.opener = Stage.HANDSHAKE, handshake
            return self._open_with(end, handshake, raw)
        try:
            opened = handshake.open(raw)
        except TLSError:
            self._missed = True  # the key log has no secret of early data
            return _Not.EVER
        end.stage, end.opener, end.found = Stage.HANDSHAKE, handshake, True
        return opened

    def _keys(self) -> KeyLog | None:
        if self._source is None or isinstance(self._source, KeyLog):
            return self._source
        return self._source(self._agreed.client_random)

    def _missing(self, end: _End) -> str:
        agreed = self._agreed
        if agreed.version is None or not agreed.client_random:
            return "encrypted records came, and the hellos before them were not seen"
        return f"the key log has no {agreed.label(end.sender, end.stage)} of this conversation"

    # --- messages

    def _content(self, end: _End, number: int, raw: RawRecord, opened: Opened, *, protected: bool) -> None:
        """What a record carries. Raises TLSError where it breaks the rules."""
        kind, content = opened.content_type, opened.content
        if end.reassembly.in_the_middle and kind != ContentType.HANDSHAKE:
            raise UnreadableError("broken", "a handshake message is interrupted by another content type")
        if len(content) > LONGEST_PLAINTEXT:
            raise UnreadableError("broken", f"a record carries {len(content)} bytes, more than {LONGEST_PLAINTEXT}")
        if protected and self._agreed.tls13 and kind not in _INNER_TYPES:
            raise UnreadableError("broken", f"a protected record carries content type {kind}")
        if kind == ContentType.HANDSHAKE:
            self._handshake_record(end, number, raw, content, protected=protected)
        elif kind == ContentType.ALERT:
            if len(content) != 2:
                raise UnreadableError("broken", f"an alert has {len(content)} bytes, and must have 2")
            self._add(end, kind, content[1], content, (number,), raw.at, protected=protected)
        elif kind == ContentType.CHANGE_CIPHER_SPEC:
            self._change_cipher_spec(end, number, raw, content, protected=protected)
        elif kind == ContentType.APPLICATION_DATA:
            if not protected:
                raise UnreadableError("broken", "application data stand before the end of the handshake")
            self._add(end, kind, 0, b"", (number,), raw.at, protected=True)
            end.application += content[: self._keep_application - len(end.application)]

    def _change_cipher_spec(self, end: _End, number: int, raw: RawRecord, content: bytes, *, protected: bool) -> None:
        if content != b"\x01":
            raise UnreadableError("broken", "a ChangeCipherSpec is not the one byte 01")
        self._add(end, raw.content_type, 0, content, (number,), raw.at, protected=protected)
        if protected:  # RFC 5246 section 7.1: keys that nobody here has worked out
            self._seal(end, "sealed", "a second handshake inside the connection (renegotiation) is not followed", raw)
        elif not self._agreed.tls13:  # there it means nothing (RFC 8446 appendix D.4)
            end.ccs = True

    def _handshake_record(self, end: _End, number: int, raw: RawRecord, content: bytes, *, protected: bool) -> None:
        if not content:
            raise UnreadableError("broken", "a handshake record is empty")
        if not protected and self._agreed.tls13 and end.stage in (Stage.HANDSHAKE, Stage.APPLICATION):
            raise UnreadableError("broken", "a handshake message in plaintext stands behind encrypted ones")
        whole = end.reassembly.receive(content, number)
        for place, (body, records) in enumerate(whole):
            end.handshake_bytes += len(body)
            if end.handshake_bytes > MOST_HANDSHAKE:
                raise UnreadableError(
                    "too much", f"more than {MOST_HANDSHAKE:,} bytes of handshake messages are not read"
                )
            self._add(end, ContentType.HANDSHAKE, body[0], body, records, raw.at, protected=protected)
            stage = self._after(end, body, protected=protected)
            if stage is not None:
                if place + 1 < len(whole):
                    raise UnreadableError("broken", "a record goes on past a change of keys")
                opener = end.opener
                end.start(stage)
                if body[0] == _KEY_UPDATE and isinstance(opener, OpenerTLS13):
                    end.opener = opener.after_key_update()

    def _after(self, end: _End, body: bytes, *, protected: bool) -> Stage | None:
        """What a handshake message changes: the stage that begins for its sender, None where it goes on as before."""
        agreed, type_ = self._agreed, body[0]
        if not protected:
            if type_ == _CLIENT_HELLO and end.sender is Sender.CLIENT and not agreed.complete:
                agreed.take_client_hello(body)
                return Stage.PLAIN if end.stage is Stage.EARLY else None
            if type_ == _SERVER_HELLO and end.sender is Sender.SERVER and not agreed.complete:
                return self._after_server_hello(body)
        elif agreed.tls13:
            if type_ == _FINISHED and end.stage is Stage.HANDSHAKE:
                return Stage.APPLICATION
            if type_ == _END_OF_EARLY_DATA and end.stage is Stage.EARLY:
                return Stage.HANDSHAKE
            if type_ == _KEY_UPDATE and end.stage is Stage.APPLICATION:
                return Stage.APPLICATION
        return None

    def _after_server_hello(self, body: bytes) -> Stage | None:
        self._agreed.take_server_hello(body)
        if not self._agreed.tls13:
            return None
        for one in self._ends.values():
            one.reader.longest = LONGEST_TLS13
        return Stage.HANDSHAKE if self._agreed.complete else None

    def _add(
        self, end: _End, kind: int, type_: int, body: bytes, records: tuple[int, ...], at: float, *, protected: bool
    ) -> None:
        messages = self._conversation.messages
        if len(messages) >= self._most_records:
            raise UnreadableError("too much", f"more than {self._most_records:,} messages are not read")
        messages.append(Message(end.sender, len(messages), int(kind), type_, body, records, at, protected))

    # --- trouble

    def _say(self, end: _End, kind: str, what: str, at: float, first: bytes = b"") -> None:
        self._conversation.trouble.append(Trouble(end.sender, kind, what, at, first))

    def _seal(self, end: _End, kind: str, what: str, raw: RawRecord) -> None:
        """Its protected records are listed from here on, and not opened."""
        end.sealed = True
        self._say(end, kind, what, raw.at, (raw.header + raw.fragment)[:FIRST_BYTES])

    def _stop(self, end: _End, kind: str, what: str, raw: RawRecord) -> None:
        """It is not read any more, nor what waits."""
        end.stopped = True
        self._missed = self._missed or bool(end.waiting)
        end.waiting.clear()
        end.waiting_bytes = 0
        self._say(end, kind, what, raw.at, (raw.header + raw.fragment)[:FIRST_BYTES])

    def _note_reader(self, end: _End) -> None:
        """The trouble that the record layer met; its first bytes may have become more since."""
        trouble = end.reader.trouble
        if trouble is None or trouble is end.noted:
            return
        if end.noted is None:
            self._conversation.trouble.append(trouble)
        else:
            self._conversation.trouble[self._conversation.trouble.index(end.noted)] = trouble
        end.noted = trouble
        end.stopped = True
