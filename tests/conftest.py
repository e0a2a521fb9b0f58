"""What all tests share: at the end, which tests with other people's programs were left out, and why."""

from __future__ import annotations

import pytest

import interop_table


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
