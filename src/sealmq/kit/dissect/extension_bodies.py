"""What stands in each extension: one reader for each, and each form that it has in the different messages.

A reader takes the body from a cursor and says in words what it is; it raises TLSError where a length lies. What it
leaves unread is found by its caller, extensions.py.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from sealmq.errors import TLSError
from sealmq.kit.dissect.fields import MOST_FIELDS, MOST_LISTED, Cursor, in_hex, listed, printable
from sealmq.kit.dissect.registry import (
    CERTIFICATE_COMPRESSIONS,
    CERTIFICATE_TYPES,
    FRAGMENT_LENGTHS,
    POINT_FORMATS,
    PSK_MODES,
    STATUS_TYPES,
    tell,
    tell_group,
    tell_scheme,
    tell_version,
)


class Place(enum.StrEnum):
    """The message in which an extension stands: some have another form in each (RFC 8446 section 4.2)."""

    CLIENT_HELLO = "ClientHello"
    SERVER_HELLO = "ServerHello"
    HELLO_RETRY_REQUEST = "HelloRetryRequest"
    ENCRYPTED_EXTENSIONS = "EncryptedExtensions"
    CERTIFICATE = "Certificate"
    CERTIFICATE_REQUEST = "CertificateRequest"
    NEW_SESSION_TICKET = "NewSessionTicket"

    @property
    def answers(self) -> bool:
        """A server answers there what a client asked."""
        return self in (Place.SERVER_HELLO, Place.HELLO_RETRY_REQUEST, Place.ENCRYPTED_EXTENSIONS)


Reader = Callable[[Cursor, Place], str]


def tell_psk_mode(code: int) -> str:
    """ "psk_dhe_ke"; the numbers of one byte that RFC 8701 sets aside are of another form than those of two."""
    if code % 0x1F == 0x0B:
        return f"GREASE (0x{code:02x})"
    return tell(PSK_MODES, code, 2)


def _bytes(cursor: Cursor, place: Place) -> str:
    """One that is not taken apart."""
    size = cursor.left
    cursor.rest("bytes")
    return f"{size} bytes"


def _empty(cursor: Cursor, place: Place) -> str:
    cursor.expect_end("an empty extension")
    return "yes"


def _numbers(length_bytes: int, size: int, name: str, each: str, tell_one: Callable[[int], str]) -> Reader:
    """A list of numbers."""

    def read(cursor: Cursor, place: Place) -> str:
        return listed(cursor.numbers(length_bytes, size, name, each, tell_one), tell_one)

    return read


def _choice(list_name: str, each: str, tell_one: Callable[[int], str]) -> Reader:
    """Numbers of one byte of which the server answers one."""

    def read(cursor: Cursor, place: Place) -> str:
        if place.answers:
            return tell_one(cursor.number(1, each, tell_one))
        return listed(cursor.numbers(1, 1, list_name, each, tell_one), tell_one)

    return read


def _one_vector(length_bytes: int, name: str) -> Reader:
    """Bytes behind their length."""

    def read(cursor: Cursor, place: Place) -> str:
        value = cursor.opaque(length_bytes, name)
        return f"{len(value)} bytes" if value else "empty"

    return read


def opaques(
    cursor: Cursor, length_bytes: int, name: str, each: str, each_length: int, tell_one: Callable[[bytes], str] = in_hex
) -> tuple[bytes, ...]:
    """A list of vectors of bytes. Raises TLSError when there are more than MOST_FIELDS."""
    inner = cursor.vector(length_bytes, name)
    found: list[bytes] = []
    while inner.left:
        if len(found) == MOST_FIELDS:
            raise TLSError(f"{name} has more than {MOST_FIELDS} elements", "decode_error", sent=False)
        found.append(inner.opaque(each_length, each, tell_one))
    words = ", ".join(tell_one(one) for one in found[:MOST_LISTED])
    cursor.close(inner, name, words if len(found) <= MOST_LISTED else f"{words} and {len(found) - MOST_LISTED} more")
    return tuple(found)


def _server_name(cursor: Cursor, place: Place) -> str:
    if place is not Place.CLIENT_HELLO:
        return _empty(cursor, place)
    inner = cursor.vector(2, "server_name_list")
    names: list[str] = []
    while inner.left:
        if len(names) == MOST_FIELDS:
            raise TLSError(f"server_name_list has more than {MOST_FIELDS} names", "decode_error", sent=False)
        inner.number(1, "name_type", lambda code: "host_name" if code == 0 else f"unknown ({code})")
        names.append(printable(inner.opaque(2, "HostName", printable)))
    value = ", ".join(names[:MOST_LISTED])
    cursor.close(inner, "server_name_list", value)
    return value


def _fragment_length(cursor: Cursor, place: Place) -> str:
    def words(code: int) -> str:
        return f"{FRAGMENT_LENGTHS[code]} bytes" if code in FRAGMENT_LENGTHS else f"unknown (0x{code:02x})"

    return words(cursor.number(1, "MaxFragmentLength", words))


def read_status(cursor: Cursor) -> str:
    """A CertificateStatus (RFC 6066 section 8), which is an extension in TLS 1.3 and a message before."""
    kind = cursor.number(1, "status_type", _tell_status)
    if kind != 1:
        cursor.rest("response")
        return _tell_status(kind)
    return f"OCSP response, {len(cursor.opaque(3, 'OCSPResponse'))} bytes"


def _status_request(cursor: Cursor, place: Place) -> str:
    if place is Place.CERTIFICATE:
        return read_status(cursor)
    if place is not Place.CLIENT_HELLO and not cursor.left:
        return _empty(cursor, place)
    kind = cursor.number(1, "status_type", _tell_status)
    if kind != 1:
        cursor.rest("request")
        return _tell_status(kind)
    opaques(cursor, 2, "responder_id_list", "ResponderID", 2)
    cursor.opaque(2, "request_extensions")
    return "ocsp"


def _tell_status(code: int) -> str:
    return tell(STATUS_TYPES, code, 2)


def _alpn(cursor: Cursor, place: Place) -> str:
    names = opaques(cursor, 2, "protocol_name_list", "ProtocolName", 1, printable)
    return ", ".join(printable(one) for one in names[:MOST_LISTED])


def _padding(cursor: Cursor, place: Place) -> str:
    size = cursor.left
    zero = not any(cursor.rest("padding", lambda value: f"{len(value)} bytes"))
    return f"{size} bytes" if zero else f"{size} bytes, not all of them zero"


def _session_ticket(cursor: Cursor, place: Place) -> str:
    ticket = cursor.rest("ticket")
    return f"a ticket of {len(ticket)} bytes" if ticket else "none yet"


def _record_size_limit(cursor: Cursor, place: Place) -> str:
    return f"{cursor.number(2, 'record_size_limit')} bytes"


def _pre_shared_key(cursor: Cursor, place: Place) -> str:
    """RFC 8446 section 4.2.11."""
    if place is not Place.CLIENT_HELLO:
        return f"number {cursor.number(2, 'selected_identity')} is taken"
    inner = cursor.vector(2, "identities")
    count = 0
    while inner.left:
        if count == MOST_FIELDS:
            raise TLSError(f"identities has more than {MOST_FIELDS} elements", "decode_error", sent=False)
        inner.opaque(2, "identity")
        inner.number(4, "obfuscated_ticket_age")
        count += 1
    cursor.close(inner, "identities", f"{count}")
    opaques(cursor, 2, "binders", "PskBinderEntry", 1)
    return "1 key is offered" if count == 1 else f"{count} keys are offered"


def _early_data(cursor: Cursor, place: Place) -> str:
    if place is Place.NEW_SESSION_TICKET:
        return f"at most {cursor.number(4, 'max_early_data_size')} bytes"
    return _empty(cursor, place)


def _supported_versions(cursor: Cursor, place: Place) -> str:
    if place is Place.CLIENT_HELLO:
        return listed(cursor.numbers(1, 2, "versions", "ProtocolVersion", tell_version), tell_version)
    return tell_version(cursor.number(2, "selected_version", tell_version))


def _ticket_request(cursor: Cursor, place: Place) -> str:
    """RFC 9149 section 3."""
    if place is not Place.CLIENT_HELLO:
        return f"{cursor.number(1, 'expected_count')} are to come"
    new, again = cursor.number(1, "new_session_count"), cursor.number(1, "resumption_count")
    return f"{new} for a new session, {again} for a resumed one"


def _authorities(cursor: Cursor, place: Place) -> str:
    count = len(opaques(cursor, 2, "authorities", "DistinguishedName", 2))
    return "1 name" if count == 1 else f"{count} names"


def _oid_filters(cursor: Cursor, place: Place) -> str:
    inner = cursor.vector(2, "filters")
    count = 0
    while inner.left:
        if count == MOST_FIELDS:
            raise TLSError(f"filters has more than {MOST_FIELDS} elements", "decode_error", sent=False)
        inner.opaque(1, "certificate_extension_oid")
        inner.opaque(2, "certificate_extension_values")
        count += 1
    cursor.close(inner, "filters", f"{count}")
    return f"{count} filters"


def _key_share(cursor: Cursor, place: Place) -> str:
    """RFC 8446 section 4.2.8."""
    if place is Place.HELLO_RETRY_REQUEST:
        return f"{tell_group(cursor.number(2, 'selected_group', tell_group))} is wanted"
    if place is Place.SERVER_HELLO:
        return _share(cursor)
    inner = cursor.vector(2, "client_shares")
    shares: list[str] = []
    while inner.left:
        if len(shares) == MOST_FIELDS:
            raise TLSError(f"client_shares has more than {MOST_FIELDS} elements", "decode_error", sent=False)
        shares.append(_share(inner))
    value = ", ".join(shares[:MOST_LISTED]) or "none"
    cursor.close(inner, "client_shares", value)
    return value


def _share(cursor: Cursor) -> str:
    group = cursor.number(2, "group", tell_group)
    return f"{tell_group(group)} ({len(cursor.opaque(2, 'key_exchange'))} bytes)"


def _renegotiation_info(cursor: Cursor, place: Place) -> str:
    value = cursor.opaque(1, "renegotiated_connection")
    return f"{len(value)} bytes of the handshake before" if value else "first handshake"


def _delegated_credential(cursor: Cursor, place: Place) -> str:
    if place is Place.CERTIFICATE:
        return _bytes(cursor, place)
    return _numbers(2, 2, "supported_signature_algorithms", "SignatureScheme", tell_scheme)(cursor, place)


def _encrypted_client_hello(cursor: Cursor, place: Place) -> str:
    """RFC 9849 section 5."""
    if place is Place.ENCRYPTED_EXTENSIONS:
        return f"new configurations, {len(cursor.opaque(2, 'retry_configs'))} bytes"
    if place is not Place.CLIENT_HELLO:
        cursor.take(8, "confirmation")
        return "a confirmation"
    if cursor.number(1, "type", lambda code: {0: "outer", 1: "inner"}.get(code, f"unknown ({code})")):
        cursor.rest("bytes")
        return "the inner hello"
    cursor.number(2, "kdf_id")
    cursor.number(2, "aead_id")
    cursor.number(1, "config_id")
    cursor.opaque(2, "enc")
    return f"an encrypted hello of {len(cursor.opaque(2, 'payload'))} bytes"


def _signed_timestamps(cursor: Cursor, place: Place) -> str:
    """RFC 6962 section 3.3."""
    if not cursor.left:
        return _empty(cursor, place)
    return f"{len(opaques(cursor, 2, 'sct_list', 'SerializedSCT', 2))} timestamps"


def _token_binding(cursor: Cursor, place: Place) -> str:
    """RFC 8472 section 2."""
    major, minor = cursor.number(1, "major"), cursor.number(1, "minor")
    cursor.opaque(1, "key_parameters_list")
    return f"version {major}.{minor}"


def _heartbeat(cursor: Cursor, place: Place) -> str:
    modes = {1: "peer_allowed_to_send", 2: "peer_not_allowed_to_send"}
    return tell(modes, cursor.number(1, "mode", lambda code: tell(modes, code, 2)), 2)


def _application_settings(cursor: Cursor, place: Place) -> str:
    names = opaques(cursor, 2, "supported_protocols", "ProtocolName", 1, printable)
    return ", ".join(printable(one) for one in names[:MOST_LISTED])


def _tell_point_format(code: int) -> str:
    return tell(POINT_FORMATS, code, 2)


def _tell_certificate_type(code: int) -> str:
    return tell(CERTIFICATE_TYPES, code, 2)


def tell_compression(code: int) -> str:
    """ "brotli": an algorithm of compress_certificate (RFC 8879)."""
    return tell(CERTIFICATE_COMPRESSIONS, code)


_schemes = _numbers(2, 2, "supported_signature_algorithms", "SignatureScheme", tell_scheme)

READERS: dict[int, Reader] = {
    0: _server_name,
    1: _fragment_length,
    2: _empty,
    4: _empty,
    5: _status_request,
    10: _numbers(2, 2, "named_group_list", "NamedGroup", tell_group),
    11: _numbers(1, 1, "ec_point_format_list", "ECPointFormat", _tell_point_format),
    12: _one_vector(1, "srp_I"),
    13: _schemes,
    15: _heartbeat,
    16: _alpn,
    18: _signed_timestamps,
    19: _choice("client_certificate_types", "CertificateType", _tell_certificate_type),
    20: _choice("server_certificate_types", "CertificateType", _tell_certificate_type),
    21: _padding,
    22: _empty,
    23: _empty,
    24: _token_binding,
    27: _numbers(1, 2, "algorithms", "CertificateCompressionAlgorithm", tell_compression),
    28: _record_size_limit,
    34: _delegated_credential,
    35: _session_ticket,
    41: _pre_shared_key,
    42: _early_data,
    43: _supported_versions,
    44: _one_vector(2, "cookie"),
    45: _numbers(1, 1, "ke_modes", "PskKeyExchangeMode", tell_psk_mode),
    47: _authorities,
    48: _oid_filters,
    49: _empty,
    50: _schemes,
    51: _key_share,
    54: _one_vector(1, "cid"),
    58: _ticket_request,
    17513: _application_settings,
    17613: _application_settings,
    0xFE0D: _encrypted_client_hello,
    0xFF01: _renegotiation_info,
}
"""Number of the extension -> its reader."""


def reader_of(code: int) -> Reader:
    """The reader of that extension; of one that nobody here knows, one that takes its bytes."""
    return READERS.get(code, _bytes)
