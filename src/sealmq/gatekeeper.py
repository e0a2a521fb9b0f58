"""Looks at passwords, in threads of its own: scrypt takes 50 to 100 ms, and the loop must go on meanwhile.

Theory of operation. `ask` looks at what costs nothing (does somebody have to wait? is there room?), reads the account,
and gives the slow part to a worker. When that is done, the rest happens on the loop again: guessing is told, and
whoever asked gets the answer. At most WORKERS passwords are looked at at a time (each takes 32 MiB) and WAITING wait;
beyond that the client is told 'server busy', and may try again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Final

from sealmq.addresses import address_key
from sealmq.broker.gate import Answer, Denial
from sealmq.broker.guessing import Guessing
from sealmq.devices.accounts import Account, Accounts
from sealmq.errors import HomeError
from sealmq.identity import Identity
from sealmq.mqtt.codes import ReasonCode
from sealmq.pki.passwords import DECOY, LONGEST, verify_password

log = logging.getLogger("sealmq.gatekeeper")

WORKERS: Final = 2
"""Threads, 64 MiB and two cores at most: about 25 logins a second."""

WAITING: Final = 128
"""Logins that are looked at or wait: five seconds' worth, half of `connect_timeout`."""

WAITING_FROM_ONE: Final = 30
"""Of these, from one address: one stranger may not take all the places, nor try more at once than may fail."""


LATER: Final = 5
"""How much nicer than the loop a worker is (setpriority): a third of a core where both want it."""


@dataclass(slots=True, eq=False)
class _Question:
    name: str
    peer: str
    account: Account | None
    answer: Answer | None
    work: Future[bool] | None = None


def _step_back() -> None:
    """Let this thread have what the loop leaves. Where threads have no priority of their own, nothing happens."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            nice = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, nice + LATER))


class PasswordGatekeeper:
    """Answers `broker.gate.Gatekeeper` from the registry.

    accounts:  where the accounts are.
    clock:     Unix seconds.
    call_soon: runs a function on the loop's thread; called from any thread.
    """

    def __init__(
        self, accounts: Accounts, clock: Callable[[], float], call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._call_soon = call_soon
        self._guessing = Guessing()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="sealmq-password", initializer=_step_back)
        self._questions: dict[Answer, _Question] = {}
        self._waiting = 0
        self._waiting_from: Counter[str] = Counter()
        self._closed = False

    def ask(self, name: str | None, password: bytes | None, peer: str, answer: Answer) -> None:
        """See Gatekeeper."""
        denial = self._reason_to_deny(name, password, peer)
        if denial is not None or name is None or password is None:
            answer(denial or Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "it gave no user name or no password"))
            return
        try:
            account = self._accounts.maybe_find(name)
        except HomeError as error:
            log.error("no account can be read: %s%s", error.what, f" ({error.why})" if error.why else "")
            answer(Denial(ReasonCode.SERVER_UNAVAILABLE, "the accounts cannot be read"))
            return
        question = _Question(name, peer, account, answer)
        self._questions[answer] = question
        self._waiting += 1
        self._waiting_from[address_key(peer)] += 1
        self._guessing.begin(name, peer, self._clock())
        # An unknown name costs as much as a wrong password, so that time does not tell which it was.
        # Of a password that is too long to be one, no more is kept while it waits than makes it wrong.
        stored, password = account.stored if account else DECOY, password[: LONGEST + 1]
        try:
            question.work = self._workers.submit(verify_password, stored, password)
        except RuntimeError as error:  # the system gives no more threads
            question.work = Future()
            question.work.set_exception(error)
        question.work.add_done_callback(partial(self._hand_over, question))

    def forget(self, answer: Answer) -> None:
        """See Gatekeeper. A password that is being looked at still counts as a guess."""
        question = self._questions.pop(answer, None)
        if question is not None:
            question.answer = None
            if question.work is not None:
                question.work.cancel()

    def account_changed(self, name: str) -> None:
        """The account has another password, or is gone."""
        self._guessing.forget(name)

    def close(self) -> None:
        """Answer nobody any more, and let the workers end."""
        self._closed = True
        self._questions.clear()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _reason_to_deny(self, name: str | None, password: bytes | None, peer: str) -> Denial | None:
        """What can be said without a look at the password."""
        if self._closed:
            return Denial(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is shutting down")
        if name is None or password is None:
            return Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "it gave no user name or no password")
        wait = self._guessing.wait(name, peer, self._clock())
        if wait > 0:
            why = f"{name!r} or its address failed before, and has to wait for another {ceil(wait)} s"
            return Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, why)
        crowded = self._guessing.is_crowded(name, peer, self._clock())
        if crowded or self._waiting >= WAITING or self._waiting_from[address_key(peer)] >= WAITING_FROM_ONE:
            return Denial(ReasonCode.SERVER_BUSY, f"{self._waiting} passwords wait to be looked at")
        return None

    def _hand_over(self, question: _Question, work: Future[bool]) -> None:
        """In the worker's thread: back to the loop's."""
        if self._closed:
            return
        try:
            self._call_soon(partial(self._looked, question, work))
        except RuntimeError:
            pass  # the loop has ended meanwhile

    def _looked(self, question: _Question, work: Future[bool]) -> None:
        """The password was looked at, or nobody wants to know any more."""
        key = address_key(question.peer)
        self._waiting -= 1
        self._waiting_from[key] -= 1
        if not self._waiting_from[key]:
            del self._waiting_from[key]
        now = self._clock()
        if work.cancelled():
            self._guessing.give_up(question.name, question.peer, now)
            return
        try:
            account = self._proven(question, work.result())
        except Exception as error:  # no memory for scrypt, no registry: it says nothing about the password
            self._guessing.give_up(question.name, question.peer, now)
            self._tell_trouble(error)
            self._say(question, Denial(ReasonCode.SERVER_UNAVAILABLE, "its password could not be looked at"))
            return
        locked = self._guessing.end(question.name, question.peer, now, failed=account is None)
        if locked:
            log.warning(
                "too many wrong passwords for %r, the last from %s: %s has to wait for 15 minutes",
                question.name,
                question.peer,
                " and ".join(locked),
            )
        if account is not None:
            self._say(question, account.identity)
        else:
            why = "wrong password for" if question.account else "there is no account"
            self._say(question, Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, f"{why} {question.name!r}"))

    def _say(self, question: _Question, verdict: Identity | Denial) -> None:
        """Answer whoever asked, if it is still there."""
        answer = question.answer
        if answer is not None and self._questions.pop(answer, None) is not None:
            answer(verdict)

    def _tell_trouble(self, error: Exception) -> None:
        if isinstance(error, HomeError):
            log.error("%s%s", error.what, f"; next: {error.remedy}" if error.remedy else "")
        else:
            log.error("a password could not be looked at: %s: %s", type(error).__name__, error)

    def _proven(self, question: _Question, right: bool) -> Account | None:
        """The account, when its password was right and still is."""
        if not right or question.account is None:
            return None
        account = self._accounts.maybe_find(question.name)
        still = account is not None and account.stored == question.account.stored
        return account if still else None
