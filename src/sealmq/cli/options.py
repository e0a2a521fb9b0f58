"""The options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
            "--cafile, --cert and --key are mosquitto's; here one folder holds all three",
            remedy="--bundle DIR, or --as NAME",
        )


def _refuse_passwords(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "`sealmq pub` and `sub` take no user name and no password",
            why="they prove themselves by certificate",
            remedy="--as NAME, or --bundle DIR",
        )


def _refuse_tls(value: str | None) -> None:
    if value is not None:
        raise ConfigError(
            "--tls-version, --ciphers, --capath, --psk and --psk-identity are mosquitto's",
            why="TLS 1.2 and 1.3 with safe suites and certificates is all that SealMQ speaks",
            remedy="leave it out; --as NAME or --bundle DIR says who you are and whom to trust",
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
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Device whose credentials are used (default: operator).",
        rich_help_panel=CONNECTION,
    ),
]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="DIR",
        readable=False,
        help="Folder with root.pem, device-chain.pem and device.key, for a broker elsewhere.",
        rich_help_panel=CONNECTION,
    ),
]
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host", "-h", metavar="HOST", help="Broker (default: the home's, else localhost).", rich_help_panel=CONNECTION
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        "-p",
        metavar="PORT",
        min=1,
        max=65535,
        help="Its port (default: the home's, else 8883).",
        rich_help_panel=CONNECTION,
    ),
]
VersionOption = Annotated[
    str, typer.Option("--protocol-version", "-V", metavar="5|311", help="Version of MQTT.", rich_help_panel=CONNECTION)
]
ClientIdOption = Annotated[
    str,
    typer.Option(
        "--id",
        "-i",
        metavar="ID",
        help="Client identifier (default: the broker makes one).",
        rich_help_panel=CONNECTION,
    ),
]
KeepAliveOption = Annotated[
    int,
    typer.Option(
        "--keepalive",
        "-k",
        metavar="SECONDS",
        min=1,
        max=65535,
        help="Seconds between pings.",
        rich_help_panel=CONNECTION,
    ),
]
CleanOption = Annotated[
    bool,
    typer.Option("--disable-clean-session", "-c", help="Keep the session (needs -i).", rich_help_panel=CONNECTION),
]
SessionExpiryOption = Annotated[
    str | None,
    typer.Option(
        "--session-expiry",
        "-x",
        metavar="SECONDS",
        help="How long the broker keeps the session afterwards, MQTT 5 only (default: 0; with -c for ever).",
        rich_help_panel=CONNECTION,
    ),
]
PropertyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--property",
        "-D",
        metavar="COMMAND IDENTIFIER VALUE",
        help="MQTT 5 property, as in -D publish content-type text/plain or -D publish user-property NAME VALUE.",
        rich_help_panel=CONNECTION,
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", "-d", help="Show the packets on stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No errors while running; the exit code tells.")]
InsecureOption = Annotated[bool, typer.Option("--insecure", hidden=True, is_eager=True, callback=_refuse_insecure)]
FilesOption = Annotated[
    str | None, typer.Option("--cafile", "--cert", "--key", hidden=True, is_eager=True, callback=_refuse_files)
]
PasswordOption = Annotated[
    str | None,
    typer.Option("-u", "--username", "-P", "--pw", hidden=True, is_eager=True, callback=_refuse_passwords),
]
TLSOption = Annotated[
    str | None,
    typer.Option(
        *("--tls-version", "--ciphers", "--capath", "--psk", "--psk-identity"),
        hidden=True,
        is_eager=True,
        callback=_refuse_tls,
    ),
]
URLOption = Annotated[str | None, typer.Option("-L", "--url", hidden=True, is_eager=True, callback=_refuse_url)]
BindOption = Annotated[str | None, typer.Option("-A", hidden=True, is_eager=True, callback=_refuse_bind)]
RemoveRetainedOption = Annotated[
    bool, typer.Option("--remove-retained", hidden=True, is_eager=True, callback=_refuse_remove_retained)
]
UnsubscribeOption = Annotated[
    str | None, typer.Option("--unsubscribe", "-U", hidden=True, is_eager=True, callback=_refuse_unsubscribe)
]
WillTopicOption = Annotated[
    str | None,
    typer.Option(
        "--will-topic", metavar="TOPIC", help="Topic of the message that is sent when we vanish.", rich_help_panel=WILL
    ),
]
WillPayloadOption = Annotated[
    str | None, typer.Option("--will-payload", metavar="MESSAGE", help="Its payload.", rich_help_panel=WILL)
]
WillQoSOption = Annotated[
    int, typer.Option("--will-qos", metavar="QOS", min=0, max=2, help="Its QoS.", rich_help_panel=WILL)
]
WillRetainOption = Annotated[bool, typer.Option("--will-retain", help="Retain it.", rich_help_panel=WILL)]


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


def read_dial(
    *,
    home: Path | None,
    name: str | None,
    bundle: Path | None,
    host: str | None,
    port: int | None,
    version: str,
    client_id: str,
    keep_alive: int,
    will: Will | None,
    properties: list[str] | None,
    debug: bool,
    keep_session: bool = False,
    session_expiry: str | None = None,
) -> Dial:
    """Everything that CONNECT says, from the options of pub and sub."""
    from paho.mqtt.enums import MQTTProtocolVersion

    from sealmq.cli.connection import Dial, read_version
    from sealmq.cli.properties import read_properties
    from sealmq.cli.target import expect_host, find_target

    level = read_version(version)
    version5 = level == MQTTProtocolVersion.MQTTv5
    if properties and not version5:
        raise ConfigError("-D is for MQTT 5", why="MQTT 3.1.1 has no properties", remedy="-V 5")
    if keep_session and not client_id:
        raise ConfigError("-c needs -i", why="a session is found again by its client identifier", remedy="-c -i NAME")
    expect_text("-i", client_id)
    expiry = read_session_expiry(session_expiry, keep=keep_session, version5=version5)
    read: dict[str, Any] = read_properties(properties or [])
    if hasattr(read.get("connect"), "SessionExpiryInterval"):
        if session_expiry is not None:
            raise ConfigError(
                "-x and -D connect session-expiry-interval are both given",
                why="both say how long the broker keeps the session",
                remedy="keep one of them",
            )
        expiry = None
    expect_host(host)
    return Dial(
        target=find_target(home, name, bundle, host, port),
        version=level,
        client_id=client_id,
        keep_alive=keep_alive,
        clean=not keep_session,
        session_expiry=expiry,
        will=will,
        properties=read,
        debug=debug,
    )
