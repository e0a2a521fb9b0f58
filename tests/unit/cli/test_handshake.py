"""`sealmq handshake`: what the options mean. With real brokers in tests/interop/test_handshake.py."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from middleware_brokers import abilities
from ports import free_port
from sealmq import cli
from sealmq.errors import ConfigError
from small_brokers import broker, sends, serving
from tapped import Stage

module = importlib.import_module("sealmq.cli.handshake")  # its name in the room is the command
Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def given(broker: str | None = None, **more: Any) -> Any:
    names = ("broker", "home", "name", "bundle", "cafile", "cert", "key")
    return module.Given(**(dict.fromkeys(names) | {"broker": broker} | more))


def test_files_by_hand_need_no_home(stage: Stage) -> None:
    host, port, credentials = module.find_target(given("a.example", cafile=stage.root, cert=stage.device_chain))
    assert (host, port, credentials.root, credentials.certificate) == (
        "a.example",
        8883,
        stage.root,
        stage.device_chain,
    )


def test_somebody_elses_broker_is_looked_at_without_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALMQ_HOME", str(tmp_path))
    _, _, credentials = module.find_target(given("a.example:8883"))
    assert not credentials.verifies
    assert credentials.certificate is None


def test_a_bundle_is_taken_whole(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no root"):
        module.find_target(given("a.example", bundle=tmp_path))
    for name in ("root.pem", "device.pem", "device.key"):
        (tmp_path / name).touch()
    host, _, credentials = module.find_target(given("a.example", bundle=tmp_path))
    assert host == "a.example"
    assert credentials.root == tmp_path / "root.pem"
    assert credentials.key == tmp_path / "device.key"


@pytest.mark.parametrize(
    "words",
    [
        ["a", "--key", "k.pem"],
        ["a", "--servername", "a name"],
        ["a", "--servername", "-x"],
        ["a", "--servername", "x" * 254],
        ["a", "--cafile", "c.pem", "--as", "x"],
        ["a", "--pcap", "f"],
        ["--listen", "1", "--compare", "1.2"],
        ["a", "--keylog", "f"],
        ["a", "--to", "b"],
        ["a", "--count", "2"],
        ["a", "--compare", "1.2", "--mermaid", "f.mmd"],
        ["a", "--compare", "nonsense"],
        ["a", "--tls-version", "2.0"],
        ["a", "-V", "6"],
        ["a", "--html", "/no/such/folder/f.html"],
        ["a", "-u", "ada"],
        ["a", "--password-file", "f"],
        ["a", "--middleware", "gnutls"],
        ["--pcap", "f", "--middleware", "openssl"],
        ["--listen", "1", "--middleware", "openssl"],
    ],
)
def test_what_does_not_go_together_is_asked_wrongly(words: list[str], capsys: Shown) -> None:
    assert cli.run(["handshake", *words]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("sealmq: ")
    assert told.out == ""


def options(stage: Stage) -> list[str]:
    return [f"--cafile={stage.root}", f"--cert={stage.device_chain}", f"--key={stage.device_key}", "--timeout=3"]


def test_a_good_one_ends_with_0_and_every_form_is_written(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    html, svg, mermaid, pcapng = (tmp_path / f"a.{kind}" for kind in ("html", "svg", "mmd", "pcapng"))
    files = [f"--html={html}", f"--svg={svg}", f"--mermaid={mermaid}", f"--pcapng={pcapng}"]
    with serving(broker(stage.server(mutual=True))) as port:
        assert cli.run(["handshake", f"localhost:{port}", *options(stage), *files]) == 0
    told = capsys.readouterr()
    assert "the broker let the client in" in told.out
    assert "keys of this connection" in told.err
    assert f"tshark -r {pcapng} -d tls.port=={port},mqtt" in told.err
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert svg.read_text().startswith("<svg")
    assert mermaid.read_text().startswith("sequenceDiagram")
    assert pcapng.stat().st_mode & 0o777 == 0o600


def test_a_broker_is_dialled_by_its_address_and_verified_by_its_name(stage: Stage, capsys: Shown) -> None:
    with serving(broker(stage.server(mutual=True))) as port:
        words = ["handshake", f"127.0.0.1:{port}", *options(stage), "--json", "--servername"]
        assert cli.run([*words, "localhost"]) == 0
        assert cli.run([*words, "elsewhere.example"]) == 1
    good, bad = capsys.readouterr().out.split("\n}\n", 1)
    assert json.loads(good + "}")["target"]["server_name"] == "localhost"
    assert "does not carry the name" in json.loads(bad)["outcome"]["what"]


def test_json_is_json_alone(stage: Stage, capsys: Shown) -> None:
    with serving(broker(stage.server())) as port:
        assert cli.run(["handshake", f"localhost:{port}", *options(stage), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["outcome"]["kind"] == "connected"


def test_a_mermaid_diagram_on_stdout_stands_alone(stage: Stage, capsys: Shown) -> None:
    with serving(broker(stage.server())) as port:
        assert cli.run(["handshake", f"localhost:{port}", *options(stage), "--mermaid=-"]) == 0
    assert capsys.readouterr().out.startswith("sequenceDiagram")


def test_more_is_told_by_v(stage: Stage, capsys: Shown) -> None:
    lengths = []
    with serving(broker(stage.server())) as port:
        for more in ([], ["-v"], ["-vv"]):
            assert cli.run(["handshake", f"localhost:{port}", *options(stage), *more]) == 0
            lengths.append(len(capsys.readouterr().out.splitlines()))
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[0] < 80


def test_each_kind_of_end_has_its_exit_code(stage: Stage, capsys: Shown) -> None:
    with serving(broker(stage.server(mutual=True))) as port:
        assert cli.run(["handshake", f"localhost:{port}", f"--cafile={stage.root}"]) == 1
    nobody = free_port()
    assert cli.run(["handshake", f"localhost:{nobody}", *options(stage)]) == 3
    with serving(sends(b"\x20\x02\x00\x00")) as port:
        assert cli.run(["handshake", f"localhost:{port}", *options(stage)]) == 4
    with serving(sends(b"\x16\x03\x03\xff\xff" + bytes(100))) as port:
        assert cli.run(["handshake", f"localhost:{port}", *options(stage)]) == 5
    assert "Traceback" not in capsys.readouterr().err


def test_an_unreadable_authority_is_no_traceback(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    assert cli.run(["handshake", "localhost", "--cafile", str(tmp_path / "none.pem")]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_a_password_waits_for_a_broker_that_is_verified(tmp_path: Path, capsys: Shown) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    assert cli.run(["handshake", "a.example", "-u", "ada", "--password-file", str(file)]) == 2
    assert "only to a broker that was verified" in capsys.readouterr().err


def test_another_middleware_is_named_and_looks_at_nobody_unverified(stage: Stage, capsys: Shown) -> None:
    title = abilities("pyopenssl").title
    files = [f"--cafile={stage.root}", f"--cert={stage.device_chain}", f"--key={stage.device_key}"]
    with serving(broker(stage.server(mutual=True))) as port:
        words = ["handshake", f"localhost:{port}", "--no-probes", "--middleware", "pyopenssl"]
        assert cli.run([*words, *files]) == 0
        shown = capsys.readouterr().out
        assert cli.run([*words, *files, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert cli.run(words) == 2
    assert title in shown
    assert "of our processor for the handshake" in shown
    assert (report["meta"]["middleware"], report["meta"]["library"]) == ("pyopenssl", title)
    assert "--cafile" in capsys.readouterr().err


def test_the_default_middleware_by_its_name_looks_as_ever(stage: Stage, capsys: Shown) -> None:
    with serving(broker(stage.server())) as port:
        assert cli.run(["handshake", f"localhost:{port}", "--no-probes", "--middleware", "openssl", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["meta"]["middleware"], report["meta"]["note"]) == ("openssl", "")
    assert report["meta"]["seen"] in ("callback", "key log")
