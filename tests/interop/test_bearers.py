"""A name that was given up and given again: its new bearer is somebody else, and who was revoked speaks no more."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interop_homes import add_device, make_home
from mqtt_bytes import packet, read_packet, text
from running import Broker
from sealmq.home import Home

NAME = "condemned"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home", devices=(NAME,))


@contextmanager
def started(home: Path) -> Iterator[Broker]:
    broker = Broker(home)
    try:
        yield broker
        assert broker.end() == 0
    finally:
        broker.kill()


def connect(broker: Broker, name: str = NAME, will: str = "", delay: int = 0, lasting: int = 100) -> ssl.SSLSocket:
    """A client with a session that lasts; `session_present` is looked at by `is_present`."""
    connection = broker.tls(name)
    properties = b"\x11" + lasting.to_bytes(4, "big") if lasting else b""
    body = text("MQTT") + b"\x05" + (b"\x04" if will else b"\x00") + b"\x00\x3c"
    body += bytes((len(properties),)) + properties + text("the one")
    if will:
        body += b"\x05\x18" + delay.to_bytes(4, "big") + text(will) + text("alas")
    connection.sendall(packet(0x10, body))
    return connection


def is_present(connection: ssl.SSLSocket) -> bool:
    first, body = read_packet(connection)
    assert (first, body[1]) == (0x20, 0)
    return body[0] == 1


def revoke(home: Path, *, and_add: bool) -> None:
    """As fast as it goes: well within one look of the broker at its registry."""
    with Home.open(home) as opened:
        enrollment = opened.enrollment()
        enrollment.revoke_device(NAME, now=time.time())
        if and_add:
            enrollment.add_device(NAME, now=time.time())


def listen(broker: Broker) -> ssl.SSLSocket:
    """The operator, who hears everything."""
    watcher = broker.tls("operator")
    watcher.sendall(packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text("watcher")))
    assert not is_present(watcher)
    watcher.sendall(packet(0x82, b"\x00\x01\x00" + text("#") + b"\x00"))
    assert read_packet(watcher)[0] == 0x90
    return watcher


def heard(watcher: ssl.SSLSocket) -> list[bytes]:
    """What came before an answer that surely comes last."""
    watcher.sendall(b"\xc0\x00")
    packets = []
    while (one := read_packet(watcher))[0] != 0xD0:
        packets.append(one[1])
    return packets


def test_a_device_that_is_revoked_and_added_again_within_a_tick_has_no_old_session(home: Path) -> None:
    with started(home) as broker:
        with connect(broker) as connection:
            assert not is_present(connection)
        broker.log.wait(f"{NAME} .* is lost")
        with connect(broker) as connection:
            assert is_present(connection)
            revoke(home, and_add=True)
            with connect(broker) as again:
                assert not is_present(again)
        broker.log.wait("was revoked")
        with connect(broker) as third:  # and the tick that hears of it leaves the new one's session alone
            assert is_present(third)


def test_a_device_that_is_revoked_and_added_again_while_nobody_runs_has_no_old_session(home: Path) -> None:
    with started(home) as broker, connect(broker) as connection:
        assert not is_present(connection)
    revoke(home, and_add=True)
    with started(home) as broker, connect(broker) as connection:
        assert not is_present(connection)


@pytest.mark.parametrize("lasting", [0, 100])
@pytest.mark.parametrize("delay", [0, 1])
def test_a_revoked_device_speaks_no_will(home: Path, lasting: int, delay: int) -> None:
    with started(home) as broker, listen(broker) as watcher:
        with connect(broker, will=f"devices/{NAME}/gone", delay=delay, lasting=lasting) as connection:
            assert not is_present(connection)
            revoke(home, and_add=False)
            broker.log.wait(f"its will to 'devices/{NAME}/gone' is not published: its certificate was revoked")
            broker.log.wait(f"{NAME} .* ends: its certificate was revoked .*0x98")
        assert heard(watcher) == []


def test_a_will_that_waited_for_its_time_is_not_spoken_after_a_revocation_either(home: Path) -> None:
    with started(home) as broker, listen(broker) as watcher:
        with connect(broker, will=f"devices/{NAME}/gone", delay=60) as connection:
            assert not is_present(connection)
        broker.log.wait(f"{NAME} .* is lost")
        revoke(home, and_add=False)
        broker.log.wait("its will to .* is not published")
        assert heard(watcher) == []


def test_nor_is_one_that_was_kept_while_nobody_ran(home: Path) -> None:
    with started(home) as broker:
        with connect(broker, will=f"devices/{NAME}/gone", delay=60) as connection:
            assert not is_present(connection)
        broker.log.wait(f"{NAME} .* is lost")
    revoke(home, and_add=False)
    with started(home) as broker, listen(broker) as watcher:
        broker.log.wait("its will to .* is not published: it is no more")
        assert heard(watcher) == []


@pytest.mark.parametrize("lose", [ssl.SSLSocket.close, lambda connection: connection.sendall(b"\xe0\x01\x04")])
def test_a_will_is_spoken_when_a_link_ends_for_another_reason(
    home: Path, lose: Callable[[ssl.SSLSocket], object]
) -> None:
    with started(home) as broker, listen(broker) as watcher:
        connection = connect(broker, will=f"devices/{NAME}/gone", lasting=0)
        assert not is_present(connection)
        lose(connection)
        assert f"devices/{NAME}/gone".encode() in read_packet(watcher)[1]
        connection.close()


def test_a_device_of_an_added_name_is_not_the_one_before_in_the_registry(home: Path) -> None:
    with Home.open(home) as opened:
        before = opened.registry.device(NAME)
    revoke(home, and_add=True)
    with Home.open(home) as opened:
        after = opened.registry.device(NAME)
    assert before is not None
    assert after is not None
    assert before.uuid != after.uuid
    assert add_device(home, "another").name == "another"
