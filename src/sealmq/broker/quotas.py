"""What each identity holds of the broker, all its sessions together: no certificate may take what is for everybody.

A session counts in the quota of its identity; what it queues and has in flight counts in everybody's as well. Who asks
whether there is room compares with `Limits`; here is only counted.
"""

from __future__ import annotations


class Quota:
    """What one identity, or everybody, holds.

    links:         clients that are connected.
    sessions, subscriptions: how many there are.
    queued_bytes:  what waits in their sessions' queues, and what is in flight.
    everybody:     the quota of all together; None: this is it.
    """

    __slots__ = ("everybody", "links", "queued_bytes", "sessions", "subscriptions")

    def __init__(self, everybody: Quota | None = None) -> None:
        self.everybody = everybody
        self.links = 0
        self.sessions = 0
        self.subscriptions = 0
        self.queued_bytes = 0

    def queued(self, size: int) -> None:
        """So many bytes more wait or are in flight; fewer, where `size` is negative."""
        self.queued_bytes += size
        if self.everybody is not None:
            self.everybody.queued_bytes += size


class Quotas:
    """The quota of every identity that has a session."""

    def __init__(self) -> None:
        self.everybody = Quota()
        self._by_identity: dict[str, Quota] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    def of(self, identity: str) -> Quota:
        """What the identity holds; to look at, not to keep."""
        return self._by_identity.get(identity) or Quota(self.everybody)

    def open_session(self, identity: str) -> Quota:
        """The identity has a session more. Returns its quota, for the session to keep."""
        quota = self._by_identity.get(identity)
        if quota is None:
            quota = self._by_identity[identity] = Quota(self.everybody)
        quota.sessions += 1
        return quota

    def end_session(self, identity: str) -> None:
        """The identity has a session less, whose subscriptions and queue have been taken out before."""
        quota = self._by_identity[identity]
        quota.sessions -= 1
        if not quota.sessions:
            del self._by_identity[identity]
