from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy
from sealmq.tls.pyopenssl import library
from sealmq.tls.pyopenssl.library import HOLDERS, NEEDED, group_list, load_library

PROGRAM = """
from sealmq.errors import MiddlewareError
from sealmq.tls.middlewares import find
try:
    print(find("pyopenssl").abilities.title)
except MiddlewareError as error:
    print(error.what, error.why, error.remedy, sep="|")
"""


def told(*before: str, folder: Path | None = None) -> list[str]:
    """What a fresh Python says of the middleware; `folder` stands before all that is installed."""
    here = f"import sys; sys.path.insert(0, {str(folder)!r})\n" if folder else ""
    program = here + "\n".join(before) + PROGRAM
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip().split("|")


def package(folder: Path, **files: str) -> Path:
    """A package that is called as pyOpenSSL's."""
    place = folder / "OpenSSL"
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.py").write_text(text)
    return folder


def test_it_is_there_and_knows_hybrid_groups() -> None:
    library = load_library()
    assert library.title.startswith("OpenSSL ")
    assert " by pyOpenSSL " in library.title
    assert set(library.hybrid_groups) <= set(HYBRID_GROUPS)
    assert told() == [library.title]


def test_every_private_name_that_is_used_is_looked_for() -> None:
    texts = [file.read_text() for file in Path(library.__file__).parent.glob("*.py")]
    used = {name for text in texts for name in re.findall(r"\blib\.([A-Za-z]\w+)", text)}
    assert used <= set(NEEDED)
    assert set(NEEDED) <= used
    held = {name for text in texts for name in re.findall(r"\b\w*(?:connection|context|store)\)?\.(_[a-z]\w+)", text)}
    assert held - {"_context_of"} == set(HOLDERS)


def test_one_whose_objects_are_others_is_refused() -> None:
    what, why, _ = told("import OpenSSL.SSL as s\ns.Connection.__init__ = lambda self, c: setattr(self, 'c', c)\n"
                        "s.Connection.get_context = lambda self: self.c\ns.Connection._socket = None")  # fmt: skip
    assert what.startswith("pyOpenSSL ")
    assert "_ssl, _into_ssl, _from_ssl" in why


def test_without_it_the_package_is_named() -> None:
    what, _, remedy = told("import sys; sys.modules['OpenSSL'] = None")
    assert what == "pyOpenSSL is not installed"
    assert remedy == 'pip install "sealmq[pyopenssl]"'


def test_one_that_does_not_go_with_its_cryptography_is_told(tmp_path: Path) -> None:
    broken = "raise AttributeError(\"module 'lib' has no attribute 'X509_V_FLAG_NOTIFY_POLICY'\")"
    what, why, remedy = told(folder=package(tmp_path, __init__="", SSL=broken))
    assert what == "pyOpenSSL is installed, but cannot be loaded"
    assert "X509_V_FLAG_NOTIFY_POLICY" in why
    assert remedy == "pip install --upgrade pyopenssl cryptography"


def test_a_library_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    package(tmp_path, __init__="from OpenSSL import _rust")
    (tmp_path / "OpenSSL" / "_rust.so").write_bytes(b"\x7fELF and no more")
    what, why, _ = told(folder=tmp_path)
    assert what == "pyOpenSSL is installed, but cannot be loaded"
    assert why.startswith("ImportError: ")


def test_half_of_a_package_is_told(tmp_path: Path) -> None:
    what, why, _ = told(folder=package(tmp_path, __init__=""))
    assert what == "pyOpenSSL is installed, but cannot be loaded"
    assert "OpenSSL.SSL" in why


def test_one_that_has_lost_a_function_is_refused(tmp_path: Path) -> None:
    files = {"__init__": "__version__ = '99.1'", "SSL": "", "_util": "class lib: SSL_read = 1\nffi = 1"}
    what, why, remedy = told(folder=package(tmp_path, **files))
    assert what == "pyOpenSSL 99.1 cannot be used here"
    assert why.startswith("the OpenSSL below it is without ")
    assert remedy.endswith("sealmq middleware")


def test_an_old_openssl_is_refused() -> None:
    old = "import OpenSSL._util, types\nreal = OpenSSL._util.lib\n"
    old += "OpenSSL._util.lib = types.SimpleNamespace(**{n: getattr(real, n) for n in dir(real)})\n"
    old += "OpenSSL._util.lib.OpenSSL_version_num = lambda: 0x10101000"
    what, why, _ = told(old)
    assert what.endswith("is too old")
    assert "3.0 is needed" in why


@pytest.mark.parametrize(
    ("profile", "hybrid", "groups"),
    [
        ("default", HYBRID_GROUPS, "*X25519MLKEM768 / *X25519:secp256r1"),
        ("modern", (), "X25519:secp256r1"),
        ("post-quantum", HYBRID_GROUPS, "X25519MLKEM768:SecP256r1MLKEM768"),
        ("post-quantum", HYBRID_GROUPS[:1], "X25519MLKEM768"),
    ],
)
def test_the_groups_of_each_profile(profile: str, hybrid: tuple[str, ...], groups: str) -> None:
    assert group_list(TLSPolicy(profile=profile), hybrid) == groups


def test_without_hybrid_groups_the_curves_are_left() -> None:
    assert group_list(TLSPolicy(classical=True), HYBRID_GROUPS) == "X25519:secp256r1"
