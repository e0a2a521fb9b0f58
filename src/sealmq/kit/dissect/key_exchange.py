"""ServerKeyExchange and ClientKeyExchange: how TLS 1.2 and before agree on keys (RFC 5246 section 7.4.3 and 7.4.7).

What they hold hangs on the cipher suite: RFC 8422 (ECDHE), RFC 4279 and RFC 5489 (PSK), RFC 5054 (SRP). Of a suite that
nobody knows, or of another kind, the bytes are kept as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealmq.kit.dissect.fields import Cursor, Field, in_hex, printable
from sealmq.kit.dissect.framing import HEADER, read_whole
from sealmq.kit.dissect.registry import TLS12, Suite, suite_parts, tell, tell_group, tell_scheme

_NAMED_CURVE = 3
_CURVE_TYPES = {1: "explicit_prime", 2: "explicit_char2", _NAMED_CURVE: "named_curve"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyExchange:
    """The server's half of the key agreement.

    group:            ECDHE: its number; else None.
    prime_bits:       DHE: of the prime; else 0.
    public_length:    bytes of the server's public key; 0 where there is none.
    scheme:           of the signature; None where there is none, or where it is not said (before TLS 1.2).
    signature_length: bytes; 0 where nobody signs.
    psk_hint:         which key the client is to take, safe to print.
    """

    group: int | None = None
    prime_bits: int = 0
    public_length: int = 0
    scheme: int | None = None
    signature_length: int = 0
    psk_hint: str = ""
    fields: tuple[Field, ...]

    def split(self, message: bytes) -> tuple[bytes, bytes]:
        """What is signed, and the signature, out of the message that this was read from (RFC 8422 section 5.4).

        Only where `scheme` says that it is signed.
        """
        end = len(message) - self.signature_length
        return message[HEADER : end - 4], message[end:]  # scheme and length stand between the two


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKeyExchange:
    """The client's half of it.

    public_length: bytes of its public key, or (RSA) of the secret that it encrypted for the server; 0 for none.
    psk_identity:  which key it takes, safe to print.
    """

    public_length: int = 0
    psk_identity: str = ""
    fields: tuple[Field, ...]


def read_server_key_exchange(message: bytes, suite: int | None, version: int = TLS12) -> ServerKeyExchange:
    """Read ServerKeyExchange with its header of 4 bytes.

    suite: number of the suite that the server took; version: the version. Raises TLSError when a length lies.
    """
    return read_whole(message, 12, lambda cursor: take_server_key_exchange(cursor, suite, version))


def take_server_key_exchange(cursor: Cursor, suite: int | None, version: int = TLS12) -> ServerKeyExchange:
    """What stands behind the header."""
    parts = None if suite is None else suite_parts(suite)
    how = parts.key_exchange if parts else ""
    if how not in ("DHE", "ECDHE", "PSK", "RSA-PSK", "DHE-PSK", "ECDHE-PSK", "SRP", "RSA"):
        cursor.rest("params")
        return ServerKeyExchange(fields=tuple(cursor.fields))
    hint = printable(cursor.opaque(2, "psk_identity_hint", printable)) if how.endswith("PSK") else ""
    group, bits, length = None, 0, 0
    if how.startswith("ECDHE"):
        group, length = _curve(cursor)
        if group is None:
            return ServerKeyExchange(psk_hint=hint, fields=tuple(cursor.fields))
    elif how.startswith("DHE"):
        bits = _bits(cursor.opaque(2, "dh_p", _tell_prime))
        cursor.opaque(2, "dh_g")
        length = len(cursor.opaque(2, "dh_Ys"))
    elif how == "SRP":
        bits = _bits(cursor.opaque(2, "srp_N", _tell_prime))
        cursor.opaque(2, "srp_g")
        cursor.opaque(1, "srp_s")
        length = len(cursor.opaque(2, "srp_B"))
    elif how == "RSA":  # a short key, for a suite of the export rules
        length = len(cursor.opaque(2, "rsa_modulus"))
        cursor.opaque(2, "rsa_exponent")
    scheme, signature = _signature(cursor, parts, version)
    return ServerKeyExchange(
        group=group,
        prime_bits=bits,
        public_length=length,
        scheme=scheme,
        signature_length=signature,
        psk_hint=hint,
        fields=tuple(cursor.fields),
    )


def _curve(cursor: Cursor) -> tuple[int | None, int]:
    """Group, and bytes of the point (RFC 8422 section 5.4); no group when the curve is not a named one."""
    if cursor.number(1, "curve_type", lambda code: tell(_CURVE_TYPES, code, 2)) != _NAMED_CURVE:
        cursor.rest("params")
        return None, 0
    group = cursor.number(2, "namedcurve", tell_group)
    return group, len(cursor.opaque(1, "point"))


def _signature(cursor: Cursor, parts: Suite | None, version: int) -> tuple[int | None, int]:
    """Scheme and bytes of the signature; none where the suite has nobody who signs."""
    if parts is None or parts.authentication in ("anonymous", "PSK", "SRP") or parts.key_exchange == "RSA-PSK":
        return None, 0
    scheme = cursor.number(2, "algorithm", tell_scheme) if version >= TLS12 else None
    return scheme, len(cursor.opaque(2, "signature"))


def read_client_key_exchange(message: bytes, suite: int | None) -> ClientKeyExchange:
    """Read ClientKeyExchange with its header of 4 bytes; `suite`: the one that the server took.

    Raises TLSError when a length lies.
    """
    return read_whole(message, 16, lambda cursor: take_client_key_exchange(cursor, suite))


def take_client_key_exchange(cursor: Cursor, suite: int | None) -> ClientKeyExchange:
    """What stands behind the header."""
    parts = None if suite is None else suite_parts(suite)
    how = parts.key_exchange if parts else ""
    identity = printable(cursor.opaque(2, "psk_identity", printable)) if how.endswith("PSK") else ""
    length = 0
    if how in ("RSA", "RSA-PSK"):
        length = len(cursor.opaque(2, "EncryptedPreMasterSecret"))
    elif how in ("DH", "DHE", "DHE-PSK"):
        # RFC 5246 section 7.4.7.2: nothing is sent when the client's certificate has the key
        length = len(cursor.opaque(2, "dh_Yc")) if cursor.left or how != "DH" else 0
    elif how in ("ECDH", "ECDHE", "ECDHE-PSK"):
        length = len(cursor.opaque(1, "ecdh_Yc")) if cursor.left or how != "ECDH" else 0
    elif how == "SRP":
        length = len(cursor.opaque(2, "srp_A"))
    elif how != "PSK":
        cursor.rest("exchange_keys")
    return ClientKeyExchange(public_length=length, psk_identity=identity, fields=tuple(cursor.fields))


def _bits(number: bytes) -> int:
    return int.from_bytes(number, "big").bit_length()


def _tell_prime(value: bytes) -> str:
    return f"{_bits(value)} bits: {in_hex(value)}"
