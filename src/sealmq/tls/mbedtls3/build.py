"""Compile the library of shim/: with the sources of Mbed TLS 3.6 in it, or against the system's own Mbed TLS.

Rule 1: what is built is loaded once and asked what it is before it takes the place of another.
Rule 2: it is written where only its owner can change it: it is code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sealmq.errors import MiddlewareError
from sealmq.tls.mbedtls3.library import BUILD, FILE, digest_file, expect_trusted, expect_version, load_from, seal

SHIM: Final = Path(__file__).parent / "shim"

FLAGS: Final = ("-O2", "-fPIC", "-fvisibility=hidden", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2",
                "-D_GNU_SOURCE", "-std=c99")  # fmt: skip
LINKED: Final = ("-shared", "-Wl,-Bsymbolic", "-Wl,-z,relro,-z,now", "-lpthread")

_SOURCES = f"take the sources of Mbed TLS 3.6 (make sources fetches them into .sources/mbedtls): {BUILD} --sources DIR"
_PATIENCE = 600.0
"""Seconds that a compiler may take for one file."""

Progress = Callable[[int, int], object]
"""Is told how many files are compiled, and of how many."""


def build(
    sources: Path | None, out: Path, *, progress: Progress = lambda done, total: None, flags: Sequence[str] = ()
) -> Path:
    """The path of the library, which is now in the folder `out`.

    sources: folder of an unpacked Mbed TLS 3.6, which then becomes part of the library; None: the system's is linked.
    flags:   for the compiler, beside our own.
    Raises MiddlewareError without a compiler, without an Mbed TLS that will do, and when the compiler fails.
    """
    compiler = find_compiler()
    if sources is None:
        expect_version(_version_of_the_system(compiler))
        plan, linked = _against_the_system()
    else:
        expect_version(_version_of(sources))
        plan, linked = _with_sources(sources.resolve())
    _prepare(out)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as folder:
        built = Path(folder) / FILE
        objects = _compile(compiler, plan, Path(folder), flags, progress)
        _run([*compiler, *flags, "-o", str(built), *map(str, objects), *LINKED, *linked])
        built.chmod(0o755)
        seal(built)
        load_from(built)
        built.replace(out / FILE)
        digest_file(built).replace(digest_file(out / FILE))
    return out / FILE


def find_compiler() -> list[str]:
    """The C compiler's command: $CC, cc, gcc or clang. Raises MiddlewareError."""
    chosen = os.environ.get("CC", "").split()
    for command in [chosen] if chosen else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    raise MiddlewareError(
        "there is no C compiler here",
        why=f"tried: {' '.join(chosen) or 'cc, gcc, clang'}",
        remedy="install one (Debian, Ubuntu): sudo apt install gcc libc6-dev",
    )


def _with_sources(tree: Path) -> tuple[list[tuple[Path, list[str]]], list[str]]:
    """What to compile, each with its flags; what to link with."""
    include = [f"-I{tree / 'include'}", f"-I{tree / 'library'}", f"-I{SHIM}"]
    include.append('-DMBEDTLS_USER_CONFIG_FILE="user_config.h"')
    files = [*_own_files(), *sorted((tree / "library").glob("*.c"))]
    return [(file, include) for file in files], []


def _against_the_system() -> tuple[list[tuple[Path, list[str]]], list[str]]:
    return [(file, []) for file in _own_files()], ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"]


def _own_files() -> list[Path]:
    return sorted(SHIM.glob("*.c"))


def _compile(
    compiler: list[str], plan: list[tuple[Path, list[str]]], folder: Path, flags: Sequence[str], progress: Progress
) -> Iterable[Path]:
    """Compile each file, as many at once as there are processors. Returns the objects."""

    def one(file: Path, own: list[str]) -> Path:
        compiled = folder / f"{file.parent.name}-{file.stem}.o"
        _run([*compiler, *FLAGS, *flags, *own, "-c", str(file), "-o", str(compiled)])
        return compiled

    progress(0, len(plan))
    objects = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for compiled in pool.map(one, *zip(*plan, strict=True)):
            objects.append(compiled)
            progress(len(objects), len(plan))
    return objects


def _run(command: list[str]) -> str:
    """Run the compiler; what it printed. Raises MiddlewareError with its first complaint."""
    done = subprocess.run(  # noqa: S603 - the compiler of whoever calls us
        command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
    )
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise MiddlewareError(
            "Mbed TLS could not be compiled",
            why=complaints[0] if complaints else f"{command[0]} ended with {done.returncode}",
            remedy="the sources must be those of a release of Mbed TLS 3.6, unpacked and whole",
        )
    return done.stdout


def _version_of(tree: Path) -> int:
    """The version of unpacked sources. Raises MiddlewareError when they are none."""
    number = _number_in(tree / "include" / "mbedtls" / name for name in ("build_info.h", "version.h"))
    if number is None or not (tree / "library").is_dir():
        raise MiddlewareError(
            f"{tree} holds no sources of Mbed TLS",
            why="there is no include/mbedtls/build_info.h, or no library/",
            remedy=_SOURCES,
        )
    if not (tree / "library" / "error.c").exists() and number >> 24 == 3:
        raise MiddlewareError(
            f"the sources in {tree} are not whole",
            why="library/error.c and other files that Mbed TLS generates are missing, as in its Git repository",
            remedy="take a release's archive, or generate them there: make generated_files",
        )
    return number


def _number_in(headers: Iterable[Path]) -> int | None:
    for header in headers:
        try:
            found = re.search(r"define MBEDTLS_VERSION_NUMBER\s+0x([0-9A-Fa-f]{8})", header.read_text(errors="replace"))
        except OSError:
            continue
        if found:
            return int(found[1], 16)
    return None


def _version_of_the_system(compiler: list[str]) -> int:
    """The version of the headers that the compiler finds. Raises MiddlewareError without any."""
    for header in ("build_info.h", "version.h"):
        asked = subprocess.run(  # noqa: S603 - as above
            [*compiler, "-E", "-dM", "-x", "c", "-"], input=f"#include <mbedtls/{header}>\n", capture_output=True,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
        found = re.search(r"define MBEDTLS_VERSION_NUMBER\s+0x([0-9A-Fa-f]{8})", asked.stdout)
        if found:
            return int(found[1], 16)
    raise MiddlewareError(
        "this system has no Mbed TLS to build with",
        why="the compiler finds no mbedtls/build_info.h",
        remedy=f"with Debian 13 or newer: sudo apt install libmbedtls-dev; elsewhere {_SOURCES}",
    )


def _prepare(out: Path) -> None:
    try:
        out.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise MiddlewareError(f"the folder {out} cannot be made", why=error.strerror or str(error)) from error
    expect_trusted(out, "no library is put into {}")
