"""Random lives of a broker that crashes: no acknowledged message is lost, and none at QoS 2 is delivered twice.

The clients are the standard's: a publisher sends again what was not acknowledged, under its packet identifier; a
subscriber takes a QoS 2 message once for each packet identifier until PUBREL [MQTT 4.3.3]. They remember across the
broker's crashes, as devices do.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from durable_stage import DurableStage
from sealmq.mqtt.packets import (
    ConnAck,
    Connect,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
)
from sealmq.mqtt.properties import Properties
from stacks import Client

NAMES = ("one", "two")


class Device:
    """A client with its own memory: one session, which publishes to 'a/ITS NAME' and subscribes to 'a/#'."""

    def __init__(self, name: str, level: int) -> None:
        self.name = name
        self.level = level
        self.client: Client | None = None
        self.is_new = True
        self.welcome = False
        self.subscribed = False
        # As a publisher: packet id -> (qos, payload) not acknowledged; released: PUBREL is out.
        self.unacknowledged: dict[int, tuple[int, bytes]] = {}
        self.released: set[int] = set()
        self.next_id = 0
        # As a subscriber.
        self.half_taken: set[int] = set()
        self.taken: list[bytes] = []
        self.owed: list[object] = []

    def connect(self, stage: DurableStage) -> None:
        self.client = stage.client("operator", self.level, answering=False)
        properties = Properties(session_expiry_interval=100_000) if self.level == 5 else Properties()
        self.welcome = False
        self.client.send(Connect(self.name, False, level=self.level, properties=properties))

    def lose(self) -> None:
        if self.client is not None:
            self.client.lose()
        self.client, self.owed = None, []


class Life(RuleBasedStateMachine):
    """acknowledged: payload -> qos, of what a publisher was told is safe, while a subscription stood for sure."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = DurableStage()
        self.devices: dict[str, Device] = {}
        self.number = 0
        self.acknowledged: dict[bytes, int] = {}
        self.wanted: dict[bytes, set[str]] = {}

    @initialize(levels=st.lists(st.sampled_from([4, 5]), min_size=2, max_size=2), qos=st.sampled_from([1, 2]))
    def begin(self, levels: list[int], qos: int) -> None:
        self.qos = qos
        self.devices = {name: Device(name, level) for name, level in zip(NAMES, levels, strict=True)}

    def here(self, name: str) -> Device | None:
        device = self.devices[name]
        return device if device.client is not None and device.welcome else None

    # -- what happens

    @rule(name=st.sampled_from(NAMES))
    def connect(self, name: str) -> None:
        device = self.devices[name]
        if device.client is None:
            device.connect(self.stage)
            self.hear()

    @rule(name=st.sampled_from(NAMES))
    def lose(self, name: str) -> None:
        self.devices[name].lose()

    @rule(name=st.sampled_from(NAMES))
    def subscribe(self, name: str) -> None:
        if (device := self.here(name)) and device.client is not None:
            device.client.send(Subscribe(60_000, [Subscription("a/#", 2)]))
            self.hear()

    @rule(name=st.sampled_from(NAMES), qos=st.sampled_from([1, 2]))
    def publish(self, name: str, qos: int) -> None:
        device = self.here(name)
        if device is None or device.client is None or len(device.unacknowledged) + len(device.released) > 4:
            return
        self.number += 1
        payload = b"%d" % self.number
        while True:
            device.next_id = device.next_id % 6 + 1  # so few that they come again soon
            if device.next_id not in device.unacknowledged and device.next_id not in device.released:
                break
        device.unacknowledged[device.next_id] = (qos, payload)
        # Who must get it: whose SUBACK had come before it was sent.
        self.wanted[payload] = {other.name for other in self.devices.values() if other.subscribed}
        device.client.send(Publish(f"a/{name}", payload, qos, packet_id=device.next_id))
        self.hear()

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 5))
    def answer(self, name: str, count: int) -> None:
        """It says some of what it owes, in order."""
        if (device := self.here(name)) and device.client is not None:
            said, device.owed = device.owed[:count], device.owed[count:]
            if said:
                device.client.send(*said)  # type: ignore[arg-type]
            self.hear()

    @rule()
    def hand_over(self) -> None:
        self.stage.hand_over()
        self.hear()

    @rule()
    def commit_group(self) -> None:
        self.stage.commit_group()
        self.hear()

    @rule()
    def fail_to_commit(self) -> None:
        self.stage.fail()
        self.stage.store.failing = ""  # the next try goes well
        self.hear()

    @rule(after_commit=st.booleans())
    def crash(self, after_commit: bool) -> None:
        if after_commit and self.stage.store._busy:
            self.stage.store.writer.step()  # committed, and killed before anybody was told
        for device in self.devices.values():
            device.client, device.owed = None, []
        self.stage = self.stage.crash(1)

    # -- what the clients make of what they hear

    def hear(self) -> None:
        for device in self.devices.values():
            while device.client is not None and (packets := device.client.packets()):
                for packet in packets:
                    self.heard(device, packet)
            if device.client is not None and device.client.closed:
                device.lose()

    def heard(self, device: Device, packet: object) -> None:
        match packet:
            case ConnAck():
                self.welcomed(device, packet)
            case SubAck():
                device.subscribed = True
            case Publish(qos=1):
                device.taken.append(packet.payload)
                device.owed.append(PubAck(packet.packet_id))
            case Publish(qos=2):
                if packet.packet_id not in device.half_taken:
                    device.half_taken.add(packet.packet_id)
                    device.taken.append(packet.payload)
                device.owed.append(PubRec(packet.packet_id))
            case PubRel():
                device.half_taken.discard(packet.packet_id)
                device.owed.append(PubComp(packet.packet_id))
            case PubAck() | PubRec() if packet.reason_code >= 0x80:
                _, payload = device.unacknowledged.pop(packet.packet_id)
                self.wanted[payload] = set()
            case PubAck():
                self.done(device, packet.packet_id)
            case PubRec():
                if packet.packet_id in device.unacknowledged:
                    self.done(device, packet.packet_id)
                device.released.add(packet.packet_id)
                device.owed.append(PubRel(packet.packet_id))
            case PubComp():
                device.released.discard(packet.packet_id)

    def welcomed(self, device: Device, packet: ConnAck) -> None:
        assert packet.reason_code == 0
        device.welcome = True
        assert device.client is not None
        if device.subscribed or device.half_taken:
            assert packet.session_present, "a session is gone of which something was acknowledged"
        for packet_id, (qos, payload) in device.unacknowledged.items():
            device.client.send(Publish(f"a/{device.name}", payload, qos, dup=True, packet_id=packet_id))
        for packet_id in device.released:
            device.client.send(PubRel(packet_id))

    def unfinished(self, name: str) -> bool:
        session = self.stage.session(name)
        return session is not None and bool(session.queue or len(session.outgoing) or session.outgoing.unsent)

    def done(self, device: Device, packet_id: int) -> None:
        qos, payload = device.unacknowledged.pop(packet_id)
        self.acknowledged[payload] = qos

    # -- what must hold

    @invariant()
    def nothing_twice_at_qos_2(self) -> None:
        for device in self.devices.values():
            for payload, qos in self.acknowledged.items():
                if qos == 2:
                    assert device.taken.count(payload) <= 1, f"{payload!r} came twice"

    @precondition(lambda self: self.devices)
    @rule()
    def in_the_end_everything_is_there(self) -> None:
        """Everybody comes back, and all is settled."""
        for device in self.devices.values():
            if device.client is None:
                device.connect(self.stage)
        for _ in range(200):
            self.hear()
            self.stage.commit()
            self.hear()
            for device in self.devices.values():
                if device.client is None:
                    device.connect(self.stage)
                elif device.owed:
                    said, device.owed = device.owed, []
                    device.client.send(*said)  # type: ignore[arg-type]
            if not any(
                device.owed or device.unacknowledged or device.released or self.unfinished(device.name)
                for device in self.devices.values()
            ):
                break
        self.stage.commit()
        for payload in self.acknowledged:
            for name in self.wanted[payload]:
                assert payload in self.devices[name].taken, f"{payload!r} is lost to {name}"
        for name, device in self.devices.items():
            session = self.stage.session(name)
            assert session is not None
            assert not session.queue
            assert not session.outgoing.sent
            assert session.in_flight_bytes == 0
            assert not device.unacknowledged
        count = "SELECT count(*) FROM"
        for table in ("messages", "deliveries", "incoming"):
            assert self.stage.connection.execute(f"{count} {table}").fetchone() == (0,), table


Life.TestCase.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLife = Life.TestCase


STEPS = (
    ("connect", 3),
    ("publish", 6),
    ("answer", 6),
    ("hand_over", 3),
    ("commit_group", 3),
    ("subscribe", 0.3),
    ("lose", 0.7),
    ("fail_to_commit", 0.2),
    ("crash", 0.5),
    ("in_the_end_everything_is_there", 0.1),
)


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEALMQ_LIVES", "60"))))
def test_a_long_life(seed: int) -> None:
    """What the rules above rarely come to: hundreds of messages, packet identifiers used again and again."""
    dice = random.Random(seed)
    life = Life()
    life.begin([dice.choice([4, 5]) for _ in NAMES], 2)  # type: ignore[call-arg]
    names, weights = zip(*STEPS, strict=True)
    for name in NAMES:
        life.connect(name)  # type: ignore[call-arg]
        life.subscribe(name)  # type: ignore[call-arg]
    for _ in range(400):
        step = dice.choices(names, weights)[0]
        options: dict[str, object] = {}
        if step in ("connect", "publish", "answer", "subscribe", "lose"):
            options["name"] = dice.choice(NAMES)
        if step == "publish":
            options["qos"] = dice.choice([1, 2, 2])
        elif step == "answer":
            options["count"] = dice.randint(1, 6)
        elif step == "crash":
            options["after_commit"] = dice.random() < 0.3
        getattr(life, step)(**options)
        life.nothing_twice_at_qos_2()
    life.in_the_end_everything_is_there()
    life.nothing_twice_at_qos_2()
    assert len(life.acknowledged) > 20
