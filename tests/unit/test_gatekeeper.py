"""Passwords are looked at beside the loop, a bounded number at a time, and guessing costs time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from sealmq import gatekeeper as module
from sealmq.broker.gate import Denial
from sealmq.broker.guessing import ACCOUNT
from sealmq.devices.accounts import Accounts
from sealmq.devices.registry import Registry
from sealmq.errors import HomeError
from sealmq.gatekeeper import LATER, WAITING, WAITING_FROM_ONE, PasswordGatekeeper
from sealmq.identity import Identity
from sealmq.pki import passwords

NOW = 1_800_000_000.0
HERE = "192.0.2.7:1000"


class Asker:
    """Keeps the one answer; each asker is somebody else."""

    def __init__(self) -> None:
        self.answers: list[Identity | Denial] = []

    def hear(self, answer: Identity | Denial) -> None:
        self.answers.append(answer)

    @property
    def why(self) -> str:
        (answer,) = self.answers
        return answer.why if isinstance(answer, Denial) else ""

    @property
    def code(self) -> int:
        (answer,) = self.answers
        return answer.reason_code if isinstance(answer, Denial) else 0


class Desk:
    """A gatekeeper with a loop of its own: `turn` runs what workers handed over."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.loop: Queue[Callable[[], None]] = Queue()
        self.registry = Registry.open(path)
        self.accounts = Accounts(self.registry)
        self.keeper = PasswordGatekeeper(self.accounts, lambda: self.now, self.loop.put)

    def turn(self, count: int = 1) -> None:
        for _ in range(count):
            self.loop.get(timeout=20)()

    def ask(self, name: str | None, password: bytes | None, peer: str = HERE) -> Asker:
        asker = Asker()
        self.keeper.ask(name, password, peer, asker.hear)
        return asker

    def answer(self, name: str, password: bytes, peer: str = HERE) -> Asker:
        asker = self.ask(name, password, peer)
        if not asker.answers:
            self.turn()
        return asker


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(passwords, "COST_LOG2", 4)
    monkeypatch.setattr(module, "DECOY", passwords.hash_password(b"nobody has it"))  # and so at the same small cost
    one = Desk(tmp_path / "sealmq.db")
    one.accounts.add("Panel", b"the password", now=NOW)
    yield one
    one.keeper.close()
    one.registry.close()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Workers that look at passwords only when the event is set."""
    go = threading.Event()
    real = passwords.verify_password

    def wait_and_verify(stored: str, password: bytes) -> bool:
        assert go.wait(20)
        return real(stored, password)

    monkeypatch.setattr(module, "verify_password", wait_and_verify)
    yield go
    go.set()


def test_the_right_password_gives_the_account_in_its_own_spelling(desk: Desk) -> None:
    asker = desk.answer("pANEL", b"the password")
    assert asker.answers == [Identity("Panel", "account", kind="account", bearer=repr(NOW))]


def test_wrong_passwords_and_unknown_names_get_the_same_code(desk: Desk) -> None:
    wrong, unknown = desk.answer("Panel", b"a password"), desk.answer("nobody", b"the password", "192.0.2.8:1")
    assert (wrong.code, unknown.code) == (0x86, 0x86)
    assert (wrong.why, unknown.why) == ("wrong password for 'Panel'", "there is no account 'nobody'")


@pytest.mark.parametrize(("name", "password"), [(None, b"x"), ("Panel", None), (None, None)])
def test_nothing_is_never_right(desk: Desk, name: str | None, password: bytes | None) -> None:
    assert desk.ask(name, password).code == 0x86


def test_an_unknown_name_is_looked_at_like_a_known_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(module, "verify_password", lambda stored, password: looked.append(stored))
    desk.answer("Panel", b"x")
    desk.answer("nobody", b"x", "192.0.2.8:1")
    assert len(looked) == 2
    assert looked[1] == module.DECOY


def test_who_failed_waits_and_is_refused_unseen(desk: Desk) -> None:
    desk.answer("Panel", b"wrong")
    asker = desk.ask("Panel", b"the password")
    assert asker.code == 0x86
    assert "has to wait" in asker.why
    desk.now += 1
    assert desk.answer("Panel", b"the password").code == 0


def test_a_lock_out_is_told_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(ACCOUNT.lock_after + 3):
        desk.answer("Panel", b"wrong")
        desk.now += 300
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "too many wrong passwords for 'Panel', the last from 192.0.2.7:1000: the account" in told[0]
    assert "wrong'" not in told[0]


def test_one_address_takes_a_share_and_all_together_a_bounded_number(desk: Desk, slow: threading.Event) -> None:
    askers = [desk.ask(f"name-{number}", b"x") for number in range(WAITING_FROM_ONE + 1)]
    assert [asker.code for asker in askers if asker.answers] == [0x89]
    others = [
        desk.ask(f"name-{number}", b"x", f"10.0.0.{number}:1") for number in range(WAITING - WAITING_FROM_ONE + 1)
    ]
    assert [asker.code for asker in others if asker.answers] == [0x89]
    slow.set()
    desk.turn(WAITING)
    assert all(asker.answers for asker in (*askers, *others))
    assert desk.answer("Panel", b"the password", "10.1.1.1:1").code == 0


def test_who_went_away_is_not_told_but_its_guess_counts(desk: Desk, slow: threading.Event) -> None:
    gone, waiting = Asker(), [Asker() for _ in range(5)]
    desk.keeper.ask("Panel", b"wrong", HERE, gone.hear)
    for asker in waiting:
        desk.keeper.ask("Panel", b"the password", HERE, asker.hear)
    desk.keeper.forget(gone.hear)
    for asker in waiting:
        desk.keeper.forget(asker.hear)
    desk.keeper.forget(gone.hear)
    slow.set()
    desk.turn(6)
    assert not gone.answers
    assert not any(asker.answers for asker in waiting)
    assert not desk.keeper._waiting_from


def test_a_password_that_was_changed_meanwhile_is_wrong(desk: Desk, slow: threading.Event) -> None:
    asker = desk.ask("Panel", b"the password")
    desk.accounts.set_password("Panel", b"another password", now=NOW + 1)
    slow.set()
    desk.turn()
    assert asker.code == 0x86


def test_an_account_that_was_removed_meanwhile_lets_nobody_in(desk: Desk, slow: threading.Event) -> None:
    asker = desk.ask("Panel", b"the password")
    desk.accounts.remove("Panel")
    slow.set()
    desk.turn()
    assert asker.code == 0x86


def test_a_registry_that_cannot_be_read_lets_nobody_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise HomeError("it is damaged")

    monkeypatch.setattr(desk.accounts, "maybe_find", broken)
    assert desk.ask("Panel", b"the password").code == 0x88


def test_a_damaged_password_lets_nobody_in(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.registry.change("UPDATE accounts SET stored = 'damaged' WHERE name = 'panel'")
    assert desk.answer("Panel", b"the password").code == 0x88
    assert "a stored password is damaged" in caplog.text


@pytest.mark.parametrize("error", [MemoryError("no room"), HomeError("it is damaged"), RuntimeError("odd")])
def test_what_cannot_be_looked_at_is_no_guess_and_leaves_nothing_behind(
    desk: Desk, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(stored: str, password: bytes) -> bool:
        raise error

    desk.answer("Panel", b"wrong")
    desk.now += 1
    with monkeypatch.context() as patch:
        patch.setattr(module, "verify_password", fails)
        for _ in range(40):
            assert desk.answer("Panel", b"the password").code == 0x88
    assert str(error) in caplog.text
    assert "the password'" not in caplog.text
    assert desk.answer("Panel", b"the password").code == 0
    assert not desk.keeper._waiting
    assert not desk.keeper._waiting_from


def test_without_a_thread_nobody_is_let_in_and_nothing_is_left_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(desk.keeper._workers, "submit", no_thread)
        for _ in range(40):
            assert desk.answer("Panel", b"the password").code == 0x88
    assert desk.answer("Panel", b"the password").code == 0
    assert not desk.keeper._waiting


def test_at_the_end_nobody_is_answered_any_more(desk: Desk, slow: threading.Event) -> None:
    asker = desk.ask("Panel", b"the password")
    desk.keeper.close()
    slow.set()
    with pytest.raises(Empty):
        desk.loop.get(timeout=0.3)
    assert not asker.answers
    assert desk.ask("Panel", b"the password").code == 0x8B


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_workers_leave_the_loop_its_core(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(stored: str, password: bytes) -> bool:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return False

    monkeypatch.setattr(module, "verify_password", look)
    desk.answer("Panel", b"x")
    assert seen == [min(19, os.getpriority(os.PRIO_PROCESS, 0) + LATER)]
