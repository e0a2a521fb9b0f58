"""Cipher suites: what their names say, held against what OpenSSL says of those that it has."""

from __future__ import annotations

import ssl

import pytest

from sealmq.kit.dissect.suites import FALLBACK_SCSV, NAMES, RENEGOTIATION_SCSV, suite_parts

KEY_EXCHANGES = {"kx-rsa": "RSA", "kx-ecdhe": "ECDHE", "kx-dhe": "DHE", "kx-psk": "PSK", "kx-dhe-psk": "DHE-PSK",
                 "kx-ecdhe-psk": "ECDHE-PSK", "kx-rsa-psk": "RSA-PSK", "kx-any": "", "kx-srp": "SRP"}  # fmt: skip
AUTHENTICATIONS = {"auth-rsa": "RSA", "auth-ecdsa": "ECDSA", "auth-psk": "PSK", "auth-null": "anonymous",
                   "auth-any": "", "auth-dss": "DSS", "auth-srp": "SRP"}  # fmt: skip


def openssl_suites() -> list[dict[str, object]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return [dict(one) for one in context.get_ciphers()]


def test_each_suite_of_openssl_is_taken_apart_as_openssl_does() -> None:
    found = openssl_suites()
    assert len(found) > 100
    for one in found:
        code = int(str(one["id"])) & 0xFFFF
        suite = suite_parts(code)
        assert suite is not None, one
        assert suite.aead is one["aead"], one
        assert suite.key_exchange == KEY_EXCHANGES[str(one["kea"])], one
        assert suite.authentication == AUTHENTICATIONS[str(one["auth"])], one
        if suite.tag_bytes != 8:  # newer OpenSSL counts the short tag against the cipher
            assert suite.bits == one["strength_bits"], one
        if not suite.aead:
            assert suite.mac == one["digest"], one


@pytest.mark.parametrize("code", sorted(NAMES))
def test_each_registered_suite_can_be_taken_apart(code: int) -> None:
    suite = suite_parts(code)
    if code in (FALLBACK_SCSV, RENEGOTIATION_SCSV):
        assert suite is None
        return
    assert suite is not None
    assert suite.name == NAMES[code]
    assert suite.cipher
    assert suite.hash in ("sha256", "sha384", "sha512", "sm3")
    assert suite.tls13 is ("_WITH_" not in suite.name)
    assert suite.export is ("EXPORT" in suite.name)
    assert suite.bits <= 40 or not suite.export
    assert (suite.bits == 0) is ("NULL" in suite.name or code in (0xC0B4, 0xC0B5))
    if suite.aead:
        assert suite.tag_bytes == (8 if "CCM_8" in suite.name else 16)
    elif suite.mac:
        assert suite.tag_bytes == {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}[suite.mac]


@pytest.mark.parametrize(
    ("code", "name", "key_exchange", "authentication", "cipher", "bits", "mac", "hash_", "tag"),
    [
        (0x1301, "TLS_AES_128_GCM_SHA256", "", "", "AES-128-GCM", 128, "", "sha256", 16),
        (0x1305, "TLS_AES_128_CCM_8_SHA256", "", "", "AES-128-CCM-8", 128, "", "sha256", 8),
        (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE", "ECDSA", "AES-256-GCM", 256, "", "sha384", 16),
        (0xC0AE, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE", "ECDSA", "AES-128-CCM-8", 128, "", "sha256", 8),
        (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE", "RSA", "CHACHA20-POLY1305", 256, "", "sha256",
         16),
        (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "RSA", "AES-128-CBC", 128, "sha1", "sha256", 20),
        (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE", "RSA", "AES-256-CBC", 256, "sha384", "sha384", 48),
        (0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", "RSA", "RSA", "RC4-40", 40, "md5", "sha256", 16),
        (0xC018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "ECDHE", "anonymous", "AES-128-CBC", 128, "sha1", "sha256", 20),
        (0xD001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "ECDHE-PSK", "PSK", "AES-128-GCM", 128, "", "sha256", 16),
        (0xC0AA, "TLS_PSK_DHE_WITH_AES_128_CCM_8", "DHE-PSK", "PSK", "AES-128-CCM-8", 128, "", "sha256", 8),
        (0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", "ECDHE", "ECDSA", "NULL", 0, "sha1", "sha256", 20),
        (0xC0B5, "TLS_SHA384_SHA384", "", "", "NULL", 0, "sha384", "sha384", 48),
        (0x0000, "TLS_NULL_WITH_NULL_NULL", "NULL", "none", "NULL", 0, "", "sha256", 0),
    ],
)  # fmt: skip
def test_suites_that_people_meet(
    code: int, name: str, key_exchange: str, authentication: str, cipher: str, bits: int, mac: str, hash_: str, tag: int
) -> None:
    suite = suite_parts(code)
    assert suite is not None
    assert (suite.name, suite.key_exchange, suite.authentication) == (name, key_exchange, authentication)
    assert (suite.cipher, suite.bits, suite.mac, suite.hash, suite.tag_bytes) == (cipher, bits, mac, hash_, tag)


def test_what_is_no_suite_is_none() -> None:
    assert suite_parts(0x0A0A) is None
    assert suite_parts(0x9999) is None


def test_who_is_safe_when_a_key_is_stolen_later() -> None:
    for code, forward_secret in ((0xC02F, True), (0x009E, True), (0x1301, True), (0x009C, False), (0x00A8, False)):
        suite = suite_parts(code)
        assert suite is not None
        assert suite.forward_secret is forward_secret
    anonymous = suite_parts(0x0034)
    assert anonymous is not None
    assert anonymous.anonymous
