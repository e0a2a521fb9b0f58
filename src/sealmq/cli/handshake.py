"""`sealmq handshake`: what happens in a TLS handshake, with anybody's broker, message by message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealmq.cli.options import CONNECTION, HomeOption, read_login
from sealmq.errors import ConfigError, TrustError

if TYPE_CHECKING:
    from sealmq.kit.handshake.contexts import Credentials
    from sealmq.kit.handshake.dial import Call

_LONGEST_NAME = 253
OUTPUT = "Output"
OTHERS = "Somebody else's connection"


def handshake(
    broker: Annotated[
        str | None,
        typer.Argument(metavar="HOST[:PORT]", help="Any broker; the port is 8883 if none is given. Without HOST: the "
                       "home's own."),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with root.pem, device.pem and device.key.",
                     rich_help_panel=CONNECTION),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Show the certificate of this device of the home.",
                     rich_help_panel=CONNECTION),
    ] = None,
    cafile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of the authority (CA) that signed the broker's certificate. "
                     "Without one nothing is verified: the connection is only looked at.", rich_help_panel=CONNECTION),
    ] = None,
    system: Annotated[
        bool, typer.Option("--system-cas", help="Trust the authorities that this system trusts.",
                           rich_help_panel=CONNECTION),
    ] = False,
    cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file of the certificate to show, the device's.",
                                    rich_help_panel=CONNECTION),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of its key (default: in the same file).",
                     rich_help_panel=CONNECTION),
    ] = None,
    psk_file: Annotated[
        Path | None,
        typer.Option("--psk-file", metavar="FILE", readable=False, help="A pre-shared key in place of certificates, "
                     "with --middleware: the psk.txt that sealmq device add --psk writes.", rich_help_panel=CONNECTION),
    ] = None,
    crlfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="List of revoked certificates to judge the broker's by (PEM or DER).",
                     rich_help_panel=CONNECTION),
    ] = None,
    server_name: Annotated[
        str,
        typer.Option("--servername", metavar="NAME", help="Ask for, and verify, this name in place of HOST: to dial a "
                     "broker by its address, or before DNS leads there.", rich_help_panel=CONNECTION),
    ] = "",
    tls_version: Annotated[
        str | None,
        typer.Option(metavar="1.2|1.3", help="Offer this version alone (also 1.0 and 1.1).",
                     rich_help_panel=CONNECTION),
    ] = None,
    ciphers: Annotated[
        str, typer.Option(metavar="LIST", help="Cipher suites of TLS 1.2 to offer, as OpenSSL writes them.",
                          rich_help_panel=CONNECTION),
    ] = "",
    middleware: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Dial with this TLS library, which verifies or does not connect: openssl "
                     "(the default), pyopenssl, mbedtls, wolfssl.", rich_help_panel=CONNECTION),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol-version", "-V", metavar="5|311", help="Version of MQTT.",
                          rich_help_panel=CONNECTION),
    ] = "5",
    client_id: Annotated[
        str, typer.Option("--id", "-i", metavar="ID", help="Client identifier.", rich_help_panel=CONNECTION),
    ] = "",
    username: Annotated[
        str | None,
        typer.Option("--username", "-u", metavar="NAME", help="Account to log in with.", rich_help_panel=CONNECTION),
    ] = None,
    password_file: Annotated[
        str | None,
        typer.Option("--password-file", metavar="FILE", help="Read the password's one line from a file; '-' is stdin.",
                     rich_help_panel=CONNECTION),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long each wait takes at most.",
                            rich_help_panel=CONNECTION),
    ] = 10.0,
    home: HomeOption = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="1.2,1.3,resumed,mtls", help="Side by side, each way dialled anew: flights, bytes, time, "
                     "signatures; also classical and post-quantum."),
    ] = None,
    repeat: Annotated[int, typer.Option(metavar="TIMES", min=1, max=1000, help="With --compare: runs of each.")] = 5,
    probes: Annotated[
        bool, typer.Option("--probes/--no-probes", help="Dial again where that tells more: are small records possible, "
                           "does the port take MQTT without TLS?"),
    ] = True,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Tell more: -v what each message is for, and every check "
                          "with its reason; -vv every byte."),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write a page, in one file.",
                                  rich_help_panel=OUTPUT),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw the sequence of messages.",
                                  rich_help_panel=OUTPUT),
    ] = None,
    mermaid: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write a Mermaid diagram; '-' is stdout.",
                                  rich_help_panel=OUTPUT, allow_dash=True),
    ] = None,
    pcapng: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write a capture for Wireshark, with the keys that open it.",
                     rich_help_panel=OUTPUT),
    ] = None,
    pcap: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, readable=False, help="Explain a capture instead of dialling.",
                     rich_help_panel=OTHERS),
    ] = None,
    keylog: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, readable=False, help="With --pcap or --listen: the client's key "
                     "log (SSLKEYLOGFILE), which opens TLS 1.3.", rich_help_panel=OTHERS),
    ] = None,
    stream: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=0, help="With --pcap: which connection (default: the first of TLS).",
                     rich_help_panel=OTHERS),
    ] = None,
    list_streams: Annotated[
        bool, typer.Option("--list", help="With --pcap: list its connections.", rich_help_panel=OTHERS)
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS:]PORT", help="Stand in front of a broker, pass a device's connections through "
                     "untouched, and explain them.", rich_help_panel=OTHERS),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="With --listen: the broker.", rich_help_panel=OTHERS)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="With --listen: end after so many connections.",
                     rich_help_panel=OTHERS),
    ] = None,
) -> None:  # fmt: skip
    """Show why a TLS connection to a broker works or fails: each message of the handshake, explained.

    Any broker, live; or somebody else's connection, from a capture.

    Exit codes: 0 connected; 1 refused; 2 asked wrongly; 3 nobody there;
    4 not TLS; 5 broken TLS, or a damaged capture.
    """
    from sealmq.cli.handshake_output import Outputs

    outputs = Outputs(verbose, as_json, html, svg, mermaid, pcapng)
    outputs.check()
    if pcap is not None:
        _expect_alone("--pcap", broker=broker, listen=listen, compare=compare, pcapng=pcapng, middleware=middleware,
                      psk_file=psk_file)  # fmt: skip
        from sealmq.cli.handshake_capture import explain_capture

        raise typer.Exit(explain_capture(pcap, keylog, stream, outputs, cafile=cafile, list_them=list_streams))
    if listen is not None:
        _expect_alone("--listen", broker=broker, compare=compare, pcapng=pcapng, html=html, svg=svg, mermaid=mermaid,
                      middleware=middleware, psk_file=psk_file)  # fmt: skip
        from sealmq.cli.handshake_front import explain_from_in_front

        raise typer.Exit(explain_from_in_front(listen, to, keylog, outputs, cafile=cafile, count=count))
    for option, value in (("--keylog", keylog), ("--stream", stream), ("--to", to), ("--count", count)):
        if value is not None:
            raise ConfigError(f"{option} is for --pcap or --listen", remedy="sealmq handshake --help")
    given = Given(broker, home, name, bundle, cafile, cert, key, system, crlfile, psk_file)
    with _asked_wrongly():
        call = _call(given, tls_version or "", ciphers, protocol, client_id, timeout, keep_keys=pcapng is not None)
    call = _log_in(_asking_for(_with(call, middleware), server_name), username, password_file)
    if compare is not None:
        _expect_alone("--compare", mermaid=mermaid, pcapng=pcapng, tls_version=tls_version)
        from sealmq.cli.handshake_compare import compare_handshakes

        with _asked_wrongly():
            code = compare_handshakes(call, compare, repeat, outputs)
        raise typer.Exit(code)
    from sealmq.kit.handshake.looking import look

    with _asked_wrongly():
        looked = look(call, probes=probes)
    outputs.write_capture(looked.seen)
    outputs.write(looked.report)
    raise typer.Exit(looked.report.outcome.kind.exit_code)


@contextmanager
def _asked_wrongly() -> Iterator[None]:
    """A file of ours that can't be used is no refusal of a broker: exit code 2, not 1."""
    try:
        yield
    except TrustError as error:
        raise ConfigError(error.what, why=error.why, remedy=error.remedy) from error


@dataclass(frozen=True, slots=True)
class Given:
    """The options that say which broker, whom to trust, and as whom."""

    broker: str | None
    home: Path | None
    name: str | None
    bundle: Path | None
    cafile: Path | None
    cert: Path | None
    key: Path | None
    system: bool = False
    crl: Path | None = None
    psk: Path | None = None

    @property
    def by_hand(self) -> bool:
        """Are the files named one by one?"""
        return any(each is not None for each in (self.cafile, self.cert, self.key)) or self.system


def find_target(given: Given) -> tuple[str, int, Credentials]:
    """The broker and the credentials. Raises ConfigError or HomeError.

    Without any option: the home's own broker, and the operator's certificate; another's broker is looked at without.
    """
    from sealmq.bundle import expect_whole, files_of
    from sealmq.cli import target
    from sealmq.kit.handshake.contexts import Credentials

    if given.psk is not None:
        return _by_psk(given)
    if given.key is not None and given.cert is None:
        raise ConfigError("--key goes with --cert", remedy="--cert FILE")
    if given.by_hand and (given.bundle is not None or given.name is not None):
        raise ConfigError("--cafile or --cert is given together with --bundle or --as", remedy="keep one of them")
    host, port = target.read_place(given.broker) if given.broker is not None else (None, None)
    if given.by_hand:
        shown = Credentials(given.cafile, given.cert, given.key, given.system, given.crl)
        return host or "localhost", port or 8883, shown
    if host is not None and given.name is None and given.bundle is None and not _is_ours(given, host, port or 8883):
        return host, port or 8883, Credentials(crl=given.crl)
    found = target.find_target(given.home, given.name, given.bundle, host, port)
    assert found.bundle is not None, "nobody logs in by a password alone here"
    expect_whole(found.bundle)
    return found.host, found.port, Credentials(*files_of(found.bundle), crl=given.crl)


def _by_psk(given: Given) -> tuple[str, int, Credentials]:
    from sealmq.cli import target
    from sealmq.kit.handshake.contexts import Credentials

    if given.by_hand or any(each is not None for each in (given.bundle, given.name, given.crl)):
        raise target.psk_not_alone("certificates")
    host, port = target.read_place(given.broker) if given.broker is not None else (None, None)
    found = target.find_target(given.home, None, None, host, port, psk=given.psk)
    return found.host, found.port, Credentials(psk=found.psk)


def _is_ours(given: Given, host: str, port: int) -> bool:
    """Is it the broker of the home, as far as its configuration says?"""
    from sealmq.cli.target import home_path, listening_address
    from sealmq.home import Home

    path = home_path(given.home)
    if given.home is not None:
        return True
    if host not in ("localhost", "127.0.0.1", "::1") or not Home.is_home(path):
        return False
    return listening_address(path)[1] == port


def _call(
    given: Given, version: str, ciphers: str, protocol: str, client_id: str, timeout: float, *, keep_keys: bool
) -> Call:
    from sealmq.cli.texts import expect_text
    from sealmq.kit.handshake.contexts import read_version
    from sealmq.kit.handshake.dial import Call

    levels = {"5": 5, "mqttv5": 5, "311": 4, "3.1.1": 4, "mqttv311": 4}
    if protocol not in levels:
        raise ConfigError(f"there is no MQTT version {protocol!r} here", remedy="-V 5 or -V 311")
    expect_text("-i", client_id)
    host, port, credentials = find_target(given)
    return Call(
        host=host,
        port=port,
        credentials=credentials,
        version=read_version(version) if version else "",
        ciphers=ciphers,
        timeout=timeout,
        level=levels[protocol],
        client_id=client_id,
        keep_keys=keep_keys,
    )


def _with(call: Call, middleware: str | None) -> Call:
    """The call, made with that TLS library. Raises MiddlewareError when it is not to be had."""
    from dataclasses import replace

    from sealmq.tls.middlewares import find

    return call if middleware is None else replace(call, middleware=find(middleware).name)


def _asking_for(call: Call, name: str) -> Call:
    """The call, with the name that --servername gives."""
    from dataclasses import replace

    if name and (len(name) > _LONGEST_NAME or not re.fullmatch(r"[A-Za-z0-9_:]([A-Za-z0-9._:-]*[A-Za-z0-9_:])?", name)):
        raise ConfigError(
            f"--servername {name[:60]!r} is no host name and no address", remedy="--servername broker.lan"
        )
    return replace(call, server_name=name)


def _log_in(call: Call, username: str | None, password_file: str | None) -> Call:
    from dataclasses import replace

    from sealmq.cli.texts import expect_text

    if username is None:
        if password_file is not None:
            raise ConfigError("a password needs a user name", remedy="--username NAME")
        return call
    expect_text("--username", username)
    if not call.credentials.verifies:
        raise ConfigError(
            "a password goes only to a broker that was verified",
            why="without an authority nobody knows who is at the other end",
            remedy="--cafile FILE with the broker's root certificate, or --system-cas",
        )
    return replace(call, username=username, password=read_login(username, password_file))


def _expect_alone(option: str, **others: object) -> None:
    for name, value in others.items():
        if value is not None:
            shown = "HOST" if name == "broker" else f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} and {shown} are both given", remedy="keep one of them")
