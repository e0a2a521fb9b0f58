"""Which broker, and as whom: looked up in the home, unless the options say otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealmq.errors import ConfigError, HomeError
from sealmq.identity import Auth, Terms

if TYPE_CHECKING:
    from sealmq.tls.middleware import PSK

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
"""What a listener on every address of the machine is bound to."""

_MORE_THAN_A_HOST = re.compile(
    r"(?:[a-z]+://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]+)?(?::(?P<port>\d+))?(?:/.*)?",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Which broker, and what is shown to it.

    bundle: the folder with our certificate; None: none is shown.
    root:   without a bundle, the certificate of the authority that is trusted.
    psk:    in place of both, a pre-shared key.
    """

    bundle: Path | None
    host: str
    port: int
    root: Path | None = None
    psk: PSK | None = None


def find_target(
    home: Path | None = None,
    name: str | None = None,
    bundle: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    *,
    root: Path | None = None,
    account: bool = False,
    psk: Path | None = None,
) -> Target:
    """The broker and the credentials of the home; with `bundle`, `root` or `psk` no home is needed.

    account: a user name and a password are said. Then a certificate is shown only when `name` or `bundle` say which.
    psk:     file with a pre-shared key.
    """
    if psk is not None:
        if any((bundle is not None, name is not None, root is not None, account)):
            raise psk_not_alone("--as, --bundle, --cafile or --username")
        return _by_psk(home, psk, host, port)
    if root is not None:
        if bundle is not None or name is not None:
            raise ConfigError(
                "--cafile is given together with --bundle or --as", why="a bundle has a root.pem", remedy="keep one"
            )
        if not account:
            raise ConfigError(
                "--cafile is for --username",
                why="who has no account shows a certificate, and its bundle has a root.pem",
                remedy="--bundle DIR, or --as NAME",
            )
        return Target(None, host or "localhost", port or 8883, root)
    if bundle is not None:
        if name is not None:
            raise ConfigError("--as and --bundle are both given", remedy="keep one of them: both say who you are")
        return Target(bundle, host or "localhost", port or 8883)
    from sealmq.home import OPERATOR, Home

    path = home_path(home)
    if not Home.is_home(path):
        raise HomeError(
            f"there is no home in {path}",
            why="the credentials and the broker's address are looked up there",
            remedy="sealmq up  # makes it; for a broker elsewhere: --bundle DIR --host HOST",
        )
    auth: Auth = "certificate" if not account else "password" if name is None else "certificate-and-password"
    usual_host, usual_port = listening_address(path, auth)
    if auth == "password":
        return Target(None, host or usual_host, port or usual_port, Home(path).root_certificate)
    folder = Home(path).device_directory(name or OPERATOR)
    if not _is_directory(folder):
        raise ConfigError(
            f"there are no credentials for {name or OPERATOR!r} in {path}",
            remedy=f"sealmq device list; sealmq device add {name or OPERATOR}",
        )
    return Target(folder, host or usual_host, port or usual_port)


def psk_not_alone(others: str) -> ConfigError:
    """The error for a pre-shared key beside something else that proves."""
    return ConfigError(
        f"--psk-file is given together with {others}",
        why="the key says who you are, and proves the broker too",
        remedy="keep --psk-file alone",
    )


def _by_psk(home: Path | None, file: Path, host: str | None, port: int | None) -> Target:
    from sealmq.bundle import read_psk
    from sealmq.home import Home
    from sealmq.tls.middleware import PSK

    shared = read_psk(file)
    path = home_path(home)
    usual_host, usual_port = (psk_address(path) if Home.is_home(path) else None) or ("localhost", 8883)
    return Target(None, host or usual_host, port or usual_port, psk=PSK(shared.identity, shared.key))


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError as error:
        raise HomeError(
            f"{path} cannot be looked into",
            why=error.strerror or str(error),
            remedy="run this as the user to whom the home belongs",
        ) from error


def expect_host(host: str | None) -> None:
    """Raise ConfigError when -h names more than a host."""
    if host is None:
        return
    found = _MORE_THAN_A_HOST.fullmatch(host)
    if (found is None or found["host"] == host) and not host.startswith("["):
        return
    name, port = (found["host"], found["port"]) if found else (host, None)
    proposed = f"-h {(name or 'HOST').strip('[]')}" + (f" -p {port}" if port else "")
    raise ConfigError(
        f"-h {host!r} is more than a host", why="-h takes a name or an address, -p the port", remedy=proposed
    )


def home_path(home: Path | None) -> Path:
    """--home, else $SEALMQ_HOME, else the user's data folder."""
    from sealmq.home import Home

    return home if home is not None else Home.default_path()


def listening_address(home: Path, auth: Auth = "certificate") -> tuple[str, int]:
    """Where a client on this machine reaches the home's broker: the first address that asks for just this proof."""
    from sealmq import config

    path = home / "sealmq.toml"
    listeners = (config.load(path) if path.exists() else config.Configuration()).listeners
    usual = [each for each in listeners if each.terms == Terms(auth)]
    host, port = config.parse_address((usual or listeners)[0].address)
    if host is None or host in EVERYWHERE:
        host = "localhost"
    return host, port or 8883


def psk_address(home: Path) -> tuple[str, int] | None:
    """Where a device on this machine reaches the home's listener for PSKs; None: there is none."""
    from sealmq import config

    path = home / "sealmq.toml"
    listeners = (config.load(path) if path.exists() else config.Configuration()).listeners
    return listening_address(home, "psk") if any(each.terms.asks_psk for each in listeners) else None


def psk_middleware(home: Path) -> str | None:
    """The TLS library of that listener, which a device on this machine may take too; None: there is no listener."""
    from sealmq import config

    path = home / "sealmq.toml"
    if not path.exists():
        return None
    configuration = config.load(path)
    names = (each.middleware or configuration.tls.middleware for each in configuration.listeners if each.terms.asks_psk)
    return next(names, None)


def est_url(home: Path) -> str:
    """Where a device on this machine reaches the home's EST; "" when it listens nowhere."""
    from sealmq import config

    path = home / "sealmq.toml"
    listeners = (config.load(path) if path.exists() else config.Configuration()).https.listeners
    if not listeners:
        return ""
    host, port = config.parse_address(listeners[0].address)
    if host is None or host in EVERYWHERE:
        host = "localhost"
    return f"https://{f'[{host}]' if ':' in host else host}:{port or 8443}/.well-known/est"


def read_place(text: str, *, port: int = 8883) -> tuple[str, int]:
    """HOST[:PORT], also as a URL of MQTT over TLS. Raises ConfigError."""
    from sealmq.addresses import is_address

    found = re.fullmatch(
        r"(?:(?:mqtts|ssl|tls|tcps)://)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^:/\[\]\s]+)(?::(?P<port>\d{1,5}))?/?", text
    )
    if found is None:
        if is_address(text, version=6):  # without brackets
            return text, port
        raise ConfigError(f"{text!r} is not HOST[:PORT]", remedy="sealmq handshake localhost:8883, or [::1]:8883")
    number = int(found["port"] or port)
    if not 0 < number <= 65_535:
        raise ConfigError(f"{text!r} has no port from 1 to 65535", remedy="sealmq handshake localhost:8883")
    return found["host"].strip("[]"), number


def read_listening_place(listen: str) -> tuple[str, int]:
    """[ADDRESS:]PORT of --listen; without an address, this machine alone. Raises ConfigError."""
    from sealmq.config.addresses import parse_address

    host, port = parse_address(f"127.0.0.1:{listen}" if listen.isascii() and listen.isdigit() else listen)
    if host is None:
        raise ConfigError(
            f"--listen {listen!r} does not say an address",
            why="other machines would reach it, which is to be said",
            remedy=f"--listen {port} for this machine alone, --listen 0.0.0.0:{port} for all",
        )
    return host, port
