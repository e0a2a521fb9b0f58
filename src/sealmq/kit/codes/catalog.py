"""All tables, and by what a code is found in them: its number, its name, its words."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TypeVar

from sealmq.kit.codes import bearssl, esp_idf, lwip, mbedtls, mqtt, mqtt_clients, openssl, others, system, tls, wolfssl
from sealmq.kit.codes.code import Code

LIBRARIES: dict[str, str] = {
    "tls": "TLS alerts, whoever prints them",
    "mbedtls": "Mbed TLS",
    "mbedtls-flags": "Mbed TLS, flags of a certificate's check",
    "psa": "PSA Crypto (Mbed TLS 4)",
    "wolfssl": "wolfSSL",
    "openssl": "OpenSSL",
    "openssl-verify": "OpenSSL, result of a certificate's check",
    "bearssl": "BearSSL (ESP8266, Tasmota)",
    "esp-idf": "ESP-IDF, esp-tls and esp-mqtt",
    "lwip": "lwIP",
    "errno": "errno of the system",
    "mqtt": "MQTT, the broker's answer",
    "pubsubclient": "PubSubClient (Arduino)",
    "arduino-mqtt": "MQTT by 256dpi, ArduinoMqttClient",
    "mosquitto": "mosquitto, its library and log",
    "paho": "Eclipse Paho",
    "node": "Node.js",
    "java": "Java",
    "go": "Go",
    "rust": "rustls",
    "dotnet": ".NET",
    "python": "Python",
    "micropython": "MicroPython",
    "curl": "curl",
}
"""Key -> what people call it."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "mbedtls": ("mbedtls", "mbedtls-flags", "psa", "tls"),
    "esp-idf": ("esp-idf", "mbedtls", "mbedtls-flags", "errno", "mqtt", "tls"),
    "micropython": ("micropython", "mbedtls", "errno", "tls"),
    "openssl": ("openssl", "openssl-verify", "tls"),
    "python": ("python", "openssl", "openssl-verify", "paho", "errno", "tls"),
    "node": ("node", "openssl", "openssl-verify", "errno", "tls"),
    "mosquitto": ("mosquitto", "openssl", "openssl-verify", "mqtt", "tls"),
    "mqtt": ("mqtt", "pubsubclient", "arduino-mqtt", "mosquitto", "paho"),
    "paho": ("paho", "mqtt"),
    "pubsubclient": ("pubsubclient", "mqtt"),
    "arduino": ("pubsubclient", "arduino-mqtt", "bearssl", "mbedtls", "mqtt", "tls"),
    "bearssl": ("bearssl", "tls"),
    "esp8266": ("bearssl", "pubsubclient", "mqtt", "tls"),
    "tasmota": ("bearssl", "pubsubclient", "mqtt", "tls"),
    "zephyr": ("errno", "mbedtls", "mbedtls-flags", "mqtt", "tls"),
    "wolfssl": ("wolfssl", "tls"),
}
"""What `--from` takes beyond the keys of LIBRARIES: a family is what a program built on it may print."""

_PREFIXES = ("MBEDTLS_ERR_", "MBEDTLS_", "X509_V_ERR_", "X509_V_", "SSL_R_", "BR_ERR_", "MOSQ_ERR_", "PSA_ERROR_")
_Key = TypeVar("_Key", int, str)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every code, and three ways to it. texts: lower case, single spaces."""

    codes: tuple[Code, ...]
    numbers: dict[int, tuple[Code, ...]]
    names: dict[str, tuple[Code, ...]]
    texts: dict[str, tuple[Code, ...]]


@functools.cache
def catalog() -> Catalog:
    """The catalog; made once, at the first call."""
    codes = (
        *tls.CODES,
        *mbedtls.ERRORS,
        *mbedtls.FLAGS,
        *mbedtls.PSA,
        *wolfssl.CODES,
        *openssl.VERIFY,
        *openssl.CODES,
        *bearssl.CODES,
        *esp_idf.CODES,
        *lwip.CODES,
        *system.CODES,
        *mqtt.CONNACK,
        *mqtt.REASONS,
        *mqtt_clients.CODES,
        *others.CODES,
    )
    numbers: dict[int, list[Code]] = {}
    names: dict[str, list[Code]] = {}
    texts: dict[str, list[Code]] = {}
    for code in codes:
        if code.number is not None and code.library != "openssl":  # those are only unique within their part
            numbers.setdefault(code.number, []).append(code)
        for name in _names(code):
            names.setdefault(name.upper(), []).append(code)
        for text in code.texts:
            texts.setdefault(normal(text), []).append(code)
    return Catalog(codes, _frozen(numbers), _frozen(names), _frozen(texts))


def normal(text: str) -> str:
    """Lower case, with single spaces: as texts are compared."""
    return _SPACES.sub(" ", text).strip().lower()


def members(library: str) -> tuple[str, ...]:
    """The libraries that `--from library` means; () for one that is not known."""
    return FAMILIES.get(library) or ((library,) if library in LIBRARIES else ())


def _names(code: Code) -> list[str]:
    """The name, and what is left of it without a prefix that people leave out."""
    shorter = [code.name.removeprefix(prefix) for prefix in _PREFIXES if code.name.startswith(prefix)]
    return [code.name, *shorter]


def _frozen(index: dict[_Key, list[Code]]) -> dict[_Key, tuple[Code, ...]]:
    return {key: tuple(found) for key, found in index.items()}
