from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealmq.errors import TrustError
from sealmq.pki import profiles
from sealmq.pki.profiles import (
    BACKDATE,
    DEVICE,
    ISSUING,
    LAST_UTC_TIME,
    PROFILES,
    ROOT,
    SERVER,
    ServerNames,
    Validity,
    is_dns_name,
    validity,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()
DAY = 86400


def test_no_profile_is_both_server_and_client():
    assert [profile.extended_key_usage for profile in PROFILES] == [
        "",
        "",
        "serverAuth",
        "clientAuth",
        "clientAuth",
        "",
    ]


def test_only_authorities_may_sign_certificates():
    for profile in PROFILES:
        assert ("key_cert_sign" in profile.key_usage) == profile.is_authority


def test_every_field_of_a_profile_has_its_words():
    tree = ast.parse(Path(profiles.__file__).read_text())
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Profile"]
    for field, words in zip(body[1::2], body[2::2], strict=True):
        assert isinstance(field, ast.AnnAssign)
        assert isinstance(words, ast.Expr)


def test_validity_is_backdated_and_inclusive():
    when = validity(SERVER, NOW)
    assert when.not_before == NOW - BACKDATE
    assert when.not_after == when.not_before + 90 * DAY - 1


def test_years_are_calendar_years():
    root = validity(ROOT, NOW)
    assert datetime.fromtimestamp(root.not_after, UTC) == datetime(2046, 11, 23, 10, 59, 59, tzinfo=UTC)
    assert datetime.fromtimestamp(validity(ISSUING, NOW).not_after, UTC).year == 2036


def test_a_leap_day_ends_on_the_28th():
    leap = datetime(2028, 2, 29, 12, 0, 0, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(validity(ISSUING, leap).not_after, UTC) == datetime(
        2038, 2, 28, 10, 59, 59, tzinfo=UTC
    )


def test_nothing_lasts_beyond_utc_time():
    assert validity(ROOT, datetime(2035, 1, 1, tzinfo=UTC).timestamp()).not_after == LAST_UTC_TIME


def test_nothing_outlives_its_issuer_or_is_older():
    issuer = Validity(int(NOW) - 10, int(NOW) + 5 * DAY)
    assert validity(DEVICE, NOW, issuer=issuer) == issuer
    assert validity(DEVICE, NOW, issuer=issuer, days=1).not_after == NOW - 10 + DAY - 1


@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 2 * DAY])
def test_an_issuer_that_does_not_hold_issues_nothing(now):
    with pytest.raises(TrustError, match=r"before the certificate authority|has expired"):
        validity(DEVICE, now, issuer=Validity(int(NOW) - DAY, int(NOW) + DAY))


@pytest.mark.parametrize("name", ["localhost", "a.b-c.example", "xn--bcher-kva.example", "a" * 63 + ".de"])
def test_host_names(name):
    assert is_dns_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "-a", "a-", "a_b", "a b", "a\n", "a\0b", "bücher.example", "*.example", "10.0.0.1"],
)
def test_what_is_no_host_name(name):
    assert not is_dns_name(name)
    with pytest.raises(TrustError):
        ServerNames((name,))


def test_what_is_too_long_for_a_host_name():
    assert not is_dns_name("a" * 64)
    assert not is_dns_name(".".join(["a" * 60] * 5))


def test_names_are_lower_cased_and_come_once():
    names = ServerNames(("LocalHost", "localhost"), ("::1", "0:0:0:0:0:0:0:1"))
    assert names == ServerNames(("localhost",), ("::1",))


def test_a_broker_without_a_name_is_refused():
    with pytest.raises(TrustError):
        ServerNames()
    with pytest.raises(TrustError):
        ServerNames((), ("300.1.1.1",))


def test_ipv4_addresses_become_names_for_old_mbedtls():
    names = ServerNames(("localhost",), ("10.0.0.1", "::1"), addresses_as_dns_names=True)
    assert names.dns_names() == ("localhost", "10.0.0.1")
