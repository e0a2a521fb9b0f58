"""What the cases prove themselves with: files and bytes that the caller has made, the good and each kind of bad one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sealmq.tls.middleware import PSK, ClientMaterial, PSKLookup, ServerMaterial


@dataclass(frozen=True)
class Shown:
    """What somebody proves himself with: PEM files of the certificate with what stands above it, and of the key."""

    chain: Path
    key: Path

    @cached_property
    def der(self) -> bytes:
        """The certificate itself."""
        text = self.chain.read_text("ascii")
        end = "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN") : text.index(end)] + end)


@dataclass(frozen=True, slots=True)
class Good:
    """A broker and a device that trust each other.

    root:    PEM file: whom the device trusts.
    anchors: PEM of the CA whose devices the broker lets in.
    crl:     DER of what that CA has revoked; None for nothing.
    host:    the name in the broker's certificate that is dialled. address: the same, an address; "" for none.
    """

    root: Path
    broker: Shown
    anchors: bytes
    device: Shown
    host: str
    address: str = ""
    crl: bytes | None = None

    def server(self) -> ServerMaterial:
        """The broker's."""
        return ServerMaterial(
            chain=self.broker.chain, key=self.broker.key, client_anchors=self.anchors, crl=self.crl
        )  # fmt: skip

    def client(self) -> ClientMaterial:
        """The device's."""
        return ClientMaterial(root=self.root, chain=self.device.chain, key=self.device.key)


def listener_by(psk: PSK) -> ServerMaterial:
    """Of a listener that knows one device by its key."""
    known: PSKLookup = {psk.identity: psk.key}.get
    return ServerMaterial(client_certificates=False, psk=known)


@dataclass(frozen=True, slots=True)
class Material:
    """All that the matrix needs: `good`, and what must be refused.

    Of the broker's: `broker_expired`, `broker_not_yet`, `broker_for_clients` (with its name in it, of a CA that leads
    to the root, but with the purpose of a device). Of the device's: `device_foreign` (of another CA), `device_expired`,
    `device_not_yet`, `device_revoked` (in the list of `good`), `device_for_servers` (of the right CA, with the purpose
    of a broker). other_root: PEM file of an authority that has signed none of these. psk: a device's without
    certificates.
    """

    good: Good
    other_root: Path
    broker_expired: Shown
    broker_not_yet: Shown
    broker_for_clients: Shown
    device_foreign: Shown
    device_expired: Shown
    device_not_yet: Shown
    device_revoked: Shown
    device_for_servers: Shown
    psk: PSK

    def psk_server(self) -> ServerMaterial:
        """A listener's that knows the one device by its key."""
        return listener_by(self.psk)
