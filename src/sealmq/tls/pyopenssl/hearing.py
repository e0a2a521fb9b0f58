"""What OpenSSL calls back in a handshake: alerts, the certificate that it refuses, and the keys where they are kept.

OpenSSL calls C functions, made here once for the life of the process, with the address of its connection; `Heard` is
what the one of that address has heard.

Rule 1: whatever the peer sends, no callback raises. Should one, cffi returns 0 for it: certificate refused.
Rule 2: nothing is heard after the handshake: a callback for each record would cost more than the record.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakValueDictionary

from OpenSSL._util import ffi, lib

MOST_KEYS: Final = 64
"""Lines of a key log that are kept of one connection; TLS 1.3 has six."""

_ALERT: Final = 0x4000  # SSL_CB_ALERT of openssl/ssl.h
_WRITE: Final = 0x08  # SSL_CB_WRITE


class Heard:
    """What was heard of one connection.

    alert:       number of the last alert that was sent or received, None before.
    alert_sent:  True when that alert was ours.
    refused:     DER of the peer's own certificate, once OpenSSL has refused it or its chain; else b"".
    keys:        the key log's lines, where the context keeps keys.
    """

    __slots__ = ("__weakref__", "alert", "alert_sent", "keys", "refused")

    def __init__(self) -> None:
        self.alert: int | None = None
        self.alert_sent = True
        self.refused = b""
        self.keys: list[str] = []


_HEARD: WeakValueDictionary[int, Heard] = WeakValueDictionary()


def listen(ssl: Any) -> Heard:
    """Hear what happens to the SSL* `ssl` from now on."""
    heard = Heard()
    _HEARD[_address(ssl)] = heard
    lib.SSL_set_info_callback(ssl, _on_info)
    return heard


def stop(ssl: Any) -> None:
    """Enough was heard."""
    lib.SSL_set_info_callback(ssl, ffi.NULL)
    _HEARD.pop(_address(ssl), None)


def judge_by_openssl(context: Any, mode: int) -> None:
    """Have OpenSSL verify the peers of an SSL_CTX* as it always does, while we hear of whom it refuses.

    mode: SSL_VERIFY_*.
    """
    lib.SSL_CTX_set_verify(context, mode, _on_verify)


def keep_keys(context: Any) -> None:
    """Have the keys of each new connection of an SSL_CTX* kept in its `Heard`."""
    lib.SSL_CTX_set_keylog_callback(context, _on_keys)


def der_of(certificate: Any) -> bytes:
    """An X509*, which stays the caller's, as DER; b"" when OpenSSL cannot."""
    bio = lib.BIO_new(lib.BIO_s_mem())
    try:
        if lib.i2d_X509_bio(bio, certificate) != 1:
            lib.ERR_clear_error()
            return b""
        start = ffi.new("char **")
        length = lib.BIO_get_mem_data(bio, start)
        return bytes(ffi.buffer(start[0], length))
    finally:
        lib.BIO_free(bio)


def _address(ssl: Any) -> int:
    return int(ffi.cast("uintptr_t", ssl))


def _info(ssl: Any, where: int, value: int) -> None:
    if where & _ALERT:
        heard = _HEARD.get(_address(ssl))
        if heard is not None:
            heard.alert = value & 0xFF  # the level stands above it
            heard.alert_sent = bool(where & _WRITE)


def _verify(accepted: int, store: Any) -> int:
    """What OpenSSL thinks of one certificate of the chain is what counts."""
    if not accepted:
        ssl = lib.X509_STORE_CTX_get_ex_data(store, lib.SSL_get_ex_data_X509_STORE_CTX_idx())
        heard = _HEARD.get(_address(ssl))
        leaf = lib.X509_STORE_CTX_get0_cert(store)
        if heard is not None and leaf != ffi.NULL:
            heard.refused = der_of(leaf)
    return accepted


def _keys(ssl: Any, line: Any) -> None:
    heard = _HEARD.get(_address(ssl))
    if heard is not None and len(heard.keys) < MOST_KEYS:
        heard.keys.append(ffi.string(line).decode("ascii", "replace"))


_on_info = ffi.callback("void (*)(const SSL *, int, int)", _info)
_on_verify = ffi.callback("int (*)(int, X509_STORE_CTX *)", _verify)
_on_keys = ffi.callback("void (*)(const SSL *, const char *)", _keys)
