from __future__ import annotations

import threading
from collections import deque

import pytest

from sealmq import registrar as module
from sealmq.broker.quiet import Quiet
from sealmq.devices.outcomes import Application, ByCertificate, ByToken, Granted, Operation, Refusal, Refused, Waiting
from sealmq.devices.trail import Entry
from sealmq.errors import HomeError
from sealmq.registrar import Registrar

NOW = 1_800_000_000.0


class Loop:
    """Runs on this thread what the registrar's thread hands over."""

    def __init__(self):
        self.calls = deque()
        self.more = threading.Event()

    def call_soon(self, function):
        self.calls.append(function)
        self.more.set()

    def run_until(self, is_done):
        while not is_done():
            assert self.more.wait(10)
            self.more.clear()
            while self.calls:
                self.calls.popleft()()


class Authority:
    """Answers each application with its name, but for the names that say otherwise."""

    def __init__(self):
        self.batches = []
        self.seen = []
        self.recorded = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.fails = None

    def decide(self, applications, now):
        self.arrived.set()
        assert self.gate.wait(10)
        if self.fails is not None:
            raise self.fails
        self.batches.append([each.name for each in applications])
        return [self.answer(each) for each in applications]

    def answer(self, application):
        if application.name.startswith("wrong"):
            return Refused(Refusal.UNAUTHENTICATED, "not authorized", "no such token")
        if application.name == "unreadable":
            return Refused(Refusal.MALFORMED, "it cannot be read", "it cannot be read")
        if application.name == "busy":
            return Refused(Refusal.BUSY, "try again later", "later")
        if application.name == "patient":
            return Waiting(application.name)
        return Granted(application.name, "0a", b"der", NOW)

    def saw(self, serials, now):
        self.arrived.set()
        self.seen += serials

    def record(self, entries, now):
        self.arrived.set()
        self.recorded += entries


@pytest.fixture
def stage():
    loop, authority, opened, now = Loop(), Authority(), [], [NOW]

    class Connection:
        closed = False

        def close(self):
            self.closed = True

    connection = Connection()

    def make_authority(registry):
        assert registry is connection
        opened.append(1)
        return authority

    registrar = Registrar(lambda: connection, make_authority, lambda: now[0], loop.call_soon)
    registrar.loop, registrar.authority, registrar.opened, registrar.now = loop, authority, opened, now
    yield registrar
    authority.gate.set()
    registrar.close()
    assert connection.closed or registrar._thread is None


def application(name="a", address="192.0.2.1:5", applicant=None):
    return Application(b"", Operation.ENROLL, applicant or ByToken("secret"), "est", address, name)


def test_what_waits_is_decided_together_and_answered_on_the_loop(stage):
    stage.authority.gate.clear()
    outcomes = {}
    stage.ask(application("first"), lambda outcome: outcomes.update(first=outcome))
    assert stage.authority.arrived.wait(10)
    for n in range(3):
        stage.ask(application(f"d{n}"), lambda outcome, n=n: outcomes.update({n: outcome}))
    stage.authority.gate.set()
    stage.loop.run_until(lambda: len(outcomes) == 4)
    assert stage.authority.batches == [["first"], ["d0", "d1", "d2"]]
    assert outcomes[2] == Granted("d2", "0a", b"der", NOW)
    assert len(stage.opened) == 1


def test_who_left_is_not_answered_and_not_decided_either(stage, caplog):
    stage.authority.gate.clear()
    answered = []
    stage.ask(application("first"), answered.append)
    assert stage.authority.arrived.wait(10)
    gone = answered.copy
    stage.ask(application("gone"), gone)
    stage.forget(gone)
    stage.authority.gate.set()
    stage.loop.run_until(lambda: answered and not stage._waiting_from)
    assert stage.authority.batches == [["first"]]


def test_who_guesses_has_to_wait(stage):
    answers = []
    for n in range(6):
        stage.ask(application("wrong"), answers.append)
        stage.loop.run_until(lambda n=n: len(answers) > n)
    asked = sum(map(len, stage.authority.batches))
    assert asked < 6
    assert answers[-1].kind is Refusal.UNAUTHENTICATED
    other = []
    stage.ask(application("right", "198.51.100.7:5"), other.append)
    stage.loop.run_until(lambda: other)
    assert isinstance(other[0], Granted)
    renewal = []
    stage.ask(application("renews", applicant=ByCertificate("0a")), renewal.append)  # a certificate is not guessed
    stage.loop.run_until(lambda: renewal)
    assert isinstance(renewal[0], Granted)


def test_no_address_waits_for_what_another_did(stage):
    answers = []
    stage.ask(application("wrong", "198.51.100.7:5"), answers.append)  # one device of the plant has an old token
    stage.loop.run_until(lambda: answers)
    for address in ("203.0.113.9:5", "203.0.114.9:5"):
        for n in range(12):  # and strangers guess for long
            stage._guessing.begin(address.split(":")[0], address, NOW)
            stage._guessing.end(address.split(":")[0], address, NOW + n, failed=True)
    stage.now[0] = NOW + 30
    stage.ask(application("right", "198.51.100.7:6"), answers.append)
    stage.loop.run_until(lambda: len(answers) == 2)
    assert isinstance(answers[1], Granted)
    stage.ask(application("right", "203.0.113.9:6"), answers.append)
    assert "has to wait" in answers[2].why


@pytest.mark.parametrize("name", ["unreadable", "busy"])
def test_a_request_that_proves_nothing_ends_no_wait(stage, name):
    guesses, others = [], []
    for _ in range(2):
        stage.ask(application("wrong"), guesses.append)
        stage.ask(application(name), others.append)  # under way together: the last word is this one's
        stage.loop.run_until(lambda: not stage._questions)
    assert guesses[0].why == "no such token"
    assert "has to wait" in guesses[1].why


def test_a_stranger_does_not_fill_the_log(stage, caplog):
    quiet = Quiet(told=2)
    stage.is_told = lambda kind, peer: quiet.lets(kind, peer, NOW)
    answers = []
    for _ in range(5):
        stage.ask(application("wrong\n" + "x" * 5_000), answers.append)
        stage.loop.run_until(lambda: not stage._questions)
        stage.ask(application("patient", "198.51.100.7:5"), answers.append)
        stage.loop.run_until(lambda: not stage._questions)
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if "was refused" in line]) == 2
    assert len([line for line in told if "asks to be enrolled" in line]) == 2
    assert all(len(line) < 400 and "\n" not in line for line in told)


def test_who_asks_and_leaves_still_fills_the_queue(stage, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 3)
    stage.authority.gate.clear()
    answers = []
    stage.ask(application("first"), answers.append)
    assert stage.authority.arrived.wait(10)
    for n in range(2):
        gone = [].append
        stage.ask(application(f"d{n}", f"198.51.{n}.7:5"), gone)
        stage.forget(gone)
    stage.ask(application("late", "203.0.113.9:5"), answers.append)
    assert answers[0].kind is Refusal.BUSY


def test_the_queue_is_bounded_for_all_and_for_one(stage, monkeypatch):
    monkeypatch.setattr(module, "WAITING_FROM_ONE", 2)
    monkeypatch.setattr(module, "WAITING", 3)
    stage.authority.gate.clear()
    answers = []
    for address in ("192.0.2.1:5", "192.0.2.1:6", "192.0.2.1:7", "198.51.100.7:5", "203.0.113.9:5"):
        stage.ask(application(address, address), lambda outcome, address=address: answers.append((address, outcome)))
    assert [(address, outcome.kind) for address, outcome in answers] == [
        ("192.0.2.1:7", Refusal.BUSY),
        ("203.0.113.9:5", Refusal.BUSY),
    ]
    stage.authority.gate.set()
    stage.loop.run_until(lambda: len(answers) == 5)


def test_a_failing_disk_refuses_and_the_next_batch_begins_anew(stage, caplog):
    stage.authority.fails = HomeError("the disk is full", remedy="make room")
    answers = []
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: answers)
    assert answers[0] == Refused(Refusal.BUSY, "try again later", "the disk is full")
    assert "the disk is full; next: make room" in caplog.text
    stage.authority.fails = None
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: len(answers) == 2)
    assert isinstance(answers[1], Granted)
    assert len(stage.opened) == 2


class PanicException(BaseException):
    """As that of the library that reads requests."""


@pytest.mark.parametrize("mistake", [RuntimeError("ours"), PanicException("ours")])
def test_a_mistake_of_ours_ends_no_service(stage, caplog, mistake):
    stage.authority.fails = mistake
    answers = []
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: answers)
    assert "ours" in caplog.text
    stage.authority.fails = None
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: len(answers) == 2)
    assert isinstance(answers[1], Granted)


@pytest.mark.parametrize("mistake", [RuntimeError("ours"), PanicException("ours")])
def test_whoever_meets_a_mistake_of_ours_harms_no_other(stage, caplog, mistake):
    def decide(applications, now):
        if any(each.name == "strange" for each in applications):
            raise mistake
        return answer(applications, now)

    answer, answers = stage.authority.decide, {}
    stage.authority.gate.clear()
    stage.ask(application("first"), lambda outcome: None)
    assert stage.authority.arrived.wait(10)
    stage.authority.decide = decide
    for name in ("a", "strange", "b"):
        stage.ask(application(name), lambda outcome, name=name: answers.update({name: outcome}))
    stage.authority.gate.set()
    stage.loop.run_until(lambda: len(answers) == 3)
    assert [type(answers[name]) for name in ("a", "strange", "b")] == [Granted, Refused, Granted]
    assert answers["strange"].kind is Refusal.BUSY
    stage.ask(application("strange"), lambda outcome: answers.update(again=outcome))
    stage.loop.run_until(lambda: len(answers) == 4)
    assert caplog.text.count("our own mistake in a request for a certificate, from 192.0.2.1:5") == 1


def test_what_was_seen_just_before_the_end_is_recorded_all_the_same(stage):
    stage.authority.gate.clear()
    stage.ask(application("first"), lambda outcome: None)
    assert stage.authority.arrived.wait(10)
    stage.seen("0a")
    stage.record(Entry("clone", "device:a", {"serial": "0a"}))
    stage.ask(application("second"), lambda outcome: None)
    ending = threading.Thread(target=stage.close)
    ending.start()
    while not stage._closed:
        pass
    stage.authority.gate.set()
    ending.join(10)
    assert stage.authority.seen == ["0a"]
    assert [entry.action for entry in stage.authority.recorded] == ["clone"]
    assert stage.authority.batches[0] == ["first"]
    assert ["second"] not in stage.authority.batches  # nothing more is decided


def test_what_was_seen_is_recorded(stage):
    stage.seen("0a")
    stage.seen("0a")
    stage.seen("0b")
    answers = []
    stage.ask(application("patient"), answers.append)
    stage.loop.run_until(lambda: answers)
    assert set(stage.authority.seen) == {"0a", "0b"}
    assert answers == [Waiting("patient")]


def test_what_belongs_into_the_trail_is_recorded_beside_the_loop(stage, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 2)
    stage.authority.gate.clear()
    answers = []
    stage.ask(application("one"), answers.append)
    assert stage.authority.arrived.wait(10)
    entries = [Entry("clone", "sealmq", {"serial": f"{number}"}) for number in range(3)]
    for entry in entries:
        stage.record(entry)
    stage.authority.gate.set()
    stage.loop.run_until(lambda: answers)
    stage.ask(application("two"), answers.append)
    stage.loop.run_until(lambda: len(answers) == 2)
    assert stage.authority.recorded == entries[:2], "what is too much is told in the log alone"


def test_another_policy_needs_another_authority(stage):
    answers = []
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: answers)
    stage.renew()
    stage.ask(application(), answers.append)
    stage.loop.run_until(lambda: len(answers) == 2)
    assert len(stage.opened) == 2


def test_closed_it_asks_nobody(stage):
    stage.close()
    answers = []
    stage.ask(application(), answers.append)
    assert answers[0].kind is Refusal.BUSY
    assert stage.opened == []
