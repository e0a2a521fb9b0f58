from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealmq import cli
from small_brokers import broker, sends, serving
from tapped import Stage

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def test_they_stand_side_by_side(stage: Stage, capsys: Shown, tmp_path: Path) -> None:
    files = [f"--cafile={stage.root}", f"--cert={stage.device_chain}", f"--key={stage.device_key}"]
    with serving(broker(stage.server())) as port:
        words = ["handshake", f"localhost:{port}", *files, "--compare", "1.2,1.3,resumed,mtls", "--repeat", "2"]
        assert cli.run(words) == 0
        table = capsys.readouterr().out
        assert cli.run([*words, "--json", f"--html={tmp_path / 'a.html'}", f"--svg={tmp_path / 'a.svg'}"]) == 0
    for word in ("1.2", "1.3", "resumed", "mtls", "signatures"):
        assert word in table
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert len(json.loads(capsys.readouterr().out)["columns"]) == 4


def test_where_no_connection_came_about_the_exit_code_says_why(stage: Stage, capsys: Shown) -> None:
    with serving(sends(b"SSH-2.0-x\r\n")) as port:
        assert cli.run(["handshake", f"localhost:{port}", "--compare", "1.2", "--repeat", "1", "--timeout", "2"]) == 4
    assert capsys.readouterr().out
