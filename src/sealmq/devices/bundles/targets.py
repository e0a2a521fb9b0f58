"""All targets by name. A new one is a file beside this one, an import and a line."""

from __future__ import annotations

import difflib
from typing import Final

from sealmq.devices.bundles import (
    c_header,
    cyclonessl,
    der,
    freertos,
    lwip,
    mbedtls,
    pem,
    pkcs12,
    wolfssl,
    zephyr,
)
from sealmq.devices.bundles.target import Target
from sealmq.errors import BundleError

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        c_header.TARGET,
        cyclonessl.TARGET,
        der.TARGET,
        freertos.TARGET,
        lwip.TARGET,
        mbedtls.TARGET,
        pem.TARGET,
        pkcs12.TARGET,
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
