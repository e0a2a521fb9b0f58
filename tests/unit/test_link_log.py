"""The log's lines about links: what, who, from where, and what to do next."""

from __future__ import annotations

import logging

import pytest

from sealmq.broker.limits import Limits
from sealmq.errors import TLSError, TrustError
from sealmq.identity import BY_CERTIFICATE, Identity, Terms
from sealmq.link_log import tell_connected, tell_end, tell_late, tell_lost, tell_refused, who
from sealmq.tls.middleware import HandshakeProof

PEER = "192.0.2.7:5"
WHO = {"address": PEER}
PROOF = HandshakeProof("TLSv1.3", "AES", "", False)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_a_refusal_says_why_with_what_certificate_and_what_to_do(log: pytest.LogCaptureFixture) -> None:
    tell_refused(PEER, TLSError("it is no good", "bad_certificate", remedy="do better"), "of Ada", BY_CERTIFICATE, WHO)
    tell_refused(PEER, TrustError("it is unknown"), "", BY_CERTIFICATE, WHO)
    assert log.messages == [
        "192.0.2.7:5 was refused: it is no good (of Ada); alert bad_certificate sent; next: do better",
        "192.0.2.7:5 was refused: it is unknown",
    ]
    assert log.records[0].address == PEER  # type: ignore[attr-defined]


@pytest.mark.parametrize("alert", ["handshake_failure", "missing_extension", "certificate_required"])
def test_who_came_by_the_listener_for_the_other_kind_of_proof_is_told(
    log: pytest.LogCaptureFixture, alert: str
) -> None:
    for terms in (BY_CERTIFICATE, Terms("psk"), Terms("password")):
        tell_refused(PEER, TLSError("no", alert, remedy="do better"), "", terms, WHO)
    tell_refused(PEER, TLSError("no", alert, sent=False, remedy="do better"), "", Terms("psk"), WHO)
    assert [line.partition("next: ")[2] for line in log.messages] == [
        'do better; a device with a PSK dials a listener with auth = "psk"',
        "this listener takes PSKs alone (sealmq device add NAME --psk): with a certificate, dial another",
        "do better",
        "do better",
    ]


@pytest.mark.parametrize("alert", ["bad_record_mac", "decrypt_error"])
def test_a_wrong_psk_is_told_as_what_it_may_be(log: pytest.LogCaptureFixture, alert: str) -> None:
    for terms in (Terms("psk"), BY_CERTIFICATE):
        tell_refused(PEER, TLSError("it was altered", alert, remedy="look at the network"), "", terms, WHO)
    assert [line.partition("next: ")[2] for line in log.messages] == [
        "compare the key that the device has with its psk.txt: another one looks just like this",
        "look at the network",
    ]


def test_a_psk_that_ends_soon_is_told_with_what_makes_a_new_one(log: pytest.LogCaptureFixture) -> None:
    tell_connected(Identity("ada", "device", "0a", 86_400, credential="PSK"), "c1", 5, PROOF, WHO, 0)
    assert log.messages[0].endswith(
        "; its PSK ends in 24 hours; next: sealmq device revoke ada, then sealmq device add ada --psk, for a new key"
    )


@pytest.mark.parametrize(
    ("proof", "words", "limit"),
    [
        (None, "TLS handshake", "handshake_timeout"),
        (PROOF, "WebSocket handshake", "handshake_timeout"),
        (PROOF, "CONNECT", "connect_timeout"),
    ],
)
def test_who_is_late_is_told_with_the_limit(
    log: pytest.LogCaptureFixture, proof: HandshakeProof | None, words: str, limit: str
) -> None:
    tell_late(PEER, proof, limit, Limits(), WHO)
    assert f"sent no whole {words} in 10 s; next: for a slow device, raise [limits] {limit}" in log.text


def test_a_connection_says_what_was_agreed(log: pytest.LogCaptureFixture) -> None:
    tell_connected(Identity("ada", "device"), "c1", 5, PROOF, WHO, 0)
    tell_connected(Identity("ada", "device"), "c1", 4, None, WHO, 0)
    assert log.messages == [
        "ada connected from 192.0.2.7:5 as client 'c1' (MQTT 5, TLSv1.3, AES)",
        "ada connected from 192.0.2.7:5 as client 'c1' (MQTT 3.1.1, no TLS)",
    ]


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (30 * 24 + 1, ""),
        (29.9 * 24, "; its certificate ends in 30 days; next: have it renew (sealmq renew BUNDLE), or sealmq device"),
        (47, "; its certificate ends in 47 hours;"),
        (1.9, "; its certificate ends in less than two hours;"),
    ],
)
def test_a_certificate_that_ends_soon_is_a_warning_at_each_connection(
    log: pytest.LogCaptureFixture, hours: float, words: str
) -> None:
    tell_connected(Identity("ada", "device", not_after=5000 + hours * 3600), "c1", 5, PROOF, WHO, 5000)
    assert words in log.messages[0]
    assert ("certificate" in log.messages[0]) == bool(words)
    assert log.records[0].levelname == ("WARNING" if words else "INFO")


def test_a_claim_is_meant_to_end_soon(log: pytest.LogCaptureFixture) -> None:
    tell_connected(Identity("claim:1", "claim", not_after=3600, kind="claim"), "c1", 5, PROOF, WHO, 0)
    assert log.messages == ["claim:1 connected from 192.0.2.7:5 as client 'c1' (MQTT 5, TLSv1.3, AES)"]
    assert log.records[0].levelname == "INFO"


def test_an_end_says_its_reason_code_in_words(log: pytest.LogCaptureFixture) -> None:
    tell_end("ada", "time is over", 0x8D, WHO)
    tell_end("ada", "who knows", 0x01_00, WHO)
    assert log.messages == [
        "ada ends: time is over (reason code 0x8D, keep alive timeout)",
        "ada ends: who knows (reason code 0x100, ?)",
    ]


def test_a_loss_says_in_which_stage(log: pytest.LogCaptureFixture) -> None:
    tell_lost("ada", "reset", True, WHO)
    tell_lost("ada", "", True, WHO)
    tell_lost(PEER, "reset", False, WHO)
    assert log.messages == ["ada is lost: reset", "ada is lost", "192.0.2.7:5 went away during the handshake: reset"]


def test_the_fields_of_a_line_are_what_is_known() -> None:
    assert who(PEER, None, "", None) == WHO
    assert who(PEER, Identity("ada", "device", serial="01"), "acc", "c") == {
        "address": PEER,
        "device": "ada",
        "serial": "01",
        "account": "acc",
        "client_id": "c",
    }
