"""Three ways of seeing one connection must agree on every message: OpenSSL's callback while it happens, tshark in the
capture that we wrote of it, and our own reading of that capture. And what tcpdump captured of others is explained.
"""

from __future__ import annotations

import json
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import handshake_stage
from handshake_stage import Stage, handshake, look
from interop_homes import make_home
from recorded_handshakes import CONNECT, DISCONNECT
from running import WAIT, program, running, wait_until
from sealmq.errors import ConfigError
from sealmq.kit.capture.choosing import read_capture
from sealmq.kit.capture.first_look import Protocol
from tls_pairs import VERSIONS, Trust
from tshark_readings import complaints, handshake_messages, rows

pytestmark = pytest.mark.interop

NODE = """
const tls = require("tls"), fs = require("fs");
const [port, ca, cert, key] = process.argv.slice(2);
const link = tls.connect({port: +port, host: "localhost", servername: "localhost", ca: fs.readFileSync(ca),
                          cert: fs.readFileSync(cert), key: fs.readFileSync(key)}, () =>
  link.write(Buffer.from("101000044d5154540502003c000003616263", "hex")));
link.on("data", () => link.end(Buffer.from("e000", "hex")));
"""
"""A client of Node's that speaks CONNECT and DISCONNECT of MQTT 5."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("homes") / "home")


@contextmanager
def started(broker: str, trust: Trust, home: Path, folder: Path, *, demands: bool) -> Iterator[Stage]:
    if broker == "sealmq":
        with handshake_stage.sealmq_up(home) as stage:
            yield stage
    elif broker == "mosquitto":
        with handshake_stage.mosquitto(trust, folder, "tls_version tlsv1.2", demands=demands) as stage:
            yield stage
    else:
        with handshake_stage.nats(trust, folder, demands=demands) as stage:
            yield stage


def handshake_rows(report: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Sender, HandshakeType and length of the body of each handshake message, as tshark counts them."""
    return [
        (one["sender"], int(one["raw"][:2], 16), one["size"] - 4)
        for one in report["messages"]
        if one["name"] not in ("Alert", "ChangeCipherSpec", "application data")
    ]


def seen(report: dict[str, Any]) -> list[tuple[object, ...]]:
    """What must be the same, whichever way it was seen."""
    return [
        (one["sender"], one["name"], one["size"], tuple(one["records"]), one["raw"], one["protected"])
        for one in report["messages"]
    ]


CASES = [
    (broker, demands, version)
    for broker, demands in (
        ("sealmq", True),
        ("mosquitto", False),
        ("mosquitto", True),
        ("nats", False),
        ("nats", True),
    )
    for version in ("1.2", "1.3")
]


@pytest.mark.parametrize(("broker", "demands", "version"), CASES)
def test_callback_tshark_and_our_reading_of_the_capture_agree(
    trust: Trust, home: Path, tmp_path: Path, broker: str, demands: bool, version: str
) -> None:
    capture = tmp_path / "written.pcapng"
    with started(broker, trust, home, tmp_path, demands=demands) as stage:
        said = look(*stage.options(show=demands), "--tls-version", version, "--pcapng", capture)
    report = said.report
    assert report["meta"]["seen"] == "callback"
    assert "holds the keys" in said.errors
    assert stat.S_IMODE(capture.stat().st_mode) == 0o600

    options = ("-d", f"tls.port=={stage.port},mqtt")
    assert complaints(capture) == []
    assert handshake_messages(capture, server_port=stage.port) == handshake_rows(report)
    kinds = rows(capture, ["mqtt.msgtype"], wanted="mqtt", options=options)
    assert [kind for (line,) in kinds for kind in line.split(",")] == ["1", "2", "14"]

    again = look("--pcap", capture, "--cafile", stage.root)
    assert again.code == 0
    assert again.report["meta"]["seen"] == "capture"
    assert seen(again.report) == seen(report)
    for part in ("records", "negotiated", "extensions", "key_exchange", "steps"):
        assert without_times(again.report[part]) == without_times(report[part]), part
    assert [one["name"] for one in again.report["mqtt"]] == [one["name"] for one in report["mqtt"]]


def without_times(part: Any) -> Any:
    """The pcapng counts nanoseconds, and we floating seconds: times agree as far as both can say."""
    if isinstance(part, list):
        return [without_times(one) for one in part]
    return {key: value for key, value in part.items() if key != "at"} if isinstance(part, dict) else part


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("broker", ["sealmq", "mosquitto"])
def test_a_refusal_is_captured_whole(trust: Trust, home: Path, tmp_path: Path, broker: str, version: str) -> None:
    capture = tmp_path / "written.pcapng"
    with started(broker, trust, home, tmp_path, demands=True) as stage:
        report = look(*stage.options(show=False), "--tls-version", version, "--pcapng", capture).report
    assert handshake_messages(capture, server_port=stage.port) == handshake_rows(report)
    (alert,) = [one for one in report["messages"] if one["name"] == "Alert" and one["sender"] == "server"][:1]
    number = {"handshake_failure": 40, "certificate_required": 116}[report["outcome"]["alert"]]
    assert int(alert["raw"][2:], 16) == number
    wanted = f"tls.alert_message.desc == {number} && tcp.srcport == {stage.port}"
    assert rows(capture, ["tls.alert_message.level"], wanted=wanted) == [["2"]]
    again = look("--pcap", capture)
    assert (again.code, again.outcome["alert"], again.outcome["by"]) == (1, report["outcome"]["alert"], "server")
    assert seen(again.report) == seen(report)


# --- what others capture of others


@contextmanager
def capturing(port: int, path: Path, *, connections: int = 1) -> Iterator[None]:
    """tcpdump on loopback, for the time of the block, and until it has written an end of so many connections."""
    command = [program("tcpdump", "tcpdump"), "-i", "lo", "-w", path, "-U", "--immediate-mode", f"tcp port {port}"]
    with running(command) as tcpdump:
        try:
            tcpdump.errors.wait("listening on")
        except AssertionError as error:
            pytest.skip(f"tcpdump may not capture here: {error}")
        yield
        wait_until(lambda: have_ended(path) >= connections, pause=0.3)
        assert tcpdump.end() == 0


def have_ended(path: Path) -> int:
    """Of how many connections by TLS is an end in a capture? What came before it is there, too.

    The other end may never be: who has closed, and is sent more, resets the connection.
    """
    try:
        rows = [row.number for row in read_capture(path).connections if row.protocol is Protocol.TLS]
        ends = [read_capture(path, number=number).ends for number in rows]
    except ConfigError:
        return 0  # it is not written yet
    return sum(map(bool, ends))


def client(stage: Stage, version: str, key_log: Path) -> ssl.SSLContext:
    """The context of a client of Python's own, with its key log."""
    context = ssl.create_default_context(cafile=str(stage.root))
    context.minimum_version = context.maximum_version = VERSIONS[f"TLSv{version}"]
    context.load_cert_chain(stage.certificate, stage.key)
    context.keylog_filename = str(key_log)
    return context


def talk(stage: Stage, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSession:
    """CONNECT, CONNACK, DISCONNECT. Returns the session."""
    with (
        socket.create_connection(("127.0.0.1", stage.port), WAIT) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as link,
    ):
        link.sendall(CONNECT)
        assert link.recv(100)[0] == 0x20
        found = link.session
        link.sendall(DISCONNECT)
        assert found is not None
        assert link.session_reused is (session is not None)
        return found


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_tcpdump_captured_of_a_client_is_explained_and_tshark_agrees(
    trust: Trust, home: Path, tmp_path: Path, version: str
) -> None:
    """Two connections, the second of which resumes the first (RFC 8446 section 2.2, RFC 5246 section 7.3)."""
    capture, key_log = tmp_path / "x.pcap", tmp_path / "keys"
    with started("mosquitto", trust, home, tmp_path, demands=True) as stage:
        context = client(stage, version, key_log)
        with capturing(stage.port, capture, connections=2):
            session = talk(stage, context)
            talk(stage, context, session)
    options = ("-o", f"tls.keylog_file:{key_log}", "-d", f"tls.port=={stage.port},mqtt")
    for number in (0, 1):
        said = look("--pcap", capture, "--keylog", key_log, "--stream", str(number))
        assert said.code == 0, said.text + said.errors
        report = said.report
        assert report["negotiated"]["resumed"] is (number == 1)
        assert [one["name"] for one in report["mqtt"]] == ["CONNECT", "CONNACK", "DISCONNECT"]
        theirs = handshake_messages(capture, server_port=stage.port, options=options, stream=number)
        assert theirs == handshake_rows(report)
        kinds = rows(capture, ["mqtt.msgtype"], wanted=f"mqtt && tcp.stream == {number}", options=options)
        assert [kind for (line,) in kinds for kind in line.split(",")] == ["1", "2", "14"]
    sealed = look("--pcap", capture)
    assert sealed.code == 0
    assert "encrypted" in sealed.outcome["what"]
    assert sealed.report["mqtt"] == []


def test_what_node_did_is_explained(trust: Trust, home: Path, tmp_path: Path) -> None:
    capture, key_log = tmp_path / "x.pcap", tmp_path / "keys"
    (tmp_path / "client.js").write_text(NODE)
    with started("sealmq", trust, home, tmp_path, demands=True) as stage, capturing(stage.port, capture):
        command = [program("node", "nodejs"), f"--tls-keylog={key_log}", tmp_path / "client.js", str(stage.port)]
        command += [stage.root, stage.certificate, stage.key]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=WAIT, check=False
        )
        assert done.returncode == 0, done.stderr
    report = look("--pcap", capture, "--keylog", key_log).report
    assert report["outcome"]["kind"] == "connected"
    assert report["client_authentication"]["result"] == "accepted"
    assert [one["name"] for one in report["mqtt"]] == ["CONNECT", "CONNACK", "DISCONNECT"]
    assert report["fingerprint"]["ja4"].startswith("t13d")
    theirs = handshake_messages(capture, server_port=stage.port, options=("-o", f"tls.keylog_file:{key_log}"))
    assert theirs == handshake_rows(report)


def test_mosquitto_pub_gives_no_keys_and_is_explained_as_far_as_it_can_be_seen(
    trust: Trust, home: Path, tmp_path: Path
) -> None:
    capture = tmp_path / "x.pcap"
    with started("mosquitto", trust, home, tmp_path, demands=True) as stage, capturing(stage.port, capture):
        command = [program("mosquitto_pub", "mosquitto-clients"), "-h", "localhost", "-p", str(stage.port)]
        command += ["--cafile", stage.root, "--cert", stage.certificate, "--key", stage.key, "-t", "t", "-m", "canary"]
        done = subprocess.run([str(word) for word in command], capture_output=True, timeout=WAIT, check=False)
        assert done.returncode == 0
    said = handshake("--pcap", capture)
    assert said.code == 0
    assert "what was said in it is encrypted" in said.text
    assert "nobody gave the keys" in said.text
    assert "canary" not in said.text
    listed = handshake("--pcap", capture, "--list")
    assert f"127.0.0.1:{stage.port}" in listed.text
    assert json.loads(look("--pcap", capture).text)["client_authentication"]["result"] == "unknown"
