"""The client's side for Python programs: aiomqtt and paho-mqtt with the right TLS already in them.

    async with sealmq.connect("bundle") as client:
        await client.publish("devices/sensor-1/temp", "21.5")

A bundle is the folder that `sealmq device add NAME` writes: root.pem (whom to trust), device-chain.pem and device.key
(who we are). Nothing here can turn verification off.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE
from sealmq.errors import ConfigError
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

_OURS: Final = ("tls_context", "tls_params", "tls_insecure")


def connect(bundle: str | Path, host: str | None = None, port: int = 8883, **options: Any) -> aiomqtt.Client:
    """An aiomqtt.Client for `async with`, which proves itself with `bundle`. `options` are aiomqtt.Client's.

    It speaks MQTT 5 unless `protocol` says otherwise, and looks for the broker on this machine unless `host` does.
    Raises ConfigError when the bundle is not whole.
    """
    _expect_no_tls_options(options)
    options.setdefault("protocol", aiomqtt.ProtocolVersion.V5)
    return aiomqtt.Client(host or "localhost", port, tls_context=_context(Path(bundle)), **options)


def paho_client(bundle: str | Path, **options: Any) -> paho.Client:
    """A paho Client (callback API 2) which proves itself with `bundle`; call its connect(host, port).

    `options` are paho.mqtt.client.Client's. It speaks MQTT 5 unless `protocol` says otherwise. Raises ConfigError when
    the bundle is not whole.
    """
    _expect_no_tls_options(options)
    context = _context(Path(bundle))
    options.setdefault("protocol", paho.MQTTv5)
    client = paho.Client(CallbackAPIVersion.VERSION2, **options)
    client.tls_set_context(context)
    return client


def _expect_no_tls_options(options: dict[str, Any]) -> None:
    for name in _OURS:
        if name in options:
            raise ConfigError(
                f"a SealMQ client takes no {name}",
                why="its TLS comes from the bundle, and always verifies",
                remedy="give another bundle instead",
            )


def _context(bundle: Path) -> ssl.SSLContext:  # noqa: TID251 - only named here; tls/context.py builds it
    try:
        _expect_whole(bundle)
    except PermissionError as error:
        raise ConfigError(
            f"the bundle {bundle} cannot be looked into",
            why=error.strerror or str(error),
            remedy="run this as the user to whom the bundle belongs, or copy it to where you may read it",
        ) from error
    return client_context(TLSPolicy(), root=bundle / ROOT_FILE, chain=bundle / CHAIN_FILE, key=bundle / KEY_FILE)


def _expect_whole(bundle: Path) -> None:
    if not bundle.is_dir():
        raise ConfigError(
            f"there is no bundle at {bundle}",
            why="a bundle is the folder that `sealmq device add` writes",
            remedy=f"sealmq device add {bundle.name or 'NAME'}",
        )
    missing = [name for name in (ROOT_FILE, CHAIN_FILE, KEY_FILE) if not (bundle / name).is_file()]
    if missing == [KEY_FILE]:
        raise ConfigError(
            f"the bundle {bundle} has no {KEY_FILE}",
            why="a device that was added with --csr made its key itself, and keeps it",
            remedy="run this where the key is, or add a device that gets its key here: sealmq device add NAME",
        )
    if missing:
        raise ConfigError(
            f"the bundle {bundle} has no {' and no '.join(missing)}",
            why=f"a bundle holds {ROOT_FILE}, {CHAIN_FILE} and {KEY_FILE}",
            remedy=f"sealmq device add {bundle.name}, or copy the whole folder again",
        )
