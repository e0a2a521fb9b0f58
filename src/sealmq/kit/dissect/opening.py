"""Protected records opened with the keys of a key log: the AEADs of TLS 1.2 and 1.3, and AES-CBC with HMAC of TLS 1.2.

Rule 1: nothing is given out that was not authenticated: a wrong tag or MAC raises TLSError(alert="bad_record_mac").
Rule 2: a record that can't be opened changes nothing: another key may be tried on it.
Rule 3: what nobody here can open is refused by the suite's name (UnreadableError of kind "sealed").
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.records import LONGEST_PLAINTEXT, RawRecord, UnreadableError
from sealmq.kit.dissect.schedule import TLS12, TLS13, WriteKeys, key_block, next_secret, traffic_key
from sealmq.kit.dissect.suites import Suite, suite_parts

_BLOCK = 16  # bytes of an AES block
_EXPLICIT_NONCE = 8  # RFC 5288 section 3
_SALT = 4
_IV = 12

_CIPHER = re.compile(r"AES-(?:128|256)-(GCM|CCM|CCM-8|CBC)|CHACHA20-(POLY1305)")
_DIGEST = {"sha1": 20, "sha256": 32, "sha384": 48}  # bytes
_CHANGED = "the key log does not belong to this conversation, or bytes were changed"

AEAD = AESGCM | AESCCM | ChaCha20Poly1305


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in a protected record. padding: bytes behind the content (that of CBC with its length byte)."""

    content_type: int
    content: bytes
    padding: int = 0


class Opener(Protocol):
    """Opens the records of one end under one key, in the order in which they were sent."""

    @property
    def count(self) -> int:
        """Records opened so far: the sequence number of the next one."""

    def open(self, record: RawRecord) -> Opened:
        """Raises TLSError where the record is not of this key and this place, or was changed."""


class OpenerTLS13:
    """One direction under one traffic secret (RFC 8446 sections 5.2 and 5.3)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self.count = 0
        self._suite = suite
        self._secret = secret
        key = traffic_key(suite.hash, secret, suite.bits // 8)
        self._aead = _aead(suite, key.key)
        self._iv = int.from_bytes(key.iv, "big")

    def open(self, record: RawRecord) -> Opened:
        """See Opener."""
        nonce = (self._iv ^ self.count).to_bytes(_IV, "big")
        inner = _decrypt(self._aead, nonce, record.fragment, record.header)
        content = inner.rstrip(b"\0")  # RFC 8446 section 5.4
        if not content:
            raise TLSError("a protected record is padding alone", "unexpected_message", sent=False)
        _check_length(len(content) - 1)
        self.count += 1
        return Opened(content[-1], content[:-1], len(inner) - len(content))

    def after_key_update(self) -> OpenerTLS13:
        """The opener of what this end sends behind its KeyUpdate (RFC 8446 section 7.2)."""
        return OpenerTLS13(self._suite, next_secret(self._suite.hash, self._secret))


class AEADOpenerTLS12:
    """One direction under an AEAD suite of TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 5288, RFC 6655, RFC 7905)."""

    def __init__(self, suite: Suite, keys: WriteKeys) -> None:
        self.count = 0
        self._aead = _aead(suite, keys.key)
        self._iv = keys.iv
        self._tag = suite.tag_bytes
        self._explicit = 0 if isinstance(self._aead, ChaCha20Poly1305) else _EXPLICIT_NONCE

    def open(self, record: RawRecord) -> Opened:
        """See Opener."""
        fragment = record.fragment
        length = len(fragment) - self._explicit - self._tag
        if length < 0:
            raise _broken()
        if self._explicit:
            nonce = self._iv + fragment[: self._explicit]
        else:
            nonce = (int.from_bytes(self._iv, "big") ^ self.count).to_bytes(_IV, "big")
        content = _decrypt(self._aead, nonce, fragment[self._explicit :], _pseudo_header(self.count, record, length))
        _check_length(len(content))
        self.count += 1
        return Opened(record.content_type, content)


class CBCOpenerTLS12:
    """One direction under AES-CBC with HMAC in TLS 1.2 (RFC 5246 section 6.2.3.2).

    encrypt_then_mac: both have agreed on RFC 7366: the MAC is over what is encrypted.
    """

    def __init__(self, suite: Suite, keys: WriteKeys, *, encrypt_then_mac: bool) -> None:
        self.count = 0
        self._keys = keys
        self._hash = suite.mac
        self._mac = len(keys.mac_key)
        self._encrypt_then_mac = encrypt_then_mac

    def open(self, record: RawRecord) -> Opened:
        """See Opener."""
        encrypted = record.fragment
        if self._encrypt_then_mac:
            encrypted = self._checked(record, encrypted)
        if len(encrypted) < 2 * _BLOCK or len(encrypted) % _BLOCK:
            raise _broken()
        cipher = Cipher(algorithms.AES(self._keys.key), modes.CBC(encrypted[:_BLOCK])).decryptor()
        plain = cipher.update(encrypted[_BLOCK:]) + cipher.finalize()
        padding = plain[-1] + 1
        if plain[-padding:] != bytes([plain[-1]]) * padding:
            raise _broken()
        content = plain[:-padding]
        if not self._encrypt_then_mac:
            content = self._checked(record, content)
        _check_length(len(content))
        self.count += 1
        return Opened(record.content_type, content, padding)

    def _checked(self, record: RawRecord, data: bytes) -> bytes:
        """`data` without the MAC at its end."""
        if len(data) < self._mac:
            raise _broken()
        body, mac = data[: -self._mac], data[-self._mac :]
        header = _pseudo_header(self.count, record, len(body))
        if not hmac.compare_digest(hmac.digest(self._keys.mac_key, header + body, self._hash), mac):
            raise _broken()
        return body


def opener_tls13(code: int, secret: bytes) -> OpenerTLS13:
    """For one end of TLS 1.3. code: of the suite. secret: the traffic secret of that end at that stage.

    Raises UnreadableError where the suite can't be opened here, or the secret is not one of this suite.
    """
    suite = _suite(TLS13, code)
    if len(secret) != _DIGEST[suite.hash]:
        raise UnreadableError(
            "sealed", f"a secret of the key log has {len(secret)} bytes, which {suite.name} can't use"
        )
    return OpenerTLS13(suite, secret)


def openers_tls12(
    code: int, master_secret: bytes, randoms: tuple[bytes, bytes], *, encrypt_then_mac: bool
) -> dict[Sender, Opener]:
    """For both ends of TLS 1.2. code: of the suite. randoms: the client's and the server's.

    Raises UnreadableError where the suite can't be opened here.
    """
    suite = _suite(TLS12, code)
    iv_length = 0 if suite.mac else _IV if suite.cipher.startswith("CHACHA20") else _SALT
    mac_length = _DIGEST[suite.mac] if suite.mac else 0
    keys = key_block(suite.hash, master_secret, randoms, (mac_length, suite.bits // 8, iv_length))
    if suite.mac:
        return {one: CBCOpenerTLS12(suite, keys[one], encrypt_then_mac=encrypt_then_mac) for one in Sender}
    return {one: AEADOpenerTLS12(suite, keys[one]) for one in Sender}


def check_openable(version: int, code: int) -> None:
    """Raise UnreadableError where no key would open what this version and suite protect."""
    if version not in (TLS12, TLS13):
        raise UnreadableError("sealed", f"only records of TLS 1.2 and 1.3 can be opened, not of version {version:#06x}")
    _suite(version, code)


def _suite(version: int, code: int) -> Suite:
    suite = suite_parts(code)
    name = suite.name if suite else f"an unknown cipher suite ({code:#06x})"
    if suite is None or not _CIPHER.fullmatch(suite.cipher) or suite.mac not in ("", *_DIGEST):
        raise UnreadableError("sealed", f"records protected by {name} can't be opened here")
    if suite.tls13 != (version == TLS13):
        raise UnreadableError("sealed", f"{name} is no cipher suite of the version that was agreed on")
    return suite


def _aead(suite: Suite, key: bytes) -> AEAD:
    if suite.cipher.startswith("CHACHA20"):
        return ChaCha20Poly1305(key)
    if "CCM" in suite.cipher:
        return AESCCM(key, suite.tag_bytes)
    return AESGCM(key)


def _decrypt(aead: AEAD, nonce: bytes, data: bytes, associated: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, data, associated)
    except (InvalidTag, ValueError):  # ValueError: shorter than a tag, or than the library takes
        raise _broken() from None


def _pseudo_header(count: int, record: RawRecord, length: int) -> bytes:
    """What is authenticated beside the content (RFC 5246 section 6.2.3.3): the length is the content's."""
    return count.to_bytes(8, "big") + record.header[:3] + length.to_bytes(2, "big")


def _check_length(length: int) -> None:
    if length > LONGEST_PLAINTEXT:
        raise TLSError(f"a protected record carries {length} bytes, too many", "record_overflow", sent=False)


def _broken() -> TLSError:
    return TLSError(_CHANGED, "bad_record_mac", sent=False)
