"""Write the pages of docs/ that are made from the source: `python docs/generate.py`.

A test compares each page with what this script would write, so none of them grows old.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

import bundles
import certificate_profiles
import conformance
import error_codes
import middleware_matrix
from sealmq import config
from sealmq.broker.limits import MET, Limits
from sealmq.cli import app
from sealmq.kit.handshake.draw.as_json import schema
from sealmq.mqtt.state import tables_as_markdown
from sealmq.tls.policy import TLSPolicy

DOCS = Path(__file__).parent


def field_reasons(kind: type) -> dict[str, str]:
    """Each field of a dataclass, class variables included, with the docstring below it ("" where there is none)."""
    (body,) = (node for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    reasons: dict[str, str] = {}
    for node, following in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            told = following.value if isinstance(following, ast.Expr) else None
            text = told.value if isinstance(told, ast.Constant) and isinstance(told.value, str) else ""
            reasons[node.target.id] = inspect.cleandoc(text)
    return reasons


def why_these_defaults() -> str:
    """The reason of every default, a heading for each field."""
    lines = [
        "# Why these defaults",
        "",
        "Generated from the docstrings in `src/sealmq/tls/policy.py` and `src/sealmq/broker/limits.py` by",
        "`docs/generate.py`: change them there, not this page.",
        "",
        "What `sealmq.toml` can change is in [its reference](../reference/configuration.md). What it cannot change is",
        "meant so.",
    ]
    rooms = (
        ("TLS", TLSPolicy, "Names in capitals are fixed: they are written down for their reasons, not to be changed."),
        ("Limits", Limits, "How much one client, one session and everybody together may ask of the broker."),
    )
    for title, kind, lead in rooms:
        lines += ["", f"## {title}", "", lead]
        for name, reason in field_reasons(kind).items():
            lines += ["", f"### {name}", "", *_default(getattr(kind(), name)), reason]
    return "\n".join(lines) + "\n"


def _default(value: object) -> Iterator[str]:
    """The default in one line, or as a list where it is a tuple; large numbers with their thousands apart."""
    if isinstance(value, tuple):
        yield "Default:"
        yield ""
        yield from (f"- `{each}`" for each in value)
    elif isinstance(value, bool):
        yield f"Always: {'yes' if value else 'no'}."
    elif isinstance(value, int | float):
        yield f"Default: {value:,.0f}."
    else:
        yield f'Default: "{value}".'
    yield ""


def configuration() -> str:
    """The commented sealmq.toml of the first start, as it is written."""
    return "\n".join(
        (
            "# sealmq.toml",
            "",
            "Generated from `src/sealmq/config/` by `docs/generate.py`: change the text there, not this page.",
            "",
            "The first `sealmq up` writes this file into the home. The reason of each default is in",
            "[Why these defaults](../explanation/why-these-defaults.md).",
            "",
            "```toml",
            config.default_text().rstrip("\n"),
            "```",
            "",
            "## What a limit may be, and what happens when it is met",
            "",
            "How often it was met since the start stands at `$SYS/broker/sealmq/limits/KEY`, for the operator.",
            "",
            "| key | smallest | largest | what happens |",
            "| --- | --- | --- | --- |",
            *(
                f"| `{key}` | {smallest:,} | {largest:,} | {MET[key]} |"
                for key, (smallest, largest) in config.LIMIT_RANGES.items()
            ),
            "",
        )
    )


def command_line() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# The command line",
        "",
        "Generated from `src/sealmq/cli/` by `docs/generate.py`: change the texts there, not this page.",
        "",
        "Exit codes: 0 done; 1 it failed, or can't be done as asked; 2 the command line or `sealmq.toml` is wrong;",
        "27 `sub -W` ran out; 130 interrupted.",
    ]
    for words, command in _commands("sealmq", typer.main.get_command(app)):
        lines += ["", f"## {words}", "", _in_one_line(command.help)]
        for title, kind in (("argument", "argument"), ("option", "option")):
            shown = [each for each in command.params if each.param_type_name == kind and not each.hidden]
            if shown:
                lines += ["", f"| {title} | meaning |", "| --- | --- |", *map(_parameter, shown)]
    return "\n".join(lines) + "\n"


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command, if it does something by itself, and all below it."""
    below = getattr(command, "commands", None)
    if below is None or words == "sealmq" or command.invoke_without_command:
        yield words, command
    for name, each in (below or {}).items():
        yield from _commands(f"{words} {name}", each)


def _parameter(parameter: Any) -> str:
    """One line of a table."""
    name = parameter.metavar or ""
    if parameter.param_type_name == "option":
        name = f"{', '.join(sorted(parameter.opts, key=len))} {name}".rstrip()
    meaning = _in_one_line(parameter.help)
    default = parameter.default
    if parameter.required:
        meaning += " Required."
    elif isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        meaning += f" Default: {default}."
    return f"| `{name.replace('|', '/')}` | {meaning} |"


def _in_one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def handshake_schema() -> str:
    """What `sealmq handshake --json` prints, as a JSON Schema."""
    return json.dumps(schema(), indent=2) + "\n"


def firmware_footprint() -> str:
    """What the reference device takes, for the package: it is shown where docs/ is not."""
    return (DOCS / "reference" / "firmware-footprint.json").read_text(encoding="utf-8")


PAGES: dict[str, Callable[[], str]] = {
    "../src/sealmq/kit/middleware/footprint.json": firmware_footprint,
    "explanation/why-these-defaults.md": why_these_defaults,
    "reference/bundles.md": bundles.page,
    "reference/certificates.md": certificate_profiles.page,
    "reference/cli.md": command_line,
    "reference/configuration.md": configuration,
    "reference/conformance.md": conformance.page,
    "reference/error-codes.md": error_codes.page,
    "reference/handshake.schema.json": handshake_schema,
    "reference/middleware-matrix.md": middleware_matrix.page,
    "reference/state-machine.md": tables_as_markdown,
}
"""The page -> what makes its text."""


def main() -> None:
    """Write every page."""
    for page, text in PAGES.items():
        (DOCS / page).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / page).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
