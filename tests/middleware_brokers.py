"""A broker of one thread over any middleware, for whoever looks at brokers; and which middlewares are here."""

from __future__ import annotations

import socket

from libraries import middleware
from sealmq.errors import TLSError
from sealmq.tls.middleware import Abilities, ServerMaterial
from sealmq.tls.middlewares import NAMES
from sealmq.tls.policy import TLSPolicy
from small_brokers import CONNACK_5, Handle
from tapped import Stage


def abilities(name: str) -> Abilities:
    """What it can do."""
    return middleware(name).abilities


def middleware_broker(stage: Stage, name: str, policy: TLSPolicy | None = None) -> Handle:
    """Handles a connection with that middleware; it demands a certificate of the stage's Device CA."""
    chain, key = stage.broker.save(stage.folder, "broker")
    material = ServerMaterial(chain=chain, key=key, client_anchors=stage.device_ca.pem)
    context = middleware(name).server_context(policy or TLSPolicy(), material)

    def handle(wire: socket.socket) -> None:
        connection = context.connection()
        while data := wire.recv(65_536):
            try:
                inside = connection.receive_data(data)
            except TLSError:
                wire.sendall(connection.data_to_send())  # the alert
                return
            if inside.startswith(b"\x10"):
                connection.send(CONNACK_5)
            elif inside:
                connection.close()
            wire.sendall(connection.data_to_send())
        connection.keep_session()

    return handle


OTHERS = tuple(name for name in NAMES if name != "openssl")
"""The middlewares that are not the default."""
