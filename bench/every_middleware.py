"""Try every middleware with every other, and write down how it ended: docs/reference/middleware-matrix.json.

    .venv/bin/python bench/every_middleware.py [--only openssl,wolfssl] [--write]

What failed is told. With --write it is written down; then `python docs/generate.py` makes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
if (ROOT / ".middleware").is_dir():  # where `make test` has built Mbed TLS 3.6
    os.environ.setdefault("SEALMQ_MIDDLEWARE_DIR", str(ROOT / ".middleware"))
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "docs")]

import middleware_matrix as pages  # noqa: E402
from middleware_material import material  # noqa: E402
from sealmq.errors import MiddlewareError  # noqa: E402
from sealmq.kit.middleware.comparing import ALL  # noqa: E402
from sealmq.kit.middleware.matrix import run_alone, run_pair  # noqa: E402
from sealmq.kit.middleware.outcome import Outcome, Result, count  # noqa: E402
from sealmq.kit.middleware.record import Record, record  # noqa: E402
from sealmq.tls.middlewares import find  # noqa: E402
from tls_pairs import Trust  # noqa: E402


def tell(name: str, results: Sequence[Result], began: float) -> None:
    """One line for a pair, and one for each case that failed."""
    counted = ", ".join(f"{number} {outcome}" for outcome, number in count(results).items() if number)
    print(f"{name}: {counted} ({time.monotonic() - began:.1f} s)", flush=True)
    for each in results:
        if each.outcome is Outcome.FAILED:
            side = "" if each.client and each.server else " client" if each.client else " server"
            print(f"    {each.case} {each.version}{side}: {each.why}", flush=True)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,NAME")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    names = tuple(given.only.split(",")) if given.only else ALL
    try:
        for name in names:
            find(name)
    except MiddlewareError as error:
        sys.exit(f"{error.what}\n  why:  {error.why}\n  next: {error.remedy}; or --only with those that are here")
    with tempfile.TemporaryDirectory() as folder:
        made = material(Trust(Path(folder)))
        pairs: dict[str, Record] = {}
        alone: dict[str, Record] = {}
        for client in names:
            began, results = time.monotonic(), list(run_alone(find(client), made))
            alone[client] = record(results)
            tell(f"{client}, alone", results, began)
            for server in names:
                began, results = time.monotonic(), list(run_pair(find(client), find(server), made))
                pairs[pages.pair_name(client, server)] = record(results)
                tell(pages.pair_name(client, server), results, began)
    every = pages.total([*pairs.values(), *alone.values()])
    print(", ".join(f"{every[outcome]} {outcome}" for outcome in Outcome))
    if given.write:
        described = {name: pages.describe(find(name)) for name in names}
        written = {"middlewares": described, "pairs": pairs, "alone": alone}
        pages.NUMBERS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 1 if every[Outcome.FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
