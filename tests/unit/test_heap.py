"""Memory is given back when many links have gone, and not sooner, nor twice."""

from __future__ import annotations

from sealmq.heap import REST, WORTHWHILE, Heap, _malloc_trim


class Trim:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, padding: int) -> int:
        assert padding == 0
        self.times += 1
        return 1


def test_many_that_are_gone_for_a_while_are_given_back_once() -> None:
    trim = Trim()
    heap = Heap(trim)
    for now, links, times in (
        (0.0, 2 * WORTHWHILE, 0),
        (1.0, WORTHWHILE, 0),
        (1.0 + REST / 2, WORTHWHILE, 0),
        (1.0 + REST, WORTHWHILE, 1),
        (2.0 + 3 * REST, WORTHWHILE, 1),
        (3.0 + 3 * REST, 0, 1),
        (3.0 + 4 * REST, 0, 2),
    ):
        heap.look(links, now)
        assert trim.times == times, now


def test_who_comes_back_soon_finds_its_memory_and_a_few_do_not_count() -> None:
    trim = Trim()
    heap = Heap(trim)
    for now in range(0, 100, 2):
        heap.look(2 * WORTHWHILE if now % (REST - 2) == 0 else 0, float(now))
    for now in range(100, 200):
        heap.look(2 * WORTHWHILE - (now % WORTHWHILE), float(now))
    assert trim.times == 0


def test_the_real_one_can_be_asked() -> None:
    trim = _malloc_trim()
    if trim is not None:  # else this system has no glibc
        assert trim(0) in (0, 1)
    heap = Heap()
    heap.look(WORTHWHILE, 0.0)
    heap.look(0, 1.0)
    heap.look(0, 1.0 + REST)
