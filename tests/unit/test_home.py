from __future__ import annotations

import errno
import os
import shutil
import ssl
import stat
import subprocess
import sys
import time
from hashlib import sha256
from itertools import count

import pytest

from failing_disk import FailingDisk
from running import program
from sealmq.devices.directory import Directory
from sealmq.devices.records import State
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.home import Home
from sealmq.pki import sealing, vault
from sealmq.pki.authorities import kept_as
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.passphrase import Source, asked_by
from sealmq.pki.peer import identify_certificate, server_names, subject_key_id
from sealmq.pki.profiles import ServerNames

NOW = 1_800_000_000.0
NAMES = ServerNames(("localhost", "broker.local"), ("127.0.0.1", "::1"))
WHO = {"organization": "Example", "country": "NL"}


def broker_certificate(home: Home) -> bytes:
    return certificates_of(vault.read_private(home.broker_chain))[0]


def make(path, now=NOW):
    return Home.create(path, **WHO, names=NAMES, now=now)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "home"
    make(path).close()
    return path


@pytest.fixture
def home(template, path):
    shutil.copytree(template, path)
    with Home.open(path) as home:
        yield home


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def broker_pair(home):
    pem = home.broker_chain.read_bytes()
    return PrivateKey.from_pem(pem), identify_certificate(certificates_of(pem)[0])


# --- making


def test_a_new_home_has_everything(path):
    with make(path) as home:
        assert names_in(path) == [
            *("audit.jsonl", "broker", "ca", "devices", "sealmq.db", "sealmq.db-shm", "sealmq.db-wal"),
        ]
        assert mode(path) == 0o700
        for file in path.rglob("*"):
            if file.is_dir():
                assert mode(file) == 0o700
            elif file.suffix == ".key" or file.name in ("broker.pem", "sealmq.db"):
                assert mode(file) == 0o600
        chain = certificates_of((home.device_directory("operator") / "device-chain.pem").read_bytes())
        identity = Directory(home.registry).identify(chain[0], NOW)
        assert (identity.name, identity.role) == ("operator", "operator")
        assert home.registry.crl(identify_certificate(chain[0]).authority_key_id) is not None
        key, certificate = broker_pair(home)
        assert key.public.spki_sha256 == certificate.spki_sha256
        assert home.registry.lookup(certificate.serial).state is State.VALID
        root = certificates_of(home.root_certificate.read_bytes())[0]
        assert home.root_fingerprint() == ":".join(f"{octet:02X}" for octet in sha256(root).digest())
        for serial in (identify_certificate(root).serial, identify_certificate(chain[1]).serial):
            assert home.registry.lookup(serial).state is State.VALID


def test_the_broker_and_the_operator_shake_hands(path):
    with make(path, now=time.time()) as home:  # OpenSSL looks at the real clock
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(home.broker_chain, home.broker_key)
        serving.load_verify_locations(home.device_ca_certificate)
        serving.verify_mode = ssl.CERT_REQUIRED
        serving.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        files = home.device_directory("operator")
        calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        calling.load_verify_locations(files / "root.pem")
        calling.load_cert_chain(files / "device-chain.pem", files / "device.key")
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = serving.wrap_bio(to_server, to_client, server_side=True)
        client = calling.wrap_bio(to_client, to_server, server_hostname="broker.local")
        for _ in range(4):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
        peer = server.getpeercert(binary_form=True)
        assert Directory(home.registry).identify(peer, time.time()).name == "operator"
        assert broker_certificate(home) == client.getpeercert(binary_form=True)


@pytest.mark.interop
def test_openssl_verifies_what_a_home_has(path):
    program("openssl", "openssl")
    with make(path, now=time.time()) as home:
        for purpose, leaf in (
            ("sslserver", home.broker_chain),
            ("sslclient", home.device_directory("operator") / "device-chain.pem"),
        ):
            command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", home.root_certificate]
            done = subprocess.run([*command, "-untrusted", leaf, leaf], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("there", [[], ["sealmq.toml"], ["lost+found/"]])
def test_an_empty_folder_becomes_a_home(path, there):
    path.mkdir(mode=0o755)
    for name in there:
        (path / name).mkdir() if name.endswith("/") else (path / name).write_text("# mine")
    make(path).close()
    assert mode(path) == 0o700
    assert {name.rstrip("/") for name in there} < set(names_in(path))


def test_somebody_elses_folder_is_left_alone(path):
    path.mkdir()
    (path / "thesis.tex").write_text("42")
    with pytest.raises(HomeError, match="not empty") as caught:
        make(path)
    assert "thesis.tex" in caught.value.why
    assert names_in(path) == ["thesis.tex"]


def test_a_home_is_not_made_twice(home):
    fingerprint = home.root_fingerprint()
    with pytest.raises(HomeError, match="already"):
        make(home.path)
    assert home.root_fingerprint() == fingerprint


def test_a_file_in_its_place(path):
    path.write_text("not a folder")
    with pytest.raises(HomeError, match="no home could be made") as caught:
        make(path)
    assert caught.value.remedy
    with pytest.raises(HomeError):
        make(path / "deeper")
    assert path.read_text() == "not a folder"


def test_a_folder_that_may_not_be_written(path, monkeypatch):
    def refuse(path, mode=0o777):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)  # and not chmod: the tests may run as root, who may write anywhere
    with pytest.raises(HomeError, match="no home could be made") as caught:
        make(path)
    assert caught.value.why == f"{path}: Permission denied"


def test_names_that_cannot_be(path):
    with pytest.raises(TrustError):
        Home.create(path / "deep", organization="", country="NL", names=NAMES, now=NOW)
    assert not path.exists()


PROGRAM = """
import sys
from pathlib import Path
from sealmq.errors import HomeError
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames
try:
    home = Home.create(Path(sys.argv[1]), organization="E", country="NL", names=ServerNames(("a",)), now=1.8e9)
except HomeError as error:
    home = Home.open(Path(sys.argv[1]))
print(home.root_fingerprint())
"""


def test_two_at_the_same_moment_make_one_home(path):
    command = [sys.executable, "-c", PROGRAM, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert said == {Home(path).root_fingerprint() + "\n"}


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_making_fails_at_every_step(tmp_path, monkeypatch, for_good):
    for n in count(1):
        path = tmp_path / f"{n}" / "home"
        there = n % 2 == 0
        if there:
            path.mkdir(parents=True)
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with disk:
                try:
                    make(path).close()
                except Error:
                    assert disk.struck
        if not for_good and not Home.is_home(path):
            assert path.exists() == there
            assert not there or names_in(path) == []
            continue  # nothing is left, so there is nothing to heal
        if not Home.is_home(path):
            with pytest.raises(HomeError):
                Home.open(path)
            make(path).close()
        with Home.open(path) as home:
            assert home.registry.device("operator") is not None
            assert not home.ensure_broker_certificate(NAMES, NOW)
            assert home.registry._all("SELECT * FROM certificates WHERE state <> 'valid'") == []
        assert [name for name in names_in(path) if name != ".creating"] == [
            *("audit.jsonl", "broker", "ca", "devices", "sealmq.db"),
        ]
        shutil.rmtree(tmp_path / f"{n}")
        if not disk.struck:
            break
    assert n > 100


# --- opening


def test_there_is_no_home(path):
    with pytest.raises(HomeError, match="there is no home") as caught:
        Home.open(path)
    assert caught.value.remedy == f"sealmq up --home {path}"
    assert not path.exists()
    with pytest.raises(HomeError) as caught:
        Home.open(path / "two words")
    assert caught.value.remedy == f"sealmq up --home '{path / 'two words'}'"


@pytest.mark.parametrize("missing", ["ca/root.pem", "ca/device-ca.key", "ca/server-ca.pem", "sealmq.db"])
def test_a_home_with_a_part_missing_is_not_opened(home, missing):
    home.close()
    (home.path / missing).unlink()
    before = names_in(home.path)
    with pytest.raises(HomeError, match=f"{missing} is missing"):
        Home.open(home.path)
    assert names_in(home.path) == before
    with pytest.raises(HomeError):
        _ = Home(home.path).registry if missing == "sealmq.db" else Home.open(home.path)


def test_the_root_key_may_be_away(home):
    (home.path / "ca" / "root.key").unlink()
    Home.open(home.path).close()
    home.enrollment().add_device("sensor-1", now=NOW)


@pytest.mark.parametrize(
    "key", ["ca/root.key", "ca/server-ca.key", "ca/device-ca.key", "broker/broker.pem", "devices/operator/device.key"]
)
def test_a_key_that_others_can_read_stops_everything(home, key):
    (home.path / key).chmod(0o644)
    with pytest.raises(TrustError, match="others") as caught:
        Home.open(home.path)
    assert caught.value.remedy == f"chmod 600 {home.path / key}"
    (home.path / key).chmod(0o600)
    Home.open(home.path).close()


def test_a_damaged_registry_is_left_alone(home):
    home.close()
    home.database.write_bytes(b"garbage")
    with pytest.raises(HomeError, match="damaged"):
        Home.open(home.path)
    assert home.database.read_bytes() == b"garbage"


def test_the_revocation_list_needs_no_key(home):
    home.enrollment().revoke_device("operator", now=NOW)
    (home.path / "ca" / "device-ca.key").unlink()
    assert home.revocation_list() is not None


def test_an_empty_revocation_list_is_none(home):
    assert home.revocation_list() is None
    (device_ca,) = certificates_of(home.device_ca_certificate.read_bytes())
    assert home.registry.crl(subject_key_id(device_ca)) is not None


def test_keys_that_do_not_belong_together(home):
    shutil.copy(home.path / "ca" / "root.key", home.path / "ca" / "device-ca.key")
    with pytest.raises(TrustError, match="does not belong"):
        home.enrollment()


def test_where_things_are(path, monkeypatch):
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    home = Home(Home.default_path())
    assert home.configuration == path / "sealmq.toml"
    assert home.device_directory("sensor-1") == path / "devices" / "sensor-1"
    with pytest.raises(EnrollmentError):
        home.device_directory("../ca")
    monkeypatch.delenv("SEALMQ_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(path))
    assert Home.default_path() == path / "sealmq"


# --- the broker's certificate


def test_a_good_broker_certificate_is_kept(home):
    before = home.broker_chain.read_bytes()
    assert not home.ensure_broker_certificate(NAMES, NOW)
    assert not home.ensure_broker_certificate(NAMES, NOW + 59 * 86400)
    assert home.broker_chain.read_bytes() == before


@pytest.mark.parametrize("later", [60 * 86400, 100 * 86400])
def test_it_is_renewed_after_two_thirds_of_its_life(home, later):
    _, old = broker_pair(home)
    assert home.ensure_broker_certificate(NAMES, NOW + later)
    key, new = broker_pair(home)
    assert new.serial != old.serial
    assert key.public.spki_sha256 == new.spki_sha256 != old.spki_sha256
    assert home.registry.lookup(old.serial).state is State.SUPERSEDED
    assert home.registry.lookup(new.serial).state is State.VALID
    assert mode(home.broker_chain) == 0o600


@pytest.mark.parametrize(
    "names",
    [
        ServerNames(("localhost",), ("127.0.0.1", "::1")),
        ServerNames((*NAMES.dns, "new.example"), NAMES.addresses),
        ServerNames(NAMES.dns, NAMES.addresses, addresses_as_dns_names=True),
    ],
)
def test_it_is_renewed_when_the_names_change(home, names):
    assert home.ensure_broker_certificate(names, NOW)
    assert server_names(broker_certificate(home)) == names
    assert not home.ensure_broker_certificate(names, NOW)


def test_it_is_renewed_when_it_is_damaged_missing_or_unknown(home):
    home.broker_chain.write_bytes(b"garbage")
    assert home.ensure_broker_certificate(NAMES, NOW)
    home.broker_chain.unlink()
    assert home.ensure_broker_certificate(NAMES, NOW)
    home.registry._all("UPDATE certificates SET state = 'revoked' WHERE profile = 'server'")
    assert home.ensure_broker_certificate(NAMES, NOW)
    assert not home.ensure_broker_certificate(NAMES, NOW)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_renewing_fails_at_every_step(home, monkeypatch, for_good):
    for n in count(1):
        now = NOW + n * 100 * 86400 / 50 + 61 * 86400 * (n % 2)  # each time another moment
        other = ServerNames((f"n{n}.example",))
        _, before = broker_pair(home)
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with Home.open(home.path) as failing, disk:
                try:
                    failing.ensure_broker_certificate(other, now)
                except Error:
                    assert disk.struck
        key, certificate = broker_pair(home)
        assert key.public.spki_sha256 == certificate.spki_sha256
        state = home.registry.lookup(certificate.serial).state
        assert state is State.VALID or (state is State.PENDING and certificate.serial != before.serial)
        home.ensure_broker_certificate(other, now)
        _, certificate = broker_pair(home)
        assert home.registry.lookup(certificate.serial).state is State.VALID
        assert names_in(home.broker_chain.parent) == ["broker.pem"]
        if not disk.struck:
            break
    assert n > 15


@pytest.mark.parametrize("place", ["", "ca", "broker", "devices", "sealmq.db", "ca/device-ca.pem"])
def test_a_home_that_others_can_change_is_not_opened(home, place):
    path = home.path / place
    path.chmod(path.stat().st_mode | 0o020)
    with pytest.raises(TrustError, match="changed by others"):
        Home.open(home.path)


def test_folders_above_a_new_home_are_ours_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        Home.create(tmp_path / "a" / "b", organization="O", country="XX", names=NAMES, now=NOW).close()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]


# --- the keys of the CAs


@pytest.fixture
def cheap_scrypt(monkeypatch):
    monkeypatch.setattr(sealing, "COST", 2)
    monkeypatch.setattr(sealing, "LANES", 1)


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_home_that_is_given_a_passphrase_has_no_open_key(path):
    with asked_by(Source(lambda: b"the passphrase")):
        make(path).close()
        assert {kept_as(key.read_bytes()) for key in (path / "ca").glob("*.key")} == {"sealed"}
        with Home.open(path) as home:
            home.enrollment().add_device("sensor-1", now=NOW)
    with Home.open(path) as home, pytest.raises(TrustError, match="nobody gave it"):
        home.enrollment()


def test_a_person_is_not_asked_for_the_passphrase_of_a_new_home(path):
    with asked_by(Source(lambda: None, lambda: pytest.fail("nobody types it twice"))):
        make(path).close()
    assert {kept_as(key.read_bytes()) for key in (path / "ca").glob("*.key")} == {"plain"}


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_passphrase_that_is_too_short_makes_no_home(path):
    with asked_by(Source(lambda: b"short")), pytest.raises(TrustError, match="fewer than"):
        make(path)
    assert not path.exists()


def test_the_claim_authority_of_an_older_home(home):
    before = home.claim_authority(NOW).key_id
    home.authorities.replace({}, remove=["claim-ca.pem", "claim-ca.key"])
    Home.open(home.path).close()
    assert home.claim_authority(NOW).key_id != before
    assert home.registry.lookup(home.claim_authority(NOW).certificate.serial).state is State.VALID


def test_what_was_killed_while_it_changed_the_keys_is_finished_by_the_next(home, monkeypatch):
    new = home.authorities.device_anchors_pem * 2
    with monkeypatch.context() as patch:
        patch.setattr("sealmq.pki.together.finish", lambda directory: None)
        home.authorities.replace({"device-ca.pem": new})
    assert home.device_ca_certificate.read_bytes() != new
    Home.open(home.path).close()
    assert home.device_ca_certificate.read_bytes() == new


def test_two_do_not_change_the_keys_at_once(home, monkeypatch):
    monkeypatch.setattr("sealmq.devices.lock._SECONDS", 0.1)
    with (
        home.changing_authorities("first"),
        pytest.raises(HomeError, match="is in use"),
        home.changing_authorities("second"),
    ):
        pytest.fail("both were let in")
