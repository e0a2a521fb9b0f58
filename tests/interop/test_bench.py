"""Each workload of `sealmq bench`, tiny, against a real SealMQ and against Debian's mosquitto, over TLS.

Counts are asserted, never times: what was sent has come, once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interop_homes import make_home, start
from ports import free_port
from running import Broker, program, running, sealmq
from sealmq.kit.bench.result import Result
from sealmq.kit.bench.run import Bounds, run
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.watch import Watch
from sealmq.kit.bench.workloads import WORKLOADS, Calls, Durable, Flow, Idle, Scale, Storm, Workload, find

pytestmark = pytest.mark.interop

MESSAGES = 300
SECONDS = 60.0
"""Only a bound: MESSAGES end each workload long before. Idle, storm and paced have a bound of their own."""

SHORT = 3.0
"""Seconds of those that only time ends: so many that each process of the load has its turn in them."""

LONGEST = 100.0
"""Seconds in which the command ends, which starts three processes for each workload."""

MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
cafile {folder}/anchors.pem
certfile {home}/broker/broker.pem
keyfile {home}/broker/broker.pem
require_certificate {required}
max_queued_messages 100000
persistence false
user {user}
log_type all
"""


@dataclass(frozen=True)
class Measured:
    """A broker, and how the load finds it."""

    target: Target
    pid: int


def target(home: Path, port: int) -> Target:
    folder = home / "devices" / "operator"
    return Target(
        "localhost", port, home / "ca" / "root.pem", folder / "device-chain.pem", folder / "device.key"
    )  # fmt: skip


@pytest.fixture(scope="session")
def bench_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("bench") / "home", "", devices=())


@pytest.fixture(scope="session")
def sealmq_broker(bench_home: Path) -> Iterator[Measured]:
    for broker in start(bench_home):
        yield Measured(target(bench_home, broker.port), broker.process.pid)


def mosquitto_program() -> str:
    """Debian puts it where only root's PATH leads."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or program("mosquitto", "mosquitto")


def mosquitto(home: Path, folder: Path, required: str) -> Iterator[Measured]:
    command = mosquitto_program()
    (folder / "anchors.pem").write_text((home / "ca/device-ca.pem").read_text() + (home / "ca/root.pem").read_text())
    port = free_port()
    user = "root" if os.getuid() == 0 else os.environ.get("USER", "nobody")
    words = MOSQUITTO.format(port=port, folder=folder, home=home, required=required, user=user)
    (folder / "mosquitto.conf").write_text(words)
    with running([command, "-c", folder / "mosquitto.conf"]) as process:
        process.errors.wait("mosquitto version .* running")
        yield Measured(target(home, port), process.process.pid)


@pytest.fixture(scope="session")
def mosquitto_broker(bench_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    yield from mosquitto(bench_home, tmp_path_factory.mktemp("mosquitto"), "true")


@pytest.fixture(scope="session")
def open_mosquitto(bench_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    yield from mosquitto(bench_home, tmp_path_factory.mktemp("open-mosquitto"), "false")


@pytest.fixture(params=["sealmq", "mosquitto"])
def measured(request: pytest.FixtureRequest) -> Measured:
    found: Measured = request.getfixturevalue(f"{request.param}_broker")
    return found


def measure(broker: Measured, workload: Workload) -> Result:
    is_short = isinstance(workload, Idle | Storm)
    bounds = Bounds(SHORT if is_short else SECONDS, 10_000 if is_short else MESSAGES)
    result = run(workload, broker.target, Watch(broker.pid), bounds, "bench", lambda doing, part: None)
    assert result.cpu is not None
    assert result.peak > 1_000_000
    json.dumps(result.as_json())
    return result


FLOWS = [each.name for each in WORKLOADS if isinstance(each, Flow)]
CALLS = [each for each in WORKLOADS if isinstance(each, Calls)]


@pytest.mark.parametrize("name", FLOWS)
def test_every_message_comes_once(measured: Measured, name: str) -> None:
    (flow,) = find([name], scale=0.02 if name == "paced" else 0.1)
    assert isinstance(flow, Flow)
    if name == "paced":
        flow = Flow(name, "", flow.publishers, flow.subscribers, flow.lanes, pace=0.05)
    result = measure(measured, flow)
    assert (result.count, result.lost, result.duplicated) == (MESSAGES * flow.copies, 0, 0)
    assert result.latency["p50"] > 0
    assert result.notes == [] or "late by" in result.notes[0]


@pytest.mark.parametrize("calls", [each for each in CALLS if not each.anonymous], ids=lambda calls: calls.name)
def test_every_connection_is_let_in_and_resumed_where_it_should(measured: Measured, calls: Calls) -> None:
    result = measure(measured, calls)
    assert result.count == MESSAGES
    assert result.extra["resumed"] == (MESSAGES if calls.resumed else 0)
    assert result.notes == []


@pytest.mark.parametrize("calls", [each for each in CALLS if each.anonymous], ids=lambda calls: calls.name)
def test_without_a_certificate_where_none_is_asked_for(open_mosquitto: Measured, calls: Calls) -> None:
    assert measure(open_mosquitto, calls).count == MESSAGES


def test_a_crowd_stands_and_pings(measured: Measured) -> None:
    (idle,) = find(["idle"], scale=0.02)
    result = measure(measured, idle)
    assert result.extra["links"] == 100
    assert result.extra["cut"] == 0
    assert "bytes_per_link" in result.extra  # how many depends on what the broker had before, and gave back


def test_a_fleet_comes_back_and_the_pairs_lose_nothing(measured: Measured) -> None:
    (storm,) = find(["storm"], scale=0.05)
    result = measure(measured, storm)
    assert result.extra["links"] == 100
    assert (result.lost, result.duplicated) == (0, 0)
    assert result.extra["p99_before_ms"] > 0
    assert result.latency["p99"] > 0


@pytest.mark.parametrize("name", [each.name for each in WORKLOADS if isinstance(each, Durable)])
def test_what_is_acknowledged_waits_for_the_absent_and_then_is_gone(measured: Measured, name: str) -> None:
    (durable,) = find([name], scale=0.1)
    assert isinstance(durable, Durable)
    result = measure(measured, durable)
    sent = min(durable.most or MESSAGES, MESSAGES)
    assert (result.unit, result.count, result.lost, result.duplicated) == ("acknowledged", sent, 0, 0)
    assert result.latency["p50"] > 0
    assert result.written is not None


@pytest.mark.parametrize("name", [each.name for each in WORKLOADS if isinstance(each, Scale)])
def test_the_pairs_go_on_beside_more_and_more(measured: Measured, name: str) -> None:
    (scale,) = find([name], scale=0.01)
    assert isinstance(scale, Scale)
    result = measure(measured, scale)
    assert (result.count, result.lost, result.duplicated) == (MESSAGES, 0, 0)
    assert {f"{kind}_us_{step}" for kind in ("known", "new") for step in scale.steps} < set(result.extra)
    assert not [note for note in result.notes if "kept" in note]


# --- the command


def bench(home: Path, broker: Measured, *arguments: str) -> Any:
    return sealmq("bench", "--home", home, "-p", str(broker.target.port), *arguments, timeout=LONGEST)


def test_the_command_measures_the_brokers_home(bench_home: Path, sealmq_broker: Measured, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    arguments = ("pairs", "handshakes-1.3", "handshakes-1.3-anonymous", "--messages", "200")
    done = bench(bench_home, sealmq_broker, *arguments, "--json", "--chart", str(chart))
    assert done.returncode == 0, done.stderr
    pairs, handshakes, anonymous = json.loads(done.stdout)
    assert (pairs["count"], pairs["lost"], handshakes["count"]) == (200, 0, 200)
    assert pairs["broker_cpu_us_each"] is not None  # the process was found by its home
    assert "a certificate is needed" in anonymous["failure"]
    assert chart.read_text().startswith("<svg")
    assert done.stderr == ""  # no bar where there is no terminal


def test_the_command_measures_another_broker(bench_home: Path, mosquitto_broker: Measured) -> None:
    found = mosquitto_broker.target
    where = ["-p", str(found.port), "--cafile", str(found.root), "--cert", str(found.chain), "--key", str(found.key)]
    few = ("--messages", "200", "--scale", "0.1")
    done = sealmq("bench", "telemetry", *where, *few, "--pid", str(mosquitto_broker.pid), timeout=LONGEST)
    assert done.returncode == 0, done.stderr
    assert "telemetry" in done.stdout
    assert "not measured" not in done.stdout


@pytest.fixture(scope="session")
def plaintext_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """A mosquitto without TLS, on loopback."""
    folder = tmp_path_factory.mktemp("plaintext-mosquitto")
    port = free_port()
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type all\n")
    with running([mosquitto_program(), "-c", folder / "mosquitto.conf"]) as process:
        process.errors.wait("mosquitto version .* running")
        yield Measured(Target("127.0.0.1", port), process.process.pid)


def test_the_command_measures_without_tls_on_loopback(plaintext_mosquitto: Measured) -> None:
    where = ("--plaintext", "-h", "127.0.0.1", "-p", str(plaintext_mosquitto.target.port))
    done = sealmq("bench", "pairs", "handshakes-1.3-resumed", *where, "--messages", "100", "--json", timeout=LONGEST)
    assert done.returncode == 0, done.stderr
    pairs, resumed = json.loads(done.stdout)
    assert (pairs["count"], pairs["lost"], pairs["broker_cpu_us_each"]) == (100, 0, None)
    assert resumed["failure"] == "without TLS there is nothing that could be resumed"


@pytest.mark.parametrize("name", ["telemetry", "commands", "handshakes-1.3", "idle", "storm", "durable", "scale-hash"])
def test_each_kind_of_workload_goes_without_tls(plaintext_mosquitto: Measured, name: str) -> None:
    (workload,) = find([name], scale=0.01)
    result = measure(plaintext_mosquitto, workload)
    assert result.count > 0
    assert (result.lost, result.duplicated) == (0, 0)


def test_a_broker_that_is_not_there_is_said(bench_home: Path) -> None:
    port = free_port()
    folder = bench_home / "devices" / "operator"
    done = sealmq("bench", "handshakes-1.3", "--bundle", folder, "-p", str(port))
    assert done.returncode == 1
    assert "handshakes-1.3: the broker lets nobody in: connection refused" in done.stdout


def test_a_broker_that_ends_meanwhile_ends_the_workload(tmp_path: Path) -> None:
    """The load does not wait for ever, and does not take what was cut for delivered."""
    broker = Broker(make_home(tmp_path / "home", "", devices=()))
    (flow,) = find(["telemetry"], scale=0.1)
    watch = Watch(broker.process.pid)
    used: list[float] = []  # of a processor, since all are connected

    def tell(doing: str, part: float) -> None:
        if part > 0 and (now := watch.moment()) is not None:
            used.append(now.cpu)
            if now.cpu - used[0] > 0.2:  # so messages pass: nothing else could need so much
                broker.kill()

    try:
        where = target(broker.home, broker.port)
        result = run(flow, where, watch, Bounds(SECONDS), "bench", tell)
    finally:
        broker.kill()
    assert result.notes[0] == "the broker's process has ended"
    assert "the broker ended 6 of the connections" in result.notes
    assert result.cpu is None
    assert result.count > 0
    assert result.duplicated == 0
