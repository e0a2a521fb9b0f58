"""What the registry says that happened, and who is cut for it. A real broker: tests/interop/test_revocation.py."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

from sealmq.broker.sessions import Session
from sealmq.devices.records import Change
from sealmq.errors import HomeError
from sealmq.following import TOLD, Follower
from sealmq.identity import Identity, Terms
from sealmq.mqtt.packets import Will
from stacks import Client, Stage


class Changes:
    """A registry's changes, as the follower asks for them."""

    def __init__(self) -> None:
        self.all: list[Change] = []
        self.fails = False
        self._told = 0

    def add(self, kind: str, device: str, serial: str = "") -> None:
        self.all.append(Change(len(self.all) + 1, kind, serial, device))

    def changed(self) -> bool:
        told, self._told = self._told, len(self.all)
        return told != self._told

    def changes_since(self, number: int) -> list[Change]:
        if self.fails:
            raise HomeError("the disk does not answer")
        return self.all[number:]


class Nobody:
    """A gatekeeper that remembers whom it was to forget."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def account_changed(self, name: str) -> None:
        self.forgotten.append(name)


class Scene:
    """A stage with a follower. `names`: who has a name today."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.registry = Changes()
        self.gatekeeper = Nobody()
        self.names: dict[str, Identity | None] = {}
        self.done: list[int] = []
        self.follower = Follower(
            self.registry,  # type: ignore[arg-type]
            self.stage.house,
            self.gatekeeper,  # type: ignore[arg-type]
            maybe_identity=self.names.get,
            maybe_account=lambda name: None,
            last=0,
            done=self.done.append,
        )

    def client(self, name: str, client_id: str, **how: object) -> Client:
        client = self.stage.client(name)
        client.connect(client_id, session_expiry_interval=1000, **how)
        return client

    def session(self, client_id: str, name: str) -> Session | None:
        return self.stage.session(client_id, name)

    def look(self) -> frozenset[str]:
        kinds = self.follower.look(self.stage.clock.now)
        self.stage.settle()
        return kinds

    def revoke(self, names: Iterable[str]) -> None:
        for name in names:
            self.registry.add("revoked", name, f"serial of {name}")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_who_is_revoked_for_good_is_cut_with_its_session_and_speaks_no_will(scene: Scene) -> None:
    watcher = scene.client("operator", "watcher")
    watcher.subscribe("#")
    doomed = scene.client("other", "doomed", will=Will("a", b"alas"))
    scene.revoke(["other"])
    assert scene.look() == {"revoked"}
    assert doomed.goodbye() == 0x98
    assert scene.session("doomed", "other") is None
    assert watcher.payloads() == []
    assert not watcher.closed
    assert scene.done == [1]
    assert scene.look() == frozenset()


def test_on_hold_the_session_waits_and_nothing_is_said_in_its_name(scene: Scene) -> None:
    watcher = scene.client("operator", "watcher")
    watcher.subscribe("w")
    held = scene.client("other", "held", will=Will("w", b"alas"))
    held.subscribe("a", qos=1)
    session = scene.session("held", "other")
    assert session is not None
    scene.names["other"] = session.identity
    scene.revoke(["other"])
    scene.look()
    assert held.goodbye() == 0x98
    watcher.publish("a", b"later", qos=1)
    assert watcher.payloads() == []
    assert scene.session("held", "other") is session
    scene.registry.add("released", "other", "serial of other")
    assert scene.look() == {"released"}
    again = scene.stage.client("other")
    assert again.connect("held", clean_start=False, session_expiry_interval=1000).session_present
    assert again.payloads() == [b"later"]


def test_one_certificate_of_two_is_cut_alone(scene: Scene) -> None:
    """The device has another one: its session stays, as do links that stand on that."""
    client = scene.client("other", "both")
    session = scene.session("both", "other")
    assert session is not None
    scene.names["other"] = session.identity
    scene.registry.add("revoked", "other", "serial of another")
    scene.look()
    assert not client.closed
    scene.registry.add("revoked", "other", "serial of other")
    scene.look()
    assert client.closed
    assert scene.session("both", "other") is session


def test_a_link_without_connect_is_cut_too(scene: Scene) -> None:
    quiet = scene.stage.client("other")
    quiet.raw(b"\x10")  # its certificate was seen, its CONNECT not yet
    scene.revoke(["other"])
    scene.look()
    assert quiet.closed
    assert not scene.stage.house.by_serial.get("serial of other")


def test_a_batch_is_told_in_short(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sealmq")
    scene.revoke(f"line-{number}" for number in range(TOLD + 5))
    scene.look()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == TOLD + 1
    assert lines[-1].startswith(f"{TOLD + 5} certificates were revoked in all, 0 links cut")


def test_what_a_retired_device_retained_is_forgotten(scene: Scene) -> None:
    other = scene.client("other", "o")
    operator = scene.client("operator", "p")
    for publisher, topic in ((other, "devices/other/1"), (operator, "devices/other/2"), (operator, "devices/others")):
        publisher.publish(topic, b"x", qos=1, retain=True)
    retained = scene.stage.broker.retained
    assert retained.count == 3
    scene.revoke(["other"])
    scene.registry.add("retired", "other")
    assert scene.look() == {"revoked", "retired"}
    assert [message.publish.topic for message in retained] == ["devices/others"]


def test_an_account_that_changed_is_forgotten_by_the_gatekeeper(scene: Scene) -> None:
    scene.registry.add("password", "alice")
    scene.registry.add("removed", "bob")
    assert scene.look() == {"password", "removed"}
    assert scene.gatekeeper.forgotten == ["alice", "bob"]


def test_what_could_not_be_read_is_read_at_the_next_look(scene: Scene) -> None:
    client = scene.client("other", "doomed")
    scene.revoke(["other"])
    scene.registry.fails = True
    with pytest.raises(HomeError):
        scene.look()
    assert not client.closed
    scene.registry.fails = False
    assert scene.look() == {"revoked"}
    assert client.closed
    assert scene.done == [1]


def test_a_psk_is_cut_like_a_certificate_and_by_its_name(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    small = scene.stage.client("small-1", terms=Terms("psk"))
    small.connect("small", session_expiry_interval=1000, will=Will("devices/small-1/gone", b"alas"))
    other = scene.client("other", "doomed")
    stays = scene.client("third", "stays")
    with caplog.at_level(logging.INFO):
        scene.revoke(["small-1", "other"])
        scene.look()
    assert (small.goodbye(), other.goodbye()) == (0x98, 0x98)
    assert not stays.closed
    assert scene.session("small", "small-1") is None
    assert (
        "small-1 was revoked (serial serial of small-1): it is refused from now on, 1 of its links cut" in caplog.text
    )
    assert "its will to 'devices/small-1/gone' is not published: its PSK was revoked" in caplog.text
    ends = [line for line in caplog.messages if " ends: " in line]
    assert sum("its PSK was revoked" in line for line in ends) == 1
    assert sum("its certificate was revoked" in line for line in ends) == 1
