from __future__ import annotations

from dataclasses import replace

import pytest

from cheating_middlewares import Altered, Cheating, Deaf, Mute, Raising
from middleware_material import material
from sealmq.errors import TLSError
from sealmq.kit.middleware.outcome import Outcome
from sealmq.kit.middleware.refusing import REFUSALS, Refusal, try_refusal
from sealmq.tls.middleware import BOTH, TLS12, TLS13, Version
from sealmq.tls.middlewares import find
from tls_pairs import Trust

OPENSSL = find("openssl")
BY_CERTIFICATE = [each for each in REFUSALS if not each.psk and each.id != "no-hybrid"]


def refusal(name: str) -> Refusal:
    return next(each for each in REFUSALS if each.id == name)


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("case", BY_CERTIFICATE, ids=lambda each: each.id)
def test_openssl_refuses_and_the_other_hears_why(trust: Trust, case: Refusal, version: Version) -> None:
    result = try_refusal(case, version, OPENSSL, OPENSSL, material(trust))
    assert result.outcome is Outcome.REFUSED, result.why
    assert result.alert
    assert result.heard == result.alert


def test_who_compares_no_name_is_found(trust: Trust) -> None:
    careless = Cheating(host="localhost")
    for name in ("wrong-host", "wrong-address"):
        result = try_refusal(refusal(name), TLS13, careless, OPENSSL, material(trust))
        assert (result.outcome, result.why) == (
            Outcome.FAILED,
            "the server has taken the client for good",
        )


def test_who_asks_for_no_certificate_is_found(trust: Trust) -> None:
    anybody = Cheating(of_server=lambda given: replace(given, client_certificates=False))
    for name in ("no-certificate", "device-of-other-ca", "device-for-servers", "revoked"):
        if name != "device-for-servers":
            result = try_refusal(refusal(name), TLS12, OPENSSL, anybody, material(trust))
            assert result.outcome is Outcome.FAILED


def test_who_looks_at_no_list_is_found(trust: Trust) -> None:
    blind = Cheating(of_server=lambda given: replace(given, crl=None))
    result = try_refusal(refusal("revoked"), TLS13, OPENSSL, blind, material(trust))
    assert result.outcome is Outcome.FAILED


def test_who_trusts_everybody_is_found(trust: Trust) -> None:
    trusting = Cheating(of_client=lambda given: replace(given, root=trust.root))
    result = try_refusal(refusal("other-ca"), TLS13, trusting, OPENSSL, material(trust))
    assert result.outcome is Outcome.FAILED


def test_who_refuses_in_silence_is_told_apart(trust: Trust) -> None:
    result = try_refusal(refusal("wrong-host"), TLS13, Cheating(connection=Mute), OPENSSL, material(trust))
    assert (result.outcome, result.alert, result.heard) == (Outcome.REFUSED, "bad_certificate", "")


def test_who_refuses_without_a_word_or_with_a_bug_has_failed(trust: Trust) -> None:
    result = try_refusal(refusal("wrong-host"), TLS13, Cheating(connection=Deaf), OPENSSL, material(trust))
    assert result.outcome is Outcome.FAILED
    assert "it was not refused by the client" in result.why
    result = try_refusal(refusal("wrong-host"), TLS13, Cheating(connection=Raising), OPENSSL, material(trust))
    assert "RuntimeError" in result.why


def test_what_cannot_be_tried_says_why(trust: Trust) -> None:
    made = material(trust)
    names_only = Cheating(abilities={"addresses": False, "revocation": False, "versions": frozenset({TLS12})})
    asked = [
        ("wrong-address", TLS12, "cheating compares no address with a certificate"),
        ("revoked", TLS12, "cheating looks at no list of revoked certificates"),
        ("wrong-host", TLS13, "cheating has no TLS 1.3"),
        ("no-common-version", TLS12, "cheating has no TLS 1.3"),
        ("psk-wrong-key", TLS12, "cheating has no PSK of TLS 1.2 for a device"),
        ("certificate-to-psk", TLS12, "cheating has no PSK of TLS 1.2 for a listener"),
        ("no-hybrid", TLS12, "a hybrid group is demanded of TLS 1.3 alone"),
    ]
    for name, version, why in asked:
        result = try_refusal(refusal(name), version, names_only, names_only, made)  # type: ignore[arg-type]
        assert (result.outcome, result.why) == (Outcome.IMPOSSIBLE, why)


def test_what_is_claimed_and_not_there_has_failed(trust: Trust) -> None:
    boasting = Cheating(abilities={"psk_client": BOTH, "psk_server": BOTH})
    result = try_refusal(refusal("psk-wrong-key"), TLS12, boasting, boasting, material(trust))
    assert result.outcome is Outcome.FAILED


class Honest(Altered):
    """Says that it has nothing to show, in place of what is for another purpose."""

    alert = b""

    def receive_data(self, ciphertext: bytes) -> bytes:
        self.alert = b"\x15\x03\x03\x00\x02\x02\x28"
        raise TLSError("there is no certificate to show", "handshake_failure")

    def data_to_send(self) -> bytes:
        said, self.alert = self.alert, b""
        return said


def test_who_does_not_even_show_it_is_told_apart(trust: Trust) -> None:
    result = try_refusal(refusal("device-as-broker"), TLS12, OPENSSL, Cheating(connection=Honest), material(trust))
    assert result.outcome is Outcome.IMPOSSIBLE
    assert result.why == "cheating shows no certificate that has another purpose"
    result = try_refusal(refusal("wrong-host"), TLS12, OPENSSL, Cheating(connection=Honest), material(trust))
    assert result.outcome is Outcome.FAILED
