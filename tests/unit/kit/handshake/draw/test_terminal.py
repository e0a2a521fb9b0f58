"""The Report on a terminal: the verdict first and last, a screen and a half, nothing broken at any width."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reports
from consoles import console, widest, written
from sealmq.kit.handshake.draw.terminal import show
from sealmq.kit.handshake.report import Report


def shown(report: Report, width: int = 80, verbosity: int = 0, **options: object) -> str:
    on = console(width, **options)  # type: ignore[arg-type]
    show(report, on, verbosity=verbosity)
    return written(on)


def flowed(text: str) -> str:
    """Without the breaks of lines."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", reports.samples())
@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("verbosity", [0, 1, 2])
def test_no_line_is_wider_than_the_terminal(name: str, width: int, verbosity: int) -> None:
    text = shown(reports.samples()[name], width, verbosity, encoding="ascii" if width == 60 else "utf-8")
    assert widest(text) <= width
    assert text.replace("\n", "").isprintable()


def test_it_says_how_it_ended_first_and_last() -> None:
    lines = shown(reports.good()).splitlines()
    assert lines[0] == lines[-1] == "✓ Connected: both ends proved who they are, and the broker said welcome"
    lines = shown(reports.refused()).splitlines()
    end = lines[-6:]
    assert lines[0] in end
    assert "  ended   by the server after Finished, alert unknown_ca" in end
    assert end[-1].startswith("  to do   sealmq device add sensor-1")


@pytest.mark.parametrize(("width", "most"), [(80, 82), (120, 62)])
def test_without_more_it_is_about_a_screen_and_a_half(width: int, most: int) -> None:
    assert len(shown(reports.good(), width).splitlines()) <= most


def test_what_is_shown_grows_with_the_verbosity() -> None:
    texts = [flowed(shown(reports.good(), 120, verbosity)) for verbosity in (0, 1, 2)]
    chain = reports.good().chain
    assert chain is not None
    for rule in chain.rules:
        assert rule.reason in texts[1]
    for step in reports.good().steps:
        assert f"here: {step.here}" in texts[1]
    assert "it says serverAuth" not in texts[0]
    assert "server_name (which name the client wants" in texts[1]
    assert "0049 13 02" not in texts[1]
    assert "0049 13 02" in texts[2]
    assert "-v: each message explained" in texts[0]
    assert "-vv: the bytes" in texts[1]
    assert "-vv" not in texts[2]


def test_what_matters_is_there_without_asking() -> None:
    text = flowed(shown(reports.good(), 120))
    for words in (
        "localhost:8883 (127.0.0.1)",
        "TLS 1.3 · TLS_AES_256_GCM_SHA384 · X25519 · forward secret · not post-quantum",
        "trusted · The broker's certificate is good",
        "! lifetime of certificate 1: ",
        "· revocation not tested: ",
        "accepted: The broker asked",
        "→ CONNECT 24 B",
        "1 round trip · buffers 1,124 B in",
        "to somebody in between: who talks to whom",
        "from somebody in between: the broker's certificate",
        "looks like OpenSSL 3",
        "handshake 3.72 ms",
    ):
        assert words in text


def test_a_broken_rule_comes_before_a_warning() -> None:
    text = shown(reports.refused())
    assert text.index("✗ dates: ") < text.index("! lifetime")
    assert "not trusted" in text


def test_nobody_there_is_short() -> None:
    assert shown(reports.unreachable()).splitlines() == [
        "✗ Nobody listens on localhost port 8883",
        "  localhost:8883 (127.0.0.1)",
        "",
        "  why     no broker runs there, or it listens on another port",
        "  to do   sealmq up",
    ]


@pytest.mark.parametrize("verbosity", [0, 1, 2])
def test_colour_says_nothing_that_is_not_there_without_it(verbosity: int) -> None:
    coloured = shown(reports.good(), 100, verbosity, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(reports.good(), 100, verbosity)


def test_hostile_text_changes_no_colour_and_moves_no_cursor() -> None:
    text = shown(reports.hostile(), 80, 2)
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "[red]not markup[/red]" in flowed(text)
    assert set(re.findall(r"\x1b\[[\d;]*(.)", shown(reports.hostile(), 80, 2, colour=True))) == {"m"}


def test_very_much_is_bounded() -> None:
    report = reports.hostile(10_000)
    report = dataclasses.replace(report, mqtt=report.mqtt * 5_000, extensions=report.extensions * 5_000)
    assert len(shown(report).splitlines()) < 900
    assert len(shown(report, verbosity=1).splitlines()) < 6_000


@settings(max_examples=30)
@given(st.text(max_size=80))
def test_any_text_is_printed(words: str) -> None:
    report = reports.refused()
    message = dataclasses.replace(report.messages[0], name=words, line=words, paragraph=words)
    outcome = dataclasses.replace(report.outcome, what=words, why=words, remedy=words)
    text = shown(dataclasses.replace(report, messages=(message,), outcome=outcome), 60, 1)
    assert widest(text) <= 60


def test_a_trial_is_told_once() -> None:
    report = reports.good()
    assert report.cost is not None
    assert report.cost.trials
    told = dataclasses.replace(
        report, cost=dataclasses.replace(report.cost, sentences=tuple(one.sentence for one in report.cost.trials))
    )
    for trial in report.cost.trials:
        assert flowed(shown(told, 100, 1)).count(trial.sentence) == 1


def test_another_library_is_named_with_what_it_took_and_what_nobody_saw() -> None:
    report = reports.good()
    words = {"middleware": "wolfssl", "library": "wolfSSL 5.9.2", "note": "wolfSSL 5.9.2 gives no keys"}
    other = dataclasses.replace(
        report,
        meta=dataclasses.replace(report.meta, **words),
        timing=dataclasses.replace(report.timing, processor=0.000_45),
    )
    text = shown(other, 120)
    assert "library   wolfSSL 5.9.2 (middleware wolfssl) · 0.45 ms of our processor for the handshake" in text
    assert "sealed    wolfSSL 5.9.2 gives no keys" in text
    assert "\nlibrary" not in shown(report, 120)
