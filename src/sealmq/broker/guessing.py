"""Against guessing passwords: who failed has to wait, twice as long each time, and who goes on is locked out.

Failures are counted for each account, whoever tried, and for each address, whatever was tried. Who waits is refused
without a look at the password. So that a stranger can't lock the owner out by failing on purpose, an address from which
an account did get in goes past the account's and the address's wait, until it fails itself.

All in memory, bounded, forgotten with time. Time is an argument (Unix seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealmq.addresses import address_key

FIRST_DELAY: Final = 1.0
"""Seconds after the first failure that counts: nothing to a person who mistyped, much to a program."""

LONGEST_DELAY: Final = 300.0
"""Seconds: the doubling ends here."""

FORGOTTEN_AFTER: Final = 3_600.0
"""Seconds without a failure after which a name or address starts anew. Longer than any wait."""

PROVEN_FOR: Final = 30 * 86_400.0
"""Seconds for which an address that an account came in from is the account's own."""

REMEMBERED: Final = 10_000
"""Names, addresses, and pairs of both that are kept at most; beyond it the one that was quiet for longest goes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is borne of one name or address.

    free:       failures that cost nothing.
    lock_after: failures after which it is locked out.
    lock_for:   seconds of that.
    """

    free: int
    lock_after: int
    lock_for: float


ACCOUNT: Final = Patience(free=0, lock_after=10, lock_for=900.0)
"""Ten guesses, then four in an hour: at that pace eight random characters outlast the universe, and a word outlasts
the attention of whoever reads the log."""

ADDRESS: Final = Patience(free=4, lock_after=30, lock_for=900.0)
"""More than for an account, as a whole plant may stand behind one address."""


@dataclass(slots=True)
class _Record:
    failures: int = 0
    last: float = 0.0
    not_before: float = 0.0
    trying: int = 0


class _Memory:
    """The records of all names, or of all addresses; the quietest first."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._records: dict[str, _Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next try may be made; 0: now."""
        record = self._records.get(key)
        if record is None:
            return 0.0
        if now - record.last > FORGOTTEN_AFTER and not record.trying:
            del self._records[key]
            return 0.0
        if record.failures > self._patience.free and record.trying:
            return FIRST_DELAY  # who has failed tries one at a time, or many tries would share one wait
        return max(0.0, record.not_before - now)

    def begin(self, key: str, now: float) -> None:
        record = self._records.get(key)
        if record is None:
            while len(self._records) >= REMEMBERED:
                self._records.pop(next(iter(self._records)))
            record = self._records[key] = _Record(last=now)
        record.trying += 1

    def end(self, key: str, now: float, *, failed: bool) -> bool:
        """The try came to its end. True when this failure locks the key out."""
        record = self._records.get(key)
        if record is None:
            if not failed:
                return False
            self.begin(key, now)  # it was pushed out meanwhile
            record = self._records[key]
        record.trying = max(0, record.trying - 1)
        if not failed:
            if not record.failures and not record.trying:
                del self._records[key]
            return False
        record.failures += 1
        record.last = now
        self._records[key] = self._records.pop(key)  # the latest stands last
        counted = record.failures - self._patience.free
        if counted > 0:
            record.not_before = now + min(FIRST_DELAY * 2.0 ** min(counted - 1, 30), LONGEST_DELAY)
        if record.failures >= self._patience.lock_after:
            record.not_before = now + self._patience.lock_for
        return record.failures == self._patience.lock_after


class Guessing:
    """What is remembered of wrong passwords."""

    def __init__(self) -> None:
        self._accounts = _Memory(ACCOUNT)
        self._addresses = _Memory(ADDRESS)
        self._proven: dict[tuple[str, str], float] = {}

    def wait(self, name: str, address: str, now: float) -> float:
        """Seconds for which a try of this user name from this address is refused unseen; 0: look at it."""
        name, address = _name_key(name), address_key(address)
        if self._is_proven(name, address, now):
            return 0.0
        return max(self._accounts.wait(name, now), self._addresses.wait(address, now))

    def begin(self, name: str, address: str, now: float) -> None:
        """A password is being looked at. `end` or `give_up` follows."""
        self._accounts.begin(_name_key(name), now)
        self._addresses.begin(address_key(address), now)

    def give_up(self, name: str, address: str, now: float) -> None:
        """The try was not looked at after all."""
        self._accounts.end(_name_key(name), now, failed=False)
        self._addresses.end(address_key(address), now, failed=False)

    def end(self, name: str, address: str, now: float, *, failed: bool) -> list[str]:
        """The try has failed or not. What it locks out: "the account", "the address", both or neither."""
        name, address = _name_key(name), address_key(address)
        pair = (name, address)
        self._proven.pop(pair, None)
        if not failed:
            while len(self._proven) >= REMEMBERED:
                self._proven.pop(next(iter(self._proven)))
            self._proven[pair] = now + PROVEN_FOR
        locked = []
        if self._accounts.end(name, now, failed=failed):
            locked.append("the account")
        if self._addresses.end(address, now, failed=failed):
            locked.append("the address")
        return locked

    def forget(self, name: str) -> None:
        """The account has another password, or is gone: nothing that was proved with the old one counts."""
        name = _name_key(name)
        for pair in [pair for pair in self._proven if pair[0] == name]:
            del self._proven[pair]

    def _is_proven(self, name: str, address: str, now: float) -> bool:
        return self._proven.get((name, address), 0.0) > now


def _name_key(name: str) -> str:
    # No account has a longer name, so all of those may share one record: who makes names up fills no memory.
    return name.lower() if len(name) <= 64 else ""
