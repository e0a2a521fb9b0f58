from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import Case, cases
from sealmq.tls.wolfssl.certificates import CLIENT_AUTH, SERVER_AUTH, carries, complaint, read

CASES = {case.title: case for case in cases()}
NAME_ONLY = {title for title, case in CASES.items() if case.bad == {"name"}} | {"CN only", "only an address, and a CN"}
WRONG_USE = {"clientAuth only", "any purpose", "key usage for nothing of TLS", "a server as client", "a CA for clients"}


def of(case: Case) -> str | None:
    return complaint(case.chain, SERVER_AUTH if case.purpose == "server" else CLIENT_AUTH, case.name)


@pytest.mark.parametrize("title", sorted(NAME_ONLY))
def test_another_name(title: str) -> None:
    assert of(CASES[title]) == "name"


@pytest.mark.parametrize("title", sorted(WRONG_USE))
def test_another_purpose(title: str) -> None:
    case = CASES[title]
    purpose = SERVER_AUTH if case.purpose == "server" else CLIENT_AUTH
    assert complaint(case.chain, purpose, "localhost") == "purpose"


def test_a_broken_hash_is_seen_but_in_a_root() -> None:
    assert of(CASES["SHA-1"]) == "hash"
    assert of(CASES["SHA-1 of a root"]) is None


@pytest.mark.parametrize("title", sorted(CASES))
def test_nothing_else_is_found_fault_with(title: str) -> None:
    case = CASES[title]
    if case.purpose == "server" and title not in NAME_ONLY | WRONG_USE | {"SHA-1"}:
        assert of(case) is None


def test_a_name_that_nobody_dialled_is_not_looked_for() -> None:
    assert complaint(CASES["wrong host"].chain, SERVER_AUTH) is None
    assert complaint((), SERVER_AUTH) == "name"


def test_capitals_wildcards_and_addresses() -> None:
    facts = read(CASES["wildcard"].chain[0])
    assert facts is not None
    assert carries(facts, "MQTT.example.org")
    assert not carries(facts, "127.0.0.1")
    assert not carries(facts, ".example.org")
    facts = read(CASES["an address of IPv6"].chain[0])
    assert facts is not None
    assert carries(facts, "::1")
    assert not carries(facts, "::2")


def test_who_may_sign_others() -> None:
    leaf, authority = (read(der) for der in CASES["good"].chain)
    assert leaf is not None
    assert authority is not None
    assert authority.authority
    assert not leaf.authority
    without = read(CASES["a CA without basicConstraints"].chain[1])
    assert without is not None
    assert not without.authority


def test_a_certificate_that_is_cut_off_carries_nothing() -> None:
    whole = CASES["good"].chain[0]
    for length in range(len(whole)):
        assert complaint((whole[:length],), SERVER_AUTH, "localhost") == "name"


@settings(max_examples=200)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), noise=st.binary(max_size=60))
def test_what_a_stranger_sends_raises_nothing(at: int, byte: int, noise: bytes) -> None:
    whole = bytearray(CASES["good"].chain[0])
    whole[at % len(whole)] = byte
    complaint((bytes(whole),), SERVER_AUTH, "localhost")
    assert complaint((noise,), SERVER_AUTH, "localhost") == "name"
    assert read(b"\x30\x80" + noise) is None
