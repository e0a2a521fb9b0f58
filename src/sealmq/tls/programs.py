"""TLS for programs that have an MQTT client of their own: any middleware where they want an ssl.SSLContext.

client = paho.mqtt.client.Client(...)
client.tls_set_context(sealmq.tls.for_paho("bundle", middleware="mbedtls"))

aiomqtt.Client("broker.example.com", 8883, tls_context=sealmq.tls.for_paho("bundle"))
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from sealmq.bundle import current_of, expect_whole, files_of
from sealmq.errors import ConfigError, Error
from sealmq.tls.middleware import PSK, ClientConnection, ClientContext, ClientMaterial, Middleware
from sealmq.tls.middlewares import DEFAULT, find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.sockets import SocketContext


def for_paho(
    bundle: str | Path | None = None,
    *,
    root: str | Path | None = None,
    chain: str | Path | None = None,
    key: str | Path | None = None,
    psk: PSK | None = None,
    middleware: str = DEFAULT,
    policy: TLSPolicy | None = None,
) -> SocketContext:
    """A context for paho-mqtt's `tls_set_context` and aiomqtt's `tls_context`; it always verifies.

    bundle:     the folder that `sealmq device add NAME` writes. Its files are read anew when they were renewed.
    root:       in place of a bundle: PEM file of the authority that is trusted; with chain and key, PEM files of our
                certificate and its key, for a broker that asks for one.
    psk:        in place of both: a pre-shared key.
    middleware: the TLS library, by name; `sealmq middleware` lists them.
    policy:     versions and suites; None is SealMQ's default.
    Raises ConfigError when not just one of the three is given or the middleware cannot do it, TrustError when a file
    cannot be used.
    """
    if sum(each is not None for each in (bundle, root, psk)) != 1:
        raise ConfigError(
            "not one, and only one, of bundle, root and psk is given",
            why="each of them says whom to trust",
            remedy='sealmq.tls.for_paho("bundle")',
        )
    if (chain is not None or key is not None) and root is None:
        raise ConfigError("chain and key go with root", remedy="give root too, or a bundle, which has all three")
    library, policy = find(middleware), policy or TLSPolicy()
    if bundle is not None:
        return SocketContext(RenewedClientContext(library, policy, Path(bundle)))
    material = ClientMaterial(root=_path(root), chain=_path(chain), key=_path(key or chain), psk=psk)
    return SocketContext(library.client_context(policy, material))


class RenewedClientContext:
    """A ClientContext that reads the files of its bundle anew before a connection, when they are others than before: a
    program that runs for years connects again with the certificate that came meanwhile.

    Whoever connects can do nothing about a bundle that is being changed: it goes on with what it had, and looks again
    at the next connection.
    """

    def __init__(self, middleware: Middleware, policy: TLSPolicy, bundle: Path) -> None:
        """Raises ConfigError when the bundle is not whole, TrustError when a file cannot be used."""
        expect_whole(bundle)
        self._build: Callable[[Path, Path, Path], ClientContext] = lambda root, chain, key: middleware.client_context(
            policy, ClientMaterial(root=root, chain=chain, key=key)
        )
        self._bundle = bundle
        files = files_of(current_of(bundle))
        self._stamp = _stamp_of(*files)
        self._context = self._build(*files)

    def connection(self, server_hostname: str, *, session: object | None = None) -> ClientConnection:
        """See ClientContext. A session of before the renewal resumes nothing: everything is proved anew."""
        with contextlib.suppress(OSError, Error):
            files = files_of(current_of(self._bundle))  # of one renewal, though one may come between two looks
            stamp = _stamp_of(*files)
            if stamp != self._stamp:
                self._context = self._build(*files)
                self._stamp, session = stamp, None
        return self._context.connection(server_hostname, session=session)


def _stamp_of(*files: Path) -> object:
    """Differs when somebody has changed or replaced one of these files."""
    return [(each.st_dev, each.st_ino, each.st_mtime_ns) for each in (file.stat() for file in files)]


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
