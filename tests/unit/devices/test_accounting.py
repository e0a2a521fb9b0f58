from __future__ import annotations

import json
from hashlib import sha256

import pytest

from failing_disk import FailingDisk
from sealmq.devices import accounting
from sealmq.devices.accounting import FINDINGS_KEPT, verify
from sealmq.devices.records import Confirmation, Reservation
from sealmq.devices.registry import Registry
from sealmq.devices.trail import ISSUE, RELEASE, REVOKE, Entry, Trail
from sealmq.errors import HomeError

NOW = 1_800_000_000.0


@pytest.fixture
def trail(tmp_path):
    return Trail(tmp_path / "audit.jsonl")


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "sealmq.db") as registry:
        yield registry


def entry(n, action=ISSUE, **facts):
    facts = {"serial": f"{n:032x}", "device": f"sensor-{n}", "fingerprint": f"f{n}"} | facts
    return Entry(action, "cli:root", facts)


def issue(trail, registry, *numbers, now=NOW, told=True, confirmed=True):
    for n in numbers:
        serial = f"{n:032x}"
        registry.reserve(
            Reservation(serial, f"sensor-{n}", "device", "ca", now - 1, now + 1e6, f"k{n}"),
            now=now,
        )
        if told:
            trail.append([entry(n)], now=now)
        if confirmed:
            assert registry.confirm_devices([Confirmation(serial, f"f{n}", "device", f"uuid-{n}")], now=now) == [None]


def said(verdict):
    return [(finding.line, finding.what) for finding in verdict.findings]


def change(trail, number, **fields):
    """Change a line as somebody would who knows how its hash is made."""
    lines = trail.path.read_bytes().splitlines(keepends=True)
    changed = json.loads(lines[number - 1]) | fields
    del changed["hash"]
    body = json.dumps(changed, separators=(",", ":")).removesuffix("}").encode()
    lines[number - 1] = body + b',"hash":"' + sha256(body).hexdigest().encode() + b'"}\n'
    trail.path.write_bytes(b"".join(lines))


def test_what_was_issued_fits(trail, registry):
    issue(trail, registry, *range(1, 30))
    verdict = verify(trail, registry)
    assert verdict.holds
    assert (verdict.lines, verdict.issued, verdict.older, verdict.torn) == (29, 29, 0, 0)
    assert (verdict.begun, verdict.ended) == ("2027-01-15T08:00:00.000Z",) * 2
    alone = verify(trail)
    assert alone.holds
    assert (alone.lines, alone.issued) == (29, 0)


def test_nothing_fits_nothing(trail, registry):
    assert verify(trail, registry).holds
    assert verify(trail).lines == 0
    assert not trail.path.exists()


def test_a_line_that_was_changed_is_named(trail, registry):
    issue(trail, registry, 1, 2, 3)
    trail.path.write_bytes(trail.path.read_bytes().replace(b"sensor-2", b"sensor-9"))
    verdict = verify(trail)
    assert said(verdict) == [(2, "the line is not what was written: its hash is another")]


def test_a_line_that_was_changed_with_its_hash_is_told_by_the_next(trail, registry):
    issue(trail, registry, 1, 2, 3)
    change(trail, 2, actor="somebody")
    assert [finding.line for finding in verify(trail).findings] == [3]
    assert "not the one that stood there" in verify(trail).findings[0].what


@pytest.mark.parametrize("removed", [1, 2])
def test_a_line_that_was_removed_leaves_a_gap(trail, registry, removed):
    issue(trail, registry, 1, 2, 3)
    lines = trail.path.read_bytes().splitlines(keepends=True)
    del lines[removed - 1]
    trail.path.write_bytes(b"".join(lines))
    assert said(verify(trail)) == [
        (removed, f"number {removed + 1} follows number {removed - 1}: lines were removed or put in")
    ]


def test_lines_that_were_cut_off_the_end_are_missed_by_the_registry(trail, registry):
    issue(trail, registry, 1, 2, 3)
    lines = trail.path.read_bytes().splitlines(keepends=True)
    trail.path.write_bytes(b"".join(lines[:2]))
    assert verify(trail).holds
    assert said(verify(trail, registry)) == [
        (0, f"the certificate of 'sensor-3' (serial {3:032x}) is valid, and no line says who made it")
    ]


def test_no_certificate_without_its_line_in_whatever_state(trail, registry):
    issue(trail, registry, 1)
    issue(trail, registry, 2, 3, told=False)
    registry.revoke("sensor-3", "unspecified", now=NOW)
    assert verify(trail, registry).found == 2


def test_what_was_never_finished_needs_no_line_and_may_have_one(trail, registry):
    issue(trail, registry, 1)
    issue(trail, registry, 2, confirmed=False)
    issue(trail, registry, 3, confirmed=False, told=False)
    issue(trail, registry, 4, confirmed=False)
    registry.abandon("device", "sensor-4")
    assert verify(trail, registry).holds
    assert verify(trail, registry).issued == 3


def test_what_is_older_than_the_trail_is_counted(trail, registry):
    issue(trail, registry, 1, 2, now=NOW - 100, told=False)
    issue(trail, registry, 3)
    verdict = verify(trail, registry)
    assert verdict.holds
    assert (verdict.issued, verdict.older) == (1, 2)


def test_a_registry_that_was_put_back_is_noticed(trail, registry, tmp_path):
    issue(trail, registry, 1)
    trail.append([entry(2), entry(3)], now=NOW)
    assert said(verify(trail, registry)) == [
        (n, f"the registry knows no serial {n:032x}: an older registry was put in its place") for n in (2, 3)
    ]


def test_a_revocation_that_was_undone_in_the_registry_is_noticed(trail, registry):
    issue(trail, registry, 1, 2)
    trail.append([entry(1, REVOKE), Entry(REVOKE, "x", {"serials": f"{2:032x}", "device": "sensor-2"})], now=NOW)
    assert [(f.line, "was revoked" in f.what) for f in verify(trail, registry).findings] == [(1, True), (2, True)]
    registry.revoke("sensor-1", "unspecified", now=NOW)
    assert verify(trail, registry).found == 1
    trail.append([entry(2, RELEASE)], now=NOW)
    assert verify(trail, registry).holds


def test_a_certificate_that_was_exchanged_in_the_registry_is_noticed(trail, registry):
    issue(trail, registry, 1)
    change(trail, 1, facts={"serial": f"{1:032x}", "device": "sensor-1", "fingerprint": "other"})
    assert said(verify(trail, registry)) == [
        (1, f"the certificate of 'sensor-1' (serial {1:032x}) is another one in the registry")
    ]


def test_two_certificates_with_one_serial_are_noticed(trail, registry):
    issue(trail, registry, 1, 2)
    trail.append([entry(1), entry(2, fingerprint="another")], now=NOW)
    assert [finding.line for finding in verify(trail, registry).findings] == [2]


def test_a_clock_that_went_back_is_told_and_breaks_nothing(trail):
    for now in (NOW, NOW - 59, NOW - 3600, NOW):
        trail.append([Entry("x", "y", {})], now=now)
    verdict = verify(trail)
    assert verdict.holds
    assert [(each.line, each.what) for each in verdict.backwards] == [(3, "the clock went back by 3,541 seconds")]


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"null\n", b"\xff\n", b'{"seq":2}\n', b"[" * 5000 + b"\n", b"x" * 70_000 + b"\n"]
)
def test_what_is_no_line_is_told_and_the_rest_is_read(trail, line):
    for _ in range(3):
        trail.append([Entry("x", "y", {})], now=NOW)
    lines = trail.path.read_bytes().splitlines(keepends=True)
    trail.path.write_bytes(lines[0] + line + lines[2])
    verdict = verify(trail)
    assert not verdict.holds
    assert verdict.findings[0].line == 2


def test_fields_of_another_kind_are_no_line(trail):
    trail.append([Entry("x", "y", {}), Entry("x", "y", {})], now=NOW)
    for fields in ({"seq": "2"}, {"facts": []}, {"time": "yesterday"}, {"time": 5}, {"more": 1}):
        change(trail, 2, **fields)
        assert [finding.line for finding in verify(trail).findings] == [2], fields
        change(trail, 2, seq=2, facts={}, time="2027-01-15T08:00:00.000Z")


def test_a_revocation_that_names_no_serial_is_told(trail, registry):
    trail.append([Entry(REVOKE, "y", {"device": "sensor-1"})], now=NOW)
    assert said(verify(trail, registry)) == [(1, "'revoke' names no serial")]


def test_a_half_line_at_the_end_is_no_damage(trail, registry):
    issue(trail, registry, 1)
    with trail.path.open("ab") as file:
        file.write(b'{"seq":2,"ti')
    verdict = verify(trail, registry)
    assert verdict.holds
    assert (verdict.lines, verdict.torn) == (1, 12)
    trail.check_end()


def test_findings_are_counted_and_some_are_kept(trail, registry):
    issue(trail, registry, 1)
    issue(trail, registry, *range(2, 50), told=False)
    verdict = verify(trail, registry)
    assert (verdict.found, len(verdict.findings)) == (48, FINDINGS_KEPT)


def test_certificates_are_compared_in_pages(trail, registry, monkeypatch):
    monkeypatch.setattr(accounting, "_BATCH", 3)
    issue(trail, registry, *range(1, 21))
    trail.append([entry(n, REVOKE) for n in range(5, 15)], now=NOW)
    trail.append([entry(n, RELEASE) for n in range(5, 15)], now=NOW)
    trail.append([entry(0), entry(100)], now=NOW)
    verdict = verify(trail, registry)
    assert verdict.issued == 20
    assert [finding.line for finding in verdict.findings] == [41, 42]


def test_who_issues_meanwhile_breaks_nothing(trail, registry, tmp_path, monkeypatch):
    """The registry and the trail are those of one moment."""
    issue(trail, registry, 1)
    lines = accounting._lines
    with Registry.open(tmp_path / "sealmq.db") as other:

        def slow(*args):
            issue(trail, other, 2, 3)
            yield from lines(*args)

        monkeypatch.setattr(accounting, "_lines", slow)
        verdict = verify(trail, registry)
    assert verdict.holds
    assert (verdict.lines, verdict.issued) == (1, 1)
    monkeypatch.undo()
    assert verify(trail, registry).issued == 3


def test_a_place_for_temporary_files_that_is_full_is_told(trail, registry, monkeypatch):
    issue(trail, registry, 1)
    disk = FailingDisk(1, for_good=True).install(monkeypatch)
    with disk, pytest.raises(HomeError, match="cannot be compared"):
        verify(trail, registry)


def test_a_trail_that_cannot_be_read_is_told(trail, registry):
    trail.path.mkdir()
    with pytest.raises(HomeError):
        verify(trail, registry)
