from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from requests_of_devices import csr
from sealmq import cli
from sealmq.devices.applications import Applications
from sealmq.devices.outcomes import (
    Application,
    ByClaim,
    ByToken,
    EnrollmentPolicy,
    Granted,
    Operation,
    Refused,
    Waiting,
)
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import read_line
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames

KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    names = ServerNames(("localhost",))
    Home.create(path, organization="Example", country="NL", names=names, now=time.time()).close()
    monkeypatch.setenv("SEALMQ_HOME", str(path))
    return path


def ask(home: Path, secret: str, name: str) -> object:
    with Home.open(home) as opened:
        authority = opened.registration_authority(opened.registry, EnrollmentPolicy())
        application = Application(csr(name), Operation.ENROLL, ByToken(secret), "est", "192.0.2.1:5")
        return authority.decide([application], time.time())[0]


def test_a_token_enrols_the_device_that_it_is_for(home: Path, capsys: Shown) -> None:
    assert cli.run(["enroll", "token", "--device", "sensor-1", "--ttl", "5m", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["est"] == "https://localhost:8443/.well-known/est"
    assert isinstance(ask(home, made["secret"], "sensor-1"), Granted)
    assert cli.run(["enroll", "list"]) == 0
    table = capsys.readouterr().out
    assert "1 of 1" in table
    assert "used up" in table
    assert made["secret"] not in table
    assert cli.run(["enroll", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["token"], listed["state"], listed["device"]) == (made["token"], "used up", "sensor-1")
    trail = (home / "audit.jsonl").read_bytes()
    assert made["secret"].encode() not in trail
    assert "token" in [read_line(line).action for line in trail.splitlines()]


def test_what_is_printed_for_people_has_all_that_a_device_needs(home: Path, capsys: Shown) -> None:
    assert cli.run(["enroll", "token", "--prefix", "line-", "--quota", "20", "--ttl", "2h", "--approve"]) == 0
    told = capsys.readouterr().out
    assert "enrols 20 devices line-* within 2 hours, each after somebody has approved it" in told
    (secret,) = [line.strip() for line in told.splitlines() if len(line.strip()) == 43]
    assert ask(home, secret, "line-1") == Waiting("line-1")
    with Home.open(home) as opened:
        assert opened.root_fingerprint() in told


def test_where_est_is_switched_off_a_token_says_what_is_missing(home: Path, capsys: Shown) -> None:
    (home / "sealmq.toml").write_text("[https]\nlisten = []\n")
    assert cli.run(["enroll", "token", "--device", "pump-1"]) == 0
    told = capsys.readouterr().out
    assert "EST, which listens nowhere" in told
    assert "curl" not in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "a/b"], "cannot be a name"),
        (["--device", "a", "--quota", "2"], "one device"),
        (["--prefix", "a/"], "cannot be a name"),
        (["--quota", "0"], "quota of 0"),
        (["--role", "king"], "not a role"),
        (["--days", "0"], "0 days"),
        (["--ttl", "5"], "no duration"),
        (["--role", "operator", "--quota", "5"], "needs --device"),
    ],
)
def test_what_cannot_be(home: Path, options: list[str], said: str, capsys: Shown) -> None:
    assert cli.run(["enroll", "token", *options]) in (1, 2)
    assert said in capsys.readouterr().err
    with Home.open(home) as opened:
        assert Tokens(opened.registry).all() == []


def test_revoked_it_enrols_nobody_and_says_what_stays(home: Path, capsys: Shown) -> None:
    cli.run(["enroll", "token", "--quota", "2", "--json"])
    made = json.loads(capsys.readouterr().out)
    ask(home, made["secret"], "sensor-1")
    assert cli.run(["enroll", "revoke", str(made["token"])]) == 0
    assert f"device revoke --token {made['token']}" in capsys.readouterr().out
    assert not isinstance(ask(home, made["secret"], "sensor-2"), Granted)
    assert cli.run(["enroll", "revoke", "99"]) == 1
    assert "no token or claim 99" in capsys.readouterr().err


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_requests_wait_until_somebody_decides(home: Path, decision: str, capsys: Shown) -> None:
    assert cli.run(["enroll", "waiting"]) == 0
    assert "Nobody waits" in capsys.readouterr().out
    cli.run(["enroll", "token", "--device", "sensor-1", "--approve", "--json"])
    secret = json.loads(capsys.readouterr().out)["secret"]
    ask(home, secret, "sensor-1")
    assert cli.run(["enroll", "waiting", "--json"]) == 0
    (waits,) = json.loads(capsys.readouterr().out)
    assert cli.run(["enroll", "waiting"]) == 0
    assert waits["spki_sha256"] in capsys.readouterr().out
    assert cli.run(["enroll", decision, str(waits["number"])]) == 0
    assert "sensor-1" in capsys.readouterr().out
    assert cli.run(["enroll", decision, str(waits["number"])]) == 1
    assert "does not wait" in capsys.readouterr().err
    assert isinstance(ask(home, secret, "sensor-1"), Granted) == (decision == "approve")
    with Home.open(home) as opened:
        assert Applications(opened.registry).waiting() == []


def test_nothing_yet(home: Path, capsys: Shown) -> None:
    assert cli.run(["enroll", "list"]) == 0
    assert "There are no tokens" in capsys.readouterr().out


def test_a_claim_enrols_the_names_that_were_listed(home: Path, tmp_path: Path, capsys: Shown) -> None:
    (tmp_path / "names").write_text("line-1\n\n line-2 \n")
    out = tmp_path / "claim"
    options = ["--quota", "2", "--names", str(tmp_path / "names"), "--out", str(out), "--ttl", "7d"]
    assert cli.run(["enroll", "claim", "line", *options, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert sorted(file.name for file in out.iterdir()) == ["device-chain.pem", "device.key", "root.pem"]
    with Home.open(home) as opened:
        record = opened.registry.lookup(made["serial"])
        assert record is not None
        assert (record.profile, record.device, record.state) == ("claim", "line", "valid")
        authority = opened.registration_authority(opened.registry, EnrollmentPolicy())
        names = ["line-1", "line-3"]
        applications = [
            Application(csr(name, key), Operation.ENROLL, ByClaim(made["serial"]), "mqtt", "192.0.2.1:5")
            for name, key in zip(names, KEYS, strict=True)
        ]
        granted, refused = authority.decide(applications, time.time())
    assert isinstance(granted, Granted)
    assert isinstance(refused, Refused)
    assert cli.run(["enroll", "list"]) == 0
    assert "any name, listed names" in capsys.readouterr().out
    assert cli.run(["enroll", "claim", "line", *options]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "a/b\n", None])
def test_names_that_cannot_be_listed(home: Path, tmp_path: Path, content: str | None, capsys: Shown) -> None:
    if content is not None:
        (tmp_path / "names").write_text(content)
    out = str(tmp_path / "claim")
    assert cli.run(["enroll", "claim", "x", "--quota", "2", "--names", str(tmp_path / "names"), "--out", out]) in (1, 2)
    assert capsys.readouterr().err
    assert not Path(out).exists()
