"""Connections that are made and left: counted, resumed from the newest session, bounded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sealmq.errors import HomeError
from sealmq.kit.bench.arrivals import Arrivals, Guest, arrive
from sealmq.kit.bench.callers import DISCONNECT, Caller, _expect_able
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.wire import Wire
from sealmq.kit.bench.workloads import Calls
from sealmq.tls.middleware import TLS12, Abilities
from sealmq.tls.openssl import client_connection
from tls_pairs import Trust, exchange
from wires import CONNACK, FakeDialer, heard, wire

TARGET = Target("localhost", 1)


def test_each_is_let_in_counted_and_leaves_in_good_manners() -> None:
    caller = Caller(Calls("calls", ""), TARGET, "bench", 5)
    dialer = FakeDialer([CONNACK] * 5)
    arrive(dialer, caller.guests(), 10.0, at_once=2, arrived=caller.arrived)  # type: ignore[arg-type]
    assert (caller.connections, caller.resumed) == (5, 0)
    said = [heard(broker) for broker in dialer.brokers]
    assert all(words.endswith(DISCONNECT) for words in said)
    assert len(set(said)) == 5  # a client identifier each
    dialer.close()


def test_no_new_ones_come_when_the_time_is_over() -> None:
    caller = Caller(Calls("calls", ""), TARGET, "bench", 1_000)
    caller.stopping_at = 0.0
    assert list(caller.guests()) == []


def test_the_newest_session_is_kept_and_a_resumed_one_is_counted(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    context, listener = trust.client(trust.device), trust.server()
    caller = Caller(Calls("calls", "", resumed=True), TARGET, "bench", 2)
    for _ in range(2):
        ours, broker = wire()
        tls = client_connection(context, "localhost", session=caller.session())
        server = listener.connection()
        exchange(tls, server)
        server.keep_session()
        guest = Guest(b"")
        guest.wire = Wire(ours._socket, tls)
        caller.arrived(guest, Arrivals())
        broker.close()
    assert (caller.connections, caller.resumed) == (2, 1)


def test_what_the_library_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full, resumed = Calls("calls", ""), Calls("calls", "", resumed=True)
    full_12, resumed_12 = Calls("calls", "", version_12=True), Calls("calls", "", version_12=True, resumed=True)
    _expect_able(TARGET, full)
    with pytest.raises(HomeError, match="without TLS"):
        _expect_able(TARGET, resumed)
    target = Target("127.0.0.1", 9, tmp_path / "root.pem")
    for each in (full, resumed, full_12, resumed_12):
        _expect_able(target, each)
    abilities = Abilities("Half 1.0", "MIT", versions=frozenset((TLS12,)))
    monkeypatch.setattr("sealmq.kit.bench.callers.find", lambda name: SimpleNamespace(abilities=abilities))
    _expect_able(target, full_12)
    with pytest.raises(HomeError, match=r"openssl has no TLSv1\.3"):
        _expect_able(target, full)
    with pytest.raises(HomeError, match=r"openssl resumes no session of TLSv1\.2"):
        _expect_able(target, resumed_12)
