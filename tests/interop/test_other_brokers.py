"""Another broker lets our devices in, and refuses who is on our list: Debian's mosquitto with `crlfile`."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import make_home
from ports import free_port
from running import program, running, sealmq, wait_until

pytestmark = pytest.mark.interop


@contextlib.contextmanager
def mosquitto(home: Path, folder: Path) -> Iterator[int]:
    """Mosquitto with our broker's certificate, our CAs and our list; its port."""
    port = free_port()
    anchors = folder / "anchors.pem"
    anchors.write_bytes((home / "ca" / "root.pem").read_bytes() + (home / "ca" / "device-ca.pem").read_bytes())
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\ncafile {anchors}\ncertfile {home / 'broker' / 'broker.pem'}\n"
        f"keyfile {home / 'broker' / 'broker.pem'}\ncrlfile {home / 'ca' / 'crl.pem'}\nrequire_certificate true\n"
        f"user {getpass.getuser()}\n"  # or, started by root, it could not read the key
        "allow_anonymous true\nuse_identity_as_username true\n"
    )
    with running([program("mosquitto", "mosquitto"), "-v", "-c", str(folder / "mosquitto.conf")]) as broker:
        broker.errors.wait("running")
        yield port


def publishes(home: Path, name: str, port: int) -> bool:
    files = home / "devices" / name
    command = [program("mosquitto_pub", "mosquitto-clients"), "-h", "localhost", "-p", str(port), "-q", "1"]
    command += ["--cafile", str(home / "ca" / "root.pem"), "--cert", str(files / "device-chain.pem")]
    command += ["--key", str(files / "device.key"), "-t", "x", "-m", "1", "-V", "mqttv5"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def test_mosquitto_refuses_who_is_on_our_list_and_lets_the_others_in(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    assert sealmq("ca", "crl", "--keep", "--ahead", "3", "--home", home).returncode == 0
    with mosquitto(home, tmp_path) as port:
        wait_until(lambda: publishes(home, "sensor-2", port))
        assert publishes(home, "sensor-1", port)
    assert sealmq("device", "revoke", "sensor-1", "--home", home).returncode == 0
    assert sealmq("device", "hold", "sensor-3", "--home", home).returncode == 0
    with mosquitto(home, tmp_path) as port:
        wait_until(lambda: publishes(home, "sensor-2", port))
        assert not publishes(home, "sensor-1", port)
        assert not publishes(home, "sensor-3", port)
    assert sealmq("device", "release", "sensor-3", "--home", home).returncode == 0
    with mosquitto(home, tmp_path) as port:
        wait_until(lambda: publishes(home, "sensor-3", port))
        assert not publishes(home, "sensor-1", port)
