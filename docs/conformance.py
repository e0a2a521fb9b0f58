"""Which statement of the standards is kept where, and which test says so: docs/reference/conformance.md.

The statements are in tests/vectors/clauses.json; where they are kept and tested is read from the citations in src/ and
tests/: `[MQTT-3.3.4-9]`, `[MQTT-3.3.1-9 to -11]`, and for the older standard `[MQTT 3.1.1: MQTT-3.1.2-22]`. A statement
is tested when a test function cites it, in its docstring or in a comment.

`python docs/conformance.py` tells what is missing, unknown or old, and fails then: a part of `make lint`.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGE = DOCS / "reference" / "conformance.md"
STATEMENTS = json.loads((ROOT / "tests" / "vectors" / "clauses.json").read_text(encoding="utf-8"))
LEVELS = ("5.0", "3.1.1")

CHAPTERS = {
    "1.5": "Data types",
    "2.1": "Fixed header",
    "2.2": "Variable header",
    "2.3": "Variable header",
    "3.1": "CONNECT",
    "3.2": "CONNACK",
    "3.3": "PUBLISH",
    "3.4": "PUBACK",
    "3.5": "PUBREC",
    "3.6": "PUBREL",
    "3.7": "PUBCOMP",
    "3.8": "SUBSCRIBE",
    "3.9": "SUBACK",
    "3.10": "UNSUBSCRIBE",
    "3.11": "UNSUBACK",
    "3.12": "PINGREQ",
    "3.14": "DISCONNECT",
    "3.15": "AUTH",
    "4.1": "Session state",
    "4.2": "Network connections",
    "4.3": "Quality of service",
    "4.4": "Delivery, once more",
    "4.5": "Receipt",
    "4.6": "Order",
    "4.7": "Topic names and filters",
    "4.8": "Shared subscriptions",
    "4.9": "Flow control",
    "4.12": "Enhanced authentication",
    "4.13": "Errors",
    "6.0": "WebSocket",
    "7.0": "Conformance",
    "7.1": "Conformance",
}
V311_CHAPTERS = {"2.2": "Fixed header", "4.8": "Errors"}
"""Where the older standard has something else under the number."""

_CITATION = re.compile(r"\[(?P<old>MQTT\s+3\.1\.1:\s)?(?P<list>[^\[\]]*MQTT-\d[^\[\]]*)\](?P<late>[\s#]+of\s3\.1\.1)?")
_CLAUSE = re.compile(r"\b(MQTT-[\d.]+-)(\d+)(?:\s+to\s+-(\d+))?")


class Clause(NamedTuple):
    """A statement by its name: `level` is 5.0 or 3.1.1."""

    level: str
    name: str

    def __str__(self) -> str:
        return f"[MQTT 3.1.1: {self.name}]" if self.level == "3.1.1" else f"[{self.name}]"


class Place(NamedTuple):
    """Where a clause is cited.

    name: the function or class around it. both: it is a test that runs at both levels.
    """

    path: str
    line: int
    name: str
    both: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def citations(text: str) -> Iterator[tuple[Clause, int]]:
    """Each clause that is cited in a file, with its line."""
    for found in _CITATION.finditer(text):
        level = "3.1.1" if found["old"] or found["late"] else "5.0"
        for clause in _CLAUSE.finditer(text, found.start("list"), found.end("list")):
            line = text.count("\n", 0, clause.start()) + 1
            for number in range(int(clause[2]), int(clause[3] or clause[2]) + 1):
                yield Clause(level, f"{clause[1]}{number}"), line


def cited_in_source(path: Path) -> Iterator[tuple[Clause, Place]]:
    """The clauses of a source file, each with what it stands in."""
    text = path.read_text(encoding="utf-8")
    spans = sorted(_spans(ast.parse(text)), key=lambda span: span[1] - span[0])
    for clause, line in citations(text):
        name = next((name for first, last, name in spans if first <= line <= last), "")
        yield clause, Place(path.relative_to(ROOT).as_posix(), line, name)


def _spans(tree: ast.AST, around: str = "") -> Iterator[tuple[int, int, str]]:
    """(first line, last line, name) of everything that has a name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.end_lineno or node.lineno, around + node.name
            yield from _spans(node, f"{around}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(tree, ast.Module):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield node.lineno, node.end_lineno or node.lineno, ast.unparse(target)


def cited_in_tests(path: Path) -> Iterator[tuple[Clause, Place]]:
    """The clauses that the test functions of a file cite: in them, at their decorators, in comments right above."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    tests = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            while first > 1 and lines[first - 2].lstrip().startswith("#"):
                first -= 1
            both = any(argument.arg.endswith("level") for argument in node.args.args)
            tests.append((first, node.end_lineno or first, node, both))
    for clause, line in citations(text):
        for first, last, node, both in tests:
            if first <= line <= last:
                yield clause, Place(path.relative_to(ROOT).as_posix(), node.lineno, node.name, both)


class Conformance:
    """What is kept where.

    lines, tests: clause -> its places. unknown: citations of what is no statement.
    """

    def __init__(self) -> None:
        self.lines: dict[Clause, list[Place]] = {}
        self.tests: dict[Clause, list[Place]] = {}
        self.unknown: list[str] = []
        for path in sorted((ROOT / "src").rglob("*.py")):
            for clause, place in cited_in_source(path):
                self._note(self.lines, clause, place)
        for path in sorted((ROOT / "tests").rglob("*.py")):
            if path != ROOT / "tests" / "test_conformance.py":  # it cites what does not exist
                for clause, place in cited_in_tests(path):
                    self._note(self.tests, clause, place)
                self._look_at(path)

    def _note(self, into: dict[Clause, list[Place]], clause: Clause, place: Place) -> None:
        if clause.name not in STATEMENTS[clause.level]:
            self.unknown.append(f"{place}: MQTT {clause.level} has no statement {clause.name}")
        elif place not in (places := into.setdefault(clause, [])):
            places.append(place)

    def _look_at(self, path: Path) -> None:
        """Whatever stands anywhere in the tests, in tables too, is a statement of one level or the other."""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for name in re.findall(r"\bMQTT-\d[\d.-]*\d", line):
                if not any(name in STATEMENTS[level] for level in LEVELS):
                    self.unknown.append(f"{path.relative_to(ROOT)}:{number}: there is no statement {name}")

    def kept_at(self, clause: Clause) -> list[Place]:
        """The lines that keep it, or its twin of MQTT 5."""
        return self.lines.get(clause) or self.lines.get(_twin(clause), [])

    def tested_by(self, clause: Clause) -> list[Place]:
        """The tests of it. Those of its twin count where they run at both levels."""
        return self.tests.get(clause, []) + [test for test in self.tests.get(_twin(clause), []) if test.both]

    def missing(self) -> Iterator[str]:
        """Each statement for a server without a line or a test, in words."""
        for clause in for_servers():
            if "unkept" in STATEMENTS[clause.level][clause.name]:
                continue
            if not self.kept_at(clause):
                yield f"{clause} is cited in no line of src/"
            if not self.tested_by(clause):
                yield f"{clause} is cited by no test"


def _twin(clause: Clause) -> Clause:
    return Clause("5.0", STATEMENTS[clause.level][clause.name].get("same", ""))


def for_servers(level: str = "") -> list[Clause]:
    """The statements that bind a server, of one level or of both."""
    return [
        Clause(each, name)
        for each in LEVELS
        for name, statement in STATEMENTS[each].items()
        if level in ("", each) and statement["for"] != "client"
    ]


def page() -> str:
    """The text of docs/reference/conformance.md."""
    found = Conformance()
    lines = [
        "# Conformance",
        "",
        "Generated by `docs/conformance.py` from `tests/vectors/clauses.json` and from the clauses that are cited in",
        "`src/` and `tests/`. When a citation has moved, write it anew: `.venv/bin/python docs/generate.py`.",
        "",
        "The statements are numbered as in appendix B of MQTT Version 5.0 (OASIS Standard, 7 March 2019) and of MQTT",
        "Version 3.1.1 (OASIS Standard, 29 October 2014). What they demand is said here in our words; theirs count.",
        "",
        "| | MQTT 5.0 | MQTT 3.1.1 |",
        "| --- | ---: | ---: |",
    ]
    counted = {level: for_servers(level) for level in LEVELS}
    rows = {
        "statements": [len(STATEMENTS[level]) for level in LEVELS],
        "of them for a server": [len(counted[level]) for level in LEVELS],
        "with a line that keeps it": [sum(map(bool, map(found.kept_at, counted[level]))) for level in LEVELS],
        "with a test": [sum(map(bool, map(found.tested_by, counted[level]))) for level in LEVELS],
        "not kept": [sum("unkept" in STATEMENTS[level][each.name] for each in counted[level]) for level in LEVELS],
    }
    lines += [f"| {what} | {' | '.join(map(str, numbers))} |" for what, numbers in rows.items()]
    lines += [""]
    lines += _remarks("unkept", "Not kept", "None.")
    lines += _remarks("note", "How it is meant here", "")
    for level in LEVELS:
        lines += [f"## MQTT {level}", ""]
        chapter = ""
        for clause in counted[level]:
            section = ".".join(clause.name.removeprefix("MQTT-").split(".")[:2]).partition("-")[0]
            if section != chapter:
                chapter = section
                title = V311_CHAPTERS.get(section, CHAPTERS[section]) if level == "3.1.1" else CHAPTERS[section]
                lines += ["", f"### {level}: {section} {title}", "", "| statement | demands | line | test |"]
                lines += ["| --- | --- | --- | --- |"]
            lines += [_row(clause, found)]
        lines += [""]
    lines += ["## For clients alone", ""]
    lines += ["Not claimed here: `sealmq pub`, `sealmq sub` and `sealmq.client` stand on paho."]
    for level in LEVELS:
        lines += ["", f"MQTT {level}:", ""]
        lines += [f"- {key}: {one['says']}" for key, one in STATEMENTS[level].items() if one["for"] == "client"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _remarks(kind: str, title: str, otherwise: str) -> list[str]:
    rows = [
        f"- MQTT {level}, {name}: {statement[kind]}"
        for level in LEVELS
        for name, statement in STATEMENTS[level].items()
        if kind in statement
    ]
    return [f"## {title}", "", *(rows or [otherwise]), ""]


def _row(clause: Clause, found: Conformance) -> str:
    statement = STATEMENTS[clause.level][clause.name]
    demands = statement["says"]
    if "same" in statement:
        demands += f" As {statement['same']} of 5.0."
    sources = [f"[{each.path.removeprefix('src/sealmq/')}:{each.line}](../../{each.path}#L{each.line})"
               + (f" `{each.name}`" if each.name else "") for each in found.kept_at(clause)]  # fmt: skip
    tests = dict.fromkeys(f"[{each.name}](../../{each.path})" for each in found.tested_by(clause))
    return f"| {clause.name} | {demands} | {'<br>'.join(sources) or '-'} | {'<br>'.join(tests) or '-'} |"


def main() -> int:
    """Say what is wrong with the citations and the page; 1 where anything is."""
    found = Conformance()
    wrong = [*found.unknown, *found.missing()]
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        wrong.append("docs/reference/conformance.md is old; next: .venv/bin/python docs/generate.py")
    for each in wrong:
        print(each, file=sys.stderr)  # noqa: T201 - saying it is what this is for
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
