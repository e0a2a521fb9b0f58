"""Connections that stand: each pings in its turn, and what is cut is counted."""

from __future__ import annotations

import multiprocessing

from sealmq.kit.bench.arrivals import Guest
from sealmq.kit.bench.crew import Progress, Stop
from sealmq.kit.bench.crowd import PINGREQ, Crowd
from wires import heard, wire


def test_they_ping_in_turn_until_it_is_enough() -> None:
    pairs = [wire() for _ in range(3)]
    guests = []
    for ours, _ in pairs:
        guest = Guest(b"")
        guest.wire = ours
        guests.append(guest)
    pairs[2][1].close()
    for _, broker in pairs[:2]:
        broker.send(b"\xd0\x00")  # answered before it was asked: it lies there
    crowd = Crowd(guests, keep_alive=0)
    crowd._pause = 1e9  # one ping, and the next in thirty years
    ours, theirs = multiprocessing.Pipe()
    theirs.send("what is no Stop changes nothing")
    theirs.send(Stop())
    crowd.hold(ours)
    assert heard(pairs[0][1]) == PINGREQ
    assert heard(pairs[1][1]) == b""
    assert crowd.pings == 1
    assert isinstance(theirs.recv(), Progress)
    for guest in guests:
        guest.leave()
    for _, broker in pairs:
        broker.close()
    ours.close()
    theirs.close()


def test_each_pings_once_in_three_quarters_of_its_keep_alive() -> None:
    ours, broker = wire()
    guest = Guest(b"")
    guest.wire = ours
    assert Crowd([guest] * 90, keep_alive=60)._pause * 90 == 45.0
    ours.close()
    broker.close()
