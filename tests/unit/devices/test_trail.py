from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise

import pytest

from failing_disk import FailingDisk
from sealmq.devices.trail import CUT, ISSUE, Entry, Trail, read_line
from sealmq.errors import HomeError

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def trail(path):
    return Trail(path)


def issue(n):
    return Entry(ISSUE, "cli:root", {"serial": f"{n:02x}", "device": f"sensor-{n}", "days": 365, "token": None})


def lines(path):
    return [read_line(line) for line in path.read_bytes().splitlines()]


def test_a_line_says_what_who_and_when_and_is_chained(trail, path):
    trail.append([issue(1), issue(2)], now=NOW)
    trail.append([issue(3)], now=NOW + 0.5)
    first, second, third = (json.loads(line) for line in path.read_text().splitlines())
    assert list(first) == ["seq", "time", "actor", "action", "facts", "prev", "hash"]
    assert first["time"] == "2027-01-15T08:00:00.000Z"
    assert third["time"] == "2027-01-15T08:00:00.500Z"
    assert (first["actor"], first["action"]) == ("cli:root", "issue")
    assert first["facts"] == {"serial": "01", "device": "sensor-1", "days": 365, "token": None}
    assert [each["seq"] for each in (first, second, third)] == [1, 2, 3]
    assert first["prev"] == "0" * 64
    assert (second["prev"], third["prev"]) == (first["hash"], second["hash"])
    written = path.read_bytes().splitlines()[2]
    assert sha256(written.partition(b',"hash"')[0]).hexdigest() == third["hash"]


def test_the_file_is_its_owners_alone(trail, path):
    trail.append([issue(1)], now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_to_record_makes_no_file(trail, path):
    trail.append([], now=NOW)
    assert not trail.exists()


def test_whatever_a_device_wrote_stays_in_its_line(trail, path):
    hostile = 'a","hash":"' + "0" * 64 + '"}\n{"seq":2\u2028\ud800\0'
    trail.append([Entry("refuse", hostile, {"why": hostile, "long": "x" * 100_000})], now=NOW)
    trail.append([issue(2)], now=NOW)
    first, second = lines(path)
    assert first.actor == hostile
    assert first.facts["why"] == hostile
    assert first.facts["long"] == "x" * 1023 + "…"
    assert second.prev == first.hash


def test_what_is_too_long_for_a_line_is_not_recorded_in_part(trail, path):
    trail.append([issue(1)], now=NOW)
    before = path.read_bytes()
    with pytest.raises(HomeError, match="cannot be recorded"):
        trail.append([issue(2), Entry("x", "y", {str(n): "z" * 1000 for n in range(100)})], now=NOW)
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [1, 4095, 4096, 60_000])
def test_the_last_line_is_found_whatever_its_length(trail, path, length):
    for n in range(3):
        trail.append([Entry("x", "y", {str(part): "z" * 1000 for part in range(length // 1000)} | {"n": n})], now=NOW)
    assert [line.seq for line in lines(path)] == [1, 2, 3]


def test_a_line_that_a_crash_left_half_is_cut_off_and_the_cut_is_noted(trail, path):
    trail.append([issue(1), issue(2)], now=NOW)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for length in range(start + 1, len(whole)):
        path.write_bytes(whole[:length])
        trail.append([issue(3)], now=NOW + 1)
        first, cut, third = lines(path)
        assert (cut.action, cut.facts, cut.seq) == (CUT, {"bytes": length - start}, 2)
        assert (cut.prev, third.prev, third.seq) == (first.hash, cut.hash, 3)


def test_a_half_line_that_the_file_system_filled_with_zeros_is_cut_off(trail, path):
    trail.append([issue(1)], now=NOW)
    whole = path.read_bytes()
    for left in (whole[:20] + bytes(100), bytes(4096)):
        path.write_bytes(left)
        trail.append([issue(1)], now=NOW)
        assert [line.action for line in lines(path)] == [CUT, ISSUE]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole.replace(b"sensor-2", b"sensor-3"),
        lambda whole: whole + b"\n",
        lambda whole: whole + b"not of ours",
        lambda whole: whole + b'{"seq":4,"time":"',
        lambda whole: whole + b"x" * 200_000,
        lambda whole: b"x" * 200_000,
        lambda whole: whole + b'{"seq":3}\n',
    ],
)
def test_any_other_damage_at_the_end_stops_the_caller_and_is_left_as_it_is(trail, path, spoil):
    trail.append([issue(1), issue(2)], now=NOW)
    path.write_bytes(spoil(path.read_bytes()))
    spoilt = path.read_bytes()
    with pytest.raises(HomeError, match="damaged") as raised:
        trail.append([issue(3)], now=NOW)
    assert "sealmq log verify" in raised.value.remedy
    with pytest.raises(HomeError, match="damaged"):
        trail.check_end()
    assert path.read_bytes() == spoilt


def test_a_trail_that_others_can_change_is_refused(trail, path):
    trail.append([issue(1)], now=NOW)
    path.chmod(0o620)
    with pytest.raises(HomeError, match="changed by others"):
        trail.append([issue(2)], now=NOW)


def test_a_link_in_its_place_is_not_followed(trail, path, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError):
        trail.append([issue(1)], now=NOW)
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_disk_that_is_full_leaves_nothing_half(trail, path, monkeypatch):
    trail.append([issue(1)], now=NOW)
    before = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
    with pytest.raises(HomeError, match="cannot be written") as raised:
        trail.append([issue(2), issue(3)], now=NOW)
    assert "No space left" in raised.value.why
    monkeypatch.undo()
    assert path.read_bytes() == before
    for n in (1, 2):
        with monkeypatch.context() as patch, FailingDisk(n, for_good=False).install(patch), pytest.raises(HomeError):
            trail.append([issue(2)], now=NOW)
        assert path.read_bytes() == before


def test_a_disk_that_does_not_sync_leaves_nothing(trail, path, monkeypatch):
    trail.append([issue(1)], now=NOW)
    before = path.read_bytes()

    def failing(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(HomeError, match="cannot be written"):
        trail.append([issue(2)], now=NOW)
    assert path.read_bytes() == before


def test_a_batch_is_one_write_and_one_sync(trail, path, monkeypatch):
    trail.append([issue(0)], now=NOW)
    calls = []
    for name in ("write", "fdatasync", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (calls.append(name), real(*args))[1])
    trail.append([issue(n) for n in range(64)], now=NOW)
    assert calls == ["write", "fdatasync"]


_APPENDS = """
import sys
from pathlib import Path
from sealmq.devices.trail import Entry, Trail
for n in range(50):
    Trail(Path(sys.argv[1])).append([Entry("x", sys.argv[2], {"n": n})] * 3, now=1e9)
"""


def test_processes_that_append_at_once_make_one_chain(trail, path):
    running = [subprocess.Popen([sys.executable, "-c", _APPENDS, path, str(n)]) for n in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    found = lines(path)
    assert [line.seq for line in found] == list(range(1, 451))
    assert all(later.prev == line.hash for line, later in pairwise(found))
    assert {line.actor for line in found} == {"0", "1", "2"}


def test_who_has_to_wait_too_long_is_told(trail, path, monkeypatch):
    monkeypatch.setattr("sealmq.devices.trail._SECONDS", 0.0)
    trail.append([issue(1)], now=NOW)
    with trail.held(), pytest.raises(HomeError, match="in use"):
        Trail(path).append([issue(1)], now=NOW)


@pytest.mark.parametrize("length", [10, 500, 30_000])
@pytest.mark.parametrize("torn", [b"", b'{"seq":'])
def test_the_lines_are_read_backwards(trail, path, length, torn):
    assert list(trail.backwards()) == []
    facts = {str(part): "z" * min(length, 1000) for part in range(max(1, length // 1000))}
    for n in range(40):
        trail.append([Entry("x", "y", facts | {"n": n})], now=NOW)
    with path.open("ab") as file:
        file.write(torn)
    assert [line.facts["n"] for line in trail.backwards()] == list(range(39, -1, -1))


@pytest.mark.parametrize("spoilt", [b"x" * 300_000, b"x\n", b"\n\n", b"x" * 300_000 + b"\n"])
def test_what_cannot_be_read_backwards_is_told(trail, path, spoilt):
    path.write_bytes(spoilt)
    with pytest.raises(HomeError, match="damaged"):
        list(trail.backwards())


def test_an_end_from_which_it_goes_on_is_good(trail, path):
    trail.check_end()
    assert not path.exists()
    trail.append([issue(1)], now=NOW)
    with path.open("ab") as file:
        file.write(b'{"seq":2,')
    trail.check_end()
