"""Bundles for a fleet: one folder for each device, written by dozens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sealmq.cli.bundle import BundleMaker
from sealmq.devices.bundles.bundle import Bundle
from sealmq.devices.bundles.writing import write_bundles
from sealmq.errors import BundleError, EnrollmentError, TrustError
from sealmq.home import Home

BUNDLES = 64
"""That wait for the disk together. One takes as long as ten devices without: it is read back and checked."""


@dataclass(frozen=True, slots=True)
class WantedBundle:
    """A bundle that is to be made, in a folder of `out`. host, port: where the device dials; None: the home's."""

    line: int
    name: str
    target: str
    out: Path
    host: str | None = None
    port: int | None = None

    @property
    def place(self) -> Path:
        """Its folder."""
        return self.out / f"{self.name}-{self.target}"


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle that was made."""

    line: int
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class NotBundled:
    """A bundle that was not made, and why."""

    line: int
    name: str
    why: str


class FleetBundling:
    """Makes the bundles of devices that there are."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._maker: tuple[tuple[str | None, int | None], BundleMaker] | None = None

    def make(self, batch: Sequence[WantedBundle], *, now: float) -> list[Bundled | NotBundled]:
        """Make these bundles; one answer for each, in order. `now` in Unix seconds.

        Raises BundleError or HomeError when the disk is at fault; then none of them was made.
        """
        answers: list[Bundled | NotBundled] = []
        made: list[tuple[Bundle, Path]] = []
        for each in batch:
            try:
                made.append((self._make_one(each, now), each.place))
            except (BundleError, EnrollmentError, TrustError) as error:
                why = f"{error.what}: {error.why}" if error.why else error.what
                answers.append(NotBundled(each.line, each.name, why))
            else:
                answers.append(Bundled(each.line, each.name, str(each.place)))
        if made:
            write_bundles(made, batch[0].out)
        return answers

    def _make_one(self, wanted: WantedBundle, now: float) -> Bundle:
        where = (wanted.host, wanted.port)
        if self._maker is None or self._maker[0] != where:
            self._maker = (where, BundleMaker(self._home, *where))
        device = self._home.registry.device(wanted.name)
        if device is None:
            raise EnrollmentError("there is no such device")
        return self._maker[1].make(device, wanted.target, now=now)[0]
