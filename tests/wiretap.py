"""Real TLS on a wire that somebody listens to: two stacks in memory, and what passed between them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sealmq.kit.dissect.conversation import Sender
from tls_pairs import VERSIONS, Trust

Pass = Callable[[Sender, bytes], bytes]
"""What becomes of bytes on their way."""


def unchanged(sender: Sender, data: bytes) -> bytes:
    """Nothing happens to them."""
    return data


@dataclass
class Wire:
    """A device and a broker, by the standard library's `ssl`, with a wire between them.

    passed: what went over it, as the ends sent it.
    read:   what each end got out of it. errors: what it then complained of.
    """

    client: ssl.SSLObject
    server: ssl.SSLObject
    buffers: dict[Sender, tuple[ssl.MemoryBIO, ssl.MemoryBIO]]
    on_the_way: Pass = unchanged
    passed: list[tuple[Sender, bytes]] = field(default_factory=list)
    read: dict[Sender, bytes] = field(default_factory=lambda: dict.fromkeys(Sender, b""))
    errors: dict[Sender, str] = field(default_factory=dict)

    def say(self, sender: Sender, data: bytes) -> None:
        """One end writes, and everything is carried until both are silent."""
        (self.client if sender is Sender.CLIENT else self.server).write(data)
        self.carry()

    def carry(self) -> None:
        """Carry bytes to and fro until both are silent."""
        quiet = 0
        while quiet < 2:
            for sender in Sender:
                self._work(sender)
                data = self.buffers[sender][1].read()
                quiet = 0 if data else quiet + 1
                if data:
                    self.passed.append((sender, data))
                    self.buffers[sender.other][0].write(self.on_the_way(sender, data))

    def _work(self, sender: Sender) -> None:
        end = self.client if sender is Sender.CLIENT else self.server
        if sender in self.errors:
            return
        try:
            end.do_handshake()
            while data := end.read(65_536):
                self.read[sender] += data
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.errors[sender] = error.reason or str(error)


def wire(trust: Trust, version: str, on_the_way: Pass = unchanged, ciphers: str = "") -> Wire:
    """A wire between a device and a broker of `trust`; nothing was said yet."""
    return between(*contexts(trust, version, ciphers), on_the_way)


def contexts(trust: Trust, version: str, ciphers: str = "") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Those of the device and of the broker, each with its certificate."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context, credentials, name in ((client, trust.device, "wire-device"), (server, trust.broker, "wire-broker")):
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.load_cert_chain(*credentials.save(Path(trust.folder), name))
        if ciphers:
            context.set_ciphers(ciphers)
    client.load_verify_locations(trust.root)
    server.load_verify_locations(cadata=trust.device_ca.pem.decode())
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return client, server


def between(
    client: ssl.SSLContext, server: ssl.SSLContext, on_the_way: Pass = unchanged, session: ssl.SSLSession | None = None
) -> Wire:
    """The same between two contexts."""
    ends = {sender: (ssl.MemoryBIO(), ssl.MemoryBIO()) for sender in Sender}
    return Wire(
        client.wrap_bio(*ends[Sender.CLIENT], server_hostname="localhost", session=session),
        server.wrap_bio(*ends[Sender.SERVER], server_side=True),
        ends,
        on_the_way,
    )
