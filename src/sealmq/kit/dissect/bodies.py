"""The messages behind the hellos: certificates, proofs, tickets (RFC 8446 sections 4.3 to 4.6, RFC 5246 section 7.4).

Each has a `take_...` for a cursor that stands behind the header, and a `read_...` for a whole message with its header
of 4 bytes, which raises TLSError when a length lies. The key exchange of TLS 1.2 is in key_exchange.py.

Rule 1: a message that TLS 1.2 and 1.3 write in two ways is asked for with `tls13`, or with the version's number.
Rule 2: DER stays DER: whoever can read certificates reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealmq.errors import TLSError
from sealmq.kit.dissect.extension_bodies import Place, opaques, read_status, tell_compression
from sealmq.kit.dissect.extensions import Extension, find, take_extensions
from sealmq.kit.dissect.fields import Cursor, Field
from sealmq.kit.dissect.framing import read_whole
from sealmq.kit.dissect.registry import CLIENT_CERTIFICATE_TYPES, TLS12, tell, tell_scheme

MOST_CERTIFICATES = 100
"""In one message: OpenSSL takes chains of 100 too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A message that says no more than its fields do."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedExtensions:
    """What the server answers encrypted (RFC 8446 section 4.3.1)."""

    extensions: tuple[Extension, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMessage:
    """A chain, the sender's own certificate first (RFC 8446 section 4.4.2, RFC 5246 section 7.4.2).

    context:      of the CertificateRequest that is answered; b"" in the handshake and in TLS 1.2.
    certificates: each as DER (or a bare public key, where server_certificate_type or its like said so).
    extensions:   of each certificate; empty ones in TLS 1.2.
    """

    context: bytes
    certificates: tuple[bytes, ...]
    extensions: tuple[tuple[Extension, ...], ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """The client is asked for a certificate (RFC 8446 section 4.3.2, RFC 5246 section 7.4.4).

    types:       ClientCertificateType, TLS 1.2 and before.
    schemes:     that the server can check; empty before TLS 1.2.
    authorities: Name of each authority that is accepted, as DER; empty when any may be tried.
    extensions:  TLS 1.3 only.
    """

    context: bytes
    types: tuple[int, ...]
    schemes: tuple[int, ...]
    authorities: tuple[bytes, ...]
    extensions: tuple[Extension, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateVerify:
    """A signature over the handshake so far (RFC 8446 section 4.4.3). scheme: None before TLS 1.2."""

    scheme: int | None
    signature_length: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSessionTicket:
    """A ticket for coming back (RFC 8446 section 4.6.1, RFC 5077 section 3.3).

    lifetime:       seconds; in TLS 1.2 a hint, and 0 says nothing.
    ticket_length:  bytes.
    max_early_data: bytes that may come before the server has answered; None when none may.
    """

    lifetime: int
    ticket_length: int
    max_early_data: int | None
    extensions: tuple[Extension, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """A stapled answer about revocation, as a message of TLS 1.2 (RFC 6066 section 8). kind: 1 is OCSP."""

    kind: int
    response: bytes
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedCertificate:
    """A Certificate that is packed (RFC 8879 section 4); it is not unpacked here. Lengths in bytes."""

    algorithm: int
    uncompressed_length: int
    compressed_length: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUpdate:
    """New keys from here on (RFC 8446 section 4.6.3). requested: the other end is to take new ones too."""

    requested: bool
    fields: tuple[Field, ...]


def take_encrypted_extensions(cursor: Cursor) -> EncryptedExtensions:
    """RFC 8446 section 4.3.1."""
    extensions = take_extensions(cursor, Place.ENCRYPTED_EXTENSIONS)
    return EncryptedExtensions(extensions=extensions, fields=tuple(cursor.fields))


def take_certificate(cursor: Cursor, *, tls13: bool) -> CertificateMessage:
    """RFC 8446 section 4.4.2; without `tls13`, RFC 5246 section 7.4.2."""
    context = cursor.opaque(1, "certificate_request_context") if tls13 else b""
    inner = cursor.vector(3, "certificate_list")
    certificates: list[bytes] = []
    extensions: list[tuple[Extension, ...]] = []
    while inner.left:
        if len(certificates) == MOST_CERTIFICATES:
            raise TLSError(f"there are more than {MOST_CERTIFICATES} certificates", "decode_error", sent=False)
        certificates.append(inner.opaque(3, "cert_data", lambda value: f"a certificate, {len(value)} bytes"))
        extensions.append(take_extensions(inner, Place.CERTIFICATE) if tls13 else ())
    words = {0: "none", 1: "1 certificate"}.get(len(certificates), f"{len(certificates)} certificates")
    cursor.close(inner, "certificate_list", words)
    return CertificateMessage(
        context=context,
        certificates=tuple(certificates),
        extensions=tuple(extensions),
        fields=tuple(cursor.fields),
    )


def take_certificate_request(cursor: Cursor, version: int) -> CertificateRequest:
    """RFC 8446 section 4.3.2; for a `version` of at most TLS 1.2, RFC 5246 section 7.4.4."""
    context = b""
    types: tuple[int, ...] = ()
    schemes: tuple[int, ...] = ()
    extensions: tuple[Extension, ...] = ()
    if version > TLS12:
        context = cursor.opaque(1, "certificate_request_context")
        extensions = take_extensions(cursor, Place.CERTIFICATE_REQUEST)
        signatures = find(extensions, 13)
        schemes = signatures.numbers(2, 2) if signatures else ()
        authorities = _authorities(extensions)
    else:
        types = cursor.numbers(1, 1, "certificate_types", "ClientCertificateType", _tell_client_type)
        if version == TLS12:
            schemes = cursor.numbers(2, 2, "supported_signature_algorithms", "SignatureScheme", tell_scheme)
        authorities = opaques(cursor, 2, "certificate_authorities", "DistinguishedName", 2)
    return CertificateRequest(
        context=context,
        types=types,
        schemes=schemes,
        authorities=authorities,
        extensions=extensions,
        fields=tuple(cursor.fields),
    )


def _authorities(extensions: tuple[Extension, ...]) -> tuple[bytes, ...]:
    extension = find(extensions, 47)
    if extension is None or extension.trouble:
        return ()
    return opaques(Cursor(extension.body), 2, "authorities", "DistinguishedName", 2)


def take_certificate_verify(cursor: Cursor, version: int = TLS12) -> CertificateVerify:
    """RFC 8446 section 4.4.3, RFC 5246 section 7.4.8; before TLS 1.2 the signature's scheme is not said."""
    scheme = cursor.number(2, "algorithm", tell_scheme) if version >= TLS12 else None
    length = len(cursor.opaque(2, "signature"))
    return CertificateVerify(scheme=scheme, signature_length=length, fields=tuple(cursor.fields))


def take_new_session_ticket(cursor: Cursor, *, tls13: bool) -> NewSessionTicket:
    """RFC 8446 section 4.6.1; without `tls13`, RFC 5077 section 3.3."""
    lifetime = cursor.number(4, "ticket_lifetime" if tls13 else "ticket_lifetime_hint", lambda one: f"{one} s")
    if tls13:
        cursor.number(4, "ticket_age_add")
        cursor.opaque(1, "ticket_nonce")
    length = len(cursor.opaque(2, "ticket"))
    extensions = take_extensions(cursor, Place.NEW_SESSION_TICKET) if tls13 else ()
    early = find(extensions, 42)
    return NewSessionTicket(
        lifetime=lifetime,
        ticket_length=length,
        max_early_data=int.from_bytes(early.body, "big") if early and not early.trouble else None,
        extensions=extensions,
        fields=tuple(cursor.fields),
    )


def take_certificate_status(cursor: Cursor) -> CertificateStatus:
    """RFC 6066 section 8."""
    whole = cursor.copy()
    read_status(cursor)
    response = whole[4:] if whole[0] == 1 else whole[1:]
    return CertificateStatus(kind=whole[0], response=response, fields=tuple(cursor.fields))


def take_compressed_certificate(cursor: Cursor) -> CompressedCertificate:
    """RFC 8879 section 4."""
    algorithm = cursor.number(2, "algorithm", tell_compression)
    uncompressed = cursor.number(3, "uncompressed_length", lambda one: f"{one} bytes")
    compressed = len(cursor.opaque(3, "compressed_certificate_message"))
    return CompressedCertificate(
        algorithm=algorithm,
        uncompressed_length=uncompressed,
        compressed_length=compressed,
        fields=tuple(cursor.fields),
    )


def take_key_update(cursor: Cursor) -> KeyUpdate:
    """RFC 8446 section 4.6.3."""
    words = {0: "update_not_requested", 1: "update_requested"}
    request = cursor.number(1, "request_update", lambda code: tell(words, code, 2))
    return KeyUpdate(requested=request == 1, fields=tuple(cursor.fields))


def take_finished(cursor: Cursor) -> Plain:
    """RFC 8446 section 4.4.4."""
    cursor.rest("verify_data")
    return Plain(fields=tuple(cursor.fields))


def take_hash(cursor: Cursor) -> Plain:
    """The stand-in for a first ClientHello in the transcript; never on the wire (RFC 8446 section 4.4.1)."""
    cursor.rest("hash")
    return Plain(fields=tuple(cursor.fields))


def take_empty(cursor: Cursor) -> Plain:
    """A message that has no body."""
    return Plain(fields=tuple(cursor.fields))


def read_encrypted_extensions(message: bytes) -> EncryptedExtensions:
    """Read EncryptedExtensions."""
    return read_whole(message, 8, take_encrypted_extensions)


def read_certificate(message: bytes, *, tls13: bool) -> CertificateMessage:
    """Read Certificate, in the form of TLS 1.3 or in the one before."""
    return read_whole(message, 11, lambda cursor: take_certificate(cursor, tls13=tls13))


def read_certificate_request(message: bytes, *, tls13: bool, version: int = TLS12) -> CertificateRequest:
    """Read CertificateRequest, in the form of TLS 1.3 or in the one of an older `version`."""
    return read_whole(message, 13, lambda cursor: take_certificate_request(cursor, TLS12 + 1 if tls13 else version))


def read_certificate_verify(message: bytes, version: int = TLS12) -> CertificateVerify:
    """Read CertificateVerify."""
    return read_whole(message, 15, lambda cursor: take_certificate_verify(cursor, version))


def read_new_session_ticket(message: bytes, *, tls13: bool) -> NewSessionTicket:
    """Read NewSessionTicket, in the form of TLS 1.3 or in the one before."""
    return read_whole(message, 4, lambda cursor: take_new_session_ticket(cursor, tls13=tls13))


def read_certificate_status(message: bytes) -> CertificateStatus:
    """Read CertificateStatus."""
    return read_whole(message, 22, take_certificate_status)


def read_compressed_certificate(message: bytes) -> CompressedCertificate:
    """Read CompressedCertificate."""
    return read_whole(message, 25, take_compressed_certificate)


def read_key_update(message: bytes) -> KeyUpdate:
    """Read KeyUpdate."""
    return read_whole(message, 24, take_key_update)


def read_finished(message: bytes) -> Plain:
    """Read Finished."""
    return read_whole(message, 20, take_finished)


def read_hello_request(message: bytes) -> Plain:
    """Read HelloRequest, by which a server of TLS 1.2 asks for a new handshake (RFC 5246 section 7.4.1.1)."""
    return read_whole(message, 0, take_empty)


def read_server_hello_done(message: bytes) -> Plain:
    """Read ServerHelloDone (RFC 5246 section 7.4.5)."""
    return read_whole(message, 14, take_empty)


def read_end_of_early_data(message: bytes) -> Plain:
    """Read EndOfEarlyData (RFC 8446 section 4.5)."""
    return read_whole(message, 5, take_empty)


def read_message_hash(message: bytes) -> Plain:
    """Read the stand-in for a first ClientHello."""
    return read_whole(message, 254, take_hash)


def _tell_client_type(code: int) -> str:
    return tell(CLIENT_CERTIFICATE_TYPES, code, 2)
