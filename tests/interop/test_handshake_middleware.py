"""`sealmq handshake --middleware` with Debian's mosquitto: whatever library dials, the report is whole and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from handshake_stage import SCHEMA, Stage, handshake, mosquitto
from libraries import middleware
from middleware_brokers import OTHERS, abilities
from sealmq.kit.handshake.contexts import Credentials
from sealmq.kit.handshake.dial import Call
from sealmq.kit.handshake.looking import look
from sealmq.kit.handshake.report import Kind
from tls_pairs import Trust

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def stage(trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A mosquitto that demands a certificate."""
    with mosquitto(trust, tmp_path_factory.mktemp("mosquitto"), demands=True) as found:
        yield found


def call(stage: Stage, name: str, **more: object) -> Call:
    credentials = Credentials(stage.root, stage.certificate, stage.key)
    made = Call(host="localhost", port=stage.port, credentials=credentials, middleware=name, timeout=30)
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OTHERS)
def test_the_command_names_the_library_and_keeps_to_its_schema(stage: Stage, name: str) -> None:
    found = middleware(name)
    said = handshake(*stage.options(show=True), "--middleware", name, "--json")
    report = said.report
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert (said.code, report["outcome"]["kind"]) == (0, "connected")
    assert (report["meta"]["middleware"], report["meta"]["library"]) == (found.name, found.abilities.title)
    assert report["timing"]["processor"] > 0
    assert [trial["asked"] for trial in report["cost"]["trials"]] == [512, 512]


@pytest.mark.parametrize("name", OTHERS)
def test_each_library_is_let_in_and_told_whole(stage: Stage, name: str) -> None:
    for version in sorted(abilities(name).versions):
        report = look(call(stage, name, version=version.removeprefix("TLSv"))).report
        assert report.outcome.kind is Kind.CONNECTED
        assert report.negotiated is not None
        assert report.negotiated.version == version.replace("TLSv", "TLS ")
        assert [one.name for one in report.mqtt] == ["CONNECT", "CONNACK", "DISCONNECT"]
        assert report.cost is not None
        assert report.cost.sent == sum(one.length for one in report.records if one.sender == "client")
        assert bool(report.meta.note) is (report.meta.seen == "wire")
        if report.meta.seen == "key log":
            assert report.chain is not None
            assert report.chain.trusted is True
            assert report.client_authentication is not None
            assert report.client_authentication.result == "accepted"


@pytest.mark.parametrize("name", OTHERS)
def test_each_library_hears_that_a_certificate_is_wanted(stage: Stage, name: str) -> None:
    for version in sorted(abilities(name).versions):
        nothing = call(stage, name, version=version.removeprefix("TLSv"), credentials=Credentials(stage.root))
        for _ in range(5):  # the alert must not be lost in the race between it and our CONNECT
            outcome = look(nothing).report.outcome
            assert (outcome.kind, outcome.by) == (Kind.REFUSED, "server")
            assert outcome.alert == ("handshake_failure" if version == "TLSv1.2" else "certificate_required")


@pytest.mark.parametrize("name", OTHERS)
def test_each_library_refuses_another_authority_in_its_own_words(
    trust: Trust, stage: Stage, tmp_path: Path, name: str
) -> None:
    abilities(name)
    foreign = tmp_path / "foreign.pem"
    foreign.write_bytes(trust.foreign_ca.pem)
    outcome = look(call(stage, name, credentials=Credentials(foreign))).report.outcome
    assert (outcome.kind, outcome.by) == (Kind.REFUSED, "client")
    assert "was not issued by the authority that is trusted here" in outcome.what
    assert outcome.remedy
