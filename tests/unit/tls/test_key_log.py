from __future__ import annotations

import re

import pytest

import libraries
from middleware_pairs import client_material, server_material, shaken
from sealmq.errors import MiddlewareError
from sealmq.tls.key_log import keep_keys, key_log_of
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust

LINE = re.compile(r"[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}")


@pytest.mark.parametrize("name", ["pyopenssl", "mbedtls-3.6"])
def test_a_connection_keeps_its_own_secrets_when_it_was_told_to(trust: Trust, name: str) -> None:
    middleware = libraries.middleware(name)
    listener = middleware.server_context(TLSPolicy(), server_material(trust))
    device = middleware.client_context(TLSPolicy(profile="modern"), client_material(trust))
    silent, _ = shaken(device.connection("localhost"), listener.connection())
    assert key_log_of(silent) == ""
    keep_keys(device)
    logs = []
    for _ in range(2):
        client, server = device.connection("localhost"), listener.connection()
        assert key_log_of(client) == ""
        shaken(client, server)
        logs.append(key_log_of(client))
        assert not hasattr(server, "key_log") or server.key_log == ""
    for log in logs:
        assert all(LINE.fullmatch(line) for line in log.splitlines())
        assert {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"} <= {
            one.split()[0] for one in log.split("\n") if one
        }
    assert logs[0] != logs[1]


@pytest.mark.parametrize("name", ["pyopenssl", "mbedtls-3.6"])
def test_under_tls_12_it_is_one_line(trust: Trust, name: str) -> None:
    middleware = libraries.middleware(name)
    listener = middleware.server_context(TLSPolicy(), server_material(trust))
    device = middleware.client_context(TLSPolicy(highest="TLSv1.2"), client_material(trust))
    keep_keys(device)
    client, _ = shaken(device.connection("localhost"), listener.connection())
    assert re.fullmatch(r"CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n", key_log_of(client))


def test_one_that_cannot_says_so(trust: Trust) -> None:
    context = find("openssl").client_context(TLSPolicy(), client_material(trust))
    with pytest.raises(MiddlewareError, match="no key log"):
        keep_keys(context)
    assert key_log_of(context.connection("localhost")) == ""
