from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.addresses import is_address
from sealmq.devices.bundles import notes


@pytest.mark.parametrize(
    ("host", "address"), [("192.168.1.10", True), ("fd00::1", True), ("broker.example", False), ("1.example", False)]
)
def test_an_address_is_told_from_a_name(host: str, address: bool) -> None:
    assert is_address(host) is address
    note = notes.name_check(replace(bundle_credentials.credentials(), host=host))
    assert host in note
    assert ("addresses_as_dns_names = true" in note) is address


def test_whoever_has_no_key_here_is_told_where_it_goes() -> None:
    assert "device.key` holds the private key" in notes.secret(bundle_credentials.credentials(), "device.key", "There.")
    keyless = notes.secret(bundle_credentials.without_key(), "device.key", "Give it to the parser.")
    assert keyless.endswith("keeps it. Give it to the parser.")


def test_sizes_and_dates_are_this_devices_own() -> None:
    device = bundle_credentials.with_two_roots()
    first, second = device.root_ders
    assert f"root {len(first)} and {len(second)} bytes, certificate {len(device.leaf_der)}, key 121" in notes.sizes(
        device
    )
    assert ", key" not in notes.sizes(bundle_credentials.without_key())
    assert "2028-01-15" in notes.title(device, "PEM")
    assert "2027-01-15" in notes.clock(device, "there is none.")
