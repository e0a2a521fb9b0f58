"""`sealmq handshake --compare 1.2,1.3,resumed,mtls`: handshakes side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sealmq.cli.handshake_output import Outputs
    from sealmq.kit.handshake.dial import Call


def compare_handshakes(call: Call, ways: str, times: int, outputs: Outputs) -> int:
    """Measure, show, and return the exit code: 0 when at least one connection came about."""
    from sealmq.cli.handshake_output import console, progress, write_text
    from sealmq.kit.handshake.comparing import compare, read_ways
    from sealmq.kit.handshake.draw.comparison import as_json as comparison_as_json
    from sealmq.kit.handshake.draw.comparison import show_comparison
    from sealmq.kit.handshake.draw.comparison_html import draw_comparison_html
    from sealmq.kit.handshake.draw.comparison_svg import draw_comparison_svg
    from sealmq.kit.handshake.report import Kind

    read = read_ways(ways)
    with progress("dialling") as tell:
        comparison = compare(call, read, times, tell=tell)
    title = f"{call.host}:{call.port}" + (f", by {comparison.library}" if comparison.library else "")
    if outputs.html is not None:
        write_text(outputs.html, draw_comparison_html(comparison, title=title))
    if outputs.svg is not None:
        write_text(outputs.svg, draw_comparison_svg(comparison, title=title))
    if outputs.as_json:
        typer.echo(json.dumps(comparison_as_json(comparison), indent=2))
    else:
        show_comparison(comparison, console())
    outcomes = [report.outcome for column in comparison.columns for report in column.reports]
    if any(outcome.kind is Kind.CONNECTED for outcome in outcomes):
        return 0
    return outcomes[0].kind.exit_code
