from __future__ import annotations

import stat
import subprocess
import sys
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from failing_disk import FailingDisk
from sealmq.devices.records import State
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError, Error, TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate


def csr_for(key, name=None):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return csr.public_bytes(Encoding.PEM)


def leaf_of(folder):
    return identify_certificate(certificates_of((folder / "device-chain.pem").read_bytes())[0])


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_device_gets_its_files(fleet):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    folder = fleet.directory / "sensor-1"
    assert enrolled.directory == folder
    assert {file.name: mode(file) & 0o700 for file in folder.iterdir()}.keys() == {
        *("root.pem", "device.pem", "device-chain.pem", "device.key"),
    }
    assert mode(folder) == 0o700
    assert mode(folder / "device.key") == 0o600
    assert (folder / "root.pem").read_bytes() == fleet.root.certificate.pem
    leaf, issuer = certificates_of((folder / "device-chain.pem").read_bytes())
    assert certificates_of((folder / "device.pem").read_bytes()) == [leaf]
    assert issuer == fleet.device_ca.certificate.der
    peer = identify_certificate(leaf)
    assert (peer.common_name, peer.serial, peer.not_after) == ("sensor-1", enrolled.serial, enrolled.not_after)
    assert PrivateKey.from_pem((folder / "device.key").read_bytes()).public.spki_sha256 == peer.spki_sha256
    record = fleet.registry.lookup(enrolled.serial)
    assert record.state is State.VALID
    assert record.fingerprint == peer.fingerprint
    assert (record.not_before, record.not_after, record.spki_sha256) == (
        *(peer.not_before, peer.not_after, peer.spki_sha256),
    )
    assert enrolled.uuid == fleet.registry.device("sensor-1").uuid
    assert enrolled.has_key
    assert not enrolled.shortened


def test_with_a_request_no_key_is_made(fleet):
    key = ec.generate_private_key(ec.SECP256R1())
    enrolled = fleet.enrollment.add_device("sensor-1", csr=csr_for(key, "sensor-1"), now=fleet.now)
    assert not enrolled.has_key
    assert {file.name for file in enrolled.directory.iterdir()} == {"root.pem", "device.pem", "device-chain.pem"}


def test_a_request_for_somebody_else_is_refused(fleet):
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(EnrollmentError, match="for 'operator', not for 'sensor-1'"):
        fleet.enrollment.add_device("sensor-1", csr=csr_for(key, "operator"), now=fleet.now)


def test_one_key_is_one_device(fleet):
    key = ec.generate_private_key(ec.SECP256R1())
    fleet.enrollment.add_device("sensor-1", csr=csr_for(key), now=fleet.now)
    with pytest.raises(EnrollmentError, match="belongs to 'sensor-1'"):
        fleet.enrollment.add_device("sensor-2", csr=csr_for(key), now=fleet.now)
    fleet.enrollment.revoke_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="belongs to 'sensor-1'"):
        fleet.enrollment.add_device("sensor-2", csr=csr_for(key), now=fleet.now)
    fleet.enrollment.add_device("sensor-1", csr=csr_for(key), now=fleet.now)
    fleet.enrollment.revoke_device("sensor-1", "keyCompromise", now=fleet.now)
    with pytest.raises(EnrollmentError, match="compromised"):
        fleet.enrollment.add_device("sensor-1", csr=csr_for(key), now=fleet.now)


@pytest.mark.parametrize("name", ["a", "A" * 64, "0", "sensor-1.kitchen_2"])
def test_good_names(fleet, name):
    assert fleet.enrollment.add_device(name, now=fleet.now).directory.name == name


@pytest.mark.parametrize(
    "name", ["", "a" * 65, ".a", "-a", "_a", "a/b", "../ca", "a+", "#", "a b", "a\n", "a\0", "é", "٣", "\x1b[2J"]
)
def test_bad_names_are_told_the_rule(fleet, name):
    with pytest.raises(EnrollmentError, match="cannot be a name") as caught:
        fleet.enrollment.add_device(name, now=fleet.now)
    assert "1 to 64 letters" in caught.value.why
    assert caught.value.what.isprintable()
    assert list(fleet.directory.iterdir()) == []


@pytest.mark.parametrize("again", ["sensor-1", "Sensor-1"])
def test_a_name_is_given_once(fleet, again):
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="'sensor-1' already") as caught:
        fleet.enrollment.add_device(again, now=fleet.now)
    assert "revoke sensor-1" in caught.value.remedy


def test_other_mistakes(fleet):
    with pytest.raises(EnrollmentError, match="not a role"):
        fleet.enrollment.add_device("a", role="admin", now=fleet.now)
    for days in (0, -1, 10**9):
        with pytest.raises(EnrollmentError, match="cannot last"):
            fleet.enrollment.add_device("a", days=days, now=fleet.now)
    with pytest.raises(EnrollmentError, match="cannot be read"):
        fleet.enrollment.add_device("a", csr=b"garbage", now=fleet.now)
    with pytest.raises(TrustError, match="clock"):
        fleet.enrollment.add_device("a", now=0.0)
    assert fleet.registry.devices() == []


def test_a_life_that_is_cut_says_so(fleet):
    enrolled = fleet.enrollment.add_device("a", days=3650, now=fleet.now + 30 * 86400)
    assert enrolled.shortened
    assert enrolled.not_after == fleet.device_ca.certificate.validity.not_after


def test_a_folder_of_somebody_else_is_not_touched(fleet):
    precious = fleet.directory / "sensor-1" / "device.key"
    precious.parent.mkdir()
    precious.write_bytes(b"precious")
    with pytest.raises(EnrollmentError, match="registry knows no device"):
        fleet.enrollment.add_device("sensor-1", now=fleet.now)
    assert precious.read_bytes() == b"precious"


def test_revoking(fleet):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    seen = fleet.registry.last_change()
    assert fleet.enrollment.revoke_device("SENSOR-1", "keyCompromise", now=fleet.now + 5) == [enrolled.serial]
    record = fleet.registry.lookup(enrolled.serial)
    assert (record.state, record.revoked_at, record.reason) == (State.REVOKED, fleet.now + 5, "keyCompromise")
    (change,) = fleet.registry.changes_since(seen)
    assert (change.kind, change.serial, change.device) == ("revoked", enrolled.serial, "sensor-1")
    crl = x509.load_der_x509_crl(fleet.registry.crl(fleet.device_ca.key_id))
    assert crl.get_revoked_certificate_by_serial_number(int(enrolled.serial, 16)) is not None
    assert crl.next_update_utc.timestamp() == fleet.device_ca.certificate.validity.not_after
    assert fleet.enrollment.revoke_device("sensor-1", now=fleet.now + 6) == []  # once is enough


def test_the_crl_has_everything_that_is_revoked_and_not_long_over(fleet):
    serials = [fleet.enrollment.add_device(name, now=fleet.now, days=1).serial for name in ("a", "b")]
    late = fleet.now + 40 * 86400
    serials.append(fleet.enrollment.add_device("c", now=late).serial)
    for name, now in (("a", fleet.now), ("b", fleet.now), ("c", late)):
        fleet.enrollment.revoke_device(name, now=now)
        crl = x509.load_der_x509_crl(fleet.registry.crl(fleet.device_ca.key_id))
        if name == "b":
            assert {entry.serial_number for entry in crl} == {int(serial, 16) for serial in serials[:2]}
    assert {entry.serial_number for entry in crl} == {int(serials[2], 16)}
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3


def test_an_unknown_device_gets_near_matches(fleet):
    for name in ("sensor-1", "kitchen"):
        fleet.enrollment.add_device(name, now=fleet.now)
    with pytest.raises(EnrollmentError, match="no device 'sensr-1'") as caught:
        fleet.enrollment.revoke_device("sensr-1", now=fleet.now)
    assert caught.value.why == "did you mean sensor-1?"
    assert caught.value.remedy == "sealmq device list"
    with pytest.raises(EnrollmentError) as caught:
        fleet.enrollment.revoke_device("\x1b[2J", now=fleet.now)
    assert caught.value.what.isprintable()
    with pytest.raises(EnrollmentError, match="no reason"):
        fleet.enrollment.revoke_device("sensor-1", "boredom", now=fleet.now)


def test_a_revoked_device_comes_back_as_a_new_one(fleet):
    first = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    fleet.enrollment.revoke_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="which is revoked"):
        fleet.enrollment.add_device("SENSOR-1", now=fleet.now)
    second = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    assert second.uuid != first.uuid
    assert leaf_of(second.directory).serial == second.serial
    assert fleet.registry.lookup(first.serial).state is State.REVOKED
    assert fleet.registry.device("sensor-1").state == "active"
    assert names_in(fleet.directory) == ["sensor-1"]


def test_two_commands_for_one_name_at_once_make_one_device(fleet, tmp_path):
    program = (
        "import sys; from pathlib import Path; from sealmq.devices.enrollment import Enrollment;"
        "from sealmq.devices.registry import Registry; from sealmq.devices.trail import Trail;"
        "from sealmq.pki.authority import Authority;"
        "from sealmq.errors import EnrollmentError\n"
        "here = Path(sys.argv[1])\n"
        "ca = Authority.load((here / 'ca.pem').read_bytes(), (here / 'ca.key').read_bytes())\n"
        "with Registry.open(here / 'sealmq.db') as registry:\n"
        "    trail = Trail(here / 'audit.jsonl')\n"
        "    root = (here / 'root.pem').read_bytes()\n"
        "    enrollment = Enrollment(registry, ca, root=root, directory=here / 'devices', trail=trail)\n"
        "    try: enrollment.add_device('a', now=float(sys.argv[2]))\n"
        "    except EnrollmentError as error: print(error)\n"
    )
    (tmp_path / "root.pem").write_bytes(fleet.root.certificate.pem)
    (tmp_path / "ca.pem").write_bytes(fleet.device_ca.certificate.pem)
    (tmp_path / "ca.key").write_bytes(fleet.device_ca.key_pem())
    command = [sys.executable, "-c", program, str(tmp_path), str(fleet.now)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate()[0] for process in running)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert said[0] == ""
    assert all("already" in words for words in said[1:])
    assert leaf_of(fleet.directory / "a").serial == fleet.registry.device("a").serial


# --- the n-th step fails


def check_whole(fleet, registry):
    """What must hold whenever nobody is at work."""
    device = registry.device("sensor-1")
    if device is not None and device.state == "active":
        assert leaf_of(fleet.directory / "sensor-1").serial == device.serial
        assert registry.lookup(device.serial).state is State.VALID
    return device is not None and device.state == "active"


@pytest.mark.parametrize("before", ["nothing", "a revoked device"])
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_adding_fails_at_every_step(fleet, monkeypatch, before, for_good):
    for n in count(1):
        old = None
        if before != "nothing":
            if fleet.registry.device("sensor-1") is None:
                fleet.enrollment.add_device("sensor-1", now=fleet.now)
            fleet.enrollment.revoke_device("sensor-1", now=fleet.now)
            old = leaf_of(fleet.directory / "sensor-1").serial
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            registry, enrollment = fleet.open()
            with disk:
                try:
                    enrollment.add_device("sensor-1", now=fleet.now)
                except Error:
                    assert disk.struck
            registry.close()
        registry, enrollment = fleet.open()
        added = check_whole(fleet, registry)
        if not for_good and not added:
            # A failure leaves what was there before.
            assert names_in(fleet.directory) == (["sensor-1"] if old else [])
            assert not old or leaf_of(fleet.directory / "sensor-1").serial == old
            assert registry._all("SELECT * FROM certificates WHERE state = 'pending'") == []
        if not added:
            enrollment.add_device("sensor-1", now=fleet.now)  # the same command again heals
            assert check_whole(fleet, registry)
            assert names_in(fleet.directory) == ["sensor-1"]
            assert registry._all("SELECT * FROM certificates WHERE state = 'pending'") == []
        registry.close()
        if not disk.struck:
            break
        if before == "nothing":
            forget(fleet)
    assert n > 30


def forget(fleet):
    """Begin anew, with no device at all."""
    registry, _ = fleet.open()
    for table in ("devices", "certificates", "changes", "crls"):
        if table != "devices":
            registry._all(f"DELETE FROM {table}")
        else:
            registry._all("UPDATE certificates SET device = NULL")
            registry._all("DELETE FROM devices")
    registry.close()
    for file in (fleet.directory / "sensor-1").iterdir():
        file.unlink()
    (fleet.directory / "sensor-1").rmdir()


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_revoking_fails_at_every_step(fleet, monkeypatch, for_good):
    for n in count(1):
        enrolled = fleet.enrollment.add_device(f"sensor-{n}", now=fleet.now)
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            registry, enrollment = fleet.open()
            seen = registry.last_change()
            with disk:
                try:
                    enrollment.revoke_device(f"sensor-{n}", now=fleet.now)
                except Error:
                    assert disk.struck
            registry.close()
        registry: Registry
        registry, _ = fleet.open()
        crl = registry.crl(fleet.device_ca.key_id)
        entries = x509.load_der_x509_crl(crl) if crl else []
        serial = int(enrolled.serial, 16)
        signs = {
            registry.lookup(enrolled.serial).state is State.REVOKED,
            registry.device(f"sensor-{n}").state == "revoked",
            registry.last_change() > seen,
            any(entry.serial_number == serial for entry in entries),
        }
        assert len(signs) == 1  # all of it, or nothing
        registry.close()
        if not disk.struck:
            assert signs == {True}
            break
    assert n > 5
