from __future__ import annotations

import pytest

from libraries import middleware
from sealmq.tls.mbedtls3.library import load_library
from sealmq.tls.mbedtls3.suites import PSK12, PSK13, TLS13, from_mbedtls, to_mbedtls
from sealmq.tls.policy import TLSPolicy


def test_each_suite_of_the_policy_goes_there_and_back() -> None:
    suites = TLSPolicy().suites
    assert [from_mbedtls(suite) for suite in to_mbedtls(suites)] == list(suites)


def test_mbed_tls_knows_them_all() -> None:
    middleware("mbedtls-3.6")
    lib = load_library().lib
    for suite in (*TLS13, *PSK13, *PSK12, *to_mbedtls(TLSPolicy().suites)):
        assert lib.sq_suite(suite.encode()), suite


@pytest.mark.parametrize(
    "suite", ["AES128-SHA", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "", "@SECLEVEL=0"]
)
def test_what_has_no_forward_secrecy_or_no_aead_is_left_out(suite: str) -> None:
    assert to_mbedtls((suite, "ECDHE-RSA-AES128-GCM-SHA256")) == ["TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"]


def test_suites_are_spelled_as_the_others_spell_them() -> None:
    assert from_mbedtls("TLS1-3-AES-256-GCM-SHA384") == "TLS_AES_256_GCM_SHA384"
    assert from_mbedtls("TLS1-3-CHACHA20-POLY1305-SHA256") == "TLS_CHACHA20_POLY1305_SHA256"
    assert from_mbedtls("TLS-PSK-WITH-AES-128-GCM-SHA256") == "PSK-AES128-GCM-SHA256"
    assert from_mbedtls("TLS-SOMETHING-ELSE") == "TLS-SOMETHING-ELSE"
