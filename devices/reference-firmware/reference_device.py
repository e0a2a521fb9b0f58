"""A whole device on this machine: `sealmq up`, a bundle, its firmware, QEMU, and its serial line on the screen.

It shows what the firmware can do (telemetry, a command, a renewal) and ends by itself. All that it starts it ends; all
that it writes is in a temporary folder, or in the one that --folder names.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).resolve().parent
SEALMQ = (sys.executable, "-m", "sealmq")
HOST = "localhost"
"""What the device calls the broker."""

HOST_ADDRESS = "10.0.2.2"
"""Where QEMU's user network has this machine's 127.0.0.1."""

PATIENCE = 120.0
"""Seconds after which something that should have happened is said not to happen."""

VARIANTS = ("1.2", "1.3", "both", "1.2-small", "1.3-small", "both-small")
"""TLS versions that are compiled in; "-small" is with TLS buffers of 1 KiB."""


Show: TypeAlias = Callable[[str], object]
"""What is done with a line."""


class DeviceError(Exception):
    """What went wrong, and what to type next."""


@dataclass(frozen=True)
class Build:
    """A choice of the Makefile's variables.

    variant: one of VARIANTS.
    offer:   "1.2" when a build of both versions is to offer only that.
    """

    variant: str = "both"
    offer: str = ""
    telemetry_seconds: int = 1

    def words(self) -> list[str]:
        """The variables for make."""
        tls, _, small = self.variant.partition("-")
        defines = f"-DBROKER_ADDRESS='\"{HOST_ADDRESS}\"' -DTELEMETRY_SECONDS={self.telemetry_seconds}"
        return [f"TLS={tls}", f"SMALL={1 if small else ''}", f"OFFER={self.offer}", f"DEFINES={defines}"]


def need(name: str, package: str) -> str:
    """Where a program is. Raises DeviceError."""
    found = shutil.which(name)
    if found is None:
        raise DeviceError(f"{name} is not installed. Next (Debian, Ubuntu): sudo apt install {package}")
    return found


def compile_firmware(bundle: Path, out: Path, build: Build, *, sources: Path, cache: Path) -> Path:
    """Build the firmware from a bundle; returns the ELF file. The libraries stay in `cache`: one builds at a time.

    Raises DeviceError.
    """
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
    words = [need("make", "make"), "-s", f"-j{os.cpu_count() or 1}", "-C", str(HERE), *build.words()]
    words += [f"BUNDLE={bundle}", f"OUT={out}", f"SOURCES={sources}", f"BUILD={cache}"]
    cache.mkdir(exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeviceError(f"the firmware could not be built:\n{done.stdout}{done.stderr}")
    return out / "firmware.elf"


def emulator(firmware: Path) -> list[str]:
    """The command line of QEMU. Run it in a private folder: the device's store is in it, with its keys."""
    return [
        need("qemu-system-arm", "qemu-system-arm"), "-M", "mps2-an386", "-kernel", str(firmware),
        "-display", "none", "-monitor", "none", "-serial", "stdio",
        "-semihosting-config", "enable=on,target=native", "-nic", "user,model=lan9118",
    ]  # fmt: skip


class Running:
    """A program whose lines are kept, and shown as they come.

    show: takes each line.
    """

    def __init__(self, command: Sequence[str], show: Show, *, folder: Path, errors: int | None) -> None:
        self.lines: list[str] = []
        self._show = show
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            errors="replace", umask=0o077,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\r\n"))
                self._show(self.lines[-1])
                self._changed.notify_all()

    def wait(self, pattern: str, after: int = 0) -> int:
        """Wait for a line from number `after` on; returns the number of the next. Raises DeviceError."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                for number, line in enumerate(self.lines[after:], after + 1):
                    if re.search(pattern, line):
                        return number
                left = deadline - time.monotonic()
                if left <= 0 or (self._process.poll() is not None and not self._reader.is_alive()):
                    raise DeviceError(f"no line like {pattern!r} came:\n" + "\n".join(self.lines[-20:]))
                self._changed.wait(min(left, 0.2))

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(PATIENCE)

    def end(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._reader.join()


@contextmanager
def running(command: Sequence[str], show: Show, *, folder: Path, errors: int | None = None) -> Iterator[Running]:
    """A program that does not outlive the block."""
    started = Running(command, show, folder=folder, errors=errors)
    try:
        yield started
    finally:
        started.end()


def sealmq(*words: str | Path) -> str:
    """Run one `sealmq` command; returns what it printed. Raises DeviceError."""
    done = subprocess.run([*SEALMQ, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeviceError(f"sealmq {' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout


@dataclass(frozen=True)
class Stage:
    """A folder with a broker's home in it, the port at which it listens, and where sources and libraries are."""

    folder: Path
    port: str
    sources: Path
    cache: Path

    @property
    def home(self) -> Path:
        """The broker's."""
        return self.folder / "home"

    def firmware(self, name: str, build: Build) -> Path:
        """Add a device, and build its firmware from its bundle."""
        bundle = self.folder / f"{name}-bundle"
        sealmq("device", "add", name, "--home", self.home, "--target", "lwip", "--out", bundle, "--host", HOST,
               "--port", self.port)  # fmt: skip
        return compile_firmware(bundle, self.folder / f"{name}-build", build, sources=self.sources, cache=self.cache)

    def tell(self, name: str, command: str) -> None:
        """Publish a command."""
        sealmq("pub", "--home", self.home, "-h", HOST, "-p", self.port, "-q", "1", "-t", f"devices/{name}/command",
               "-m", command)  # fmt: skip


@contextmanager
def stage(folder: Path, sources: Path, cache: Path, show: Show) -> Iterator[Stage]:
    """`sealmq up` on a free port of 127.0.0.1, for as long as the block takes."""
    command = [*SEALMQ, "up", "--home", str(folder / "home"), "--listen", "127.0.0.1:0"]
    with running(command, lambda _line: None, folder=folder, errors=subprocess.DEVNULL) as broker:
        broker.wait("Ctrl-C ends it")
        listening = next(line for line in broker.lines if "listening on" in line)
        port = listening.rsplit(":", 1)[1]
        show(f"sealmq up listens on 127.0.0.1:{port}")
        settings = folder / "home" / "sealmq.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace("#max_record = 16384", "max_record = 1024"), encoding="utf-8")
        sealmq("reload", "--home", folder / "home")  # for the small variants of TLS 1.3: see the README
        yield Stage(folder, port, sources, cache)


def perform(on: Stage, name: str, firmware: Path, show: Show) -> list[str]:
    """Telemetry, a command, a renewal, the end. Returns the lines of the serial line."""
    store = on.folder / f"{name}-store"
    store.mkdir(mode=0o700)
    with running(emulator(firmware), show, folder=store) as device:
        at = device.wait("telemetry 2 acknowledged")
        on.tell(name, "led on")
        at = device.wait("command led on: done", at)
        on.tell(name, "renew")
        at = device.wait("key and certificate are in slot", at)
        at = device.wait("telemetry .* acknowledged", at)
        on.tell(name, "quit")
        device.wait("^END$", at)
        if device.ended() != 0:
            raise DeviceError(f"{name} ended badly:\n" + "\n".join(device.lines[-20:]))
    return device.lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=VARIANTS, default="both", help="TLS versions, size of buffers")
    parser.add_argument("--offer", choices=("", "1.2"), default="", help="a build of both offers only this version")
    parser.add_argument("--name", default="lamp-1", help="of the device")
    parser.add_argument("--folder", type=Path, help="where everything goes, and stays")
    parser.add_argument("--sources", type=Path, default=HERE.parent.parent / ".sources", help="lwIP and Mbed TLS")
    chosen = parser.parse_args()
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="sealmq-device-") as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with stage(folder, chosen.sources.resolve(), HERE / "build", print) as on:
            print(f"building {chosen.name}'s firmware, TLS {chosen.variant} ...")
            firmware = on.firmware(chosen.name, Build(chosen.variant, chosen.offer))
            perform(on, chosen.name, firmware, lambda line: print(f"  {chosen.name}: {line}"))
            print(sealmq("device", "show", chosen.name, "--home", on.home).split("What it may do")[0], end="")


if __name__ == "__main__":
    try:
        main()
    except DeviceError as error:
        sys.exit(f"device: {error}")
