"""From a secret of the key log to keys, and to what Finished must say: the labels and lengths of the standards.

HKDF-Expand is the library's; the PRF of TLS 1.2 is put together from the standard library's HMAC (RFC 5246 section 5).
Hashes are named as `hashlib` does: "sha256", "sha384".

Rule 1: no repr shows a key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Sender

TLS12 = 0x0303
TLS13 = 0x0304

_HASHES: dict[str, type[hashes.SHA256] | type[hashes.SHA384]] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384}
_IV = 12  # of every AEAD of TLS 1.3 (RFC 8446 section 5.3)
_VERIFY_DATA = 12  # RFC 5246 section 7.4.9
_FINISHED = {Sender.CLIENT: b"client finished", Sender.SERVER: b"server finished"}
_SERVER_HELLO = 2
_MESSAGE_HASH = 254
_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()  # RFC 8446 section 4.1.3


@dataclass(frozen=True, slots=True)
class TrafficKey:
    """Key and IV of one direction in TLS 1.3 (RFC 8446 section 7.3)."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WriteKeys:
    """What one end protects its records with in TLS 1.2 (RFC 5246 section 6.3)."""

    mac_key: bytes = field(repr=False)
    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


def expand_label(hash_name: str, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1). length: bytes. Raises TLSError for a hash that TLS 1.3 does not use."""
    algorithm = _HASHES.get(hash_name)
    if algorithm is None:
        raise TLSError(f"TLS 1.3 has no key schedule with {hash_name}", sent=False)
    full = b"tls13 " + label.encode("ascii")
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    return HKDFExpand(algorithm(), length, info).derive(secret)


def traffic_key(hash_name: str, secret: bytes, key_length: int) -> TrafficKey:
    """Key and IV of a traffic secret (RFC 8446 section 7.3). key_length: bytes."""
    return TrafficKey(
        expand_label(hash_name, secret, "key", b"", key_length), expand_label(hash_name, secret, "iv", b"", _IV)
    )


def next_secret(hash_name: str, secret: bytes) -> bytes:
    """The traffic secret after a KeyUpdate (RFC 8446 section 7.2)."""
    return expand_label(hash_name, secret, "traffic upd", b"", len(secret))


def prf(hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The PRF of TLS 1.2: P_hash of the label and the seed (RFC 5246 section 5). length: bytes."""
    seed = label + seed
    found = bytearray()
    a = seed
    while len(found) < length:
        a = hmac.digest(secret, a, hash_name)
        found += hmac.digest(secret, a + seed, hash_name)
    return bytes(found[:length])


def key_block(
    hash_name: str, master_secret: bytes, randoms: tuple[bytes, bytes], lengths: tuple[int, int, int]
) -> dict[Sender, WriteKeys]:
    """The keys of both ends from the master secret (RFC 5246 section 6.3).

    randoms: the client's and the server's. lengths: bytes of the MAC key, the key and the fixed IV.
    """
    client_random, server_random = randoms
    rest = prf(hash_name, master_secret, b"key expansion", server_random + client_random, 2 * sum(lengths))
    parts: list[list[bytes]] = []
    for length in lengths:  # MAC keys of both, then keys of both, then IVs of both
        parts.append([rest[:length], rest[length : 2 * length]])
        rest = rest[2 * length :]
    return {sender: WriteKeys(*(pair[which] for pair in parts)) for which, sender in enumerate(Sender)}


def transcript_hash(hash_name: str, messages: Sequence[bytes]) -> bytes:
    """The hash of a handshake's messages, headers included, in the order of the wire.

    Where the server has asked for a second ClientHello, the first counts by its hash alone (RFC 8446 section 4.4.1).
    """
    counted = list(messages)
    if len(counted) > 1 and counted[1][:1] == bytes([_SERVER_HELLO]) and counted[1][6:38] == _RETRY:
        digest = hashlib.new(hash_name, counted[0]).digest()
        counted[0] = bytes([_MESSAGE_HASH, 0, 0, len(digest)]) + digest
    return hashlib.new(hash_name, b"".join(counted)).digest()


def verify_data(version: int, hash_name: str, secret: bytes, sender: Sender, transcript: bytes) -> bytes:
    """What the Finished of `sender` must say.

    secret:     TLS 1.3: the handshake traffic secret of `sender` (RFC 8446 section 4.4.4); TLS 1.2: the master secret
                (RFC 5246 section 7.4.9).
    transcript: hash of all messages before that Finished.
    """
    if version >= TLS13:
        key = expand_label(hash_name, secret, "finished", b"", hashlib.new(hash_name).digest_size)
        return hmac.digest(key, transcript, hash_name)
    return prf(hash_name, secret, _FINISHED[sender], transcript, _VERIFY_DATA)


def check_finished(
    version: int, hash_name: str, secret: bytes, sender: Sender, transcript: bytes, finished: bytes
) -> None:
    """Raise TLSError when this Finished (header included) is not what it must be. The rest as for `verify_data`."""
    if not hmac.compare_digest(finished[4:], verify_data(version, hash_name, secret, sender, transcript)):
        raise TLSError(f"the Finished of the {sender.value} does not fit the handshake", "decrypt_error", sent=False)
