"""What a group of changes says, row by row, until it becomes SQL.

Only the last word on a row is kept, and rows know nothing of each other; so a group can be written kind by kind, which
costs a fraction of statement by statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

Row: TypeAlias = tuple[object, ...]

_ENDED = tuple(
    f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - names of ours, no values
    for table, column in (
        ("sessions", "id"),
        ("subscriptions", "session"),
        ("deliveries", "session"),
        ("incoming", "session"),
    )
)
_SESSION = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SUBSCRIPTION = "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?)"
_NO_SUBSCRIPTION = "DELETE FROM subscriptions WHERE session = ? AND topic_filter = ?"
_MESSAGE = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_NO_MESSAGE = "DELETE FROM messages WHERE id = ?"
_DELIVERY = "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?)"
_NO_DELIVERY = "DELETE FROM deliveries WHERE session = ? AND message = ?"
_INCOMING = "INSERT OR REPLACE INTO incoming VALUES (?, ?)"
_NO_INCOMING = "DELETE FROM incoming WHERE session = ? AND packet_id = ?"
_RETAINED = "INSERT OR REPLACE INTO retained VALUES (?, ?, ?, ?, ?)"
_NO_RETAINED = "DELETE FROM retained WHERE topic = ?"
_MARK = "INSERT OR REPLACE INTO marks VALUES (?, ?)"


class Changes:
    """A group of changes: for each kind of row, its key and what it is to say; None: it is to go. For deliveries, of
    which a fan-out has hundreds, that is the whole row.

    ended: numbers of sessions of which every row is to go. No number is used twice, so nothing here contradicts it.
    """

    __slots__ = ("deliveries", "ended", "incoming", "marks", "messages", "retained", "sessions", "subscriptions")

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.sessions: dict[int, Row] = {}
        self.subscriptions: dict[tuple[int, str], tuple[int, int] | None] = {}
        self.messages: dict[int, Row | None] = {}
        self.deliveries: dict[tuple[int, int], tuple[int, int, int, bool] | None] = {}
        self.incoming: dict[tuple[int, int], bool] = {}
        self.retained: dict[str, tuple[int, bytes, float, str] | None] = {}
        self.marks: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(
            self.messages
            or self.deliveries
            or self.incoming
            or self.sessions
            or self.subscriptions
            or self.ended
            or self.retained
            or self.marks
        )

    def statements(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """SQL, and the rows that it is to be executed with."""
        if self.ended:
            ended = [(number,) for number in self.ended]
            for statement in _ENDED:
                yield statement, ended
        if self.sessions:
            yield _SESSION, self.sessions.values()
        if self.subscriptions:
            yield _NO_SUBSCRIPTION, [key for key, row in self.subscriptions.items() if row is None]
            yield _SUBSCRIPTION, [(*key, *row) for key, row in self.subscriptions.items() if row is not None]
        if self.messages:
            yield _NO_MESSAGE, [(number,) for number, row in self.messages.items() if row is None]
            yield _MESSAGE, [row for row in self.messages.values() if row is not None]
        if self.deliveries:
            yield _NO_DELIVERY, [key for key, row in self.deliveries.items() if row is None]
            yield _DELIVERY, [row for row in self.deliveries.values() if row is not None]
        if self.incoming:
            yield _NO_INCOMING, [row for row, is_there in self.incoming.items() if not is_there]
            yield _INCOMING, [row for row, is_there in self.incoming.items() if is_there]
        if self.retained:
            yield _NO_RETAINED, [(topic,) for topic, row in self.retained.items() if row is None]
            yield _RETAINED, [(topic, *row) for topic, row in self.retained.items() if row is not None]
        if self.marks:
            yield _MARK, self.marks.items()
