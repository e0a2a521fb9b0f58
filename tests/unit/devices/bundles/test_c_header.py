from __future__ import annotations

import re
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.c_header import CREDENTIALS, KEY, CHeader
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.errors import BundleError

LITERAL = re.compile(rb"""(?<=")[^"\n]+(?=")|(?<=0x)[0-9a-f]{2}""")


def test_the_headers_hold_both_forms_and_the_key_apart() -> None:
    device = bundle_credentials.with_two_roots()
    public, private = CHeader().files(device)
    assert (public.name, public.private, private.name, private.private) == (CREDENTIALS, False, KEY, True)
    found = read_literals(public.content)
    assert found["MQTT_ROOT_CERT_PEM"] == device.root_pem
    assert (found["MQTT_ROOT_CERT_DER"], found["MQTT_ROOT_CERT_2_DER"]) == device.root_ders
    assert (found["MQTT_HOST"], found["MQTT_PORT"]) == (b"broker.example", b"8883")
    assert b"#define MQTT_HAS_ROOT_CERT_2\n" in public.content
    assert read_literals(private.content)["MQTT_PRIVATE_KEY_DER"] == device.key_sec1_der
    assert b"SECRET" in private.content


def test_every_changed_byte_of_a_literal_is_noticed() -> None:
    device = bundle_credentials.credentials()
    for file in (files := CHeader().files(device)):
        others = [each for each in files if each is not file]
        places = [at for literal in LITERAL.finditer(file.content) for at in range(*literal.span())]
        assert len(places) > 400
        for at in places[::11]:
            damaged = bytearray(file.content)
            damaged[at] ^= 0x02
            with pytest.raises(BundleError):
                CHeader().check([*others, replace(file, content=bytes(damaged))], device)


def test_a_literal_too_many_is_refused() -> None:
    device = bundle_credentials.credentials()
    public, private = CHeader().files(device)
    with pytest.raises(BundleError, match="MORE, which does not belong there"):
        CHeader().check([replace(public, content=public.content + b'#define MORE "x"\n'), private], device)
