"""The catalog: every code has what a reader needs, and is found in each way that it can be."""

from __future__ import annotations

import pytest

from sealmq.kit.codes.catalog import FAMILIES, LIBRARIES, catalog, members, normal
from sealmq.kit.codes.code import Code
from sealmq.kit.codes.numbers import WEIGHTS


def test_each_code_is_of_a_known_library_and_each_library_has_codes() -> None:
    assert {code.library for code in catalog().codes} == set(LIBRARIES) == set(WEIGHTS)
    assert len(catalog().codes) > 1400


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_code_has_a_meaning_causes_and_a_remedy(library: str) -> None:
    for code in (one for one in catalog().codes if one.library == library):
        assert code.meaning, code.name
        assert not code.meaning.endswith("."), code.name
        assert code.causes, code.name
        assert code.remedy, code.name


def test_each_code_is_found_by_its_name() -> None:
    for code in catalog().codes:
        assert code in catalog().names[code.name.upper()]


def test_names_are_also_known_without_their_prefix() -> None:
    def found(name: str) -> list[str]:
        return [code.name for code in catalog().names[name]]

    assert found("X509_CERT_VERIFY_FAILED") == ["MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"]
    assert "X509_V_ERR_CERT_HAS_EXPIRED" in found("CERT_HAS_EXPIRED")
    assert found("X509_NOT_TRUSTED") == ["BR_ERR_X509_NOT_TRUSTED"]


def test_numbers_of_openssls_parts_are_not_mixed() -> None:
    assert all(code.library != "openssl" for codes in catalog().numbers.values() for code in codes)


def test_texts_are_as_they_are_compared() -> None:
    assert normal("  Unknown\n CA ") == "unknown ca"
    assert all(text == normal(text) and len(text) >= 5 for text in catalog().texts)


def test_families() -> None:
    assert members("esp-idf")[0] == "esp-idf"
    assert members("lwip") == ("lwip",)
    assert members("nobody") == ()
    for family in FAMILIES.values():
        assert set(family) <= set(LIBRARIES)


def test_meanings_are_not_those_of_the_headers() -> None:
    """Each is a sentence of ours; what a library prints stands in `texts`."""

    def same(code: Code) -> bool:
        return normal(code.meaning) in {normal(text) for text in code.texts}

    assert [code.name for code in catalog().codes if same(code)] == []
