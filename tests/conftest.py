"""What all tests share: at the end, what the great ones have to say in a line, and which tests with other people's
programs were left out, and why.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import interop_table
from stacks import Stage
from tls_pairs import Trust
from tokens import SoftHSM, softhsm

hypothesis.settings.register_profile("sealmq", deadline=None)  # a machine that is busy is no mistake of ours
hypothesis.settings.load_profile("sealmq")

BUILT = Path(__file__).parent.parent / ".middleware"
if BUILT.is_dir():  # by `make test`; the programs that tests start look there too
    os.environ.setdefault("SEALMQ_MIDDLEWARE_DIR", str(BUILT))

QUICK = ("unit", "scenarios")
"""The tests whose files may be in memory. They make thousands, each with its fsync, and see no difference: who fails a
write or a sync does it in the program (failing_disk.py). Those that kill a broker or fill a disk have a real one."""

IN_MEMORY = Path("/dev/shm")

ENOUGH = 1 << 29
"""Bytes that must be free there."""


def has_room(folder: Path) -> bool:
    """Is this a place for the files of the quick tests, programs among them?"""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC and shutil.disk_usage(folder).free > ENOUGH


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """pytest's own; for the quick tests in memory, where the machine has a place for it."""
    if request.path.relative_to(Path(__file__).parent).parts[0] not in QUICK or not has_room(IN_MEMORY):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="sealmq-", dir=IN_MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=[4, 5], ids=["3.1.1", "5"])
def level(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A PKCS#11 token; without SoftHSM the test is left out."""
    return softhsm(tmp_path_factory.mktemp("softhsm"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write the mark into each report: the summary may be made in another process than the test."""
    for item in items:
        if item.get_closest_marker("interop"):
            item.user_properties.append(("interop", True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the interop clients; and in one line which interop tests were left out: -ra names each of them."""

    def interop(outcome: str) -> list[pytest.TestReport]:
        reports = terminalreporter.stats.get(outcome, [])
        return [report for report in reports if ("interop", True) in map(tuple, getattr(report, "user_properties", []))]

    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, line in map(tuple, getattr(report, "user_properties", [])):
                if name == "said" and getattr(report, "when", "") == "call":
                    terminalreporter.write_line(line)
    if lines := interop_table.table([*interop("passed"), *interop("failed")]):
        terminalreporter.section("interop clients")
        for line in lines:
            terminalreporter.write_line(line)
    left_out, ran = interop("skipped"), len(interop("passed") + interop("failed"))
    if left_out:
        reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in left_out})  # type: ignore[index]
        terminalreporter.write_line(f"{len(left_out)} interop tests were left out: {'; '.join(reasons)}", yellow=True)
    elif ran:
        terminalreporter.write_line(f"{ran} interop tests ran, none was left out")
