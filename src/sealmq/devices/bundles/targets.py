"""All targets by name. A new one is a file beside this one, an import and a line."""

from __future__ import annotations

import difflib
from typing import Final

from sealmq.devices.bundles import (
    arduino_esp32,
    arduino_esp8266,
    c_header,
    cyclonessl,
    der,
    esp_idf,
    esp_nvs,
    esp_secure_cert,
    freertos,
    home_assistant,
    lwip,
    mbedtls,
    micropython,
    mosquitto,
    node_red,
    paho,
    pem,
    pkcs12,
    qr,
    tasmota,
    wolfssl,
    zephyr,
)
from sealmq.devices.bundles.target import Target
from sealmq.errors import BundleError

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        arduino_esp32.TARGET,
        arduino_esp8266.TARGET,
        c_header.TARGET,
        cyclonessl.TARGET,
        der.TARGET,
        esp_idf.TARGET,
        esp_nvs.TARGET,
        esp_secure_cert.TARGET,
        freertos.TARGET,
        home_assistant.TARGET,
        lwip.TARGET,
        mbedtls.TARGET,
        micropython.TARGET,
        mosquitto.TARGET,
        node_red.TARGET,
        paho.TARGET,
        pem.TARGET,
        pkcs12.TARGET,
        qr.TARGET,
        tasmota.TARGET,
        wolfssl.TARGET,
        zephyr.TARGET,
    )
}
"""In the order of their names."""


def find_target(name: str) -> Target:
    """The target of this name. Raises BundleError with near matches when there is none."""
    if name in TARGETS:
        return TARGETS[name]
    near = difflib.get_close_matches(name, TARGETS, n=3)
    raise BundleError(
        f"there is no target {name!r}",
        why=f"did you mean {' or '.join(near)}?" if near else "",
        remedy="sealmq device targets",
    )
