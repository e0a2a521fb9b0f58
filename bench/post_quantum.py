"""What a post-quantum key exchange costs: bytes and processor time, beside the same library with a curve alone.

    .venv/bin/python bench/post_quantum.py [--times 300] [--middleware pyopenssl] [--json FILE]

TLS 1.3 with certificates on both sides (P-256, one intermediate each), in memory, both ends in this one thread: X25519
and X25519MLKEM768, a full handshake and a resumed one, in turn, so that a busy moment of the machine meets all of them.
Bytes are those until both ends have what they need and the tickets are there. Processor time is of the calls of each
end alone (time.thread_time), without our own looking; told are the median and the middle half of the runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from middleware_pairs import client_material, server_material  # noqa: E402
from sealmq.errors import Error  # noqa: E402
from sealmq.kit.handshake.flights import SEGMENTS, segments  # noqa: E402
from sealmq.tls.middleware import ClientContext, TLSContext  # noqa: E402
from sealmq.tls.middlewares import find  # noqa: E402
from sealmq.tls.policy import TLSPolicy  # noqa: E402
from tls_pairs import Trust  # noqa: E402

T = TypeVar("T")

POLICIES = {
    "X25519": TLSPolicy(profile="modern", classical=True),
    "X25519MLKEM768": TLSPolicy(profile="post-quantum"),
}
WARM = 10
"""Handshakes of each kind before those that count."""


@dataclass
class Kind:
    """Handshakes of one kind, each measured. Bytes and seconds, of each run one."""

    group: str
    resumed: bool
    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)
    hello: list[int] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


@dataclass
class Pair:
    """Contexts of both ends for one group, and a session to resume."""

    client: ClientContext
    server: TLSContext
    session: object = None


class Ends:
    """One handshake, and the processor time of each end."""

    def __init__(self) -> None:
        self.spent = {"client": 0.0, "server": 0.0}

    def timed(self, end: str, call: Callable[[], T]) -> T:
        """Call it for that end."""
        began = time.thread_time()
        found = call()
        self.spent[end] += time.thread_time() - began
        return found


def shake(pair: Pair, kind: Kind) -> None:
    """One handshake, noted in `kind`."""
    ends = Ends()
    resume = pair.session if kind.resumed else None
    client = ends.timed("client", lambda: pair.client.connection("localhost", session=resume))
    server = ends.timed("server", pair.server.connection)
    sent = {"client": 0, "server": 0}
    hello = 0
    for _ in range(4):  # the last of them carries the tickets of TLS 1.3
        out = ends.timed("client", client.data_to_send)
        hello = hello or len(out)
        sent["client"] += len(out)
        ends.timed("server", lambda data=out: server.receive_data(data))  # type: ignore[misc]
        back = ends.timed("server", server.data_to_send)
        sent["server"] += len(back)
        ends.timed("client", lambda data=back: client.receive_data(data))  # type: ignore[misc]
    if client.proof is None or server.proof is None:
        raise SystemExit("the handshake did not come about")
    if (client.proof.resumed, client.proof.group.lower()) != (kind.resumed, kind.group.lower()):
        raise SystemExit(f"this was to be {kind.group}, resumed: {kind.resumed}; it was {client.proof}")
    pair.session = client.session or pair.session
    client.keep_session()  # OpenSSL resumes nobody who was cut off
    server.keep_session()
    kind.up.append(sent["client"])
    kind.down.append(sent["server"])
    kind.hello.append(hello)
    kind.client.append(ends.spent["client"])
    kind.server.append(ends.spent["server"])


def measure(middleware: str, times: int, folder: Path) -> list[Kind]:
    """All kinds, in turn."""
    trust, library = Trust(folder), find(middleware)
    pairs, kinds = {}, []
    for group, policy in POLICIES.items():
        pairs[group] = Pair(
            library.client_context(policy, client_material(trust)),
            library.server_context(policy, server_material(trust)),
        )
        kinds += [Kind(group, resumed=False), Kind(group, resumed=True)]
    for counted, runs in ((False, WARM), (True, times)):
        for _ in range(runs):
            for kind in kinds:
                noted = kind if counted else Kind(kind.group, kind.resumed)
                shake(pairs[kind.group], noted)
    return kinds


def show(kinds: list[Kind]) -> None:
    """The table."""
    head = ("", "up", "down", "hello", f"of {SEGMENTS[1]}", "client CPU, ms", "server CPU, ms")
    lines = [head]
    for kind in kinds:
        hello = round(statistics.median(kind.hello))
        lines.append(
            (
                f"{kind.group}, {'resumed' if kind.resumed else 'full'}",
                f"{statistics.median(kind.up):,.0f} B",
                f"{statistics.median(kind.down):,.0f} B",
                f"{hello:,} B",
                f"{segments(hello, SEGMENTS[1])}",
                _spread(kind.client),
                _spread(kind.server),
            )
        )
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _spread(seconds: list[float]) -> str:
    low, middle, high = statistics.quantiles(seconds, n=4)
    return f"{middle * 1e3:.2f} ({low * 1e3:.2f} to {high * 1e3:.2f})"


def as_json(title: str, kinds: list[Kind]) -> dict[str, Any]:
    """Everything that was measured."""
    return {"library": title, "kinds": [asdict(kind) for kind in kinds]}


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=300, metavar="N", help="handshakes of each kind")
    parser.add_argument("--middleware", default="pyopenssl", metavar="NAME", help="on both ends")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="sealmq-post-quantum-") as folder:
            kinds = measure(given.middleware, max(given.times, 4), Path(folder))
    except Error as error:
        raise SystemExit(". ".join(part for part in (error.what, error.why, error.remedy) if part)) from error
    title = find(given.middleware).abilities.title
    print(f"{title} on both ends, TLS 1.3, mutual, {len(kinds[0].up)} handshakes of each kind\n")
    show(kinds)
    if given.json:
        given.json.write_text(json.dumps(as_json(title, kinds), indent=1) + "\n")


if __name__ == "__main__":
    main()
