"""A client of TLS 1.2 by hand that has nothing but a ticket it has seen: it guesses that the master secret is zeros.

A session of TLS 1.3 has no master secret (RFC 8446 section 7.1). A listener that takes its ticket in a hello of TLS 1.2
(RFC 5077) goes on with whatever lies where one would be.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealmq.tls.middleware import TLSConnection
from tls_messages import client_hello, extension, message, vector

GUESS = bytes(48)
RANDOM = bytes(range(32))  # of `client_hello`
HANDSHAKE, CHANGE_CIPHER_SPEC, DATA = 22, 20, 23
SERVER_HELLO, FINISHED = 2, 20
PRE_SHARED_KEY = b"\x00\x29"
SUITES = {b"\xc0\x2b": ("sha256", 16), b"\xc0\x2c": ("sha384", 32)}  # ECDHE-ECDSA with AES-128-GCM, AES-256-GCM


def ticket_in(hello: bytes) -> bytes:
    """The ticket that a device shows in its hello of TLS 1.3: the first identity of pre_shared_key, in the clear.

    hello: a whole record. The extensions are gone through one by one: a ticket may hold any bytes, those too with which
    an extension begins.
    """
    at = 5 + 4 + 2 + 32  # behind record, message, version and random
    for length_bytes in (1, 2, 1):  # session, suites, compression
        at += length_bytes + int.from_bytes(hello[at : at + length_bytes], "big")
    at += 2
    while hello[at : at + 2] != PRE_SHARED_KEY:
        assert at < len(hello), "no ticket is shown"
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    length = int.from_bytes(hello[at + 6 : at + 8], "big")
    return hello[at + 8 : at + 8 + length]


def resume_by(ticket: bytes, broker: TLSConnection) -> bool:
    """Show the ticket in TLS 1.2, and finish the handshake with the guess. False when the broker resumes nothing.

    Raises what `broker` raises: it must not be content.
    """
    groups, signatures = vector(2, b"\x00\x17"), vector(2, b"\x04\x03\x04\x01")
    hello = client_hello(
        extension(10, groups), extension(11, vector(1, b"\x00")), extension(13, signatures), extension(23, b""),
        extension(35, ticket), suites=b"".join(SUITES), session_id=bytes(32),
    )  # fmt: skip
    broker.receive_data(b"\x16\x03\x01" + vector(2, hello))
    transcript, random, suite, sealed = hello, b"", b"", b""
    for kind, body in _records(broker.data_to_send()):
        if kind == CHANGE_CIPHER_SPEC:
            sealed = b"next"
        elif sealed:
            sealed = body
        elif kind == HANDSHAKE:
            transcript += body
            if body[0] == SERVER_HELLO:
                random, after = body[6:38], 39 + body[38]
                suite = body[after : after + 2]
    if not sealed:
        return False
    digest, size = SUITES[suite]
    keys = _prf(b"key expansion", random + RANDOM, 2 * size + 8, digest)
    theirs = AESGCM(keys[size : 2 * size])
    more = bytes(8) + _head(HANDSHAKE, len(sealed) - 24)
    transcript += theirs.decrypt(keys[-4:] + sealed[:8], sealed[8:], more)
    ours, salt = AESGCM(keys[:size]), keys[2 * size : 2 * size + 4]
    proof = _prf(b"client finished", hashlib.new(digest, transcript).digest(), 12, digest)
    said = b"\x14\x03\x03\x00\x01\x01"
    for number, (kind, text) in enumerate(((HANDSHAKE, message(FINISHED, proof)), (DATA, b"I am the device"))):
        count = number.to_bytes(8, "big")
        body = count + ours.encrypt(salt + count, text, count + _head(kind, len(text)))
        said += _head(kind, len(body)) + body
    broker.receive_data(said)
    return True


def _head(kind: int, length: int) -> bytes:
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big")


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        end = 5 + int.from_bytes(data[3:5], "big")
        yield data[0], data[5:end]
        data = data[end:]


def _prf(label: bytes, seed: bytes, size: int, digest: str) -> bytes:
    """RFC 5246 section 5."""
    seed = label + seed
    step, out = seed, b""
    while len(out) < size:
        step = hmac.digest(GUESS, step, digest)
        out += hmac.digest(GUESS, step + seed, digest)
    return out[:size]
