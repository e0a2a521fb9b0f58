"""What is refused before anything is compiled, and what the compiler says. Building with the sources of Mbed TLS takes
a while: `make test` does it (Makefile), and every test of Mbed TLS 3.6 uses what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import program
from sealmq.errors import MiddlewareError
from sealmq.tls.mbedtls3 import build as module
from sealmq.tls.mbedtls3.build import build, find_compiler


def tree(folder: Path, number: str, *, header: str = "build_info.h", whole: bool = True) -> Path:
    """What looks like the sources of a version."""
    (folder / "include" / "mbedtls").mkdir(parents=True)
    (folder / "include" / "mbedtls" / header).write_text(f"#define MBEDTLS_VERSION_NUMBER         {number}\n")
    (folder / "library").mkdir()
    if whole:
        (folder / "library" / "error.c").write_text("int not_mbedtls;\n")
    return folder


@pytest.mark.parametrize(
    ("number", "header", "words"),
    [
        ("0x04000000", "build_info.h", r"Mbed TLS 4\.0\.0 cannot"),
        ("0x021C0800", "version.h", r"Mbed TLS 2\.28\.8 cannot"),
        ("0x03060000", "build_info.h", r"Mbed TLS 3\.6\.0 cannot"),
    ],
)
def test_other_versions_are_refused(tmp_path: Path, number: str, header: str, words: str) -> None:
    with pytest.raises(MiddlewareError, match=words):
        build(tree(tmp_path / "tree", number, header=header), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_tree_or_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MiddlewareError, match="holds no sources"):
        build(tmp_path, tmp_path / "out")
    with pytest.raises(MiddlewareError, match="not whole") as caught:
        build(tree(tmp_path / "tree", "0x03060600", whole=False), tmp_path / "out")
    assert "release" in caught.value.remedy


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MiddlewareError, match="no C compiler") as caught:
        build(tree(tmp_path / "tree", "0x03060600"), tmp_path / "out")
    assert "apt install gcc" in caught.value.remedy
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(MiddlewareError, match="no C compiler") as caught:
        find_compiler()
    assert "no-such-compiler" in caught.value.why


def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    program("gcc", "gcc")
    out = tmp_path / "out"
    told = []
    with pytest.raises(MiddlewareError, match="could not be compiled") as caught:
        build(tree(tmp_path / "tree", "0x03060600"), out, progress=lambda done, total: told.append((done, total)))
    assert "error" in caught.value.why
    assert list(out.iterdir()) == []
    assert told[0] == (0, 1 + len(list(module.SHIM.glob("*.c"))))


def test_the_systems_library_is_judged_by_its_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program("gcc", "gcc")
    old = tree(tmp_path / "old", "0x021C0300", header="version.h")
    (old / "include" / "mbedtls" / "build_info.h").write_text("")
    monkeypatch.setenv("CPATH", str(old / "include"))
    with pytest.raises(MiddlewareError, match=r"Mbed TLS 2\.28\.3") as caught:
        build(None, tmp_path / "out")
    assert "--sources" in caught.value.remedy
    monkeypatch.setenv("CC", "gcc -nostdinc")
    monkeypatch.delenv("CPATH")
    with pytest.raises(MiddlewareError, match="no Mbed TLS to build with") as caught:
        build(None, tmp_path / "out")
    assert "libmbedtls-dev" in caught.value.remedy


def test_the_files_that_are_compiled_are_part_of_the_package() -> None:
    assert {"connections.c", "shim.h", "user_config.h"} <= {file.name for file in module.SHIM.iterdir()}


def test_nothing_is_built_where_others_could_exchange_it(tmp_path: Path) -> None:
    program("gcc", "gcc")
    sources = tree(tmp_path / "sources", "0x03060600")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for out in (shared, shared / "below"):
        with pytest.raises(MiddlewareError, match="no library is put into") as caught:
            build(sources, out)
        assert "chmod go-w" in caught.value.remedy
