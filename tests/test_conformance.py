"""Habit 4 of CONTRIBUTING.md: a citation names a statement, and a statement for a server has a line and a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import conformance
from conformance import STATEMENTS, Clause, Conformance, citations, cited_in_source, cited_in_tests

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def found() -> Conformance:
    return Conformance()


def test_every_citation_names_a_statement(found: Conformance) -> None:
    assert found.unknown == []


def test_every_statement_for_a_server_has_a_line_and_a_test(found: Conformance) -> None:
    assert list(found.missing()) == []


def test_the_statements_are_those_of_the_standards() -> None:
    """As many as appendix B has, without a gap but the one that MQTT 5.0 has itself: there is no MQTT-2.2.1-1."""
    assert {level: len(STATEMENTS[level]) for level in conformance.LEVELS} == {"5.0": 251, "3.1.1": 143}
    for level in conformance.LEVELS:
        numbers: dict[str, list[int]] = {}
        for name, statement in STATEMENTS[level].items():
            section, _, number = name.rpartition("-")
            numbers.setdefault(section, []).append(int(number))
            assert statement["for"] in ("server", "client", "both"), name
            assert statement["says"].endswith("."), name
            assert statement.get("same", next(iter(STATEMENTS["5.0"]))) in STATEMENTS["5.0"], name
        for section, present in numbers.items():
            first = 2 if (level, section) == ("5.0", "MQTT-2.2.1") else 1
            assert present == list(range(first, first + len(present))), section


def test_citations_are_read_with_their_level_and_line() -> None:
    text = """
        # [MQTT-3.1.2-4], [MQTT 3.1.1: MQTT-3.1.2-24, MQTT-3.1.2-6],
        # [MQTT-3.1.3-8] of 3.1.1, [MQTT-3.3.1-9 to -11] and [3.1.1, 3.2.2.3], section [MQTT 3.3.2.1]
        # [MQTT-1.5.4-1,
        # MQTT-1.5.4-2]
    """
    assert [(clause.level, clause.name, line) for clause, line in citations(text)] == [
        ("5.0", "MQTT-3.1.2-4", 2),
        ("3.1.1", "MQTT-3.1.2-24", 2),
        ("3.1.1", "MQTT-3.1.2-6", 2),
        ("3.1.1", "MQTT-3.1.3-8", 3),
        ("5.0", "MQTT-3.3.1-9", 3),
        ("5.0", "MQTT-3.3.1-10", 3),
        ("5.0", "MQTT-3.3.1-11", 3),
        ("5.0", "MQTT-1.5.4-1", 4),
        ("5.0", "MQTT-1.5.4-2", 5),
    ]


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """A file in a project of its own."""
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    path = tmp_path / "test_x.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_test_counts_where_it_cites_and_says_whether_it_runs_at_both_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(
        tmp_path,
        monkeypatch,
        '# [MQTT-3.1.0-1] of nobody\n\n# [MQTT-3.1.2-4]\n@mark\ndef test_one(level):\n    """[MQTT-3.1.2-5]"""\n\n\n'
        "def helper():\n    pass  # [MQTT-3.1.2-7]\n\n\ndef test_two():\n    pass  # [MQTT-3.1.2-6]\n",
    )
    cited = [(clause.name, place.name, place.both) for clause, place in cited_in_tests(path)]
    assert cited == [
        ("MQTT-3.1.2-4", "test_one", True),
        ("MQTT-3.1.2-5", "test_one", True),
        ("MQTT-3.1.2-6", "test_two", False),
    ]


def test_a_line_is_named_by_what_it_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(
        tmp_path,
        monkeypatch,
        "TABLE = {\n    1: 2,  # [MQTT-3.1.2-4]\n}\n\n\n"
        "class A:\n    def b(self):\n        return 1  # [MQTT-3.1.2-5]\n",
    )
    places = [(place.line, place.name) for _, place in cited_in_source(path)]
    assert places == [(2, "TABLE"), (8, "A.b")]


def test_what_does_not_exist_or_is_not_kept_is_found(found: Conformance) -> None:
    """The check can fail: a clause that is unknown, one without a line, one without a test, each by its name."""
    lacking = Conformance()
    lacking.lines.pop(Clause("5.0", "MQTT-3.12.4-1"))
    lacking.tests.pop(Clause("5.0", "MQTT-3.12.4-1"))
    assert list(lacking.missing()) == [
        "[MQTT-3.12.4-1] is cited in no line of src/",
        "[MQTT-3.12.4-1] is cited by no test",
        "[MQTT 3.1.1: MQTT-3.12.4-1] is cited in no line of src/",
        "[MQTT 3.1.1: MQTT-3.12.4-1] is cited by no test",
    ]
    lacking._note(lacking.lines, Clause("5.0", "MQTT-3.1.2-99"), conformance.Place("src/x.py", 7, "f"))
    assert lacking.unknown == ["src/x.py:7: MQTT 5.0 has no statement MQTT-3.1.2-99"]


def test_make_lint_asks() -> None:
    assert "docs/conformance.py" in (ROOT / "Makefile").read_text(encoding="utf-8").partition("lint:")[2]
    checked = subprocess.run(
        [sys.executable, ROOT / "docs" / "conformance.py"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
