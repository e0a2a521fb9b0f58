"""`sealmq up` as a process: how it starts, how it says no, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from interop_homes import make_home
from mqtt_bytes import CONNECT_V5, PINGREQ, connect_v5, publish, read_packet, subscribe
from ports import free_port
from running import SEALMQ, WAIT, Broker, Program, program, run, running, sealmq
from sealmq.server import QUIET


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that nobody touches, to be copied."""
    return make_home(tmp_path_factory.mktemp("pristine") / "home", devices=("sensor-1",))


@pytest.fixture
def copied(pristine: Path, tmp_path: Path) -> Path:
    """A home of the test's own."""
    return Path(shutil.copytree(pristine, tmp_path / "home"))


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder below: mode and digest."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def refused(home: Path, *options: str, listen: str = "127.0.0.1:0") -> tuple[int, str]:
    """`sealmq up` where it must not start: its exit code and its whole standard error."""
    impatient = os.environ | {"RES_OPTIONS": "timeout:1 attempts:1"}  # where no name server answers
    done = sealmq("up", "--home", home, "--listen", listen, *options, env=impatient)
    assert done.returncode != 0, "it started and ended as if nothing was wrong"
    assert "Traceback" not in done.stderr
    assert "listening on" not in done.stdout
    return done.returncode, done.stderr


def assert_one_clear_answer(said: str, sentence: str, next_step: str) -> None:
    """sealmq: SENTENCE / why: ... / next: ..."""
    lines = said.splitlines()
    assert re.match(rf"sealmq: .*{sentence}", lines[0]), said
    assert len([line for line in lines if line.startswith("sealmq: ")]) == 1, said
    assert any(re.match(rf"  next: .*{next_step}", line) for line in lines[1:]), said


# -- where it does not start -----------------------------------------------------------------------------------------


def test_a_port_that_is_taken(copied: Path) -> None:
    before = tree(copied)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(copied, listen=f"127.0.0.1:{port}")
    assert code == 1
    assert_one_clear_answer(said, f"port {port} is taken", "ss -ltnp")
    assert f"--listen 127.0.0.1:{port + 1}" in said
    assert tree(copied) == before


def test_a_port_that_is_taken_leaves_a_new_home_whole_or_not_at_all(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(home, listen=f"127.0.0.1:{taken.getsockname()[1]}")
    if home.exists():
        assert (home / "sealmq.toml").exists()
        broker = Broker(home)
        assert broker.end() == 0


def test_one_free_port_beside_a_taken_one_is_not_listened_on(copied: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = sealmq(
            "up", "--home", copied, "--listen", "127.0.0.1:0", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"
        )
    assert done.returncode == 1
    assert "listening" not in done.stdout


@pytest.mark.parametrize("address", ["8883", "localhost:99999", "::1:8883", "192.0.2.1:0", "no.such.host.invalid:0"])
def test_an_address_that_cannot_be_had_makes_no_home_half(tmp_path: Path, address: str) -> None:
    code, said = refused(tmp_path / "home", listen=address)
    assert code == 2
    assert_one_clear_answer(said, "", "")
    if (tmp_path / "home").exists():
        assert (tmp_path / "home" / "sealmq.toml").exists()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for home in (Path("/proc/sealmq-home"), file / "home"):
        code, said = refused(home)
        assert code == 1
        assert_one_clear_answer(said, re.escape(str(home)), "--home")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_home_in_a_folder_without_permission(tmp_path: Path) -> None:
    # root may write everywhere, until it gives its capabilities away.
    as_anybody = [program("setpriv", "util-linux"), "--bounding-set=-all"] if os.geteuid() == 0 else []
    tmp_path.chmod(0o500)
    try:
        command = [*as_anybody, *SEALMQ, "up", "--home", tmp_path / "home", "--listen", "127.0.0.1:0"]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=WAIT, check=False
        )
        assert done.returncode == 1
        assert_one_clear_answer(done.stderr, "no home could be made", "--home")
        assert "Permission denied" in done.stderr
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_with_something_else_in_it_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    before = tree(tmp_path)
    code, said = refused(tmp_path)
    assert code == 1
    assert_one_clear_answer(said, "not empty", "--home")
    assert "thesis.tex" in said
    assert tree(tmp_path) == before


def garbage(database: Path) -> None:
    database.write_bytes(b"this is no database, it never was one" * 200)


def truncated(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def emptied(database: Path) -> None:
    database.write_bytes(b"")


def removed(database: Path) -> None:
    database.unlink()


@pytest.mark.parametrize("damage", [garbage, truncated, emptied, removed])
def test_a_damaged_database_is_told_and_left_as_it_is(copied: Path, damage: Callable[[Path], None]) -> None:
    damage(copied / "sealmq.db")
    before = tree(copied)
    code, said = refused(copied)
    assert code == 1
    assert_one_clear_answer(said, "", "backup")
    assert "sealmq.db" in said
    assert tree(copied) == before


@pytest.mark.parametrize("key", ["ca/device-ca.key", "ca/root.key", "broker/broker.pem", "devices/operator/device.key"])
def test_a_key_that_others_can_read(copied: Path, key: str) -> None:
    (copied / key).chmod(0o644)
    before = tree(copied)
    code, said = refused(copied)
    assert code == 1
    assert_one_clear_answer(said, f".*{key}", "chmod")
    assert tree(copied) == before


@pytest.mark.parametrize("new", [False, True], ids=["a home", "no home yet"])
def test_an_unknown_key_in_the_configuration(copied: Path, tmp_path: Path, new: bool) -> None:
    home = copied
    if new:
        home = tmp_path / "new"
        home.mkdir()
    (home / "sealmq.toml").write_text("[limits]\nconections = 5\n")
    before = tree(home)
    code, said = refused(home)
    assert code == 2
    assert_one_clear_answer(said, ".*conections", "did you mean 'connections'")
    assert tree(home) == before


def test_two_at_once_on_a_new_home_make_one_home_and_one_broker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    port = free_port()
    command = [*SEALMQ, "up", "--home", home, "--listen", f"127.0.0.1:{port}"]
    with running(command) as one, running(command) as two:
        while one.process.poll() is None and two.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(0.02)
            if "Ctrl-C ends it." in one.output.lines and "Ctrl-C ends it." in two.output.lines:
                pytest.fail("both listen on the same port")
        loser, winner = (one, two) if one.process.poll() is not None else (two, one)
        code, said = loser.ended(), "\n".join(loser.errors.lines)
        assert code == 1
        if "is taken" in said:
            assert_one_clear_answer(said, f"port {port} is taken", "ss -ltnp")
        else:
            assert_one_clear_answer(said, "a broker runs on the home", "another home")
        winner.output.wait("Ctrl-C ends it")
        assert winner.end() == 0
    assert not [path.name for path in home.rglob("*") if "building" in path.name or path.suffix in {".tmp", ".new"}]
    again = Broker(home)
    assert again.end() == 0


# -- how it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_goodbye_to_mqtt_5_clients_is_disconnect_0x8b_and_the_exit_code_0(copied: Path, number: int) -> None:
    broker = Broker(copied)
    try:
        with broker.tls("operator") as newer, broker.tls("sensor-1") as older, broker.plain() as stranger:
            connect_v5(newer)
            older.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
            assert read_packet(older)[0] == 0x20
            broker.process.send_signal(number)
            first, body = read_packet(newer)
            assert (first, body[0]) == (0xE0, 0x8B)
            assert newer.recv(1) == older.recv(1) == stranger.recv(1) == b""
        assert broker.ended() == 0
        assert broker.log.wait(r"operator .* ends: the broker is shutting down \(reason code 0x8B")
    finally:
        broker.kill()


def test_what_was_published_just_before_the_end_still_arrives(copied: Path) -> None:
    broker = Broker(copied)
    try:
        with broker.tls("operator") as reader, broker.tls("sensor-1") as writer:
            connect_v5(reader)
            connect_v5(writer)
            reader.sendall(subscribe("devices/#"))
            assert read_packet(reader)[0] == 0x90
            writer.sendall(publish("devices/sensor-1/last", b"word") + PINGREQ)
            assert read_packet(writer)[0] == 0xD0
            broker.process.send_signal(signal.SIGTERM)
            assert read_packet(reader)[1].endswith(b"word")
            assert read_packet(reader)[1][0] == 0x8B
        assert broker.ended() == 0
    finally:
        broker.kill()


def test_the_end_of_a_broker_without_clients_is_one_line(copied: Path) -> None:
    broker = Broker(copied)
    assert broker.end(signal.SIGINT) == 0
    first, last = (line for line in broker.log.lines if "open files" not in line)  # some machines allow few
    assert " is up: " in first
    assert last.endswith("the broker ends; connections that are told: 0")


# -- what it says ----------------------------------------------------------------------------------------------------


def test_the_first_start_shows_where_it_listens_and_whom_to_trust(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "home")
    said = "\n".join(broker.output.lines)
    assert broker.end() == 0
    assert re.search(f"listening on +127.0.0.1:{broker.port}\n", said)
    assert "(made just now)" in said
    root = tmp_path / "home" / "ca" / "root.pem"
    digest = sha256(ssl.PEM_cert_to_DER_cert(root.read_text())).digest().hex(":").upper()
    assert re.search(f"SHA-256 +{digest}", said)
    again = Broker(tmp_path / "home")
    assert again.end() == 0
    assert "(made just now)" not in "\n".join(again.output.lines)


def test_the_commands_that_the_first_start_shows_work_as_they_stand(tmp_path: Path) -> None:
    """A new user copies them, one after the other."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "sealmq.toml").write_text('[log]\nlevel = "debug"\n')
    broker = Broker(home)
    try:
        shown = [line.strip() for line in broker.output.lines if re.match(r"  \S.*sealmq (device add|sub|pub) ", line)]
        add, sub, pub = shown
        with_path = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        run(["/bin/sh", "-c", add], env=with_path)
        mark = broker.mark
        with running(["/bin/sh", "-c", f"exec {sub}"], env=with_path) as reader:
            broker.log.wait("operator .* may subscribe", after=mark)
            run(["/bin/sh", "-c", pub], env=with_path)
            reader.output.wait("devices/sensor-1/temp 21.5")
            assert reader.end() == 0
        assert broker.end() == 0
    finally:
        broker.kill()


def test_every_line_of_the_json_log_is_a_json_object(copied: Path) -> None:
    broker = Broker(copied, "--json-log")
    try:
        with broker.plain() as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert stranger.recv(1) == b""
        with broker.tls("sensor-1") as client:
            connect_v5(client, "an id\nwith a line break")
        broker.log.wait("is lost|without DISCONNECT")
        assert broker.end() == 0
    finally:
        broker.kill()
    lines = [json.loads(line) for line in broker.log.lines]
    assert {"time", "level", "message"} <= set.intersection(*(set(line) for line in lines))
    connected = next(line for line in lines if "connected from" in line["message"])
    assert connected["device"] == "sensor-1"
    assert connected["client_id"] == "an id\nwith a line break"
    assert re.fullmatch("127.0.0.1:[0-9]+", connected["address"])
    assert re.fullmatch("[0-9a-f]+", connected["serial"])
    assert any(line["level"] == "warning" and "HTTP" in line["message"] for line in lines)


def test_it_listens_on_every_address_that_it_is_given(copied: Path) -> None:
    broker = Broker(copied, "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", "localhost:0")
    try:
        assert len(set(broker.ports)) == len(broker.ports) >= 3
        for port in broker.ports[:2]:
            broker.port = port
            with broker.tls("sensor-1") as connection:
                connect_v5(connection)
        assert broker.end() == 0
    finally:
        broker.kill()


def test_port_0_of_every_address_is_one_port_for_ipv4_and_ipv6(copied: Path) -> None:
    broker = Broker(copied, "--listen", ":0")
    try:
        assert len(set(broker.ports)) == 1
        with broker.tls("sensor-1") as connection:
            connect_v5(connection)
        if len(broker.ports) == 2:
            plain = socket.create_connection(("::1", broker.port), WAIT)
            with broker.context("sensor-1").wrap_socket(plain, server_hostname="::1") as connection:
                connect_v5(connection)
            broker.log.wait(r"sensor-1 connected from \[::1\]:[0-9]+ ")
        assert broker.end() == 0
    finally:
        broker.kill()


def test_no_key_no_payload_and_no_will_stands_in_the_log_or_on_the_command_line(copied: Path) -> None:
    broker = Broker(copied)
    try:
        with broker.tls("sensor-1") as connection:
            connect_v5(connection)
            connection.sendall(publish("devices/sensor-1/x", b"a payload of mine") + PINGREQ)
            assert read_packet(connection)[0] == 0xD0
        arguments = Path(f"/proc/{broker.process.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{broker.process.pid}/environ").read_bytes()
        assert broker.end() == 0
    finally:
        broker.kill()
    said = "\n".join(broker.log.lines + broker.output.lines).encode() + arguments + environment
    assert b"a payload of mine" not in said
    for file in copied.rglob("*"):
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes():
            secret = file.read_bytes().split(b"PRIVATE KEY-----\n")[1][:40]
            assert secret not in said


# -- when the machine has no more room -------------------------------------------------------------------------------


@contextlib.contextmanager
def exhausted(home: Path) -> Iterator[Reached]:
    """A broker that may open 40 files, and has as many connections as that leaves it, and more that wait."""
    limited = ["/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *SEALMQ]
    with running([*limited, "up", "--home", home, "--listen", "127.0.0.1:0"]) as up:
        up.output.wait("Ctrl-C ends it")
        up.errors.wait("the system allows 40 open files, fewer than .* needs; next: ")
        begin = time.monotonic()
        port = int(up.output.wait("listening on").rpartition(":")[2])
        with contextlib.ExitStack() as connections:
            for _ in range(60):
                connections.enter_context(socket.create_connection(("127.0.0.1", port), WAIT))
            line = up.errors.wait("no more connections can be accepted for now: Too many open files")
            assert "next: raise the limit" in line
            yield Reached(up, home, port, connections)
        told = [line for line in up.errors.lines if "no more connections" in line]
        assert 1 <= len(told) <= 1 + (time.monotonic() - begin) / QUIET
        assert not [line for line in up.errors.lines if "Traceback" in line], "\n".join(up.errors.lines)


def test_a_machine_without_file_descriptors_is_told_once_and_served_again_later(copied: Path) -> None:
    with exhausted(copied) as broker:
        broker.connections.close()
        with broker.tls("sensor-1") as connection:
            connect_v5(connection)
        assert broker.end() == 0


def test_a_broker_without_file_descriptors_ends_in_order(copied: Path) -> None:
    with exhausted(copied) as broker:
        assert broker.end() == 0


class Reached(Broker):
    """A broker that somebody else has started."""

    def __init__(self, program: Program, home: Path, port: int, connections: contextlib.ExitStack) -> None:
        self.process, self.output, self.errors = program.process, program.output, program.errors
        self.log, self.home, self.port, self.ports = program.errors, home, port, [port]
        self.connections = connections


def test_one_client_too_many_is_turned_away_in_one_line(copied: Path) -> None:
    (copied / "sealmq.toml").write_text("[limits]\nconnections = 2\n")
    broker = Broker(copied)
    try:
        with broker.tls("sensor-1") as one, broker.tls("sensor-1") as two:
            connect_v5(one, "one")
            connect_v5(two, "two")
            with socket.socket() as third, contextlib.suppress(ConnectionResetError):
                third.bind(("127.0.0.1", 0))
                port = third.getsockname()[1]
                third.settimeout(WAIT)
                third.connect(("127.0.0.1", broker.port))  # the reset may come before it returns
                assert third.recv(1) == b""
            broker.log.wait(f":{port} was turned away, and others may have been: .limits. connections allows 2, ")
            one.sendall(PINGREQ)
            assert read_packet(one)[0] == 0xD0
        broker.log.wait("is lost|without DISCONNECT", count=2)
        with broker.tls("sensor-1") as successor:
            successor.sendall(CONNECT_V5)
            assert read_packet(successor)[0] == 0x20
        assert broker.end() == 0
        assert len([line for line in broker.log.lines if f":{port} " in line]) == 1
    finally:
        broker.kill()


def test_a_log_that_is_a_file_says_when_the_broker_came_and_went(copied: Path) -> None:
    broker = Broker(copied)
    try:
        said = broker.log.wait(" is up: ")
        assert f"process {broker.process.pid}, home {copied}, listening on 127.0.0.1:{broker.port}" in said
        with broker.tls("sensor-1") as link:
            link.sendall(CONNECT_V5)
            broker.log.wait("sensor-1 connected")
            assert broker.end() == 0
        broker.log.wait("the broker ends; connections that are told: 1$")
    finally:
        broker.kill()
