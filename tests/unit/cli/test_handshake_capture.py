from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealmq import cli
from sealmq.kit.capture.pcapng_file import write_pcapng
from tapped import Stage, tapped

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def capture(stage: Stage, path: Path, *, keys: bool) -> tuple[Path, str]:
    tap = tapped(stage, "1.3", keep_keys=True)
    log = tap.key_log
    write_pcapng(
        path, tap.pieces, client=("192.0.2.1", 5000), server=("192.0.2.2", 8883), key_log=log if keys else "",
        began=1.8e9, comment="a test",
    )  # fmt: skip
    return path, log


def explained(capsys: Shown, *words: str | Path) -> dict[str, object]:
    code = cli.run(["handshake", "--json", *map(str, words)])
    report = json.loads(capsys.readouterr().out)
    assert report["outcome"]["exit_code"] == code
    return report


def test_keys_in_the_capture_open_it(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    path, _ = capture(stage, tmp_path / "a.pcapng", keys=True)
    report = explained(capsys, "--pcap", path)
    assert "Certificate" in [row["name"] for row in report["messages"]]  # type: ignore[union-attr, index, attr-defined]


def test_keys_beside_the_capture_open_it(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    path, log = capture(stage, tmp_path / "a.pcapng", keys=False)
    assert "Certificate" not in str(explained(capsys, "--pcap", path)["messages"])
    (tmp_path / "keys").write_text(log)
    opened = explained(capsys, "--pcap", path, "--keylog", tmp_path / "keys")
    assert "CertificateVerify" in str(opened["messages"])


def test_connections_are_listed(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    path, _ = capture(stage, tmp_path / "a.pcapng", keys=False)
    assert cli.run(["handshake", "--pcap", str(path), "--list"]) == 0
    told = capsys.readouterr().out
    assert "192.0.2.2:8883" in told
    assert "localhost" in told


@pytest.mark.parametrize("content", [b"", b"hello, this is no capture at all", b"\x1f\x8b\x08" + bytes(100)])
def test_what_is_no_capture_is_told_as_that(content: bytes, tmp_path: Path, capsys: Shown) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert cli.run(["handshake", "--pcap", str(path)]) == 2
    assert capsys.readouterr().err.startswith("sealmq: ")


def test_a_capture_that_is_cut_off_is_explained_as_far_as_it_goes(stage: Stage, tmp_path: Path, capsys: Shown) -> None:
    path, _ = capture(stage, tmp_path / "a.pcapng", keys=True)
    path.write_bytes(path.read_bytes()[:-700])
    code = cli.run(["handshake", "--pcap", str(path)])
    told = capsys.readouterr()
    assert "ClientHello" in told.out
    assert "cut off" in told.err
    assert code in (0, 1, 5)


@pytest.mark.parametrize("name", ["a\x1b]0;owned\x07.pcap", "a\u202epacp.b", "a\nsealmq: all is well"])
def test_a_file_name_commands_no_terminal(tmp_path: Path, capsys: Shown, name: str) -> None:
    """Who types *.pcap in a folder of somebody else's has not read the names."""
    path = tmp_path / name
    for content in (None, b"no capture", bytes.fromhex("d4c3b2a102000400") + bytes(12) + b"\1\0\0\0"):
        if content is not None:
            path.write_bytes(content)
        assert cli.run(["handshake", "--pcap", str(path)]) != 0
        assert cli.run(["handshake", "--pcap", str(tmp_path / "a"), "--keylog", str(tmp_path / f"no-{name}")]) != 0
        said = capsys.readouterr().err
        assert all(one.isprintable() for one in said.replace("\n", "")), said
        assert not any(line.startswith("sealmq: all is well") for line in said.splitlines())
