"""`sealmq device add --from`, on a real home; and killed by SIGKILL, in processes of its own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from running import SEALMQ, sealmq, wait_until
from sealmq import cli
from sealmq.cli import device_fleet
from sealmq.devices.fleet_adding import BATCH, STAGING
from sealmq.devices.trail import read_line
from sealmq.home import Home
from sealmq.pki import sealing, vault
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(path, organization="Test", country="XX", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    monkeypatch.chdir(tmp_path)
    return path


def write(text: str, name: str = "fleet.csv") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def write_csr(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    path.write_bytes(csr.public_bytes(Encoding.PEM))


def add(*arguments: str) -> int:
    return cli.run(["device", "add", "--from", "fleet.csv", *arguments])


def test_a_table_is_added_and_given_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name,role,days,#where\nsensor-1,,7,hall\npanel,operator,,\n")
    assert add() == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("2 devices are added.\n")
    assert f"{home}/devices/NAME" in shown.out
    assert shown.err == ""  # no bar where no terminal is
    assert {path.name for path in (home / "devices" / "panel").iterdir()} == {
        *("root.pem", "device.pem", "device-chain.pem", "device.key"),
    }
    with Home.open(home) as opened:
        devices = {each.name: each for each in opened.registry.devices()}
    assert devices["panel"].role == "operator"
    assert devices["sensor-1"].not_after < time.time() + 8 * 86400
    cli.run(["device", "revoke", "panel"])
    write("name\nsensor-1\npanel\nsensor-2\n")
    capsys.readouterr()
    assert add() == 0
    assert capsys.readouterr().out.startswith("1 device is added; 1 was there already, 1 was revoked and stays so.\n")


def test_options_are_for_the_lines_that_say_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name,role\na,\nb,device\n")
    assert add("--role", "operator", "--days", "9", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["added"]] == ["a", "b"]
    assert told["not_added"] == told["present"] == told["revoked"] == []
    assert all(re.fullmatch(r"[0-9a-f]{32}", each["serial"]) for each in told["added"])
    assert {each["not_after"][:4] for each in told["added"]} <= {str(time.gmtime(time.time() + n)[0]) for n in (0, 1e6)}
    with Home.open(home) as opened:
        assert [device.role for device in opened.registry.devices()] == ["operator", "device", "operator"]


def test_requests_lie_beside_the_table(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "line 1"
    (folder / "requests").mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    write_csr(folder / "requests" / "a.csr", key)
    write("name,csr\na,requests/a.csr\nb,\n", str(folder / "fleet.csv"))
    assert cli.run(["device", "add", "--from", str(folder / "fleet.csv")]) == 0
    assert "1 of them has no device.key" in capsys.readouterr().out
    leaf = leaf_of(home / "devices" / "a")
    assert PrivateKey(key).public.spki_sha256 == leaf.spki_sha256
    assert not (home / "devices" / "a" / "device.key").exists()


def test_a_dry_run_checks_and_makes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name\na\nb\noperator\n")
    before = sorted(home.rglob("*"))
    assert add("--dry-run") == 0
    assert capsys.readouterr().out == "2 devices would be added; 1 was there already.\n"
    assert sorted(home.rglob("*")) == before


def test_mistakes_are_all_told_and_nothing_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name,role\nok,\n" + "".join(f"bad/{n},\n" for n in range(25)))
    assert add() == 2
    shown = capsys.readouterr().err
    assert "fleet.csv has 25 mistakes, and nothing was made" in shown
    assert shown.count("line ") == device_fleet.SHOWN
    assert "and 5 more" in shown
    write("name\nok\nOperator\n")  # what the registry says no to
    assert add() == 2
    assert "line 3: there is a device 'operator' already" in capsys.readouterr().err
    assert not (home / "devices" / "ok").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no device is named"),
        (["a", "--dry-run"], "are for --from"),
        (["a", "--jobs", "2"], "are for --from"),
        (["a", "--from", "fleet.csv"], "a NAME is given together with --from"),
        (["--from", "fleet.csv", "--csr", "a.csr"], "--csr is given together with --from"),
        (["--from", "nothing.csv"], "cannot be read"),
    ],
)
def test_what_does_not_go_together(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("name\na\n")
    assert cli.run(["device", "add", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (home / "devices" / "a").exists()


def test_a_wrong_role_or_life_is_told_as_for_one_device(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name\na\n")
    assert add("--role", "admin") == 1
    assert "not a role" in capsys.readouterr().err
    assert add("--days", "0") == 1
    assert "cannot last 0 days" in capsys.readouterr().err


def test_who_was_not_added_is_told_and_the_exit_code_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("name\na\nb\n")
    folder = vault.write_folder

    def meanwhile(path, files):
        folder(path, files)
        if path.name == "b" and path.parent.parent.name == STAGING:
            assert sealmq("device", "add", "a", "--home", home).returncode == 0

    monkeypatch.setattr(vault, "write_folder", meanwhile)
    assert add("--jobs", "1") == 1
    shown = capsys.readouterr().out
    assert shown.startswith("1 device is added.\n")
    assert "1 device is not added:\n  line 2: a: somebody else" in shown


def test_a_full_disk_says_how_far_it_came(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("name\na\nb\n")

    def full(path, files):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(vault, "write_folder", full)
    assert add("--jobs", "1") == 1
    shown = capsys.readouterr().err
    assert "0 of 2 devices are added; the same command goes on from there" in shown
    assert "No space left on device" in shown
    assert not (home / "devices" / "a").exists()


def test_each_device_gets_the_bundle_that_its_line_wants(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("name,target\na,lwip\nb,\noperator,zephyr\n")
    assert add("--target", "pem", "--host", "10.0.0.7") == 0
    assert "3 bundles are in fleet-bundles.\n" in capsys.readouterr().out
    out = Path("fleet-bundles")
    assert {path.name for path in out.iterdir()} == {"a-lwip", "b-pem", "operator-zephyr"}
    assert b"10.0.0.7" in (out / "b-pem" / "README.md").read_bytes()
    key = PrivateKey.from_pem((out / "b-pem" / "device.key").read_bytes())
    assert key.public.spki_sha256 == leaf_of(home / "devices" / "b").spki_sha256
    # Killed on its way: the half is cleared, and what is missing is made.
    shutil.rmtree(out / "b-pem")
    (out / ".sealmq-bundles.1234abcd" / "b-pem").mkdir(parents=True)
    before = (out / "a-lwip").stat()
    assert add("--target", "pem", "--json") == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["bundled"]] == ["b"]
    assert {path.name for path in out.iterdir()} == {"a-lwip", "b-pem", "operator-zephyr"}
    assert (out / "a-lwip").stat() == before


@pytest.mark.parametrize(
    ("table", "arguments", "words"),
    [
        ("name\na\n", ["--target", "lwipp"], "line 2: there is no target 'lwipp': did you mean lwip"),
        ("name,target\na,\nb,zephir\n", [], "line 3: there is no target 'zephir': did you mean zephyr"),
        ("name\na\n", ["--target", "pkcs12"], "a password that is shown once"),
        ("name\na\n", ["--target", "pem", "--out", "a.zip"], "bundles go into a folder"),
        ("name\na\n", ["--out", "somewhere"], "are for --target"),
        ("name\na\n", ["--target", "pem", "--host", "a b"], "neither a host name nor an address"),
    ],
)
def test_bundles_that_cannot_be_are_told_before_anything_is_made(
    home: Path, table: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(table)
    assert add(*arguments) == 2
    assert words in capsys.readouterr().err
    assert not (home / "devices" / "a").exists()


def test_a_bundle_that_cannot_be_made_is_told_and_its_device_stays(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csr(tmp_path / "a.csr", ec.generate_private_key(ec.SECP384R1()))
    write("name,csr,target\na,a.csr,esp-secure-cert\n")
    assert add() == 1
    assert "1 device has no bundle:\n  line 2: a: esp-secure-cert takes no P-384 key" in capsys.readouterr().out
    assert (home / "devices" / "a").exists()


def test_keys_that_are_sealed_are_opened_by_each_process(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sealing, "COST", 2)  # the processes read it in the file
    monkeypatch.setattr(sealing, "LANES", 1)
    file = tmp_path / "passphrase"
    file.write_text("a long passphrase")
    file.chmod(0o600)
    assert cli.run(["ca", "encrypt", "--new-passphrase-file", str(file)]) == 0
    write("name\n" + "".join(f"d{n}\n" for n in range(BATCH + 10)))
    capsys.readouterr()
    assert add("--jobs", "2", "--ca-passphrase-file", str(file)) == 0
    assert capsys.readouterr().out.startswith(f"{BATCH + 10} devices are added.")
    assert check_whole(home) == BATCH + 10


def leaf_of(folder: Path):
    return identify_certificate(certificates_of((folder / "device-chain.pem").read_bytes())[0])


def check_whole(home: Path) -> int:
    """Each device has its folder, with its certificate and the key of it; and its line in the trail."""
    told = {read_line(line).facts.get("serial") for line in (home / "audit.jsonl").read_bytes().splitlines()}
    with Home.open(home) as opened:
        devices = opened.registry.devices()
    for device in devices:
        folder = home / "devices" / device.name
        leaf = leaf_of(folder)
        assert leaf.serial == device.serial
        assert PrivateKey.from_pem((folder / "device.key").read_bytes()).public.spki_sha256 == leaf.spki_sha256
        assert device.serial in told
    return len(devices) - 1


ROWS = 900


@pytest.mark.parametrize("whole_group", [True, False], ids=["all of it", "the command alone"])
def test_killed_at_any_moment_it_goes_on_and_no_device_is_half(home: Path, whole_group: bool) -> None:
    write("name\n" + "".join(f"d{n}\n" for n in range(ROWS)))
    command = [*SEALMQ, "device", "add", "--from", "fleet.csv", "--home", str(home), "--jobs", "2"]
    dice = random.Random(5)
    moments = sorted(dice.randrange(1, ROWS - 300) for _ in range(4))
    for moment in [0, *moments]:
        with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:

            def has_come_so_far(moment: int = moment) -> bool:
                if moment == 0:  # something is being written
                    return any((home / "devices").glob(f"{STAGING}/*/*"))
                # Hidden folders are what was put aside, and no devices. listdir is as fast as can be.
                return sum(name[0] == "d" for name in os.listdir(home / "devices")) >= moment  # noqa: PTH208

            wait_until(has_come_so_far, pause=0.002)
            (os.killpg if whole_group else os.kill)(run.pid, signal.SIGKILL)
            code = run.wait()
        assert code in (-signal.SIGKILL, 0)  # 0: it came to its end before this process had its turn
        if whole_group:
            assert check_whole(home) < ROWS or code == 0
    last = sealmq(*command[len(SEALMQ) :])
    assert last.returncode == 0, last.stderr
    # None was there already, where each kill came between the folders of a batch and their place in the registry.
    found = re.match(r"([\d,]+) devices are added(?:; ([\d,]+) were there already)?", last.stdout)
    assert found, last.stdout
    added, present = (int((count or "0").replace(",", "")) for count in found.groups())
    assert added + present == ROWS
    assert check_whole(home) == ROWS
    names = {path.name for path in (home / "devices").iterdir()}
    assert names == {f"d{n}" for n in range(ROWS)} | {"operator", STAGING}
    assert list((home / "devices" / STAGING).iterdir()) == []
    with Home.open(home) as opened:
        assert opened.registry.query("SELECT serial FROM certificates WHERE state = 'pending'") == []


def test_a_terminal_sees_a_bar(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write("name\na\nb\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert add("--jobs", "1") == 0
    shown = capsys.readouterr()
    assert "adding devices" in shown.err
    assert shown.out.startswith("2 devices are added.")
