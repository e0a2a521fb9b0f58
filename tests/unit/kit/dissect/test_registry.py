"""Numbers and names: the registered ones, those of GREASE, and those that nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect import registry
from sealmq.kit.dissect.registry import (
    GROUP_KINDS,
    GROUPS,
    SCHEMES,
    is_grease,
    tell_extension,
    tell_group,
    tell_handshake_type,
    tell_scheme,
    tell_suite,
    tell_version,
)

TELLERS = [tell_extension, tell_group, tell_scheme, tell_suite, tell_version]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (tell_version(0x0304), "TLS 1.3"),
        (tell_version(0x0300), "SSL 3.0"),
        (tell_version(0x7F1C), "TLS 1.3 draft 28"),
        (tell_suite(0x1303), "TLS_CHACHA20_POLY1305_SHA256"),
        (tell_suite(0x00FF), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
        (tell_suite(0x5600), "TLS_FALLBACK_SCSV"),
        (tell_suite(0xC02B), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        (tell_suite(0xCCAE), "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256"),
        (tell_group(0x0017), "secp256r1"),
        (tell_group(0x001D), "x25519"),
        (tell_group(0x0029), "curveSM2"),
        (tell_group(0x0100), "ffdhe2048"),
        (tell_group(0x11EC), "X25519MLKEM768"),
        (tell_scheme(0x0403), "ecdsa_secp256r1_sha256"),
        (tell_scheme(0x0303), "ecdsa_sha224"),
        (tell_scheme(0x0905), "mldsa65"),
        (tell_extension(51), "key_share"),
        (tell_extension(0xFF01), "renegotiation_info"),
        (tell_handshake_type(1), "ClientHello"),
        (tell_handshake_type(99), "unknown (0x63)"),
    ],
)
def test_names_are_those_of_the_registry(told: str, name: str) -> None:
    assert told == name


def test_grease_is_sixteen_numbers() -> None:
    """RFC 8701 section 2."""
    found = [code for code in range(1 << 16) if is_grease(code)]
    assert found == [0x0A0A + 0x1010 * step for step in range(16)]
    for tell in TELLERS:
        assert tell(0xFAFA) == "GREASE (0xfafa)"


@given(st.integers(0, 0xFFFF), st.sampled_from(TELLERS))
def test_every_number_has_words(code: int, tell: object) -> None:
    assert callable(tell)
    told = tell(code)
    assert told.isprintable()
    assert told
    if told.startswith("unknown"):
        assert told == f"unknown (0x{code:04x})"


def test_each_group_has_a_kind() -> None:
    assert GROUP_KINDS.keys() == GROUPS.keys()
    assert GROUP_KINDS[0x11EC] == "hybrid post-quantum"
    assert GROUP_KINDS[0x0201] == "post-quantum"
    assert GROUP_KINDS[0x0101] == "DH"
    assert GROUP_KINDS[0x001E] == "EC"


def test_no_name_stands_twice() -> None:
    for table in (GROUPS, SCHEMES, registry.EXTENSIONS, registry.HANDSHAKE_TYPES, registry.VERSIONS):
        assert len(set(table.values())) == len(table)
