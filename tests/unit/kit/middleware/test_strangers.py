from __future__ import annotations

import pytest

from cheating_middlewares import Altered, Cheating, Deaf, Raising
from middleware_material import material
from sealmq.kit.middleware.outcome import Outcome
from sealmq.kit.middleware.strangers import STRANGERS, Stranger, try_stranger
from sealmq.tls.middleware import TLS12, TLS13, Version
from sealmq.tls.middlewares import find
from tls_pairs import Trust

OPENSSL = find("openssl")


def stranger(name: str) -> Stranger:
    return next(each for each in STRANGERS if each.id == name)


@pytest.mark.parametrize("is_server", [False, True], ids=["client", "server"])
@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("case", STRANGERS, ids=lambda each: each.id)
def test_openssl_takes_nothing_from_strangers(trust: Trust, case: Stranger, version: Version, is_server: bool) -> None:
    result = try_stranger(case, version, OPENSSL, material(trust), is_server=is_server)
    assert result.outcome is Outcome.REFUSED, result.why
    assert (result.client, result.server) == (("", "openssl") if is_server else ("openssl", ""))


@pytest.mark.parametrize("name", ["garbage", "garbage-in-records", "plain-http", "plain-mqtt", "altered-record"])
def test_who_says_nothing_about_it_is_found(trust: Trust, name: str) -> None:
    for is_server in (False, True):
        result = try_stranger(stranger(name), TLS13, Cheating(connection=Deaf), material(trust), is_server=is_server)
        assert result.outcome is Outcome.FAILED


class Repeating(Altered):
    """Gives what it has read before once more."""

    read = b""

    def receive_data(self, ciphertext: bytes) -> bytes:
        try:
            self.read = self._true.receive_data(ciphertext) or self.read
        except Exception:
            pass
        return self.read


@pytest.mark.parametrize("name", ["repeated-record", "altered-record"])
def test_what_is_read_twice_is_found(trust: Trust, name: str) -> None:
    result = try_stranger(stranger(name), TLS13, Cheating(connection=Repeating), material(trust), is_server=True)
    assert result.outcome is Outcome.FAILED


class Talking(Altered):
    """Speaks without being spoken to."""

    def data_to_send(self) -> bytes:
        return self._true.data_to_send() or b"\x15\x03\x03\x00\x02\x01\x00"


def test_who_speaks_into_silence_is_found(trust: Trust) -> None:
    for is_server in (False, True):
        result = try_stranger(
            stranger("silence"), TLS12, Cheating(connection=Talking), material(trust), is_server=is_server
        )
        assert result.outcome is Outcome.FAILED


class Polite(Altered):
    """Takes an end in the middle for a goodbye."""

    def __init__(self, true: object) -> None:
        super().__init__(true)
        self.closed = False

    def keep_session(self) -> None:
        self.closed = True


@pytest.mark.parametrize("name", ["cut-handshake", "cut-record"])
def test_who_takes_an_end_for_a_goodbye_is_found(trust: Trust, name: str) -> None:
    result = try_stranger(stranger(name), TLS13, Cheating(connection=Polite), material(trust), is_server=False)
    assert (result.outcome, result.why) == (Outcome.FAILED, "it was cut off, and takes that for a goodbye")


def test_a_version_that_is_not_there_is_not_possible_and_a_bug_is_found(trust: Trust) -> None:
    old = Cheating(abilities={"versions": frozenset({TLS12})})
    result = try_stranger(stranger("silence"), TLS13, old, material(trust), is_server=True)
    assert (result.outcome, result.why) == (Outcome.IMPOSSIBLE, "cheating has no TLS 1.3")
    result = try_stranger(stranger("garbage"), TLS13, Cheating(connection=Raising), material(trust), is_server=True)
    assert "RuntimeError" in result.why
