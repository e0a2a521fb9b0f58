"""wolfSSL as this machine has it, and what its tests share."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace
from pathlib import Path

import tls_pairs
from certificates import Credentials
from libraries import middleware
from middleware_pairs import POLICIES, client_material, server_material
from sealmq.tls.middleware import ClientConnection, ClientMaterial, TLSConnection
from sealmq.tls.middlewares import find
from sealmq.tls.wolfssl.library import Library, loaded
from sealmq.tls.wolfssl.middleware import WolfSSLMiddleware
from tls_pairs import Trust, carry

SIDES = [("wolfssl", "openssl"), ("openssl", "wolfssl"), ("wolfssl", "wolfssl")]
"""Client and server."""

VERSIONS = ["TLSv1.2", "TLSv1.3"]


def wolfssl() -> WolfSSLMiddleware:
    """Without it a test is left out; with SEALMQ_CI=1 it fails."""
    found = middleware("wolfssl")
    assert isinstance(found, WolfSSLMiddleware)
    return found


def library() -> Library:
    """The library below it."""
    wolfssl()
    return loaded()


def as_device(trust: Trust, shown: Credentials | None) -> ClientMaterial:
    """A device's material with another certificate than it should have; None: with none."""
    if shown is None:
        return ClientMaterial(root=trust.root)
    chain, key = shown.save(trust.folder, "another")
    return replace(client_material(trust), chain=chain, key=key)


def meeting(
    trust: Trust, client: str, server: str, version: str, *, host: str = "localhost", device: Credentials | None = None,
    broker: Credentials | None = None, crl: bytes | None = None, shows: bool = True,
) -> tuple[ClientConnection, TLSConnection]:  # fmt: skip
    """Both sides of a connection, the handshake not yet begun.

    device, broker: what they show in place of what is right. shows: False, and the device shows nothing.
    """
    of_server, of_client = server_material(trust), client_material(trust)
    if broker is not None:
        chain, key = broker.save(trust.folder, "posing")
        of_server = replace(of_server, chain=chain, key=key)
    if device is not None or not shows:
        of_client = as_device(trust, device)
    listener = find(server).server_context(POLICIES[version], replace(of_server, crl=crl))
    return find(client).client_context(POLICIES[version], of_client).connection(host), listener.connection()


def end(client: ClientConnection, server: TLSConnection) -> object | None:
    """The server says something, so that tickets have come, and both end it. Returns what to resume with."""
    server.send(b"!")
    assert carry(server, client) == b"!"
    client.close()
    carry(client, server)
    server.close()
    carry(server, client)
    return client.session


class LaxBroker:
    """A TLS server of OpenSSL that shows any certificate, weak ones too, and asks for none."""

    def __init__(self, chain: Path, key: Path, version: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = tls_pairs.VERSIONS[version]
        context.load_cert_chain(chain, key)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def receive_data(self, ciphertext: bytes) -> None:
        """Go on with the handshake; what it says of our refusal is not of interest."""
        self._incoming.write(ciphertext)
        with contextlib.suppress(ssl.SSLError):
            self._tls.do_handshake()

    def data_to_send(self) -> bytes:
        return self._outgoing.read()
