"""A Report for programs: JSON, and the JSON Schema (2020-12) that it keeps to.

Both are made from the dataclasses themselves, so that neither can forget a field. Text stays as it is in the Report
(JSON escapes what must be): only what is no Unicode at all, a lone surrogate, stands there as an escape.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import types
import typing
from typing import Any, Final

from sealmq.kit.handshake.report import Kind, Outcome, Report

SCHEMA_ID: Final = "urn:sealmq:handshake:1"
"""What the schema is called. A name and no address: nobody needs to fetch anything."""

_EXIT_CODE: Final = "exit_code"
_SIMPLE: Final[dict[object, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}


def as_json(report: Report) -> dict[str, Any]:
    """The Report as what `json.dumps` takes: names of fields as keys, enumerations as text, tuples as lists."""
    made: dict[str, Any] = _plain(report)
    made["outcome"][_EXIT_CODE] = report.outcome.kind.exit_code
    return made


def schema() -> dict[str, Any]:
    """The JSON Schema of what `as_json` gives, with the sentences of report.py."""
    definitions: dict[str, Any] = {}
    _describe(Report, definitions)
    outcome = definitions[Outcome.__name__]
    codes = sorted({kind.exit_code for kind in Kind})
    outcome["properties"][_EXIT_CODE] = {
        "type": "integer",
        "enum": codes,
        "description": _one_paragraph(inspect.getdoc(Kind.exit_code) or ""),
    }
    outcome["required"].append(_EXIT_CODE)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "sealmq handshake --json",
        "$ref": f"#/$defs/{Report.__name__}",
        "$defs": dict(sorted(definitions.items())),
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, enum.StrEnum):
        return value.value
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    return value


def _describe(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; a dataclass or an enumeration gets a definition of its own."""
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        parts = [_describe(each, definitions) for each in arguments]
        names = [part["type"] for part in parts if part.keys() == {"type"}]
        return {"type": names} if len(names) == len(parts) else {"anyOf": parts}
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": _describe(arguments[0], definitions)}
        parts = [_describe(each, definitions) for each in arguments]
        return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # a Field has Fields inside: it refers to itself
        definitions[kind.__name__].update(_definition(kind, definitions))
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _definition(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    about, fields = _sentences(inspect.getdoc(kind) or "")
    if issubclass(kind, enum.Enum):
        return {"description": about, "type": "string", "enum": [each.value for each in kind]}
    hints = typing.get_type_hints(kind)
    properties: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        properties[field.name] = _describe(hints[field.name], definitions)
        if field.name in fields:
            properties[field.name]["description"] = fields[field.name]
    return {
        "description": about,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _sentences(text: str) -> tuple[str, dict[str, str]]:
    """Of a docstring what it says on the whole, and what it says on each field (`name:  words`)."""
    starts = re.compile(r"(?:^|(?<=\. )) *([a-z][a-z_0-9]*):\s+", re.MULTILINE)
    found = list(starts.finditer(text))
    if not found:
        return _one_paragraph(text), {}
    ends = [match.start() for match in found[1:]] + [len(text)]
    told = {
        match[1]: _one_paragraph(text[match.end() : end]) for match, end in zip(found, ends, strict=True)
    }  # fmt: skip
    return _one_paragraph(text[: found[0].start()]), told


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())
