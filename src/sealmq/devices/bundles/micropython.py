"""micropython: DER files and a module that makes an ssl context of them.

Rule 1: DER, not PEM: the ports for microcontrollers are usually built without Mbed TLS's PEM parser.
Rule 2: each root in a file of its own: a DER buffer holds one certificate, and what follows is not read.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from sealmq.devices.bundles.c_literals import quoted
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

MODULE: Final = "sealmq_tls.py"
TRY: Final = "try_it.py"

_LEAF, _KEY = "device.der", "device.key.der"

_MODULE_TEXT = '''"""The identity of this device: `context()` for umqtt, asyncio or a socket of your own."""

import ssl

{constants}

def _path(name):
    here = __file__.rpartition("/")[0]
    return here + "/" + name if here else name


def _read(name):
    with open(_path(name), "rb") as file:
        return file.read()


def context():
    """A TLS context that shows our certificate, and checks the broker's with its host name."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    for root in ROOTS:
        made.load_verify_locations(cadata=_read(root))
    made.load_cert_chain(_read("device.der"), _read("device.key.der"))
    return made
'''

_TRY_TEXT = '''"""Send one message at QoS 1, and wait until the broker has it. It needs nothing but sealmq_tls.py."""

import socket
import struct

import sealmq_tls as identity


def _text(text):
    return struct.pack("!H", len(text)) + text.encode()


def _packet(first, body):
    length, left = b"", len(body)
    while True:
        left, byte = left >> 7, left & 0x7F
        length += bytes([byte | (0x80 if left else 0)])
        if not left:
            return bytes([first]) + length + body


def _expect(stream, first, length):
    """An answer of this kind; its last octet says whether all is well."""
    answer = b""
    while len(answer) < 2 + length:
        more = stream.read(2 + length - len(answer))
        if not more:
            raise OSError("the broker ended the connection")
        answer += more
    if answer[0] != first:
        raise OSError("the broker answers %r" % answer)
    return answer[2:]


def send(topic, message):
    """Connect, publish, disconnect (MQTT 3.1.1)."""
    address = socket.getaddrinfo(identity.HOST, identity.PORT, 0, socket.SOCK_STREAM)[0][-1]
    plain = socket.socket()
    plain.connect(address)
    stream = identity.context().wrap_socket(plain, server_hostname=identity.HOST)
    stream.write(_packet(0x10, _text("MQTT") + b"\\x04\\x02" + struct.pack("!H", 60) + _text(identity.CLIENT_ID)))
    if _expect(stream, 0x20, 2)[1]:
        raise OSError("the broker refuses CONNECT")
    stream.write(_packet(0x32, _text(topic) + struct.pack("!H", 1) + message.encode()))
    _expect(stream, 0x40, 2)
    stream.write(b"\\xe0\\x00")
    stream.close()


send("devices/" + identity.CLIENT_ID + "/hello", "Hello from " + identity.CLIENT_ID)
print("the broker has it")
'''


class MicroPython(Target):
    """Four or five DER files, a module, and a script that proves them."""

    name = "micropython"
    title = "MicroPython: DER files and a module that makes an ssl context"
    limits = Limits(newest_tls="1.2")  # as its ports configure Mbed TLS

    def files(self, credentials: Credentials) -> list[File]:
        """All of it lies in one folder of the board."""
        files = [File(name, der) for name, der in _roots(credentials)]
        files += [
            File(_LEAF, credentials.leaf_der),
            File(MODULE, _MODULE_TEXT.replace("{constants}", _constants(credentials)).encode()),
            File(TRY, _TRY_TEXT.encode()),
        ]
        if credentials.key_sec1_der is not None:
            files.append(File(_KEY, credentials.key_sec1_der, private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """How it gets onto the board, and how umqtt uses it."""
        names = " ".join(name for name, _ in _roots(credentials))
        missing = (
            ""
            if credentials.key is not None
            else f"""The device keeps its private key: put it beside these files as `{_KEY}`, SEC1 or PKCS#8, DER:

    openssl ec -in device.key -outform DER -out {_KEY}

"""
        )
        return f"""# {credentials.name}: MicroPython

{missing}    mpremote cp {names} {_LEAF} {_KEY} {MODULE} {TRY} :
    mpremote exec "import {TRY.removesuffix(".py")}"

It says "the broker has it". In your program, with `mpremote mip install umqtt.simple` (1.4 or newer):

    import sealmq_tls
    from umqtt.simple import MQTTClient

    client = MQTTClient(sealmq_tls.CLIENT_ID, sealmq_tls.HOST, sealmq_tls.PORT, keepalive=60, ssl=sealmq_tls.context())
    client.connect()
    client.publish(b"devices/{credentials.name}/temp", b"21.5", qos=1)

The broker is `{credentials.host}`, port {credentials.port}.

## Traps

- **Set the clock first** (`import ntptime; ntptime.settime()`): a board that believes it is the year 2000 finds every
  certificate not yet valid ("The certificate validity starts in the future").
- It speaks TLS 1.2: the broker must not have `profile = "modern"`.
- `ssl.SSLContext` needs MicroPython 1.22 or newer. `ssl.wrap_socket` without `cert_reqs` checks nothing: do not use it.
- `CERT_REQUIRED` with `server_hostname` is what checks the broker. umqtt passes the host name only since 1.4.
- The ESP8266 port has axTLS, which knows no ECDSA: take the target `arduino-esp8266` for that chip.
- A handshake takes about 40 kB of heap: call `gc.collect()` before, and connect early.
- The file system is not encrypted: whoever has the board has the private key.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """DER is compared octet by octet; the scripts must be Python, and name the files that are here."""
        for name, der in _roots(credentials):
            expect(name, content_of(files, name), der)
        expect(_LEAF, content_of(files, _LEAF), credentials.leaf_der)
        if credentials.key is not None:
            expect(_KEY, content_of(files, _KEY), credentials.key_sec1_der)
        expect(TRY, content_of(files, TRY), _TRY_TEXT.encode())
        wanted = {
            "HOST": credentials.host,
            "PORT": credentials.port,
            "CLIENT_ID": credentials.name,
            "ROOTS": tuple(name for name, _ in _roots(credentials)),
        }
        if _constants_of(content_of(files, MODULE)) != wanted:
            raise BundleError(f"{MODULE} names another broker, device or root")


def _roots(credentials: Credentials) -> list[tuple[str, bytes]]:
    return list(zip(("root.der", "root-2.der"), credentials.root_ders, strict=False))


def _constants(credentials: Credentials) -> str:
    roots = ", ".join(f'"{name}"' for name, _ in _roots(credentials))
    return (
        f"HOST = {quoted(credentials.host)}\n"
        f"PORT = {credentials.port}\n"
        f"CLIENT_ID = {quoted(credentials.name)}\n"
        f"ROOTS = ({roots},)\n"
    )


def _constants_of(source: bytes) -> dict[str, object]:
    """What the module gives the names in capitals."""
    try:
        return {
            target.id: ast.literal_eval(statement.value)
            for statement in ast.parse(source).body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
    except (SyntaxError, ValueError) as error:
        raise BundleError(f"{MODULE} is not Python") from error


TARGET = MicroPython()
