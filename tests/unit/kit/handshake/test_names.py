"""Names are compared as RFC 9525 says."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains import make, without
from sealmq.kit.handshake.certificates import Constraints, Facts, read_facts
from sealmq.kit.handshake.names import as_address, as_ascii, broken_constraint, check_name, matches
from sealmq.kit.handshake.report import Verdict


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("a.example", "A.EXAMPLE", True),
        ("a.example.", "a.example", False),
        ("*.a.example.", "b.a.example", False),
        ("*.a.example", "b_c.a.example", False),
        ("*.a_b.example", "c.a_b.example", False),
        ("*.-a.example", "c.-a.example", False),
        ("\u212a.example", "k.example", False),
        ("a.example", "b.example", False),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "c.b.a.example", False),
        ("*.a.example", "a.example", False),
        ("*.a.example", ".a.example", False),
        ("*.example", "a.example", False),
        ("*", "a", False),
        ("b*.a.example", "bc.a.example", False),
        ("a.*.example", "a.b.example", False),
        ("*.*.example", "a.b.example", False),
        ("", "", False),
    ],
)
def test_a_wildcard_is_the_whole_leftmost_label(pattern: str, name: str, covered: bool) -> None:
    assert matches(pattern, name) is covered


@given(st.text(alphabet="ab.*", max_size=8), st.text(alphabet="ab.", max_size=8))
def test_a_wildcard_covers_one_label_at_most(pattern: str, name: str) -> None:
    if matches(pattern, name):
        assert pattern.count(".") == name.count(".")
        assert "*" not in pattern or pattern.startswith("*.")


def test_what_was_dialled_is_read_as_certificates_write_it() -> None:
    assert as_address("[::1]") == as_address("::1") == ipaddress.ip_address("::1")
    assert as_address("fe80::1%eth0") == ipaddress.ip_address("fe80::1")
    assert as_address("localhost") is None
    assert as_ascii("broker.example.") == "broker.example"
    assert as_ascii("bücher.example") == "xn--bcher-kva.example"
    assert as_ascii("ü" * 70) == ""


def facts(*hosts: str, cn: str = "x") -> Facts:
    return read_facts(make(cn, hosts=hosts, change=None if hosts else without("names")).der, 0)


@pytest.mark.parametrize(
    ("leaf", "name", "verdict", "words"),
    [
        (facts("broker.example"), "broker.example.", Verdict.OK, "which was dialled"),
        (facts("broker.example"), "other.example", Verdict.BAD, "it is made out for broker.example"),
        (facts("*"), "other", Verdict.BAD, "a wildcard alone covers nothing"),
        (facts("*.example.org"), "example.org", Verdict.BAD, "does not cover the name behind it"),
        (facts("m*.example.org"), "mq.example.org", Verdict.BAD, "a whole label"),
        (facts("a.example", cn="localhost"), "localhost", Verdict.BAD, "does not count where it has names"),
        (facts(cn="localhost"), "localhost", Verdict.WARNING, "RFC 9525"),
        (facts(cn="other"), "localhost", Verdict.BAD, "it has no subjectAltName"),
        (facts("10.0.0.1"), "localhost", Verdict.BAD, "10.0.0.1"),
        (facts("10.0.0.1"), "10.0.0.1", Verdict.OK, "10.0.0.1"),
        (facts(cn="10.0.0.1"), "10.0.0.1", Verdict.BAD, "only in its CN"),
        (facts(*(f"h{number}" for number in range(9))), "x", Verdict.BAD, "and 4 more"),
    ],
)
def test_the_reason_says_what_does_not_fit(leaf: Facts, name: str, verdict: Verdict, words: str) -> None:
    found, reason = check_name(leaf, name)
    assert found is verdict
    assert words in reason


@given(st.text(max_size=30))
def test_whatever_was_dialled_there_is_an_answer(name: str) -> None:
    verdict, reason = check_name(facts("broker.example"), name)
    assert reason.isprintable()
    assert verdict is Verdict.BAD


def test_constraints_hold_for_names_and_addresses() -> None:
    leaf = facts("a.example.org", "10.0.0.1")
    ten, eleven = ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("11.0.0.0/8")
    assert broken_constraint(Constraints(), leaf) == ""
    assert broken_constraint(Constraints(permitted_dns=("example.org",)), leaf) == ""
    assert broken_constraint(Constraints(permitted_dns=(".example.org",)), leaf) == ""
    assert broken_constraint(Constraints(permitted_dns=("ample.org",)), leaf) == "a.example.org"
    assert broken_constraint(Constraints(excluded_dns=("org",)), leaf) == "a.example.org"
    assert broken_constraint(Constraints(excluded_dns=("",)), leaf) == "a.example.org"
    assert broken_constraint(Constraints(permitted_networks=(ten,)), leaf) == ""
    assert broken_constraint(Constraints(permitted_networks=(eleven,)), leaf) == "10.0.0.1"
    assert broken_constraint(Constraints(excluded_networks=(ten,)), leaf) == "10.0.0.1"
