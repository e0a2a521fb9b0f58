"""Each mistake that a middleware can make is found: cheating_middlewares.py makes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cheating_middlewares import Altered, Babbling, Cheating, Lossy, Raising
from middleware_material import material
from sealmq.errors import TLSError
from sealmq.kit.middleware.cases import SIZES, WAYS, Way, in_words, pattern, record_lengths, try_way
from sealmq.kit.middleware.outcome import Outcome
from sealmq.tls.middleware import BOTH, TLS12, TLS13, ServerMaterial
from sealmq.tls.middlewares import find
from tls_pairs import Trust

OPENSSL = find("openssl")


def way(name: str, version: str = TLS13) -> Way:
    return next(each for each in WAYS if (each.id, each.version) == (name, version))


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", ["certificate", "certificate-resumed", "address", "capped", "new-context"])
def test_openssl_with_itself(trust: Trust, name: str, version: str) -> None:
    result = try_way(way(name, version), OPENSSL, OPENSSL, material(trust))
    assert (result.outcome, result.why) == (Outcome.PASSED, "")


def test_what_a_library_lacks_is_not_possible_and_says_why(trust: Trust) -> None:
    result = try_way(way("psk"), OPENSSL, OPENSSL, material(trust))
    assert result.outcome is Outcome.IMPOSSIBLE
    assert result.why == "openssl has no PSK of TLS 1.3 for a device"


def test_what_is_claimed_and_not_done_has_failed(trust: Trust) -> None:
    boasting = Cheating(abilities={"psk_client": BOTH, "psk_server": BOTH})
    result = try_way(way("psk"), boasting, boasting, material(trust))
    assert result.outcome is Outcome.FAILED
    assert "PSK" in result.why


def test_what_is_done_though_it_is_said_not_to_be_has_failed(trust: Trust) -> None:
    modest = Cheating(abilities={"addresses": False})
    result = try_way(way("address"), modest, OPENSSL, material(trust))
    assert (result.outcome, result.why) == (
        Outcome.FAILED,
        "it worked, but: cheating compares no address with a certificate",
    )


def test_a_session_that_is_not_resumed_has_failed_unless_it_is_said(trust: Trust) -> None:
    forgetful = Cheating(policy=lambda policy: replace(policy, tickets=0))
    result = try_way(way("certificate-resumed"), OPENSSL, forgetful, material(trust))
    assert (result.outcome, result.why) == (Outcome.FAILED, "it was not resumed")
    honest = Cheating(policy=lambda policy: replace(policy, tickets=0), abilities={"resumes_server": frozenset()})
    result = try_way(way("certificate-resumed"), OPENSSL, honest, material(trust))
    assert (result.outcome, result.why) == (Outcome.IMPOSSIBLE, "cheating has nothing of TLS 1.3 resumed")


def test_a_lost_byte_is_found(trust: Trust) -> None:
    result = try_way(way("certificate"), OPENSSL, Cheating(connection=Lossy), material(trust))
    assert result.outcome is Outcome.FAILED
    assert result.why == "of 16383 bytes the server has read 16382, or others"


def test_a_cap_that_is_not_kept_is_found(trust: Trust) -> None:
    uncapped = Cheating(policy=lambda policy: replace(policy, max_record=16384))
    result = try_way(way("capped"), OPENSSL, uncapped, material(trust))
    assert result.outcome is Outcome.FAILED
    assert "a record of" in result.why


def test_a_device_that_is_not_asked_who_it_is_is_found(trust: Trust) -> None:
    anybody = Cheating(of_server=lambda given: replace(given, client_certificates=False))
    result = try_way(way("certificate"), OPENSSL, anybody, material(trust))
    assert (result.outcome, result.why) == (Outcome.FAILED, "the server has not the device's certificate")


def test_another_version_is_found(trust: Trust) -> None:
    old = Cheating(policy=lambda policy: replace(policy, profile="default", highest="TLSv1.2"))
    result = try_way(way("certificate"), old, old, material(trust))
    assert (result.outcome, result.why) == (Outcome.FAILED, "cheating speaks TLSv1.2")


@pytest.mark.parametrize("connection", [Raising, Babbling])
def test_a_bug_in_a_binding_ends_one_case_and_not_all(trust: Trust, connection: type) -> None:
    result = try_way(way("certificate"), OPENSSL, Cheating(connection=connection), material(trust))
    assert result.outcome is Outcome.FAILED
    assert result.why


def test_a_session_that_outlives_its_context_is_found(trust: Trust) -> None:
    class Remembering(Cheating):
        kept: list[object]

        def server_context(self, policy: object, material: ServerMaterial) -> object:  # type: ignore[override]
            self.kept = getattr(self, "kept", None) or [super().server_context(policy, material)]  # type: ignore[arg-type]
            return self.kept[0]

    result = try_way(way("new-context"), OPENSSL, Remembering(), material(trust))  # type: ignore[arg-type]
    assert result.outcome is Outcome.FAILED
    assert "has resumed a session that it should not" in result.why


def test_each_way_has_a_name_of_its_own_and_the_largest_payload_is_somewhere() -> None:
    assert len({(each.id, each.version) for each in WAYS}) == len(WAYS)
    assert any(each.payloads == SIZES for each in WAYS)


def test_a_pattern_has_its_size_and_no_piece_looks_like_the_next() -> None:
    assert pattern(0, 1) == b""
    assert len(pattern(100_000, 3)) == 100_000
    assert pattern(40_000, 0)[:16_384] != pattern(40_000, 0)[16_384:32_768]


def test_records_are_measured() -> None:
    assert list(record_lengths(b"\x16\x03\x03\x00\x02ab\x17\x03\x03\x00\x01c")) == [2, 1]


def test_an_error_stands_in_one_line() -> None:
    assert in_words(TLSError("it failed", why="see\nthere")) == "TLSError: it failed (see there)"
    assert in_words(ValueError()) == "ValueError: ValueError"


class Rude(Altered):
    """Does not answer a close_notify."""

    def close(self) -> None:
        if not self._true.closed:
            self._true.close()


def test_who_does_not_answer_a_goodbye_is_remarked(trust: Trust) -> None:
    result = try_way(way("certificate"), OPENSSL, Cheating(connection=Rude), material(trust))
    assert (result.outcome, result.why) == (Outcome.PASSED, "the server does not answer a close_notify")


class Forgetting(Altered):
    """Says no close_notify at all."""

    def close(self) -> None:
        pass


def test_who_says_no_goodbye_is_found(trust: Trust) -> None:
    result = try_way(way("certificate"), Cheating(connection=Forgetting), OPENSSL, material(trust))
    assert (result.outcome, result.why) == (Outcome.FAILED, "the server has not heard the other's close_notify")
