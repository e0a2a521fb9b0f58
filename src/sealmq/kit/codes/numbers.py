"""How likely a bare number is one library's or another's, and which words beside it say so."""

from __future__ import annotations

import re

from sealmq.kit.codes.code import Code

WEIGHTS: dict[str, float] = {
    "tls": 44.0,
    "mbedtls": 26.0,
    "mbedtls-flags": 28.0,
    "psa": 58.0,
    "wolfssl": 78.0,
    "openssl": 0.0,
    "openssl-verify": 34.0,
    "bearssl": 38.0,
    "esp-idf": 50.0,
    "lwip": 60.0,
    "errno": 54.0,
    "mqtt": 70.0,
    "pubsubclient": 64.0,
    "arduino-mqtt": 42.0,
    "mosquitto": 48.0,
    "paho": 46.0,
    "node": 0.0,
    "java": 0.0,
    "go": 0.0,
    "rust": 0.0,
    "dotnet": 0.0,
    "python": 0.0,
    "micropython": 0.0,
    "curl": 0.0,
}
"""Library -> how often a bare small number in a question about MQTT over TLS turns out to be its own."""

_SURE = 92.0
_BIG_MBEDTLS = 0x1000
_BIG_ESP = 0x1000
_REASON_CODES_FROM = 0x80
_BEARSSL_ALERTS = range(256, 768)
_MQTT_STATUS = range(256, 258)

_HINTS: tuple[tuple[re.Pattern[str], tuple[str, ...], float], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), libraries, bonus)
    for pattern, libraries, bonus in (
        (r"mbed ?tls|\bssl_(?:tls|msg|cli|srv)\.c|\b(?:x509|ssl|pk|net|ecp|pem|asn1) - ", ("mbedtls",), 50.0),
        (r"\bflags?\b|verify_result|verif\w* (?:flags|result)|cert_verify", ("mbedtls-flags",), 66.0),
        (r"\bpsa_|psa_status", ("psa",), 50.0),
        (r"wolfssl|wolfcrypt|\bwc_", ("wolfssl",), 40.0),
        (r"bearssl|\bbr_|tasmota|TLS connection error|getLastSSLError|esp8266", ("bearssl",), 60.0),
        (r"\blwip\b|\berr_t\b|altcp|tcp_(?:connect|write)|netconn", ("lwip",), 40.0),
        (r"esp-tls|esp_tls|esp_err|esp-mqtt|mqtt_client:|transport_base|^[EWI] \(\d+\)", ("esp-idf", "mbedtls"), 30.0),
        (r"\berrno\b|sock_errno|strerror|\bsocket error\b", ("errno",), 50.0),
        (r"\boserror\b", ("mbedtls", "errno"), 30.0),
        (r"\bstate\b|\brc ?[=:]? ?-\d|failed, rc|pubsubclient|client\.state", ("pubsubclient",), 50.0),
        (r"lasterror\(\)|256dpi|lwmqtt", ("arduino-mqtt",), 50.0),
        (r"\bpaho\b", ("paho", "mqtt"), 30.0),
        (r"mosq|mosquitto", ("mosquitto",), 30.0),
        (r"connack|return ?code|reason ?code|\brc\b|\bmqtt\b|suback|puback|disconnect", ("mqtt",), 30.0),
        (r"verify (?:error|return code)|verify_code|x509_v_", ("openssl-verify",), 66.0),
        (r"openssl|ssl routines|_ssl\.c", ("openssl", "openssl-verify", "tls"), 12.0),
        (r"\balert\b", ("tls",), 30.0),
        (r"node:|\.js\b|npm|at TLSSocket", ("node",), 20.0),
        (r"\bx509:|\btls: ", ("go",), 20.0),
        (r"java\.|javax\.|exception in thread", ("java",), 20.0),
    )
)


def hints_in(text: str) -> dict[str, float]:
    """Library -> what the words of `text` add to the likelihood of its codes."""
    added: dict[str, float] = {}
    for pattern, libraries, bonus in _HINTS:
        if pattern.search(text):
            for library in libraries:
                added[library] = added.get(library, 0.0) + bonus
    return added


def weight(code: Code, number: int, *, is_hex: bool) -> float:
    """How likely `number` is this code; 0 for not at all.

    number: as it was written, with its sign. is_hex: it was written with 0x.
    """
    base = WEIGHTS[code.library]
    size = abs(number)
    match code.library:
        case "mbedtls":
            # Written positive it is likelier in hexadecimal; a low part alone is nobody's first thought.
            return _SURE - (0.0 if number < 0 or is_hex else 8.0) if size >= _BIG_MBEDTLS else base + 12.0 * is_hex
        case "mbedtls-flags":
            return base + 14.0 * is_hex
        case "esp-idf":
            return _SURE if number >= _BIG_ESP else base
        case "mqtt":
            if number < _REASON_CODES_FROM:
                return base if code.version == "MQTT 3.1.1" else base - 30.0
            return base + 16.0 * is_hex
        case "tls":
            return base + 26.0 if number in _BEARSSL_ALERTS else base - 16.0 * is_hex
        case "lwip":
            return (base if number < 0 else 20.0) + 60.0 * (number in _MQTT_STATUS)
        case "wolfssl":
            return (base if number < 0 else 30.0) if size > 1 else 30.0
        case "errno":
            return base - (0.0 if number > 0 and size > 99 else 24.0)
        case "psa":
            return base
        case _:  # people write those in decimal
            return base - 16.0 * is_hex
