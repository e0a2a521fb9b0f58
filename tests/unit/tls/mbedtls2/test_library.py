"""A package that is missing, broken, or another: real modules, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from libraries import middleware
from sealmq.tls.mbedtls2.library import load_package

CODE = (
    "from sealmq.tls.middlewares import find\nfrom sealmq.errors import MiddlewareError\n"
    "try: find('mbedtls-2.28')\nexcept MiddlewareError as error: print(error.what, '|', error.why, '|', error.remedy)"
)


def asked(folder: Path) -> str:
    """What the middleware says of the package in `folder`."""
    src = Path(__file__).parents[4] / "src"
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env={"PYTHONPATH": f"{folder}:{src}"}, check=True
    )
    return done.stdout


def package(folder: Path, **modules: str) -> None:
    """A package that calls itself mbedtls."""
    room = folder / "mbedtls"
    room.mkdir()
    for name in ("__init__", "pk", "tls", "x509", "_tls", "exceptions", "version"):
        (room / f"{name}.py").write_text(modules.get(name, ""))


METHODS = """_handshake_state _input_buffer _output_buffer cipher consume_outgoing do_handshake getpeercert
peek_outgoing readinto receive_from_network shutdown write"""
NAMES = """ClientContext HandshakeStep RaggedEOF ServerContext TLSConfiguration TLSVersion TrustStore WantReadError
WantWriteError"""
BUFFER = f"class MbedTLSBuffer:\n    {' = '.join(METHODS.split())} = None\n"
WHOLE = {
    "_tls": BUFFER,
    "tls": f"{' = '.join(NAMES.split())} = None\n",
    "pk": "ECC = RSA = check_pair = None\n",
    "exceptions": "class TLSError(Exception): pass\n",
}


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"pk": "raise ModuleNotFoundError(\"No module named 'mbedtls.pk'\")"}, "is not here"),
        ({"pk": "raise ImportError('libmbedcrypto.so.7: cannot open shared object file')"}, "libmbedcrypto.so.7"),
        ({}, "of a version that we cannot use"),
        (WHOLE | {"_tls": BUFFER.replace("_output_buffer", "_other"), "version": "version_info = (2, 28, 8)"},
         "_output_buffer"),
        (WHOLE | {"version": "version_info = (3, 6, 0)"}, "Mbed TLS 3.6.0 cannot be used"),
        (WHOLE | {"version": "version_info = (2, 28, 8)"}, ""),
    ],
)  # fmt: skip
def test_a_package_that_is_not_as_needed(tmp_path: Path, modules: dict[str, str], words: str) -> None:
    package(tmp_path, **modules)
    said = asked(tmp_path)
    assert words in said
    assert bool(said.strip()) == bool(words)
    if words:
        assert "pip install" in said


def test_a_library_that_is_broken(tmp_path: Path) -> None:
    package(tmp_path)
    (tmp_path / "mbedtls" / "pk.py").unlink()
    (tmp_path / "mbedtls" / "pk.abi3.so").write_bytes(b"\x7fELF, but not really")
    said = asked(tmp_path)
    assert "does not load" in said
    assert "install it anew" in said


def test_the_real_one() -> None:
    middleware("mbedtls-2.28")
    assert load_package().version.startswith("2.28.")
