from __future__ import annotations

import pytest

from middleware_pairs import DEVICE_PSK, pair, psk_client_material, psk_server_material, shaken
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.tls.middleware import BOTH, ClientMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust, carry
from wolfssl_here import SIDES, VERSIONS, library, wolfssl


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_a_device_and_a_broker(trust: Trust, client: str, server: str, host: str, version: str) -> None:
    device, broker = shaken(*pair(client, server, trust, version, host=host))
    assert device.proof is not None
    assert broker.proof is not None
    assert device.proof.version == broker.proof.version == version
    assert not device.proof.resumed
    assert device.peer_certificate == trust.broker.der
    assert broker.peer_certificate == trust.device.der
    device.send(b"hello")
    assert carry(device, broker) == b"hello"
    broker.send(b"and hello")
    assert carry(broker, device) == b"and hello"


@pytest.mark.parametrize("version", VERSIONS)
def test_both_prove_a_psk(trust: Trust, version: str) -> None:
    device, broker = shaken(*pair("wolfssl", "wolfssl", trust, version, psk=True))
    assert broker.psk_identity == DEVICE_PSK.identity
    assert broker.peer_certificate == device.peer_certificate == b""
    assert broker.proof is not None
    assert broker.proof.version == version
    assert broker.proof.group
    assert not broker.proof.resumed
    broker.send(b"secret")
    assert carry(broker, device) == b"secret"


def test_it_says_what_the_library_says() -> None:
    can = wolfssl().abilities
    assert can.title == f"wolfSSL {library().text}"
    assert can.licence == library().licence
    assert any("licence" in sentence for sentence in can.cannot)
    assert can.versions == can.psk_client == can.psk_server == can.resumes_client == can.resumes_server == BOTH
    assert can.addresses
    assert can.revocation
    assert can.names_group
    assert find("wolfssl") is wolfssl()


def test_a_hybrid_group_is_demanded_where_there_is_one(trust: Trust) -> None:
    groups = wolfssl().abilities.hybrid_groups
    if not groups:
        with pytest.raises(MiddlewareError, match="post-quantum"):
            wolfssl().client_context(TLSPolicy(profile="post-quantum"), psk_client_material())
        return
    for version in ("post-quantum", "both"):
        device, broker = shaken(*pair("wolfssl", "wolfssl", trust, version))
        assert device.proof is not None
        assert broker.proof is not None
        assert device.proof.group == broker.proof.group == groups[0]


def test_what_is_missing_is_refused() -> None:
    with pytest.raises(ConfigError, match="which broker"):
        wolfssl().client_context(TLSPolicy(), ClientMaterial())
    device = wolfssl().client_context(TLSPolicy(), psk_client_material())
    assert device.connection("").has_data()  # with a PSK the name means nothing
    assert wolfssl().server_context(TLSPolicy(), psk_server_material()).kept == 0
