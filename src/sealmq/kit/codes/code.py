"""One number or sentence of one library, and the fault that it tells of."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Side(enum.StrEnum):
    """Who says it, seen from the program that printed it."""

    HERE = "the side that printed it: it refused, or could not go on"
    THERE = "the other side: the side that printed it only passes it on"
    NETWORK = "neither: the connection itself failed"
    PRINTED_BY = "whoever sent the alert; the line says which side that was"
    NOBODY = "nobody: it is no error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong between a device and a broker, whichever library tells of it.

    causes:    the likeliest first, each a sentence without a full stop.
    device:    what mends it on the device. sealmq, mosquitto: at the broker; "" where nothing is to be done there.
    """

    name: str
    side: Side
    causes: tuple[str, ...]
    device: str
    sealmq: str = ""
    mosquitto: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row of a library's table.

    library: "mbedtls", "openssl" ...: a key of catalog.LIBRARIES.
    name:    as the library's header writes it, with its prefix.
    number:  None for what has only a name or a sentence.
    meaning: what it says, without a full stop.
    texts:   sentences by which it is known, as the library prints them; they are compared without regard to case.
    version: which versions of the library know it so; "" for all.
    line:    the line of code or the command of this library that mends it; "" where there is none.
    """

    library: str
    name: str
    number: int | None
    meaning: str
    fault: Fault
    texts: tuple[str, ...] = ()
    version: str = ""
    line: str = ""

    @property
    def causes(self) -> tuple[str, ...]:
        """The likely causes, the likeliest first."""
        return self.fault.causes

    @property
    def remedy(self) -> str:
        """What mends it on the device."""
        return self.fault.device
