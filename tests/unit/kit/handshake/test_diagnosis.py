"""Why a connection ended: each case that people meet, and that no case is without an answer."""

from __future__ import annotations

import errno
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.codes.openssl import VERIFY
from sealmq.kit.codes.openssl_reasons import REASONS
from sealmq.kit.handshake.alert_causes import Phase
from sealmq.kit.handshake.diagnosis import Situation, diagnose, phase_of
from sealmq.kit.handshake.report import Kind, Outcome
from sealmq.mqtt.codes import ConnectReturnCode, ReasonCode
from sealmq.tls.alerts import BY_NAME
from sealmq.tls.refusals import REASONS as REFUSALS
from sealmq.tls.refusals import VERIFY_CODES

ENDS = {
    Phase.START: Situation(),
    Phase.HELLO: Situation(after="ClientHello", after_by="client"),
    Phase.SERVER_FLIGHT: Situation(after="Certificate", after_by="server"),
    Phase.CLIENT_FLIGHT: Situation(after="Certificate", after_by="client"),
    Phase.DONE: Situation(after="Finished", after_by="client", handshake_done=True),
    Phase.MQTT: Situation(after="CONNECT", after_by="client", handshake_done=True),
    Phase.LATER: Situation(after="PUBLISH", after_by="client", handshake_done=True),
}


def at(phase: Phase, **known: object) -> Situation:
    from dataclasses import replace

    return replace(ENDS[phase], **known)  # type: ignore[arg-type]


def check(outcome: Outcome) -> None:
    assert outcome.what
    for sentence in (outcome.what, outcome.why, outcome.remedy):
        assert not sentence.endswith(".")
    if outcome.kind is not Kind.CONNECTED:
        assert outcome.why
        assert outcome.remedy.startswith("on the device: ")


@pytest.mark.parametrize("phase", Phase)
def test_phases(phase: Phase) -> None:
    assert phase_of(ENDS[phase]) is phase


@pytest.mark.parametrize("alert", BY_NAME)
def test_each_alert_of_each_end_in_each_phase_has_an_answer(alert: str) -> None:
    for phase, by, asked, shown, version in itertools.product(
        Phase, ("client", "server"), (False, True), (False, True), ("TLS 1.2", "TLS 1.3")
    ):
        known = at(phase, alert=alert, alert_by=by, certificate_asked=asked, certificate_shown=shown, version=version)
        outcome = diagnose(known)
        check(outcome)
        if alert != "close_notify":
            assert outcome.kind in (Kind.REFUSED, Kind.BROKEN)
            assert (outcome.by, outcome.alert) == (by, alert)
            assert f"saying {alert}" in outcome.what


@pytest.mark.parametrize(
    ("situation", "kind", "what", "why", "remedy"),
    [
        # Nobody there
        (Situation(name_unknown=True), Kind.UNREACHABLE, "could not be resolved", "misspelt", "set a DNS server"),
        (
            Situation(connect_error=errno.ECONNREFUSED),
            Kind.UNREACHABLE,
            "Connection refused",
            "nobody listens",
            "mosquitto: add listener 8883",
        ),
        (Situation(connect_error=errno.EHOSTUNREACH), Kind.UNREACHABLE, "No route to host", "no way", "DHCP"),
        (Situation(silent="connect"), Kind.UNREACHABLE, "in time", "firewall", "check host and port"),
        (at(Phase.HELLO, silent="handshake"), Kind.UNREACHABLE, "nothing came back", "likely", "handshake_timeout"),
        (
            at(Phase.SERVER_FLIGHT, silent="handshake"),
            Kind.BROKEN,
            "stood still after the broker's Certificate",
            "MTU",
            "",
        ),
        (at(Phase.MQTT, silent="CONNACK"), Kind.REFUSED, "did not answer CONNECT", "no MQTT broker", "check the port"),
        # Something else than TLS
        (
            Situation(trouble="not TLS", trouble_by="server", first=bytes.fromhex("20020000")),
            Kind.NOT_TLS,
            "MQTT without encryption (a CONNACK packet)",
            "1883 is MQTT without TLS",
            "8883",
        ),
        (
            Situation(trouble="not TLS", trouble_by="server", first=b"HTTP/1.1 400 Bad Request"),
            Kind.NOT_TLS,
            "HTTP without encryption",
            "",
            "",
        ),
        (Situation(trouble="not TLS", trouble_by="server", first=b"SSH-2.0-x"), Kind.NOT_TLS, "SSH", "", ""),
        (
            Situation(trouble="not TLS", trouble_by="client", first=b"\x10\x10\x00\x04MQTT"),
            Kind.NOT_TLS,
            "the client does not speak TLS: this looks like MQTT without encryption (a CONNECT packet)",
            "set up without TLS",
            "turn TLS on",
        ),
        (at(Phase.HELLO, reason="WRONG_VERSION_NUMBER"), Kind.NOT_TLS, "the broker does not speak TLS", "", ""),
        (
            at(Phase.HELLO, how="closed", ended_by="server", takes_plaintext=True),
            Kind.NOT_TLS,
            "here it speaks MQTT in plaintext",
            "1883 is MQTT without TLS",
            "dial the port that takes TLS",
        ),
        # The broker's certificate
        (
            at(Phase.SERVER_FLIGHT, verify_code=20, alert="unknown_ca", alert_by="client"),
            Kind.REFUSED,
            "the client refused the broker's certificate, saying unknown_ca: nobody who is trusted here has signed",
            "",
            "",
        ),
        (
            at(Phase.SERVER_FLIGHT, verify_code=20, verify_message="unable to get local issuer certificate"),
            Kind.REFUSED,
            "the client refused the broker's certificate",
            "no root certificate",
            "load the root certificate",
        ),
        (
            at(Phase.SERVER_FLIGHT, verify_code=62),
            Kind.REFUSED,
            "name that was dialled",
            "IP address",
            "ca renew-broker",
        ),
        (at(Phase.SERVER_FLIGHT, verify_code=9), Kind.REFUSED, "not valid yet", "clock is not set", "SNTP"),
        (at(Phase.SERVER_FLIGHT, verify_code=10), Kind.REFUSED, "past its last day", "past", "sealmq ca renew-broker"),
        (
            at(Phase.SERVER_FLIGHT, verify_code=10, clock_before=True),
            Kind.REFUSED,
            "past its last day",
            "clock is not set",
            "set the clock",
        ),
        (
            at(Phase.SERVER_FLIGHT, alert="bad_certificate", alert_by="client"),
            Kind.REFUSED,
            "after the broker's Certificate, saying bad_certificate",
            "another name",
            "subjectAltName",
        ),
        (
            at(Phase.SERVER_FLIGHT, alert="bad_certificate", alert_by="client", clock_before=True),
            Kind.REFUSED,
            "bad_certificate",
            "clock is not set",
            "set the clock",
        ),
        (
            at(Phase.SERVER_FLIGHT, alert="unknown_ca", alert_by="client"),
            Kind.REFUSED,
            "the client refused",
            "does not trust",
            "load the root",
        ),
        # The client's certificate
        (
            at(
                Phase.CLIENT_FLIGHT,
                alert="unknown_ca",
                alert_by="server",
                certificate_asked=True,
                certificate_shown=True,
            ),
            Kind.REFUSED,
            "after the client's Certificate, saying unknown_ca",
            "authority that the broker does not trust",
            "cafile must hold",
        ),
        (
            at(
                Phase.DONE,
                alert="certificate_required",
                alert_by="server",
                certificate_asked=True,
                version="TLS 1.3",
            ),
            Kind.REFUSED,
            "after the client's Finished",
            "in TLS 1.3 the client hears it only now",
            "--cert device.pem",
        ),
        (
            at(Phase.MQTT, alert="certificate_revoked", alert_by="server", certificate_shown=True, version="TLS 1.3"),
            Kind.REFUSED,
            "certificate_revoked",
            "it was revoked",
            "sealmq device show NAME",
        ),
        (
            at(Phase.CLIENT_FLIGHT, alert="handshake_failure", alert_by="server", certificate_asked=True),
            Kind.REFUSED,
            "handshake_failure",
            "the client showed none",
            "private key",
        ),
        # Nothing in common
        (
            at(Phase.HELLO, alert="handshake_failure", alert_by="server"),
            Kind.REFUSED,
            "the broker refused after the client's ClientHello, saying handshake_failure: ",
            "no cipher suite, group or signature",
            "ECDHE",
        ),
        (
            at(Phase.HELLO, alert="protocol_version", alert_by="server", offered=("TLS 1.0", "TLS 1.1")),
            Kind.REFUSED,
            "protocol_version",
            "the client offers TLS 1.0, TLS 1.1",
            "tls_version",
        ),
        (at(Phase.SERVER_FLIGHT, reason="NO_SHARED_CIPHER"), Kind.REFUSED, "the client gave up", "", ""),
        (at(Phase.SERVER_FLIGHT, reason="BAD_EXTENSION"), Kind.BROKEN, "cannot be taken apart", "", ""),
        # Closed without a word
        (at(Phase.HELLO, how="reset", ended_by="server"), Kind.BROKEN, "reset the connection after", "firewall", ""),
        (
            at(Phase.HELLO, how="closed", ended_by="server"),
            Kind.BROKEN,
            "without a word",
            "MQTT without TLS",
            "",
        ),
        (
            at(Phase.CLIENT_FLIGHT, how="closed", ended_by="server", certificate_asked=True, certificate_shown=True),
            Kind.REFUSED,
            "closed the connection after the client's Certificate",
            "does not accept the certificate",
            "OpenSSL Error[0]",
        ),
        (
            at(Phase.CLIENT_FLIGHT, how="closed", ended_by="server", certificate_asked=True),
            Kind.REFUSED,
            "without a word",
            "the client showed none",
            "",
        ),
        (
            at(Phase.MQTT, how="closed", ended_by="server"),
            Kind.REFUSED,
            "after the client's CONNECT",
            "access rules",
            "allow_anonymous",
        ),
        (at(Phase.MQTT, alert="close_notify", alert_by="server"), Kind.REFUSED, "in order", "access rules", ""),
        (at(Phase.SERVER_FLIGHT, how="closed", ended_by="client"), Kind.REFUSED, "the client closed", "no alert", ""),
        (at(Phase.CLIENT_FLIGHT, reason="UNEXPECTED_EOF_WHILE_READING"), Kind.REFUSED, "the broker closed", "", ""),
        (
            at(Phase.MQTT, no_mqtt=b"HTTP/1.1 400 Bad Request", alert="close_notify", alert_by="client"),
            Kind.REFUSED,
            "TLS is good, and what came in it for CONNECT is no MQTT: it looks like HTTP",
            "WebSocket",
            "check the port",
        ),
        (at(Phase.MQTT, no_mqtt=b"\x07\x08"), Kind.REFUSED, "it begins with 07 08", "no MQTT broker", ""),
        (
            at(Phase.HELLO, silent="handshake", answering=True),
            Kind.BROKEN,
            "an answer to the ClientHello began",
            "too slow",
            "10 seconds",
        ),
        (
            at(Phase.SERVER_FLIGHT, in_part=True),
            Kind.BROKEN,
            "what was seen ends before the handshake was done",
            "cut off too early",
            "tcpdump -s 0",
        ),
        (
            at(Phase.HELLO, alert="record_overflow", alert_by="client"),
            Kind.BROKEN,
            "the client refused what came after its own ClientHello, saying record_overflow",
            "",
            "",
        ),
        (
            at(Phase.SERVER_FLIGHT, how="closed", ended_by="server", trouble="cut", trouble_by="server"),
            Kind.BROKEN,
            "closed the connection after its own Certificate, in the middle of a message, without a word",
            "proxy",
            "connect again",
        ),
        # CONNACK
        (at(Phase.MQTT, connack=5), Kind.REFUSED, "refused the CONNECT (5)", "no user name", "acl_file"),
        (
            at(Phase.MQTT, connack=0x87, level=5),
            Kind.REFUSED,
            "refused the CONNECT (0x87)",
            "no user name",
            "sealmq access",
        ),
        (at(Phase.MQTT, connack=4), Kind.REFUSED, "user name or password", "wrong", "mosquitto_passwd"),
        (at(Phase.MQTT, connack=1, level=5), Kind.REFUSED, "(0x01)", "version of MQTT", "3.1.1"),
        (at(Phase.MQTT, connack=77), Kind.REFUSED, "for a reason that the standard does not have", "", ""),
        # Trouble
        (at(Phase.DONE, trouble="sealed"), Kind.BROKEN, "encrypted", "keys", "SSLKEYLOGFILE"),
        (
            at(Phase.HELLO, trouble="broken", trouble_by="server", trouble_what="x"),
            Kind.BROKEN,
            "breaks the rules",
            "",
            "",
        ),
        (at(Phase.HELLO, trouble="cut", trouble_by="server"), Kind.BROKEN, "ends in the middle", "", ""),
        (at(Phase.HELLO, trouble="too much"), Kind.BROKEN, "more came", "", ""),
        (at(Phase.SERVER_FLIGHT), Kind.BROKEN, "before the handshake was done", "nobody said why", ""),
    ],
)
def test_what_people_meet(situation: Situation, kind: Kind, what: str, why: str, remedy: str) -> None:
    outcome = diagnose(situation)
    check(outcome)
    assert outcome.kind is kind
    assert what in outcome.what
    assert why in outcome.why
    assert remedy in outcome.remedy


@pytest.mark.parametrize(
    "situation",
    [
        at(Phase.DONE, version="TLS 1.3"),
        at(Phase.MQTT, connack=0, version="TLS 1.2"),
        at(Phase.LATER, connack=0, alert="close_notify", alert_by="client", ended_by="client", how="closed"),
        at(Phase.DONE, verify_code=0, ended_by="client"),
    ],
)
def test_connected(situation: Situation) -> None:
    outcome = diagnose(situation)
    assert outcome.kind is Kind.CONNECTED
    assert outcome.kind.exit_code == 0
    assert outcome.why == outcome.remedy == ""


@pytest.mark.parametrize("code", VERIFY, ids=lambda code: code.name)
def test_each_result_of_the_check_has_an_answer(code: object) -> None:
    number = code.number  # type: ignore[attr-defined]
    outcome = diagnose(at(Phase.SERVER_FLIGHT, verify_code=number, reason="CERTIFICATE_VERIFY_FAILED"))
    check(outcome)
    assert outcome.kind is Kind.REFUSED
    assert outcome.by == "client"


def test_each_reason_and_each_answer_of_mqtt_has_an_answer() -> None:
    names = {code.name.removeprefix("SSL_R_") for code in REASONS.values()} | set(REFUSALS) | {"SOMETHING_NEW"}
    for name in names:
        check(diagnose(at(Phase.SERVER_FLIGHT, reason=name)))
    for number, level in itertools.product({*map(int, ConnectReturnCode), *map(int, ReasonCode), 255}, (4, 5)):
        check(diagnose(at(Phase.MQTT, connack=number, level=level)))
    assert len(VERIFY_CODES) < len(VERIFY)


def test_who_had_agreed_already_is_not_said_to_have_found_nothing_in_common() -> None:
    """handshake_failure behind the client's certificate only says "no" (RFC 5246 section 7.4.6)."""
    early, late = (
        diagnose(at(phase, alert="handshake_failure", alert_by="server", certificate_asked=True))
        for phase in (Phase.HELLO, Phase.CLIENT_FLIGHT)
    )
    assert "nothing that both allow" in early.what
    assert late.what.endswith("saying handshake_failure")


names = st.sampled_from(["", "client", "server"])


@given(
    st.builds(
        Situation,
        name_unknown=st.booleans(),
        connect_error=st.none() | st.integers(-5, 200),
        silent=st.sampled_from(["", "connect", "handshake", "CONNACK"]),
        after=st.sampled_from(["", "ClientHello", "ServerHello", "Finished", "CONNECT", "application data", "Alert"]),
        after_by=names,
        ended_by=names,
        how=st.sampled_from(["", "closed", "reset"]),
        alert=st.sampled_from(["", "unknown", *BY_NAME]),
        alert_by=names,
        verify_code=st.none() | st.integers(0, 200),
        verify_message=st.text(max_size=5),
        reason=st.text(max_size=5),
        trouble=st.sampled_from(["", "not TLS", "broken", "too much", "cut", "sealed"]),
        trouble_by=names,
        trouble_what=st.text("abc", max_size=5),
        first=st.binary(max_size=64),
        connack=st.none() | st.integers(0, 255),
        level=st.sampled_from([3, 4, 5]),
        handshake_done=st.booleans(),
        certificate_asked=st.booleans(),
        certificate_shown=st.booleans(),
        clock_before=st.booleans(),
        takes_plaintext=st.booleans(),
        no_mqtt=st.binary(max_size=9),
        answering=st.booleans(),
        in_part=st.booleans(),
    )
)
def test_any_situation_has_an_answer(situation: Situation) -> None:
    outcome = diagnose(situation)
    assert outcome.what
    assert outcome.kind is Kind.CONNECTED or (outcome.why and outcome.remedy)


OWN = TLSError("the broker's certificate has expired", "certificate_expired", why="code 10", remedy="renew it")


@pytest.mark.parametrize("phase", [Phase.HELLO, Phase.SERVER_FLIGHT])
def test_what_a_middleware_refuses_is_told_in_its_words(phase: Phase) -> None:
    outcome = diagnose(at(phase, own_refusal=OWN))
    assert (outcome.kind, outcome.by, outcome.alert) == (Kind.REFUSED, "client", "certificate_expired")
    assert outcome.what.endswith(f": {OWN.what}")
    assert (outcome.why, outcome.remedy) == (OWN.why, OWN.remedy)


def test_bytes_that_a_middleware_cannot_take_are_broken_tls_and_a_remedy_is_found() -> None:
    outcome = diagnose(at(Phase.SERVER_FLIGHT, own_refusal=TLSError("a record was altered", "bad_record_mac")))
    assert outcome.kind is Kind.BROKEN
    check(outcome)


def test_a_clock_that_is_not_set_is_blamed_for_a_middlewares_refusal_too() -> None:
    early = TLSError("the broker's certificate is not valid yet", "bad_certificate", remedy="renew it")
    outcome = diagnose(at(Phase.SERVER_FLIGHT, own_refusal=early, clock_before=True))
    assert "clock" in outcome.why
    check(outcome)
