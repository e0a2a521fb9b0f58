"""EST with other people's clients, over real sockets: strongSwan's pki, curl with openssl, and whoever misbehaves."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7
from est_transcript import CURL, REFUSED, STRONGSWAN, play

from interop_homes import add_device, make_home, start
from mqtt_bytes import connect_v5, publish, read_packet, subscribe
from ports import free_port
from running import WAIT, Broker, program, run, sealmq
from sealmq.config import CertificateSettings
from sealmq.home import Home, broker_names
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

pytestmark = pytest.mark.interop

HTTPS = ("--listen", "127.0.0.1:0", "--https", "127.0.0.1:0")
DAY = 86_400.0


@pytest.fixture(scope="module")
def est_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with EST, with the limits of an unedited configuration."""
    yield from start(make_home(tmp_path_factory.mktemp("est") / "home", '[log]\nlevel = "debug"\n'), *HTTPS)


def ports(broker: Broker) -> dict[str, int]:
    return {"est": broker.https_ports[0], "mqtt": broker.port}


@pytest.fixture
def folder(est_broker: Broker, tmp_path: Path) -> Path:
    """A client's folder, which has the root."""
    (tmp_path / "root.pem").write_bytes((est_broker.home / "ca" / "root.pem").read_bytes())
    return tmp_path


def url(broker: Broker, path: str) -> str:
    return f"https://localhost:{broker.https_ports[0]}{path}"


def curl(broker: Broker, path: str, *options: str | Path) -> str:
    """The whole answer, head and body."""
    trusted = ["--cacert", broker.home / "ca" / "root.pem"]
    return run([program("curl", "curl"), "-sS", "-i", *trusted, *options, url(broker, path)]).stdout


def request_file(folder: Path, name: str) -> Path:
    """A new key, and a request for it in base64."""
    program("openssl", "openssl")
    key, request = folder / f"{name}.key", folder / f"{name}.b64"
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key])
    der = folder / f"{name}.der"
    run(["openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-outform", "DER", "-out", der])
    request.write_bytes(base64.encodebytes(der.read_bytes()))
    return request


def post(request: Path) -> tuple[str | Path, ...]:
    return "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{request}"


def tls(broker: Broker, *, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    """A TLS connection to the EST listener, without a certificate."""
    context = client_context(TLSPolicy(), root=broker.home / "ca" / "root.pem")
    if version is not None:
        context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", broker.https_ports[0]), WAIT)
    return context.wrap_socket(plain, server_hostname="localhost")


# -- the clients that there are


def test_strongswan_fetches_the_cas_enrols_renews_and_the_result_connects(est_broker: Broker, folder: Path) -> None:
    program("pki", "strongswan-pki")
    mark = est_broker.mark
    steps = list(play(STRONGSWAN, folder, est_broker.home, ports(est_broker)))
    assert [step.code for step in steps] == [0] * len(STRONGSWAN), steps[-1]
    assert "Issued certificate is trusted" in steps[4].said
    assert "Issued certificate is trusted" in steps[8].said
    assert steps[5].said != steps[9].said, "it is another certificate"
    est_broker.log.wait("pump-7 is enrolled: serial .* \\(est\\)", after=mark)
    est_broker.log.wait("pump-7 is renewed: serial .* \\(est\\)", after=mark)
    est_broker.log.wait("pump-7 connected from", after=mark)


def test_curl_and_openssl_do_the_same(est_broker: Broker, folder: Path) -> None:
    for name in ("curl", "openssl"):
        program(name, name)
    program("mosquitto_pub", "mosquitto-clients")
    mark = est_broker.mark
    steps = list(play(CURL, folder, est_broker.home, ports(est_broker)))
    assert [step.code for step in steps] == [0] * len(CURL), steps[-1]
    assert steps[2].said.endswith("Total found: 4")
    assert steps[6].said != steps[8].said, "it is another certificate"
    est_broker.log.wait("sensor-8 connected from", after=mark)
    request_file(folder, "other")
    (used,) = [line.strip() for line in steps[0].said.splitlines() if re.fullmatch(r"  [\w-]{43}", line)]
    (again,) = play([REFUSED.replace("{token}", used)], folder, est_broker.home, ports(est_broker))
    assert again.said in ("Not authorized.", "The request is for another name.")


def test_a_claim_enrols_a_line_and_does_nothing_else(est_broker: Broker, folder: Path) -> None:
    done = sealmq(
        *("enroll", "claim", "line-1", "--quota", "2", "--prefix", "valve-", "--out", folder / "claim"),
        *("--home", est_broker.home),
    )
    assert done.returncode == 0, done.stderr
    files = ("--cert", folder / "claim" / "device-chain.pem", "--key", folder / "claim" / "device.key")
    enroll = "/.well-known/est/simpleenroll"
    for name in ("valve-1", "valve-2"):
        assert curl(est_broker, enroll, *files, *post(request_file(folder, name))).startswith("HTTP/1.1 200 OK")
    too_many = curl(est_broker, enroll, *files, *post(request_file(folder, "valve-3")))
    assert too_many.startswith("HTTP/1.1 401 Unauthorized")
    other = curl(est_broker, enroll, *files, *post(request_file(folder, "pump-1")))
    assert other.endswith("Not for this name.\n")
    renewal = curl(est_broker, "/.well-known/est/simplereenroll", *files, *post(folder / "valve-1.b64"))
    assert renewal.startswith("HTTP/1.1 401 Unauthorized")


def test_who_waits_for_approval_comes_again_with_the_same_request(est_broker: Broker, folder: Path) -> None:
    made = sealmq("enroll", "token", "--device", "gate-1", "--approve", "--home", est_broker.home, "--json")
    assert made.returncode == 0, made.stderr
    (secret,) = re.findall(r'"([\w-]{43})"', made.stdout)
    words = ("-u", f"gate-1:{secret}", *post(request_file(folder, "gate-1")))
    first = curl(est_broker, "/.well-known/est/simpleenroll", *words)
    assert first.splitlines()[0] == "HTTP/1.1 202 Accepted"
    assert re.search(r"^Retry-After: [0-9]+\r?$", first, re.MULTILINE)
    waiting = sealmq("enroll", "waiting", "--home", est_broker.home, "--json").stdout
    (number,) = re.findall(r'"(?:request|number|id)": ([0-9]+)', waiting)
    assert sealmq("enroll", "approve", number, "--home", est_broker.home).returncode == 0
    assert curl(est_broker, "/.well-known/est/simpleenroll", *words).startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize(("late", "status"), [(15, "200 OK"), (40, "401 Unauthorized")])
def test_an_expired_certificate_renews_within_the_window_and_opens_nothing_else(
    tmp_path: Path, late: int, status: str
) -> None:
    made, names = time.time() - (365 + late) * DAY, broker_names(CertificateSettings())
    with Home.create(tmp_path / "home", organization="SealMQ", country="XX", names=names, now=made) as home:
        home.enrollment().add_device("sensor-1", now=made)
    for broker in start(tmp_path / "home", *HTTPS):
        _, chain, key = broker.files("sensor-1")
        files = ("--cert", chain, "--key", key)
        renewal = curl(broker, "/.well-known/est/simplereenroll", *files, *post(request_file(tmp_path, "sensor-1")))
        assert renewal.startswith(f"HTTP/1.1 {status}")
        enroll = curl(broker, "/.well-known/est/simpleenroll", *files, *post(tmp_path / "sensor-1.b64"))
        assert enroll.startswith("HTTP/1.1 401 Unauthorized")
        assert "can be renewed, and nothing else" in enroll
        refused = subprocess.run(
            [
                str(word)
                for word in broker.mosquitto("mosquitto_pub", "sensor-1", "-t", "devices/sensor-1/a", "-m", "1")
            ],
            capture_output=True,
            timeout=WAIT,
            check=False,
        )
        assert refused.returncode != 0
        broker.log.wait("sensor-1.*certificate has expired|certificate has expired")


def test_a_revoked_certificate_is_refused_at_once(est_broker: Broker, folder: Path) -> None:
    add_device(est_broker.home, "lost-1")
    _, chain, key = est_broker.files("lost-1")
    files = ("--cert", chain, "--key", key, *post(request_file(folder, "lost-1")))
    said = curl(est_broker, "/.well-known/est/simplereenroll", *files)
    assert said.startswith("HTTP/1.1 200 OK"), est_broker.log.lines[-6:]
    assert sealmq("device", "revoke", "lost-1", "--home", est_broker.home).returncode == 0
    assert curl(est_broker, "/.well-known/est/simplereenroll", *files).startswith("HTTP/1.1 401 Unauthorized")


def test_who_stands_before_the_desk_is_cut_when_it_is_revoked(est_broker: Broker) -> None:
    add_device(est_broker.home, "lost-2")
    root, chain, key = est_broker.files("lost-2")
    context = client_context(TLSPolicy(), root=root, chain=chain, key=key)
    plain = socket.create_connection(("127.0.0.1", est_broker.https_ports[0]), WAIT)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(b"POST /.well-known/est/simplereenroll HTTP/1.1\r\n")
        mark = est_broker.mark
        with Home.open(est_broker.home) as home:  # by ourselves: the request may not become too old meanwhile
            home.enrollment().revoke_device("lost-2", now=time.time())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert connection.recv(1_000) == b""
    est_broker.log.wait(r"lost-2 \(.*\) ends: its certificate was revoked", after=mark)


# -- byte by byte


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_answer_comes_in_one_read_and_then_the_end(est_broker: Broker, version: ssl.TLSVersion) -> None:
    with tls(est_broker, version=version) as connection:
        connection.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
        data = connection.recv(16_384)
        assert connection.recv(16_384) == b"", "close_notify, and nothing behind the answer"
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert [line.partition(b": ")[0] for line in lines[1:]] == [
        *(b"Date", b"Content-Type", b"Content-Length", b"Connection")
    ]
    assert lines[2] == b"Content-Type: application/pkcs7-mime; smime-type=certs-only"
    assert lines[3] == b"Content-Length: %d" % len(body)
    assert lines[4] == b"Connection: close"
    assert body == base64.encodebytes(base64.b64decode(body))


def test_http_without_tls_is_told_so(est_broker: Broker) -> None:
    address = f"http://localhost:{est_broker.https_ports[0]}/"
    said = run([program("curl", "curl"), "-sS", "-i", address]).stdout
    assert said.startswith("HTTP/1.1 400 Bad Request")
    assert "This port takes HTTPS" in said


def test_mqtt_at_the_wrong_port_is_told_in_the_log(est_broker: Broker) -> None:
    mark = est_broker.mark
    with tls(est_broker) as connection:
        connection.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        assert b"MQTT is not spoken here" in connection.recv(1_000)
    est_broker.log.wait("was answered 400 to 'MQTT': MQTT is not spoken here", after=mark)


# -- who listens where


def test_est_listens_only_when_asked_beside_listen(broker: Broker) -> None:
    assert broker.https_ports == []


def test_a_port_that_is_taken_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        options = ["--listen", "127.0.0.1:0", "--https", f"127.0.0.1:{taken}"]
        done = sealmq("up", "--home", tmp_path / "home", *options)
    assert done.returncode != 0
    assert f"port {taken} is taken" in done.stderr
    assert "[https] listen = []" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_reload_opens_closes_and_changes_what_is_allowed(tmp_path: Path) -> None:
    port = free_port()
    usual = 'listen = ["127.0.0.1:0"]\n[websocket]\nlisten = []\n'
    opened = f'{usual}[https]\nlisten = ["127.0.0.1:{port}"]\n'
    home = make_home(tmp_path / "home", f"{usual}[https]\nlisten = []\n")
    broker = Broker(home, listen=())
    try:
        assert broker.https_ports == []
        (home / "sealmq.toml").write_text(f'{opened}[[enrollment.label]]\nname = "line-1"\nprefix = "pump-"\n')
        assert sealmq("reload", "--home", home).returncode == 0
        broker.https_ports = [port]
        assert curl(broker, "/.well-known/est/line-1/csrattrs").startswith("HTTP/1.1 200 OK")
        (home / "sealmq.toml").write_text(opened)
        assert sealmq("reload", "--home", home).returncode == 0
        assert curl(broker, "/.well-known/est/line-1/csrattrs").startswith("HTTP/1.1 404 Not Found")
        (home / "sealmq.toml").write_text(f"{usual}[https]\nlisten = []\n")
        assert sealmq("reload", "--home", home).returncode == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
    finally:
        broker.kill()


def test_a_new_root_reaches_those_who_know_the_old_one(own_est_broker: Broker, tmp_path: Path) -> None:
    broker, old = own_est_broker, tmp_path / "old.pem"
    old.write_bytes((broker.home / "ca" / "root.pem").read_bytes())
    mark = broker.mark
    done = sealmq("ca", "rotate", "--home", broker.home)
    assert done.returncode == 0, done.stderr
    broker.log.wait("the certificate authorities have changed", after=mark)
    fetched = run([program("curl", "curl"), "-sS", "--cacert", old, url(broker, "/.well-known/est/cacerts")]).stdout
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(fetched))
    roots = {each.subject for each in found if each.subject == each.issuer}
    crossed = [each for each in found if {each.subject, each.issuer} == roots]
    assert (len(roots), len(crossed)) == (2, 2), "each root is certified by the other"
    issuing = {each.subject for each in found} - roots
    assert len(issuing) == len(found) - 4
    assert len(issuing) >= 3, "a Server CA, a Device CA and a Claim CA at least"
    program("pki", "strongswan-pki")
    words = [
        "pki",
        "--estca",
        "--url",
        url(broker, ""),
        "--cacert",
        old,
        "--caout",
        tmp_path / "ca",
        "--outform",
        "pem",
    ]
    run(words)
    assert len(list(tmp_path.glob("ca*.pem"))) == len(found)


# -- a crowd

CROWD = 1_000
"""Connections at once; half of them from one address may shake hands, which the limits say, and the others wait."""

BOUND = 80_000_000
"""Bytes that the broker may grow by: TLS of those who came through, and 64 KiB that each of them has sent."""


def test_a_thousand_who_say_half_a_request_do_not_stop_two_who_talk(own_est_broker: Broker) -> None:
    broker = own_est_broker
    writer, reader = broker.tls("sensor-1"), broker.tls("operator")
    crowd: list[socket.socket] = []
    try:
        connect_v5(writer)
        connect_v5(reader)
        reader.sendall(subscribe("devices/sensor-1/pair"))
        assert read_packet(reader)[0] == 0x90
        before = broker.resident_bytes()
        context = client_context(TLSPolicy(), root=broker.home / "ca" / "root.pem")
        half = (
            b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n" + b"A" * 60_000
        )
        for number in range(CROWD):
            plain = socket.create_connection(("127.0.0.1", broker.https_ports[0]), WAIT)
            crowd.append(plain)
            if number < 250:
                crowd[-1] = context.wrap_socket(plain, server_hostname="localhost")
                crowd[-1].sendall(half)
            elif number % 2:
                plain.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
            if number % 50 == 0:
                words = f"word {number}".encode()
                writer.sendall(publish("devices/sensor-1/pair", words))
                assert read_packet(reader)[1].endswith(words)
        assert broker.resident_bytes() - before < BOUND
        writer.sendall(publish("devices/sensor-1/pair", b"the end"))
        assert read_packet(reader)[1].endswith(b"the end")
    finally:
        for each in (*crowd, writer, reader):
            each.close()
    assert curl(broker, "/.well-known/est/csrattrs").startswith("HTTP/1.1 200 OK")


@pytest.fixture
def own_est_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, with the limits of an unedited configuration."""
    yield from start(make_home(tmp_path / "home", ""), *HTTPS)
