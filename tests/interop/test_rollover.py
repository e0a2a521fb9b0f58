"""`sealmq ca rotate` while a broker runs: nobody is dropped, and other people's programs verify by either root."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import add_device, make_home, start
from mqtt_bytes import PINGREQ, connect_v5, read_packet
from running import Broker, program, run, sealmq, wait_until

pytestmark = pytest.mark.interop


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own: its CAs are changed."""
    yield from start(make_home(tmp_path / "home", devices=("sensor-1",)))


def certificates(pem: str) -> list[str]:
    return re.findall("-----BEGIN.*?-----END CERTIFICATE-----\n", pem, re.DOTALL)


def typed(broker: Broker, *arguments: str) -> str:
    done = sealmq(*arguments, "--home", broker.home)
    assert done.returncode == 0, done.stderr
    return done.stdout


def s_client(broker: Broker, root: Path, version: str) -> tuple[str, int]:
    """What openssl says of the broker's chain, and how many certificates came."""
    command = [program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{broker.port}", version]
    command += ["-servername", "localhost", "-verify_hostname", "localhost", "-x509_strict", "-showcerts"]
    folder = broker.home / "devices" / "sensor-1"
    command += ["-CAfile", str(root), "-cert", str(folder / "device-chain.pem"), "-key", str(folder / "device.key")]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    verdict = re.search("Verif[a-z]* (?:return code|error): ?(.*)", done.stdout)
    assert verdict, done.stdout + done.stderr
    return verdict[1], len(certificates(done.stdout.replace("\r", "")))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_by_either_root(rolling: Broker, tmp_path: Path, version: str) -> None:
    old = tmp_path / "old.pem"
    old.write_bytes((rolling.home / "ca" / "root.pem").read_bytes())
    mark = rolling.mark
    typed(rolling, "ca", "rotate")
    rolling.log.wait("the broker has a new certificate", after=mark)
    new = tmp_path / "new.pem"
    new.write_text(certificates((rolling.home / "ca" / "root.pem").read_text())[0])
    wait_until(lambda: s_client(rolling, new, version)[1] == 3)
    assert s_client(rolling, old, version)[0] == "0 (ok)"
    assert s_client(rolling, new, version)[0] == "0 (ok)"


def test_nobody_is_dropped_and_mosquitto_goes_on_with_the_old_root_and_with_the_new_one(
    rolling: Broker, tmp_path: Path
) -> None:
    root, chain, key = rolling.files("sensor-1")
    old = tmp_path / "old.pem"
    old.write_bytes(root.read_bytes())
    where = ["-h", "localhost", "-p", str(rolling.port), "-t", "devices/sensor-1/x", "-m", "1", "-q", "1"]
    pub = [program("mosquitto_pub", "mosquitto-clients"), *where]
    with rolling.tls("sensor-1") as standing:
        connect_v5(standing, "standing")
        mark = rolling.mark
        typed(rolling, "ca", "rotate")
        rolling.log.wait("the broker has a new certificate", after=mark)
        new = tmp_path / "new.pem"
        new.write_text(certificates(root.read_text())[0])
        add_device(rolling.home, "sensor-2")
        of_new = rolling.home / "devices" / "sensor-2"
        where[4:6] = ["-t", "devices/sensor-2/x"]
        wait_until(lambda: len(certificates((rolling.home / "broker" / "broker.pem").read_text())) == 3)
        for one in (old, new, root):
            run([*pub, "--cafile", one, "--cert", chain, "--key", key])
            there = ["--cert", of_new / "device-chain.pem", "--key", of_new / "device.key"]
            run([*pub[:1], *where, "--cafile", one, *there])
        standing.sendall(PINGREQ)
        assert read_packet(standing)[0] == 0xD0
        with rolling.tls("sensor-2") as renewed:
            connect_v5(renewed, "renewed")
            assert "2 devices need what is old" in sealmq("ca", "rotate", "--finish", "--home", rolling.home).stderr
            typed(rolling, "ca", "rotate", "--finish", "--force")
            assert read_packet(standing)[1][0] == 0x98
            assert standing.recv(1) == b""
            renewed.sendall(PINGREQ)
            assert read_packet(renewed)[0] == 0xD0
        rolling.log.wait("certificate authorities have changed", after=mark, count=2)
        wait_until(lambda: len(certificates((rolling.home / "broker" / "broker.pem").read_text())) == 2)
        run([*pub[:1], *where, "--cafile", new, *there])
        refused = subprocess.run([*pub[:1], *where, "--cafile", old, *there], capture_output=True, check=False)
        assert refused.returncode != 0


def test_a_device_on_hold_comes_back_at_once_and_its_kept_tls_session_does_not_help_it(rolling: Broker) -> None:
    context = rolling.context("sensor-1")
    with rolling.tls("sensor-1", context) as connection:
        connect_v5(connection, "c")
        kept = connection.session
        typed(rolling, "device", "hold", "sensor-1")
        assert read_packet(connection)[1][0] == 0x98
    mark = rolling.mark
    with pytest.raises(OSError), rolling.tls("sensor-1", context, kept) as connection:  # noqa: PT012 - in TLS 1.3 later
        connection.sendall(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
        assert connection.recv(1) == b"", "it was let in"
        raise ConnectionResetError
    rolling.log.wait("sensor-1", after=mark)
    typed(rolling, "device", "release", "sensor-1")
    rolling.log.wait("sensor-1 was released", after=mark)
    with rolling.tls("sensor-1", context, kept) as connection:
        connect_v5(connection, "c")
        assert not connection.session_reused


def test_mbed_tls_verifies_by_either_root(tmp_path: Path) -> None:
    if not Path("/usr/include/mbedtls/x509_crt.h").exists():
        program("mbedtls-headers", "libmbedtls-dev")
    binary = tmp_path / "verify_chain"
    source = Path(__file__).parent / "drivers" / "verify_chain.c"
    run([program("gcc", "gcc"), "-Wall", "-Wextra", "-o", binary, source, "-lmbedx509", "-lmbedcrypto"])
    home = make_home(tmp_path / "home")
    old = certificates((home / "ca" / "root.pem").read_text())[0]
    assert sealmq("ca", "rotate", "--home", home).returncode == 0
    assert sealmq("ca", "renew-broker", "--home", home).returncode == 0
    new = certificates((home / "ca" / "root.pem").read_text())[0]
    sent = certificates((home / "broker" / "broker.pem").read_text())
    assert len(sent) == 3

    def verdict(root: str, chain: list[str]) -> str:
        (tmp_path / "root.pem").write_text(root)
        (tmp_path / "chain.pem").write_text("".join(chain))
        command = [str(binary), str(tmp_path / "root.pem"), str(tmp_path / "chain.pem")]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert verdict(old, sent) == verdict(new, sent) == "00000000\n"
    assert verdict(new, sent[:2]) == "00000000\n"
    assert verdict(old, sent[:2]) == "00000008\n"  # MBEDTLS_X509_BADCERT_NOT_TRUSTED: new with old is what leads there
