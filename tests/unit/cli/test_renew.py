"""`sealmq renew` against a real broker, once and as a service; and what is asked for wrongly."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import make_home, start
from ports import free_port
from running import SEALMQ, Broker, running, sealmq
from sealmq import cli

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    yield from start(make_home(tmp_path_factory.mktemp("renew") / "home"))


@pytest.fixture
def bundle(broker: Broker, tmp_path: Path) -> Path:
    """Its newest credentials move from test to test."""
    return Path(shutil.copytree(broker.home / "devices" / "sensor-1", tmp_path / "bundle", symlinks=True))


def test_a_bundle_is_renewed_once_when_it_is_asked_for(broker: Broker, bundle: Path) -> None:
    where = (bundle, "-p", str(broker.port))
    early = sealmq("renew", *where)
    assert early.returncode == 0
    assert "need not be renewed yet" in early.stdout
    mark = broker.mark
    done = sealmq("renew", *where, "--now", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["renewed"] is True
    assert said["serial"] in broker.log.wait("sensor-1 is renewed", after=mark)
    assert said["renew_after"] < said["not_after"]
    assert said["not_after"].endswith("Z")
    assert sealmq("renew", *where).stdout.startswith(f"{bundle} need not be renewed yet: serial {said['serial']}")
    old = sealmq("renew", broker.home / "devices" / "sensor-1", "-p", str(broker.port), "--now")
    assert old.returncode == 1
    stale = sealmq(
        "pub", "--home", broker.home, "-p", str(broker.port), "--as", "sensor-1", "-t", "devices/sensor-1/x", "-m", "1"
    )
    assert "was replaced by a newer one" in stale.stderr
    assert "says which certificate counts" in stale.stderr
    assert "[[access]]" not in stale.stderr
    assert "sealmq: " in old.stderr


def test_as_a_service_it_stays_until_it_is_ended(broker: Broker, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(broker.home / "devices" / "sensor-2", tmp_path / "bundle"))
    with running([*SEALMQ, "renew", bundle, "-p", str(broker.port), "--watch"]) as service:
        service.output.wait("Watching")
        assert service.end(signal.SIGTERM) == 0


def test_what_cannot_be_renewed_is_told_in_words(tmp_path: Path, capsys: Shown) -> None:
    assert cli.run(["renew", str(tmp_path / "nothing")]) == cli.ASKED_WRONGLY
    assert "there is no bundle" in capsys.readouterr().err
    assert cli.run(["renew", str(tmp_path), "--watch", "--now"]) == cli.ASKED_WRONGLY
    assert "--watch goes with neither" in capsys.readouterr().err


def test_a_key_is_not_renewed(tmp_path: Path, capsys: Shown) -> None:
    bundle = tmp_path / "small-1"
    bundle.mkdir()
    (bundle / "psk.txt").write_text("small-1:" + "00" * 32 + "\n")
    assert cli.run(["renew", str(bundle)]) == cli.ASKED_WRONGLY
    assert "sealmq device add small-1 --psk" in capsys.readouterr().err


def test_where_no_broker_is_it_says_what_to_type(broker: Broker, bundle: Path, capsys: Shown) -> None:
    port = free_port()
    assert cli.run(["renew", str(bundle), "--now", "-p", str(port), "-h", "127.0.0.1"]) == 1
    said = capsys.readouterr().err
    assert f"nobody listens on 127.0.0.1:{port}" in said
    assert "-p PORT" in said
    other = make_home(bundle.parent / "other")
    (bundle / "root.pem").unlink()
    shutil.copy(other / "ca" / "root.pem", bundle / "root.pem")
    refused = sealmq("renew", bundle, "--now", "-p", str(broker.port))
    assert refused.returncode == 1
    assert "does not come from this bundle's authority" in refused.stderr
