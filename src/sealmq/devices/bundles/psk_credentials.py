"""What a bundle of a device with a pre-shared key (PSK) is made of."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PSKCredentials:
    """What such a bundle is made of.

    name:      the device's: its PSK identity, and by habit its client identifier.
    host, port: the broker's listener for PSKs. min_tls: the lowest version that it speaks.
    key:       a secret.
    serial, not_after: of the PSK. now: by which the bundle is dated. Unix seconds.
    """

    name: str
    host: str
    port: int
    key: bytes = field(repr=False)
    serial: str
    not_after: float
    now: float
    min_tls: str = "1.2"
    version: str = ""
