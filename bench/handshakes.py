"""`sealmq handshake` held against real things: what it says, and how often it agrees with others.

    .venv/bin/python bench/handshakes.py [--only brokers broken tshark callback hostile] [--pictures FOLDER] [--full]

brokers:  SealMQ, mosquitto and nats-server, TLS 1.2 and 1.3, with and without a client certificate: how each ended.
          --pictures: the pages as HTML and, by headless Chromium, as PNG; --full: the whole terminal output.
broken:   each broken set-up of tests/broken_setups.py: exit code, what is said, why, and what mends it.
tshark:   the capture that is written of each connection, read by tshark: messages that agree.
callback: OpenSSL's message callback against our own parser with the key log: messages that differ.
hostile:  captures that somebody made to cost much (bench/hostile_capture.py), through the command line.

All of it on loopback, in temporary folders; each program that is started is ended.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

import hostile_capture  # noqa: E402
import pytest  # noqa: E402

import handshake_stage  # noqa: E402
from broken_setups import OF_ONE_VERSION, SETUPS, VERSIONS, Place  # noqa: E402
from handshake_stage import Said, Stage, handshake, look, measured  # noqa: E402
from interop_homes import make_home  # noqa: E402
from sealmq.kit.dissect.conversation import Conversation  # noqa: E402
from sealmq.kit.dissect.keylog import read_key_log  # noqa: E402
from sealmq.kit.handshake.captured import converse  # noqa: E402
from sealmq.kit.handshake.contexts import Credentials  # noqa: E402
from sealmq.kit.handshake.dial import Call, Seen, dial, dial_in_either_level  # noqa: E402
from tls_pairs import Trust  # noqa: E402
from tshark_readings import complaints, handshake_messages, rows  # noqa: E402

WIDTH = 1_280


@dataclass(frozen=True)
class Scene:
    """What all parts need. folder: temporary, of this run."""

    folder: Path
    trust: Trust
    home: Path

    def empty(self, name: str) -> Path:
        """A new folder in it."""
        path = self.folder / name
        path.mkdir()
        return path


CASES = [
    (broker, version, shows)
    for broker in ("SealMQ", "mosquitto", "nats-server")
    for version in VERSIONS
    for shows in (True, False)
]


@contextmanager
def broker(scene: Scene, name: str, version: str, *, demands: bool) -> Iterator[Stage]:
    """A broker by its name. version: the oldest of mosquitto and nats-server. SealMQ always wants a certificate."""
    folder = Path(tempfile.mkdtemp(dir=scene.folder))
    if name == "SealMQ":
        with handshake_stage.sealmq_up(scene.home) as stage:
            yield stage
    elif name == "mosquitto":
        with handshake_stage.mosquitto(scene.trust, folder, f"tls_version tlsv{version}", demands=demands) as stage:
            yield stage
    else:
        with handshake_stage.nats(scene.trust, folder, version=version, demands=demands) as stage:
            yield stage


def tell_brokers(scene: Scene, pictures: Path | None, *, full: bool) -> None:
    """How each ended; pages and pictures of it."""
    for name, version, shows in CASES:
        title = f"{name}, TLS {version}, {'with' if shows else 'without'} a client certificate"
        page = pictures / f"{name.lower()}-{version}-{'mtls' if shows else 'plain'}.html" if pictures else None
        more: list[str | Path] = ["--html", page] if page else []
        with broker(scene, name, version, demands=shows) as stage:
            said = handshake(*stage.options(show=shows), "--tls-version", version, *more)
        print(f"\n--- {title}: exit {said.code}, {said.seconds:.1f} s")
        print(said.text if full else in_short(said))
        if page:
            photograph(page)


def in_short(said: Said) -> str:
    """The first lines, and those that sum up a part."""
    lines = said.text.splitlines()
    parts = ("time ", "server ", "client  ", "cost ", "hello ", "  ended", "  why", "  to do")
    sums = [line for line in lines[3:] if line.startswith(parts) and "│" not in line and "server" not in line[20:]]
    return "\n".join([*lines[:3], *sums])


def photograph(page: Path) -> None:
    """The page as a picture, by headless Chromium, in a profile of its own."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        command += ["--disable-background-networking", f"--user-data-dir={profile}", f"--window-size={WIDTH},6400"]
        command += [f"--screenshot={page.with_suffix('.png')}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        print(f"no picture of {page.name}: {done.stderr.strip().splitlines()[-1:]}")


def tell_broken(scene: Scene) -> None:
    """What is said of each broken set-up."""
    for name, setup in SETUPS.items():
        for version in VERSIONS[:1] if name in OF_ONE_VERSION else VERSIONS:
            said = setup(Place(scene.trust, scene.empty(f"broken-{name}-{version}"), scene.home, version))
            outcome = said.outcome
            print(f"\n--- {name}, TLS {version}: exit {said.code}, {outcome['kind']}")
            for label, words in (("what", outcome["what"]), ("why", outcome["why"]), ("to do", outcome["remedy"])):
                print(f"{label:6} {words}")


def tell_tshark(scene: Scene) -> None:
    """How many messages of each capture tshark reads as we do: sender, type, length."""
    agreed = all_of_them = 0
    for name, version, shows in CASES:
        capture = scene.folder / f"{name}-{version}-{shows}.pcapng"
        with broker(scene, name, version, demands=shows) as stage:
            report = look(*stage.options(show=shows), "--tls-version", version, "--pcapng", capture).report
        ours = [
            (one["sender"], int(one["raw"][:2], 16), one["size"] - 4)
            for one in report["messages"]
            if one["name"] not in ("Alert", "ChangeCipherSpec", "application data")
        ]
        theirs = handshake_messages(capture, server_port=stage.port)
        same = sum(one == other for one, other in zip(ours, theirs, strict=False))
        options = ("-d", f"tls.port=={stage.port},mqtt")
        kinds = [kind for (line,) in rows(capture, ["mqtt.msgtype"], wanted="mqtt", options=options)
                 for kind in line.split(",")]  # fmt: skip
        agreed, all_of_them = agreed + same, all_of_them + max(len(ours), len(theirs))
        print(
            f"{name:12} TLS {version} {'mTLS' if shows else '    '}  we {len(ours):2}, tshark {len(theirs):2}, "
            f"the same {same:2}; MQTT packets {','.join(kinds)}; complaints {len(complaints(capture))}"
        )
    print(f"in all: {agreed} of {all_of_them} messages agree")


def tell_callback(scene: Scene) -> None:
    """The same connection seen by OpenSSL's callback, and by our parser with the key log: what differs."""
    compared = different = 0
    for name, version, shows in CASES:
        with broker(scene, name, version, demands=shows) as stage:
            call = Call(
                host="localhost",
                port=stage.port,
                credentials=Credentials(stage.root, stage.certificate if shows else None, stage.key if shows else None),
                version=version,
                keep_keys=True,
            )
            first = dial_in_either_level(call)
            again = dial(replace(call, level=first.call.level), resume=first) if first.connack is not None else None
        for seen in filter(None, (first, again)):
            ours, heard = messages_of(parsed(seen)), messages_of(seen.conversation)
            wrong = sum(one != other for one, other in zip(ours, heard, strict=False)) + abs(len(ours) - len(heard))
            compared, different = compared + max(len(ours), len(heard)), different + wrong
            print(
                f"{name:12} TLS {version} {'mTLS' if shows else '    '} {'resumed' if seen.resumed else 'full   '}"
                f"  seen by {seen.seen_by}: {len(heard):2} messages, parsed {len(ours):2}, different {wrong}"
            )
    print(f"in all: {compared} messages compared, {different} differences")


def parsed(seen: Seen) -> Conversation:
    """The same bytes, read by our own parser."""
    pieces = [(one.sender, one.data, one.at) for one in seen.pieces]
    return converse(pieces, seen.conversation.ended, read_key_log(seen.key_log.splitlines()))


def messages_of(conversation: Conversation) -> list[tuple[object, ...]]:
    """What must be the same."""
    return [
        (str(one.sender), one.kind, one.type, one.body, one.records, one.protected) for one in conversation.messages
    ]


def tell_hostile(scene: Scene, megabytes: int) -> None:
    """Seconds and memory of the whole command."""
    print(f"{'':18}{'s':>7}{'MB/s':>7}{'peak MB':>9}{'exit':>6}  finding")
    path = scene.folder / "hostile"
    for kind in hostile_capture.KINDS:
        size = hostile_capture.write(path, kind, megabytes * 1_000_000)
        said = measured(scene.folder, "--pcap", path, limit=900)
        text = said.text.splitlines() or [line for line in said.errors.splitlines() if "holds no" in line] or ["?"]
        speed = size / 1_000_000 / said.seconds
        print(
            f"{kind:18}{said.seconds:7.1f}{speed:7.0f}{said.peak / 1e6:9.0f}{said.code:6}  "
            f"{text[0].replace(str(path), 'FILE')[:90]}"
        )
        sys.stdout.flush()
    path.unlink()


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("brokers", "broken", "tshark", "callback", "hostile")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    parser.add_argument("--pictures", type=Path, help="folder for pages and pictures")
    parser.add_argument("--full", action="store_true", help="the whole terminal output")
    parser.add_argument("--megabytes", type=int, default=1_000, help="size of a hostile capture")
    asked = parser.parse_args()
    if asked.pictures:
        asked.pictures.mkdir(parents=True, exist_ok=True)
        asked.pictures = asked.pictures.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = Scene(folder, Trust(folder), make_home(folder / "home"))
        runs: dict[str, Callable[[], None]] = {
            "brokers": lambda: tell_brokers(scene, asked.pictures, full=asked.full),
            "broken": lambda: tell_broken(scene),
            "tshark": lambda: tell_tshark(scene),
            "callback": lambda: tell_callback(scene),
            "hostile": lambda: tell_hostile(scene, asked.megabytes),
        }
        for part in asked.only:
            print(f"\n=== {part}")
            try:
                runs[part]()
            except pytest.skip.Exception as error:
                print(f"left out: {error}")


if __name__ == "__main__":
    main()
