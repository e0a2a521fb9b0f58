"""Any middleware as a device, any as a broker, in memory."""

from __future__ import annotations

from dataclasses import replace

from sealmq.kit.middleware.material import listener_by
from sealmq.tls.middleware import PSK, ClientConnection, ClientMaterial, ServerMaterial, TLSConnection
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust, exchange

POLICIES = {
    "TLSv1.2": TLSPolicy(highest="TLSv1.2"),
    "TLSv1.3": TLSPolicy(profile="modern"),
    "both": TLSPolicy(),
    "post-quantum": TLSPolicy(profile="post-quantum"),
}

DEVICE_PSK = PSK("sensor-1", bytes(range(32)))


def server_material(trust: Trust) -> ServerMaterial:
    """The broker's; it trusts the Device CA."""
    chain, key = trust.broker.save(trust.folder, "broker")
    return ServerMaterial(chain=chain, key=key, client_anchors=trust.device_ca.pem)


def client_material(trust: Trust) -> ClientMaterial:
    """A device's."""
    chain, key = trust.device.save(trust.folder, "client")
    return ClientMaterial(root=trust.root, chain=chain, key=key)


def psk_server_material() -> ServerMaterial:
    """A listener's that knows one device by its key."""
    return listener_by(DEVICE_PSK)


def psk_client_material() -> ClientMaterial:
    """That device's."""
    return ClientMaterial(psk=DEVICE_PSK)


def pair(
    client: str,
    server: str,
    trust: Trust,
    version: str = "both",
    *,
    host: str = "localhost",
    psk: bool = False,
    max_record: int = 16384,
) -> tuple[ClientConnection, TLSConnection]:
    """Both sides of a connection, the handshake not yet begun."""
    policy = POLICIES[version]
    of_server = psk_server_material() if psk else server_material(trust)
    of_client = psk_client_material() if psk else client_material(trust)
    listener = find(server).server_context(replace(policy, max_record=max_record), of_server)
    device = find(client).client_context(policy, of_client)
    return device.connection(host), listener.connection()


def shaken(client: ClientConnection, server: TLSConnection) -> tuple[ClientConnection, TLSConnection]:
    """The same two, when both have finished their handshake."""
    assert exchange(client, server) == (b"", b"")
    assert client.established
    assert server.established
    return client, server
