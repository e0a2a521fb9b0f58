"""What all tests share: at the end, which tests with other people's programs were left out, and why."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line which interop tests were left out; -ra names each of them."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if "interop" in report.keywords]
    if left_out:
        reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in left_out})
        terminalreporter.write_line(f"{len(left_out)} interop tests were left out: {'; '.join(reasons)}", yellow=True)
    else:
        ran = {
            report.nodeid
            for outcome in ("passed", "failed")
            for report in terminalreporter.stats.get(outcome, [])
            if "interop" in report.keywords
        }
        terminalreporter.write_line(f"no interop test was left out ({len(ran)} ran)")
