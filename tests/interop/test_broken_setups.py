"""What people get wrong, on real brokers: `sealmq handshake` says who refused what after which message, why, and what
mends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from broken_setups import OF_ONE_VERSION, SETUPS, VERSIONS, Place
from interop_homes import make_home
from tls_pairs import Trust

pytestmark = pytest.mark.interop


@dataclass(frozen=True)
class Told:
    """What is to be said: exit code, who ended it, after which message, by which alert; parts of the sentences.

    after, alert: by the version, where it differs: TLS 1.2, TLS 1.3.
    """

    code: int
    by: str
    after: tuple[str, str] | str
    alert: tuple[str, str] | str
    what: str
    why: str
    remedy: str


BEHIND = ("Finished", "CONNECT")
"""In TLS 1.3 the client is done before the broker has looked at its certificate (RFC 8446 section 2, figure 1)."""

TOLD = {
    "unknown-ca": Told(1, "client", "Certificate", "unknown_ca", "nobody who is trusted here has signed",
                       "another authority", "load the root certificate"),
    "broker-expired": Told(1, "client", "Certificate", "certificate_expired", "the certificate is past its last day",
                           "clock", "sealmq ca renew-broker"),
    "device-expired": Told(1, "server", BEHIND, "certificate_expired", "past its last day", "the client showed",
                           "sealmq device add NAME makes a new one"),
    "unknown-device": Told(1, "server", BEHIND, "unknown_ca", "not trusted here",
                           "an authority that the broker does not trust", "cafile must hold"),
    "wrong-host": Told(1, "client", "Certificate", "bad_certificate", "that was dialled", "does not carry",
                       "subjectAltName"),
    "no-certificate": Told(1, "server", BEHIND, ("handshake_failure", "certificate_required"), "the broker refused",
                           "asked for a certificate, and the client showed none", "mosquitto_pub --cert"),
    "revoked": Told(1, "server", BEHIND, "certificate_revoked", "was revoked", "it was revoked", "sealmq device show"),
    "too-old": Told(1, "server", "ClientHello", "protocol_version", "no TLS version is allowed by both sides",
                    "the client offers TLS 1.", "turn on TLS 1.2 or 1.3"),
    "no-cipher": Told(1, "server", "ClientHello", "handshake_failure", "nothing that both allow", "no cipher suite",
                      "AES-GCM"),
    "plaintext": Told(4, "server", "ClientHello", "", "MQTT in plaintext", "1883 is MQTT without TLS",
                      "dial the port that takes TLS"),
    "clock-of-1970": Told(1, "client", "Certificate", "bad_certificate", "not valid yet", "the clock is not set",
                          "set the clock"),
    "begins-tomorrow": Told(1, "client", "Certificate", "bad_certificate", "not valid yet", "the certificate is early",
                            "check the clock of the broker's machine"),
    "cut-closed": Told(5, "server", ("ServerHello", "CertificateRequest"), "", "closed the connection after",
                       "ends in the middle", "connect again"),
    "cut-reset": Told(5, "server", ("ServerHello", "CertificateRequest"), "", "reset the connection after",
                      "something on the way", "connect again"),
    "cut-silent": Told(5, "", ("ServerHello", "CertificateRequest"), "", "the handshake stood still after",
                       "packets are lost", "10 seconds and more"),
}  # fmt: skip
OLD_SERVER = {
    "1.2": Told(1, "client", "ServerHello", "protocol_version", "the client", "version", "turn on TLS 1.2 or 1.3"),
    "1.3": Told(1, "server", "ClientHello", "protocol_version", "no TLS version", "the client offers TLS 1.3", "1.3"),
}
"""A server of TLS 1.1 alone, which notices it itself only where the client speaks nothing that looks like it."""

CASES = [
    (name, version) for name in SETUPS for version in VERSIONS if name not in OF_ONE_VERSION or version == VERSIONS[0]
]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("homes") / "home")


def told_of(name: str, version: str) -> Told:
    if name.startswith("openssl-"):
        return OLD_SERVER[version]
    return TOLD[name if name in TOLD else name.partition("-")[2]]


@pytest.mark.parametrize(("name", "version"), CASES)
def test_who_refused_what_after_which_message_why_and_what_mends_it(
    trust: Trust, home: Path, tmp_path: Path, name: str, version: str
) -> None:
    said = SETUPS[name](Place(trust, tmp_path, home, version))
    told, outcome = told_of(name, version), said.outcome
    after, alert = (
        each if isinstance(each, str) else each[VERSIONS.index(version)] for each in (told.after, told.alert)
    )
    assert (said.code, outcome["by"], outcome["after"], outcome["alert"]) == (told.code, told.by, after, alert)
    assert outcome["exit_code"] == said.code
    assert told.what in outcome["what"]
    assert told.why in outcome["why"]
    assert told.remedy in outcome["remedy"]
    if alert:
        assert f"saying {alert}" in outcome["what"]
        assert ("the client" if told.by == "client" else "the broker") in outcome["what"]
    if told.by == "server" and alert:
        assert f"after the client's {after}" in outcome["what"]
    assert ("the client hears it only now" in outcome["why"]) is (told.after == BEHIND and version == "1.3")


@pytest.mark.parametrize("broker", ["mosquitto", "sealmq"])
def test_where_a_client_was_refused_the_report_says_so_of_its_certificate(
    trust: Trust, home: Path, tmp_path: Path, broker: str
) -> None:
    for version in VERSIONS:
        for name, certificates in (("no-certificate", 0), ("revoked", 1)):
            folder = tmp_path / f"{name}-{version}"
            folder.mkdir()
            other = f"{home}-{version}-{name}-{broker}"
            report = SETUPS[f"{broker}-{name}"](Place(trust, folder, make_home(Path(other)), version)).report
            assert report["client_authentication"]["asked"] is True
            assert report["client_authentication"]["result"] == "refused"
            shown = report["client_chain"]["certificates"] if report["client_chain"] else []
            assert bool(shown) is bool(certificates)


def test_the_rule_that_is_broken_is_the_one_that_is_blamed(trust: Trust, home: Path, tmp_path: Path) -> None:
    """The judgement on the chain and the outcome come from two programs, ours and OpenSSL: they must agree."""
    rules = {
        "mosquitto-unknown-ca": {"anchor"},
        "mosquitto-broker-expired": {"dates"},
        "mosquitto-begins-tomorrow": {"dates"},
        "mosquitto-wrong-host": {"name"},
        "sealmq-wrong-host": {"name"},
        "sealmq-clock-of-1970": {"dates"},
    }
    for name, expected in rules.items():
        folder = tmp_path / name
        folder.mkdir()
        chain = SETUPS[name](Place(trust, folder, home, "1.3")).report["chain"]
        assert {rule["id"] for rule in chain["rules"] if rule["verdict"] == "bad"} == expected, name
        assert chain["trusted"] is False
