from __future__ import annotations

import pytest

from libraries import PSK_LIBRARIES, able
from middleware_pairs import DEVICE_PSK
from overheard import heard_by_psk
from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.handshake.alert_causes import CLIENT, SERVER, Phase
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.psk_causes import OFFERED, TAKEN, cause_by_psk, psk_of
from sealmq.kit.handshake.remedies import ALL
from sealmq.kit.handshake.situations import outcome_of_conversation
from sealmq.tls.alerts import BY_NAME
from sealmq.tls.middleware import PSK, Version
from tapped import Stage, tapped
from tls_messages import client_hello, extension


def hello(*suites: int) -> ClientHello:
    return read_client_hello(client_hello(suites=b"".join(suite.to_bytes(2) for suite in suites)))


def test_a_hello_with_nothing_else_offers_a_key(stage: Stage) -> None:
    assert psk_of(hello(0xD001, 0x00FF), None) == OFFERED, "ECDHE_PSK, and the mark that it knows renegotiation_info"
    assert psk_of(hello(0xD001, 0xC02B), None) == ""
    assert psk_of(hello(0x00FF), None) == ""
    assert psk_of(hello(0x1301, 0xD001), None) == OFFERED, "some list suites of TLS 1.3 without offering it"
    new = read_client_hello(client_hello(extension(43, b"\x02\x03\x04"), suites=b"\x13\x01\xd0\x01"))
    assert psk_of(new, None) == "", "under TLS 1.3 it may show a certificate"
    assert psk_of(None, None) == ""
    assert psk_of(hello(0xC02B), "small-1") == psk_of(None, "") == TAKEN
    facts = find_facts(tapped(stage, "1.3").conversation())
    assert psk_of(facts.client_hello, facts.psk) == ""


@pytest.mark.parametrize("alert", BY_NAME)
def test_without_a_key_the_alert_says_what_it_says_else(alert: str) -> None:
    for sender in (CLIENT, SERVER):
        for phase in Phase:
            assert cause_by_psk(alert, sender, phase, "") is None
            for psk in (OFFERED, TAKEN):
                cause = cause_by_psk(alert, sender, phase, psk)
                assert cause is None or (cause.fault in ALL and not cause.why.endswith("."))


def test_who_refuses_a_certificate_may_have_wanted_a_key() -> None:
    for alert in ("unknown_ca", "bad_certificate", "unexpected_message"):
        cause = cause_by_psk(alert, CLIENT, Phase.SERVER_FLIGHT, OFFERED)
        assert cause is not None
        assert "takes certificates" in cause.why
    assert cause_by_psk("unknown_psk_identity", SERVER, Phase.HELLO, OFFERED) is None
    assert cause_by_psk("decrypt_error", SERVER, Phase.HELLO, OFFERED) is None, "its binder is wrong"
    assert cause_by_psk("bad_record_mac", SERVER, Phase.LATER, TAKEN) is None, "the keys were the same before"


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_another_key_and_another_name_are_told(library: str, version: Version) -> None:
    for psk in (PSK(DEVICE_PSK.identity, bytes(32)), PSK("sensor-2", DEVICE_PSK.key)):
        conversation = heard_by_psk(library, version, psk)
        outcome = outcome_of_conversation(conversation, find_facts(conversation), now=0.0)
        assert outcome.why is not None
        assert "key" in outcome.why, outcome
        assert 'auth = "psk"' in (outcome.remedy or ""), outcome
