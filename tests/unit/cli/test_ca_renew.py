"""`sealmq ca renew-broker`: another certificate, whatever the age of the one that there is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.devices.records import State
from sealmq.home import Home
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import ServerNames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=time.time()).close()
    return path


def serial(home: Path) -> str:
    return identify_certificate(certificates_of((home / "broker" / "broker.pem").read_bytes())[0]).serial


def test_the_broker_gets_another_certificate_and_the_registry_says_so(home: Path, capsys: Shown) -> None:
    before = serial(home)
    assert run(["ca", "renew-broker", "--home", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["not_after"].endswith("Z")
    made = told["serial"]
    assert made == serial(home) != before
    with Home.open(home) as opened:
        states = {each: opened.registry.lookup(each).state for each in (before, made)}  # type: ignore[union-attr]
        assert [change.kind for change in opened.registry.changes_since(0)][-1] == "server"
    assert states == {before: State.SUPERSEDED, made: State.VALID}
    assert run(["ca", "renew-broker", "--home", str(home)]) == 0
    assert f"serial {serial(home)}" in capsys.readouterr().out
    assert serial(home) != made
