"""MQTT, sealed: a broker that speaks only TLS with certificates from its own private CA, and the kit around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealmq.client import connect as connect

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # `sealmq.connect` is for programs, and brings aiomqtt with it: who does not use it does not wait for it (PEP 562).
    if name == "connect":
        from sealmq.client import connect

        return connect
    raise AttributeError(f"module 'sealmq' has no attribute {name!r}")
