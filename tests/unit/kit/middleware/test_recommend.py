from __future__ import annotations

from middleware_comparisons import comparison, footprint, full, measured
from sealmq.kit.middleware.comparing import Absent, Comparison
from sealmq.kit.middleware.recommend import Recommendation, missing_of, ranked, recommend
from sealmq.tls.middleware import TLS12


def of(found: Comparison, use: str) -> Recommendation:
    return next(each for each in recommend(found) if use in each.use)


def test_a_gateway_gets_what_can_do_all_of_it_with_the_least_effort() -> None:
    gateway = of(full(), "gateway")
    assert gateway.choice == "openssl"
    assert any(reason.startswith("next: ") for reason in gateway.reasons)
    assert any("mbedtls-2.28 lacks TLS 1.3" in reason for reason in gateway.reasons)


def test_figures_decide_and_not_names() -> None:
    slow = comparison(measured("openssl", client=9e-3, message=9e-5), measured("wolfssl"))
    assert of(slow, "gateway").choice == "wolfssl"
    assert [each.name for each in ranked(slow.measured)] == ["wolfssl", "openssl"]


def test_a_gateway_gets_nothing_that_checks_less() -> None:
    weak = measured("quick", client=1e-5, revocation=False)
    assert missing_of(weak) == ["revocation in the handshake"]
    assert of(comparison(weak), "gateway").choice == ""
    assert of(comparison(), "gateway").reasons == ("nothing was measured",)


def test_a_microcontroller_gets_what_was_measured_to_fit() -> None:
    small = of(full(), "microcontroller")
    assert small.choice == "mbedtls"
    assert small.reasons[0] == (
        "measured, with TCP/IP and MQTT: TLS 1.2, small buffers 107 KiB flash, 111 KiB RAM,"
        " to TLS 1.2 and 1.3 133 KiB flash, 111 KiB RAM"
    )
    assert any(reason.startswith("wolfSSL") and "not measured" in reason for reason in small.reasons)
    spared = "with a pre-shared key: 750 B in place of 3,000 B, and 1.2 ms of its time in place of 4.7 ms here"
    assert spared in small.reasons
    large = comparison(measured("mbedtls-3.6"), footprints=(footprint("both", ram=300_000),))
    assert of(large, "microcontroller").choice == ""


def test_a_device_has_no_python_package_to_licence() -> None:
    package = measured("mbedtls-2.28", licence="MIT AND (Apache-2.0 OR GPL-2.0-or-later)")
    small = of(comparison(package, footprints=(footprint("both"),)), "microcontroller")
    assert "Apache-2.0 OR GPL-2.0-or-later: nothing to pay, nothing to disclose" in small.reasons


def test_a_closed_product_gets_nothing_with_copyleft() -> None:
    closed = of(full(), "closed")
    assert closed.choice == "openssl"
    assert any(reason.startswith("wolfssl: ") and "pays" in reason for reason in closed.reasons)
    assert any(reason.startswith("cyclonessl: ") for reason in closed.reasons)
    only = of(comparison(measured("wolfssl", licence="GPL-3.0-or-later")), "closed")
    assert only.choice == ""
    assert "wolfssl: GPL-3.0-or-later: not for a closed product; wolfSSL Inc. sells another licence" in only.reasons


def test_post_quantum_gets_what_has_a_hybrid_group() -> None:
    assert of(full(), "post-quantum").choice == "pyopenssl"
    absent = Absent("pyopenssl", "pyOpenSSL is not installed", 'pip install "sealmq[pyopenssl]"')
    none = of(comparison(measured("openssl"), absent=(absent,)), "post-quantum")
    assert none.choice == ""
    assert none.reasons == (
        "no hybrid group here: openssl",
        'pyopenssl is not here: pip install "sealmq[pyopenssl]"',
    )


def test_an_old_library_is_ranked_by_what_it_has() -> None:
    old = measured("old", versions=frozenset({TLS12}))
    assert ranked([old]) == [old]
