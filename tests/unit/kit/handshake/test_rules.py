"""The rules themselves, on facts; what they make of real chains is in test_chain.py."""

from __future__ import annotations

import dataclasses

import pytest

from certificates import DAY, NOW, Authority
from chains import make
from sealmq.kit.handshake.certificates import Facts, read_authorities, read_facts
from sealmq.kit.handshake.report import Rule, Verdict
from sealmq.kit.handshake.rules import TITLES, Path, judge_path

ROOT = Authority("Root CA")
LEAF = read_facts(make("localhost", ROOT).der, 0)
(TOP,) = read_authorities(ROOT.pem)


def judged(*members: Facts, **given: object) -> dict[str, Rule]:
    """The rules by their id; of several the worst."""
    rules = judge_path(members[:1], Path(members, "anchor"), **({"name": "localhost", "now": NOW.timestamp(),
                       "purpose": "server"} | given))  # type: ignore[arg-type]  # fmt: skip
    assert {rule.id for rule in rules} <= TITLES.keys()
    order = [Verdict.OK, Verdict.NOT_TESTED, Verdict.WARNING, Verdict.BAD]
    return {rule.id: rule for rule in sorted(rules, key=lambda one: order.index(one.verdict))}


def test_nothing_is_wrong_with_what_is_right() -> None:
    rules = judged(LEAF, TOP)
    assert {rule.verdict for rule in rules.values()} == {Verdict.OK}
    assert set(rules) == TITLES.keys() - {"readable", "signature", "anchor", "revocation"}


@pytest.mark.parametrize(
    ("id_", "change", "verdict", "words"),
    [
        ("serial", {"serial": 0}, Verdict.WARNING, "not positive"),
        ("serial", {"serial": 1 << 160}, Verdict.WARNING, "longer than 20 bytes"),
        ("version", {"version": 1}, Verdict.BAD, "of version 1"),
        ("version", {"version": 1, "extensions": 0}, Verdict.WARNING, "of version 1"),
        ("key", {"key_kind": "DSA", "key_bits": 3072}, Verdict.BAD, "at least RSA 2048 or P-256"),
        ("key", {"key_kind": "RSA", "key_bits": 2047}, Verdict.BAD, "at least RSA 2048 or P-256"),
        ("key", {"key_kind": ""}, Verdict.BAD, "at least RSA 2048 or P-256"),
        ("hash", {"hash": "MD5"}, Verdict.BAD, "collisions"),
        ("hash", {"hash": "unknown"}, Verdict.BAD, "is signed by"),
        ("critical", {"broken": ("keyUsage",)}, Verdict.BAD, "cannot be read: keyUsage"),
        ("profile", {"marked": frozenset({"2.5.29.35"})}, Verdict.WARNING, "critical authorityKeyIdentifier"),
        ("profile", {"marked": frozenset({"2.5.29.14"})}, Verdict.WARNING, "critical subjectKeyIdentifier"),
        ("profile", {"subject": "", "has_names": False}, Verdict.WARNING, "empty subject"),
        ("profile", {"subject": "", "marked": frozenset()}, Verdict.WARNING, "names not critical"),
        ("profile", {"basic": (False, 1)}, Verdict.WARNING, "has a path length"),
        ("purpose", {"purposes": None}, Verdict.WARNING, "every other role"),
        ("lifetime", {"not_after": LEAF.not_before + 399 * 86400}, Verdict.WARNING, "more than 398"),
    ],
)
def test_each_oddity_has_its_rule(id_: str, change: dict[str, object], verdict: Verdict, words: str) -> None:
    found = judged(dataclasses.replace(LEAF, **change), TOP)[id_]  # type: ignore[arg-type]
    assert (found.verdict, found.about, found.title) == (verdict, 0, TITLES[id_])
    assert words in found.reason


def test_what_is_in_the_file_of_authorities_is_said_to_be_there() -> None:
    found = judged(LEAF, dataclasses.replace(TOP, key_kind="RSA", key_bits=1024))["key"]
    assert found.about is None
    assert found.reason.startswith("'Root CA' in the file of authorities has")


def test_days_are_counted() -> None:
    end = LEAF.not_after

    def said(now: float) -> tuple[Verdict, str]:
        found = judged(LEAF, now=now)["dates"]
        return found.verdict, found.reason

    assert said(end - 100 * DAY.total_seconds())[1].endswith("100 days more")
    assert said(end - DAY.total_seconds())[1].endswith("in 1 day")
    assert said(end - 7200) == (Verdict.WARNING, said(end - 7200)[1])
    assert said(end - 7200)[1].endswith("in 2 hours")
    assert said(end - 60)[1].endswith("in 1 minute")
    assert said(end)[0] is Verdict.WARNING  # the last second counts, RFC 5280 section 4.1.2.5
    assert said(end + 1)[0] is Verdict.BAD
    assert said(LEAF.not_before)[0] is Verdict.OK
    assert said(LEAF.not_before - 1)[0] is Verdict.BAD


def test_self_issued_authorities_do_not_count_in_a_path() -> None:
    limited = read_facts(make("Upper", ROOT, ca=True, path_length=0).der, 2)
    rolled = read_facts(make("Upper", ca=True).der, 1)
    lower = read_facts(make("Lower", ROOT, ca=True).der, 1)
    assert judged(LEAF, rolled, limited)["path length"].verdict is Verdict.OK
    assert judged(LEAF, lower, limited)["path length"].verdict is Verdict.BAD


def test_a_client_is_judged_without_a_name() -> None:
    found = judged(LEAF, TOP, purpose="client")
    assert found["name"].verdict is Verdict.NOT_TESTED
    assert found["purpose"].verdict is Verdict.BAD
