"""A chain is judged by the right rule, in words that name this certificate, whatever bytes come."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import DAY, NOW, Authority
from chains import Case, cases, make, with_serial, without
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.certificates import read_facts
from sealmq.kit.handshake.chain import LONGEST, judge, signed_by
from sealmq.kit.handshake.report import Chain, Verdict

CASES = {case.title: case for case in cases()}
BY_ID = Authority("Root CA")
DER = make("localhost", BY_ID).der


def judged(case: Case, **other: object) -> Chain:
    given: dict[str, object] = {
        "authorities": case.authorities, "name": case.name, "now": NOW.timestamp(), "purpose": case.purpose,
        "crl": case.crl,
    }  # fmt: skip
    return judge(Sender(case.purpose), case.chain, **(given | other))  # type: ignore[arg-type]


def ids(chain: Chain, verdict: Verdict) -> set[str]:
    return {rule.id for rule in chain.rules if rule.verdict is verdict}


@pytest.mark.parametrize("title", list(CASES))
def test_each_mistake_is_found_by_its_rule(title: str) -> None:
    case = CASES[title]
    chain = judged(case)
    assert chain.trusted is case.trusted
    assert ids(chain, Verdict.BAD) == case.bad
    assert case.warned <= ids(chain, Verdict.WARNING)
    assert all(rule.reason and not rule.reason.endswith(".") for rule in chain.rules)
    assert not chain.sentence.endswith(".")


def test_there_are_many_mistakes() -> None:
    assert len(CASES) >= 25
    assert sum(not case.trusted for case in CASES.values()) >= 25


def reason(chain: Chain, id_: str) -> str:
    return next(rule.reason for rule in chain.rules if rule.id == id_)


def test_the_reasons_name_what_they_speak_of() -> None:
    good = judged(CASES["good"])
    assert reason(good, "anchor") == "it ends in 'Root CA', which is among the authorities you gave"
    assert "'localhost' is signed by the key of 'Server CA'" in reason(good, "signature")
    assert good.sentence.startswith(
        "The server's certificate stands for the name 'localhost', and 'Root CA' vouches for it"
    )
    missing = judged(CASES["missing intermediate"])
    assert reason(missing, "anchor").startswith("'localhost' is issued by 'Server CA', which the server did not send")
    assert missing.sentence.startswith("A client refuses it: 'localhost' is issued by")
    twin = judged(CASES["a CA of the same name, no key identifiers"])
    assert reason(twin, "anchor").endswith("but with another key: perhaps it was made anew")
    assert "wildcard stands for one label" in reason(judged(CASES["wildcard, two labels"]), "name")
    assert "iPAddress" in reason(judged(CASES["an address as a name"]), "name")
    assert twin.sentence.endswith("(1 more rule broken: anchor)")
    assert "1 day ago" in judged(CASES["an expired CA"]).sentence
    assert "was revoked on" in judged(CASES["revoked"]).sentence


def test_without_authorities_nothing_is_trusted_and_nothing_distrusted() -> None:
    chain = judged(CASES["good"], authorities=None)
    assert chain.trusted is None
    assert "no authority was given to check it by" in reason(chain, "anchor")
    assert ids(chain, Verdict.NOT_TESTED) == {"anchor", "revocation"}
    assert chain.sentence == "No authority was given to check it by; the rest is in order"
    expired = judged(CASES["expired"], authorities=None)
    assert expired.trusted is None
    assert "ended on" in expired.sentence


def test_an_empty_file_of_authorities_trusts_nobody() -> None:
    chain = judged(CASES["good"], authorities=b"no certificate")
    assert chain.trusted is False
    assert reason(chain, "anchor") == "the file of authorities that you gave has no certificate in it"


def test_a_clock_that_was_never_set_is_named() -> None:
    chain = judged(CASES["good"], now=86400.0)
    assert "the clock here says 1970" in reason(chain, "dates")
    assert ids(chain, Verdict.BAD) == {"dates"}


def test_a_name_that_nobody_dialled_is_not_tested() -> None:
    chain = judged(CASES["good"], name=None)
    assert "name" in ids(chain, Verdict.NOT_TESTED)
    assert chain.trusted is True


def test_no_certificate_is_said() -> None:
    for authorities, trusted in ((None, None), (BY_ID.pem, False)):
        chain = judge(Sender.CLIENT, (), authorities=authorities, name=None, now=0.0, purpose="client")
        assert chain.trusted is trusted
        assert chain.sentence == "The client showed no certificate"
        assert [rule.id for rule in chain.rules] == ["readable"]


def test_what_is_no_certificate_is_bad_in_front_and_a_warning_behind() -> None:
    case = CASES["good"]
    first = judged(dataclasses.replace(case, chain=(b"nonsense", *case.chain)))
    assert (first.trusted, ids(first, Verdict.BAD)) == (False, {"readable"})
    last = judged(dataclasses.replace(case, chain=(*case.chain, b"nonsense")))
    assert (last.trusted, "readable" in ids(last, Verdict.WARNING)) == (True, True)


def test_a_list_that_cannot_be_read_is_bad() -> None:
    for crl in (b"", b"nonsense", b"-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----"):
        assert "revocation" in ids(judged(CASES["good"], crl=crl), Verdict.BAD)


def test_a_long_chain_is_cut_off() -> None:
    case = CASES["good"]
    chain = judged(dataclasses.replace(case, chain=case.chain + case.chain[1:] * 100))
    assert len(chain.certificates) == LONGEST
    assert chain.trusted is True
    assert "were sent" in reason(chain, "readable")


def test_a_ladder_without_end_is_left() -> None:
    steps = [make("CA 0", ca=True)]
    for number in range(1, LONGEST + 3):
        steps.append(make(f"CA {number}", steps[-1], ca=True))
    chain = judge(
        Sender.SERVER, tuple(one.der for one in reversed(steps)), authorities=steps[0].pem, name=None,
        now=NOW.timestamp(), purpose="server",
    )  # fmt: skip
    assert chain.trusted is False


def test_two_that_signed_each_other_end() -> None:
    one = make("One", ca=True)
    other = make("Other", one, ca=True)
    again = make("One", other, ca=True, key=one.key)
    chain = judge(
        Sender.SERVER, (again.der, other.der, again.der), authorities=BY_ID.pem, name=None, now=NOW.timestamp(),
        purpose="server",
    )  # fmt: skip
    assert chain.trusted is False


def test_a_name_in_another_string_type_is_the_same_name() -> None:
    printable = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd CA", x509.name._ASN1Type.PrintableString)])
    authority = make("Odd CA", ca=True, change=without("above"))
    twin = make(printable, ca=True, key=authority.key, change=without("above"))
    leaf = make("localhost", twin)
    assert signed_by(read_facts(leaf.der, 0), read_facts(authority.der, -1)) == ""
    chain = judge(
        Sender.SERVER, (leaf.der,), authorities=authority.pem, name="localhost", now=NOW.timestamp(), purpose="server"
    )
    assert chain.trusted is True


def test_a_chain_of_many_bytes_is_a_warning() -> None:
    hosts = [f"host-{number}.a-rather-long-domain.example" for number in range(120)]
    chain = judge(
        Sender.SERVER, (make("x", BY_ID, hosts=hosts).der,), authorities=BY_ID.pem, name=hosts[0],
        now=(NOW + DAY).timestamp(), purpose="server",
    )  # fmt: skip
    assert "size" in ids(chain, Verdict.WARNING)
    assert chain.trusted is True


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(DER) - 1), bit=st.integers(0, 7), end=st.integers(0, len(DER)))
def test_whatever_comes_there_is_an_answer_and_a_changed_certificate_is_not_trusted(
    at: int, bit: int, end: int
) -> None:
    changed = bytearray(DER)
    changed[at] ^= 1 << bit
    for der in (bytes(changed), DER[:end]):
        chain = judge(
            Sender.SERVER, (der,), authorities=BY_ID.pem, name="localhost", now=NOW.timestamp(), purpose="server",
            crl=der,
        )  # fmt: skip
        assert chain.trusted is False or der == DER


def test_an_odd_serial_number_is_warned_of_in_a_rule_and_not_on_stderr() -> None:
    root, leaf = make("Root", ca=True), make("localhost")
    odd = with_serial(leaf.der, b"\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain = judge(
            Sender.SERVER, (odd, root.der), authorities=root.pem, name="localhost", now=NOW.timestamp(),
            purpose="server",
        )  # fmt: skip
    assert "serial" in ids(chain, Verdict.WARNING)
    assert chain.trusted is False
