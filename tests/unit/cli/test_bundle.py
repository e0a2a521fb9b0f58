"""`sealmq device bundle`, `device targets` and `device add --target`, on a real home."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealmq import cli
from sealmq.cli.bundle import complete_target
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.targets import TARGETS
from sealmq.devices.bundles.writing import read_bundle
from sealmq.home import Home
from sealmq.pki.containers import read_pkcs12
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost", "broker.local"), ("127.0.0.1",))
    with Home.create(path, organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("sensor-1", now=time.time())
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    monkeypatch.chdir(tmp_path)
    return path


def run(*words: str) -> int:
    return cli.run(["device", *words])


def test_a_bundle_goes_where_one_stands_and_its_files_are_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bundle", "sensor-1", "--target", "lwip") == 0
    shown = capsys.readouterr().out
    files = {file.name: file.content for file in read_bundle(tmp_path / "sensor-1-lwip")}
    assert "sensor-1-lwip is written and checked: sensor-1 for lwip, certificate until 20" in shown
    assert "The device dials broker.local, port 8883" in shown
    assert all(name in shown for name in files)
    assert "mqtt_private_key.h" in shown
    assert " secret" in shown
    assert read_literals(files["mqtt_credentials.h"])["MQTT_SERVER"] == b"broker.local"
    assert json.loads(files["manifest.json"])["broker"]["min_tls"] == "1.2"


def test_host_port_and_place_are_what_was_said(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "there" / "b.zip"
    words = ["--target", "c-header", "--host", "mqtt.example", "--port", "18883", "--out", str(place)]
    assert run("bundle", "sensor-1", *words) == 0
    shown = capsys.readouterr().out
    with zipfile.ZipFile(place) as archive:
        found = read_literals(archive.read("mqtt_credentials.h"))
    assert (found["MQTT_HOST"], found["MQTT_PORT"]) == (b"mqtt.example", b"18883")
    assert "The broker's certificate has no name mqtt.example" in shown
    assert '[certificate] names = ["mqtt.example"]' in shown


def test_the_lowest_version_is_that_of_the_configuration(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "sealmq.toml").write_text('[tls]\nprofile = "modern"\n')
    assert run("bundle", "sensor-1", "--target", "pem", "--json") == 0
    assert json.loads((tmp_path / "sensor-1-pem" / "manifest.json").read_text())["broker"]["min_tls"] == "1.3"


def test_a_password_is_shown_once_and_opens_the_store(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bundle", "sensor-1", "--target", "pkcs12", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    store = read_pkcs12((tmp_path / said["out"] / "device.p12").read_bytes(), said["passwords"]["device.p12"])
    assert store.name == "sensor-1"
    assert said["key_included"] is True
    assert run("bundle", "sensor-1", "--target", "pkcs12", "--force") == 0
    assert "device.p12 is opened with " in capsys.readouterr().out


def test_what_is_there_is_kept(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle", "sensor-1", "--target", "pem") == 0
    assert run("bundle", "sensor-1", "--target", "pem") == 1
    assert "sensor-1-pem is there already" in capsys.readouterr().err
    assert run("bundle", "sensor-1", "--target", "pem", "--force") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bundle", "sensor-2", "--target", "pem"], "there is no device 'sensor-2'"),
        (["bundle", "sensor-1", "--target", "pen"], "there is no target 'pen'"),
        (["add", "sensor-2", "--target", "pen"], "there is no target 'pen'"),
        (["add", "sensor-2", "--out", "x"], "--out, --host and --port are for --target"),
        (["bundle", "sensor-1"], "--target"),
        (["bundle", "sensor-1", "--target", "pem", "--host", "a; rm -r /"], "neither a host name nor an address"),
        (["bundle", "sensor-1", "--target", "pem", "--host", "a:8883"], "neither a host name nor an address"),
    ],
)
def test_mistakes_are_told_and_nothing_is_added(
    home: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) in (1, 2)
    assert told in capsys.readouterr().err
    with Home.open(home) as opened:
        assert opened.registry.device("sensor-2") is None


def test_a_device_is_added_with_its_bundle(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "sensor-2", "--target", "zephyr") == 0
    shown = capsys.readouterr().out
    assert "sensor-2 is added" in shown
    assert "sensor-2-zephyr is written and checked" in shown
    assert run("add", "sensor-3", "--target", "mbedtls", "--out", "b.zip", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["bundle"]["out"]) == ("sensor-3", "b.zip")
    assert (tmp_path / "b.zip").is_file()


def test_a_place_that_is_taken_is_told_before_the_device_is_added(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    assert run("add", "sensor-2", "--target", "pem", "--out", "taken") == 1
    assert "taken is there already" in capsys.readouterr().err
    with Home.open(home) as opened:
        assert opened.registry.device("sensor-2") is None


def test_targets_are_listed_and_completed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)
    assert run("targets", "--json", "--home", str(home)) == 0
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == set(TARGETS)
    assert [name for name, _ in complete_target("pk")] == ["pkcs12"]


def test_in_a_terminal_no_line_of_the_targets_is_broken_by_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert run("targets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if not line.startswith(" ")]) == len(TARGETS) < len(lines)


def test_a_device_that_keeps_its_key_gets_the_rest(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = tmp_path / "device.csr"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sensor-2")])
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    request.write_bytes(csr.public_bytes(Encoding.PEM))
    assert run("add", "sensor-2", "--csr", str(request), "--target", "mbedtls") == 0
    assert "The private key is where the certificate request was made" in capsys.readouterr().out
    files = read_bundle(tmp_path / "sensor-2-mbedtls")
    assert "mqtt_private_key.h" not in [file.name for file in files]
    assert run("bundle", "sensor-2", "--target", "pkcs12") == 1
    assert "cannot be made here" in capsys.readouterr().err
