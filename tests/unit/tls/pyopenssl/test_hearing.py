from __future__ import annotations

import gc

from OpenSSL import SSL
from OpenSSL._util import ffi

from middleware_pairs import pair, shaken
from sealmq.tls.pyopenssl import hearing
from sealmq.tls.pyopenssl.engine import PyOpenSSLEngine
from sealmq.tls.pyopenssl.hearing import Heard, der_of, listen, stop
from tls_pairs import Trust


def test_alerts_are_heard_with_their_direction() -> None:
    ssl = SSL.Connection(SSL.Context(SSL.TLS_METHOD))._ssl
    heard = listen(ssl)
    hearing._info(ssl, 0x4008, 2 << 8 | 40)
    assert (heard.alert, heard.alert_sent) == (40, True)
    hearing._info(ssl, 0x4004, 2 << 8 | 48)
    assert (heard.alert, heard.alert_sent) == (48, False)
    hearing._info(ssl, 0x1001, 1)  # a step of the handshake
    assert heard.alert == 48
    stop(ssl)
    hearing._info(ssl, 0x4004, 2 << 8 | 10)
    assert heard.alert == 48


def test_what_is_said_to_nobody_is_no_error() -> None:
    ssl = SSL.Connection(SSL.Context(SSL.TLS_METHOD))._ssl
    hearing._info(ssl, 0x4004, 0)
    hearing._keys(ssl, ffi.new("char[]", b"CLIENT_RANDOM"))
    stop(ssl)


def test_a_key_log_does_not_grow_without_end() -> None:
    ssl = SSL.Connection(SSL.Context(SSL.TLS_METHOD))._ssl
    heard = listen(ssl)
    for _ in range(200):
        hearing._keys(ssl, ffi.new("char[]", b"CLIENT_RANDOM aa bb"))
    assert heard.keys == ["CLIENT_RANDOM aa bb"] * hearing.MOST_KEYS


def test_nothing_is_heard_after_the_handshake_nor_kept(trust: Trust) -> None:
    gc.collect()
    before = len(hearing._HEARD)
    client, server = pair("pyopenssl", "pyopenssl", trust)
    assert len(hearing._HEARD) == before + 2
    shaken(client, server)
    assert len(hearing._HEARD) == before
    abandoned, _ = pair("pyopenssl", "pyopenssl", trust)
    del abandoned, _
    assert len(hearing._HEARD) == before


def test_a_certificate_as_der(trust: Trust) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust))
    engine = server._engine  # type: ignore[attr-defined]
    assert isinstance(engine, PyOpenSSLEngine)
    certificate = engine._connection.get_peer_certificate()
    assert certificate is not None
    assert der_of(certificate._x509) == trust.device.der
    assert client.peer_certificate == trust.broker.der
    assert Heard().refused == b""
