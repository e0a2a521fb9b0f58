"""The options that several commands share, each said once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from sealmq.cli.passwords import STDIN, read_password, type_password
from sealmq.cli.program import remember_home
from sealmq.cli.texts import expect_text, read_bytes
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from sealmq.cli.connection import Dial, Will

CONNECTION = "Connection"
WILL = "Will"


def _refuse_insecure(value: bool) -> None:
    if value:
        raise ConfigError(
            "there is no --insecure",
            why="a connection that verifies nothing can be read and forged by anybody in between",
            remedy="take the bundle of the broker's home (--bundle DIR) and a host name of its certificate (--host); "
            '[certificate] names = ["..."] in sealmq.toml adds one',
        )


def _refuse_files(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "--cert and --key are mosquitto's; here one folder holds both, and root.pem",
            remedy="--bundle DIR, or --as NAME",
        )


def _refuse_password(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "there is no -P and no --pw",
            why="every user of this machine can read a command line in the process list",
            remedy="leave it out to be asked for the password, or --password-file FILE, or --password-file - for stdin",
        )


def _refuse_tls(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "--tls-version, --ciphers and --capath are mosquitto's",
            why="TLS 1.2 and 1.3 with safe suites is all that SealMQ speaks",
            remedy="leave it out; --as NAME or --bundle DIR says who you are and whom to trust",
        )


def _refuse_psk(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "--psk and --psk-identity are mosquitto's",
            why="every user of this machine can read a command line in the process list",
            remedy="--psk-file FILE: one line, identity:key; sealmq device add NAME --psk writes one",
        )


def _refuse_url(value: str | None) -> None:
    if value is not None:
        raise ConfigError("-L and --url are mosquitto's", remedy="-h HOST -p PORT -t TOPIC")


def _refuse_bind(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "-A is mosquitto's", why="the system chooses the address that leads to the broker", remedy="leave it out"
        )


def _refuse_remove_retained(value: bool) -> None:
    if value:
        raise ConfigError(
            "--remove-retained is mosquitto_sub's",
            why="an empty retained message removes the one that is there",
            remedy="sealmq pub -t TOPIC -n -r",
        )


def _refuse_unsubscribe(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "-U is mosquitto_sub's",
            why="a subscription ends with its session",
            remedy="-T TOPIC leaves messages out; connecting once without -c ends a session that was kept",
        )


def read_home(text: str) -> Path:
    """What --home says; the commands that we propose from here on say it again."""
    if not text:
        raise ConfigError("--home is empty", remedy="name a folder, or leave --home out")
    remember_home(Path(text))
    return Path(text)


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        parser=read_home,
        help="Home of the broker (default: $SEALMQ_HOME, else the user's data folder).",
    ),
]
RemoveRetainedOption = Annotated[
    bool, typer.Option("--remove-retained", hidden=True, is_eager=True, callback=_refuse_remove_retained)
]
UnsubscribeOption = Annotated[
    str | None, typer.Option("--unsubscribe", "-U", hidden=True, is_eager=True, callback=_refuse_unsubscribe)
]


def _connection(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=CONNECTION, **more)


def _will(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=WILL, **more)


def _refused(*names: str, by: Callable[[Any], None]) -> Any:
    """An option of mosquitto's that is understood, and answered with what to type instead."""
    return typer.Option(*names, hidden=True, is_eager=True, callback=by)


MiddlewareOption = Annotated[
    str | None,
    _connection(
        "--middleware", metavar="NAME", help="TLS library that speaks (default: openssl); sealmq middleware lists them."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """The options with which `sealmq pub` and `sealmq sub` connect; `with_connection_options` gives them to both."""

    name: Annotated[
        str | None,
        _connection(
            "--as", metavar="NAME", help="Device whose certificate is shown (default: operator; with -u none)."
        ),
    ] = None
    bundle: Annotated[
        Path | None,
        _connection(
            "--bundle",
            metavar="DIR",
            readable=False,
            help="Folder with root.pem, device.pem and device.key, for a broker elsewhere.",
        ),
    ] = None
    username: Annotated[
        str | None,
        _connection("--username", "-u", metavar="NAME", help="Account to log in with; its password is asked for."),
    ] = None
    password_file: Annotated[
        str | None,
        _connection("--password-file", metavar="FILE", help="Read the password's one line from a file; '-' is stdin."),
    ] = None
    cafile: Annotated[
        Path | None,
        _connection(
            "--cafile",
            metavar="FILE",
            readable=False,
            help="The broker's root.pem, for an account on a broker elsewhere that asks for no certificate.",
        ),
    ] = None
    psk_file: Annotated[
        Path | None,
        _connection(
            "--psk-file",
            metavar="FILE",
            readable=False,
            help="A pre-shared key in place of certificates: the psk.txt that sealmq device add --psk writes.",
        ),
    ] = None
    middleware: MiddlewareOption = None
    host: Annotated[
        str | None, _connection("--host", "-h", metavar="HOST", help="Broker (default: the home's, else localhost).")
    ] = None
    port: Annotated[
        int | None,
        _connection(
            "--port", "-p", metavar="PORT", min=1, max=65535, help="Its port (default: the home's, else 8883)."
        ),
    ] = None
    version: Annotated[str, _connection("--protocol-version", "-V", metavar="5|311", help="Version of MQTT.")] = "5"
    client_id: Annotated[
        str, _connection("--id", "-i", metavar="ID", help="Client identifier (default: the broker makes one).")
    ] = ""
    keep_alive: Annotated[
        int, _connection("--keepalive", "-k", metavar="SECONDS", min=1, max=65535, help="Seconds between pings.")
    ] = 60
    keep_session: Annotated[bool, _connection("--disable-clean-session", "-c", help="Keep the session (needs -i).")] = (
        False
    )
    session_expiry: Annotated[
        str | None,
        _connection(
            "--session-expiry",
            "-x",
            metavar="SECONDS",
            help="How long the broker keeps the session afterwards, MQTT 5 only (default: 0; with -c for ever).",
        ),
    ] = None
    properties: Annotated[
        list[str] | None,
        _connection(
            "--property",
            "-D",
            metavar="COMMAND IDENTIFIER VALUE",
            help="MQTT 5 property, as in -D publish content-type text/plain or -D publish user-property NAME VALUE.",
        ),
    ] = None
    will_topic: Annotated[
        str | None, _will("--will-topic", metavar="TOPIC", help="Topic of the message that is sent when we vanish.")
    ] = None
    will_payload: Annotated[str | None, _will("--will-payload", metavar="MESSAGE", help="Its payload.")] = None
    will_qos: Annotated[int, _will("--will-qos", metavar="QOS", min=0, max=2, help="Its QoS.")] = 0
    will_retain: Annotated[bool, _will("--will-retain", help="Retain it.")] = False
    home: HomeOption = None
    debug: Annotated[bool, typer.Option("--debug", "-d", help="Show the packets on stderr.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No errors while running; the exit code tells.")] = False
    insecure: Annotated[bool, _refused("--insecure", by=_refuse_insecure)] = False
    files: Annotated[str | None, _refused("--cert", "--key", by=_refuse_files)] = None
    password: Annotated[str | None, _refused("-P", "--pw", by=_refuse_password)] = None
    tls: Annotated[str | None, _refused("--tls-version", "--ciphers", "--capath", by=_refuse_tls)] = None
    psk: Annotated[str | None, _refused("--psk", "--psk-identity", by=_refuse_psk)] = None
    url: Annotated[str | None, _refused("-L", "--url", by=_refuse_url)] = None
    bind_address: Annotated[str | None, _refused("-A", by=_refuse_bind)] = None


def with_connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose last parameter is `connect: ConnectionOptions`, the options of it as its own.

    typer makes options of what a function's signature says, so the signature that it is shown has both.
    """
    types = get_type_hints(ConnectionOptions, include_extras=True)
    shared = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=types[each.name])
        for each in fields(ConnectionOptions)
    ]
    *own, _ = inspect.signature(command, eval_str=True).parameters.values()

    @functools.wraps(command)
    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in types}
        command(**given, connect=ConnectionOptions(**options))

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    return run


def read_will(topic: str | None, payload: str | None, qos: int, retain: bool) -> Will | None:
    """The four will options as one thing."""
    from sealmq.cli.connection import Will, expect_topic_name

    if topic is None:
        if payload is not None or qos or retain:
            raise ConfigError("a will needs a topic", remedy="--will-topic TOPIC")
        return None
    expect_topic_name("--will-topic", topic)
    return Will(topic, read_bytes("--will-payload", payload or ""), qos, retain)


def read_session_expiry(text: str | None, *, keep: bool, version5: bool) -> int | None:
    """What -x and -c mean for MQTT 5's session expiry; None when nothing is to be said."""
    forever = 0xFFFFFFFF
    if text is None:
        return forever if keep and version5 else None
    if not version5:
        raise ConfigError("-x is for MQTT 5", why="MQTT 3.1.1 has no session expiry", remedy="-V 5")
    if text in ("-1", "∞"):
        return forever
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > forever:
        raise ConfigError(f"-x {text!r} is no number of seconds", remedy="0 to 4294967294, or -1 for ever")
    return int(text)


def read_dial(given: ConnectionOptions) -> Dial:
    """Everything that CONNECT says."""
    from paho.mqtt.enums import MQTTProtocolVersion

    from sealmq.cli.connection import Dial, read_version
    from sealmq.cli.properties import read_properties
    from sealmq.cli.target import expect_host, find_target

    will = read_will(given.will_topic, given.will_payload, given.will_qos, given.will_retain)
    level = read_version(given.version)
    version5 = level == MQTTProtocolVersion.MQTTv5
    if given.properties and not version5:
        raise ConfigError("-D is for MQTT 5", why="MQTT 3.1.1 has no properties", remedy="-V 5")
    if given.keep_session and not given.client_id:
        raise ConfigError("-c needs -i", why="a session is found again by its client identifier", remedy="-c -i NAME")
    expect_text("-i", given.client_id)
    expect_text("--username", given.username or "")
    if given.password_file is not None and given.username is None:
        raise ConfigError("a password needs a user name", remedy="--username NAME")
    expiry = read_session_expiry(given.session_expiry, keep=given.keep_session, version5=version5)
    read: dict[str, Any] = read_properties(given.properties or [])
    if hasattr(read.get("connect"), "SessionExpiryInterval"):
        if given.session_expiry is not None:
            raise ConfigError(
                "-x and -D connect session-expiry-interval are both given",
                why="both say how long the broker keeps the session",
                remedy="keep one of them",
            )
        expiry = None
    expect_host(given.host)
    target = find_target(
        given.home, given.name, given.bundle, given.host, given.port,
        root=given.cafile, account=given.username is not None, psk=given.psk_file,
    )  # fmt: skip
    return Dial(
        target=target,
        middleware=given.middleware,
        version=level,
        client_id=given.client_id,
        keep_alive=given.keep_alive,
        clean=not given.keep_session,
        session_expiry=expiry,
        will=will,
        properties=read,
        debug=given.debug,
        username=given.username,
        password=read_login(given.username, given.password_file),
    )


def read_login(username: str | None, file: str | None) -> bytes | None:
    """The password that goes with the user name, from the file or the terminal; None when there is no user name."""
    if username is None:
        return None
    if file is not None:
        return read_password(file)
    return type_password(f"Password for {username}: ", remedy=f"--password-file FILE, or --password-file {STDIN}")
