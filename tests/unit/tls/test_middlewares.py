from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from sealmq.errors import MiddlewareError
from sealmq.tls import middlewares
from sealmq.tls.middlewares import EXACT, NAMES, find


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    find.cache_clear()
    yield
    find.cache_clear()


def test_the_default_is_always_there() -> None:
    assert find().name == "openssl"
    assert find("openssl").abilities.title.startswith("OpenSSL ")


def test_a_slip_of_the_finger_is_told() -> None:
    with pytest.raises(MiddlewareError, match="no middleware 'opensll'") as raised:
        find("opensll")
    assert raised.value.remedy == "did you mean 'openssl'?"
    with pytest.raises(MiddlewareError) as raised:
        find("x")
    assert raised.value.remedy == "sealmq middleware tells what each can do"


def test_every_name_has_its_place() -> None:
    assert {*NAMES, *EXACT} - {"mbedtls"} == set(middlewares._WHERE)


def test_mbed_tls_is_the_newer_one_where_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"mbedtls-3.6": "new", "mbedtls-2.28": "old"}

    def has(name: str) -> object:
        if name not in there:
            raise MiddlewareError(f"{name} is missing", remedy=f"get {name}")
        return there[name]

    monkeypatch.setattr(middlewares, "find", has)
    assert middlewares._mbedtls() == "new"  # type: ignore[comparison-overlap]
    del there["mbedtls-3.6"]
    assert middlewares._mbedtls() == "old"  # type: ignore[comparison-overlap]
    there.clear()
    with pytest.raises(MiddlewareError, match="Mbed TLS cannot be used here") as raised:
        middlewares._mbedtls()
    assert raised.value.remedy == "for TLS 1.3: get mbedtls-3.6; for TLS 1.2 alone: get mbedtls-2.28"


def test_nothing_but_the_default_is_loaded_unless_chosen() -> None:
    program = (
        "import sys, sealmq.tls.middlewares as m; m.find(); print([n for n in sys.modules if n in m._WHERE.values()])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told == "['sealmq.tls.openssl_middleware']\n"
