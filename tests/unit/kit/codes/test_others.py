"""Libraries that speak in words."""

from __future__ import annotations

from sealmq.kit.codes import others

BY_NAME = {(code.library, code.name): code for code in others.CODES}


def test_vectors() -> None:
    assert BY_NAME["node", "DEPTH_ZERO_SELF_SIGNED_CERT"].fault.name == "untrusted"
    assert BY_NAME["node", "ERR_TLS_CERT_ALTNAME_INVALID"].fault.name == "name"
    assert BY_NAME["java", "PKIX_PATH_BUILDING_FAILED"].fault.name == "untrusted"
    assert BY_NAME["go", "UNKNOWN_AUTHORITY"].line.endswith("RootCAs: pool}")


def test_each_can_be_found_by_its_name_or_its_words() -> None:
    assert len(BY_NAME) == len(others.CODES)
    assert all(code.number is None for code in others.CODES)
    assert all(code.texts or code.library in ("node", "curl") for code in others.CODES)
