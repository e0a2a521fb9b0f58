"""What a library takes on a Cortex-M4: measured with the reference device (`make footprint`), kept here as numbers, to
be shown where no compiler is. docs/generate.py copies them from docs/reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NUMBERS: Final = Path(__file__).with_name("footprint.json")
"""variant -> flash, ram_static, heap_peak, stack_peak, and a LIBRARY_flash for each library in it; all in bytes."""

_NO_TLS: Final = frozenset({"lwip", "libc", "own"})
"""What else has flash of its own in the device."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One build of the device, with everything in it: TCP/IP, TLS, MQTT. In bytes.

    library:       the TLS library. library_flash: its part of `flash`.
    ram_static:    the heap's place included. heap_peak, stack_peak: what of them was in use at most.
    """

    variant: str
    library: str
    flash: int
    library_flash: int
    ram_static: int
    heap_peak: int
    stack_peak: int

    @property
    def title(self) -> str:
        """The variant in words: TLS 1.2, small buffers; TLS 1.2 and 1.3."""
        versions, _, small = self.variant.partition("-")
        versions = "1.2 and 1.3" if versions == "both" else versions
        return f"TLS {versions}{f', {small} buffers' if small else ''}"

    @property
    def ram(self) -> int:
        """All that it needs of a board's RAM."""
        return self.ram_static + self.stack_peak


def load(path: Path = NUMBERS) -> tuple[Footprint, ...]:
    """Every variant, the smallest first; none where nobody has measured."""
    if not path.is_file():
        return ()
    return read(json.loads(path.read_text("utf-8")))


def read(numbers: Mapping[str, Mapping[str, int]]) -> tuple[Footprint, ...]:
    """As `load`, from what stands in the file."""
    found = []
    for variant, each in numbers.items():
        parts = {key.removesuffix("_flash"): size for key, size in each.items() if key.endswith("_flash")}
        libraries = [name for name in parts if name not in _NO_TLS]
        library = libraries[0] if libraries else ""
        found.append(
            Footprint(
                variant,
                library,
                each["flash"],
                parts.get(library, 0),
                each["ram_static"],
                each["heap_peak"],
                each["stack_peak"],
            )
        )
    return tuple(sorted(found, key=lambda each: each.flash))
