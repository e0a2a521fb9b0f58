"""`sealmq device bundle` and `sealmq device targets`: a device's credentials in the form that its firmware wants."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq import __version__
from sealmq.cli.options import HomeOption
from sealmq.cli.times import moment
from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.devices.bundles.bundle import Bundle
    from sealmq.devices.bundles.credentials import Credentials
    from sealmq.devices.records import DeviceRecord
    from sealmq.home import Home


def complete_target(incomplete: str) -> list[tuple[str, str]]:
    """The targets that begin with what was typed, for the shell."""
    from sealmq.devices.bundles.targets import TARGETS

    return [(name, target.title) for name, target in TARGETS.items() if name.startswith(incomplete)]


TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TARGET",
        autocompletion=complete_target,
        help="What the device's firmware or program is: sealmq device targets.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR|FILE.zip", help="Where the bundle goes (default: ./NAME-TARGET)."),
]
BundleHostOption = Annotated[
    str | None,
    typer.Option("--host", metavar="HOST", help="The broker as the device dials it (default: its certificate's name)."),
]
BundlePortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="PORT", min=1, max=65535, help="Its port (default: the home's)."),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed about a bundle."""

    target: str
    out: Path | None = None
    host: str | None = None
    port: int | None = None
    force: bool = False

    def place(self, name: str) -> Path:
        """Where the bundle goes."""
        return self.out if self.out is not None else Path(f"{name}-{self.target}")


def bundle(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The device.")],
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="TARGET",
            autocompletion=complete_target,
            help="What the device's firmware or program is: sealmq device targets.",
        ),
    ],
    out: OutOption = None,
    host: BundleHostOption = None,
    port: BundlePortOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Hand over a device's credentials as its firmware or program wants them, read back and checked."""
    from sealmq.cli.target import home_path
    from sealmq.home import Home

    asked = Asked(target, out, host, port, force)
    with Home.open(home_path(home)) as opened:
        device = opened.revocations().find(name)
        check_asked(asked, name, psk=device.has_psk)
        said = hand_over(opened, name, asked)
    typer.echo(json.dumps(said.as_json(), indent=2) if as_json else "\n".join(said.in_words()))


def targets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """List what bundles can be made for. With --json also which keys each takes, and whether a PSK."""
    import textwrap

    from rich.console import Console

    from sealmq.devices.bundles.psk import PSK_TARGETS
    from sealmq.devices.bundles.targets import TARGETS

    if as_json:
        listed = [
            {
                "name": target.name,
                "title": target.title,
                "keys": list(target.limits.keys),
                "psk": target.name in PSK_TARGETS,
            }
            for target in TARGETS.values()
        ]
        typer.echo(json.dumps(listed, indent=2))
        return
    width = max(map(len, TARGETS)) + 2
    console = Console()
    for target in TARGETS.values():
        line = f"{target.name:<{width}}{target.title}"
        if console.is_terminal:  # a program gets a target a line
            line = textwrap.fill(line, max(console.width, 2 * width), subsequent_indent=" " * width)
        typer.echo(line)


def check_asked(asked: Asked, name: str, *, psk: bool = False) -> None:
    """Raise BundleError or ConfigError when no such bundle can be made or written: before a device is added for it."""
    from sealmq.devices.bundles.psk import check_takes_psk
    from sealmq.devices.bundles.targets import find_target
    from sealmq.devices.bundles.writing import check_place

    check_host(asked.host)
    if psk:
        check_takes_psk(asked.target)
    else:
        find_target(asked.target)
    check_place(asked.place(name), force=asked.force)


def check_host(host: str | None) -> None:
    """Raise ConfigError unless a device could dial this."""
    from sealmq.addresses import is_address
    from sealmq.pki.profiles import is_dns_name

    if host is not None and not is_address(host) and not is_dns_name(host):
        raise ConfigError(
            f"--host {host!r} is neither a host name nor an address",
            why="it goes into programs and configurations as it is",
            remedy="--host NAME, and --port PORT",
        )


def expect_psk_port(asked: int | None, address: tuple[str, int] | None) -> int:
    """The port that a device with a PSK dials: the one that is asked for, else that of the home's listener for PSKs.

    Raises ConfigError when there is none: by any other it would be refused.
    """
    if asked is not None:
        return asked
    if address is None:
        raise ConfigError(
            "the broker does not listen for PSKs, so the device would have nowhere to dial",
            remedy='[[listener]] with auth = "psk" in sealmq.toml, or --port PORT',
        )
    return address[1]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A bundle that was written, to be told."""

    bundle: Bundle
    credentials: Credentials | PSKCredentials
    place: Path
    unknown_host: bool

    @property
    def not_after(self) -> float:
        """Until when the certificate or PSK counts, Unix seconds."""
        credentials = self.credentials
        return credentials.not_after if isinstance(credentials, PSKCredentials) else credentials.leaf.not_after

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "device": self.credentials.name,
            "target": self.bundle.target.name,
            "out": str(self.place),
            "host": self.credentials.host,
            "port": self.credentials.port,
            "not_after": moment(self.not_after),
            "key_included": self.credentials.key is not None,
            "files": [
                {"name": file.name, "bytes": len(file.content), "private": file.private} for file in self.bundle.files
            ],
            "passwords": self.bundle.passwords,
        }

    def in_words(self) -> list[str]:
        """For the one who typed it."""
        credentials, files = self.credentials, self.bundle.files
        width = max(len(file.name) for file in files)
        until = moment(self.not_after)[:10]
        what = "PSK" if isinstance(credentials, PSKCredentials) else "certificate"
        lines = [
            f"{self.place} is written and checked: {credentials.name} for {self.bundle.target.name}, "
            f"{what} until {until}.",
            f"The device dials {credentials.host}, port {credentials.port} (--host and --port say another).",
            "",
            *(f"  {f.name:<{width}}  {len(f.content):>6,}{'  secret' if f.private else ''}" for f in files),
        ]
        if credentials.key is None:
            lines += ["", "The private key is where the certificate request was made; README.md says where it goes."]
        for file, password in self.bundle.passwords.items():
            lines += ["", f"{file} is opened with {password}", "It is shown this once."]
        if self.unknown_host:
            lines += [
                "",
                f"The broker's certificate has no name {credentials.host}, so the device would refuse it. To add it:",
                f'  [certificate] names = ["{credentials.host}"] in sealmq.toml, then start the broker again',
            ]
        return lines


def hand_over(home: Home, name: str, asked: Asked) -> HandedOver:
    """Make and write the bundle of a device that there is. Raises BundleError, EnrollmentError or TrustError."""
    from sealmq.devices.bundles.writing import write_bundle

    now = time.time()
    maker = BundleMaker(home, asked.host, asked.port)
    device = home.revocations().find(name)
    made: Bundle
    credentials: Credentials | PSKCredentials
    if device.has_psk:
        made, credentials = maker.make_with_psk(device, asked.target, now=now)
    else:
        made, credentials = maker.make(device, asked.target, now=now)
    place = asked.place(name)
    write_bundle(made, place, now=now, force=asked.force)
    return HandedOver(made, credentials, place, maker.unknown_host and not device.has_psk)


class BundleMaker:
    """Makes bundles for devices of a home, which all dial the broker at the same place.

    host, port: that place; None: where the home says that its broker is.
    """

    def __init__(self, home: Home, host: str | None, port: int | None) -> None:
        self._home = home
        known = _known_names(home)
        usual_host, usual_port = _broker_address(home, known)
        self._host, self._port, self._asked_port = host or usual_host, port or usual_port, port
        self._min_tls = _min_tls(home)
        self.unknown_host = self._host.lower() not in known

    def make(self, device: DeviceRecord, target: str, *, now: float) -> tuple[Bundle, Credentials]:
        """Make and check the bundle of a device. Raises BundleError, EnrollmentError or TrustError."""
        from sealmq.devices.bundles.bundle import make_bundle
        from sealmq.devices.bundles.gathering import gather_credentials
        from sealmq.devices.bundles.targets import find_target

        home = self._home
        credentials = gather_credentials(
            home.registry,
            home.authorities,
            home.device_directory(device.name),
            device,
            host=self._host,
            port=self._port,
            now=now,
            min_tls=self._min_tls,
            version=__version__,
        )
        return make_bundle(find_target(target), credentials), credentials

    def make_with_psk(self, device: DeviceRecord, target: str, *, now: float) -> tuple[Bundle, PSKCredentials]:
        """The same of a device with a PSK: it dials a listener for these. No name is compared with a certificate."""
        from sealmq.cli.target import psk_address
        from sealmq.devices.bundles.psk import gather_psk, make_psk_bundle

        home = self._home
        key, not_after = gather_psk(home.registry, home.device_directory(device.name), device, now=now)
        credentials = PSKCredentials(
            name=device.name,
            host=self._host,
            port=expect_psk_port(self._asked_port, psk_address(home.path)),
            key=key,
            serial=device.serial,
            not_after=not_after,
            now=now,
            min_tls=self._min_tls,
            version=__version__,
        )
        return make_psk_bundle(target, credentials), credentials


def _broker_address(home: Home, known: tuple[str, ...]) -> tuple[str, int]:
    """How a device finds the broker: not as localhost, but as its certificate says."""
    from sealmq.cli.target import listening_address

    host, port = listening_address(home.path)
    if host in ("localhost", "127.0.0.1", "::1"):
        host = next((each for each in known if each not in ("localhost", "127.0.0.1", "::1")), host)
    return host, port


def _min_tls(home: Home) -> str:
    from sealmq import config
    from sealmq.tls.policy import TLSPolicy

    configuration = config.load(home.configuration) if home.configuration.exists() else config.Configuration()
    version = TLSPolicy(profile=configuration.tls.profile).minimum_version
    return version.name.removeprefix("TLSv").replace("_", ".")


def _known_names(home: Home) -> tuple[str, ...]:
    """The names and addresses in the broker's certificate."""
    from sealmq.pki.authority import certificates_of
    from sealmq.pki.peer import server_names

    names = server_names(certificates_of(home.broker_chain.read_bytes())[0])
    return (*names.dns, *names.addresses)
