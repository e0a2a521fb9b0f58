from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=time.time()).close()
    return path


def test_the_root_to_trust(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Home.open(home) as opened:
        fingerprint = opened.root_fingerprint()
    assert run(["ca", "root", "--home", str(home)]) == 0
    assert capsys.readouterr().out == f"root to trust   {home}/ca/root.pem\nits SHA-256     {fingerprint}\n"
    assert run(["ca", "root", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": f"{home}/ca/root.pem", "sha256": fingerprint}
    assert run(["ca", "root", "--home", str(home), "--pem"]) == 0
    assert capsys.readouterr().out == (home / "ca" / "root.pem").read_text()
