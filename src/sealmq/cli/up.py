"""`sealmq up`: start the broker; make its home first where there is none."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from sealmq import __version__
from sealmq.cli.ca_passphrase import with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.target import EVERYWHERE
from sealmq.identity import BY_CERTIFICATE

if TYPE_CHECKING:
    from sealmq.config import Configuration
    from sealmq.doors import Addresses
    from sealmq.home import Home
    from sealmq.presence import Presence


log = logging.getLogger("sealmq.up")

_HERE = ("127.0.0.1", "::1")


@with_ca_passphrase
def up(
    home: HomeOption = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Listen here in place of all the addresses in sealmq.toml, also for WebSocket and HTTPS. Repeatable.",
        ),
    ] = None,
    websocket: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS:PORT", help="Listen here for MQTT over WebSocket (wss://). Repeatable."),
    ] = None,
    https: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS:PORT", help="Listen here for enrolment by EST over HTTPS. Repeatable."),
    ] = None,
    middleware: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="TLS library in place of [tls] middleware in sealmq.toml; see sealmq middleware."
        ),
    ] = None,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log one JSON object a line.")] = False,
    organization: Annotated[
        str, typer.Option(metavar="NAME", help="First start only: the organization that the certificates name.")
    ] = "SealMQ",
    country: Annotated[
        str, typer.Option(metavar="CODE", help="First start only: its country, two letters. XX: none in particular.")
    ] = "XX",
) -> None:
    """Start the broker. The first start makes the certificate authority, the broker's certificate and your identity."""
    from sealmq.archive import finish_restore
    from sealmq.cli.log_lines import start_logging
    from sealmq.config import parse_address
    from sealmq.errors import HomeError
    from sealmq.home import Home
    from sealmq.presence import Presence
    from sealmq.tls.middlewares import find

    asked = Asked(listen or (), websocket or (), https or ())
    for address in (*asked.listen, *asked.websocket, *asked.https):
        parse_address(address)  # before anything is made
    if middleware is not None:
        find(middleware)
    path = home or Home.default_path()
    is_new = not Home.is_home(path)
    if is_new:
        try:
            _make(path, organization, country, asked).close()
        except HomeError:
            if not Home.is_home(path):  # else somebody was faster
                raise
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # `sealmq reload` may come before there is anything to be reloaded
    with Presence.claim(Home(path).path) as presence:
        finish_restore(Home(path).path)
        opened, configuration = _open(path)
        start_logging(configuration.log.level, as_json=json_log)
        with opened:
            _check_addresses(configuration, asked)
            _serve(opened, configuration.spoken_by(middleware), presence, asked, middleware, is_new=is_new)


class Asked(NamedTuple):
    """Addresses on the command line, in place of those in sealmq.toml."""

    listen: Sequence[str]
    websocket: Sequence[str]
    https: Sequence[str]

    def settled(self, bound: Addresses) -> Asked:
        """The same with the ports that port 0 has become: those that clients know."""
        from sealmq.cli.refusals import place_of

        chosen = ((self.listen, bound.mqtt), (self.websocket, bound.websocket), (self.https, bound.https))
        return Asked(*([place_of(*address) for address in known] if asked else asked for asked, known in chosen))


def _serve(
    opened: Home,
    configuration: Configuration,
    presence: Presence,
    asked: Asked,
    middleware: str | None,
    *,
    is_new: bool,
) -> None:
    """Run a server; after a restore of its home another one, in the same place."""
    import asyncio

    from sealmq.archive import finish_restore
    from sealmq.cli.refusals import place_of
    from sealmq.server import Server

    known: list[Addresses] = []
    library = _library(configuration)

    def ready(bound: Addresses) -> None:
        if not known:
            _welcome(opened, bound, is_new=is_new, library=library)
        known[:] = [bound]
        if not sys.stderr.isatty():  # a file of many days; in a terminal the welcome says it
            places = ", ".join(place_of(*address) for address in (*bound.mqtt, *bound.websocket, *bound.https))
            log.info(
                "SealMQ %s is up: process %d, home %s, listening on %s%s",
                __version__,
                os.getpid(),
                opened.path,
                places,
                f", TLS by {library}" if library else "",
            )

    while True:
        with opened:
            server = Server(opened, configuration, presence, middleware)
            asyncio.run(server.run(ready, *asked))
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # asyncio has put back what would end us
        if not server.restore_waits:
            return
        asked = asked.settled(known[0])
        finish_restore(opened.path)
        opened, configuration = _open(opened.path)


def _make(path: Path, organization: str, country: str, asked: Asked) -> Home:
    import time

    from sealmq import config
    from sealmq.home import Home, broker_names

    file = Home(path).configuration
    configuration = config.load(file) if file.exists() else config.Configuration()
    _check_addresses(configuration, asked)  # before a home is made that nobody could reach
    made = Home.create(
        path,
        organization=organization,
        country=country,
        names=broker_names(configuration.certificate),
        now=time.time(),
    )
    return made


def _check_addresses(configuration: Configuration, asked: Asked) -> None:
    from sealmq.config import parse_address
    from sealmq.doors import wanted_listeners
    from sealmq.tcp.listener import check_address

    for each in wanted_listeners(configuration, *asked):
        check_address(*parse_address(each.address), each.option)


def _open(path: Path) -> tuple[Home, Configuration]:
    import time

    from sealmq import config
    from sealmq.home import Home
    from sealmq.own_certificates import renew_own
    from sealmq.pki import vault

    opened = Home.open(path)
    try:
        if not opened.configuration.exists():
            vault.write_public(opened.configuration, config.default_text().encode())
        configuration = config.load(opened.configuration)
        opened.authorities.unlock()
        renew_own(opened, configuration.certificate, time.time())
    except BaseException:
        opened.close()
        raise
    return opened, configuration


def _library(configuration: Configuration) -> str:
    """What [tls] says, where it is not the usual. Raises MiddlewareError when the library is not there."""
    from sealmq.tls.middlewares import DEFAULT, find

    name, profile = configuration.tls.middleware, configuration.tls.profile
    if name == DEFAULT and profile == "default":
        return ""
    said = [f"middleware {name}"] if name != DEFAULT else []
    said += [f"profile {profile}"] if profile != "default" else []
    return f"{find(name).abilities.title} ({', '.join(said)})"


def _welcome(home: Home, bound: Addresses, *, is_new: bool, library: str = "") -> None:
    """Where it listens, whom to trust, what to type next."""
    from rich.console import Console

    from sealmq.cli.program import program

    console = Console(highlight=False, soft_wrap=True, emoji=False)  # or ":AB:" in a fingerprint would become a picture
    console.print("[bold green]SealMQ is up.[/] MQTT over TLS, for devices with a certificate from its own CA.\n")
    for host, port in bound.mqtt:
        console.print(f"  listening on    {_where(host, port)}{_asked(bound, host, port)}", markup=False)
    for host, port in bound.websocket:
        console.print(f"  WebSocket on    {_where(host, port)}{_asked(bound, host, port)}", markup=False)
    for host, port in bound.https:
        console.print(f"  EST (HTTPS) on  {_where(host, port)}{_asked(bound, host, port)}", markup=False)
    if library:
        console.print(f"  TLS by          {library}", markup=False)
    console.print(f"  home            {home.path}{' (made just now)' if is_new else ''}", markup=False)
    console.print(f"  root to trust   {home.root_certificate}", markup=False)
    fingerprint = home.root_fingerprint()
    if console.is_terminal and console.width < len(fingerprint) + 18:
        middle = len(fingerprint) // 2 + 1  # behind a colon
        fingerprint = f"{fingerprint[:middle]}\n{'':18}{fingerprint[middle:]}"
    console.print(f"  its SHA-256     {fingerprint}\n")
    if is_new:
        console.print("  [yellow]Guard the folder ca/ in the home:[/]")
        console.print("  [yellow]whoever has its .key files can make devices and brokers.[/]\n")
    here = ", in this folder" if "/" in program() and not program().startswith("/") else ""
    console.print(f"Next, in another terminal{here}:\n")
    usual = [address for address in bound.mqtt if bound.terms.get(address, BY_CERTIFICATE) == BY_CERTIFICATE]
    for command in _next_commands(home, usual or bound.mqtt):
        console.print(f"  {command}", markup=False)
    console.print("\nCtrl-C ends it.")


def _next_commands(home: Home, bound: list[tuple[str, int]]) -> list[str]:
    """What to type to see a first message, as it works from here."""
    import shlex

    from sealmq.cli.program import program
    from sealmq.cli.target import listening_address
    from sealmq.home import Home

    where = [] if home.path == Home(Home.default_path()).path else ["--home", str(home.path)]
    host, port = bound[0]
    usual_host, usual_port = listening_address(home.path)
    at = list(where)
    if host not in (*EVERYWHERE, *_HERE, usual_host):
        at += ["-h", host]
    if port != usual_port:
        at += ["-p", str(port)]
    commands = [
        ["device", "add", "sensor-1", *where],
        ["sub", *at, "devices/#"],
        ["pub", *at, "--as", "sensor-1", "-t", "devices/sensor-1/temp", "-m", "21.5"],
    ]
    return [f"{program()} {shlex.join(command)}" for command in commands]


_PROOFS = {
    "password": "user name and password",
    "certificate-and-password": "certificate, user name and password",
    "psk": "pre-shared key",
}
"""What is asked at a listener, where it is not a certificate alone."""


def _asked(bound: Addresses, host: str, port: int) -> str:
    """What is asked at a listener, by which library and profile, where it is not the usual."""
    terms = bound.terms.get((host, port), BY_CERTIFICATE)
    words = [_PROOFS[terms.auth]] if terms.auth in _PROOFS else []
    if terms.plaintext:
        words.append("WITHOUT TLS")
    if (host, port) in bound.middleware:
        words.append(f"TLS by {bound.middleware[host, port]}")
    if (host, port) in bound.profile:
        words.append(f"profile {bound.profile[host, port]}")
    return f" ({', '.join(words)})" if words else ""


def _where(host: str, port: int) -> str:
    from sealmq.cli.refusals import place_of

    if host == "0.0.0.0":  # noqa: S104 - printed, not listened on
        return f"port {port}, every IPv4 address of this machine"
    if host == "::":
        return f"port {port}, every IPv6 address of this machine"
    return place_of(host, port)
