"""Which broker is measured, and what is shown to it. It goes to the load's processes as it is."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

from sealmq.errors import ConfigError
from sealmq.kit.bench.wire import Wire
from sealmq.tls.middleware import PSK, ClientContext, ClientMaterial
from sealmq.tls.middlewares import DEFAULT, find
from sealmq.tls.plaintext import PlaintextConnection
from sealmq.tls.policy import TLSPolicy


@dataclass(frozen=True, slots=True)
class Target:
    """A broker, and who we are to it.

    root:       PEM file of the authority that is trusted; None, and no psk: no TLS at all, which only a loopback
                address gets.
    chain, key: PEM files of our certificate and its key; None to show none.
    version_12: speak TLS 1.2, and nothing newer.
    psk:        a pre-shared key in place of all certificates.
    middleware: the TLS library that speaks.
    """

    host: str
    port: int
    root: Path | None = None
    chain: Path | None = None
    key: Path | None = None
    version_12: bool = False
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    psk: PSK | None = None
    middleware: str = DEFAULT

    @property
    def plaintext(self) -> bool:
        """Is there no TLS?"""
        return self.root is None and self.psk is None

    def dialer(self) -> Dialer:
        """Look the host up, load the library, read the files. Raises ConfigError or TrustError."""
        return Dialer(self)


class Dialer:
    """Opens connections to one target."""

    def __init__(self, target: Target) -> None:
        self._host = target.host
        self._family, self._address = _look_up(target.host, target.port)
        self._context: ClientContext | None = None
        if target.plaintext:
            _expect_loopback(target.host, self._address[0])
        else:
            policy = TLSPolicy(highest="TLSv1.2") if target.version_12 else TLSPolicy()
            material = ClientMaterial(root=target.root, chain=target.chain, key=target.key, psk=target.psk)
            self._context = find(target.middleware).client_context(policy, material)

    def dial(self, session: object | None = None) -> Wire:
        """A connection on its way. `session` is resumed, if the broker does."""
        raw = socket.socket(self._family, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect_ex(self._address)
        if self._context is None:
            return Wire(raw, PlaintextConnection())
        return Wire(raw, self._context.connection(self._host, session=session))


def _look_up(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The first address at which somebody listens; the first of all when nobody does."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"there is no host {host!r}", why=error.strerror or str(error)) from error
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(5.0)
            if probe.connect_ex(address) == 0:
                return family, address  # type: ignore[return-value]  # IPv6's has two more numbers
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]


def _expect_loopback(host: str, address: str) -> None:
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        raise ConfigError(
            f"--plaintext is for this machine alone, and {host!r} is another",
            why="a certificate that is not asked for proves nothing, and everybody in between can read",
            remedy="leave --plaintext out, or run this where the broker is with --host 127.0.0.1",
        )
