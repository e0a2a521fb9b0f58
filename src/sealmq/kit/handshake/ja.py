"""JA3 and JA4: names for a client's hello, by which the same software is known again whatever its address is.

JA3:  Salesforce's; MD5 over versions, suites, extensions, groups and point formats in the client's order.
JA4:  FoxIO's, "JA4: TLS Client Fingerprinting" (technical_details/JA4.md in FoxIO-LLC/ja4, BSD 3-Clause), over TCP.
      Its siblings for servers, certificates and the rest are under another licence, and are not here.

Rule 1: GREASE (RFC 8701) is left out everywhere: it is dice, and says nothing of the client.
Rule 2: an extension that cannot be taken apart counts by its number, and has nothing in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from sealmq.kit.dissect.hello import ClientHello
from sealmq.kit.dissect.registry import is_grease

SERVER_NAME: Final = 0
ALPN: Final = 16

_VERSIONS: Final = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_UNKNOWN: Final = "00"
_NOTHING: Final = "0" * 12
_MOST: Final = 99


def ja3(hello: ClientHello) -> tuple[str, str]:
    """(hash, text) of JA3: 32 hex digits, and what they were made of."""
    lists = (
        _without_grease(hello.suites),
        _without_grease(one.code for one in hello.extensions),
        _without_grease(hello.groups),
        hello.point_formats,
    )
    text = ",".join([str(hello.legacy_version), *("-".join(map(str, one)) for one in lists)])
    return hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest(), text


def ja4(hello: ClientHello) -> tuple[str, str]:
    """(fingerprint, raw form) of JA4; the raw form (JA4_r) has the sorted lists where the other has their hashes."""
    start, suites, rest = ja4_start(hello), ja4_suites(hello), ja4_rest(hello)
    return f"{start}_{_short(suites)}_{_short(rest)}", f"{start}_{suites}_{rest}"


def ja4_start(hello: ClientHello) -> str:
    """JA4_a: transport, version, whether a name is asked for, how many suites and extensions, protocol inside."""
    version = _VERSIONS.get(hello.best_version, _UNKNOWN)
    name = "i" if hello.find(SERVER_NAME) is None else "d"
    suites = min(len(_without_grease(hello.suites)), _MOST)
    extensions = min(len(_without_grease(one.code for one in hello.extensions)), _MOST)
    return f"t{version}{name}{suites:02}{extensions:02}{_ends(_first_protocol(hello))}"


def ja4_suites(hello: ClientHello) -> str:
    """What JA4_b is the hash of: the suites, sorted."""
    return _in_hex(sorted(_without_grease(hello.suites)))


def ja4_rest(hello: ClientHello) -> str:
    """What JA4_c is the hash of: the extensions, sorted, without name and protocol; the signatures in their order."""
    codes = _without_grease(one.code for one in hello.extensions if one.code not in (SERVER_NAME, ALPN))
    schemes = _without_grease(hello.schemes)
    return _in_hex(sorted(codes)) + ("_" + _in_hex(schemes) if schemes else "")


def _first_protocol(hello: ClientHello) -> bytes:
    """The first name of ALPN; b"" where there is none. Its bytes may be anything."""
    extension = hello.find(ALPN)
    if extension is None or extension.trouble or len(extension.body) < 3:
        return b""
    return extension.body[3 : 3 + extension.body[2]]


def _ends(protocol: bytes) -> str:
    """Its first and last character; where one is neither letter nor digit, the first and last of its hex digits."""
    if not protocol:
        return _UNKNOWN
    first, last = protocol[:1], protocol[-1:]
    text = (first + last).decode("ascii") if first.isalnum() and last.isalnum() else protocol.hex()
    return text[0] + text[-1]


def _without_grease(numbers: Iterable[int]) -> list[int]:
    return [one for one in numbers if not is_grease(one)]


def _in_hex(numbers: Iterable[int]) -> str:
    return ",".join(f"{one:04x}" for one in numbers)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
