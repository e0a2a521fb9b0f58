"""Shares that run out anywhere, holds, slow readers, broken links and takeovers, all at once: what was acknowledged
arrives in its order, and nobody stays held when nobody holds it any more."""

from __future__ import annotations

import random

import pytest

from careful_devices import Publisher, Subscriber
from sealmq.house import SHARE
from sealmq.link import Link
from sealmq.mqtt.packets import Disconnect, PingReq, Publish
from stacks import Stage

ROUNDS = 60
STEPS = (0.0, SHARE / 9, SHARE / 3, SHARE, 4 * SHARE)


class Play:
    """Three writers, each at one QoS to a topic of its own, and two readers of all of it."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dice = random.Random(seed)
        monkeypatch.setattr("sealmq.link.PACKETS_AT_ONCE", self.dice.choice((1, 2, 8)))
        for module in ("deliveries", "expiry", "patience"):
            monkeypatch.setattr(f"sealmq.broker.{module}.LONG_QUEUE", 20)
        monkeypatch.setattr("sealmq.broker.promises.MOST_WAITING", 6)
        self.stage = Stage(in_flight=self.dice.choice((2, 5, 100)), buffered_bytes=self.dice.choice((300, 2_000)))
        self.readers = [Subscriber(self.stage, name, 4 + number) for number, name in enumerate(("other", "third"))]
        self.writers = [Publisher(self.stage, 4 + number % 2, f"writer {number}") for number in range(3)]
        self.qos = (1, 2, 2)
        self.sent: list[list[bytes]] = [[], [], []]

    def round(self) -> None:
        """Some of them do something, some of it in one turn of the loop."""
        stage, dice = self.stage, self.dice
        stage.clock.step = dice.choice(STEPS)
        if dice.random() < 0.5:
            with stage.one_turn():
                for _ in range(dice.randrange(1, 4)):
                    self.write()
                stage.flush()
                self.check()
        else:
            self.write()
        for reader in self.readers:
            if dice.random() < 0.7:
                reader.answer(dice.randrange(1, 30))
        device = dice.choice([*self.readers, *self.writers])
        what = dice.randrange(8)
        if what == 0:
            device.connect()  # a takeover, where it is connected
        elif device.client is None or device.client.lost:
            device.connect()
        elif what == 1:
            device.client.lose()
        elif what == 2:
            device.client.stop_reading()
        elif what in (3, 4):
            device.client.read_on()
        elif what == 5:
            device.client.send(*[PingReq()] * dice.randrange(1, 40))
        elif what == 6:
            stage.wait(dice.choice((0.25, 1.5, 3)))
        device.read()

    def write(self) -> None:
        which = self.dice.randrange(3)
        writer = self.writers[which]
        if writer.client is None or writer.client.closed or writer.client.lost:
            return
        payloads = [b"%d" % (len(self.sent[which]) + number) for number in range(self.dice.choice((1, 3, 40)))]
        self.sent[which] += payloads
        writer.publish(*payloads, qos=self.qos[which], topic=f"m/{which}")

    def check(self) -> None:
        """Every link is held as often as somebody holds it, and read when nobody does."""
        house, broker = self.stage.house, self.stage.broker
        waiting = {*house.unfinished, *house.resting}
        assert not waiting - house.links
        assert all(each in broker.dispatch.patience.behind for each in broker.sessions.values() if each.holding)
        for link in house.links:
            assert isinstance(link, Link)
            holders = sum(link in session.holding for session in broker.sessions.values())
            holders += sum(held is link for held in broker.dispatch.promises._held.values())
            holders += (link._rest is not None) + link._is_clogged + bool(link._parked)
            if not link._ended:
                assert link._holds == holders
                assert link._wire.reading == (holders == 0)  # type: ignore[attr-defined]
                assert (link in waiting) == (link._rest is not None)

    def end(self) -> None:
        """Everybody comes back, reads and answers to the end."""
        self.stage.clock.step = 0.0
        for device in (*self.readers, *self.writers):
            if device.client is not None and not device.client.lost:
                device.client.lose()
            device.connect()
        for _ in range(sum(map(len, self.sent)) + 100):
            for reader in self.readers:
                reader.answer(1_000)
            for writer in self.writers:
                writer.read()
            self.stage.wait(0.25)
            if all(reader.is_done for reader in self.readers) and not any(each.unfinished for each in self.writers):
                break


@pytest.mark.parametrize("seed", range(24))
def test_what_was_acknowledged_arrives_in_order_and_nobody_stays_held(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(seed, monkeypatch)
    for _ in range(ROUNDS):
        play.round()
        play.check()
    play.end()
    play.check()
    assert not any(writer.unfinished for writer in play.writers)
    for reader in play.readers:
        for which, sent in enumerate(play.sent):
            known = set(sent)
            heard = [payload for topic, payload in reader.heard if topic == f"m/{which}"]
            assert set(heard) == known
            if play.qos[which] == 2:
                assert heard == sent, "once each, in order [MQTT-4.6.0-1]"
            else:
                assert list(dict.fromkeys(heard)) == sent
    house, broker = play.stage.house, play.stage.broker
    for link in house.links:
        assert isinstance(link, Link)
        assert link._holds == 0 or link._ended  # who reads nothing after its end is reset by tcp/, which is not here
    assert not house.unfinished
    assert not house.resting
    assert not broker.dispatch.patience.behind
    for session in broker.sessions.values():
        assert not session.holding
        assert session.in_flight_bytes == session.queued_bytes == session.promised == 0


@pytest.mark.parametrize("step", STEPS)
def test_whoever_sends_much_and_closes_at_once_is_heard_to_the_end(step: float, level: int) -> None:
    stage = Stage()
    publisher, reader = stage.pair(level)
    reader.subscribe("#")
    publisher.publish("a", b"before")
    stage.clock.step = step
    publisher.send(*(Publish("a", b"%d" % number) for number in range(200)), Disconnect())
    assert reader.payloads() == [b"before"] + [b"%d" % number for number in range(200)]
    assert publisher.closed
    assert stage.session("publisher") is None
    assert not stage.house.unfinished
