"""The client's side for Python programs: aiomqtt and paho-mqtt with the right TLS already in them.

    async with sealmq.connect("bundle") as client:
        await client.publish("devices/sensor-1/temp", "21.5")

    with sealmq.keep_renewed("bundle"):     # renews the certificate while the program runs
        ...

A bundle is the folder that `sealmq device add NAME` writes: root.pem (whom to trust), device.pem and device.key
(who we are). Who has an account in place of a certificate gives root.pem, a user name and a password. Nothing here can
turn verification off.
"""

from __future__ import annotations

import random
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE, certificate_file, files_of
from sealmq.errors import ConfigError
from sealmq.renewal.slots import current_of
from sealmq.tls.context import RenewedContext, client_context
from sealmq.tls.policy import TLSPolicy

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
    **options: Any,
) -> aiomqtt.Client:
    """An aiomqtt.Client for `async with`, which proves itself with `bundle`. `options` are aiomqtt.Client's.

    It speaks MQTT 5 unless `protocol` says otherwise, and looks for the broker on this machine unless `host` does.
    username, password: of an account, for a listener that asks for them. Where it asks for no certificate, `root` (the
    file root.pem of the broker's home) in place of `bundle` says whom to trust.
    Raises ConfigError when the bundle is not whole.
    """
    _expect_no_tls_options(options)
    _expect_login(root, username, password)
    options |= {"username": username, "password": password}
    options.setdefault("protocol", aiomqtt.ProtocolVersion.V5)
    return aiomqtt.Client(host or "localhost", port, tls_context=_context(bundle, root), **options)


def paho_client(
    bundle: str | Path | None = None,
    *,
    root: str | Path | None = None,
    username: str | None = None,
    password: str | bytes | None = None,
    **options: Any,
) -> paho.Client:
    """A paho Client (callback API 2) which proves itself with `bundle`; call its connect(host, port).

    `options` are paho.mqtt.client.Client's. It speaks MQTT 5 unless `protocol` says otherwise. root, username and
    password are `connect`'s. Raises ConfigError when the bundle is not whole.
    """
    _expect_no_tls_options(options)
    _expect_login(root, username, password)
    context = _context(bundle, root)
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


def _context(given: str | Path | None, root: str | Path | None) -> ssl.SSLContext:  # noqa: TID251 - only named here
    if (given is None) == (root is None):
        raise ConfigError(
            "no bundle is given" if given is None else "bundle and root are both given",
            why="a bundle says who we are and whom to trust; root.pem alone says whom to trust",
            remedy="give the folder that `sealmq device add` writes, or root with username and password",
        )
    if given is None:
        assert root is not None
        return client_context(TLSPolicy(), root=Path(root))
    bundle = Path(given)
    try:
        expect_whole(bundle)
    except PermissionError as error:
        raise ConfigError(
            f"the bundle {bundle} cannot be looked into",
            why=error.strerror or str(error),
            remedy="run this as the user to whom the bundle belongs, or copy it to where you may read it",
        ) from error
    # All three of one renewal, though one may come between two looks.
    return RenewedContext.of(TLSPolicy(), lambda: files_of(current_of(bundle)))


def expect_whole(bundle: Path) -> None:
    """Raise ConfigError unless all files of a bundle are there; which are not, and what to do."""
    if not bundle.is_dir():
        raise ConfigError(
            f"there is no bundle at {bundle}",
            why="a bundle is the folder that `sealmq device add` writes",
            remedy=f"sealmq device add {bundle.name or 'NAME'}",
        )
    files = {ROOT_FILE: bundle / ROOT_FILE, LEAF_FILE: certificate_file(bundle), KEY_FILE: bundle / KEY_FILE}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing == [KEY_FILE]:
        raise ConfigError(
            f"the bundle {bundle} has no {KEY_FILE}",
            why="a device that was added with --csr made its key itself, and keeps it",
            remedy="run this where the key is, or add a device that gets its key here: sealmq device add NAME",
        )
    if missing:
        raise ConfigError(
            f"the bundle {bundle} has no {' and no '.join(missing)}",
            why=f"a bundle holds {ROOT_FILE}, {LEAF_FILE} and {KEY_FILE}",
            remedy=f"sealmq device add {bundle.name}, or copy the whole folder again",
        )
