"""The sketch and its headers; g++ compiles them in tests/interop, and BearSSL connects with them."""

from __future__ import annotations

import re

import bundle_credentials
from sealmq.devices.bundles.arduino_esp32 import CERTIFICATES, INO, KEY
from sealmq.devices.bundles.arduino_esp8266 import TARGET
from sealmq.devices.bundles.target import content_of


def test_everything_long_lies_in_flash() -> None:
    files = TARGET.files(bundle_credentials.with_two_roots())
    arrays = re.findall(
        rb"static const char (\w+ )?(\w+)\[\]", content_of(files, CERTIFICATES) + content_of(files, KEY)
    )
    assert arrays == [
        (b"PROGMEM ", b"SEALMQ_ROOT"),
        (b"PROGMEM ", b"SEALMQ_CERTIFICATE"),
        (b"PROGMEM ", b"SEALMQ_KEY"),
    ]


def test_the_sketch_waits_for_the_clock_before_it_connects() -> None:
    sketch = content_of(TARGET.files(bundle_credentials.credentials()), INO)
    assert sketch.index(b"SEALMQ_MADE") < sketch.index(b"setTrustAnchors") < sketch.index(b"mqtt.connect(")
    assert b"setInsecure" not in sketch
