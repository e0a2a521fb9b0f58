"""Who may not come in: the alert that openssl sees, and the line that the person at the broker's log reads."""

from __future__ import annotations

import datetime
import re
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates import Authority
from interop_homes import add_device
from running import Broker, program, run, running, sealmq

pytestmark = pytest.mark.interop

VERSIONS = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
LOCALHOST = r"127\.0\.0\.1:[0-9]+"
DAY = datetime.timedelta(days=1)


def s_client(broker: Broker, *options: str | Path) -> str:
    """What `openssl s_client` says about a connection to the broker; its standard input stays open until then."""
    path = program("openssl", "openssl")
    where = [
        "-connect",
        f"localhost:{broker.port}",
        "-servername",
        "localhost",
        "-CAfile",
        broker.home / "ca" / "root.pem",
    ]
    words = [str(word) for word in (path, "s_client", *where, *options)]
    # Its standard input is a pipe that nobody writes to: at its end s_client would leave before it has read the alert.
    with running(words, stdin=subprocess.PIPE) as client:
        client.ended()
        return "\n".join(client.output.lines + client.errors.lines)


def credentials_of_device_ca(broker: Broker, folder: Path, *, expired: bool = False) -> tuple[Path, Path]:
    """A device's certificate that the Device CA has signed behind the registry's back, and its key."""
    ca = broker.home / "ca"
    issuer = x509.load_pem_x509_certificate((ca / "device-ca.pem").read_bytes())
    issuer_key = serialization.load_pem_private_key((ca / "device-ca.key").read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().issuer_name(issuer.subject).public_key(key.public_key())
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sensor-9")]))
    builder = builder.serial_number(0x0BADC0DE).not_valid_before(now - 2 * DAY)
    builder = builder.not_valid_after(now - DAY if expired else now + DAY)
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    chain = folder / "chain.pem"
    chain.write_bytes(builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    file = folder / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, file


def serial_of(chain: Path) -> str:
    """The serial as the log writes it: whole bytes."""
    digits = f"{x509.load_pem_x509_certificate(chain.read_bytes()).serial_number:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def test_tls_1_1_is_refused_with_the_alert_protocol_version(broker: Broker) -> None:
    mark = broker.mark
    said = s_client(broker, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said
    line = broker.log.wait(f"{LOCALHOST} was refused", after=mark)
    assert "offers no TLS version that is allowed here" in line
    assert "alert protocol_version sent" in line
    assert "TLS 1.2 or 1.3" in line


@VERSIONS
def test_a_client_without_a_certificate_is_refused_with_an_alert(broker: Broker, version: str) -> None:
    mark = broker.mark
    said = s_client(broker, version)
    # TLS 1.2 has no alert of its own for it [RFC 5246 section 7.4.6]: handshake_failure.
    name = "handshake failure" if version == "-tls1_2" else "certificate required"
    assert f"alert {name}" in said
    line = broker.log.wait(f"{LOCALHOST} was refused: the device showed no certificate", after=mark)
    assert f"alert {name.replace(' ', '_')} sent" in line
    assert "sealmq device add NAME" in line


@VERSIONS
def test_a_certificate_of_another_authority_is_refused_with_unknown_ca(
    broker: Broker, tmp_path: Path, version: str
) -> None:
    mark = broker.mark
    chain, key = Authority("Somebody Else's CA").issue("sensor-1").save(tmp_path, "foreign")
    said = s_client(broker, version, "-cert", chain, "-key", key)
    assert "alert unknown ca" in said
    line = broker.log.wait(f"{LOCALHOST} was refused: .* was not issued by the authority", after=mark)
    assert "alert unknown_ca sent" in line
    assert "sensor-1" in line
    assert "Somebody Else's CA" in line
    assert serial_of(chain) in line
    assert "next: " in line


@VERSIONS
def test_an_expired_certificate_is_refused_with_certificate_expired(
    broker: Broker, tmp_path: Path, version: str
) -> None:
    mark = broker.mark
    chain, key = credentials_of_device_ca(broker, tmp_path, expired=True)
    said = s_client(broker, version, "-cert", chain, "-key", key)
    assert "alert certificate expired" in said
    line = broker.log.wait(f"{LOCALHOST} was refused: the device's certificate has expired", after=mark)
    assert "alert certificate_expired sent" in line
    assert "sensor-9" in line
    assert "badc0de" in line
    assert "sealmq device add" in line


@VERSIONS
def test_the_brokers_own_certificate_is_no_devices(broker: Broker, tmp_path: Path, version: str) -> None:
    mark = broker.mark
    pem = broker.home / "broker" / "broker.pem"
    said = s_client(broker, version, "-cert", pem, "-cert_chain", pem, "-key", pem)
    assert re.search("alert (unknown ca|unsupported certificate)", said)
    line = broker.log.wait(f"{LOCALHOST} was refused", after=mark)
    assert serial_of(pem) in line
    assert "next: " in line


def test_a_server_certificate_of_the_device_ca_is_refused_by_its_purpose(broker: Broker, tmp_path: Path) -> None:
    mark = broker.mark
    chain, key = credentials_of_device_ca(broker, tmp_path)
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    issuer_key = serialization.load_pem_private_key((broker.home / "ca" / "device-ca.key").read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        certificate.issuer, certificate.subject, certificate.public_key(), certificate.serial_number,
        certificate.not_valid_before_utc, certificate.not_valid_after_utc,
    )  # fmt: skip
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.ExtendedKeyUsage):
            value = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(value, extension.critical)
    chain.write_bytes(builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    assert "alert unsupported certificate" in s_client(broker, "-tls1_3", "-cert", chain, "-key", key)
    line = broker.log.wait(f"{LOCALHOST} was refused: the device's certificate is for another purpose", after=mark)
    assert "alert unsupported_certificate sent" in line
    assert "sensor-9" in line


def test_a_certificate_that_the_registry_never_saw_gets_connack_not_authorized(broker: Broker, tmp_path: Path) -> None:
    mark = broker.mark
    chain, key = credentials_of_device_ca(broker, tmp_path)
    command = broker.mosquitto("mosquitto_pub", "sensor-1", "-V", "mqttv5", "-t", "devices/sensor-9/x", "-m", "x")
    words = [str(word) for word in command]
    words[words.index("--cert") + 1], words[words.index("--key") + 1] = str(chain), str(key)
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "ot authorized" in done.stderr
    line = broker.log.wait(f"{LOCALHOST} was refused: .*'sensor-9'.* is not in the registry", after=mark)
    assert "badc0de" in line
    assert "next: sealmq device add sensor-9" in line
    assert len([line for line in broker.log.lines[mark:] if "sensor-9" in line]) == 1


@VERSIONS
def test_a_revoked_certificate_is_refused_with_certificate_revoked(broker: Broker, version: str) -> None:
    name = f"revoked{version}".replace("_", "-")
    folder = add_device(broker.home, name)
    files = ["-cert", folder / "device-chain.pem", "-key", folder / "device.key"]
    serial = serial_of(folder / "device-chain.pem")
    done = sealmq("device", "revoke", name, "--home", broker.home)
    assert done.returncode == 0, done.stderr
    broker.log.wait(f"{name} was revoked .serial {serial}.: it is refused from now on", after=0)
    mark = broker.mark
    said = s_client(broker, version, *files)
    assert "alert certificate revoked" in said
    line = broker.log.wait(f"{LOCALHOST} was refused: the device's certificate was revoked", after=mark)
    assert "alert certificate_revoked sent" in line
    assert name in line
    assert serial in line
    assert "next: " in line


def test_openssl_verifies_both_chains_strictly(broker: Broker) -> None:
    path = program("openssl", "openssl")
    ca = broker.home / "ca"
    for purpose, issuer, leaf in (
        ("sslserver", ca / "server-ca.pem", broker.home / "broker" / "broker.pem"),
        ("sslclient", ca / "device-ca.pem", broker.home / "devices" / "sensor-1" / "device-chain.pem"),
        ("sslclient", ca / "device-ca.pem", broker.home / "devices" / "operator" / "device-chain.pem"),
    ):
        strictly = ["verify", "-x509_strict", "-policy_check", "-purpose", purpose, "-CAfile", ca / "root.pem"]
        assert run([path, *strictly, "-untrusted", issuer, leaf]).stdout.strip() == f"{leaf}: OK"
    wrong = [path, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca / "root.pem"]
    words = [str(word) for word in (*wrong, "-untrusted", ca / "device-ca.pem", leaf)]
    assert subprocess.run(words, capture_output=True, timeout=30, check=False).returncode != 0


def test_a_handshake_with_the_right_files_is_tls_1_3_with_the_verified_broker(broker: Broker) -> None:
    _, chain, key = broker.files("sensor-1")
    path = program("openssl", "openssl")
    where = ["-connect", f"localhost:{broker.port}", "-CAfile", broker.home / "ca" / "root.pem"]
    strictly = ["-brief", "-verify_return_error", "-verify_hostname", "localhost"]
    said = run([path, "s_client", *strictly, *where, "-cert", chain, "-key", key], input="").stderr
    assert "Protocol version: TLSv1.3" in said
    assert "Verification: OK" in said
