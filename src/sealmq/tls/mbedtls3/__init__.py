"""Mbed TLS 3.6 as a middleware: TLS 1.2 and 1.3, by a small library of our own (shim/) that is compiled on demand.

build.py compiles it, library.py loads it, engine.py is one connection, contexts.py what connections share, and
middleware.py the whole under the interface of tls/middleware.py.
"""
