"""TLS: plaintext <-> ciphertext, one interface, several middlewares. Read middleware.py first, then openssl.py.

`sealmq.tls.for_paho` is for programs with an MQTT client of their own (programs.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealmq.tls.programs import for_paho as for_paho


def __getattr__(name: str) -> Any:
    # For programs: who does not use it does not wait for it (PEP 562).
    if name == "for_paho":
        from sealmq.tls import programs

        return programs.for_paho
    raise AttributeError(f"module 'sealmq.tls' has no attribute {name!r}")
