"""A registry with a million devices: how long do the questions take that are asked all day?

    python bench/million.py [--devices 1000000] [--home DIR] [--keep] [--json FILE]

The registry is a real one of a real home, filled by SQL with the schema of the day: each device with its certificate's
record, its body (random bytes of a certificate's length, and its true hash), and its line in the audit trail. A
hundredth of the devices is revoked. Then: the look-up of a handshake, for devices chosen at random; the commands of the
command line, as somebody types them, from their start to the first and the last byte; `sealmq up`, until it listens.
Loopback only. What must hold is an exit code: 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sealmq.devices.directory import Directory
from sealmq.devices.trail import ISSUE, REVOKE, Entry, Trail
from sealmq.home import Home
from sealmq.pki.authority import Revocation, sign_crl
from sealmq.pki.profiles import ServerNames

NOW = time.time()
BODY = 474
"""Bytes of a device's certificate."""

ASKED = 20_000
"""Look-ups whose median is told."""

LIMITS = {"recognize": 50e-6, "identify": 50e-6, "first page": 1.0, "up": 3.0}
"""Seconds that must not be passed."""

SEALMQ = (sys.executable, "-m", "sealmq")


def rows(devices: int, authority: str) -> Iterator[tuple[Any, ...]]:
    """One device after another: (id, name, uuid, serial, body, fingerprint, key's hash, is it revoked?)."""
    for number in range(1, devices + 1):
        body = os.urandom(BODY)
        yield (
            number + 1_000,  # the home has its operator already
            f"unit-{number:07}",
            str(UUID(bytes=os.urandom(16), version=4)),
            "5" + os.urandom(16).hex()[1:],
            body,
            sha256(body).hexdigest(),
            os.urandom(32).hex(),
            number % 100 == 0,
        )


def fill(home: Path, devices: int) -> float:
    """Put them into the registry and the trail; the seconds that it took."""
    began = time.monotonic()
    with Home.open(home) as opened:
        authority = opened.authorities.device.key_id
        trail = Trail(opened.audit_trail)
    with closing(sqlite3.connect(home / "sealmq.db", isolation_level=None)) as database:
        database.execute("PRAGMA cache_size = -1000000")
        database.execute("PRAGMA synchronous = OFF")
        indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
        database.execute("BEGIN")
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        made = sorted(rows(devices, authority), key=lambda row: row[3])  # in the order of their serials: once through
        certificates = [
            (
                *(serial, name, number, authority, "revoked" if revoked else "valid", NOW - 3600, NOW + 365 * 86400),
                *(key, fingerprint, NOW, NOW if revoked else None, "keyCompromise" if revoked else None, NOW),
                number,
            )
            for number, name, _, serial, _, fingerprint, key, revoked in made
        ]
        database.executemany(
            "INSERT INTO certificates (serial, subject, device, profile, authority_key_id, state, not_before,"
            " not_after, spki_sha256, fingerprint, recorded_at, revoked_at, reason, seen, body)"
            " VALUES (?, ?, ?, 'device', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            certificates,
        )
        database.executemany(
            "INSERT INTO devices (id, name, role, uuid, state, serial, created) VALUES (?, ?, 'device', ?, ?, ?, ?)",
            (
                (number, name, uuid, "revoked" if revoked else "active", serial, NOW)
                for number, name, uuid, serial, _, _, _, revoked in sorted(made)
            ),
        )
        database.executemany("INSERT INTO bodies (id, der) VALUES (?, ?)", ((row[0], row[4]) for row in made))
        for _, statement in indexes:
            database.execute(statement)
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    record(trail, made)
    return time.monotonic() - began


def record(trail: Trail, made: list[tuple[Any, ...]]) -> None:
    """The lines that issuing and revoking would have written, without a sync for each batch."""
    sync, os.fdatasync = os.fdatasync, lambda descriptor: None
    try:
        for start in range(0, len(made), 1_000):
            entries = []
            for _, name, _, serial, _, fingerprint, key, revoked in made[start : start + 1_000]:
                facts = {"device": name, "serial": serial}
                more = {"role": "device", "profile": "device", "fingerprint": fingerprint, "spki_sha256": key}
                entries.append(Entry(ISSUE, "cli:root", facts | more | {"via": "cli"}))
                if revoked:
                    entries.append(Entry(REVOKE, "cli:root", facts | {"reason": "keyCompromise"}))
            trail.append(entries, now=NOW)
    finally:
        os.fdatasync = sync


def median(ask: Callable[[Any], object], about: list[Any]) -> dict[str, float]:
    """Seconds of one question: in the middle, and of the slowest hundredth."""
    times = []
    for each in about:
        began = time.perf_counter()
        ask(each)
        times.append(time.perf_counter() - began)
    times.sort()
    return {"median": statistics.median(times), "p99": times[len(times) * 99 // 100]}


def handshakes(home: Path, seed: int) -> dict[str, dict[str, float]]:
    """The two questions of a handshake about devices chosen at random."""
    with Home.open(home) as opened:
        registry = opened.registry
        bodies = registry.query(
            "SELECT b.der, c.fingerprint FROM bodies b JOIN certificates c ON c.body = b.id WHERE c.state = 'valid'"
            " AND c.serial > ? LIMIT ?",
            *("5", 10 * ASKED),
        )
        chosen = random.Random(seed).sample(bodies, min(ASKED, len(bodies)))
        directory = Directory(registry, opened.device_authorities())
        return {
            "recognize": median(registry.recognize, [fingerprint for _, fingerprint in chosen]),
            "identify": median(lambda der: directory.identify(der, NOW), [der for der, _ in chosen]),
        }


def command(*words: str) -> dict[str, float]:
    """Seconds from the start of a command to its first and its last byte, what it wrote, and its largest memory."""
    began = time.monotonic()
    process = subprocess.Popen([*SEALMQ, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    length = len(process.stdout.read(1))
    first = time.monotonic() - began
    while chunk := process.stdout.read(1 << 20):
        length += len(chunk)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    seconds = time.monotonic() - began
    return {"first": first, "all": seconds, "bytes": float(length), "memory": used.ru_maxrss * 1024.0}


def start(home: Path) -> float:
    """Seconds from `sealmq up` until a device has published."""
    began = time.monotonic()
    broker = subprocess.Popen(
        [*SEALMQ, "up", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert broker.stdout is not None
        for line in broker.stdout:
            if "ready" in line.lower() or "listening" in line.lower():
                return time.monotonic() - began
        raise SystemExit("sealmq up has ended")
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.communicate()


def revoking(home: Path) -> float:
    """Seconds to sign the list of all that is revoked, as each revocation does."""
    with Home.open(home) as opened:
        authority = opened.authorities.device
        began = time.monotonic()
        revoked = [
            Revocation(record.serial, record.revoked_at or NOW, record.reason or "unspecified")
            for record in opened.registry.revoked(authority.key_id, not_after=NOW)
        ]
        sign_crl(authority, revoked, number=2, now=NOW, next_update=NOW + 86_400)
        return time.monotonic() - began


def measure(home: Path, devices: int) -> dict[str, Any]:
    """All figures by name, in seconds."""
    found: dict[str, Any] = handshakes(home, devices)
    where = ("--home", str(home))
    middle = f"unit-{devices // 2:07}"
    for name, words in {
        "first page": ("device", "list", "--limit", "50"),
        "next page": ("device", "list", "--limit", "50", "--after", middle),
        "revoked": ("device", "list", "--limit", "50", "--state", "revoked"),
        "pattern": ("device", "list", "--limit", "50", "unit-09*"),
        "all": ("device", "list"),
        "all, JSON": ("device", "list", "--json"),
        "show": ("device", "show", middle),
        "show, none": ("device", "show", "unti-0500000"),
        "log show": ("log", "show", "--device", middle),
        "log verify": ("log", "verify"),
    }.items():
        found[name] = command(*words, *where)
    found["new CRL"] = revoking(home)
    found["up"] = start(home)
    return found


def seconds_of(figure: float | dict[str, float]) -> float:
    """What is compared with a limit: the median of a question, the first byte of a command."""
    return figure if isinstance(figure, float) else figure.get("median", figure.get("first", 0.0))


def main() -> int:
    """Fill, ask, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    home = given.home or Path(tempfile.mkdtemp(prefix="sealmq-million-")) / "home"
    if not Home.is_home(home):
        names = ServerNames(("localhost",), ("127.0.0.1",))
        Home.create(home, organization="Bench", country="XX", names=names, now=NOW).close()
        (home / "sealmq.toml").write_text('listen = ["127.0.0.1:0"]\n[websocket]\nlisten = []\n')
        seconds = fill(home, given.devices)
        size = (home / "sealmq.db").stat().st_size
        print(f"{given.devices:,} devices in {seconds:.0f} s; the registry has {size / 1e6:,.0f} MB")
    found = measure(home, given.devices)
    for name, figure in found.items():
        print(f"{name:<12}", figure)
    passed = {name for name, limit in LIMITS.items() if seconds_of(found[name]) > limit}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    if not given.keep and not given.home:
        shutil.rmtree(home.parent)
    if passed:
        print(f"beyond its limit: {', '.join(sorted(passed))}")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
