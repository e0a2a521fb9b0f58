"""Bytes and PEM as C literals, and a reader of what was written: twins, so that nothing goes out unread.

Rule 1: everything is `static const`, so that it stays in flash; names are upper case.
Rule 2: PEM is a string literal for each line, each with its \\n: nothing depends on how an editor ends lines. The
        compiler adds the NUL at the end, which Mbed TLS wants to see: `sizeof NAME` counts it, `strlen` does not.
Rule 3: what begins with "0x30, 0x82" is DER; its length is `sizeof NAME`, there is no NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, content_of, expect
from sealmq.errors import BundleError
from sealmq.pki.peer import day, printable

CREDENTIALS: Final = "mqtt_credentials.h"
"""The header that may be shown to anybody: whom to trust, who we are."""

KEY: Final = "mqtt_private_key.h"
"""The header that may not: so it can be left out."""

_ROW: Final = 12  # bytes in a line: 12 times "0x00, " and the indent stay below 80 columns
_ESCAPED: Final = {b"n": b"\n", b'"': b'"', b"\\": b"\\"}
_TOKEN: Final = re.compile(
    rb"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<continued>\\\n)
    |(?P<newline>\n)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>0[xX][0-9a-fA-F]+|\d+)\w*
    |(?P<space>[ \t]+)
    |(?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)


def byte_array(name: str, data: bytes) -> str:
    """`data` as an array, to be used with `sizeof NAME`."""
    rows = (data[start : start + _ROW] for start in range(0, len(data), _ROW))
    lines = ",\n".join("    " + ", ".join(f"0x{byte:02x}" for byte in row) for row in rows)
    return f"static const unsigned char {name}[] = {{\n{lines}\n}};\n"


def text_array(name: str, pem: bytes) -> str:
    """PEM as an array of characters that ends with a NUL, to be used with `sizeof NAME`."""
    return f"static const char {name}[] =\n{_lines(pem, '')};\n"


def text_macro(name: str, pem: bytes) -> str:
    """PEM as a macro, for code that wants `#define NAME "..."`."""
    return f"#define {name} \\\n{_lines(pem, ' ' + chr(92))}\n"


def string_macro(name: str, text: str) -> str:
    """A short text as a macro, on one line."""
    return f"#define {name} {quoted(text)}\n"


def number_macro(name: str, number: int) -> str:
    """A number as a macro."""
    return f"#define {name} {number}\n"


def quoted(text: str) -> str:
    """A short text as a C string literal."""
    if not text.isascii() or not text.isprintable():
        raise BundleError(f"{printable(text)!r} cannot stand in a C string")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def heading(credentials: Credentials, what: str, *, private: bool) -> str:
    """The comment on top of a file: whose it is, until when, which root; and that a key is a secret."""
    leaf = credentials.leaf
    lines = [
        what,
        f"Device {credentials.name}",
        f"Certificate {leaf.serial}, until {day(leaf.not_after)}",
        *(f"Root SHA-256 {fingerprint}" for fingerprint in credentials.root_fingerprints),
    ]
    if private:
        lines.append("SECRET: the private key. Whoever has it is the device. Do not commit it.")
    return "/*\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


def guarded(name: str, parts: Iterable[str]) -> str:
    """A header: `parts` with a blank line between them, inside an include guard."""
    body = "\n".join(parts)
    return f"#ifndef {name}\n#define {name}\n\n{body}\n#endif /* {name} */\n"


def credentials_header(credentials: Credentials, *parts: str) -> File:
    """CREDENTIALS, with these definitions."""
    what = heading(credentials, "MQTT over TLS: whom to trust and who we are.", private=False)
    return File(CREDENTIALS, guarded("MQTT_CREDENTIALS_H", [what, *parts]).encode())


def key_header(credentials: Credentials, *parts: str) -> File:
    """KEY, with these definitions."""
    what = heading(credentials, "MQTT over TLS: what proves who we are.", private=True)
    return File(KEY, guarded("MQTT_PRIVATE_KEY_H", [what, *parts]).encode(), private=True)


def read_literals(source: bytes) -> dict[str, bytes]:
    """Every array and macro with a value in a C source that was written here, by name; strings without their NUL.

    A number is given as its digits. Raises BundleError for what no C compiler would take, and when a name comes twice.
    """
    found: dict[str, bytes] = {}
    for name, value in _definitions(source):
        if name in found:
            raise BundleError(f"the C source says {name} twice")
        found[name] = value
    return found


def expect_literals(files: Sequence[File], name: str, wanted: dict[str, bytes]) -> None:
    """Raise BundleError unless the file of this name holds these values and no others."""
    found = read_literals(content_of(files, name))
    if strange := sorted(found.keys() - wanted.keys()):
        raise BundleError(f"{name} has {strange[0]}, which does not belong there")
    for literal, value in wanted.items():
        expect(f"{literal} in {name}", found.get(literal), value)


def _lines(pem: bytes, end: str) -> str:
    lines = pem.decode("ascii").splitlines()
    return f"{end}\n".join(f'    "{line}\\n"' for line in lines)


def _definitions(source: bytes) -> Iterable[tuple[str, bytes]]:
    """The statements and directives of the source that give a name a value."""
    statement: list[tuple[str, bytes]] = []
    for kind, text in _tokens(source):
        directive = bool(statement) and statement[0] == ("mark", b"#")
        if kind == "newline":
            ends = directive
        else:
            statement.append((kind, text))
            ends = not directive and kind == "mark" and text == b";"
        if ends:
            yield from _valued(statement)
            statement = []
    if any(kind in ("string", "number") for kind, _ in statement):
        raise BundleError("the C source ends in the middle of a literal")


def _tokens(source: bytes) -> Iterable[tuple[str, bytes]]:
    for match in _TOKEN.finditer(source):
        kind = str(match.lastgroup)
        if kind == "mark" and match[0] == b'"':
            raise BundleError("a string of the C source does not end on its line")
        if kind not in ("comment", "continued", "space"):
            yield kind, match[kind]


def _valued(statement: list[tuple[str, bytes]]) -> Iterable[tuple[str, bytes]]:
    words = [text for kind, text in statement if kind == "word"]
    strings = [text for kind, text in statement if kind == "string"]
    marks = b"".join(text for kind, text in statement if kind == "mark")
    if statement[0] == ("mark", b"#"):
        numbers = [text for kind, text in statement if kind == "number"]
        if len(words) == 2 and words[0] == b"define" and marks == b"#" and (strings or numbers):
            yield words[1].decode(), _unquoted(strings) if strings else b" ".join(numbers)
    elif marks == b"[]=;" and strings:
        yield words[-1].decode(), _unquoted(strings)
    elif marks.startswith(b"[]={"):
        yield words[-1].decode(), _bytes_of(statement)


def _bytes_of(statement: list[tuple[str, bytes]]) -> bytes:
    start = statement.index(("mark", b"{"))
    inside = statement[start + 1 : -2]
    values, commas = inside[::2], inside[1::2]
    numbers = [int(text, 0) for kind, text in values if kind == "number"]
    ends = statement[-2:] == [("mark", b"}"), ("mark", b";")]
    if not ends or len(numbers) != len(values) or set(commas) - {("mark", b",")} or any(each > 255 for each in numbers):
        raise BundleError("an array of the C source is not one of bytes")
    return bytes(numbers)


def _unquoted(strings: list[bytes]) -> bytes:
    def unescaped(match: re.Match[bytes]) -> bytes:
        if match[1] not in _ESCAPED:
            raise BundleError("a string of the C source has an escape that is not written here")
        return _ESCAPED[match[1]]

    return b"".join(re.sub(rb"\\(.)", unescaped, string[1:-1]) for string in strings)
