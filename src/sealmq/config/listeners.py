"""Where to listen, and what is asked there: `listen`, the short form, [[listener]], the long one, and [websocket].

Over WebSocket a certificate is always asked for, and nothing else: in a browser, CONNECT's password would be in the
hands of the page and of every script that it loads. The certificate's key stays with the browser.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final

from sealmq.config.addresses import parse_address
from sealmq.config.table import Table, shown
from sealmq.config.tls import KEYS, Profile, TLSSettings, read_max_record, read_middleware, read_profile
from sealmq.errors import ConfigError
from sealmq.identity import AUTHS, FOR_ENROLLMENT, Auth, Terms
from sealmq.tcp.origins import normal_origin

DEFAULT_LISTEN: Final = (":8883",)
CONSENT: Final = "anybody_may_read_this"
"""The key without which nothing is spoken in plaintext beyond this machine."""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """[[listener]]: one address and its terms."""

    address: str
    """ADDRESS:PORT, as in `listen`."""

    auth: Auth = "certificate"
    """How clients prove who they are. "certificate" unless somebody writes otherwise: a password can be guessed, and
    the client has to give it away to prove it."""

    plaintext: bool = False
    """No TLS. For a program on this machine that cannot do it, and for looking at the wire."""

    anybody_may_read_this: bool = False
    """Consent to a plaintext listener on an address that others can reach: they read the passwords too."""

    middleware: str | None = None
    """The TLS library here; None: the one of [tls]. The same holds for the next two."""

    profile: Profile | None = None
    """Which TLS is spoken here."""

    max_record: int | None = None
    """Bytes of the largest TLS record that is sent here."""

    websocket: bool = False
    """MQTT over WebSocket. No key of [[listener]]: it is true for the addresses of [websocket]."""

    https: bool = False
    """EST over HTTPS, and no MQTT. No key of [[listener]]: it is true for the addresses of [https]."""

    @property
    def option(self) -> str:
        """The option of `sealmq up` that names such an address."""
        return "--https" if self.https else "--websocket" if self.websocket else "--listen"

    @property
    def terms(self) -> Terms:
        """What the broker needs of it."""
        return FOR_ENROLLMENT if self.https else Terms(self.auth, self.plaintext)

    def tls_in(self, general: TLSSettings) -> TLSSettings:
        """What is spoken here, where `general` is what [tls] says."""
        own = {key: value for key in KEYS if (value := getattr(self, key)) is not None}
        return replace(general, **own) if own else general


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """[websocket]: MQTT over WebSocket over TLS, for browsers and for what only lets HTTPS through."""

    listen: tuple[str, ...] = (":8084",)
    """Where; nowhere when empty. A certificate is asked for, as on the addresses of the top's `listen`."""

    origins: tuple[str, ...] = ()
    """Whose web pages may connect, beside those of the same host and port: "https://dashboard.example.com". As
    `tcp.origins.normal_origin` writes them."""

    @property
    def listeners(self) -> tuple[ListenerSettings, ...]:
        """Its listeners."""
        return tuple(ListenerSettings(address, websocket=True) for address in self.listen)


def read_listen(top: Table) -> tuple[str, ...]:
    """The key `listen`: addresses that ask for a certificate."""
    addresses = top.texts("listen", DEFAULT_LISTEN)
    if not addresses and not top.values.get("listener"):
        raise top.error("listen", "is empty", why="a broker that listens nowhere serves nobody", remedy='[":8883"]')
    _check_addresses(top, addresses)
    return addresses


def read_websocket(table: Table, taken: AbstractSet[str]) -> WebSocketSettings:
    """The table [websocket]; `taken` are the addresses where MQTT is spoken without it."""
    table.expect_keys("listen", "origins")
    addresses = read_addresses(table, WebSocketSettings().listen, taken, "MQTT is spoken there without WebSocket")
    origins = []
    for origin in table.texts("origins", ()):
        normal = normal_origin(origin)
        if normal is None:
            raise table.error(
                "origins",
                f"has {shown(origin)}, which is no origin of a web page",
                remedy='write them as browsers do, without a path: "https://dashboard.example.com:8443"',
            )
        origins.append(normal)
    return WebSocketSettings(listen=addresses, origins=tuple(origins))


def read_addresses(table: Table, default: tuple[str, ...], taken: AbstractSet[str], why: str) -> tuple[str, ...]:
    """The key `listen` of a table for another protocol; `taken` are the addresses of others, `why` says by what."""
    addresses = table.texts("listen", default)
    _check_addresses(table, addresses)
    for address in addresses:
        if address in taken and parse_address(address)[1]:
            raise table.error(
                "listen",
                f"has {address!r}, which is taken already",
                why=why,
                remedy=f"choose another port, or listen = [] below {table.place} for none at all",
            )
    _check_once(table, addresses)
    return addresses


def read_listeners(top: Table, listen: tuple[str, ...]) -> tuple[ListenerSettings, ...]:
    """The tables [[listener]]; `listen` is what the short form has already."""
    value: Any = top.values.get("listener", [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise top.error("listener", "must be a list of tables", remedy="write [[listener]], in double brackets")
    _check_once(top, listen)
    taken = set(listen)
    read = []
    for number, each in enumerate(value, 1):
        table = Table(each, top.source, f"[[listener]] {number}:")
        settings = _listener(table)
        if settings.address in taken and parse_address(settings.address)[1]:
            raise table.error(
                "address", f"{settings.address!r} is taken already", why="one address has one kind of proof",
                remedy="give each listener an address of its own; `listen` is for auth = \"certificate\"",
            )  # fmt: skip
        taken.add(settings.address)
        read.append(settings)
    return tuple(read)


def _listener(table: Table) -> ListenerSettings:
    table.expect_keys("address", "auth", "plaintext", CONSENT, *KEYS)
    address = table.text("address")
    if address is None:
        raise table.error("address", "is missing", remedy='address = ":8885"')
    _check_address(table, "address", address)
    auth = table.choice("auth", "certificate", AUTHS)
    settings = ListenerSettings(
        address=address,
        auth=next(each for each in AUTHS if each == auth),
        plaintext=table.flag("plaintext", False),
        anybody_may_read_this=table.flag(CONSENT, False),
        middleware=read_middleware(table),
        profile=read_profile(table),
        max_record=read_max_record(table),
    )
    _check_plaintext(table, settings)
    return settings


def _check_plaintext(table: Table, settings: ListenerSettings) -> None:
    if not settings.plaintext:
        if settings.anybody_may_read_this:
            raise table.error(CONSENT, "is for plaintext = true alone", remedy="remove it: TLS is on")
        return
    for key in KEYS:
        if key in table.values:
            raise table.error(key, "is together with plaintext = true", why="there is no TLS", remedy="remove it")
    if settings.auth != "password":
        raise table.error(
            "plaintext",
            f'= true cannot be together with auth = "{settings.auth}"',
            why="without TLS nobody shows a certificate, or proves a PSK",
            remedy='auth = "password"',
        )
    host, port = parse_address(settings.address)
    if not _is_loopback(host) and not settings.anybody_may_read_this:
        raise table.error(
            "plaintext",
            f"= true on {settings.address!r}, which other machines can reach",
            why="everybody on the way reads the messages and the passwords, and can change them",
            remedy=f'address = "127.0.0.1:{port}", or say that you know it: {CONSENT} = true',
        )


def _is_loopback(host: str | None) -> bool:
    # An address, not a name: /etc/hosts may say of "localhost" whatever it likes.
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_addresses(table: Table, addresses: tuple[str, ...]) -> None:
    for address in addresses:
        _check_address(table, "listen", address)


def _check_once(table: Table, addresses: tuple[str, ...]) -> None:
    for number, address in enumerate(addresses):
        if address in addresses[:number] and parse_address(address)[1]:  # with port 0 the kernel gives each its own
            raise table.error("listen", f"has {address!r} twice", remedy="remove one of them")


def _check_address(table: Table, key: str, address: str) -> None:
    try:
        parse_address(address)
    except ConfigError as error:
        raise table.error(key, f"cannot be used: {error.what}", remedy=error.remedy) from None
