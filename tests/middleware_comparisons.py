"""Comparisons of TLS libraries that nobody has measured: figures that a test can do sums with."""

from __future__ import annotations

from typing import Any

from sealmq.kit.middleware.comparing import Absent, Comparison, Measured
from sealmq.kit.middleware.footprint import Footprint
from sealmq.kit.middleware.handshaking import Handshakes
from sealmq.kit.middleware.known import KNOWN
from sealmq.kit.middleware.memory import Memory
from sealmq.kit.middleware.spread import Spread
from sealmq.kit.middleware.throughput import MESSAGES, Throughput
from sealmq.tls.middleware import BOTH, TLS12, TLS13, Abilities, Version


def spread(value: float) -> Spread:
    return Spread(value, value * 0.9, value * 1.1, 100)


def measured(
    name: str,
    *,
    client: float = 1e-3,
    server: float = 1e-3,
    message: float = 4e-6,
    default: str = "openssl",
    notes: tuple[str, ...] = (),
    **abilities: Any,
) -> Measured:
    """A middleware. client, server: seconds of a full handshake; message: seconds of a small one."""
    has = {"title": f"{name} 1.0", "licence": "Apache-2.0", "resumes_client": BOTH, "resumes_server": BOTH} | abilities
    can = Abilities(**has)

    def handshake(version: Version, resumed: bool, ours: str, theirs: str, psk: bool = False) -> Handshakes:
        part = 0.25 if resumed or psk else 1.0
        return Handshakes(
            ours, theirs, version, resumed, spread(client * part), spread(server * part), spread(1200 * part),
            spread(1800 * part), 4, "TLS_AES_128_GCM_SHA256", "x25519", psk,
        )  # fmt: skip

    both = can.resumes_client & can.resumes_server
    pairs = [(name, name)] if name == default else [(name, name), (name, default), (default, name)]
    handshakes = [
        handshake(version, resumed, *pair)
        for pair in pairs
        for version in (TLS12, TLS13)
        for resumed in (False, True)
        if version in can.versions and (not resumed or version in both)
    ]
    by_psk = can.psk_client & can.psk_server
    handshakes += [handshake(version, False, name, name, True) for version in sorted(by_psk)]
    throughput = [Throughput(size, max(can.versions), spread(message * (1 + size / 1024))) for size in MESSAGES]
    return Measured(name, can, tuple(handshakes), tuple(throughput), Memory(30 * 1024, 20 * 1024), notes)


def footprint(variant: str, flash: int = 110_000, ram: int = 112_000) -> Footprint:
    return Footprint(variant, "mbedtls", flash, flash // 2, ram, 17_000, 1_800)


def comparison(
    *columns: Measured, absent: tuple[Absent, ...] = (), footprints: tuple[Footprint, ...] = ()
) -> Comparison:
    return Comparison(columns, absent, KNOWN, footprints, 20.0)


def full() -> Comparison:
    """As on a machine that has everything."""
    return comparison(
        measured("openssl", client=0.9e-3, server=1.2e-3, message=2.4e-6),
        measured(
            "pyopenssl", client=0.8e-3, server=0.75e-3, message=7.5e-6,
            hybrid_groups=("X25519MLKEM768", "SecP256r1MLKEM768"),
        ),
        measured(
            "mbedtls-3.6", client=4.7e-3, server=4.2e-3, message=9e-6, licence="Apache-2.0 OR GPL-2.0-or-later",
            psk_client=BOTH, psk_server=BOTH,
        ),
        measured(
            "mbedtls-2.28", client=11.5e-3, server=11.3e-3, message=2e-5, licence="MIT AND Apache-2.0",
            versions=frozenset({TLS12}), addresses=False, revocation=False, resumes_client=frozenset(),
            resumes_server=frozenset(), psk_client=frozenset({TLS12}), psk_server=frozenset({TLS12}),
        ),
        measured(
            "wolfssl", client=0.5e-3, server=0.45e-3, message=1.2e-5,
            licence="GPL-2.0-or-later OR LicenseRef-wolfSSL-commercial", psk_client=BOTH, psk_server=BOTH,
            notes=("memory: the memory of wolfssl could not be measured",),
        ),
        footprints=(footprint("1.2-small"), footprint("1.3", 129_000), footprint("both", 136_000)),
    )  # fmt: skip
