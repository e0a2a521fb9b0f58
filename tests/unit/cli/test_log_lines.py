"""The two forms of the log, and that nobody can forge a line of it."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sealmq.cli.log_lines import LONGEST, start_logging


@pytest.fixture(autouse=True)
def log_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile"):
        monkeypatch.setattr(logging, name, getattr(logging, name))
    loggers = [logging.getLogger(name) for name in ("sealmq", "asyncio")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate


def test_a_person_reads_time_level_and_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info", as_json=False)
    logging.getLogger("sealmq.link").warning("%s was refused", "192.0.2.7:1234")
    day, time, level, sentence = capsys.readouterr().err.rstrip("\n").split(maxsplit=3)
    assert abs(datetime.fromisoformat(f"{day} {time}").astimezone() - datetime.now(UTC)) < timedelta(minutes=1)
    assert (level, sentence) == ("warning", "192.0.2.7:1234 was refused")


def test_a_program_reads_one_object_a_line_with_who_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info", as_json=True)
    who = {"address": "192.0.2.7:1234", "device": "sensor-1", "serial": "0a", "client_id": "ä"}
    logging.getLogger("sealmq.link").info("%s left", "sensor-1", extra=who)
    logging.getLogger("sealmq.server").info("nobody in particular")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {"level": "info", "message": "sensor-1 left", **who}
    assert second.keys() == {"time", "level", "message"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_client_cannot_write_a_line_of_its_own(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    start_logging("info", as_json=as_json)
    logging.getLogger("sealmq.link").info(
        "client %s", "x\n12:00:00 info     all is well\x1b[2J\r\u2028\u0085\x9b2J\u202e\x7f"
    )
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
    assert all(character.isprintable() for character in said.rstrip("\n"))


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("error", as_json=False)
    logging.getLogger("sealmq.link").warning("not this")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_of_ours_brings_its_traceback(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    start_logging("info", as_json=as_json)
    try:
        raise ZeroDivisionError("ours")
    except ZeroDivisionError:
        logging.getLogger("sealmq.server").exception("a tick failed")
    said = capsys.readouterr().err
    assert "ZeroDivisionError: ours" in said
    if as_json:
        assert "Traceback" in json.loads(said)["traceback"]


@pytest.mark.parametrize("as_json", [False, True])
def test_nor_by_an_exception_that_quotes_it(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    start_logging("info", as_json=as_json)
    try:
        raise ValueError("topic 'x\n12:00:00 info     operator connected\x1b[2J\r12:00:00 info     too\u2028'")
    except ValueError:
        logging.getLogger("sealmq.server").exception("a tick failed")
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert len([line for line in said.splitlines() if not line.startswith("  | ")]) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_a_name_of_65_535_characters_is_cut(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    start_logging("info", as_json=as_json)
    logging.getLogger("sealmq.link").info("there is no account %r", "\u202e" * 65_535)
    said = capsys.readouterr().err
    assert "more characters)" in said
    assert len(said) < 6 * LONGEST + 200


def test_starting_twice_says_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info", as_json=False)
    start_logging("info", as_json=False)
    logging.getLogger("sealmq").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_what_asyncio_complains_of_is_a_line_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("error", as_json=True)
    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    logging.getLogger("asyncio").debug("Using selector: EpollSelector")
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["level"], line["message"]) == ("warning", "socket.send() raised exception.")
