"""The secrets of a device's connections, for whoever wants to open what was recorded of them (kit/).

Only a device's side can keep them, and only of connections that begin after it was told to. Where they are written to
is the caller's affair: a file of them opens every recording.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sealmq.errors import MiddlewareError
from sealmq.tls.middleware import ClientConnection, ClientContext


@runtime_checkable
class KeepsKeys(Protocol):
    """A ClientContext of a middleware whose `Abilities.keeps_keys_log` is true and that works in memory."""

    def keep_keys(self) -> None:
        """Have each new connection of this context keep its secrets."""


def keep_keys(context: ClientContext) -> None:
    """Have each new connection of this context keep its secrets. Raises MiddlewareError where that is not possible."""
    if not isinstance(context, KeepsKeys):
        raise MiddlewareError(
            "this middleware gives no key log of a connection",
            why="the secrets stay in the library",
            remedy='take middleware = "pyopenssl"',
        )
    context.keep_keys()


def key_log_of(connection: ClientConnection) -> str:
    """The secrets of this connection so far, in the NSS key log format: lines, each with its end; "" where none are
    kept."""
    kept = getattr(connection, "key_log", "")
    return kept if isinstance(kept, str) else ""
