from __future__ import annotations

from dataclasses import replace

import pytest

from middleware_pairs import (
    POLICIES,
    client_material,
    pair,
    psk_client_material,
    psk_server_material,
    server_material,
    shaken,
)
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.tls.middlewares import find
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy
from tls_pairs import Trust, carry, refusal


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_device_and_a_broker(trust: Trust, version: str) -> None:
    client, server = shaken(*pair("openssl", "openssl", trust, version))
    assert client.proof is not None
    assert client.proof.version == version
    assert server.peer_certificate == trust.device.der
    client.send(b"hello")
    assert carry(client, server) == b"hello"


def test_a_session_is_resumed(trust: Trust) -> None:
    policy = TLSPolicy(profile="modern")
    listener = find().server_context(policy, server_material(trust))
    device = find().client_context(policy, client_material(trust))
    first, there = shaken(device.connection("127.0.0.1"), listener.connection())
    first.close()
    carry(first, there)
    again, _ = shaken(device.connection("127.0.0.1", session=first.session), listener.connection())
    assert again.proof is not None
    assert again.proof.resumed


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_there_is_no_session_before_the_handshake_is_done(trust: Trust, version: str) -> None:
    client, server = pair("openssl", "openssl", trust, version)
    carry(client, server)
    assert client.session is None
    said = server.data_to_send()
    client.receive_data(said[: len(said) - 60])
    assert client.session is None


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_session_is_good_for_its_own_name_and_context_alone(trust: Trust, version: str) -> None:
    policy = POLICIES[version]
    listener = find().server_context(policy, server_material(trust))
    device = find().client_context(policy, client_material(trust))
    first, there = shaken(device.connection("localhost"), listener.connection())
    carry(there, first)
    first.close()
    carry(first, there)
    error = refusal(device.connection("other.example", session=first.session), listener.connection())[0]
    assert error is not None
    assert error.what == "the broker's certificate does not carry the name that was dialled"
    twin = find().client_context(policy, client_material(trust))
    again, _ = shaken(twin.connection("localhost", session=first.session), listener.connection())
    assert again.proof is not None
    assert not again.proof.resumed
    assert "ssl" not in repr(first.session).lower()


def test_what_it_cannot_do_is_refused(trust: Trust) -> None:
    with pytest.raises(MiddlewareError, match="PSK"):
        find().server_context(TLSPolicy(), psk_server_material())
    with pytest.raises(MiddlewareError, match="PSK"):
        find().client_context(TLSPolicy(), psk_client_material())
    with pytest.raises(ConfigError, match="which broker"):
        find().client_context(TLSPolicy(), replace(client_material(trust), root=None))


def test_a_hybrid_group_is_demanded_or_refused_in_words(trust: Trust) -> None:
    if find().abilities.hybrid_groups:  # from Python 3.15 and OpenSSL 3.5 on
        client, _ = shaken(*pair("openssl", "openssl", trust, "post-quantum"))
        assert client.proof is not None
        assert client.proof.group in HYBRID_GROUPS
    else:
        with pytest.raises(MiddlewareError, match="post-quantum"):
            find().server_context(TLSPolicy(profile="post-quantum"), server_material(trust))
