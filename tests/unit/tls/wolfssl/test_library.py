from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import _cffi_backend
import pytest

from running import WAIT
from sealmq.errors import MiddlewareError
from sealmq.tls.wolfssl.library import GPL_3, OLDEST, Library, _opened
from wolfssl_here import library

ASK = """
from sealmq.errors import MiddlewareError
from sealmq.tls.middlewares import find
try:
    print("found", find("wolfssl").abilities.title)
except MiddlewareError as error:
    print("refused", error.what, "|", error.why, "|", error.remedy)
"""


def asked(**environment: str) -> str:
    """What a program of its own is told."""
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=os.environ | environment, capture_output=True, text=True, timeout=WAIT,
        check=True,
    )  # fmt: skip
    return done.stdout


def test_it_says_who_it_is() -> None:
    here = library()
    assert re.fullmatch(r"\d+\.\d+\.\d+", here.text)
    assert here.text == ".".join(map(str, here.version))
    assert here.version >= OLDEST
    assert asked() == f"found wolfSSL {here.text}\n"


@pytest.mark.parametrize(
    ("version", "licence"),
    [((5, 5, 4), "GPL-2.0-or-later"), ((5, 8, 0), "GPL-2.0-or-later"), (GPL_3, "GPL-3.0-or-later"),
     ((5, 9, 2), "GPL-3.0-or-later")],
)  # fmt: skip
def test_its_licence_goes_by_its_version(version: tuple[int, int, int], licence: str) -> None:
    one = object.__new__(Library)
    one.version = version
    assert one.licence == licence


def test_a_library_that_is_missing() -> None:
    ffi = library().ffi

    class Elsewhere:
        def dlopen(self, name: str) -> Any:
            return ffi.dlopen(f"absent-{name}")

    with pytest.raises(MiddlewareError, match="is not installed here") as caught:
        _opened(Elsewhere())
    assert "apt install libwolfssl" in caught.value.remedy


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "libwolfssl.so.60").write_bytes(b"\x7fELF" + bytes(60))
    said = asked(LD_LIBRARY_PATH=str(tmp_path))
    assert said.startswith("refused libwolfssl.so.60 is installed, but cannot be loaded | ")
    assert "install it again" in said


def test_a_library_that_is_another(tmp_path: Path) -> None:
    shutil.copy(_cffi_backend.__file__, tmp_path / "libwolfssl.so.60")
    said = asked(LD_LIBRARY_PATH=str(tmp_path))
    assert "cannot be used | it was built without wolfSSL_Init, wolfSSL_lib_version" in said


@pytest.mark.parametrize(
    "module",
    [
        "raise ImportError('no such thing')",
        "",
        "class FFI:\n    def __init__(self):\n        raise Exception('Version mismatch')",
    ],
    ids=["missing", "half", "another version"],
)
def test_cffi_that_does_not_do(tmp_path: Path, module: str) -> None:
    (tmp_path / "cffi.py").write_text(module)
    said = asked(PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert said.startswith("refused cffi cannot be used")
    assert 'pip install "sealmq[wolfssl]"' in said
