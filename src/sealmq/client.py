"""The client's side for Python programs: aiomqtt and paho-mqtt with the right TLS already in them.

    async with sealmq.connect("bundle") as client:
        await client.publish("devices/sensor-1/temp", "21.5")

    with sealmq.keep_renewed("bundle"):     # renews the certificate while the program runs
        ...

A bundle is the folder that `sealmq device add NAME` writes: root.pem (whom to trust), device.pem and device.key
(who we are). Who has an account in place of a certificate gives root.pem, a user name and a password; who has a
pre-shared key gives that. `middleware` says which TLS library speaks. Nothing here can turn verification off.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sealmq.bundle import current_of, expect_whole, files_of
from sealmq.errors import ConfigError
from sealmq.tls.context import RenewedContext, client_context
from sealmq.tls.middleware import PSK
from sealmq.tls.middlewares import DEFAULT
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.programs import for_paho

if TYPE_CHECKING:
    from sealmq.renewal.keeping import Keeping

_OURS: Final = ("tls_context", "tls_params", "tls_insecure")


def connect(
    bundle: str | Path | None = None,
    host: str | None = None,
    port: int = 8883,
    *,
    root: str | Path | None = None,
    username: str | None = None,
    password: str | None = None,
    psk: PSK | None = None,
    middleware: str = DEFAULT,
    **options: Any,
) -> aiomqtt.Client:
    """An aiomqtt.Client for `async with`, which proves itself with `bundle`. `options` are aiomqtt.Client's.

    It speaks MQTT 5 unless `protocol` says otherwise, and looks for the broker on this machine unless `host` does.
    username, password: of an account, for a listener that asks for them. Where it asks for no certificate, `root` (the
    file root.pem of the broker's home) in place of `bundle` says whom to trust.
    psk: a pre-shared key (sealmq.tls.middleware.PSK) in place of both, for a listener with auth = "psk".
    middleware: the TLS library, by name; `sealmq middleware` lists them.
    Raises ConfigError when the bundle is not whole, or the middleware is not there or cannot do it.
    """
    _expect_no_tls_options(options)
    _expect_login(root, username, password)
    options |= {"username": username, "password": password}
    options.setdefault("protocol", aiomqtt.ProtocolVersion.V5)
    return aiomqtt.Client(host or "localhost", port, tls_context=_context(bundle, root, psk, middleware), **options)


def paho_client(
    bundle: str | Path | None = None,
    *,
    root: str | Path | None = None,
    username: str | None = None,
    password: str | bytes | None = None,
    psk: PSK | None = None,
    middleware: str = DEFAULT,
    **options: Any,
) -> paho.Client:
    """A paho Client (callback API 2) which proves itself with `bundle`; call its connect(host, port).

    `options` are paho.mqtt.client.Client's. It speaks MQTT 5 unless `protocol` says otherwise. root, username,
    password, psk and middleware are `connect`'s, and so are the errors.
    """
    _expect_no_tls_options(options)
    _expect_login(root, username, password)
    context = _context(bundle, root, psk, middleware)
    options.setdefault("protocol", paho.MQTTv5)
    client = paho.Client(CallbackAPIVersion.VERSION2, **options)
    client.tls_set_context(context)
    if username is not None:
        client.username_pw_set(username, password)  # type: ignore[arg-type]  # bytes it sends as they are
    return client


def keep_renewed(
    bundle: str | Path, host: str | None = None, port: int = 8883, *, https_port: int | None = 8443
) -> Keeping:
    """Keep the certificate of `bundle` fresh while the program runs: one line, whatever else the program does.

    It starts a thread, which asks the broker for another certificate at two thirds of this one's life, over a
    connection of its own. What `connect` and `paho_client` have made uses the new one when it connects again. Ends with
    the program, with `close()`, or with the `with` block. `wake()` looks at once.
    https_port: where the broker has EST, for a certificate that has expired meanwhile; None: nowhere.
    Raises ConfigError when the bundle is not whole. What fails later is told to the log `sealmq.renewal`.
    """
    # Here, as they bring `cryptography` with them: who does not renew does not wait for it.
    from sealmq.renewal.courier import NetworkCourier
    from sealmq.renewal.keeper import Keeper
    from sealmq.renewal.keeping import Keeping

    folder = Path(bundle)
    expect_whole(folder)
    courier = NetworkCourier(host or "localhost", port, https_port, time.monotonic)  # noqa: TID251 - a client waits
    return Keeping(Keeper(folder, courier), time.time, random.random)  # noqa: TID251 - no secret hangs on it


def _expect_no_tls_options(options: dict[str, Any]) -> None:
    for name in _OURS:
        if name in options:
            raise ConfigError(
                f"a SealMQ client takes no {name}",
                why="its TLS comes from the bundle, and always verifies",
                remedy="give another bundle instead",
            )


def _expect_login(root: str | Path | None, username: str | None, password: str | bytes | None) -> None:
    if (username is None) != (password is None):
        raise ConfigError("username and password go together", remedy="give both, or neither")
    if root is not None and username is None:
        raise ConfigError(
            "root is for username and password",
            why="who has no account shows a certificate, and its bundle has a root.pem",
            remedy="give a bundle instead",
        )


def _context(bundle: str | Path | None, root: str | Path | None, psk: PSK | None, middleware: str) -> Any:
    """What paho-mqtt and aiomqtt take as a context; an ssl.SSLContext with the default middleware."""
    given = sum(each is not None for each in (bundle, root, psk))
    if given != 1:
        raise ConfigError(
            "no bundle is given" if not given else "bundle and root are both given, or a psk with one of them",
            why="a bundle says who we are and whom to trust; root.pem alone says whom to trust; a psk says both",
            remedy="give the folder that `sealmq device add` writes, or root with username and password",
        )
    if middleware != DEFAULT or psk is not None:
        return for_paho(bundle, root=root, psk=psk, middleware=middleware)
    if bundle is None:
        assert root is not None
        return client_context(TLSPolicy(), root=Path(root))
    folder = Path(bundle)
    expect_whole(folder)
    # All three of one renewal, though one may come between two looks.
    return RenewedContext.of(TLSPolicy(), lambda: files_of(current_of(folder)))
