"""The package python-mbedtls: whether it is there, and is what we know how to use.

Its own TLSWrappedSocket spins for ever when a peer goes away in a handshake, and drops records. What is used is the
MbedTLSBuffer below it, and with it three attributes that begin with an underscore: they are looked for at the start.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final

from sealmq.errors import MiddlewareError

INSTALL: Final = 'pip install "sealmq[mbedtls]"'

_BUFFER: Final = ("_handshake_state", "_input_buffer", "_output_buffer", "cipher", "consume_outgoing", "do_handshake",
                  "getpeercert", "peek_outgoing", "readinto", "receive_from_network", "shutdown", "write")  # fmt: skip
_TLS: Final = ("ClientContext", "HandshakeStep", "RaggedEOF", "ServerContext", "TLSConfiguration", "TLSVersion",
               "TrustStore", "WantReadError", "WantWriteError")  # fmt: skip


class Package:
    """The parts of python-mbedtls that are used. version: of Mbed TLS, "2.28.8"."""

    __slots__ = ("buffer", "errors", "pk", "tls", "version", "x509")

    def __init__(self) -> None:
        """Raises ImportError, or AttributeError for what is not as it was."""
        self.pk, self.tls, self.x509 = (import_module(f"mbedtls.{name}") for name in ("pk", "tls", "x509"))
        self.buffer = import_module("mbedtls._tls").MbedTLSBuffer
        self.errors = (import_module("mbedtls.exceptions").TLSError,)
        found: ModuleType = import_module("mbedtls.version")
        self.version = ".".join(str(number) for number in found.version_info)
        for owner, names in ((self.buffer, _BUFFER), (self.tls, _TLS), (self.pk, ("ECC", "RSA", "check_pair"))):
            for name in names:
                getattr(owner, name)


@cache
def load_package() -> Package:
    """The package. Raises MiddlewareError when it is missing, does not load, or is not as it was."""
    try:
        package = Package()
    except ModuleNotFoundError as error:
        raise MiddlewareError(
            "the Python package python-mbedtls is not here",
            why=str(error),
            remedy=f"{INSTALL} (there are wheels for Python 3.9 to 3.12; for any Python: middleware mbedtls-3.6)",
        ) from error
    except (ImportError, OSError, SystemError) as error:
        raise MiddlewareError(
            "the Python package python-mbedtls does not load", why=str(error), remedy=f"install it anew: {INSTALL}"
        ) from error
    except AttributeError as error:
        raise MiddlewareError(
            "this python-mbedtls is of a version that we cannot use",
            why=str(error),
            remedy='pip install "python-mbedtls==2.10.1"',
        ) from error
    if not package.version.startswith("2.28."):
        raise MiddlewareError(
            f"Mbed TLS {package.version} cannot be used as middleware mbedtls-2.28",
            why="python-mbedtls 2.10 comes with 2.28",
            remedy='pip install "python-mbedtls==2.10.1"',
        )
    return package
