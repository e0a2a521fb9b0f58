"""One look at all connections: who is told, and of what."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from sealmq.tcp import poller as module
from sealmq.tcp.poller import READABLE, WRITABLE, Poller


class Talker:
    """One end of a pair of sockets."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.ours, self.theirs = socket.socketpair()
        self.told: list[int] = []
        self.is_aborted = False
        self.does: Callable[[], object] = lambda: None
        poller.watch(self.ours.fileno(), self, READABLE, 0)

    def ready(self, events: int) -> None:
        self.told.append(events)
        self.ours.recv(100)
        self.does()

    def abort(self, why: str = "") -> None:
        self.is_aborted = True
        self.poller.watch(self.ours.fileno(), self, 0, READABLE)
        self.ours.close()
        self.theirs.close()


class Look:
    """A poller, and how often its looks were over."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.poller = Poller(self.over, self.failures.append)
        self.were_over: list[bool] = []
        self.is_over = asyncio.Event()
        self.poller.open()

    def over(self) -> None:
        self.were_over.append(self.poller.is_looking)
        self.is_over.set()

    async def next(self) -> None:
        self.is_over.clear()
        await asyncio.wait_for(self.is_over.wait(), 10)


def test_all_who_spoke_are_told_in_one_look() -> None:
    async def main() -> None:
        look = Look()
        talkers = [Talker(look.poller) for _ in range(5)]
        seen: list[bool] = []
        for talker in talkers:
            talker.theirs.send(b"hello")
            talker.does = lambda: seen.append(look.poller.is_looking)
        await look.next()
        assert [talker.told for talker in talkers] == [[READABLE]] * 5
        assert seen == [True] * 5
        assert look.were_over == [False]
        look.poller.close()
        assert all(talker.is_aborted for talker in talkers)

    asyncio.run(main())


def test_who_ended_in_this_look_is_not_told() -> None:
    async def main() -> None:
        look = Look()
        one, other = Talker(look.poller), Talker(look.poller)
        one.does, other.does = other.abort, one.abort
        for talker in (one, other):
            talker.theirs.send(b"the other one must go")
        await look.next()
        assert sorted([one.is_aborted, other.is_aborted]) == [False, True]
        look.poller.close()

    asyncio.run(main())


def test_a_mistake_ends_the_one_in_which_it_happened() -> None:
    async def main() -> None:
        look = Look()
        mistaken, others = Talker(look.poller), [Talker(look.poller) for _ in range(3)]
        mistaken.does = lambda: 1 / 0
        for talker in (mistaken, *others):
            talker.theirs.send(b"hello")
        await look.next()
        assert mistaken.is_aborted
        assert [type(each) for each in look.failures] == [ZeroDivisionError]
        assert [talker.told for talker in others] == [[READABLE]] * 3
        look.poller.close()

    asyncio.run(main())


def test_who_waits_for_nothing_is_told_of_nothing() -> None:
    async def main() -> None:
        look = Look()
        one, other = Talker(look.poller), Talker(look.poller)
        look.poller.watch(one.ours.fileno(), one, 0, READABLE)
        one.theirs.close()
        other.theirs.send(b"hello")
        await look.next()
        assert (one.told, other.told) == ([], [READABLE])
        look.poller.watch(one.ours.fileno(), one, WRITABLE, 0)
        await look.next()
        assert one.told
        assert one.told[0] & WRITABLE
        look.poller.watch(one.ours.fileno(), one, READABLE, WRITABLE)
        look.poller.close()

    asyncio.run(main())


def test_many_who_are_gone_at_once_leave_turns_to_those_who_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LETTING_GO", -1.0)  # a turn has time for one

    async def main() -> None:
        look = Look()
        talker = Talker(look.poller)
        order: list[str] = []
        talker.does = lambda: order.append("the one who stays")
        for number in range(3):
            look.poller.let_go(order.append, f"gone {number}")
        talker.theirs.send(b"hello")
        while len(order) < 4:  # noqa: ASYNC110 - the loop's turns are what is counted
            await asyncio.sleep(0)
        assert order == ["gone 0", "the one who stays", "gone 1", "gone 2"]
        look.poller.close()

    asyncio.run(main())


def test_who_goes_because_another_is_gone_has_no_share_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LETTING_GO", -1.0)  # a turn has time for one

    async def main() -> None:
        look = Look()
        told: list[str] = []

        def takes_others_along(why: str) -> None:
            told.append(why)
            for _ in range(3):
                look.poller.let_go(told.append, "along")

        look.poller.let_go(takes_others_along, "gone")
        for turn in range(1, 5):
            await asyncio.sleep(0)
            assert len(told) == turn
        look.poller.close()

    asyncio.run(main())


def test_a_mistake_with_one_who_is_gone_is_told_and_the_others_go() -> None:
    async def main() -> None:
        look = Look()
        told: list[str] = []
        look.poller.let_go(lambda why: 1 / 0, "")  # type: ignore[arg-type,return-value]
        look.poller.let_go(told.append, "gone")
        while not told:  # noqa: ASYNC110 - the loop's turns are what is counted
            await asyncio.sleep(0)
        assert [type(each) for each in look.failures] == [ZeroDivisionError]
        look.poller.let_go(lambda why: 1 / 0, "")  # type: ignore[arg-type,return-value]
        look.poller.let_go(told.append, "at the end")
        look.poller.close()
        assert [type(each) for each in look.failures] == [ZeroDivisionError] * 2
        assert told == ["gone", "at the end"]

    asyncio.run(main())


def test_a_look_that_is_asked_for_comes_once_and_without_anybody_who_is_ready() -> None:
    async def main() -> None:
        look = Look()
        for _ in range(3):
            look.poller.look_soon()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(look.were_over) == 1
        look.poller.look_soon()
        look.poller.close()
        await asyncio.sleep(0)
        assert len(look.were_over) == 1, "and none when there is nothing left to look at"

    asyncio.run(main())


def test_a_look_that_is_asked_for_is_the_one_that_comes_anyway() -> None:
    async def main() -> None:
        look = Look()
        talker = Talker(look.poller)
        talker.theirs.send(b"hello")
        look.poller.look_soon()
        look.poller._look()  # the loop was faster
        await asyncio.sleep(0)
        assert look.were_over == [False]
        assert talker.told == [READABLE]
        look.poller.close()

    asyncio.run(main())


def test_however_often_a_next_look_is_asked_for_others_have_their_turn_between_two() -> None:
    async def main() -> None:
        look = Look()
        talkers = [Talker(look.poller) for _ in range(2)]

        def over() -> None:
            look.were_over.append(False)
            look.poller.look_soon()  # as the house does while somebody has more than its share
            for talker in talkers:
                talker.theirs.send(b"and something is always ready")

        look.poller._look_is_over = over
        look.poller.look_soon()
        for _ in range(50):
            await asyncio.sleep(0)
        assert 50 <= len(look.were_over) <= 2 * 50 + 2
        look.poller.close()

    asyncio.run(main())
