"""OpenSSL with one mistake each: what the matrix must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sealmq.errors import TLSError
from sealmq.tls.middleware import (
    Abilities,
    ClientConnection,
    ClientContext,
    ClientMaterial,
    Middleware,
    ServerMaterial,
    TLSContext,
)
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy


class Cheating:
    """A Middleware that does as OpenSSL does, but for what is said here.

    abilities: fields that it claims. of_server, of_client: what it makes of the material, and of the policy.
    host: the name that it compares, whatever is dialled. connection: what it makes of each connection.
    """

    name = "cheating"

    def __init__(
        self,
        *,
        abilities: dict[str, Any] | None = None,
        policy: Callable[[TLSPolicy], TLSPolicy] = lambda policy: policy,
        of_server: Callable[[ServerMaterial], ServerMaterial] = lambda material: material,
        of_client: Callable[[ClientMaterial], ClientMaterial] = lambda material: material,
        host: str = "",
        connection: Callable[[Any], Any] = lambda connection: connection,
    ) -> None:
        self._true: Middleware = find("openssl")
        self._claims = abilities or {}
        self._policy, self._of_server, self._of_client = policy, of_server, of_client
        self._host, self._connection = host, connection

    @property
    def abilities(self) -> Abilities:
        return replace(self._true.abilities, **self._claims)

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> TLSContext:
        return _Server(self._true.server_context(self._policy(policy), self._of_server(material)), self._connection)

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> ClientContext:
        true = self._true.client_context(self._policy(policy), self._of_client(material))
        return _Client(true, self._host, self._connection)


class _Server:
    def __init__(self, true: TLSContext, change: Callable[[Any], Any]) -> None:
        self._true, self._change = true, change

    def connection(self) -> Any:
        return self._change(self._true.connection())


class _Client:
    def __init__(self, true: ClientContext, host: str, change: Callable[[Any], Any]) -> None:
        self._true, self._host, self._change = true, host, change

    def connection(self, server_hostname: str, *, session: object | None = None) -> ClientConnection:
        changed: ClientConnection = self._change(
            self._true.connection(self._host or server_hostname, session=session)
        )  # fmt: skip
        return changed


class Altered:
    """A connection that passes everything on; subclasses do one thing wrongly."""

    def __init__(self, true: Any) -> None:
        self._true = true

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)


class Lossy(Altered):
    """Loses the last byte of what is long."""

    def receive_data(self, ciphertext: bytes) -> bytes:
        plaintext: bytes = self._true.receive_data(ciphertext)
        return plaintext[:-1] if len(plaintext) > 1000 else plaintext


class Mute(Altered):
    """Keeps the alert to itself when it refuses."""

    failed = False

    def receive_data(self, ciphertext: bytes) -> bytes:
        try:
            plaintext: bytes = self._true.receive_data(ciphertext)
        except TLSError:
            self.failed = True
            raise
        return plaintext

    def data_to_send(self) -> bytes:
        said: bytes = self._true.data_to_send()
        return b"" if self.failed else said


class Deaf(Altered):
    """Takes what is wrong for nothing."""

    def receive_data(self, ciphertext: bytes) -> bytes:
        try:
            plaintext: bytes = self._true.receive_data(ciphertext)
        except TLSError:
            return b""
        return plaintext


class Raising(Altered):
    """Has a bug in its binding."""

    def receive_data(self, ciphertext: bytes) -> bytes:
        raise RuntimeError("a pointer was cut to 32 bits")


class Babbling(Altered):
    """Never falls silent."""

    def data_to_send(self) -> bytes:
        return self._true.data_to_send() or b"\x16\x03\x03\x00\x00"
