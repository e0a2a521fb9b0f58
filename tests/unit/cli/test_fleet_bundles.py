from __future__ import annotations

import time
from pathlib import Path

import pytest

from sealmq.cli.fleet_bundles import Bundled, FleetBundling, NotBundled, WantedBundle
from sealmq.devices.bundles.writing import read_bundle
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path):
    names = ServerNames(("broker.example",), ("127.0.0.1",))
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("a", now=time.time())
        yield made


def test_each_bundle_is_checked_and_those_that_cannot_be_are_told(home: Home, tmp_path: Path) -> None:
    now = time.time()
    home.enrollment().add_device("gone", now=now)
    home.enrollment().revoke_device("gone", now=now)
    wanted = [
        WantedBundle(2, "a", "pem", tmp_path),
        WantedBundle(3, "gone", "pem", tmp_path),
        WantedBundle(4, "nobody", "pem", tmp_path),
        WantedBundle(5, "a", "lwip", tmp_path, "10.0.0.7", 1234),
    ]
    answers = FleetBundling(home).make(wanted, now=now)
    assert sorted(type(each).__name__ for each in answers) == ["Bundled", "Bundled", "NotBundled", "NotBundled"]
    told = {each.line: each for each in answers}
    assert told[2] == Bundled(2, "a", str(tmp_path / "a-pem"))
    assert told[3] == NotBundled(3, "gone", "'gone' is revoked: its certificate opens nothing")
    assert "no such device" in told[4].why
    assert b"broker.example" in next(f.content for f in read_bundle(tmp_path / "a-pem") if f.name == "README.md")
    assert any(b"10.0.0.7" in file.content for file in read_bundle(tmp_path / "a-lwip"))


def test_nothing_to_write_writes_nothing(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "never"
    assert isinstance(FleetBundling(home).make([WantedBundle(2, "b", "pem", out)], now=time.time())[0], NotBundled)
    assert not out.exists()
