"""The alert of a handshake of TLS 1.2, read off the records of one side as they pass, while they are in the clear.

Some libraries tell nobody which alert they have sent, or were sent. What is read here decides nothing: it is for words.
"""

from __future__ import annotations

from typing import Final

_CHANGE_CIPHER_SPEC: Final = 20
_ALERT: Final = 21
_FATAL: Final = 2


class ClearAlerts:
    """Give it what one side sends, piece by piece.

    alert:     number of the fatal alert that was seen, -1 for none.
    encrypted: what comes from now on is encrypted: nothing can be seen any more.
    """

    __slots__ = ("_head", "_left", "alert", "encrypted")

    def __init__(self) -> None:
        self.alert = -1
        self.encrypted = False
        self._head = bytearray()  # of a record: type, version, length; and level and number of an alert
        self._left = 0  # bytes of a record that are of no interest

    def look(self, data: bytes) -> None:
        """The next bytes of that side."""
        at = 0
        while at < len(data) and not self.encrypted:
            if self._left:
                skipped = min(self._left, len(data) - at)
                self._left -= skipped
                at += skipped
                continue
            self._head.append(data[at])
            at += 1
            if len(self._head) >= 5:
                self._record()

    def _record(self) -> None:
        """The head of a record is here, or more of an alert."""
        kind, length = self._head[0], int.from_bytes(self._head[3:5], "big")
        if kind == _CHANGE_CIPHER_SPEC:
            self.encrypted = True
        elif kind == _ALERT and length == 2:
            if len(self._head) == 7:
                if self._head[5] == _FATAL:
                    self.alert = self._head[6]
                self._head.clear()
        else:
            self._left = length
            self._head.clear()


def clear_alert(number: int) -> bytes:
    """A record with a fatal alert, for who has no keys yet (RFC 5246 section 7.2)."""
    return bytes([_ALERT, 3, 3, 0, 2, _FATAL, number])
