"""Run the console blocks of a page with real programs: `python docs/tutorial.py`; --write puts what they print into it.

A test runs the same, and fails where the page says something else: docs/console_blocks.py has the rules.

Rule 1: everything happens in a new folder, which is the user's home there, and on loopback.
Rule 2: ports that the page has (PORTS) become free ones on the way to the programs, and the page's on the way back.
Rule 3: what is waited for is an output or an end, never a time; WAIT only bounds it.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console_blocks import HERE, Names, Step, find_output, read_steps, written_anew
from sealmq import config

DOCS = Path(__file__).parent
PAGES = (
    DOCS / "tutorial" / "from-1883-to-8883.md",
    DOCS / "howto" / "see-a-handshake.md",
    DOCS / "howto" / "explain-an-error.md",
    DOCS / "howto" / "secure-a-microcontroller.md",
    DOCS / "howto" / "choose-a-middleware.md",
)
PORTS = (1883, 1884, 8883, 8884)
PROGRAMS = (("mosquitto", "mosquitto"), ("mosquitto_pub", "mosquitto-clients"), ("openssl", "openssl"))
"""What the pages run beside SealMQ, with the packages of Debian that have them."""

WAIT = 30.0
"""Seconds after which something that should have happened is said not to happen."""

USER = "/home/ada"
"""Whose home the new folder is in the page."""

_OPENSSL_CONF = """\
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
Groups = X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192
[req]
distinguished_name = name
[name]
"""
"""The groups of OpenSSL 3.0 to 3.4: from 3.5 on a post-quantum one comes before them, and the hellos are longer."""

_SEALMQ = """\
#!{python}
import sys
from sealmq.cli import main
if __name__ == "__main__":  # else a process that it starts would do it all again
    sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where the page says something else than the programs."""

    page: str
    step: Step
    why: str
    printed: tuple[str, ...]

    def __str__(self) -> str:
        """For whoever mends the page."""
        said = "\n".join(f"  | {line}" for line in self.printed)
        return f"{self.page}:{self.step.line}: {self.step.command or 'more output'}\n  {self.why}; it printed:\n{said}"


class Terminal:
    """A program that runs on, and the lines that it has printed so far."""

    def __init__(self, command: str, world: World) -> None:
        self._world = world
        self._raw: list[str] = []
        self.read = 0
        """How many lines the page has had already."""
        self.process = subprocess.Popen(  # noqa: S603 - the page is ours
            ["/bin/bash", "-c", f"exec {world.to_programs(command)}"],
            cwd=world.work,
            env=world.environment,
            stdin=subprocess.PIPE,  # open, as a terminal's: `openssl s_server` ends with it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._raw.append(line.decode(errors="replace").rstrip("\r\n"))

    @property
    def lines(self) -> list[str]:
        """All that it printed until now, in the words of the page."""
        return [self._world.to_page(line) for line in self._raw[:]]

    @property
    def is_over(self) -> bool:
        """Has it ended, and has everything been read?"""
        return self.process.poll() is not None and not self._thread.is_alive()

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal sends it to all that runs there; waits for the end."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(WAIT)
        with suppress(ProcessLookupError):  # what it left behind, in a session of its own, holds the pipe open
            os.killpg(self.process.pid, signal.SIGKILL)
        self._thread.join(WAIT)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


class World:
    """A folder that is somebody's home, with SealMQ on the PATH, and ports that are free."""

    def __init__(self, folder: Path, ports: Mapping[int, int]) -> None:
        """folder: new and empty. ports: the page's -> free ones."""
        self._folder = folder.resolve()
        self._ports = dict(ports)
        self.work = self._folder / "tour"
        self.work.mkdir()
        self.status = 0
        """The exit code of the last command."""
        tools = self._folder / ".bin"
        tools.mkdir()
        (tools / "sealmq").write_text(_SEALMQ.format(python=sys.executable), encoding="utf-8")
        (tools / "sealmq").chmod(0o755)
        (tools / "openssl.cnf").write_text(_OPENSSL_CONF, encoding="utf-8")
        home = self._folder / ".local" / "share" / "sealmq"
        home.mkdir(parents=True, mode=0o700)
        # what the first start takes from here, as somebody would who has another broker on 8883
        toml = config.default_text()
        for usual, here in ((":8883", f'["127.0.0.1:{ports[8883]}"]'), (":8084", "[]"), (":8443", "[]")):
            assert f'#listen = ["{usual}"]' in toml, "sealmq.toml is written in another way now"
            toml = toml.replace(f'#listen = ["{usual}"]', f"listen = {here}")
        (home / "sealmq.toml").write_text(toml, encoding="utf-8")
        (home / "sealmq.toml").chmod(0o600)
        self.environment = {
            "HOME": str(self._folder),
            "PATH": f"{tools}:{os.environ['PATH']}:/usr/sbin",  # Debian has mosquitto there
            "PYTHONPATH": str(DOCS.parent / "src"),
            "PYTHONUNBUFFERED": "1",
            "OPENSSL_CONF": str(tools / "openssl.cnf"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SEALMQ_MIDDLEWARE_DIR": os.environ.get("SEALMQ_MIDDLEWARE_DIR", str(DOCS.parent / ".middleware")),
        }

    def to_programs(self, text: str) -> str:
        """A command of the page with the ports of this run."""
        return re.sub(r"(?<![\w.])\d{4}(?![\w.])", lambda found: str(self._ports.get(int(found[0]), found[0])), text)

    def to_page(self, text: str) -> str:
        """What was printed with the ports and folders of the page."""
        back = {str(here): str(there) for there, here in self._ports.items()}
        text = re.sub(r"(?<!\d)\d{4,5}(?!\d)", lambda found: back.get(found[0], found[0]), text)
        return text.replace(str(self._folder), USER).rstrip()

    def run(self, command: str) -> list[str]:
        """Run a command to its end; what it printed, on stdout and stderr, as it came."""
        script = f"(exit {self.status})\n{self.to_programs(command)}"
        done = subprocess.run(  # noqa: S603 - the page is ours
            ["/bin/bash", "-c", script],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=6 * WAIT,  # one command measures for some seconds of a processor, and a machine may have other work
            check=False,
        )
        self.status = done.returncode
        return [self.to_page(line) for line in done.stdout.decode(errors="replace").splitlines()]


class Tour:
    """One run of a page."""

    def __init__(self, page: Path, world: World) -> None:
        self._page = page
        self._world = world
        self._names = Names()
        self._terminals: dict[str, Terminal] = {}
        self.mistakes: list[Mistake] = []
        self.printed: list[list[str]] = []
        """For each step what was printed; with a terminal that runs on, until the page has what it shows."""

    def run(self, steps: Sequence[Step]) -> None:
        """Every step in order; afterwards nothing runs any more."""
        try:
            for step in steps:
                self._take(step)
        finally:
            for terminal in self._terminals.values():
                terminal.interrupt()

    def _take(self, step: Step) -> None:
        if step.terminal == HERE:
            assert step.command is not None
            self._compare(step, self._world.run(step.command), whole=True)
            return
        other = self._terminals[step.until[0]] if step.until else None
        mark = len(other.lines) if other else 0
        if step.command is not None:
            if step.terminal in self._terminals:
                self._terminals.pop(step.terminal).interrupt()
            self._terminals[step.terminal] = Terminal(step.command, self._world)
        terminal = self._terminals[step.terminal]
        if step.interrupts:
            terminal.interrupt()
        else:
            _wait(
                lambda: (
                    terminal.is_over
                    or find_output(step.output, terminal.lines[terminal.read :], whole=False) is not None
                )
            )
        if other and step.until:
            words = step.until[1]
            if not _wait(lambda: any(words in line for line in other.lines[mark:])):
                self.mistakes.append(Mistake(self._page.name, step, f"{step.until[0]} never says {words}", ()))
        self._compare(step, terminal.lines[terminal.read :], whole=step.interrupts, terminal=terminal)

    def _compare(self, step: Step, printed: list[str], *, whole: bool, terminal: Terminal | None = None) -> None:
        self.printed.append(printed)
        found = find_output(step.output, printed, whole=whole)
        why = "" if found is not None else "the page has another output"
        for number, at in found or ():
            why = why or self._names.bind(step.output[number], printed[at])
        if why:
            self.mistakes.append(Mistake(self._page.name, step, why, tuple(printed)))
        if terminal is not None:
            terminal.read += found[-1][1] + 1 if found else 0


def _wait(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT  # noqa: TID251 - bounds a wait
    while not true():
        if time.monotonic() > deadline:  # noqa: TID251
            return False
        time.sleep(0.02)
    return True


def free_ports() -> dict[int, int]:
    """For each port of the pages one that was free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {port: each.getsockname()[1] for port, each in zip(PORTS, sockets, strict=True)}
    for each in sockets:
        each.close()
    return found


def take_tour(page: Path, folder: Path, ports: Mapping[int, int]) -> tuple[list[Step], Tour]:
    """Run a page in a new folder."""
    steps = read_steps(page.read_text(encoding="utf-8"))
    tour = Tour(page, World(folder, ports))
    tour.run(steps)
    return steps, tour


def write_anew(page: Path, steps: Sequence[Step], printed: Sequence[Sequence[str]]) -> None:
    """Put what was printed into the page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for step, said in reversed(list(zip(steps, printed, strict=True))):
        lines[step.line - 1 : step.end - 1] = written_anew(step.output, said)
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pages; 1 where one of them says something else than the programs. arguments: in place of the shell's."""
    parser = argparse.ArgumentParser(description="Run the console blocks of the tutorial.")
    parser.add_argument("pages", nargs="*", type=Path, default=list(PAGES), metavar="PAGE.md")
    parser.add_argument("--write", action="store_true", help="put what the programs print into the page")
    options = parser.parse_args(arguments)
    wrong = 0
    for page in options.pages:
        with tempfile.TemporaryDirectory() as folder:
            steps, tour = take_tour(page, Path(folder), free_ports())
        if options.write:
            write_anew(page, steps, tour.printed)
        for mistake in tour.mistakes:
            print(mistake, file=sys.stderr)  # noqa: T201 - saying it is what this is for
        wrong += len(tour.mistakes)
    return 1 if wrong and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
