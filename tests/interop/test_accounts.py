"""User names and passwords with mosquitto's clients, and `sealmq reload` while clients stand."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import TOML, make_home
from ports import free_port
from running import SEALMQ, WAIT, Broker, program, run, running, sealmq, wait_until
from sealmq.client import connect, paho_client
from websocket_pairs import request

pytestmark = pytest.mark.interop

PASSWORD = "correct horse battery"
VERSIONS = pytest.mark.parametrize("version", ["311", "mqttv5"])

LISTENERS = """
listen = ["127.0.0.1:0"]
[[listener]]
address = "127.0.0.1:{password}"
auth = "password"
[[listener]]
address = "127.0.0.1:{both}"
auth = "certificate-and-password"
[[listener]]
address = "127.0.0.1:{plaintext}"
auth = "password"
plaintext = true
[https]
listen = []
[websocket]
listen = ["127.0.0.1:{websocket}"]
"""


class Doors(Broker):
    """A broker with a listener of each kind; their ports by name."""

    def __init__(self, home: Path) -> None:
        self.places = {name: free_port() for name in ("password", "both", "plaintext", "websocket")}
        self.toml = home / "sealmq.toml"
        self.written = LISTENERS.format(**self.places) + TOML
        self.toml.write_text(self.written)
        super().__init__(home, listen=())

    def client(self, name: str, place: str, *arguments: str | Path) -> list[str | Path]:
        """mosquitto_pub or _sub at one of the listeners, with the broker's root and no certificate."""
        trust = [] if place == "plaintext" else ["--cafile", self.home / "ca" / "root.pem"]
        where = ["-h", "127.0.0.1", "-p", str(self.places[place]), *trust]
        return [program(name, "mosquitto-clients"), *where, *arguments]

    def published(self, place: str, *arguments: str | Path, password: str = PASSWORD, user: str = "panel") -> int:
        """Publish once; the exit code (of MQTT 3.1.1: CONNACK's return code)."""
        command = self.client("mosquitto_pub", place, "-u", user, "-P", password, "-q", "1", *arguments)
        if "-t" not in command:
            command += ["-t", f"devices/{user}/temp"]
        words = [*map(str, command), "-m", "21.5"]
        return subprocess.run(words, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL).returncode

    def reload(self, toml: str) -> subprocess.CompletedProcess[str]:
        self.toml.write_text(toml)
        return sealmq("reload", "--home", self.home)


def add_account(home: Path, name: str, password: str, *options: str) -> None:
    done = sealmq("account", "add", name, "--home", home, "--password-file", "-", *options, input=f"{password}\n")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    home = make_home(tmp_path / "home", devices=("sensor-1",))
    add_account(home, "panel", PASSWORD)
    broker = Doors(home)
    try:
        yield broker
        assert broker.end() == 0, "\n".join(broker.log.lines[-40:])
        assert not [line for line in broker.log.lines if "Traceback" in line]
        assert not [line for line in broker.log.lines if PASSWORD in line], "a password is in the log"
        assert not (home / "sealmq.pid").exists()
    finally:
        broker.kill()


@VERSIONS
def test_a_password_over_tls(doors: Doors, version: str) -> None:
    with running(doors.sealmq("sub", "-C", "1", "-q", "1", "-F", "%t %p", "devices/#")) as sub:
        doors.log.wait(r"operator .* may subscribe to 'devices/#'")
        assert doors.published("password", "-V", version) == 0
        assert sub.ended() == 0
    assert sub.output.lines == ["devices/panel/temp 21.5"]
    doors.log.wait(r"panel connected from .*TLSv1\.3")


@VERSIONS
def test_a_wrong_password_an_unknown_name_and_none_at_all(doors: Doors, version: str) -> None:
    refused = 5 if version == "mqttv5" else 4
    for number, arguments in enumerate([("panel", "wrong one"), ("nobody", PASSWORD)]):
        user, password = arguments
        code = doors.published("password", "-V", version, user=user, password=password)
        assert code in (refused, 134), number  # 0x86 is 134 in MQTT 5
    command = doors.client("mosquitto_pub", "password", "-V", version, "-t", "a", "-m", "x")
    assert subprocess.run([*map(str, command)], capture_output=True, timeout=30, check=False).returncode != 0
    doors.log.wait("CONNECT refused: wrong password for 'panel'")
    doors.log.wait("CONNECT refused: there is no account 'nobody'")
    doors.log.wait("CONNECT refused: it gave no user name or no password")


def test_who_guesses_is_locked_out_and_the_owner_is_not(doors: Doors) -> None:
    def has_failed_thrice() -> bool:
        assert doors.published("password", "-V", "311", password="wrong") == 4
        return sum("wrong password for 'panel'" in line for line in doors.log.lines) >= 3

    assert doors.published("password", "-V", "311") == 0  # this address is the owner's from now on
    wait_until(has_failed_thrice, pause=0.2)  # of those that waited long enough; the third costs 4 seconds
    assert doors.published("password", "-V", "311") == 4, "the owner's address has failed, and waits like the others"
    doors.log.wait("has to wait for another")
    wait_until(lambda: doors.published("password", "-V", "311") == 0, pause=0.5)


def test_a_certificate_and_a_password(doors: Doors) -> None:
    _, chain, key = doors.files("sensor-1")
    with_certificate = ["--cert", chain, "--key", key]
    topic = ["-t", "devices/sensor-1/temp"]
    assert doors.published("both", *with_certificate, *topic) == 0
    doors.log.wait("sensor-1 connected from")
    assert doors.published("both", *with_certificate, *topic, password="wrong one") != 0
    assert doors.published("both", *topic) != 0, "the certificate is needed too"
    doors.log.wait("showed no certificate")


def test_an_account_that_is_bound_lets_its_own_devices_in_and_nobody_else(doors: Doors) -> None:
    def shown(device: str) -> list[str | Path]:
        _, chain, key = doors.files(device)
        return ["--cert", chain, "--key", key, "-t", f"devices/{device}/temp", "-V", "mqttv5"]

    assert doors.published("both", *shown("operator")) == 0
    with running(doors.client("mosquitto_sub", "both", "-u", "panel", "-P", PASSWORD, *shown("operator"))) as sub:
        doors.log.wait("operator .* may subscribe")
        assert sealmq("account", "bind", "panel", "sensor-*", "--home", doors.home).returncode == 0
        doors.log.wait("operator .* ends: account 'panel' is for devices 'sensor-.'.*0x98")
        sub.kill()
    assert doors.published("both", *shown("sensor-1")) == 0
    assert doors.published("both", *shown("operator")) == 0x87
    assert doors.published("password", "-V", "mqttv5") == 0x87
    doors.log.wait("counts only together with the certificate of a device")
    assert sealmq("account", "bind", "panel", "--home", doors.home).returncode == 0
    assert doors.published("password", "-V", "mqttv5") == 0


@VERSIONS
def test_plaintext_on_loopback(doors: Doors, version: str) -> None:
    doors.log.wait("speaks WITHOUT TLS")
    assert "WITHOUT TLS" in "\n".join(doors.output.lines)
    assert doors.published("plaintext", "-V", version) == 0
    doors.log.wait("panel connected from .*no TLS")
    assert doors.published("plaintext", "-V", version, password="wrong one") != 0


def test_other_clients_are_served_while_passwords_are_looked_at(doors: Doors) -> None:
    topic = "devices/sensor-1/echo"
    command = doors.mosquitto("mosquitto_sub", "sensor-1", "-t", topic, "-C", "20", "-q", "1")
    with running(command) as sub:
        doors.log.wait(f"may subscribe to '{topic}'")
        message = ["-P", "guess", "-t", "a", "-m", "x"]
        commands = [doors.client("mosquitto_pub", "password", "-u", f"name-{n}", *message) for n in range(20)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        guesses = [subprocess.Popen([*map(str, command)], **quiet) for command in commands]
        for number in range(20):
            run(doors.mosquitto("mosquitto_pub", "sensor-1", "-t", topic, "-m", str(number), "-q", "1"))
        assert sub.ended() == 0
        assert [guess.wait(30) for guess in guesses].count(0) == 0
    assert len(sub.output.lines) == 20


def test_a_new_password_and_a_removal_cut_who_stands(doors: Doors) -> None:
    command = doors.client(
        "mosquitto_sub", "password", "-V", "mqttv5", "-u", "panel", "-P", PASSWORD, "-t", "devices/panel/#"
    )
    for words, why in (
        (["password", "panel", "--generate", "--json"], "its account has another password"),
        (["remove", "panel"], "its account was removed"),
    ):
        mark = doors.mark
        with running(command) as sub:
            doors.log.wait("panel .* may subscribe", after=mark)
            done = sealmq("account", *words, "--home", doors.home)
            assert done.returncode == 0, done.stderr
            doors.log.wait(f"panel .* ends: {why} .*0x98", after=mark)
            sub.kill()
        if "--json" in words:
            command[command.index("-P") + 1] = json.loads(done.stdout)["password"]
    assert doors.published("password", password=str(command[command.index("-P") + 1])) != 0


# -- our own clients --------------------------------------------------------------------------------------------------


def ours(
    doors: Doors, command: str, *arguments: str | Path, password: str = PASSWORD, typed: bool = False
) -> list[str]:
    """`sealmq pub` or `sub` as panel, on a machine that has root.pem and no home; the password is in a file."""
    file = doors.home / "password"
    file.write_text(f"{password}\n")
    words = [*SEALMQ, command, "--username", "panel", *arguments]
    return [*map(str, words), *([] if typed else ["--password-file", str(file)])]


def elsewhere(doors: Doors, place: str) -> list[str | Path]:
    return ["-h", "localhost", "-p", str(doors.places[place]), "--cafile", doors.home / "ca" / "root.pem"]


@pytest.mark.parametrize("version", ["5", "311"])
def test_sealmq_pub_and_sub_with_a_password_and_no_certificate(doors: Doors, version: str) -> None:
    place = [*elsewhere(doors, "password"), "-V", version]
    with running(ours(doors, "sub", "-C", "1", "-q", "1", *place, "devices/panel/#")) as sub:
        doors.log.wait("panel .* may subscribe")
        run(ours(doors, "pub", "-q", "1", *place, "-t", "devices/panel/temp", "-m", "21.5"))
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == ["devices/panel/temp 21.5"]


def test_on_the_brokers_machine_the_home_says_where_and_whom_to_trust(doors: Doors) -> None:
    home = ["--home", doors.home, "-q", "1", "-m", "21.5"]
    run(ours(doors, "pub", *home, "-t", "devices/panel/temp"))
    doors.log.wait("panel connected from")
    run(ours(doors, "pub", *home, "-t", "devices/sensor-1/temp", "--as", "sensor-1"))  # with its certificate besides
    doors.log.wait("sensor-1 connected from")


@pytest.mark.parametrize("version", ["5", "311"])
def test_sealmq_pub_says_why_it_was_not_let_in(doors: Doors, version: str) -> None:
    message = ["-V", version, "-t", "devices/panel/temp", "-m", "x"]

    def told(*arguments: str | Path, password: str = PASSWORD) -> str:
        words = ours(doors, "pub", *arguments, *message, password=password)
        done = subprocess.run(words, capture_output=True, text=True, timeout=WAIT, check=False)
        assert done.returncode == 1
        assert password not in done.stdout + done.stderr
        return done.stderr

    assert "bad user name or password (0x86)" in told(*elsewhere(doors, "password"), password="wrong one")
    assert "wants a certificate and got none" in told(*elsewhere(doors, "both"))


def test_sealmq_pub_asks_at_the_terminal_without_echo(doors: Doors) -> None:
    command = ours(doors, "pub", *elsewhere(doors, "password"), "-t", "devices/panel/temp", "-m", "x", typed=True)
    terminal, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as child:
        os.close(theirs)
        shown = b""
        try:
            while b"Password for panel: " not in shown:
                shown += os.read(terminal, 1_000)
            os.write(terminal, f"{PASSWORD}\n".encode())
            while True:
                shown += os.read(terminal, 1_000)
        except OSError:
            pass  # EIO: the program has ended
        finally:
            os.close(terminal)  # which ends a program that still waits for words
    assert child.returncode == 0, shown
    assert PASSWORD.encode() not in shown
    doors.log.wait("panel connected from")


def test_a_program_of_ours_logs_in_with_a_password(doors: Doors) -> None:
    async def publish() -> None:
        root, port = doors.home / "ca" / "root.pem", doors.places["password"]
        async with connect(root=root, port=port, username="panel", password=PASSWORD) as client:
            await client.publish("devices/panel/temp", "21.5", qos=1)

    asyncio.run(publish())
    doors.log.wait("panel connected from")


# -- reload ----------------------------------------------------------------------------------------------------------


def standing(doors: Doors, *arguments: str) -> list[str | Path]:
    """The operator's mosquitto_sub, which stands for as long as the test wants."""
    return doors.mosquitto("mosquitto_sub", "operator", "-t", "devices/#", "-q", "1", *arguments)


def test_a_reload_changes_listeners_and_cuts_nobody_that_may_stay(doors: Doors) -> None:
    with running(standing(doors, "-C", "1")) as sub:
        doors.log.wait("operator .* may subscribe")
        old, doors.places["password"] = doors.places["password"], free_port()
        done = doors.reload(LISTENERS.format(**doors.places) + TOML)
        assert done.returncode == 0, done.stderr
        assert "goes on with what" in done.stdout
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", old), 5):
            pass
        assert doors.published("password") == 0
        assert sub.ended() == 0, "it stood through the reload, and got the message"


def upgrade(doors: Doors, **headers: str) -> bytes:
    """The first line that a WebSocket listener answers to the operator's browser."""
    plain = socket.create_connection(("127.0.0.1", doors.places["websocket"]), WAIT)
    with doors.context("operator").wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(request(**headers))
        return connection.recv(1_000).partition(b"\r\n")[0]


def test_a_reload_opens_and_closes_websocket_and_cuts_nobody_that_may_stay(doors: Doors) -> None:
    page = {"Origin": "https://dashboard.example.com"}
    assert b" 403 " in upgrade(doors, **page)
    gone: list[object] = []
    client = paho_client(doors.home / "devices" / "operator", transport="websockets")
    client.on_disconnect = lambda *reason: gone.append(reason)
    client.connect("localhost", doors.places["websocket"])
    client.loop_start()
    try:
        doors.log.wait("operator connected from")
        old, doors.places["websocket"] = doors.places["websocket"], free_port()
        toml = LISTENERS.format(**doors.places) + f'origins = ["{page["Origin"]}"]\n' + TOML
        done = doors.reload(toml)
        assert done.returncode == 0, done.stderr
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", old), 5)
        assert b" 101 " in upgrade(doors, **page)
        assert doors.reload(re.sub(r"\[websocket\]\n.*", "[websocket]\nlisten = []", toml)).returncode == 0
        with pytest.raises(ConnectionRefusedError):
            upgrade(doors)
        client.publish("a", b"still here", qos=1).wait_for_publish(WAIT)
        assert not gone, "its certificate still lets it in elsewhere"
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_broken_file_changes_nothing_and_says_so_twice(doors: Doors) -> None:
    with running(standing(doors, "-C", "1")) as sub:
        doors.log.wait("operator .* may subscribe")
        done = doors.reload(doors.written + "\n[limitz]\n")
        assert done.returncode == 2
        assert "did you mean 'limits'?" in done.stderr
        doors.process.send_signal(signal.SIGHUP)  # as somebody does who does not know `sealmq reload`
        doors.log.wait("nothing has changed: .*there is no key 'limitz'")
        assert doors.published("password") == 0
        assert sub.ended() == 0


def test_a_file_that_others_can_change_is_not_read_again(doors: Doors) -> None:
    doors.toml.chmod(0o666)
    done = doors.reload('listen = ["127.0.0.1:0"]\n[websocket]\nlisten = []\n')
    assert done.returncode == 2
    assert "can be changed by others" in done.stderr
    assert doors.published("password") == 0
    doors.toml.chmod(0o600)


def test_an_address_that_is_taken_changes_nothing_and_is_said_on_stderr(doors: Doors) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = doors.reload(doors.written.replace(str(doors.places["both"]), str(port)))
    assert done.returncode == 2
    assert "the broker goes on as before" in done.stderr
    assert f"port {port} is taken" in done.stderr
    assert doors.published("password") == 0


def test_rules_that_no_longer_allow_end_the_link_that_hangs_on_them(doors: Doors) -> None:
    rules = '[[access]]\nrole = "operator"\nallow = ["publish"]\ntopics = ["#"]\n'
    with running(standing(doors, "-V", "mqttv5")):
        doors.log.wait("operator .* may subscribe")
        mark = doors.mark
        assert doors.reload(doors.written + rules).returncode == 0
        doors.log.wait(r"operator .* ends: the rules have changed.*0x87", after=mark)
    assert sealmq("access", "check", "operator", "subscribe", "a", "--home", doors.home).returncode == 1


def test_a_listener_that_is_gone_takes_those_along_whom_no_other_would_let_in(doors: Doors) -> None:
    panel = doors.client("mosquitto_sub", "plaintext", "-u", "panel", "-P", PASSWORD, "-t", "devices/panel/#")
    with running(standing(doors, "-C", "1")) as operator, running(panel):
        doors.log.wait("operator .* may subscribe")
        doors.log.wait("panel .* may subscribe")
        mark = doors.mark
        only = re.sub(r"\[\[listener\]\]\n(.*\n){2}plaintext = true\n", "", doors.written)
        assert doors.reload(only).returncode == 0
        doors.log.wait("panel .* ends: no listener takes its kind of proof any more", after=mark)
        assert doors.published("password") == 0
        assert operator.ended() == 0


def test_a_new_certificate_name_counts_after_a_reload(doors: Doors) -> None:
    name = 'names = ["broker.example.com"]'
    assert doors.reload(doors.written + f"\n[certificate]\n{name}\n").returncode == 0
    with doors.tls("operator") as connection:
        certificate = connection.getpeercert()
    assert certificate is not None
    assert ("DNS", "broker.example.com") in certificate["subjectAltName"]


def test_without_a_broker_there_is_nothing_to_reload(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", devices=())
    done = sealmq("reload", "--home", home)
    assert done.returncode == 1
    assert "no broker runs on the home" in done.stderr


def test_a_second_broker_on_the_same_home_is_refused(doors: Doors) -> None:
    done = sealmq("up", "--home", doors.home, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert f"it is the process {doors.process.pid}" in done.stderr
