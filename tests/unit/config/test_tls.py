from __future__ import annotations

import pytest

from sealmq.config import ListenerSettings, TLSSettings, parse
from sealmq.errors import ConfigError


def test_absent_keys_are_the_defaults() -> None:
    assert parse("").tls == TLSSettings("default", 16_384, "openssl")
    assert parse('[tls]\nprofile = "modern"').tls == TLSSettings("modern")


def test_each_key_is_read() -> None:
    text = '[tls]\nprofile = "post-quantum"\nmiddleware = "pyopenssl"\nmax_record = 1024'
    assert parse(text).tls == TLSSettings("post-quantum", 1024, "pyopenssl")
    assert parse('[tls]\nmiddleware = "mbedtls-2.28"').tls.middleware == "mbedtls-2.28"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('middleware = "gnutls"', '"wolfssl"'),
        ("middleware = 1", "middleware is 1"),
        ('profile = "weak"', '"modern"'),
        ("max_record = 511", "from 512"),
        ("max_record = true", "from 512"),
        ('libary = "openssl"', "libary"),
    ],
)
def test_what_cannot_be_is_refused(line: str, what: str) -> None:
    for table in ("[tls]", '[[listener]]\naddress = ":1"'):
        with pytest.raises(ConfigError, match=what):
            parse(f"{table}\n{line}")


def test_a_listener_has_its_own_or_what_stands_in_general() -> None:
    text = '[tls]\nmiddleware = "wolfssl"\nmax_record = 4096\n[[listener]]\naddress = ":1"\nmiddleware = "mbedtls"\n'
    configuration = parse(f'{text}profile = "modern"\n[[listener]]\naddress = ":2"\nmax_record = 1024')
    small, other = configuration.listener
    assert small == ListenerSettings(":1", middleware="mbedtls", profile="modern")
    assert small.tls_in(configuration.tls) == TLSSettings("modern", 4096, "mbedtls")
    assert other.tls_in(configuration.tls) == TLSSettings("default", 1024, "wolfssl")
    assert ListenerSettings(":3").tls_in(configuration.tls) is configuration.tls


def test_another_middleware_in_general_leaves_the_listeners_theirs() -> None:
    configuration = parse('[[listener]]\naddress = ":1"\nmiddleware = "mbedtls"').spoken_by("wolfssl")
    assert configuration.tls == TLSSettings(middleware="wolfssl")
    assert configuration.listener[0].tls_in(configuration.tls).middleware == "mbedtls"
    assert configuration.spoken_by(None) is configuration


@pytest.mark.parametrize("line", ['middleware = "openssl"', 'profile = "modern"', "max_record = 1024"])
def test_without_tls_there_is_nothing_to_choose(line: str) -> None:
    text = f'[[listener]]\naddress = "127.0.0.1:1"\nauth = "password"\nplaintext = true\n{line}'
    with pytest.raises(ConfigError, match="together with plaintext"):
        parse(text)


def test_est_may_have_another_profile() -> None:
    assert parse('[https]\nprofile = "modern"').https.profile == "modern"
    assert parse("").https.profile is None
