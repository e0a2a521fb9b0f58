"""Enrols and renews beside the loop: one thread with the registration authority, and a registry connection of its own.

Theory of operation. `ask` puts an application into a queue and returns; the thread takes all that wait (at most
AT_ONCE), has them decided as one batch, which shares its syncs of the disk, and hands the outcomes to the loop. What
connected with a new certificate for the first time goes the same way (`seen`): the loop never waits for the disk.

Whoever guesses tokens has to wait, as with passwords (broker/guessing.py): failures are counted by address, and no
address waits for what another did. Beyond WAITING applications in all, and WAITING_FROM_ONE of one address, the answer
is 'later'.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Final, Protocol, TypeAlias

from sealmq.addresses import address_key
from sealmq.broker.guessing import Guessing
from sealmq.devices.outcomes import Application, ByToken, Granted, Outcome, Refusal, Refused, Waiting
from sealmq.devices.registry import Registry
from sealmq.devices.trail import Entry
from sealmq.errors import Error
from sealmq.pki.peer import printable

log = logging.getLogger("sealmq.registrar")

AT_ONCE: Final = 64
"""Applications of one batch: they share three syncs, and take 20 ms together."""

WAITING: Final = 2_048
"""Applications that wait, half a second's worth; a request has at most 8 KiB."""

WAITING_FROM_ONE: Final = 512
"""Of these, from one address: a plant behind one address may enrol at once, and a stranger not fill the queue."""

SEEN_WAITING: Final = 100_000
"""Certificates whose first connection is not recorded yet; what is beyond is recorded when it connects again."""

Answer: TypeAlias = Callable[[Outcome], None]


class Authority(Protocol):
    """What decides (devices/registration.py)."""

    def decide(self, applications: Sequence[Application], now: float) -> list[Outcome]:
        """One outcome for each application."""

    def saw(self, serials: Sequence[str], now: float) -> None:
        """These certificates were connected with."""

    def record(self, entries: Sequence[Entry], now: float) -> None:
        """These happened."""


@dataclass(slots=True, eq=False)
class _Question:
    application: Application
    answer: Answer | None


class Registrar:
    """Decides applications for whoever waits for them on the loop.

    open_registry:  called once, in the thread, to which the connection then belongs.
    make_authority: makes what decides with it; called anew after `renew`, and after a failure. Both may raise Error.
    clock:          Unix seconds.
    call_soon:      runs a function on the loop's thread; called from any thread.
    is_told:        whether a line of this kind about this peer is worth the log's room (broker/quiet.py): a stranger
                    has requests refused as often as he likes. May be set later.
    """

    def __init__(
        self,
        open_registry: Callable[[], Registry],
        make_authority: Callable[[Registry], Authority],
        clock: Callable[[], float],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._open_registry = open_registry
        self._make_authority = make_authority
        self._registry: Registry | None = None
        self._clock = clock
        self._call_soon = call_soon
        self.is_told: Callable[[str, str], bool] = lambda kind, peer: True
        self._guessing = Guessing()
        self._questions: dict[Answer, _Question] = {}
        self._waiting: deque[_Question] = deque()
        self._waiting_from: Counter[str] = Counter()
        self._seen: dict[str, None] = {}
        self._entries: list[Entry] = []
        self._lock = threading.Condition()
        self._is_stale = True
        self._closed = False
        self._trouble = ""
        self._mistake = ""
        self._thread: threading.Thread | None = None

    # -- on the loop -------------------------------------------------------------------------------------------------

    def ask(self, application: Application, answer: Answer) -> None:
        """Have it decided, and call `answer` once, now or later; never wait."""
        key = address_key(application.address)
        refused = self._reason_to_refuse(application, key)
        if refused is not None:
            self._tell(application, refused)
            answer(refused)
            return
        if isinstance(application.applicant, ByToken):
            self._guessing.begin(key, application.address, self._clock())
        question = _Question(application, answer)
        self._questions[answer] = question
        self._waiting_from[key] += 1
        with self._lock:
            self._waiting.append(question)
            self._wake()

    def forget(self, answer: Answer) -> None:
        """Whoever asked is gone: `answer` is not to be called any more. What is decided meanwhile stands."""
        question = self._questions.pop(answer, None)
        if question is not None:
            question.answer = None

    def seen(self, serial: str) -> None:
        """A device connected with a certificate that nobody had connected with before."""
        with self._lock:
            if len(self._seen) < SEEN_WAITING:
                self._seen[serial] = None
                self._wake()

    def record(self, entry: Entry) -> None:
        """Something that belongs into the audit trail; when many wait already, it is told in the log alone."""
        with self._lock:
            if len(self._entries) < WAITING:
                self._entries.append(entry)
                self._wake()

    def renew(self) -> None:
        """Policy or authority changed: make the authority anew before the next batch."""
        with self._lock:
            self._is_stale = True

    def close(self) -> None:
        """Decide nothing more; waits for the batch that is being decided, and until what was seen is written down."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        self._questions.clear()
        if self._thread is not None:
            self._thread.join()

    def _wake(self) -> None:
        """With the lock held."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="sealmq-registrar", daemon=True)
            self._thread.start()
        self._lock.notify()

    def _reason_to_refuse(self, application: Application, key: str) -> Refused | None:
        """What can be said without a look at the registry."""
        if self._closed:
            return Refused(Refusal.BUSY, "try again later", "the broker is shutting down")
        if isinstance(application.applicant, ByToken):
            # The address stands for the account, which a token has none of. One account for all would let a stranger
            # lock out every plant in which one device has tried an old token.
            wait = self._guessing.wait(key, application.address, self._clock())
            if wait > 0:
                why = f"its address gave wrong tokens before, and has to wait for another {ceil(wait)} s"
                return Refused(Refusal.UNAUTHENTICATED, "not authorized", why)
        waiting = self._waiting_from.total()  # those who left meanwhile, too: they still fill the queue
        if waiting >= WAITING or self._waiting_from[key] >= WAITING_FROM_ONE:
            return Refused(Refusal.BUSY, "try again later", f"{waiting} requests wait")
        return None

    def _decided(self, question: _Question, outcome: Outcome) -> None:
        """On the loop again: tell whoever asked, if it is still there."""
        application = question.application
        key = address_key(application.address)
        self._waiting_from[key] -= 1
        if not self._waiting_from[key]:
            del self._waiting_from[key]
        if isinstance(application.applicant, ByToken):
            wrong = isinstance(outcome, Refused) and outcome.kind is Refusal.UNAUTHENTICATED
            if wrong or not isinstance(outcome, Refused):
                self._guessing.end(key, application.address, self._clock(), failed=wrong)
            else:  # nothing was proved: a request that cannot be read is refused before its token is looked at
                self._guessing.give_up(key, application.address, self._clock())
        self._tell(application, outcome)
        answer = question.answer
        if answer is not None and self._questions.pop(answer, None) is not None:
            answer(outcome)

    def _tell(self, application: Application, outcome: Outcome) -> None:
        who = f"{application.address} ({application.via})"
        name = printable(application.name) or "a device"
        extra = {"address": application.address}
        if isinstance(outcome, Granted):
            done = "renewed" if application.operation == "renew" else "enrolled"
            log.info("%s is %s: serial %s, from %s", outcome.name, done, outcome.serial, who, extra=extra)
        elif isinstance(outcome, Waiting):
            if not self.is_told("requests that wait for approval", application.address):
                return
            log.warning(
                "%s asks to be enrolled, from %s; next: sealmq enroll waiting, sealmq enroll approve",
                outcome.name,
                who,
                extra=extra,
            )
        elif self.is_told("refused requests for certificates", application.address):
            log.warning("%s was refused a certificate (%s): %s", name, who, outcome.why, extra=extra)

    # -- in the thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        authority: Authority | None = None
        try:
            while True:
                with self._lock:
                    while not (self._waiting or self._seen or self._entries or self._closed):
                        self._lock.wait()
                    if self._closed and not (self._seen or self._entries):
                        return
                    at_once = 0 if self._closed else min(AT_ONCE, len(self._waiting))
                    batch = [self._waiting.popleft() for _ in range(at_once)]
                    seen, self._seen = list(self._seen), {}
                    entries, self._entries = self._entries, []
                    stale, self._is_stale = self._is_stale, False
                authority = self._deal_with(batch, seen, entries, authority, stale=stale)
        finally:
            if self._registry is not None:
                self._registry.close()

    def _deal_with(
        self,
        batch: Sequence[_Question],
        seen: Sequence[str],
        entries: Sequence[Entry],
        authority: Authority | None,
        *,
        stale: bool,
    ) -> Authority | None:
        """One batch; returns the authority to go on with, None when it has to be made anew."""
        now = self._clock()
        wanted = [question for question in batch if question.answer is not None]  # else it left while it waited
        try:
            if authority is None or stale:
                # One connection for good: SQLite keeps the descriptor of one that was closed, for as long as another
                # of the same process is open.
                self._registry = self._registry or self._open_registry()
                authority = self._make_authority(self._registry)
            if seen:
                authority.saw(seen, now)
            if entries:
                authority.record(entries, now)
            outcomes = self._decide(authority, [question.application for question in wanted], now)
        except Exception as error:  # a full disk, a CA that ended: nothing was issued, and the broker goes on
            why = f"{error.what}{f' ({error.why})' if error.why else ''}" if isinstance(error, Error) else repr(error)
            self._tell_trouble(why, error)
            outcomes = [Refused(Refusal.BUSY, "try again later", why)] * len(wanted)
            authority = None
        else:
            self._trouble = ""
        for question, outcome in zip(wanted, outcomes, strict=True):
            self._hand_over(question, outcome)
        for question in batch:
            if question.answer is None and question not in wanted:
                self._hand_over(question, Refused(Refusal.BUSY, "gone", "it left before it was its turn"))
        return authority

    def _decide(self, authority: Authority, applications: Sequence[Application], now: float) -> list[Outcome]:
        """Together; after a mistake of ours each by itself, so that the one that meets it harms no other."""
        if not applications:
            return []
        try:
            return authority.decide(applications, now)
        except Error:  # the disk or the CA: it is the same for all
            raise
        except BaseException as error:  # a panic in what reads requests is no Exception, and would end this thread
            if len(applications) == 1:
                if repr(error) != self._mistake:  # once, however often somebody asks for it
                    self._mistake = repr(error)
                    where = applications[0].address
                    log.error("our own mistake in a request for a certificate, from %s", where, exc_info=error)
                return [Refused(Refusal.BUSY, "try again later", repr(error))]
        return [outcome for each in applications for outcome in self._decide(authority, [each], now)]

    def _tell_trouble(self, why: str, error: BaseException) -> None:
        """Once, not at every batch, for as long as it stays the same."""
        if why != self._trouble:
            self._trouble = why
            remedy = f"; next: {error.remedy}" if isinstance(error, Error) and error.remedy else ""
            log.error("nobody can be enrolled: %s%s", why, remedy, exc_info=None if isinstance(error, Error) else error)

    def _hand_over(self, question: _Question, outcome: Outcome) -> None:
        try:
            self._call_soon(partial(self._decided, question, outcome))
        except RuntimeError:
            pass  # the loop has ended meanwhile
