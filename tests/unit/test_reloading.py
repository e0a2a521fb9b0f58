"""Whom a reload cuts, and what it says when nothing has changed. With a real broker in tests/interop/test_reload.py."""

from __future__ import annotations

import logging

import pytest

from sealmq.devices.directory import Directory
from sealmq.errors import ConfigError
from sealmq.identity import BY_CERTIFICATE, Terms
from sealmq.mqtt.packets import Will
from sealmq.reloading import cut_who_may_not_stay, tell_unchanged
from stacks import Stage


class Trust(Directory):
    """Trusts all but some serials."""

    def __init__(self, *distrusted: str) -> None:
        self.distrusted = distrusted

    def trusts(self, serial: str) -> bool:
        return serial not in self.distrusted


def test_who_may_stay_notices_nothing() -> None:
    stage = Stage()
    one, other = stage.pair()
    cut_who_may_not_stay(stage.house, {BY_CERTIFICATE}, Trust())
    assert not one.closed
    assert not other.closed


def test_whose_authority_is_gone_is_cut_with_and_without_a_session_and_speaks_no_will() -> None:
    stage = Stage()
    watcher, doomed, quiet = stage.client("other"), stage.client(), stage.client()
    watcher.connect("watcher")
    watcher.subscribe("#")
    doomed.connect("doomed", will=Will("a", b"alas"))
    quiet.raw(b"\x10")  # its certificate was seen, its CONNECT not yet
    cut_who_may_not_stay(stage.house, {BY_CERTIFICATE}, Trust("serial of operator"))
    stage.settle()
    assert doomed.goodbye() == 0x98
    assert quiet.closed
    assert not watcher.closed
    assert watcher.payloads() == []
    assert stage.counters.unspoken_wills == 1
    assert not stage.house.by_serial.get("serial of operator")


def test_a_will_is_spoken_when_only_the_listener_is_gone() -> None:
    stage = Stage()
    watcher, doomed = stage.client("other"), stage.client()
    watcher.connect("watcher")
    watcher.subscribe("#")
    doomed.connect("doomed", will=Will("a", b"alas"))
    doomed.link.terms = Terms("password", plaintext=True)
    cut_who_may_not_stay(stage.house, {BY_CERTIFICATE}, Trust())
    stage.settle()
    assert doomed.goodbye() == 0x98
    assert watcher.payloads() == [b"alas"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConfigError("it is wrong", why="because"), "it is wrong (because)"),
        (ConfigError("it is wrong", remedy="write it right"), "it is wrong; next: write it right"),
        (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        (ValueError("odd"), "an error of the broker's own: ValueError: odd"),
    ],
)
def test_why_nothing_has_changed_is_told(error: Exception, why: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "sealmq")
    assert tell_unchanged(error) == why
    assert f"nothing has changed: {why}" in caplog.text
