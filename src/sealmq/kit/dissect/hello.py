"""ClientHello and ServerHello: what is offered, and what is taken (RFC 8446 section 4.1, RFC 5246 section 7.4.1).

Rule: a hello that breaks a rule of meaning is read all the same; whoever explains it says what is wrong. Only lengths
that lie raise TLSError, and of these only the hello's own: an extension keeps its trouble to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealmq.kit.dissect.extension_bodies import Place
from sealmq.kit.dissect.extensions import Extension, find, take_extensions
from sealmq.kit.dissect.fields import Cursor, Field, in_hex, printable
from sealmq.kit.dissect.framing import read_whole
from sealmq.kit.dissect.registry import (
    COMPRESSION_METHODS,
    FRAGMENT_LENGTHS,
    TLS13,
    is_grease,
    tell,
    tell_suite,
    tell_version,
)

CLIENT_HELLO = 1
SERVER_HELLO = 2

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""A ServerHello with this random is a HelloRetryRequest (RFC 8446 section 4.1.3)."""

_DOWNGRADES = {b"DOWNGRD\x01": "TLS 1.2", b"DOWNGRD\x00": "TLS 1.1 or below"}
_NAME_TYPE_HOST = 0


@dataclass(frozen=True, slots=True)
class PSKIdentity:
    """What a client offers a key by (RFC 8446 section 4.2.11): a ticket, or the name of a key by arrangement."""

    identity: bytes
    obfuscated_ticket_age: int

    @property
    def name(self) -> str | None:
        """Of a key by arrangement, safe to print; None for a ticket.

        The standard does not tell the two apart. A key by arrangement has no age, so 0 stands there, and an identity
        that people wrote; a ticket has noise in both.
        """
        if self.obfuscated_ticket_age:
            return None
        try:
            text = self.identity.decode()
        except UnicodeDecodeError:
            return None
        return printable(text) if text.isprintable() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """What a client offers; each list is in the client's order, the best first, GREASE included."""

    legacy_version: int
    random: bytes
    session_id: bytes
    suites: tuple[int, ...]
    compression_methods: tuple[int, ...]
    extensions: tuple[Extension, ...]
    fields: tuple[Field, ...]

    def find(self, code: int) -> Extension | None:
        """The extension of that number, or None."""
        return find(self.extensions, code)

    @property
    def versions(self) -> tuple[int, ...]:
        """Those that are offered; of an old client, which has no such list, the newest that it knows."""
        return self._numbers(43, 1, 2) or (self.legacy_version,)

    @property
    def best_version(self) -> int:
        """The newest that is offered, GREASE aside."""
        return max((one for one in self.versions if not is_grease(one)), default=self.legacy_version)

    @property
    def groups(self) -> tuple[int, ...]:
        """supported_groups."""
        return self._numbers(10, 2, 2)

    @property
    def schemes(self) -> tuple[int, ...]:
        """signature_algorithms."""
        return self._numbers(13, 2, 2)

    @property
    def certificate_schemes(self) -> tuple[int, ...]:
        """signature_algorithms_cert; without it, those of `schemes` count."""
        return self._numbers(50, 2, 2)

    @property
    def point_formats(self) -> tuple[int, ...]:
        """ec_point_formats."""
        return self._numbers(11, 1, 1)

    @property
    def psk_modes(self) -> tuple[int, ...]:
        """psk_key_exchange_modes."""
        return self._numbers(45, 1, 1)

    @property
    def server_name(self) -> str:
        """The first host name that is asked for, safe to print; "" for none."""
        cursor = self._body(0)
        inner = cursor.vector(2, "") if cursor else None
        while inner and inner.left:
            kind, name = inner.number(1, ""), inner.opaque(2, "")
            if kind == _NAME_TYPE_HOST:
                return printable(name)
        return ""

    @property
    def alpn(self) -> tuple[str, ...]:
        """The protocols that are offered, safe to print."""
        return tuple(printable(one) for one in self._opaques(16))

    @property
    def key_shares(self) -> tuple[tuple[int, int], ...]:
        """(group, bytes of its key) of each half of a key agreement that is sent along."""
        cursor = self._body(51)
        inner = cursor.vector(2, "") if cursor else None
        shares = []
        while inner and inner.left:
            shares.append((inner.number(2, ""), len(inner.opaque(2, ""))))
        return tuple(shares)

    @property
    def offers_psk(self) -> bool:
        """It wants to resume, or has a key by arrangement (TLS 1.3)."""
        return self.find(41) is not None

    @property
    def psk_identities(self) -> tuple[PSKIdentity, ...]:
        """What stands for each key that is offered, in the order in which the server counts them."""
        cursor = self._body(41)
        inner = cursor.vector(2, "") if cursor else None
        found = []
        while inner and inner.left:
            found.append(PSKIdentity(inner.opaque(2, ""), inner.number(4, "")))
        return tuple(found)

    @property
    def offers_ticket(self) -> bool:
        """It sends a ticket of a session before (TLS 1.2)."""
        ticket = self.find(35)
        return ticket is not None and bool(ticket.body)

    @property
    def takes_tickets(self) -> bool:
        """It knows tickets of TLS 1.2, though it may have none."""
        return self.find(35) is not None

    @property
    def early_data(self) -> bool:
        """It means to send data before the server has answered."""
        return self.find(42) is not None

    @property
    def max_fragment_length(self) -> int | None:
        """Bytes that a record may have by max_fragment_length, None when it does not ask."""
        extension = self.find(1)
        return FRAGMENT_LENGTHS.get(extension.body[0]) if extension and extension.body else None

    @property
    def record_size_limit(self) -> int | None:
        """Bytes that a record may have by record_size_limit, None when it does not ask."""
        extension = self.find(28)
        return int.from_bytes(extension.body, "big") if extension and not extension.trouble else None

    def _numbers(self, code: int, length_bytes: int, size: int) -> tuple[int, ...]:
        extension = self.find(code)
        return extension.numbers(length_bytes, size) if extension else ()

    def _opaques(self, code: int) -> list[bytes]:
        cursor = self._body(code)
        inner = cursor.vector(2, "") if cursor else None
        found = []
        while inner and inner.left:
            found.append(inner.opaque(1, ""))
        return found

    def _body(self, code: int) -> Cursor | None:
        """A cursor on an extension that was taken apart without trouble, so that its lengths hold."""
        extension = self.find(code)
        return Cursor(extension.body) if extension and not extension.trouble else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    """What a server takes of a ClientHello; or a HelloRetryRequest, which has the same form."""

    legacy_version: int
    random: bytes
    session_id: bytes
    suite: int
    compression: int
    extensions: tuple[Extension, ...]
    fields: tuple[Field, ...]

    def find(self, code: int) -> Extension | None:
        """The extension of that number, or None."""
        return find(self.extensions, code)

    @property
    def is_retry(self) -> bool:
        """It is a HelloRetryRequest: the client is to say hello again, otherwise."""
        return self.random == RETRY_RANDOM

    @property
    def version(self) -> int:
        """The one that is spoken from here on."""
        return self._number(43, 2) or self.legacy_version

    @property
    def group(self) -> int | None:
        """TLS 1.3: the group of the key agreement; of a HelloRetryRequest, the one that is wanted. Else None."""
        extension = self.find(51)
        return int.from_bytes(extension.body[:2], "big") if extension and not extension.trouble else None

    @property
    def key_share_length(self) -> int:
        """Bytes of the server's half of the key agreement; 0 when there is none."""
        extension = self.find(51)
        return len(extension.body) - 4 if extension and not extension.trouble and not self.is_retry else 0

    @property
    def selected_psk(self) -> int | None:
        """Number of the key that is taken among those which the client offered; None when none is."""
        return self._number(41, 2)

    @property
    def downgrade(self) -> str:
        """What the server took though it has a newer version, as the end of its random says (RFC 8446 section 4.1.3).

        "TLS 1.2" or "TLS 1.1 or below"; "" where it does not say so.
        """
        return _DOWNGRADES.get(self.random[-8:], "")

    def _number(self, code: int, size: int) -> int | None:
        extension = self.find(code)
        return int.from_bytes(extension.body, "big") if extension and len(extension.body) == size else None


def read_client_hello(message: bytes) -> ClientHello:
    """Read a ClientHello with its header of 4 bytes. Raises TLSError when its lengths contradict themselves."""
    return read_whole(message, CLIENT_HELLO, take_client_hello)


def take_client_hello(cursor: Cursor) -> ClientHello:
    """What stands behind the header."""
    version = cursor.number(2, "legacy_version", tell_version)
    random = cursor.take(32, "random")
    session_id = cursor.opaque(1, "legacy_session_id")
    suites = cursor.numbers(2, 2, "cipher_suites", "CipherSuite", tell_suite)
    compressions = cursor.numbers(1, 1, "legacy_compression_methods", "CompressionMethod", _tell_compression)
    # RFC 5246 section 7.4.1.2: a hello without extensions ends here
    extensions = take_extensions(cursor, Place.CLIENT_HELLO) if cursor.left else ()
    return ClientHello(
        legacy_version=version,
        random=random,
        session_id=session_id,
        suites=suites,
        compression_methods=compressions,
        extensions=extensions,
        fields=tuple(cursor.fields),
    )


def read_server_hello(message: bytes) -> ServerHello:
    """Read a ServerHello or HelloRetryRequest with its header of 4 bytes. Raises TLSError when its lengths lie."""
    return read_whole(message, SERVER_HELLO, take_server_hello)


def take_server_hello(cursor: Cursor) -> ServerHello:
    """What stands behind the header."""
    version = cursor.number(2, "legacy_version", tell_version)
    random = cursor.take(32, "random", _tell_random)
    session_id = cursor.opaque(1, "legacy_session_id_echo")
    suite = cursor.number(2, "cipher_suite", tell_suite)
    compression = cursor.number(1, "legacy_compression_method", _tell_compression)
    place = Place.HELLO_RETRY_REQUEST if random == RETRY_RANDOM else Place.SERVER_HELLO
    extensions = take_extensions(cursor, place) if cursor.left else ()
    return ServerHello(
        legacy_version=version,
        random=random,
        session_id=session_id,
        suite=suite,
        compression=compression,
        extensions=extensions,
        fields=tuple(cursor.fields),
    )


def speaks_tls13(hello: ServerHello) -> bool:
    """TLS 1.3 was agreed on, or one of its drafts."""
    return hello.version == TLS13 or hello.version >> 8 == 0x7F


def _tell_random(value: bytes) -> str:
    if value == RETRY_RANDOM:
        return "the fixed one of a HelloRetryRequest"
    newer = _DOWNGRADES.get(value[-8:])
    return f"{in_hex(value)} (its end says: the server took {newer} though it has more)" if newer else in_hex(value)


def _tell_compression(code: int) -> str:
    return tell(COMPRESSION_METHODS, code, 2)
