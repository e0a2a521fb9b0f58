"""`sealmq handshake` with brokers as they are: ours, Debian's mosquitto, nats-server; TLS 1.2 and 1.3; with and without
a client certificate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import handshake_stage
from handshake_stage import SCHEMA, Said, Stage, handshake, look
from interop_homes import make_home
from tls_pairs import Trust

pytestmark = pytest.mark.interop

VERSIONS = ("1.2", "1.3")
SUITES = {
    "1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    "1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
}
"""What the three choose: each of them has its own order."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("homes") / "home")


@contextmanager
def started(broker: str, trust: Trust, home: Path, folder: Path, version: str, *, demands: bool) -> Iterator[Stage]:
    """A broker of that name. version: the oldest that it speaks, where it can be set."""
    if broker == "sealmq":
        with handshake_stage.sealmq_up(home) as stage:
            yield stage
    elif broker == "mosquitto":
        with handshake_stage.mosquitto(trust, folder, f"tls_version tlsv{version}", demands=demands) as stage:
            yield stage
    else:
        with handshake_stage.nats(trust, folder, version=version, demands=demands) as stage:
            yield stage


def valid(said: Said) -> dict[str, Any]:
    """The report, once it is what its schema says."""
    report = said.report
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


CASES = [("sealmq", True), ("mosquitto", False), ("mosquitto", True), ("nats", False), ("nats", True)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("broker", "demands"), CASES)
def test_who_is_let_in_is_told_everything(
    trust: Trust, home: Path, tmp_path: Path, broker: str, demands: bool, version: str
) -> None:
    with started(broker, trust, home, tmp_path, version, demands=demands) as stage:
        said = handshake(*stage.options(show=demands), "--tls-version", version, "--json")
    report = valid(said)
    assert (said.code, report["outcome"]["kind"]) == (0, "connected")
    assert report["outcome"]["why"] == ""
    assert (report["target"]["host"], report["target"]["port"]) == ("localhost", stage.port)
    agreed = report["negotiated"]
    assert agreed["version"] == f"TLS {version}"
    assert agreed["suite"] in SUITES[version]
    assert agreed["group"] == "x25519"
    assert (agreed["resumed"], agreed["retried"]) == (False, False)
    assert report["chain"]["trusted"] is True
    assert {rule["verdict"] for rule in report["chain"]["rules"]} <= {"ok", "warning", "not tested"}
    assert {"signature", "anchor", "dates", "name", "proof"} <= {
        rule["id"] for rule in report["chain"]["rules"] if rule["verdict"] == "ok"
    }
    client = report["client_authentication"]
    assert (client["asked"], client["result"]) == (demands, "accepted" if demands else "not asked")
    assert [one["name"] for one in report["mqtt"]] == ["CONNECT", "CONNACK", "DISCONNECT"]
    assert ("3.1.1" in report["mqtt"][0]["line"]) is (broker == "nats"), "nats knows no MQTT 5"
    assert [step["number"] for step in report["steps"]] == list(range(1, 11))
    check_cost(report, version)


def check_cost(report: dict[str, Any], version: str) -> None:
    """Sums and sizes agree with the records that are in the same report."""
    cost = report["cost"]
    for sender, bytes_ in (("client", cost["sent"]), ("server", cost["received"])):
        assert bytes_ == sum(one["length"] for one in report["records"] if one["sender"] == sender)
    assert sum(share["bytes"] for share in cost["shares"]) == cost["sent"] + cost["received"]
    assert cost["round_trips"] == (2 if version == "1.2" else 1)
    assert [trial["asked"] for trial in cost["trials"]] == [512, 512]
    assert all(trial["honoured"] is not None for trial in cost["trials"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("broker", ["sealmq", "mosquitto", "nats"])
def test_who_shows_no_certificate_where_one_is_demanded_is_refused(
    trust: Trust, home: Path, tmp_path: Path, broker: str, version: str
) -> None:
    with started(broker, trust, home, tmp_path, version, demands=True) as stage:
        for _ in range(3):  # the alert must not be lost in the race between it and our CONNECT
            said = look(*stage.options(show=False), "--tls-version", version)
            report = valid(said)
            assert (said.code, report["outcome"]["kind"], report["outcome"]["by"]) == (1, "refused", "server")
            assert "showed none" in report["outcome"]["why"]
            assert report["outcome"]["alert"] == ("handshake_failure" if version == "1.2" else "certificate_required")
            assert report["client_authentication"]["result"] == "refused"
            assert report["chain"]["trusted"] is True
            names = [one["name"] for one in report["mqtt"]]
            assert names == (["CONNECT"] if version == "1.3" else [])


@pytest.mark.parametrize("broker", ["sealmq", "mosquitto", "nats"])
def test_without_an_authority_it_is_looked_at_and_not_believed(
    trust: Trust, home: Path, tmp_path: Path, broker: str
) -> None:
    with started(broker, trust, home, tmp_path, "1.2", demands=False) as stage:
        shown = ["--cert", stage.certificate, "--key", stage.key]
        report = valid(look(stage.place, *(shown if broker == "sealmq" else ())))
    assert report["outcome"]["kind"] == "connected"
    assert "nobody checked who the broker is" in report["outcome"]["why"]
    assert report["chain"]["trusted"] is None


@pytest.mark.parametrize("broker", ["sealmq", "mosquitto", "nats"])
def test_side_by_side(trust: Trust, home: Path, tmp_path: Path, broker: str) -> None:
    ways = ["1.2", "1.3", "resumed", "mtls", "1.2+resumed"]
    with started(broker, trust, home, tmp_path, "1.2", demands=True) as stage:
        said = handshake(*stage.options(show=True), "--compare", ",".join(ways), "--repeat", "2", "--json")
        shown = handshake(*stage.options(show=True), "--compare", "1.3,mtls", "--repeat", "1")
    assert (said.code, shown.code) == (0, 0)
    columns = said.report["columns"]
    assert [(column["name"], column["runs"]) for column in columns] == [(way, 2) for way in ways]
    assert [column["note"] for column in columns if column["name"] != "mtls"] == [
        "the broker demands a certificate"
    ] * 4
    cells = {row["id"]: [cell["text"] for cell in row["cells"]] for row in said.report["rows"]}
    assert cells["outcome"] == ["connected"] * 5
    assert cells["version"] == ["TLS 1.2", "TLS 1.3", "TLS 1.3", "TLS 1.3", "TLS 1.2"]
    assert cells["resumed"] == ["no", "no", "yes", "no", "yes"]
    assert cells["round-trips"] == ["2", "1", "1", "1", "1"]
    assert cells["made"] == ["1", "1", "0", "1", "0"]
    certificates = next(row["cells"] for row in said.report["rows"] if row["id"] == "certificates")
    assert [cell["value"] > 0 for cell in certificates] == [True, True, False, True, False]
    assert "signatures verified" in shown.text


def test_the_three_of_them_are_told_apart_by_what_they_do(trust: Trust, home: Path, tmp_path: Path) -> None:
    """Not all brokers are alike: nats-server, which is Go, makes no ticket of OpenSSL's kind, and says less."""
    seen = {}
    for broker in ("sealmq", "mosquitto", "nats"):
        folder = tmp_path / broker
        folder.mkdir()
        with started(broker, trust, home, folder, "1.3", demands=True) as stage:
            said = look(*stage.options(show=True), "--tls-version", "1.3")
        seen[broker] = [name for sender, name, _ in said.messages() if sender == "server"]
    for messages in seen.values():
        assert messages[0] == "ServerHello"
        assert {"EncryptedExtensions", "CertificateRequest", "Certificate", "CertificateVerify", "Finished"} <= {
            *messages
        }
    assert {broker: messages.count("NewSessionTicket") for broker, messages in seen.items()} == {
        "sealmq": 1,
        "mosquitto": 2,
        "nats": 1,
    }
