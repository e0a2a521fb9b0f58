"""The table at the end of a test run: what every interop client has sent and got, and how much of it was wrong.

A test says its line by `record_property(NAME, line)`, and the line travels in its report: with pytest-xdist the tests
run in other processes than the one that prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

NAME = "interop line"

COLUMNS = ("client", "version", "MQTT", "QoS", "direction", "messages", "mismatches")


def interop_line(
    client: str, version: str, level: int, qos: str, direction: str, messages: int, mismatches: int
) -> dict[str, Any]:
    """What one test says."""
    mqtt = {4: "3.1.1", 5: "5"}[level]
    return dict(zip(COLUMNS, (client, version, mqtt, qos, direction, messages, mismatches), strict=True))


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The lines of the table, or none when no test said one."""
    found = [value for report in reports for name, value in report.user_properties if name == NAME]
    if not found:
        return []
    found.sort(key=lambda line: [str(line[name]).lower() for name in ("client", "version", "MQTT", "direction", "QoS")])
    rows = [COLUMNS, *([str(line[name]) for name in COLUMNS] for line in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    shown = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    clients = len({line["client"] for line in found})
    sent, wrong = (sum(line[name] for line in found) for name in ("messages", "mismatches"))
    return [*shown, f"{clients} interop clients, {len(found)} lines, {sent} messages, {wrong} mismatches"]
