"""What is an address, and what is a name."""

from __future__ import annotations

import pytest

from sealmq.addresses import is_address
from sealmq.config.addresses import is_host


@pytest.mark.parametrize(("text", "version"), [("127.0.0.1", 4), ("::1", 6), ("fe80::1%eth0", 6)])
def test_addresses_have_a_version(text: str, version: int) -> None:
    assert is_address(text)
    assert is_address(text, version)
    assert not is_address(text, 10 - version)


def test_names_are_hosts_and_broken_addresses_are_none() -> None:
    assert is_host("broker.example.com")
    assert is_host("my_pc.local.")
    assert not is_host("1.2.3")
    assert not is_host("-a")
    assert not is_host("a" * 64)
