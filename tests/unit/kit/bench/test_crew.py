"""The load's processes: real ones, which hear, say, fail and end."""

from __future__ import annotations

import os
from typing import Any

import pytest

from crew_work import asked_wrongly, broken, count_up, patient, silent
from sealmq.errors import ConfigError, HomeError
from sealmq.kit.bench.crew import Effort, Go, Progress, Ready, counter, hands, hear_all


def test_a_process_says_what_it_has_to_say_and_ends_with_the_block() -> None:
    shared = counter()
    heard: list[Any] = []
    with hands((count_up, shared, 1_000)) as (hand,):
        assert hear_all([hand], Ready, 30.0) == [Ready(1)]  # it may open as many files as the system lets it
        hand.tell(Go(0.0))
        (ready,) = hear_all([hand], Ready, 30.0, heard.append)
        assert ready.links != os.getpid()
        assert shared.value == 1_000
    assert heard == [Progress(1_000)]
    with pytest.raises(ProcessLookupError):
        os.kill(ready.links, 0)


def test_its_error_is_ours() -> None:
    with hands((asked_wrongly,)) as (hand,), pytest.raises(ConfigError, match="it cannot be") as caught:
        hear_all([hand], Ready, 30.0)
    assert (caught.value.why, caught.value.remedy) == ("of that", "do this")


def test_what_the_system_says_is_an_error_in_words() -> None:
    with hands((broken,)) as (hand,), pytest.raises(HomeError) as caught:
        hear_all([hand], Ready, 30.0)
    assert caught.value.why == "Connection reset by peer"


def test_one_that_ends_without_a_word_is_noticed() -> None:
    with hands((silent,)) as (hand,), pytest.raises(HomeError, match="ended before its time"):
        hear_all([hand], Ready, 30.0)


def test_nobody_is_waited_for_for_ever() -> None:
    with hands((patient,)) as (hand,), pytest.raises(HomeError, match="was not done after 0 s"):
        hear_all([hand], Ready, 0.2)


def test_who_works_is_seen_to() -> None:
    effort = Effort()
    total = sum(number * number for number in range(300_000))
    used = effort.so_far()
    assert total > 0
    assert used.share > 0
    assert used.waited >= 0
