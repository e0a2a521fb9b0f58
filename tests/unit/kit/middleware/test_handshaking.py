from __future__ import annotations

import pytest

from cheating_middlewares import Cheating
from libraries import PSK_LIBRARIES, able, middleware
from middleware_material import material
from sealmq.errors import MiddlewareError, TLSError
from sealmq.kit.middleware.handshaking import FEWEST, HandshakeCourse, listeners
from sealmq.tls.middleware import TLS12, TLS13, Version
from sealmq.tls.middlewares import find
from tls_pairs import Trust

OPENSSL = find("openssl")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_resumed_handshake_takes_fewer_bytes(trust: Trust, version: Version) -> None:
    good = material(trust).good
    full, again = (HandshakeCourse(OPENSSL, OPENSSL, version, good, resumed=each) for each in (False, True))
    for course in (full, again):
        course.run(0.0)
        course.run(0.0)  # in several turns
    assert full.figures.up.count >= FEWEST + 1
    assert full.figures.version == version
    assert full.figures.cipher
    assert full.figures.flights == 4
    assert full.figures.client_cpu.median > 0
    assert full.figures.server_cpu.median > 0
    assert again.figures.resumed
    assert again.figures.up.median < full.figures.up.median
    assert again.figures.down.median < full.figures.down.median / 2


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_a_key_takes_fewer_bytes_than_certificates(trust: Trust, library: str, version: Version) -> None:
    good, found = material(trust).good, middleware(library)
    full, short = (HandshakeCourse(found, found, version, good, psk=each) for each in (False, True))
    for course in (full, short):
        course.run(0.0)
    assert "by a PSK" in short.what
    assert (full.figures.psk, short.figures.psk) == (False, True)
    assert short.figures.up.median < full.figures.up.median / 2
    assert short.figures.down.median < full.figures.down.median / 2


def test_a_library_without_keys_is_not_asked_for_them(trust: Trust) -> None:
    with pytest.raises(MiddlewareError, match="has no PSK"):
        HandshakeCourse(OPENSSL, OPENSSL, TLS13, material(trust).good, psk=True)


def test_a_handshake_that_fails_is_no_figure(trust: Trust) -> None:
    good = material(trust).good
    elsewhere = HandshakeCourse(Cheating(host="elsewhere.example"), OPENSSL, TLS13, good)
    with pytest.raises(TLSError, match="does not carry the name"):
        elsewhere.run(0.0)


def test_a_session_that_is_not_taken_is_no_resumption(trust: Trust) -> None:
    from dataclasses import replace

    forgetful = Cheating(policy=lambda policy: replace(policy, tickets=0))
    with pytest.raises(TLSError, match="not resumed"):
        HandshakeCourse(OPENSSL, forgetful, TLS13, material(trust).good, resumed=True).run(0.0)


def test_a_library_that_looks_at_no_list_gets_none(trust: Trust) -> None:
    good = material(trust).good
    assert listeners(OPENSSL, good).crl == good.crl
    assert listeners(Cheating(abilities={"revocation": False}), good).crl is None
