"""Libraries that are missing, broken, of others, or of another version: real files, in processes of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from libraries import middleware
from running import program
from sealmq.errors import MiddlewareError
from sealmq.tls.mbedtls3.library import (
    FILE,
    digest_file,
    expect_trusted,
    expect_version,
    folder,
    load_from,
    seal,
    version_text,
)


def compiled(folder: Path, source: str) -> Path:
    """A library of our own making."""
    path = folder / FILE
    command = [program("gcc", "gcc"), "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True)
    seal(path)
    return path


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEALMQ_MIDDLEWARE_DIR", str(tmp_path))
    assert folder() == tmp_path
    monkeypatch.delenv("SEALMQ_MIDDLEWARE_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert folder() == tmp_path / "sealmq" / "middleware"


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"\x7fELF, but not really")
    seal(path)
    with pytest.raises(MiddlewareError, match="cannot be loaded") as caught:
        load_from(path)
    assert "build it anew" in caught.value.remedy


def test_half_a_library(tmp_path: Path) -> None:
    middleware("mbedtls-3.6")
    whole = (folder() / FILE).read_bytes()
    path = tmp_path / FILE
    path.write_bytes(whole)
    seal(path)
    path.write_bytes(whole[:4096])
    with pytest.raises(MiddlewareError, match="is damaged") as caught:
        load_from(path)
    assert "build it anew" in caught.value.remedy
    digest_file(path).unlink()
    with pytest.raises(MiddlewareError, match="is damaged"):
        load_from(path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("int other(void) { return 1; }", "cannot be loaded"),
        ("int sq_abi(void) { return 99; }", "built for another SealMQ"),
        ("int sq_abi(void) { return 3; } unsigned sq_version(void) { return 0x021C0800; }", r"Mbed TLS 2\.28\.8"),
        ("int sq_abi(void) { return 3; } unsigned sq_version(void) { return 0x04000000; }", r"Mbed TLS 4\.0\.0"),
    ],
)
def test_a_library_that_is_another(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(MiddlewareError, match=words):
        load_from(compiled(tmp_path, source))


def test_versions() -> None:
    assert version_text(0x03060A00) == "3.6.10"
    expect_version(0x03060300)
    expect_version(0x0306FF00)
    for number in (0x021C0800, 0x03050000, 0x03060200, 0x03070000, 0x04000000):
        with pytest.raises(MiddlewareError) as caught:
            expect_version(number)
        assert "--sources" in caught.value.remedy


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_what_others_could_have_written_is_not_loaded(tmp_path: Path, mode: int) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"")
    path.chmod(0o644)
    expect_trusted(path)
    path.chmod(mode)
    with pytest.raises(MiddlewareError, match="is not loaded") as caught:
        expect_trusted(path)
    assert "chmod" in caught.value.remedy
    path.chmod(0o644)
    tmp_path.chmod(mode)
    with pytest.raises(MiddlewareError, match="is not loaded"):
        expect_trusted(path)
    tmp_path.chmod(0o755)


def test_what_others_could_exchange_is_not_loaded(tmp_path: Path) -> None:
    """By a folder further up, and behind a link."""
    below = tmp_path / "open" / "shut"
    below.mkdir(parents=True)
    path = below / FILE
    path.write_bytes(b"")
    expect_trusted(path)
    (tmp_path / "link").symlink_to(below)
    for mode, fine in ((0o777, False), (0o1777, True), (0o757, False), (0o755, True)):
        (tmp_path / "open").chmod(mode)
        for each in (path, tmp_path / "link" / FILE):
            if fine:
                expect_trusted(each)
            else:
                with pytest.raises(MiddlewareError, match="is not loaded"):
                    expect_trusted(each)


def test_the_library_that_was_looked_at_is_the_one_that_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEALMQ_MIDDLEWARE_DIR=. gives a path without a folder, for which the system looks elsewhere."""
    compiled(tmp_path, "int sq_abi(void) { return 77; }")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MiddlewareError, match="built for another SealMQ") as caught:
        load_from(Path(FILE))
    assert "77" in caught.value.why


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """A cffi whose import fails, in a process of its own."""
    (tmp_path / "cffi.py").write_text("raise ImportError('libffi.so.8: cannot open shared object file')\n")
    code = (
        "from sealmq.tls.middlewares import find\nfrom sealmq.errors import MiddlewareError\n"
        "try: find('mbedtls-3.6')\nexcept MiddlewareError as error: print(error.what, error.why, error.remedy)"
    )
    src = Path(__file__).parents[4] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{tmp_path}:{src}"},
        check=True,
    )
    assert "cffi" in done.stdout
    assert "libffi.so.8" in done.stdout
    assert 'pip install "sealmq[mbedtls]"' in done.stdout


def test_a_copy_elsewhere_works(tmp_path: Path) -> None:
    middleware("mbedtls-3.6")
    path = Path(shutil.copy(folder() / FILE, tmp_path))
    seal(path)
    library = load_from(path)
    assert library.version.startswith("3.6.")
    assert "alert" in library.error_text(-0x7780)
    assert library.verify_text(0x01 | 0x08).count(";") == 1
