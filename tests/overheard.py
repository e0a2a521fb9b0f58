"""A connection by a pre-shared key, in memory, as somebody hears it who has not the key."""

from __future__ import annotations

from contextlib import suppress

from libraries import middleware
from middleware_pairs import DEVICE_PSK, POLICIES, psk_client_material, psk_server_material
from recorded_tls import read_pieces
from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.tls.middleware import PSK, ClientMaterial, Version


def by_psk(library: str, version: Version, psk: PSK = DEVICE_PSK) -> list[tuple[Sender, bytes]]:
    """What both ends say, with this library on both, until neither has more. Without the library a test is left out.

    psk: the client's; the server knows DEVICE_PSK alone.
    """
    found, policy = middleware(library), POLICIES[version]
    material = psk_client_material() if psk == DEVICE_PSK else ClientMaterial(psk=psk)
    client = found.client_context(policy, material).connection("localhost")
    server = found.server_context(policy, psk_server_material()).connection()
    pieces: list[tuple[Sender, bytes]] = []
    for _ in range(8):
        for sender, one, other in ((Sender.CLIENT, client, server), (Sender.SERVER, server, client)):
            if data := one.data_to_send():
                pieces.append((sender, data))
                with suppress(TLSError):
                    other.receive_data(data)
    return pieces


def heard_by_psk(library: str, version: Version, psk: PSK = DEVICE_PSK) -> Conversation:
    """The same, read."""
    return read_pieces(by_psk(library, version, psk), None)
