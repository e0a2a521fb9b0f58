from __future__ import annotations

from sealmq.devices.bundles.targets import TARGETS
from sealmq.kit.middleware.known import KNOWN, family_of
from sealmq.kit.middleware.licences import Terms, terms_of


def test_what_is_known_says_from_where_and_what_serves_it() -> None:
    for each in KNOWN:
        assert "https://" in each.source
        assert "not measured" in each.source
        assert each.bundle in TARGETS
        assert terms_of(each.licence) is not Terms.UNKNOWN


def test_the_family_of_a_middleware() -> None:
    assert family_of("mbedtls-3.6") == family_of("mbedtls-2.28") == "mbedtls"
    assert family_of("wolfssl") == "wolfssl"
    assert family_of("openssl") == ""
