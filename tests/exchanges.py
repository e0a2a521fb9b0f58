"""EST in memory: clients with TLS on one side, exchanges over HTTPS with a real home on the other; no socket.

    office = Office(tmp_path)
    caller = office.caller()
    caller.say(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    assert caller.answer().status == 200

Applications wait in `office.asked` until the test lets them be decided; then the real registration authority does.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from cryptography.x509.oid import NameOID

from sealmq.config import Configuration
from sealmq.devices.outcomes import Application, Outcome
from sealmq.devices.tokens import Tokens
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames
from sealmq.tls.context import client_context
from sealmq.tls.openssl import OpenSSLConnection, client_connection
from sealmq.tls.policy import TLSPolicy
from sealmq.web.service import load_service, policy_of
from stacks import Stage, Wire
from tls_pairs import VERSIONS

DAY = 86_400.0


@dataclass
class Device:
    """A key, and the certificate that was given for it."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    der: bytes = b""

    def csr(self, name: str | None, challenge: bytes | None = None) -> bytes:
        """A request for a certificate, DER."""
        names = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name is not None else []
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        if challenge is not None:
            builder = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, challenge)
        return builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key as a client's files."""
        chain, key = folder / "caller.pem", folder / "caller.key"
        chain.write_bytes(x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM))
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return chain, key


class Office:
    """A home, EST in front of it, and a desk at which applications wait."""

    def __init__(self, folder: Path, configuration: Configuration | None = None, **limits: Any) -> None:
        self.folder = folder
        self.stage = Stage(**limits)
        self.clock = self.stage.clock
        self.clock.now = time.time()  # OpenSSL looks at the real clock
        names = ServerNames(("localhost",))
        self.home = Home.create(folder / "home", organization="Example", country="NL", names=names, now=self.clock.now)
        self.configuration = configuration or Configuration()
        self.service = load_service(self.home, self.configuration)
        self.authority = self.home.registration_authority(self.home.registry, policy_of(self.configuration))
        self.asked: list[tuple[Application, Callable[[Outcome], None]]] = []
        self.forgotten = 0
        self.seen_serials: list[str] = []
        self.callers: list[Caller] = []

    # -- the registrar

    def ask(self, application: Application, answer: Callable[[Outcome], None]) -> None:
        self.asked.append((application, answer))

    def forget(self, answer: Callable[[Outcome], None]) -> None:
        self.forgotten += len(self.asked)
        self.asked = [each for each in self.asked if each[1] != answer]
        self.forgotten -= len(self.asked)

    def seen(self, serial: str) -> None:
        self.seen_serials.append(serial)

    def decide(self) -> None:
        """Let what waits be decided."""
        asked, self.asked = self.asked, []
        outcomes = self.authority.decide([application for application, _ in asked], self.clock.now)
        for (_, answer), outcome in zip(asked, outcomes, strict=True):
            answer(outcome)
        self.settle()

    # -- who comes

    def token(self, name: str, **how: Any) -> str:
        """A token for one device."""
        return Tokens(self.home.registry).make(now=self.clock.now, **({"ttl": 600, "device": name} | how))[1]

    def caller(self, device: Device | None = None, version: str | None = None) -> Caller:
        """Somebody connects, and shows the device's certificate if there is one."""
        made = Caller(self, device, version)
        self.callers.append(made)
        self.settle()
        return made

    def settle(self) -> None:
        """Turns of the loop until all is quiet."""
        moved = True
        while moved:
            self.stage.house.end_turn()
            self.stage._flush_wanted = False
            carried = [caller.carry() for caller in self.callers]  # every one of them, so no any() around it
            moved = any(carried) or bool(self.stage.house.shaking)

    def wait(self, seconds: float) -> None:
        """Let time pass as the server does."""
        self.clock.now += seconds
        for link in self.stage.house.deadlines.due(self.clock.now):
            link.deadline_passed(self.clock.now)
        self.settle()

    def enrolled(self, name: str) -> Device:
        """A device that has its certificate."""
        device = Device()
        caller = self.caller()
        caller.post("simpleenroll", device.csr(name), user=name, password=self.token(name))
        self.decide()
        device.der = only_certificate(caller.answer())
        return device

    def renewed(self, device: Device, name: str | None = None, version: str | None = None) -> Answered:
        """What a device hears that asks for another certificate by the one it has."""
        caller = self.caller(device, version)
        caller.post("simplereenroll", Device().csr(name))
        if self.asked:
            self.decide()
        return caller.answer()


@dataclass(frozen=True)
class Answered:
    """An answer as h11 reads it, and its bytes."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    data: bytes


def only_certificate(answer: Answered) -> bytes:
    """The one certificate of an answer (DER)."""
    assert answer.status == 200, answer.data
    (found,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
    return found.public_bytes(Encoding.DER)


class Caller:
    """One connection of a client, from TCP up. records: the plaintext of each write of the server."""

    def __init__(self, office: Office, device: Device | None, version: str | None) -> None:
        self.office = office
        self.wire = Wire(1 << 20)
        self.exchange = office.service.exchange(self.wire, office.stage.house, office)
        chain, key = device.save(office.folder) if device is not None else (None, None)
        context = client_context(TLSPolicy(), root=office.home.root_certificate, chain=chain, key=key)
        if version is not None:
            context.minimum_version = context.maximum_version = VERSIONS[version]
        self.tls: OpenSSLConnection = client_connection(context, "localhost")
        self.received: list[bytes] = []
        self.writes: list[bytes] = []
        self.gone = False

    def say(self, data: bytes) -> None:
        self.tls.send(data)
        self.office.settle()

    def knock(self, data: bytes) -> None:
        """Bytes that are no TLS."""
        self.exchange.bytes_received(memoryview(data))

    def get(self, path: str) -> None:
        self.say(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode())

    def post(self, operation: str, csr: bytes, *, user: str = "", password: str = "") -> None:
        body = base64.encodebytes(csr)
        head = f"POST /.well-known/est/{operation} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        if password:
            head += f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"
        head += f"Content-Type: application/pkcs10\r\nContent-Length: {len(body)}\r\n\r\n"
        self.say(head.encode() + body)

    def carry(self) -> bool:
        moved = False
        if self.wire.writes:
            self.writes += self.wire.writes
            ciphertext = b"".join(self.wire.writes)
            self.wire.writes.clear()
            self.received.append(self.tls.receive_data(ciphertext))
            moved = True
        if (data := self.tls.data_to_send()) and self.wire.reading and not (self.wire.finished or self.wire.aborted):
            self.exchange.bytes_received(memoryview(data))
            moved = True
        if (self.wire.finished or self.wire.aborted) and not self.gone:
            self.gone = True
            self.exchange.lost("")
        return moved

    def leave(self) -> None:
        """The connection breaks."""
        self.gone = True
        self.exchange.lost("connection reset")

    @property
    def ended(self) -> bool:
        return self.wire.finished

    def answer(self) -> Answered:
        """What came. The connection has ended in order, and only this was said."""
        assert self.wire.finished, "it is not answered"
        assert self.tls.closed, "no close_notify"
        data = b"".join(self.received)
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        http.send(h11.EndOfMessage())
        http.receive_data(data)
        response = http.next_event()
        while isinstance(response, h11.InformationalResponse):
            response = http.next_event()
        assert isinstance(response, h11.Response)
        body = b""
        while isinstance(event := http.next_event(), h11.Data):
            body += bytes(event.data)
        assert isinstance(event, h11.EndOfMessage)
        assert http.trailing_data == (b"", False), "something stands behind the answer"
        return Answered(response.status_code, dict(response.headers), body, data)
