"""`sealmq bench`: which broker, what is shown. With real brokers in tests/interop/test_bench.py."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sealmq import cli
from sealmq.bundle import psk_line
from sealmq.errors import ConfigError, HomeError
from sealmq.kit.bench import run as run_module
from sealmq.kit.bench.crew import Used
from sealmq.kit.bench.result import Result
from sealmq.kit.bench.workloads import USUAL, WORKLOADS
from sealmq.presence import Presence
from sealmq.tls.middleware import PSK

module = importlib.import_module("sealmq.cli.bench")  # its name in the room is the command
Shown = pytest.CaptureFixture[str]
CAFILE = ["--cafile", "root.pem", "--port", "8883"]


def given(**more: Any) -> Any:
    names = ("home", "name", "bundle", "cafile", "cert", "key", "plaintext", "host", "port", "username")
    return module.Given(**(dict.fromkeys(names) | {"plaintext": False} | more))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The workloads that were asked for; each is said to have gone as an earlier one really did."""
    names: list[str] = []

    def run(workload: Any, *rest: Any) -> Result:
        names.append(workload.name)
        if workload.name == "telemetry":
            raise HomeError("1 of 50 connections could be made", why="no more room")
        marks = {"p50": 52.1, "p99": 120.6, "p99.9": 153.3, "worst": 160.0}
        load = {"who publishes": Used(0.2, 0.0), "who subscribes": Used(0.1, 0.0)}
        return Result(
            workload.name, workload.told, count=1_083_228, seconds=3.0, cpu=2.87, peak=63_000_000, latency=marks,
            lost=7 if workload.name == "fan-in" else 0, load=load, notes=["a note"] if workload.name == "pairs" else [],
        )  # fmt: skip

    monkeypatch.setattr(run_module, "run", run)
    return names


def test_the_list_names_every_workload(capsys: Shown) -> None:
    assert cli.run(["bench", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [each.name for each in WORKLOADS]


def test_the_table_has_a_row_for_each_and_sentences_below(measured: list[str], capsys: Shown) -> None:
    assert cli.run(["bench", *CAFILE]) == 0
    assert measured == list(USUAL)
    out = capsys.readouterr().out
    assert all(name in out for name in USUAL)
    assert "361,076" in out
    assert "not measured" in out
    assert "telemetry: 1 of 50 connections could be made: no more room" in out
    assert "pairs: a note" in out


def test_json_is_json(measured: list[str], capsys: Shown) -> None:
    assert cli.run(["bench", "pairs", "telemetry", "--json", *CAFILE]) == 0
    pairs, telemetry = json.loads(capsys.readouterr().out)
    assert (pairs["workload"], pairs["count"], pairs["limited_by"]) == ("pairs", 1_083_228, "broker")
    assert telemetry["failure"] == "1 of 50 connections could be made: no more room"


def test_a_chart_is_drawn_beside_the_table(measured: list[str], tmp_path: Path, capsys: Shown) -> None:
    file = tmp_path / "chart.svg"
    assert cli.run(["bench", "pairs", "fan-in", "--chart", str(file), *CAFILE]) == 0
    assert file.read_text().startswith("<svg")
    assert "361,076" in capsys.readouterr().out


def test_when_nothing_could_be_measured_it_failed(measured: list[str], capsys: Shown) -> None:
    assert cli.run(["bench", "telemetry", *CAFILE]) == 1


def test_ctrl_c_shows_what_was_measured_until_then(
    measured: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    before = run_module.run

    def run(workload: Any, *rest: Any) -> Result:
        if workload.name == "fan-in":
            raise KeyboardInterrupt
        return before(workload, *rest)

    monkeypatch.setattr(run_module, "run", run)
    assert cli.run(["bench", "pairs", "fan-in", "fan-out", *CAFILE]) == 130
    out = capsys.readouterr().out
    assert "361,076" in out
    assert "fan-out" not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pears"], "there is no workload 'pears'"),
        (["--cert", "c.pem"], "--cert and --key go with --cafile"),
        (["--cafile", "r.pem", "--key", "k.pem"], "--key goes with --cert"),
        (["--cafile", "r.pem", "--bundle", "b"], "--cafile is given together with --bundle"),
        (["--plaintext", "--cafile", "r.pem"], "--plaintext is given together with"),
        (["--plaintext", "--pid", "4194305"], "there is no process 4194305"),
        (["--cafile", "r.pem", "--chart", "/no/such/folder/chart.svg"], "there is no folder for"),
        (["--cafile", "r.pem", "--password-file", "p"], "a password needs a user name"),
        (["-h", "mqtts://broker"], "is more than a host"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], words: str, capsys: Shown) -> None:
    assert cli.run(["bench", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_any_broker_by_its_files() -> None:
    files = [Path(name) for name in ("root.pem", "cert.pem", "key.pem")]
    target, pid = module.find_broker(
        given(host="broker.example", port=8884, cafile=files[0], cert=files[1], key=files[2]), None, 17
    )
    assert (target.host, target.port, [target.root, target.chain, target.key]) == ("broker.example", 8884, files)
    assert pid == 17


def test_a_bundle_has_all_three(tmp_path: Path) -> None:
    target, pid = module.find_broker(given(bundle=tmp_path), None, None)
    assert (target.root, target.chain, target.key) == (
        tmp_path / "root.pem", tmp_path / "device-chain.pem", tmp_path / "device.key",
    )  # fmt: skip
    assert pid is None


def test_plaintext_shows_nothing() -> None:
    target, pid = module.find_broker(given(plaintext=True, username="panel"), b"secret", None)
    assert (target.host, target.port, target.root, target.chain) == ("localhost", 1883, None, None)
    assert (target.username, target.password, pid) == ("panel", b"secret", None)


def test_the_homes_broker_is_found_with_its_process(tmp_path: Path) -> None:
    from interop_homes import make_home

    home = make_home(tmp_path / "home", toml="")
    with pytest.raises(HomeError, match="no broker runs on the home"):
        module.find_broker(given(home=home), None, None)
    with Presence.claim(home):
        target, pid = module.find_broker(given(home=home), None, None)
        assert pid == os.getpid()
        assert target.chain == home / "devices" / "operator" / "device.pem"
        _, elsewhere = module.find_broker(given(home=home, host="localhost"), None, None)
        assert elsewhere is None


def test_a_key_and_a_library_can_be_said(tmp_path: Path) -> None:
    file = tmp_path / "psk.txt"
    file.touch(0o600)
    file.write_bytes(psk_line("small-1", bytes(32)))
    target, pid = module.find_broker(given(psk_file=file, middleware="mbedtls", host="h", port=1), None, None)
    assert (target.host, target.port, target.psk, target.middleware, pid) == (
        *("h", 1, PSK("small-1", bytes(32)), "mbedtls"),
        None,
    )
    target, _ = module.find_broker(given(cafile=tmp_path / "root.pem", middleware="wolfssl"), None, None)
    assert (target.middleware, target.psk) == ("wolfssl", None)
    for more in ({"plaintext": True}, {"cafile": file}, {"username": "me"}, {"name": "me"}):
        with pytest.raises(ConfigError, match="given together"):
            module.find_broker(given(psk_file=file, **more), None, None)
