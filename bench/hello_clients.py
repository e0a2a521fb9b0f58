"""Real TLS clients, started against a listener that reads their hello and hangs up: what fingerprints.py is made of.

Each is left out where its program is missing. Loopback only; no client trusts anybody here, and none gets an answer.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from brokers import ROOT

sys.path.insert(0, str(ROOT / "devices" / "reference-firmware"))

import reference_device

from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.targets import find_target
from sealmq.errors import MiddlewareError
from sealmq.kit.dissect.conversation import ContentType, Sender
from sealmq.kit.dissect.reading import Reading
from sealmq.pki.authority import create_issuing, create_root, issue_device, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.tls.middlewares import find

HOST = "localhost"
HELLOS = Path(__file__).parent / "hellos"
INTEROP = ROOT / "tests" / "interop"
PROGRAMS = INTEROP / "firmware" / "programs"
VENDORS = ROOT / ".vendors" / "venv" / "bin"
SOURCES = ROOT / ".sources"
MQTT_JS = INTEROP / "drivers" / "mqtt_js"
SECONDS = 60.0
"""Seconds in which a client must have said hello: Java and Go compile first."""


class MissingError(Exception):
    """A program, header or package that a client needs is not here."""


@dataclass(frozen=True)
class HelloClient:
    """One client.

    stack:   the family, as guess_stack names it.
    version: of the stack, as it is installed. name: the client, with its version where that is another.
    command: what to run, once it was told the port and a folder for what it must build.
    made:    the same in words.
    """

    key: str
    stack: str
    version: Callable[[], str]
    name: Callable[[], str]
    command: Callable[[int, Path], Sequence[str | Path]]
    made: str


def catch_hello(client: HelloClient) -> bytes:
    """The ClientHello that it sends, with its header of 4 bytes. Raises MissingError where it is not installed."""
    with (
        tempfile.TemporaryDirectory(prefix="sealmq-hello-", ignore_cleanup_errors=True) as folder,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        command = [str(word) for word in client.command(door.getsockname()[1], Path(folder))]
        door.settimeout(SECONDS)
        quiet = subprocess.DEVNULL
        started = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=folder, start_new_session=True)
        try:
            return _read_hello(door)
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)  # a browser has children
            started.wait()


def _read_hello(door: socket.socket) -> bytes:
    """A client may look whether anybody is there before it says hello: the first who does is read."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        connection, _ = door.accept()
        with connection:
            connection.settimeout(SECONDS)
            reading = Reading()
            while data := connection.recv(65_536):
                reading.receive_data(Sender.CLIENT, data, 0.0)
                found = reading.conversation.find(Sender.CLIENT, ContentType.HANDSHAKE, 1)
                if found is not None:
                    return found.body
    raise TimeoutError("no hello came")


def _program(name: str | Path) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not installed")
    return found


@functools.cache
def _say(*command: str | Path) -> str:
    """What a program says when it is asked for its version."""
    words = [_program(command[0]), *map(str, command[1:])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.stdout + done.stderr


def _asked(pattern: str, *command: str | Path) -> Callable[[], str]:
    """The part of what a program says that matches."""

    def ask() -> str:
        match = re.search(pattern, _say(*command))
        return match[1] if match else ""

    return ask


def _package(name: str) -> Callable[[], str]:
    """Version of a package of Debian's, without Debian's own part."""
    return _asked(r"^([0-9]+(?:\.[0-9]+)*)", "dpkg-query", "-W", "-f", "${Version}", name)


_openssl = _asked(r"OpenSSL ([0-9.]+)", "openssl", "version")
_node_openssl = _asked(r"([0-9.]+)", "node", "-p", "process.versions.openssl")


def _mosquitto_version() -> str:
    return re.sub(
        r".*?(mosquitto_pub) version ([0-9.]+).*", r"\1 \2", _say("mosquitto_pub", "--version"), flags=re.DOTALL
    )


def _node_version() -> str:
    return f"Node.js {_asked('v([0-9.]+)', 'node', '-v')()}"


# --- clients that are built from a bundle


@functools.cache
def _credentials() -> Credentials:
    """A device of an authority that nobody knows."""
    now = time.time()
    root = create_root("Hello", "XX", serial=new_serial(), now=now)
    device_ca = create_issuing(root, "Device", serial=new_serial(), now=now)
    key = PrivateKey.generate()
    leaf = issue_device(device_ca, "sensor-1", UUID(int=1), key.public, serial=new_serial(), now=now)
    return Credentials(
        name="sensor-1",
        host=HOST,
        port=8883,
        root_pem=root.certificate.pem,
        leaf_pem=leaf.pem,
        issuing_pem=device_ca.certificate.pem,
        key=key,
        now=now,
        version="0.1.0",
    )


def _unpack(target: str, folder: Path, port: int = 8883) -> None:
    for file in make_bundle(find_target(target), replace(_credentials(), port=port)).files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def _build(folder: Path, header: str, *words: str | Path) -> Path:
    """Compile `folder`/client."""
    if not (Path("/usr/include") / header).exists():
        raise MissingError(f"{header} is not installed")
    command = [_program("gcc"), "-D_GNU_SOURCE", "-I", folder, "-I", PROGRAMS, *words]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=SECONDS)
    return folder / "client"


def _firmware(target: str, header: str, *libraries: str) -> Callable[[int, Path], Sequence[str | Path]]:
    def command(port: int, folder: Path) -> Sequence[str | Path]:
        _unpack(target, folder)
        sources = [PROGRAMS / f"publish_{target}.c", folder / "tls_setup.c"]
        return [_build(folder, header, *sources, "-o", folder / "client", *libraries), str(port), "topic", "1"]

    return command


def _bearssl(port: int, folder: Path) -> Sequence[str | Path]:
    _unpack("arduino-esp8266", folder)
    include = ("-I", folder / "mqtt_over_tls")
    source = INTEROP / "drivers" / "bearssl_client.c"
    return [
        _build(folder, "bearssl.h", *include, source, "-o", folder / "client", "-lbearssl"),
        HOST, str(port), "sensor-1", "topic",
    ]  # fmt: skip


# --- the reference device, in QEMU


def _reference_device(port: int, folder: Path) -> Sequence[str | Path]:
    if not (SOURCES / ".fetched").exists():
        raise MissingError("lwIP and Mbed TLS are not here: make sources")
    _unpack("lwip", folder / "bundle", port)
    found = (folder / "bundle", folder / "out", reference_device.Build())
    try:
        firmware = reference_device.compile_firmware(*found, sources=SOURCES, cache=reference_device.HERE / "build")
        return reference_device.emulator(firmware)
    except reference_device.DeviceError as error:
        raise MissingError(str(error)) from error


def _mbedtls_source() -> str:
    """The version that the reference device is built of."""
    file = SOURCES / "mbedtls" / "include" / "mbedtls" / "build_info.h"
    match = re.search(r'MBEDTLS_VERSION_STRING\s+"([0-9.]+)"', file.read_text()) if file.exists() else None
    return match[1] if match else ""


# --- clients that are there


def _python(library: str, python: str | Path = sys.executable) -> Callable[[int, Path], Sequence[str | Path]]:
    def command(port: int, folder: Path) -> Sequence[str | Path]:
        words = [_program(python)]
        words += [str(VENDORS / "micropython")] if library == "micropython" else []
        if library == "OpenSSL" and not _say(python, "-c", "import OpenSSL.SSL; print('here')").startswith("here"):
            raise MissingError("pyOpenSSL is not installed")
        return [*words, HELLOS / "client.py", library, HOST, str(port)]

    return command


def _mosquitto_pub(port: int, folder: Path) -> Sequence[str | Path]:
    root = folder / "root.pem"
    root.write_bytes(_credentials().root_pem)
    where = ["-h", HOST, "-p", str(port), "--cafile", root]
    return [_program("mosquitto_pub"), *where, "-t", "topic", "-m", "1"]


def _mqtt_js(port: int, folder: Path) -> Sequence[str | Path]:
    if not (MQTT_JS / "node_modules").exists():
        raise MissingError("MQTT.js is not installed")
    script = f"require({str(MQTT_JS / 'node_modules' / 'mqtt')!r}).connect('mqtts://{HOST}:{port}')"
    return [_program("node"), "-e", script]


def _node(port: int, folder: Path) -> Sequence[str | Path]:
    script = f"require('tls').connect({{ host: '{HOST}', port: {port}, servername: '{HOST}' }})"
    return [_program("node"), "-e", script]


def _chromium(port: int, folder: Path) -> Sequence[str | Path]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync"]
    only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
    return [
        _program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", *quiet, only,
        f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"https://{HOST}:{port}/",
    ]  # fmt: skip


def _plain(*words: str) -> Callable[[int, Path], Sequence[str | Path]]:
    """A program that only needs to be told HOST and PORT."""

    def command(port: int, folder: Path) -> Sequence[str | Path]:
        return [_program(words[0]), *(word.format(host=HOST, port=port, hellos=HELLOS) for word in words[1:])]

    return command


def _write_files(folder: Path) -> None:
    """Root, certificate and key of the device."""
    files = {"root.pem": _credentials().root_pem, "device-chain.pem": _credentials().leaf_pem}
    key = _credentials().key
    assert key is not None
    for name, content in {**files, "device.key": key.pem()}.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def _middleware(name: str) -> Callable[[int, Path], Sequence[str | Path]]:
    """A device of ours with that TLS library."""

    def command(port: int, folder: Path) -> Sequence[str | Path]:
        _title(name)
        _write_files(folder)
        return [sys.executable, HELLOS / "middleware.py", name, HOST, str(port)]

    return command


def _title(name: str) -> str:
    """The library behind a middleware. Raises MissingError where it is not to be had."""
    try:
        return find(name).abilities.title
    except MiddlewareError as error:
        raise MissingError(str(error)) from error


def _version_of(name: str) -> Callable[[], str]:
    """The number in the library's title."""

    def ask() -> str:
        match = re.search(r"[0-9]+(?:\.[0-9]+)+", _title(name))
        return match[0] if match else ""

    return ask


def _sealmq(port: int, folder: Path) -> Sequence[str | Path]:
    _write_files(folder)
    (folder / "client.py").write_text(
        "import socket, sys\n"
        "from pathlib import Path\n"
        "from sealmq.tls.context import client_context\n"
        "from sealmq.tls.policy import TLSPolicy\n"
        "root, chain, key = map(Path, ('root.pem', 'device-chain.pem', 'device.key'))\n"
        "context = client_context(TLSPolicy(), root=root, chain=chain, key=key)\n"
        "context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))), server_hostname=sys.argv[1])\n"
    )
    return [sys.executable, folder / "client.py", HOST, str(port)]


def _named(text: str) -> Callable[[], str]:
    return lambda: text


def _python_openssl() -> str:
    return re.sub(r"^OpenSSL ([0-9.]+).*", r"\1", ssl.OPENSSL_VERSION)


MIDDLEWARES = (
    ("pyopenssl", "OpenSSL"),
    ("mbedtls-3.6", "Mbed TLS"),
    ("mbedtls-2.28", "Mbed TLS"),
    ("wolfssl", "wolfSSL"),
)
"""Those of ours beside the default one, which "sealmq" is, and the family of each."""

CLIENTS = (
    HelloClient(
        "python", "OpenSSL", _python_openssl, lambda: f"Python {sys.version.split()[0]}", _python("ssl"),
        "ssl.create_default_context(), as paho and aiomqtt have it",
    ),
    HelloClient("sealmq", "OpenSSL", _python_openssl, _named("SealMQ"), _sealmq, "sealmq pub, and sealmq.client"),
    HelloClient(
        "mosquitto", "OpenSSL", _openssl, _mosquitto_version,
        _mosquitto_pub, "mosquitto_pub --cafile",
    ),
    HelloClient("openssl", "OpenSSL", _openssl, _named("openssl"),
                _plain("openssl", "s_client", "-connect", "{host}:{port}", "-servername", "{host}"),
                "openssl s_client -connect"),
    HelloClient("curl", "OpenSSL", _asked(r"OpenSSL/([0-9.]+)", "curl", "--version"),
                _asked(r"^(curl [0-9.]+)", "curl", "--version"),
                _plain("curl", "-s", "https://{host}:{port}/"), "curl https://"),
    HelloClient("node", "OpenSSL", _node_openssl, _node_version, _node, "tls.connect()"),
    HelloClient("mqtt.js", "OpenSSL", _node_openssl, _named("MQTT.js"), _mqtt_js, "mqtt.connect('mqtts://...')"),
    HelloClient(
        "pyopenssl", "OpenSSL",
        _asked(r"OpenSSL ([0-9.]+)", VENDORS / "python", "-c",
               "from OpenSSL import SSL; print(SSL.OpenSSL_version(0).decode())"),
        _named("pyOpenSSL"), _python("OpenSSL", VENDORS / "python"), "SSL.Context(SSL.TLS_CLIENT_METHOD)",
    ),
    *(
        HelloClient(
            f"sealmq-{name}", stack, _version_of(name), _named(f"SealMQ with {name}"), _middleware(name),
            f'middleware = "{name}"',
        )
        for name, stack in MIDDLEWARES
    ),
    HelloClient("mbedtls", "Mbed TLS", _package("libmbedtls-dev"), _named("a bundle's device"),
                _firmware("mbedtls", "mbedtls", "-lmbedtls", "-lmbedx509", "-lmbedcrypto"), "the bundle for mbedtls"),
    HelloClient("reference-firmware", "Mbed TLS", _mbedtls_source, _named("SealMQ's reference firmware"),
                _reference_device, "lwIP's altcp_tls on a Cortex-M4, in QEMU"),
    HelloClient(
        "micropython", "Mbed TLS",
        _asked(r"Mbed TLS ([0-9.]+)", VENDORS / "micropython", "-c", "import ssl; print(ssl.MBEDTLS_VERSION)"),
        _named("MicroPython"), _python("micropython", VENDORS / "python"), "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    ),
    HelloClient("wolfssl", "wolfSSL", _package("libwolfssl-dev"), _named("a bundle's device"),
                _firmware("wolfssl", "wolfssl", "-lwolfssl"), "the bundle for wolfssl"),
    HelloClient("bearssl", "BearSSL", _package("libbearssl-dev"), _named("a bundle's device"),
                _bearssl, "the bundle for arduino-esp8266"),
    HelloClient("gnutls", "GnuTLS", _asked(r"gnutls-cli ([0-9.]+)", "gnutls-cli", "--version"), _named("gnutls-cli"),
                _plain("gnutls-cli", "-p", "{port}", "{host}"), "gnutls-cli"),
    HelloClient("go", "Go", _asked(r"go([0-9.]+)", "go", "version"), _named("crypto/tls"),
                _plain("go", "run", "{hellos}/client.go", "{host}", "{port}"), "tls.Dial()"),
    HelloClient("java", "Java (JSSE)", _asked(r'version "([0-9.]+)', "java", "-version"), _named("SSLSocket"),
                _plain("java", "{hellos}/Client.java", "{host}", "{port}"), "SSLSocketFactory.getDefault()"),
    HelloClient("rustls", "rustls", _named(""), _asked(r"(uv [0-9.]+)", VENDORS / "uv", "--version"),
                _plain(str(VENDORS / "uv"), "pip", "install", "--no-cache", "--no-config", "--dry-run",
                       "--system", "--index-url", "https://{host}:{port}/simple", "sealmq"),
                "uv pip install"),
    HelloClient("chromium", "BoringSSL", _named(""), _asked(r"(Chromium [0-9]+)", "chromium", "--version"),
                _chromium, "chromium https://"),
)  # fmt: skip
