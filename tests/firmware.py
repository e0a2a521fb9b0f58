"""Compiling bundles: with the compiler of this machine and that of a Cortex-M4, warnings being errors."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from running import program, run
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.targets import find_target

FOLDER = Path(__file__).parent / "interop" / "firmware"
HEADERS = FOLDER / "headers"
PROGRAMS = FOLDER / "programs"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wshadow", "-Wstrict-prototypes", "-Os")


@dataclass(frozen=True)
class Compiler:
    """A C compiler, and where it finds the headers of libraries that Debian has."""

    name: str
    package: str
    options: tuple[str, ...] = ()

    def command(self, *words: str | Path) -> list[str | Path]:
        """A command line with warnings as errors."""
        return [program(self.name, self.package), *STRICT, *self.options, *words]

    def compile(self, source: Path, *options: str | Path) -> bytes:
        """Compile one file; whatever the compiler has to say is the test's failure. Returns the object file."""
        result = source.with_suffix(f".{self.name}.o")
        run(self.command("-c", source, "-o", result, *options))
        return result.read_bytes()

    def refuses(self, source: Path, *options: str | Path) -> str:
        """What the compiler says to a file that must not compile."""
        words = [str(word) for word in self.command("-c", source, "-o", source.with_suffix(".o"), *options)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0, f"{source.name} compiled"
        return done.stderr


GCC = Compiler("gcc", "gcc")
ARM = Compiler("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", ("-mcpu=cortex-m4", "-mthumb"))


def unpack(folder: Path, target: str, credentials: Credentials) -> Path:
    """The files of a bundle in a folder."""
    for file in make_bundle(find_target(target), credentials).files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return folder


def library(folder: Path, *names: str) -> tuple[str, str]:
    """Options that show a compiler these libraries of Debian's, and nothing else below /usr/include."""
    here = folder / "headers of libraries"
    here.mkdir(exist_ok=True)
    for name in names:
        if not (here / name).exists():
            (here / name).symlink_to(Path("/usr/include") / name)
    return "-isystem", str(here)


def has_header(name: str, package: str) -> None:
    """Leave the test out where a library's headers are missing; in CI that is a failure."""
    if not (Path("/usr/include") / name).exists():
        program(f"{package}: /usr/include/{name}", package)
