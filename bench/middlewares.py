"""paho-mqtt and aiomqtt through each TLS library, for the record: every message and every byte, and how long it took.

    .venv/bin/python bench/middlewares.py [--messages 10000] [--large 1500000] [--only mbedtls-3.6 wolfssl]

Each client publishes so many messages at QoS 1 and one large one to itself, by its library, to SealMQ with OpenSSL, to
SealMQ with the same library, and to mosquitto where that is here; certificates on both sides. What comes back is
compared byte for byte, in order. A library that is not here is said with what to do. All of it on loopback, in
temporary folders; each program that is started is ended.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
if (ROOT / ".middleware").is_dir():  # where `make test` has built Mbed TLS 3.6
    os.environ.setdefault("SEALMQ_MIDDLEWARE_DIR", str(ROOT / ".middleware"))
sys.path.insert(0, str(ROOT / "tests"))

from interop_homes import make_home  # noqa: E402
from message_rounds import aiomqtt_round, paho_round  # noqa: E402
from ports import free_port  # noqa: E402
from running import Broker, running, wait_until  # noqa: E402
from sealmq.cli.middleware import SHOWN  # noqa: E402
from sealmq.errors import MiddlewareError  # noqa: E402
from sealmq.tls import for_paho  # noqa: E402
from sealmq.tls.middlewares import find  # noqa: E402
from small_mosquitto import configuration, listens  # noqa: E402

TOML = "[limits]\npacket_size = 4_000_000\n[websocket]\nlisten = []\n[https]\nlisten = []\n"
ROUNDS: dict[str, Callable[..., None]] = {"paho": paho_round, "aiomqtt": aiomqtt_round}


def main() -> int:
    """Run what was asked for, print a line for each. Exit code 1 when one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_500_000)
    parser.add_argument("--only", nargs="+", default=SHOWN, choices=SHOWN)
    asked = parser.parse_args()
    failed = 0
    print(f"{'client':<8} {'TLS library':<34} {'broker':<28} {'messages':>8} {'seconds':>8} {'a second':>9}  result")
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder) / "home", TOML)
        for name in asked.only:
            try:
                title = find(name).abilities.title
            except MiddlewareError as error:
                print(f"{'':<8} {name:<34} not here: {error.what}; next: {error.remedy}")
                continue
            for broker, port in brokers(home, Path(folder), name):
                for client, run in ROUNDS.items():
                    began, result = time.monotonic(), "every byte right"
                    try:
                        run(
                            for_paho(home / "devices" / "operator", middleware=name), "localhost", port,
                            f"record/{client}", messages=asked.messages, large=asked.large,
                        )  # fmt: skip
                    except (OSError, AssertionError, TimeoutError) as error:
                        failed += 1
                        result = f"FAILED: {type(error).__name__}: {error}"
                    took, count = time.monotonic() - began, asked.messages + 1
                    told = f"{count:>8,} {took:>8.1f} {count / took:>9,.0f}  {result}"
                    print(f"{client:<8} {title:<34} {broker:<28} {told}", flush=True)
    return int(failed > 0)


def brokers(home: Path, folder: Path, name: str) -> Iterator[tuple[str, int]]:
    """Each broker with its port, for as long as it is looked at."""
    for library in dict.fromkeys(("openssl", name)):
        with sealmq(home, library) as port:
            yield f"SealMQ by {library}", port
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is not None:
        port = free_port()
        (folder / "mosquitto.conf").write_text(configuration(home, folder, port))
        with running([program, "-c", folder / "mosquitto.conf"]):
            wait_until(lambda: listens(port))
            yield "mosquitto", port


@contextmanager
def sealmq(home: Path, library: str) -> Iterator[int]:
    """`sealmq up` with this library; its port."""
    broker = Broker(home, "--middleware", library)
    try:
        yield broker.port
    finally:
        broker.end()


if __name__ == "__main__":
    sys.exit(main())
