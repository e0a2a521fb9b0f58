"""The middleware "pyopenssl". This file loads without pyOpenSSL; `load` says in words when it is not there."""

from __future__ import annotations

from sealmq.tls.middleware import Middleware
from sealmq.tls.pyopenssl.library import load_library


def load() -> Middleware:
    """Raises MiddlewareError when pyOpenSSL is missing, does not load, lacks something, or is too old."""
    library = load_library()
    from sealmq.tls.pyopenssl.connecting import PyOpenSSLMiddleware

    return PyOpenSSLMiddleware(library)
