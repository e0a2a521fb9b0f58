from __future__ import annotations

from middleware_material import material
from tls_pairs import Trust


def test_the_certificate_is_the_first_in_its_file(trust: Trust) -> None:
    made = material(trust)
    assert made.good.broker.der == trust.broker.der
    assert made.good.device.der == trust.device.der


def test_no_key_is_in_what_is_printed(trust: Trust) -> None:
    assert material(trust).psk.key.hex() not in repr(material(trust))
    assert "key=b" not in repr(material(trust))


def test_the_psk_listener_knows_one_identity(trust: Trust) -> None:
    made = material(trust)
    lookup = made.psk_server().psk
    assert lookup is not None
    assert lookup(made.psk.identity) == made.psk.key
    assert lookup("somebody else") is None
