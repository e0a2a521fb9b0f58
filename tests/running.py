"""A real broker in a process of its own, on a free loopback port, and the programs that talk to it.

Rule 1: what is waited for is an event (a line of the broker's log, the end of a program), never a time; WAIT only
        bounds it.
Rule 2: only processes that were started here are ended, by their own handle.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

WAIT = 30.0
"""Seconds after which something that should have happened is said not to happen."""

SEALMQ = (sys.executable, "-m", "sealmq")


def leave_out(words: str) -> NoReturn:
    """What the test needs is not here: it is left out, and the words are counted; with SEALMQ_CI=1 it fails."""
    if os.environ.get("SEALMQ_CI") == "1":
        pytest.fail(words)
    pytest.skip(words)


def program(name: str, package: str) -> str:
    """Where somebody else's program is. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    found = shutil.which(name)
    if found is None:
        leave_out(f"{name} is not installed: apt install {package}")
    return found


def sealmq(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run one `sealmq` command to its end."""
    command = [*SEALMQ, *map(str, arguments)]
    options = {"timeout": WAIT} | options
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def wait_until(true: Callable[[], object], seconds: float = WAIT, *, pause: float = 0.02) -> None:
    """Return as soon as `true()`; what other processes do has no event to wait for."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(pause)


class Lines:
    """The lines of a pipe as they come, read by a thread so that the pipe never fills up."""

    def __init__(self, pipe: object) -> None:
        self.lines: list[str] = []
        self._pipe = pipe
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:  # type: ignore[attr-defined]
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, pattern: str, *, after: int = 0, count: int = 1, seconds: float = WAIT) -> str:
        """The `count`-th line from number `after` on in which the regular expression is found; waits for it."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = [line for line in self.lines[after:] if re.search(pattern, line)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    said = "\n".join(self.lines[after:][-40:])
                    raise AssertionError(f"{len(found)} of {count} lines match {pattern!r} in:\n{said}")
                self._changed.wait(left)

    def close(self) -> None:
        """Wait for the end of the pipe."""
        self._thread.join(WAIT)
        self._pipe.close()  # type: ignore[attr-defined]


class Program:
    """A process with its output line by line."""

    def __init__(self, command: Sequence[str | Path], **options: object) -> None:
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **options,
        )
        self.output = Lines(self.process.stdout)
        self.errors = Lines(self.process.stderr)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(WAIT)
        self.output.close()
        self.errors.close()
        return code

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended()

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()


@contextmanager
def running(command: Sequence[str | Path], **options: object) -> Iterator[Program]:
    """A program that does not outlive the block."""
    started = Program(command, **options)
    try:
        yield started
    finally:
        started.kill()
        if started.process.stdin is not None:
            started.process.stdin.close()


class Broker(Program):
    """`sealmq up` on one free port of 127.0.0.1; its log is in `log`."""

    def __init__(
        self, home: Path, *options: str, listen: tuple[str, ...] = ("--listen", "127.0.0.1:0"), **more: object
    ) -> None:
        """listen: () for what sealmq.toml says."""
        listen = () if "--listen" in options else listen
        super().__init__([*SEALMQ, "up", "--home", home, *listen, *options], **more)
        self.home = home
        self.log = self.errors
        try:
            self.output.wait("Ctrl-C ends it")
        except AssertionError:
            self.kill()
            raise AssertionError("the broker did not start:\n" + "\n".join(self.log.lines)) from None
        self.ports = self._ports("listening on")
        self.port = self.ports[0]
        self.websocket_ports = self._ports("WebSocket on")
        self.https_ports = self._ports(r"EST \(HTTPS\) on")

    def _ports(self, what: str) -> list[int]:
        found = [re.search(rf"{what} .*?([0-9]+)(, every .*?)?( \(.*\))?$", line) for line in self.output.lines]
        return [int(match[1]) for match in found if match]

    @property
    def mark(self) -> int:
        """The place in the log where it is now, for `log.wait(..., after=mark)`."""
        return len(self.log.lines)

    def resident_bytes(self) -> int:
        """How much memory it has in RAM (VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"^VmRSS:\s+([0-9]+) kB", status, re.MULTILINE)
        assert match
        return int(match[1]) * 1024

    def descriptors(self) -> int:
        """How many file descriptors it holds."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    # -- those who talk to it ----------------------------------------------------------------------------------------

    def files(self, device: str) -> tuple[Path, Path, Path]:
        """root.pem, device-chain.pem and device.key, as other people's clients take them."""
        folder = self.home / "devices" / device
        return self.home / "ca" / "root.pem", folder / "device-chain.pem", folder / "device.key"

    def plain(self) -> socket.socket:
        """A bare TCP connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), WAIT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each answer waits for a delayed ACK
        return connection

    def context(self, device: str) -> ssl.SSLContext:
        """The TLS context of a device."""
        root, chain, key = self.files(device)
        return client_context(TLSPolicy(), root=root, chain=chain, key=key)

    def tls(
        self, device: str, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """A TLS connection with a device's certificate, its handshake done."""
        context = context or self.context(device)  # before the broker's clock runs
        plain = self.plain()
        try:
            return context.wrap_socket(plain, server_hostname="localhost", session=session)
        except BaseException:
            plain.close()
            raise

    def mosquitto(self, name: str, device: str, *arguments: str | Path) -> list[str | Path]:
        """The command line of mosquitto_pub or mosquitto_sub, as the README gives it."""
        root, chain, key = self.files(device)
        path = program(name, "mosquitto-clients")
        where = ["-h", "localhost", "-p", str(self.port), "--cafile", root, "--cert", chain, "--key", key]
        return [path, *where, *arguments]

    def sealmq(self, command: str, *arguments: str | Path) -> list[str | Path]:
        """The command line of `sealmq pub` or `sealmq sub`."""
        return [*SEALMQ, command, "--home", self.home, "-h", "localhost", "-p", str(self.port), *arguments]


def run(command: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its failure is the test's."""
    words = [str(word) for word in command]
    options = {"stdin": subprocess.DEVNULL} | options if "input" not in options else options
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        words, capture_output=True, text=True, timeout=WAIT, check=False, **options
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done
