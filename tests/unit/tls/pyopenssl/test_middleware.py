from __future__ import annotations

import subprocess
import sys

from sealmq.tls.middlewares import find
from sealmq.tls.pyopenssl.middleware import load


def test_it_is_found_by_its_name() -> None:
    assert find("pyopenssl").name == load().name == "pyopenssl"


def test_the_file_loads_without_the_library() -> None:
    program = "import sys; sys.modules['OpenSSL'] = None; import sealmq.tls.pyopenssl.middleware"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
