"""The CA's keys where they are safe: sealed, away, in a token. Everything else goes on as before, in real processes."""

from __future__ import annotations

import os
import pty
import shutil
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from est_transcript import CURL, play

from interop_homes import TOML, make_home
from mqtt_bytes import connect_v5
from running import SEALMQ, Broker, program, run, sealmq, wait_until
from sealmq import cli
from sealmq.home import Home
from sealmq.pki import passphrase
from sealmq.pki.authorities import kept_as
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import identify_certificate, subject_key_id
from tokens import SoftHSM

PASSPHRASE = "four words and a number 7"

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_text(f"{PASSPHRASE}\n")
    return path


def kept(home: Path) -> set[str]:
    return {kept_as(path.read_bytes()) for path in (home / "ca").rglob("*.key")}


@contextmanager
def up(home: Path, *options: str | Path, **more: object) -> Iterator[Broker]:
    """A broker that is ended; its log tells no secret."""
    broker = Broker(home, *map(str, options), **more)
    try:
        yield broker
        assert broker.end() == 0, "\n".join(broker.log.lines[-40:])
        said = "\n".join([*broker.log.lines, *broker.output.lines])
        assert PASSPHRASE not in said
        assert "Traceback" not in said
    finally:
        broker.kill()


def done(*arguments: str | Path, **options: object) -> str:
    """The output of a `sealmq` command that has worked."""
    finished = sealmq(*arguments, stdin=subprocess.DEVNULL, **options)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def connects(broker: Broker, device: str) -> bool:
    """Whether the broker lets a device in."""
    try:
        with broker.tls(device) as connection:
            connect_v5(connection)
            return True
    except (ssl.SSLError, ConnectionError, AssertionError, EOFError):
        return False  # EOFError: it was cut between its handshake and CONNECT


def broker_serial(home: Path) -> str:
    return identify_certificate(certificates_of((home / "broker" / "broker.pem").read_bytes())[0]).serial


def goes_on(home: Path, *options: str | Path) -> None:
    """Issue, start, revoke, renew the broker's certificate, back up, restore, enrol: whatever `options` open the CA."""

    def typed(*arguments: str | Path) -> None:
        assert cli.run([*map(str, arguments), "--home", str(home)]) == 0

    typed("device", "add", "new-1", *options)
    with up(home, *options) as broker:
        assert connects(broker, "new-1")
        typed("device", "revoke", "new-1", *options)
        wait_until(lambda: not connects(broker, "new-1"))
        typed("device", "add", "new-2", *options)
        assert connects(broker, "new-2")
        before = broker_serial(home)
    check_with_openssl(home)
    (home / "sealmq.toml").write_text(TOML + '\n[certificate]\nnames = ["another.example"]\n')
    with up(home, *options) as broker:
        assert broker_serial(home) != before, "the broker's certificate was renewed"
        assert connects(broker, "new-2")
        typed("backup", home.with_name("backup"))
        typed("device", "add", "later", *options)
    typed("restore", home.with_name("backup"), "--force")
    with up(home, "--listen", "127.0.0.1:0", "--https", "127.0.0.1:0", *options) as broker:
        assert connects(broker, "new-2")
        assert not connects(broker, "new-1")
        typed("device", "add", "later", *options)
        assert connects(broker, "later")
        enrols_and_renews(broker)


def enrols_and_renews(broker: Broker) -> None:
    """A device gets a certificate over EST and renews it: the thread in the broker that enrols can sign."""
    for name in ("curl", "openssl"):
        program(name, name)
    program("mosquitto_pub", "mosquitto-clients")
    folder = broker.home.with_name("client")
    folder.mkdir()
    shutil.copy(broker.home / "ca" / "root.pem", folder)
    steps = list(play(CURL, folder, broker.home, {"est": broker.https_ports[0], "mqtt": broker.port}))
    assert [step.code for step in steps] == [0] * len(CURL), steps[-1]


def check_with_openssl(home: Path) -> None:
    """openssl verifies what was issued, and the signature of the list of what was revoked."""
    openssl, work = program("openssl", "openssl"), home.with_name("openssl")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for purpose, leaf in (
        ("sslserver", home / "broker" / "broker.pem"),
        ("sslclient", home / "devices" / "new-2" / "device-chain.pem"),
    ):
        command = [openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", home / "ca" / "root.pem"]
        run([*command, "-untrusted", leaf, leaf])
    key_id = subject_key_id(certificates_of((home / "ca" / "device-ca.pem").read_bytes())[0])
    with Home.open(home) as opened:
        crl = opened.registry.crl(key_id)
    assert crl is not None
    (work / "crl.der").write_bytes(crl)
    said = run([openssl, "crl", "-in", work / "crl.der", "-CAfile", home / "ca" / "device-ca.pem", "-noout", "-text"])
    assert "verify OK" in said.stderr
    assert said.stdout.count("Serial Number:") == 1


# --- sealed


def test_a_home_whose_keys_were_sealed_from_the_first_start(tmp_path: Path, file: Path) -> None:
    home = tmp_path / "home"
    with up(home, "--ca-passphrase-file", file) as broker:
        assert kept(home) == {"sealed"}
        assert connects(broker, "operator")
        refused = sealmq("device", "add", "sensor-1", "--home", home, stdin=subprocess.DEVNULL)
        assert refused.returncode == 1
        assert "sealed by a passphrase, and nobody gave it" in refused.stderr
        done("device", "add", "sensor-1", "--home", home, env=os.environ | {passphrase.VARIABLE: str(file)})
        assert connects(broker, "sensor-1")
    refused = sealmq("up", "--home", home, "--listen", "127.0.0.1:0", stdin=subprocess.DEVNULL)
    assert refused.returncode == 1
    assert "--ca-passphrase-file FILE" in refused.stderr
    file.chmod(0o640)
    refused = sealmq("up", "--home", home, "--ca-passphrase-file", file, stdin=subprocess.DEVNULL)
    assert f"chmod 600 {file}" in refused.stderr


def test_the_passphrase_from_systemd_and_from_a_descriptor(home: Path, file: Path, tmp_path: Path) -> None:
    done("ca", "encrypt", "--new-passphrase-file", file, "--home", home)
    assert kept(home) == {"sealed"}
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / passphrase.CREDENTIAL).write_text(PASSPHRASE)
    with up(home, env=os.environ | {"CREDENTIALS_DIRECTORY": str(credentials)}) as broker:
        assert connects(broker, "sensor-1")
    with file.open("rb") as opened:
        descriptor = opened.fileno()
        with up(home, "--ca-passphrase-fd", str(descriptor), pass_fds=[descriptor]) as broker:
            assert connects(broker, "sensor-1")
    added = subprocess.run(
        [*SEALMQ, "device", "add", "by-pipe", "--ca-passphrase-fd", "0", "--home", str(home)],
        input=f"{PASSPHRASE}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert added.returncode == 0, added.stderr


def test_everything_goes_on_with_sealed_keys(home: Path, file: Path) -> None:
    done("ca", "encrypt", "--new-passphrase-file", file, "--home", home)
    goes_on(home, "--ca-passphrase-file", file)
    assert kept(home) == {"sealed"}


def test_a_broker_that_runs_does_not_mind_how_its_keys_are_kept(home: Path, file: Path) -> None:
    with up(home) as broker:
        done("ca", "encrypt", "--new-passphrase-file", file, "--home", home)
        done("backup", home.with_name("backup"), "--home", home)
        assert connects(broker, "sensor-1")
        done("ca", "decrypt", "--ca-passphrase-file", file, "--home", home)
        assert kept(home) == {"plain"}
        assert "open is added" in done("device", "add", "open", "--home", home)
        assert connects(broker, "open")


def in_a_terminal(*arguments: str | Path, typed: list[tuple[str, str]]) -> tuple[int, str]:
    """Run `sealmq` in a terminal, and type each answer behind its prompt; returns its exit code and the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SEALMQ[0], [*SEALMQ, *map(str, arguments)])
    screen = b""
    waiting = list(typed)
    while True:
        try:
            chunk = os.read(terminal, 1024)
        except OSError:  # Linux says EIO when the other side has gone
            break
        if not chunk:
            break
        screen += chunk
        if waiting and screen.endswith(waiting[0][0].encode()):
            os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
    os.close(terminal)
    assert not waiting, f"nobody asked {waiting[0][0]!r} on {screen.decode()!r}"
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


def test_the_passphrase_is_typed_and_not_shown(home: Path, tmp_path: Path) -> None:
    twice = [("New passphrase of the CA's keys: ", PASSPHRASE), ("Once more: ", PASSPHRASE)]
    code, screen = in_a_terminal("ca", "encrypt", "--home", home, typed=twice)
    assert code == 0, screen
    assert kept(home) == {"sealed"}
    once = [("Passphrase of the CA's keys (or PIN of their token): ", PASSPHRASE)]
    code, added = in_a_terminal("device", "add", "typed-1", "--home", home, typed=once)
    assert code == 0, added
    code, listed = in_a_terminal("device", "list", "--home", home, typed=[])
    assert (code, "typed-1" in listed) == (0, True), "what needs no CA asks for nothing"
    wrong = [(once[0][0], "something else entirely")]
    code, refused = in_a_terminal("device", "add", "typed-2", "--home", home, typed=wrong)
    assert (code, "does not open ca/device-ca.key" in refused) == (1, True)
    for shown in (screen, added, refused):
        assert PASSPHRASE not in shown
        assert "something else" not in shown


# --- away


def test_everything_goes_on_without_the_root_s_key(home: Path, file: Path, tmp_path: Path) -> None:
    offline = tmp_path / "root.offline"
    done("ca", "export-root", "--offline", offline, "--root-passphrase-file", file, "--home", home)
    assert not list(home.rglob("root.key"))
    opened = run([program("openssl", "openssl"), "pkey", "-in", offline, "-passin", f"file:{file}", "-pubout"])
    certified = run(["openssl", "x509", "-in", home / "ca" / "root.pem", "-noout", "-pubkey"])
    assert opened.stdout == certified.stdout
    goes_on(home)
    assert not (home / "ca" / "root.key").exists()


# --- in a token


def test_everything_goes_on_with_the_keys_in_a_token(home: Path, hsm: SoftHSM) -> None:
    hsm.restart()
    done("ca", "to-token", *hsm.options, "--home", home)
    assert kept(home) == {"token"}
    for path in (home / "ca").rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()
    goes_on(home)
    assert kept(home) == {"token"}


def test_the_pin_is_asked_for_where_a_passphrase_would_be(home: Path, hsm: SoftHSM, tmp_path: Path) -> None:
    done("ca", "to-token", *hsm.options, "--home", home)
    for key in (home / "ca").glob("*.key"):  # as to-token writes it when the PIN was typed
        key.write_text(key.read_text().split("&pin-source=")[0] + "\n")
    refused = sealmq("up", "--home", home, "--listen", "127.0.0.1:0", stdin=subprocess.DEVNULL)
    assert refused.returncode == 1
    assert "the token 'plant' wants its PIN, and nobody gave it" in refused.stderr
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("0000-wrong\n")
    refused = sealmq("device", "add", "x", "--home", home, "--ca-passphrase-file", wrong, stdin=subprocess.DEVNULL)
    assert refused.returncode == 1
    assert "the PIN does not open the token 'plant'" in refused.stderr
    assert "0000-wrong" not in refused.stderr
    with closing(sqlite3.connect(home / "sealmq.db")) as registry:
        assert registry.execute("SELECT count(*) FROM devices WHERE name = 'x'").fetchone() == (0,)
    with up(home, "--ca-passphrase-file", hsm.pin_file) as broker:
        assert connects(broker, "sensor-1")
