"""Mbed TLS 2.28 as a middleware: TLS 1.2, by the Python package python-mbedtls, without a compiler.

library.py loads it, engine.py is one connection, contexts.py what connections share, and middleware.py the whole under
the interface of tls/middleware.py. Its words and suites are those of mbedtls3/.
"""
