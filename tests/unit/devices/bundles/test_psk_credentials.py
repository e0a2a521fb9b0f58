from __future__ import annotations

from sealmq.devices.bundles.psk_credentials import PSKCredentials


def test_the_key_shows_in_no_repr():
    said = PSKCredentials(
        name="small-1", host="broker.local", port=8886, key=bytes(range(32)), serial="0a", not_after=1.0, now=0.0
    )
    assert "small-1" in repr(said)
    assert "x01" not in repr(said)
    assert "0102" not in repr(said)
