"""`sealmq backup` and `sealmq restore` under a broker that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop_homes import add_device, make_home
from ports import free_port
from remembering_clients import Publisher, Subscriber
from running import Broker, sealmq, wait_until
from sealmq.store.sqlite import open_messages


class Messages:
    def __init__(self) -> None:
        self.number, self.most = 0, 1_000_000

    def __call__(self) -> tuple[str, bytes, int, bool] | None:
        if self.number >= self.most:
            return None
        self.number += 1
        return "t", b"%d" % self.number, 1, True


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_there_and_back_under_load(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "", ("sensor-1",))
    broker = Broker(home, "--listen", f"127.0.0.1:{free_port()}")
    context = broker.context("operator")
    source = Messages()
    publisher = Publisher("publisher", 5, broker.port, context, source)
    absent = Subscriber("absent", 5, broker.port, context, "t")
    try:
        absent.start()
        assert absent.subscribed.wait(20)
        absent.present.clear()
        publisher.start()
        wait_until(lambda: len(publisher.acknowledged) >= 50)
        promised = set(publisher.acknowledged)
        done = sealmq("backup", tmp_path / "b", "--home", home)
        assert done.returncode == 0, done.stderr
        add_device(home, "later")
        assert sealmq("device", "revoke", "sensor-1", "--home", home).returncode == 0
        mark, connects = broker.mark, publisher.connects
        done = sealmq("restore", tmp_path / "b", "--home", home)
        assert done.returncode == 1
        done = sealmq("restore", tmp_path / "b", "--home", home, "--force")
        assert done.returncode == 0, done.stderr
        assert "the broker in it goes on" in done.stdout
        assert "sensor-1 was revoked after that" in done.stdout
        broker.log.wait("being restored", after=mark)
        wait_until(lambda: publisher.connects > connects)  # in the same place, with the same certificates
        source.most = 0
        wait_until(lambda: publisher.idle)
        absent.present.set()
        wait_until(lambda: promised <= absent.taken.keys())  # what was acknowledged before the backup was in it
        assert (home / "devices" / "sensor-1").is_dir()
        assert not (home / "devices" / "later").exists()
        assert (home / ".replaced" / "devices" / "later").is_dir()
        broker.tls("sensor-1").close()
        assert publisher.wrong == absent.wrong == []
    finally:
        publisher.stop()
        absent.stop()
        assert broker.end() == 0, "\n".join(broker.log.lines[-30:])


def test_two_brokers_do_not_share_a_home(tmp_path: Path) -> None:
    broker = Broker(make_home(tmp_path / "home", "", ()))
    try:
        done = sealmq("up", "--home", broker.home, "--listen", "127.0.0.1:0")
        assert done.returncode == 1
        assert "a broker runs on the home" in done.stderr
    finally:
        assert broker.end() == 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data[:4096] + b"\xff" * 4096 + data[8192:], "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: b"not a database" * 1000, "damaged"),
        (lambda data: data[:68] + b"\0\0\0\1" + data[72:], "not SealMQ's"),
        (lambda data: data[:60] + b"\0\0\0\x63" + data[64:], "newer"),
    ],
)
def test_messages_that_cannot_be_read_are_refused_at_the_start_and_left_alone(tmp_path: Path, spoil, words) -> None:
    home = make_home(tmp_path / "home", "", ())
    messages = home / "messages.db"
    open_messages(messages).close()
    messages.write_bytes(spoil(messages.read_bytes()))
    before = messages.read_bytes()
    done = sealmq("up", "--home", home, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert words in done.stderr
    assert "messages.db" in done.stderr
    assert "next:" in done.stderr
    assert messages.read_bytes() == before
