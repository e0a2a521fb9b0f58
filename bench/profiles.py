"""Where the broker's time goes: py-spy looks at a SealMQ at work, some hundred times a second.

The stacks become a flame graph, and the list of the functions that were at work most often.

    python bench/profiles.py [--seconds 5] [pairs fan-in]

py-spy comes with `make bench` (the dependency group `bench`), and may look into another process as root, or where the
kernel lets everybody (kernel.yama.ptrace_scope = 0). Without it this is left out, in words.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bounded import new_home
from brokers import BROKERS, Setting
from clients import ATTACKING
from flame import draw, top

from sealmq.kit.bench.run import Bounds, run
from sealmq.kit.bench.watch import Watch
from sealmq.kit.bench.workloads import find

WORKLOADS = ("pairs", "fan-in")
A_SECOND = 400
"""Looks at the stack. More would slow down what is looked at."""

LOOP = "BaseEventLoop._run_once (asyncio/base_events.py)"
WAITS = ("Condition.wait", "Event.wait", "epoll_wait", "__select", "select (")


def take(name: str, home: Path, seconds: float) -> dict[str, Any]:
    """The stacks of the broker while it carries a workload, each with how often it was seen; or why there are none."""
    found: dict[str, Any] = {"workload": name, "a_second": A_SECOND, "seconds": seconds}
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        return found | {"failure": "py-spy is not installed: make bench installs it"}
    (workload,) = find([name])
    spies: list[subprocess.Popen[str]] = []
    with tempfile.TemporaryDirectory() as folder, BROKERS["SealMQ"].started(home, Setting()) as broker:
        stacks = Path(folder) / "stacks"
        command = [program, "record", "--pid", str(broker.pid), "--format", "raw", "--output", str(stacks)]
        command += ["--rate", str(A_SECOND), "--duration", str(max(1, round(seconds))), "--native"]

        def tell(doing: str, part: float) -> None:
            if part > 0.1 and not spies:
                spies.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))

        run(workload, broker.target, Watch(broker.pid), Bounds(seconds * 1.2 + 1), "bench", tell)
        said = "".join(spy.communicate(timeout=60.0)[0] for spy in spies).strip()
        if any(spy.returncode for spy in spies) or not stacks.exists():
            return found | {"failure": f"py-spy: {said.splitlines()[-1] if said else 'no stacks'}"}
        return found | {"stacks": shorten(stacks.read_text())}


def shorten(raw: str) -> dict[str, int]:
    """py-spy's lines, `function (path:line);...` and a count: functions by their place in the package.

    Addresses that have no name are left out, and so are threads that wait (py-spy takes a lock for work) and the way
    from the program's first line to the loop.
    """
    stacks: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";") if not frame.startswith("0x")]
        if LOOP in frames:
            frames = frames[frames.index(LOOP) :]
        if not any(frame.startswith(WAITS) for frame in frames):
            stacks[";".join(frames)] += int(count)
    return dict(stacks)


def _short(frame: str) -> str:
    name, _, place = frame.partition(" (")
    path = place.rstrip(")").rsplit(":", 1)[0]
    if "sealmq/" in path:
        path = path.rsplit("sealmq/", 1)[1]
    return f"{name} ({path.rsplit('site-packages/', 1)[-1]})"


def main() -> None:
    """Print the top, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, help="for the flame graphs")
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    options = parser.parse_args()
    with new_home(0, operators=[ATTACKING]) as home:
        for name in options.workloads:
            found = take(name, home, options.seconds)
            if "failure" in found:
                sys.exit(found["failure"])
            print(f"\n{name}: {sum(found['stacks'].values()):,} looks")
            for function, alone, with_all in top(found["stacks"]):
                print(f"{alone:>7.1%}{with_all:>8.1%}  {function}")
            if options.folder:
                (options.folder / f"flame-{name}.svg").write_text(draw(found["stacks"], f"{name}: SealMQ's broker"))


if __name__ == "__main__":
    main()
