"""MQTT, sealed: a broker that speaks only TLS with certificates from its own private CA, and the kit around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealmq.client import connect as connect
    from sealmq.client import keep_renewed as keep_renewed

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # These are for programs, and bring aiomqtt with them: who does not use them does not wait for it (PEP 562).
    if name in ("connect", "keep_renewed"):
        from sealmq import client

        return getattr(client, name)
    raise AttributeError(f"module 'sealmq' has no attribute {name!r}")
