"""A context of shim/: what the connections of a listener, or of a device, share.

Rule 1: it is never changed after its first connection.
Rule 2: what it was given is kept alive by it, and it by its connections.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from sealmq.addresses import is_address
from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.tls.context import split_der
from sealmq.tls.mbedtls3.library import Library
from sealmq.tls.middleware import PSKLookup, Version
from sealmq.tls.policy import RECORD_LIMIT
from sealmq.tls.unusable import no_anchor, read_file, unusable_crl, unusable_pair

Unusable = Callable[[str], TrustError]
"""Makes the error for what cannot be used, of the library's reason (tls/unusable.py)."""

LIFETIME = 2 * 3600
"""Seconds for which a session can be resumed, as the default middleware has it."""

MOST_SESSIONS = 10_000
"""Sessions that a listener keeps, of 0.7 to 1.5 KB each: the oldest goes first."""

_NUMBERS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class SharedContext:
    """A context of shim/, and what goes with it.

    scratch:  where a record's plaintext is put before it becomes bytes. Connections of a context are of one thread.
    uses_psk: a key is what proves the two.
    keeps_keys_log: connections made from now on keep their secrets, for `Mbed3Engine.key_log`.
    """

    __slots__ = ("__weakref__", "_callback", "ffi", "handle", "keeps_keys_log", "lib", "library", "scratch", "server",
                 "uses_psk")  # fmt: skip

    def __init__(self, library: Library, versions: frozenset[Version], *, server: bool, uses_psk: bool) -> None:
        self.library = library
        self.ffi, self.lib = library.ffi, library.lib
        self.server = server
        self.uses_psk = uses_psk
        self.keeps_keys_log = False
        self.scratch = self.ffi.new("unsigned char[]", RECORD_LIMIT)
        self._callback: Any = None
        handle = self.lib.sq_context_new(server, _NUMBERS[min(versions)], _NUMBERS[max(versions)])
        if not handle:
            raise MiddlewareError("Mbed TLS has no memory for a context")
        self.handle = self.ffi.gc(handle, self.lib.sq_context_free)

    def allow(self, suites: Iterable[str]) -> None:
        """These suites and no others, the best first. Raises TrustError when the library has none of them."""
        asked = list(suites)
        numbers = [number for number in (self.lib.sq_suite(suite.encode()) for suite in asked) if number]
        if not numbers:
            raise TrustError(f"Mbed TLS knows none of the cipher suites {', '.join(asked)}")
        self._expect(self.lib.sq_context_suites(self.handle, numbers, len(numbers)), "the suites cannot be used")

    def show(self, chain: Path, key: Path) -> None:
        """The certificate that is ours. Raises TrustError."""
        certificates, secret = read_file(chain) + b"\0", read_file(key) + b"\0"
        self._expect(
            self.lib.sq_context_own(self.handle, certificates, len(certificates), secret, len(secret)),
            partial(unusable_pair, chain, key),
        )

    def trust(self, pem: bytes, unusable: Unusable) -> None:
        """Authorities that are believed. Raises TrustError: when they cannot be used, as `unusable` has it."""
        pem += b"\0"
        code = self.lib.sq_context_anchors(self.handle, pem, len(pem))
        if code == 1 and self.server:
            raise no_anchor()
        self._expect(code, unusable)

    def refuse_revoked(self, lists: bytes) -> None:
        """DER lists, one behind the other. Raises TrustError."""
        found = split_der(lists)
        if not found:
            raise unusable_crl("there is none in it")
        for one in found:
            self._expect(self.lib.sq_context_list(self.handle, one, len(one)), unusable_crl)

    def give_tickets(self, count: int) -> None:
        """Let devices resume."""
        self._expect(self.lib.sq_context_tickets(self.handle, count, LIFETIME, MOST_SESSIONS), "no tickets")

    def prove_by(self, identity: str, key: bytes) -> None:
        """A device's PSK."""
        longest = self.lib.sq_longest_psk()
        if len(key) > longest:
            raise MiddlewareError(
                f"the key of {identity} is too long for the middleware mbedtls-3.6",
                why=f"{len(key)} bytes, and this Mbed TLS takes {longest}",
                remedy="build it from source, which takes 64: sealmq middleware build mbedtls --sources DIR",
            )
        name = identity.encode()
        self._expect(self.lib.sq_context_psk(self.handle, name, len(name), key, len(key)), "the PSK cannot be used")

    def ask(self, lookup: PSKLookup) -> None:
        """A listener's PSKs."""
        ffi = self.ffi

        def asked(_: object, identity: Any, size: int, key: Any, room: int) -> int:
            try:
                found = lookup(bytes(ffi.buffer(identity, size)).decode())
            except UnicodeDecodeError:
                return 0
            if found is None or len(found) > room:
                return 0
            ffi.memmove(key, found, len(found))
            return len(found)

        self._callback = ffi.callback("key_lookup", asked, error=0)  # fails closed, whatever is raised
        self.lib.sq_context_lookup(self.handle, self._callback, ffi.NULL)

    def open(self, name: str = "") -> Any:
        """A new connection of shim/. name: what a device has dialled, "" with a PSK or on a listener.

        Raises ConfigError when the name cannot be verified.
        """
        ffi, lib = self.ffi, self.lib
        host, address = ffi.NULL, b""
        if is_address(name):
            address = ipaddress.ip_address(name).packed
        elif name:
            host = name.encode("idna")  # as it stands in certificates; `expect_name` has looked at it
        handle = lib.sq_connection_new(self.handle, host, address, len(address), self.keeps_keys_log)
        if not handle:
            raise ConfigError(f"no connection to {name} can be made", why="no memory, or the name is too long")
        return ffi.gc(handle, lib.sq_connection_free)

    @property
    def kept(self) -> int:
        """Sessions that can be resumed here."""
        return int(self.lib.sq_context_kept(self.handle))

    def _expect(self, code: int, what: str | Unusable) -> None:
        if code:
            words = self.library.error_text(code) if code < 0 else "a certificate in it cannot be read"
            why = f"Mbed TLS: {words}"
            raise TrustError(what, why=why) if isinstance(what, str) else what(why)
