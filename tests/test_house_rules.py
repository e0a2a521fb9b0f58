"""What a program can hold of the habits in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

import sealmq
import sealmq.client
from sealmq.broker.limits import Limits
from sealmq.cli import app
from sealmq.tls.policy import TLSPolicy

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "sealmq"
MODULES = sorted(SRC.rglob("*.py"))
TESTED = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
LONGEST_MAP = 160


def within(path: Path) -> str:
    return str(path.relative_to(ROOT))


def in_src(path: Path) -> str:
    return str(path.relative_to(SRC))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


# --- (1) to (3): each file has its test, nothing is too long, the map is true


@pytest.mark.parametrize("path", TESTED, ids=in_src)
def test_each_file_has_its_test(path: Path) -> None:
    relative = path.relative_to(SRC)
    mirror = ROOT / "tests" / "unit" / relative.parent / f"test_{relative.name}"
    assert mirror.exists(), f"{within(path)} has no {within(mirror)}"


def test_each_test_has_its_file() -> None:
    unit = ROOT / "tests" / "unit"
    for path in unit.rglob("test_*.py"):
        relative = path.relative_to(unit)
        name = relative.name.removeprefix("test_")
        of_a_file = SRC / relative.parent / name
        of_a_room = SRC / relative.parent / "__init__.py"
        is_of_a_room = name == f"{relative.parent.name}.py" and of_a_room.exists()
        assert of_a_file.exists() or is_of_a_room, f"{within(path)} tests no file of that name"


@pytest.mark.parametrize("path", MODULES, ids=in_src)
def test_no_file_is_too_long(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{within(path)} has {lines} lines: which two ideas are in it?"


@pytest.mark.parametrize("path", MODULES, ids=in_src)
def test_no_function_is_too_long(path: Path) -> None:
    for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
        first = function.body[0].lineno
        if isinstance(function.body[0], ast.Expr) and isinstance(function.body[0].value, ast.Constant):
            first = (function.body[0].end_lineno or first) + 1  # the docstring is free
        if "cli" not in path.parts:  # a command's signature is its list of options
            first -= function.body[0].lineno - function.lineno
        lines = (function.end_lineno or first) - first + 1
        assert lines <= LONGEST_FUNCTION, f"{within(path)}: {function.name} has {lines} lines"


def map_rows() -> list[tuple[str, str]]:
    """The files and names in the tables of ARCHITECTURE.md: each name with the file in the column before it."""
    rows = []
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) < 3 or not line.startswith("|"):
            continue
        for file in re.findall(r"`([\w/]+\.py)`", cells[1]):
            rows += [(file, name) for name in re.findall(r"`([\w.]+)`", cells[2])]
    return rows


@pytest.mark.parametrize(("file", "name"), map_rows())
def test_the_map_names_what_is_there(file: str, name: str) -> None:
    scope: Any = ast.parse((SRC / file).read_text(encoding="utf-8"))
    for part in name.split("."):
        named = {
            node.name: node
            for node in scope.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert part in named, f"{file} has no {name}"
        scope = named[part]


def test_the_map_is_short_and_names_files_that_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(map_rows()) > 20
    assert len(text.splitlines()) <= LONGEST_MAP
    for file in re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|md|toml))`", text):
        if file != "sealmq.toml":
            assert (SRC / file).exists() or (ROOT / file).exists() or (ROOT / "src" / file).exists(), file


# --- (5) and (6): pages that are generated, fields that have reasons; (4), clauses, is in test_conformance.py


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(generator().PAGES))
def test_generated_pages_are_fresh(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generator().PAGES[page](), "run: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("kind", [TLSPolicy, Limits])
def test_each_default_has_its_reason(kind: type) -> None:
    reasons = generator().field_reasons(kind)
    assert {field.name for field in dataclasses.fields(kind)} <= reasons.keys()
    page = (ROOT / "docs" / "explanation" / "why-these-defaults.md").read_text(encoding="utf-8")
    for name, reason in reasons.items():
        assert len(reason) >= 10, f"{kind.__name__}.{name} has no reason below it"
        assert f"\n### {name}\n" in page


# --- (7) and (8): names


def test_public_names_are_frozen() -> None:
    names = {name for name in vars(sealmq) if not name.startswith("_")}
    rooms = {path.stem for path in SRC.glob("*.py")} | {path.name for path in SRC.iterdir() if path.is_dir()}
    assert names - rooms <= {"TYPE_CHECKING", "Any", "annotations", "connect"}
    assert sealmq.connect is sealmq.client.connect
    assert re.fullmatch(r"\d+\.\d+\.\d+", sealmq.__version__)
    with pytest.raises(AttributeError, match="has no attribute 'anything_else'"):
        sealmq.anything_else  # noqa: B018 - asking is the test


@pytest.mark.parametrize("path", MODULES, ids=in_src)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "common", "base", "manager", "misc", "core"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(("Manager", "Helper", "Util", "Utils")), f"{within(path)}: {node.name}"


# --- (9) and (10): words that do not occur

UNFINISHED = re.compile(r"NotImplementedError|\b(TODO|FIXME|XXX)\b")
WEAKENING = re.compile(
    r"CERT_NONE|CERT_OPTIONAL|check_hostname\s*=\s*False|_create_unverified_context|tls_insecure_set\(\s*True"
    r"|SECLEVEL=[01]\b|verify_mode\s*=(?!\s*ssl\.CERT_REQUIRED)|NO_CHECK_TIME"
)

OPTIONAL = {
    "tls/context.py": ["NO_CHECK_TIME"] * 2 + ["verify_mode =", "CERT_OPTIONAL", "NO_CHECK_TIME"],
    "kit/handshake/contexts.py": ["SECLEVEL=0", "check_hostname = False", "verify_mode =", "CERT_NONE"],
}
"""What the one listener is allowed at which an expired certificate is renewed (test_context.py holds it there), and the
one tool that looks at brokers which nobody should trust (test_contexts.py, and test_looking.py: it tells them nothing).
"""


@pytest.mark.parametrize("path", MODULES, ids=in_src)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert [found[0] for found in UNFINISHED.finditer(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", MODULES, ids=in_src)
def test_verification_is_weakened_nowhere(path: Path) -> None:
    found = [found[0] for found in WEAKENING.finditer(path.read_text(encoding="utf-8"))]
    assert found == OPTIONAL.get(in_src(path), [])


# --- (11): what the README tells to type


def readme_commands() -> list[str]:
    """The lines behind a "$" in the README's console blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def check_command_line(words: list[str]) -> None:
    """Raises what typer raises for a command or an option that is not there; runs nothing."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("sealmq", list(words))
    while hasattr(command, "commands"):
        if not words and command.invoke_without_command:  # `sealmq middleware`, a command with others below it
            return
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)


@pytest.mark.parametrize("line", readme_commands())
def test_the_readme_tells_what_can_be_typed(line: str) -> None:
    program, *words = shlex.split(line)
    match Path(program).name:
        case "sealmq":
            check_command_line(words)
        case "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        case "cd":
            assert words[0].startswith("~/.local/share/sealmq/devices/")
        case "mosquitto_pub" | "mosquitto_sub":
            assert {"--cafile", "--cert", "--key"} < set(words)
            assert not {"--insecure", "--tls-use-os-certs"} & set(words)
        case _:
            pytest.fail(f"nobody checks {program!r}")


def test_a_wrong_option_in_the_readme_would_be_found() -> None:
    assert len(readme_commands()) >= 8
    with pytest.raises(typer.BadParameter.__bases__[0]):
        check_command_line(["pub", "-t", "a", "-m", "b", "--no-such-option"])
    with pytest.raises(typer.BadParameter.__bases__[0]):
        check_command_line(["device", "forget", "sensor-1"])


def test_the_screen_in_the_readme_is_the_one_that_up_draws() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for sentence in re.findall(
        r'console\.print\("(?:  )?(?:\[[\w ]+\])?([^"\[{\\]+)', (SRC / "cli" / "up.py").read_text()
    ):
        assert sentence in readme, f"sealmq up says {sentence!r}"


def test_the_python_in_the_readme_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        ast.parse(block)


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=within)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not link.startswith("https://"):
            assert (page.parent / link).exists(), f"{within(page)} links to {link}"


# --- a test that fails now and then is no test


def gives_its_port_back(node: ast.AST) -> bool:
    """Is this a block that asks the kernel for a port only to close it again?"""
    return (
        isinstance(node, ast.With)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Assign)
        and "create_server" in ast.dump(node.items[0].context_expr)
        and isinstance(node.body[0].value, ast.Subscript)
        and "getsockname" in ast.dump(node.body[0].value)
    )


def test_no_test_uses_a_port_that_it_gave_back() -> None:
    """Another test may have it by then; `ports.free_port` has one that the kernel gives to nobody."""
    bad = ast.parse("with create_server() as free:\n    port = free.getsockname()[1]\n")
    assert any(map(gives_its_port_back, ast.walk(bad)))
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not gives_its_port_back(node), f"{within(path)}:{getattr(node, 'lineno', 0)}"
