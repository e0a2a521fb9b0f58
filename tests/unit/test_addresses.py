"""A peer's address, in words and as a key."""

from __future__ import annotations

import pytest

from sealmq.addresses import address_in_words, address_key, network_key


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (("192.0.2.7", 1234), "192.0.2.7:1234"),
        (("2001:db8::7", 1234, 0, 0), "[2001:db8::7]:1234"),
        (("::ffff:192.0.2.7", 1234, 0, 0), "192.0.2.7:1234"),
        (None, "an unknown address"),
        ("", "an unknown address"),
    ],
)
def test_an_address_in_words(name: object, words: str) -> None:
    assert address_in_words(name) == words


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("192.0.2.7:5123", "192.0.2.7"),
        ("[2001:db8:1:2:3::4]:99", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:1", "fe80::/64"),
        ("[::ffff:192.0.2.7]:99", "192.0.2.7"),
        ("[64:ff9b::192.0.2.7]:99", "192.0.2.7"),
        ("an unknown address", "an unknown address"),
    ],
)
def test_an_address_is_who_can_be_told_apart(peer: str, key: str) -> None:
    assert address_key(peer) == key


def test_a_network_is_what_one_may_have_as_a_whole() -> None:
    assert network_key("192.0.2.7:1") == network_key("[::ffff:192.0.2.99]:1") == "192.0.2.0/24"
    assert network_key("[2001:db8:1:2::3]:1") == "2001:db8:1::/48"
