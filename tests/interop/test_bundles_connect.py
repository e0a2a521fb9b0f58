"""Bundles at work: openssl reads them, and devices that are built from them connect to a running broker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import bundle_credentials
from firmware import GCC, PROGRAMS, has_header, unpack
from running import Broker, program, run, running, sealmq
from sealmq.devices.bundles.credentials import Credentials

pytestmark = pytest.mark.interop

LIBRARIES = {
    "mbedtls": ("mbedtls", "libmbedtls-dev", ("-lmbedtls", "-lmbedx509", "-lmbedcrypto")),
    "wolfssl": ("wolfssl", "libwolfssl-dev", ("-lwolfssl",)),
}
LIBRARY = pytest.mark.parametrize("target", LIBRARIES)


def bundle(broker: Broker, target: str, place: Path, *options: str) -> dict[str, object]:
    """What `sealmq device bundle` hands over for sensor-1, written to `place`."""
    words = ["device", "bundle", "sensor-1", "--target", target, "--out", place, "--home", broker.home, "--json"]
    done = sealmq(*words, "--port", str(broker.port), *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def build(target: str, folder: Path, *options: str) -> Path:
    """Compile and link a device from its bundle."""
    header, package, libraries = LIBRARIES[target]
    has_header(header, package)
    source = PROGRAMS / f"publish_{target}.c"
    words = ["-I", folder, "-I", PROGRAMS, source, folder / "tls_setup.c", "-o", folder / "device", *libraries]
    run(GCC.command("-D_POSIX_C_SOURCE=200809L", "-Wno-pedantic", *options, *words))
    return folder / "device"


@LIBRARY
def test_a_device_built_from_its_bundle_publishes(
    broker: Broker, topic: str, target: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    bundle(broker, target, tmp_path / "b", "--host", "localhost")
    device, mark = build(target, tmp_path / "b"), broker.mark
    with running(broker.sealmq("sub", "-C", "1", "-q", "1", "-F", "%t %p", topic)) as sub:
        broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
        said = run([device, str(broker.port), topic, "21.5"]).stdout
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == [f"{topic} 21.5"]
    assert said.startswith("published with TLSv1.")
    record_property("said", f"{target}: a device was compiled from its bundle, linked, and {said.strip()}")


@pytest.mark.parametrize("size", [1024, 2048, 4096])
def test_a_device_with_small_buffers_gets_small_records(broker: Broker, topic: str, size: int, tmp_path: Path) -> None:
    """tls_setup.c asks for max_fragment_length; Mbed TLS itself would refuse a record above what was agreed."""
    bundle(broker, "mbedtls", tmp_path / "b", "--host", "localhost")
    device = build("mbedtls", tmp_path / "b", f"-DMBEDTLS_SSL_IN_CONTENT_LEN={size}")
    assert run([device, str(broker.port), topic, "21.5"]).stdout.startswith("published with TLSv1.2")


@LIBRARY
def test_a_device_refuses_a_broker_of_another_name(broker: Broker, topic: str, target: str, tmp_path: Path) -> None:
    """The same root, the same broker, and not the host that the bundle is for."""
    bundle(broker, target, tmp_path / "b", "--host", "elsewhere.example")
    done = subprocess.run(
        [build(target, tmp_path / "b"), str(broker.port), topic, "21.5"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.strip() == {"mbedtls": "failed -0x2700", "wolfssl": "failed -322"}[target]


@LIBRARY
def test_a_device_refuses_a_broker_of_another_root(
    broker: Broker, own_broker: Broker, topic: str, target: str, tmp_path: Path
) -> None:
    bundle(own_broker, target, tmp_path / "b", "--host", "localhost")
    done = subprocess.run(
        [build(target, tmp_path / "b"), str(broker.port), topic, "21.5"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.strip() == {"mbedtls": "failed -0x2700", "wolfssl": "failed -188"}[target]


MACROS = {
    "lwip": ("TLS_ROOT_CERT", "TLS_CLIENT_CERT", "TLS_CLIENT_KEY"),
    "freertos": (*("democonfigROOT_CA_PEM", "democonfigCLIENT_CERTIFICATE_PEM", "democonfigCLIENT_PRIVATE_KEY_PEM"),),
}


@pytest.mark.parametrize("target", MACROS)
@pytest.mark.parametrize(
    "device", [bundle_credentials.credentials(), bundle_credentials.with_two_roots()], ids=["one-root", "two-roots"]
)
def test_mbedtls_takes_the_macros_with_their_sizeof_and_not_without_their_nul(
    target: str, device: Credentials, tmp_path: Path
) -> None:
    has_header("mbedtls", "libmbedtls-dev")
    folder, (root, certificate, key) = unpack(tmp_path, target, device), MACROS[target]
    names = [f"-DROOT={root}", f"-DCERTIFICATE={certificate}", f"-DKEY={key}"]
    source, libraries = PROGRAMS / "parse_macros.c", LIBRARIES["mbedtls"][2]
    run(GCC.command(*names, "-Wno-pedantic", "-I", folder, source, "-o", folder / "parse", *libraries))
    said = run([folder / "parse"]).stdout
    assert said == f"{len(device.root_ders)} roots, error -0x0000, without the NUL -0x2180\n"


def test_openssl_reads_pem_der_and_pkcs12(broker: Broker, tmp_path: Path) -> None:
    openssl = program("openssl", "openssl")
    bundle(broker, "pem", pem := tmp_path / "pem")
    bundle(broker, "der", der := tmp_path / "der")
    password = bundle(broker, "pkcs12", p12 := tmp_path / "p12")["passwords"]["device.p12"]  # type: ignore[index]
    verified = run(
        [openssl, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", pem / "root.pem",
         "-untrusted", pem / "device-chain.pem", pem / "device.pem"]
    )  # fmt: skip
    assert verified.stdout.strip().endswith(": OK")
    public = {
        run([openssl, "x509", "-in", pem / "device.pem", "-noout", "-pubkey"]).stdout,
        run([openssl, "x509", "-inform", "DER", "-in", der / "device.der", "-noout", "-pubkey"]).stdout,
        run([openssl, "pkey", "-in", pem / "device.key", "-pubout"]).stdout,
        run([openssl, "ec", "-in", pem / "device.ec.key", "-pubout"]).stdout,
        run([openssl, "pkey", "-inform", "DER", "-in", der / "device.key.der", "-pubout"]).stdout,
        run([openssl, "pkey", "-inform", "DER", "-in", der / "device.pkcs8.der", "-pubout"]).stdout,
    }
    assert len(public) == 1
    opened = run([openssl, "pkcs12", "-in", p12 / "device.p12", "-passin", f"pass:{password}", "-nodes", "-info"])
    assert "PBES2, PBKDF2, AES-256-CBC" in opened.stderr
    assert "MAC: sha256" in opened.stderr
    assert opened.stdout.count("BEGIN CERTIFICATE") == 3
    key = run([openssl, "pkey", "-pubout"], input=opened.stdout[opened.stdout.index("-----BEGIN PRIVATE") :]).stdout
    assert {key} == public


def test_mosquitto_pub_takes_the_pem_bundle(broker: Broker, topic: str, tmp_path: Path) -> None:
    bundle(broker, "pem", folder := tmp_path / "b")
    mark = broker.mark
    with running(broker.sealmq("sub", "-C", "1", "-q", "1", "-F", "%t %p", topic)) as sub:
        broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
        files = ["--cafile", folder / "root.pem", "--cert", folder / "device.pem", "--key", folder / "device.key"]
        where = ["-h", "localhost", "-p", str(broker.port), *files]
        run([program("mosquitto_pub", "mosquitto-clients"), *where, "-q", "1", "-t", topic, "-m", "21.5"])
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == [f"{topic} 21.5"]
