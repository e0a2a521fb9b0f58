"""Two TLS stacks in memory, and the authorities that they need."""

from __future__ import annotations

import ssl
from pathlib import Path

from certificates import Authority, Credentials
from sealmq.errors import TLSError
from sealmq.tls.context import client_context, server_context
from sealmq.tls.middleware import TLSConnection
from sealmq.tls.openssl import OpenSSLConnection, OpenSSLContext, client_connection
from sealmq.tls.policy import TLSPolicy

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Trust:
    """A root, its Server CA and Device CA, a foreign CA, and a broker called localhost (also 127.0.0.1)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root_ca = Authority("Root CA")
        self.server_ca = Authority("Server CA", self.root_ca)
        self.device_ca = Authority("Device CA", self.root_ca)
        self.foreign_ca = Authority("Foreign CA")
        self.broker = self.server_ca.issue("localhost", purpose="server", hosts=["localhost", "127.0.0.1"])
        self.device = self.device_ca.issue("device")
        self.root = folder / "root.pem"
        self.root.write_bytes(self.root_ca.pem)

    def server(
        self, policy: TLSPolicy | None = None, *, crl: bytes | None = None, anchors: bytes | None = None
    ) -> OpenSSLContext:
        """The broker's context; it trusts the Device CA."""
        chain, key = self.broker.save(self.folder, "broker")
        anchors = self.device_ca.pem if anchors is None else anchors
        return server_context(policy or TLSPolicy(), chain=chain, key=key, client_anchors=anchors, crl=crl)

    def client(self, credentials: Credentials | None, version: str | None = None) -> ssl.SSLContext:
        """A device's context, for one TLS version or for all that are allowed."""
        chain, key = credentials.save(self.folder, "client") if credentials else (None, None)
        context = client_context(TLSPolicy(), root=self.root, chain=chain, key=key)
        if version is not None:
            context.minimum_version = context.maximum_version = VERSIONS[version]
        return context

    def pair(
        self, version: str | None = None, policy: TLSPolicy | None = None
    ) -> tuple[OpenSSLConnection, OpenSSLConnection]:
        """Client and server of a device that is admitted, with the handshake done."""
        client = client_connection(self.client(self.device, version), "localhost")
        server = self.server(policy).connection()
        assert exchange(client, server) == (b"", b"")
        assert client.established
        assert server.established
        return client, server


def carry(sender: TLSConnection, receiver: TLSConnection, size: int = 0) -> bytes:
    """Give `receiver` what `sender` has to send, `size` bytes at a time (0: in one go). Returns the plaintext."""
    ciphertext = sender.data_to_send()
    size = size or len(ciphertext) or 1
    pieces = [ciphertext[at : at + size] for at in range(0, len(ciphertext), size)]
    return b"".join(bytes(receiver.receive_data(piece)) for piece in pieces)


def exchange(client: TLSConnection, server: TLSConnection, size: int = 0) -> tuple[bytes, bytes]:
    """Carry bytes to and fro until both are silent. Returns what the client and what the server has read."""
    to_client, to_server = b"", b""
    for _ in range(6):
        to_server += carry(client, server, size)
        to_client += carry(server, client, size)
    return to_client, to_server


def refusal(client: TLSConnection, server: TLSConnection) -> tuple[TLSError | None, TLSError | None]:
    """Handshake of two that do not agree: the first error of the client and of the server."""
    errors: list[TLSError | None] = [None, None]
    for _ in range(4):
        for who, (sender, receiver) in enumerate([(server, client), (client, server)]):
            ciphertext = sender.data_to_send()
            try:
                if ciphertext and errors[who] is None:
                    receiver.receive_data(ciphertext)
            except TLSError as error:
                errors[who] = error
    return errors[0], errors[1]


def records(ciphertext: bytes) -> list[tuple[int, int]]:
    """(content type, length) of each TLS record; the bytes must be whole records."""
    found = []
    while ciphertext:
        length = int.from_bytes(ciphertext[3:5], "big")
        assert len(ciphertext) >= 5 + length
        found.append((ciphertext[0], length))
        ciphertext = ciphertext[5 + length :]
    return found
