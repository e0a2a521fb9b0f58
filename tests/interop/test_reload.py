"""`sealmq reload` under attack: authorities and homes that are exchanged, every kind of broken file, races."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interop_homes import make_home
from mqtt_bytes import CONNECT_V5, packet, read_packet, text
from ports import free_port
from running import SEALMQ, WAIT, Broker, sealmq, wait_until
from sealmq.broker.quiet import TOLD
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

PASSWORD = "correct horse battery"
FILE = """
listen = ["127.0.0.1:{port}"]
[websocket]
listen = []
[https]
listen = []
[[listener]]
address = "127.0.0.1:{password}"
auth = "{auth}"
[limits]
handshake_timeout = 60
connect_timeout = 60
[log]
level = "debug"
"""


class Reloaded(Broker):
    """A broker with a listener for certificates and one for passwords."""

    def __init__(self, home: Path) -> None:
        self.places = {"port": free_port(), "password": free_port()}
        self.toml = home / "sealmq.toml"
        self.good = FILE.format(auth="password", **self.places)
        self.toml.write_text(self.good)
        super().__init__(home, listen=())

    def reload(self, toml: str | None = None) -> subprocess.CompletedProcess[str]:
        if toml is not None:
            self.toml.write_text(toml)
        return sealmq("reload", "--home", self.home)

    def device(self, name: str, will: str = "") -> ssl.SSLSocket:
        """A client with a certificate, connected."""
        connection = self.tls(name)
        connection.sendall(connect(will=will))
        assert read_packet(connection)[1][1] == 0
        return connection

    def panel(self) -> ssl.SSLSocket:
        """A TLS connection to the listener for passwords."""
        context = client_context(TLSPolicy(), root=self.home / "ca" / "root.pem")
        plain = socket.create_connection(("127.0.0.1", self.places["password"]), WAIT)
        return context.wrap_socket(plain, server_hostname="localhost")


def connect(user: str = "", password: str = "", will: str = "") -> bytes:
    flags = 0x02 | (0xC0 if user else 0) | (0x04 if will else 0)
    body = text("MQTT") + bytes((5, flags)) + b"\x00\x3c\x00" + text("")
    if will:
        body += b"\x00" + text(will) + text("alas")
    return packet(0x10, body + (text(user) + text(password) if user else b""))


def alive(connection: ssl.SSLSocket) -> bool:
    connection.sendall(b"\xc0\x00")
    return read_packet(connection)[0] == 0xD0


def said_to(connection: ssl.SSLSocket, data: bytes) -> bytes:
    connection.sendall(data)
    return connection.recv(1)


def goodbye(connection: ssl.SSLSocket) -> int:
    """The reason code of the DISCONNECT that ends it."""
    first, body = read_packet(connection)
    assert first == 0xE0
    assert connection.recv(1) == b""
    return body[0]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Reloaded]:
    home = make_home(tmp_path / "home", devices=("sensor-1",))
    done = sealmq("account", "add", "panel", "--home", home, "--password-file", "-", input=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    started = Reloaded(home)
    try:
        yield started
        if started.process.poll() is None:
            assert started.end() == 0, "\n".join(started.log.lines[-40:])
        assert not [line for line in started.log.lines if "Traceback" in line or PASSWORD in line]
    finally:
        started.kill()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another home, with devices of the same names."""
    return make_home(tmp_path / "other", devices=("sensor-1",))


# -- whom to trust ---------------------------------------------------------------------------------------------------


def test_an_authority_that_is_taken_away_takes_its_links_along(broker: Reloaded, other: Path) -> None:
    old = broker.context("sensor-1")
    with broker.device("sensor-1", will="devices/sensor-1/gone") as sensor, broker.panel() as panel:
        panel.sendall(connect("panel", PASSWORD))
        assert read_packet(panel)[1][1] == 0
        # A handshake that begins on the old terms, and ends on the new ones.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = old.wrap_bio(incoming, outgoing, server_hostname="localhost")
        late = socket.create_connection(("127.0.0.1", broker.port), WAIT)
        with pytest.raises(ssl.SSLWantReadError):
            half.do_handshake()
        late.sendall(outgoing.read())
        incoming.write(late.recv(65_536))

        for name in ("device-ca.pem", "device-ca.key"):
            shutil.copy(other / "ca" / name, broker.home / "ca" / name)
        done = broker.reload()
        assert done.returncode == 0, done.stderr
        assert goodbye(sensor) == 0x98
        assert alive(panel), "who came by password has nothing to do with it"
        broker.log.wait("sensor-1 .* ends: the authority of its certificate is not trusted any more")
        broker.log.wait("its will to 'devices/sensor-1/gone' is not published")

        half.do_handshake()
        half.write(CONNECT_V5)
        late.sendall(outgoing.read())
        broker.log.wait("'sensor-1' .* was issued by an authority that is not trusted any more")
        late.close()
    with broker.tls("sensor-1", old) as connection, pytest.raises(ssl.SSLError):
        said_to(connection, CONNECT_V5)
    broker.log.wait("was refused: .*authority", count=2)


def test_another_home_in_the_place_of_the_one_that_was_started_is_taken_over(broker: Reloaded, other: Path) -> None:
    with broker.device("sensor-1") as sensor:
        (other / "sealmq.toml").write_text(broker.good)
        for entry in ("ca", "devices", "broker"):
            shutil.rmtree(broker.home / entry)
        for name in ("sealmq.db", "sealmq.db-wal", "sealmq.db-shm"):
            (broker.home / name).unlink(missing_ok=True)
        for entry in ("ca", "devices", "broker", "sealmq.db"):
            (other / entry).rename(broker.home / entry)
        mark = broker.mark
        done = broker.reload()
        assert done.returncode == 0, done.stderr
        broker.log.wait("the home was replaced: every link ends", after=mark)
        assert goodbye(sensor) == 0x8B
    wait_until(lambda: lets_in(broker, "sensor-1"), pause=0.1)


def lets_in(broker: Reloaded, device: str) -> bool:
    """Does it know this device, by the home that is there now?"""
    try:
        with broker.tls(device) as connection:
            connection.sendall(connect())
            return read_packet(connection)[1][1] == 0
    except (EOFError, OSError):
        return False  # the old one has just ended, or the new one is not there yet


def test_half_a_home_is_not_taken_over(broker: Reloaded, other: Path) -> None:
    with broker.device("sensor-1") as sensor:
        (other / "sealmq.db").rename(broker.home / "sealmq.db")
        (broker.home / "ca" / "root.pem").rename(broker.home / "ca" / "elsewhere")
        done = broker.reload()
        assert done.returncode == 2
        assert "root.pem is missing" in done.stderr
        assert alive(sensor)


# -- what is broken changes nothing ----------------------------------------------------------------------------------

BROKEN = {
    "not TOML": "listen = [",
    "an unknown table": "[limitz]\n",
    "an unknown key": "[limits]\nconnectionz = 1\n",
    "a wrong type": "[limits]\nconnections = true\n",
    "out of range": "[limits]\nkeep_alive_maximum = 0\n",
    "a bad rule": '[[access]]\nallow = ["shout"]\ntopics = ["a"]\n',
    "a bad topic": '[[access]]\nallow = ["publish"]\ntopics = ["a/#/b"]\n',
    "a rule for a group": '[[access]]\ndeny = ["subscribe"]\ntopics = ["$share/g/a"]\n',
    "no such proof": '[[listener]]\naddress = ":1"\nauth = "word"\n',
    "plaintext for all": '[[listener]]\naddress = ":1"\nauth = "password"\nplaintext = true\n',
    "plaintext with a name": '[[listener]]\naddress = "localhost:1"\nauth = "password"\nplaintext = true\n',
    "plaintext everywhere": '[[listener]]\naddress = "0.0.0.0:1"\nauth = "password"\nplaintext = true\n',
    "plaintext, IPv4 in IPv6": '[[listener]]\naddress = "[::ffff:0.0.0.0]:1"\nauth = "password"\nplaintext = true\n',
    "an address of others": 'listen = ["192.0.2.77:8883"]\n',
    "twice": 'listen = ["127.0.0.1:9999", "127.0.0.1:9999"]\n',
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_changes_nothing(broker: Reloaded, broken: str) -> None:
    with broker.device("sensor-1") as sensor:
        done = broker.reload(BROKEN[broken])
        assert done.returncode == 2, done.stdout
        broker.process.send_signal(signal.SIGHUP)  # as somebody does who does not know `sealmq reload`
        broker.log.wait("nothing has changed: ")
        assert alive(sensor)
        with broker.panel() as panel:
            panel.sendall(connect("panel", PASSWORD))
            assert read_packet(panel)[1][1] == 0


def damage(path: Path, content: bytes | None, mode: int) -> None:
    if content is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(content)
        path.chmod(mode)


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [
        ("ca/device-ca.pem", b"", 0o644),
        ("ca/device-ca.pem", b"\xff\x00 no text", 0o644),
        ("ca/device-ca.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644),
        ("ca/device-ca.pem", None, 0),
        ("broker/broker.pem", b"x", 0o644),
        ("broker/broker.pem", None, 0),
        ("sealmq.toml", b"\xff", 0o600),
        ("sealmq.toml", None, 0),
        ("sealmq.toml", b"# fine\n", 0o666),
    ],
)
def test_a_broken_certificate_or_a_file_that_others_can_change_changes_nothing(
    broker: Reloaded, name: str, content: bytes | None, mode: int
) -> None:
    context = broker.context("sensor-1")
    with broker.device("sensor-1") as sensor:
        damage(broker.home / name, content, mode)
        assert broker.reload().returncode == 2
        if not name.endswith(".toml"):
            broker.log.wait("nothing has changed: ")
        assert alive(sensor)
        with broker.tls("", context) as connection:
            connection.sendall(CONNECT_V5)
            assert read_packet(connection)[1][1] == 0


def test_a_leaf_is_no_authority(broker: Reloaded) -> None:
    with broker.device("sensor-1") as sensor:
        shutil.copy(broker.home / "devices" / "sensor-1" / "device-chain.pem", broker.home / "ca" / "device-ca.pem")
        done = broker.reload()
        assert done.returncode == 2
        assert "no authority of ours" in done.stderr
        assert alive(sensor)


# -- races -----------------------------------------------------------------------------------------------------------


def test_many_reloads_at_once_are_each_answered_for_the_file_that_was_there(broker: Reloaded) -> None:
    with broker.device("sensor-1") as sensor, ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: broker.reload(), range(8)))
        assert [each.returncode for each in done] == [0] * 8, [each.stderr for each in done]
        assert alive(sensor)


def test_who_waits_for_a_password_does_not_slip_through_a_change_to_certificates(broker: Reloaded) -> None:
    program = [*SEALMQ, "reload", "--home", str(broker.home)]
    with broker.panel() as standing, broker.panel() as silent:
        standing.sendall(connect("panel", PASSWORD))
        assert read_packet(standing)[1][1] == 0
        waiting = [broker.panel() for _ in range(12)]
        shaking = socket.create_connection(("127.0.0.1", broker.places["password"]), WAIT)
        broker.toml.write_text(FILE.format(auth="certificate", **broker.places))
        reloading = subprocess.Popen(program, stdout=subprocess.DEVNULL)
        for one in waiting:  # their passwords are looked at for a second, while the reload comes and goes
            one.sendall(connect("panel", PASSWORD))
        assert reloading.wait(WAIT) == 0
        assert goodbye(standing) == 0x98
        for one in waiting:
            packets = []
            while one.fileno() >= 0:
                try:
                    packets.append(read_packet(one))
                except (EOFError, OSError):
                    break
            assert packets == [] or packets[-1][0] == 0xE0 or packets[-1][1][1] >= 0x80, packets
            one.close()
        assert silent.recv(1) == b"", "who has said nothing yet is cut, too"
        shaking.close()
        with broker.panel() as late, pytest.raises(ssl.SSLError):
            said_to(late, connect("panel", PASSWORD))


def test_a_reload_while_the_broker_ends_does_not_keep_it(broker: Reloaded) -> None:
    broker.process.send_signal(signal.SIGHUP)
    broker.process.send_signal(signal.SIGTERM)
    broker.process.send_signal(signal.SIGHUP)
    assert broker.ended() == 0


@pytest.mark.timeout(300)  # the line at its end comes after a minute
def test_who_is_refused_again_and_again_does_not_fill_the_log(broker: Reloaded) -> None:
    with broker.device("sensor-1") as sensor:
        mark = broker.mark
        for _ in range(150):  # fewer than would take a minute on a machine that is busy
            with broker.plain() as garbage:
                garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
                while garbage.recv(100):
                    pass
        assert alive(sensor)
        refusals = [line for line in broker.log.lines[mark:] if "HTTP without encryption" in line]
        assert 0 < len(refusals) <= TOLD  # other lines may come in between: of the device, how many were left out
        assert broker.reload(broker.good + "lines_per_address = 1000000\n").returncode == 0
        line = broker.log.wait(
            r"\.\.\. and 1[0-9][0-9] more refused handshakes from 127\.0\.0\.1", after=mark, seconds=90
        )
        assert "in the last minute" in line


def test_what_holds_passwords_is_its_owners_alone(broker: Reloaded) -> None:
    for file in broker.home.glob("sealmq.db*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_the_password_is_in_no_command_line(broker: Reloaded) -> None:
    done = sealmq("account", "add", "another", PASSWORD, "--home", broker.home)
    assert done.returncode == 2
    titles = Path(f"/proc/{broker.process.pid}/cmdline").read_bytes()
    assert PASSWORD.encode() not in titles
    assert sys.executable.encode() in titles
