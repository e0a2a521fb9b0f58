"""The record layer of one direction: bytes in, raw records out (RFC 8446 section 5.1, RFC 5246 section 6.2).

Rule 1: never more than one record is kept, whatever the sizes in which the bytes come.
Rule 2: the same bytes give the same records and the same trouble, wherever they are cut.
Rule 3: nothing is read behind what breaks the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import ContentType, Sender, Trouble
from sealmq.tls.first_bytes import check_first_bytes

HEADER = 5
LONGEST_PLAINTEXT = 1 << 14  # RFC 8446 section 5.1
LONGEST_TLS12 = LONGEST_PLAINTEXT + 2048  # RFC 5246 section 6.2.3
LONGEST_TLS13 = LONGEST_PLAINTEXT + 256  # RFC 8446 section 5.2
FIRST_BYTES = 64

_MAJOR_VERSION = 3
_TYPES = frozenset(ContentType)
_NEVER_EMPTY = (ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT, ContentType.HANDSHAKE)  # RFC 5246 section 6.2.1
_PEER = {Sender.CLIENT: "client", Sender.SERVER: "broker"}  # as first_bytes.py calls them


class UnreadableError(TLSError):
    """What one end sent can't be read on. kind: as in `Trouble`."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what, sent=False)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as it was on the wire. offset, at: as in `Record`. fragment: what stands behind the header."""

    content_type: int
    version: int
    offset: int
    at: float
    header: bytes
    fragment: bytes


class RecordReader:
    """Cuts what one end sends into records.

    longest: of a fragment, bytes; who learns the version lowers it while the records are taken one by one.
    trouble: why nothing comes any more, None while all is well. Its first bytes may become more with later data.
    """

    __slots__ = ("_buffer", "_offset", "_wanted", "longest", "sender", "trouble")

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.longest = LONGEST_TLS12
        self.trouble: Trouble | None = None
        self._buffer = bytearray()
        self._offset = 0
        self._wanted = HEADER

    def receive_data(self, data: bytes, at: float) -> Iterator[RawRecord]:
        """The records that are whole with `data`, each made when it is asked for: take all of them.

        at: seconds since the connection was begun.
        """
        view = memoryview(data)
        while not self.has_stopped():
            view = self._fill(view)
            if self._offset == 0 and self._buffer and self._wanted == HEADER:
                self._check_beginning(at)
            if self.has_stopped():
                break
            if len(self._buffer) < self._wanted:
                return
            if self._wanted == HEADER:
                self._check_header(at)
                if self._wanted > HEADER:
                    continue  # its fragment is still to come
            if not self.has_stopped():
                yield self._take(at)
        self._show_more(view)

    def has_stopped(self) -> bool:
        """Nothing comes any more."""
        return self.trouble is not None

    def end(self, at: float) -> None:
        """Nothing follows. In the middle of a record that is trouble."""
        if self.trouble is None and self._buffer:
            there = len(self._buffer)
            what = f"it ended after {there} bytes of a record's header, which has {HEADER}"
            if there >= HEADER:
                what = f"it ended after {there - HEADER} bytes of a record that has {self._wanted - HEADER}"
            self._stop("cut", what, at)

    def _fill(self, view: memoryview) -> memoryview:
        missing = self._wanted - len(self._buffer)
        self._buffer += view[:missing]
        return view[missing:]

    def _take(self, at: float) -> RawRecord:
        header, fragment = bytes(self._buffer[:HEADER]), bytes(self._buffer[HEADER:])
        record = RawRecord(header[0], int.from_bytes(header[1:3], "big"), self._offset, at, header, fragment)
        self._offset += len(self._buffer)
        self._buffer.clear()
        self._wanted = HEADER
        return record

    def _check_beginning(self, at: float) -> None:
        """Is it TLS at all? One byte may be enough to say no."""
        try:
            check_first_bytes(bytes(self._buffer), peer=_PEER[self.sender])
        except TLSError as error:
            self._stop("not TLS", error.what, at)

    def _check_header(self, at: float) -> None:
        content_type, major = self._buffer[0], self._buffer[1]
        length = int.from_bytes(self._buffer[3:5], "big")
        if content_type not in _TYPES or major != _MAJOR_VERSION:
            shown = self._buffer.hex(" ")
            self._stop("broken", f"where a record's header should be stands {shown}", at)
        elif length > self.longest:
            self._stop("broken", f"a record says {length} bytes, and at most {self.longest} are allowed", at)
        elif length == 0 and content_type in _NEVER_EMPTY:
            self._stop("broken", f"a record of content type {content_type} is empty, which is not allowed", at)
        else:
            self._wanted += length

    def _stop(self, kind: str, what: str, at: float) -> None:
        self.trouble = Trouble(self.sender, kind, what, at, bytes(self._buffer[:FIRST_BYTES]))

    def _show_more(self, view: memoryview) -> None:
        """More of the first bytes of what is no record: with them it may have a better name."""
        trouble = self.trouble
        if trouble is None or trouble.kind == "cut" or not view or len(self._buffer) >= FIRST_BYTES:
            return
        self._buffer += view[: FIRST_BYTES - len(self._buffer)]
        self._stop(trouble.kind, trouble.what, trouble.at)
        if trouble.kind == "not TLS":
            self._check_beginning(trouble.at)
