"""Whatever clients do, in whatever order: nothing is raised, and what was acknowledged at QoS 1 and 2 arrives.

The devices here are careful ones (careful_devices.py): they can say what came at least once (QoS 1) and exactly once
(QoS 2).
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from careful_devices import Publisher, Subscriber
from sealmq.link import Link
from stacks import Stage


class Promises(RuleBasedStateMachine):
    """Two subscribers, a publisher, and a stranger who says anything."""

    @initialize(levels=st.tuples(*[st.sampled_from((4, 5))] * 3))
    def open(self, levels: tuple[int, int, int]) -> None:
        self.stage = Stage(in_flight=4, buffered_bytes=400)
        self.subscribers = [Subscriber(self.stage, name, level) for name, level in zip(("other", "third"), levels)]  # noqa: B905
        self.publisher = Publisher(self.stage, levels[2])
        self.sent: dict[bytes, int] = {}

    @rule(qos=st.integers(1, 2), size=st.sampled_from((0, 0, 200)))
    def publish(self, qos: int, size: int) -> None:
        payload = b"%04d" % len(self.sent) + b"x" * size
        self.sent[payload] = qos
        self.publisher.publish(payload, qos=qos)

    @rule(which=st.integers(0, 1), count=st.integers(1, 6))
    def acknowledge(self, which: int, count: int) -> None:
        self.subscribers[which].answer(count)

    @rule(which=st.integers(0, 1))
    def lose_subscriber(self, which: int) -> None:
        self.lose(self.subscribers[which])

    @rule(which=st.integers(0, 1))
    def connect_subscriber(self, which: int) -> None:
        self.subscribers[which].connect()  # a takeover, where it is connected

    @rule()
    def lose_publisher(self) -> None:
        self.lose(self.publisher)

    @rule()
    def connect_publisher(self) -> None:
        self.publisher.connect()

    def lose(self, device: Any) -> None:
        device.read()
        if device.client is not None:
            device.client.lose()
            device.client = None

    @rule(device=st.integers(0, 2))
    def stop_reading(self, device: int) -> None:
        client = [*self.subscribers, self.publisher][device].client
        if client is not None:
            client.stop_reading()

    @rule(device=st.integers(0, 2))
    def read_on(self, device: int) -> None:
        one = [*self.subscribers, self.publisher][device]
        if one.client is not None:
            one.client.read_on()
            one.read()

    @rule(seconds=st.sampled_from((0.25, 1.5, 60)))
    def wait(self, seconds: float) -> None:
        self.stage.wait(seconds)

    @rule(noise=st.binary(max_size=40), level=st.sampled_from((4, 5)))
    def stranger(self, noise: bytes, level: int) -> None:
        stranger = self.stage.client("sensor-1", level)
        stranger.connect("stranger")
        stranger.raw(noise)
        stranger.lose()

    @invariant()
    def the_house_is_in_order(self) -> None:
        if not hasattr(self, "stage"):
            return
        house, broker = self.stage.house, self.stage.broker
        assert house.unflushed == set()
        for session in broker.sessions.values():
            assert len(session.outgoing) <= session.in_flight_limit + len(session.outgoing.released)
            assert session.queued_bytes == sum(delivery.size for delivery in session.queue)
            parts = (session.outgoing.sent, session.outgoing.unsent, session.outgoing.released)
            assert session.in_flight_bytes == sum(delivery.size for part in parts for delivery in part.values())
            if session.outbox is not None:
                assert isinstance(session.outbox, Link)
                assert session.outbox in house.links
                assert session.outbox.session is session
        assert broker.dispatch.patience.backlog == sum(session.backlog for session in broker.sessions.values())
        assert len(broker._agenda) < 200

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        for device in (*self.subscribers, self.publisher):
            self.lose(device)
        self.stage.wait(10)
        for subscriber in self.subscribers:
            subscriber.connect()
        self.publisher.connect()
        for _ in range(4 * len(self.sent) + 4):
            for subscriber in self.subscribers:
                subscriber.answer(1_000)
            self.publisher.read()
            if not self.publisher.unfinished and all(subscriber.is_done for subscriber in self.subscribers):
                break
        assert self.publisher.unfinished == {}
        for subscriber in self.subscribers:
            heard = [payload for _, payload in subscriber.heard]
            assert sorted(set(heard)) == sorted(self.sent)  # every one [MQTT-4.3.2-1], ...
            for payload, qos in self.sent.items():
                if qos == 2:
                    assert heard.count(payload) == 1  # ... and at QoS 2 once [MQTT 4.3.3]
        for session in self.stage.broker.sessions.values():
            assert len(session.outgoing) == len(session.queue) == 0


Promises.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_promises_are_kept = Promises.TestCase
