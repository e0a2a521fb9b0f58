"""Handshakes in memory that are looked at: a Tap as the client, the standard library's TLS as the server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from certificates import Authority, Credentials
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.contexts import Credentials as Shown
from sealmq.kit.handshake.contexts import look_context
from sealmq.kit.handshake.facts import find_facts
from sealmq.kit.handshake.tap import Tap

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Stage:
    """A root, a server called localhost, a device; and servers that behave as it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root_ca = Authority("Root CA")
        self.server_ca = Authority("Server CA", self.root_ca)
        self.device_ca = Authority("Device CA", self.root_ca)
        self.broker = self.server_ca.issue("localhost", purpose="server", hosts=["localhost", "127.0.0.1"])
        self.device = self.device_ca.issue("device")
        self.root = folder / "root.pem"
        self.root.write_bytes(self.root_ca.pem)
        self.anchors = folder / "devices.pem"
        self.anchors.write_bytes(self.device_ca.pem + self.root_ca.pem)
        self.device_chain, self.device_key = self.device.save(folder, "device")

    def server(
        self, *, mutual: bool = False, credentials: Credentials | None = None, groups: str = "", suites: str = ""
    ) -> ssl.SSLContext:
        """A server's context. groups: one curve that it can do. suites: of TLS 1.2."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(credentials or self.broker).save(self.folder, "broker"))
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.anchors)
        if groups:
            context.set_ecdh_curve(groups)
        if suites:
            context.set_ciphers(suites)
        return context

    def credentials(self, *, show: bool = True, trust: bool = True) -> Shown:
        """What the client trusts and shows."""
        shown = (self.device_chain, self.device_key) if show else (None, None)
        return Shown(self.root if trust else None, *shown)

    def client(self, version: str = "", **more: bool) -> ssl.SSLContext:
        """A context for a Tap."""
        return look_context(self.credentials(**more), version=version)


class RecordingTap(Tap):
    """A Tap that keeps what went over the wire."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pieces: list[tuple[Sender, bytes, float]] = []

    def receive_data(self, data: bytes, at: float) -> bytes:
        self.pieces.append((Sender.SERVER, data, at))
        return super().receive_data(data, at)

    def data_to_send(self, at: float) -> bytes:
        data = super().data_to_send(at)
        if data:
            self.pieces.append((Sender.CLIENT, data, at))
        return data


def converse(
    tap: Tap, server: ssl.SSLContext, *, says: bytes = b"hello", answers: bytes = b"welcome", piece: int = 65_536
) -> list[bytes]:
    """Let both ends talk until each has heard the other, in steps of a millisecond; returns what the server heard.

    What goes wrong is raised, when everybody has heard what there is to hear. piece: bytes given to the tap at once.
    """
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.wrap_bio(into, out, server_side=True)
    heard: list[bytes] = []
    failure: ssl.SSLError | None = None
    clock = iter(range(1, 10_000))
    said = done = False
    tap.advance()
    for _ in range(30):
        into.write(tap.data_to_send(next(clock) / 1000))
        try:
            if not done:
                tls.do_handshake()
                done = True
            while True:
                data = tls.read(16_384)
                if not data:
                    break
                heard.append(data)
                tls.write(answers)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            failure = failure or error
        data = out.read()
        try:
            for at in range(0, len(data), piece):
                tap.receive_data(data[at : at + piece], next(clock) / 1000)
            if tap.established and not said:
                tap.send(says)
                said = True
        except ssl.SSLError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return heard


def tapped(
    stage: Stage, version: str, *, mutual: bool = True, listen: bool = True, keep_keys: bool = False, **more: object
) -> RecordingTap:
    """A conversation that went well."""
    tap = RecordingTap(stage.client(version), server_name="localhost", listen=listen, keep_keys=keep_keys)
    converse(tap, stage.server(mutual=mutual, **more))  # type: ignore[arg-type]
    return tap


def names(tap: Tap, sender: Sender) -> list[str]:
    """What one end sent."""
    seen = tap.conversation()
    return [name for one, name in zip(seen.messages, find_facts(seen).names, strict=True) if one.sender is sender]
