"""Databases of an older SealMQ go on; newer, damaged and other people's ones are refused in words and left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from durable_stage import DurableStage
from interop_homes import make_home
from running import SEALMQ, WAIT, Broker
from sealmq.devices.accounts import Accounts
from sealmq.devices.registry import Registry
from sealmq.identity import Identity
from sealmq.mqtt.packets import ConnAck, Connect, PubComp, Publish, PubRec, PubRel
from sealmq.store.schema import MIGRATIONS
from sealmq.store.sqlite import open_messages
from stacks import Client

VECTORS = Path(__file__).parent.parent / "vectors"


def build(path: Path, name: str) -> Path:
    """The database that a SQL text in vectors/ is the dump of."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((VECTORS / name).read_text())
    path.chmod(0o600)
    return path


def build_for_broker(home: Path) -> None:
    """Messages of format 1 for a broker that asks the clock: the absent ones of then would be over some day."""
    with closing(sqlite3.connect(build(home / "messages.db", "messages-format-1.sql"))) as connection, connection:
        connection.execute("UPDATE sessions SET expires_at = ? WHERE expires_at < 9e999", (time.time() + 2_592_000,))


# --- older


def come(stage: DurableStage, client_id: str, level: int = 5) -> Client:
    client = stage.client("operator", level, answering=False)
    client.send(Connect(client_id, False, level=level))
    stage.commit()
    assert client.expect(ConnAck).session_present
    return client


def test_messages_of_format_1(tmp_path: Path) -> None:
    stage = DurableStage(open_messages(build(tmp_path / "messages.db", "messages-format-1.sql")))
    assert stage.connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    absent = come(stage, "absent").messages()
    assert [(m.topic, m.qos, m.payload, m.properties.subscription_identifiers) for m in absent] == [
        ("plant/1", 2, b"message 1", (7,)),
        ("plant/2", 1, b"message 2", (7,)),
        ("plant/3", 2, b"message 3", (7,)),
        ("plant/4", 1, b"message 4", (7,)),
        ("plant/last", 1, b"retained", (7,)),
    ]
    assert absent[0].properties.user_properties == (("k", "v"),)
    half = come(stage, "half")
    assert half.expect(PubRel).packet_id == 1
    assert next((m.topic, m.packet_id, m.dup) for m in half.messages()) == ("plant/2", 2, True)
    third = [(m.topic, m.qos) for m in come(stage, "old 3.1.1", 4).messages()]
    assert third == [("plant/1", 1), ("plant/2", 1), ("plant/3", 1), ("plant/4", 1), ("plant/last", 1)]
    publisher = come(stage, "publisher")
    publisher.send(Publish("plant/1", b"message 1", 2, dup=True, packet_id=1), PubRel(3))
    stage.commit()
    assert {type(packet) for packet in publisher.packets()} == {PubRec, PubComp}
    assert half.messages() == []  # it was passed on once
    retained = {one.publish.topic: one.publish.payload for one in stage.broker.retained}
    assert retained == {"plant/last": b"retained", "über/'quote": b"\x00\xff"}
    stage.wait(31)
    stage.commit()
    half.send(PubComp(1))
    stage.commit()
    assert stage.connection.execute("SELECT will FROM sessions WHERE client_id = 'willing'").fetchone() == (None,)
    stage.connection.close()


def test_a_registry_of_format_1(tmp_path: Path) -> None:
    registry = Registry.open(build(tmp_path / "sealmq.db", "registry-format-1.sql"))
    try:
        assert {device.name: device.state for device in registry.devices()} == {
            "operator": "active",
            "sensor-1": "active",
            "sensor-2": "revoked",
        }
        assert registry.last_change() == 5
        accounts = Accounts(registry)
        accounts.add("somebody", b"a secret that is long enough", now=1.8e9)
        found = accounts.maybe_find("somebody")
        assert found is not None
        assert isinstance(found.identity, Identity)
    finally:
        registry.close()


def test_a_broker_starts_on_messages_of_format_1(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "", ())
    build_for_broker(home)
    broker = Broker(home)
    assert broker.end() == 0
    with closing(sqlite3.connect(home / "messages.db")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (12,)


# --- damaged, foreign, newer


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with both databases, in which something is."""
    home = make_home(tmp_path_factory.mktemp("template") / "home", "", ())
    build_for_broker(home)
    with closing(open_messages(home / "messages.db")):
        pass
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "home"))


def state(home: Path) -> dict[str, object]:
    """All that is in the home."""
    return {
        str(path.relative_to(home)): path.read_bytes() if path.is_file() else None
        for path in sorted(home.rglob("*"))
        if path.name != "sealmq.pid"
    }


SPOILS = {
    "cut in its header": (lambda data: data[:50], "damaged"),
    "cut behind its header": (lambda data: data[:100], "damaged"),
    "cut behind a page": (lambda data: data[:4096], "damaged"),
    "cut by a page": (lambda data: data[:-4096], "damaged"),
    "cut by some bytes": (lambda data: data[:-7], "damaged"),
    "a page overwritten": (lambda data: data[:4096] + b"\xff" * 4096 + data[8192:], "damaged"),
    "its first page overwritten": (lambda data: data[:100] + b"\x55" * 100 + data[200:], "damaged"),
    "empty": (lambda data: b"", "damaged"),
    "zeros": (lambda data: bytes(len(data)), "damaged"),
    "a text": (lambda data: b"[limits]\n" * 1000, "damaged"),
    "somebody else's": (lambda data: data[:68] + b"\0\0\0\1" + data[72:], "not SealMQ's"),
    "of a newer SealMQ": (lambda data: data[:60] + b"\0\0\0\x63" + data[64:], "newer"),
}  # fmt: skip


def refused(home: Path, *words: str) -> None:
    """`sealmq up` says it in words, with what to do, and has changed nothing."""
    before = state(home)
    # Root may read and write everything, unless it has given up these two.
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*without, *SEALMQ, "up", "--home", str(home), "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    for word in (*words, "next:"):
        assert word in done.stderr, done.stderr
    assert state(home) == before


@pytest.mark.parametrize("name", ["sealmq.db", "messages.db"])
@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoiled_database_is_refused_and_left_alone(home: Path, name: str, spoil: str) -> None:
    change, words = SPOILS[spoil]
    (home / name).write_bytes(change((home / name).read_bytes()))
    refused(home, words, name)


@pytest.mark.parametrize("name", ["sealmq.db", "messages.db"])
def test_a_folder_in_the_place_of_a_database(home: Path, name: str) -> None:
    (home / name).unlink()
    (home / name).mkdir()
    refused(home, name)


@pytest.mark.parametrize("name", ["sealmq.db", "messages.db"])
def test_a_database_that_may_not_be_read_or_written(home: Path, name: str) -> None:
    for mode in (0o200, 0o400):
        (home / name).chmod(mode)
        refused(home, name)
    (home / name).chmod(0o600)
    home.chmod(0o500)
    refused(home, "home")
    home.chmod(0o700)


@pytest.mark.parametrize("name", ["sealmq.db", "messages.db"])
def test_a_log_that_is_no_log_is_not_believed(home: Path, name: str) -> None:
    """SQLite takes of a log what its checksums prove, which is nothing: the database is as it was without it."""
    (home / f"{name}-wal").write_bytes(os.urandom(100_000))
    broker = Broker(home)
    broker.tls("operator").close()
    assert broker.end() == 0
    with closing(sqlite3.connect(home / "messages.db")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (12,)
