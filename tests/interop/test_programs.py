"""paho-mqtt and aiomqtt through each TLS library, with SealMQ and with mosquitto: every byte, and every refusal."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from certificates import Authority
from interop_homes import TOML, make_home, start
from libraries import PSK_LIBRARIES, middleware
from message_rounds import aiomqtt_round, paho_round
from ports import free_port
from recording_relay import relay
from running import WAIT, Broker, program, running, sealmq, wait_until
from sealmq.bundle import read_psk
from sealmq.cli.middleware import SHOWN
from sealmq.errors import ConfigError, MiddlewareError, TLSError
from sealmq.home import Home
from sealmq.tls import for_paho
from sealmq.tls.middleware import PSK, TLS13
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.sockets import SocketContext
from small_mosquitto import configuration, listens

pytestmark = pytest.mark.interop

MESSAGES, LARGE = 200, 1_500_000
each_middleware = pytest.mark.parametrize("name", SHOWN)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that takes large messages."""
    home = make_home(tmp_path_factory.mktemp("programs") / "home")
    (home / "sealmq.toml").write_text(TOML.replace("packet_size = 100_000", "packet_size = 2_000_000", 1))
    yield from start(home)


def bundle(broker: Broker, device: str = "operator") -> Path:
    return broker.home / "devices" / device


def context(name: str, broker: Broker) -> SocketContext:
    middleware(name)
    return for_paho(bundle(broker), middleware=name)


@each_middleware
@pytest.mark.parametrize("round_trip", [paho_round, aiomqtt_round], ids=["paho", "aiomqtt"])
def test_every_message_comes_back_from_sealmq(name: str, round_trip: Callable[..., None], roomy: Broker) -> None:
    topic = f"rounds/{name}/{round_trip.__name__}"
    round_trip(context(name, roomy), host_for(name), roomy.port, topic, messages=MESSAGES, large=LARGE)


def host_for(name: str) -> str:
    """An address where the library can compare it."""
    return "127.0.0.1" if middleware(name).abilities.addresses else "localhost"


@pytest.fixture(scope="module")
def mosquitto(roomy: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """mosquitto with the same certificates, on a port of its own."""
    where = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or program("mosquitto", "mosquitto")
    folder, port = tmp_path_factory.mktemp("mosquitto"), free_port()
    (folder / "mosquitto.conf").write_text(configuration(roomy.home, folder, port))
    with running([where, "-c", folder / "mosquitto.conf"]) as broker:
        wait_until(lambda: listens(port) or broker.process.poll() is not None)
        assert broker.process.poll() is None, broker.errors.lines
        yield port


@each_middleware
@pytest.mark.parametrize("round_trip", [paho_round, aiomqtt_round], ids=["paho", "aiomqtt"])
def test_every_message_comes_back_from_mosquitto(
    name: str, round_trip: Callable[..., None], roomy: Broker, mosquitto: int
) -> None:
    round_trip(context(name, roomy), "localhost", mosquitto, f"rounds/{name}", messages=MESSAGES, large=LARGE)


@each_middleware
def test_pub_and_sub_speak_by_it(name: str, roomy: Broker, tmp_path: Path) -> None:
    middleware(name)
    topic, where = f"devices/sensor-1/{name}", ["-h", "localhost", "-p", str(roomy.port), "--home", roomy.home]
    options = [*where, "--middleware", name, "-t", topic]
    done = sealmq("pub", *options, "--as", "sensor-1", "-m", "kept", "-q", "1", "-r")
    assert done.returncode == 0, done.stderr
    done = sealmq("sub", *options, "-C", "1", "-W", "20")
    assert (done.returncode, done.stdout) == (0, f"{topic} kept\n"), done.stderr


@pytest.fixture(scope="module")
def psk_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    """A broker with a listener for PSKs by each library that has them: a device's psk.txt, and the ports."""
    home = make_home(tmp_path_factory.mktemp("psk") / "home", devices=())
    with Home.open(home) as opened:
        file = opened.psk_enrollment().add_device("small-1", now=time.time()).file
    ports = {name: free_port() for name in PSK_LIBRARIES if middleware(name).abilities.psk_server}
    assert ports
    listeners = [
        f'[[listener]]\naddress = "127.0.0.1:{port}"\nauth = "psk"\nmiddleware = "{name}"\n'
        for name, port in ports.items()
    ]
    toml = TOML.replace("packet_size = 100_000", "packet_size = 2_000_000", 1)
    (home / "sealmq.toml").write_text(
        "listen = []\n" + "".join(listeners) + "[websocket]\nlisten = []\n[https]\nlisten = []\n" + toml
    )
    broker = Broker(home, listen=())
    try:
        yield file, ports
        assert broker.end() == 0
    finally:
        broker.kill()


@pytest.mark.parametrize("name", PSK_LIBRARIES)
def test_every_message_comes_back_with_a_pre_shared_key(name: str, psk_broker: tuple[Path, dict[str, int]]) -> None:
    file, ports = psk_broker
    assert middleware(name).abilities.psk_client
    key = read_psk(file)
    for library, port in ports.items():
        # wolfSSL 5.5 that offers TLS 1.3 with a PSK does not go back to a broker that has only 1.2.
        only_12 = TLS13 not in middleware(library).abilities.psk_server
        policy = TLSPolicy(highest="TLSv1.2") if only_12 else TLSPolicy()
        psk = for_paho(psk=PSK(key.identity, key.key), middleware=name, policy=policy)
        topic = f"devices/small-1/{name}/{library}"
        paho_round(psk, "127.0.0.1", port, topic, messages=MESSAGES, large=LARGE)
    wrong = for_paho(psk=PSK(key.identity, bytes(32)), middleware=name)
    assert isinstance(dial(wrong, port, "127.0.0.1"), ssl.SSLError)


def test_pub_takes_the_key_from_its_file(psk_broker: tuple[Path, dict[str, int]]) -> None:
    file, ports = psk_broker
    (name, port), *_ = ports.items()
    where = ["-h", "127.0.0.1", "-p", str(port), "--psk-file", file, "-t", "devices/small-1/x"]
    done = sealmq("pub", *where, "--middleware", name, "-m", "21.5", "-q", "1")
    assert done.returncode == 0, done.stderr
    done = sealmq("pub", *where, "--middleware", "pyopenssl", "-m", "21.5")
    assert (done.returncode, "has no PSK for a device" in done.stderr) == (2, True), done.stderr


# --- refusals through paho: an exception with words, never a hang


def dial(context: SocketContext, port: int, host: str = "localhost") -> OSError:
    """What paho's connect raises, or what its socket says when it reads."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect_timeout = WAIT
    client.tls_set_context(context)
    try:
        client.connect(host, port)
        sock = client.socket()
        assert sock is not None
        sock.settimeout(WAIT)
        try:
            while sock.recv(1):
                pass
        finally:
            client._sock_close()
    except OSError as error:
        return error
    raise AssertionError("it was let in")


@each_middleware
def test_another_name_is_refused_in_words(name: str, roomy: Broker) -> None:
    with relay(roomy.port, "127.0.0.2") as stranger:  # an address that is in nobody's certificate
        error = dial(context(name, roomy), stranger.port, "127.0.0.2")
    if not middleware(name).abilities.addresses:
        assert isinstance(error.__cause__, MiddlewareError)
        assert "compares names only" in str(error)
    else:
        assert isinstance(error, ssl.SSLCertVerificationError)
        assert isinstance(error.__cause__, TLSError)
        assert "that was dialled" in str(error)


@each_middleware
def test_another_authority_is_refused_in_words(name: str, roomy: Broker, tmp_path: Path) -> None:
    middleware(name)
    (tmp_path / "root.pem").write_bytes(Authority("Another root").pem)
    error = dial(for_paho(root=tmp_path / "root.pem", middleware=name), roomy.port)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "next:" in str(error)


@each_middleware
def test_who_shows_no_certificate_hears_it(name: str, roomy: Broker) -> None:
    middleware(name)
    error = dial(for_paho(root=roomy.home / "ca" / "root.pem", middleware=name), roomy.port)
    assert isinstance(error, ssl.SSLError)
    assert "_ALERT_" in str(error)
    assert "certificate" in str(error)


@each_middleware
@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ssl.SSLError, "does not speak TLS: this looks like HTTP"),
        (b"\x16\x03\x03\x00\x05hello", ssl.SSLError, "the broker"),
        (b"", ssl.SSLEOFError, "EOF"),
        (b"\x16\x03\x03", ssl.SSLEOFError, "EOF"),
    ],
    ids=["HTTP", "noise", "nothing", "cut"],
)
def test_what_is_no_broker_is_an_error(name: str, said: bytes, kind: type[OSError], words: str, roomy: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(said)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65_536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = dial(context(name, roomy), listener.getsockname()[1])
        thread.join(WAIT)
    assert isinstance(error, kind), error
    assert words in str(error)


@each_middleware
def test_silence_ends_with_the_timeout(name: str, roomy: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = 0.2
        client.tls_set_context(context(name, roomy))
        with pytest.raises(TimeoutError):
            client.connect("localhost", listener.getsockname()[1])


def test_paho_cannot_turn_verification_off(roomy: Broker) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.tls_set_context(context("openssl", roomy))
    with pytest.raises(ConfigError, match="always checked"):
        client.tls_insecure_set(True)
