from __future__ import annotations

import re

import pytest

from libraries import middleware
from sealmq.errors import MiddlewareError
from sealmq.tls.mbedtls3 import middleware as module
from sealmq.tls.middleware import BOTH


def test_what_it_can_do_is_asked_of_the_library() -> None:
    ours = middleware("mbedtls-3.6")
    assert ours.name == "mbedtls-3.6"
    abilities = ours.abilities
    assert re.fullmatch(r"Mbed TLS 3\.6\.\d+", abilities.title)
    assert abilities.versions == abilities.psk_client == abilities.psk_server == BOTH
    assert abilities.resumes_client == abilities.resumes_server == BOTH
    assert abilities.hybrid_groups == ()
    assert abilities.addresses
    assert abilities.revocation
    assert all(sentence.strip() for sentence in abilities.cannot)


def test_without_the_library_it_is_not_there(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALMQ_MIDDLEWARE_DIR", str(tmp_path))
    with pytest.raises(MiddlewareError, match="is not here") as caught:
        module.load()
    assert "sealmq middleware build mbedtls" in caught.value.remedy
