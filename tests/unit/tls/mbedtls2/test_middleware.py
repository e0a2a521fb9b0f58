from __future__ import annotations

import re

from libraries import middleware


def test_what_it_can_do() -> None:
    ours = middleware("mbedtls-2.28")
    assert ours.name == "mbedtls-2.28"
    abilities = ours.abilities
    assert re.fullmatch(r"Mbed TLS 2\.28\.\d+", abilities.title)
    assert abilities.versions == abilities.psk_client == abilities.psk_server == {"TLSv1.2"}
    assert not abilities.resumes_client | abilities.resumes_server
    assert not abilities.addresses
    assert not abilities.revocation
    assert abilities.cannot
