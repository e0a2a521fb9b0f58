"""The proof that whoever shows a certificate has its key: the signature in the handshake, checked once more.

    TLS 1.3  CertificateVerify: 64 spaces, a context string, a zero byte, the hash of all messages until then
             (RFC 8446 section 4.4.3)
    TLS 1.2  server: ServerKeyExchange, over both randoms and the parameters (RFC 5246 section 7.4.3)
             client: CertificateVerify, over all messages until then (section 7.4.8)

Rule 1: what was not seen is not tested, and the reason says what was missing.
Rule 2: the key is the one in the certificate that was shown; whether that one is trusted is chain.py's question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from sealmq.errors import TLSError
from sealmq.kit.dissect.bodies import read_certificate_request
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Sender
from sealmq.kit.dissect.framing import HEADER
from sealmq.kit.dissect.hello import read_client_hello, read_server_hello
from sealmq.kit.dissect.key_exchange import read_server_key_exchange
from sealmq.kit.dissect.suites import suite_parts
from sealmq.kit.handshake.certificates import load
from sealmq.kit.handshake.cost import is_retry
from sealmq.kit.handshake.report import Rule, Verdict
from sealmq.tls.hearing import leaf_of

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, KEY_UPDATE = 0, 1, 2, 4, 24
CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_VERIFY, COMPRESSED_CERTIFICATE, MESSAGE_HASH = 11, 12, 15, 25, 254
CERTIFICATE_REQUEST = 13
_OUTSIDE = (HELLO_REQUEST, NEW_SESSION_TICKET, KEY_UPDATE)  # of no transcript

_REFUSALS = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class Scheme:
    """A SignatureScheme (RFC 8446 section 4.2.3). curve: TLS 1.3 demands it; since13: it may sign a handshake there."""

    name: str
    kind: str
    hash: hashes.HashAlgorithm | None
    curve: str = ""
    since13: bool = True


_SHA1, _SHA256, _SHA384, _SHA512 = hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()  # noqa: S303
SCHEMES = {
    0x0201: Scheme("rsa_pkcs1_sha1", "pkcs1", _SHA1, since13=False),
    0x0203: Scheme("ecdsa_sha1", "ecdsa", _SHA1, since13=False),
    0x0401: Scheme("rsa_pkcs1_sha256", "pkcs1", _SHA256, since13=False),
    0x0501: Scheme("rsa_pkcs1_sha384", "pkcs1", _SHA384, since13=False),
    0x0601: Scheme("rsa_pkcs1_sha512", "pkcs1", _SHA512, since13=False),
    0x0403: Scheme("ecdsa_secp256r1_sha256", "ecdsa", _SHA256, "secp256r1"),
    0x0503: Scheme("ecdsa_secp384r1_sha384", "ecdsa", _SHA384, "secp384r1"),
    0x0603: Scheme("ecdsa_secp521r1_sha512", "ecdsa", _SHA512, "secp521r1"),
    0x0804: Scheme("rsa_pss_rsae_sha256", "pss", _SHA256),
    0x0805: Scheme("rsa_pss_rsae_sha384", "pss", _SHA384),
    0x0806: Scheme("rsa_pss_rsae_sha512", "pss", _SHA512),
    0x0809: Scheme("rsa_pss_pss_sha256", "pss", _SHA256),
    0x080A: Scheme("rsa_pss_pss_sha384", "pss", _SHA384),
    0x080B: Scheme("rsa_pss_pss_sha512", "pss", _SHA512),
    0x0807: Scheme("ed25519", "ed25519", None),
    0x0808: Scheme("ed448", "ed448", None),
}


class _NotSeenError(Exception):
    """What was missing, in words."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Bytes that were signed, in words too, and the signature."""

    signed: bytes
    words: str
    scheme: int
    signature: bytes


def check_proof(conversation: Conversation, sender: Sender) -> Rule:
    """Did `sender` prove that it has the key of the certificate that it showed? A Rule "proof". Raises nothing."""
    messages = [one for one in conversation.messages if one.kind == ContentType.HANDSHAKE and len(one.body) >= HEADER]
    try:
        hello = _server_hello(messages)
        version, suite = _negotiated(hello)
        leaf = _leaf(messages, sender, version, opened=conversation.opened)
        if version == TLS_1_3:
            claim = _claim_13(messages, sender, suite)
        elif sender is Sender.SERVER:
            claim = _claim_of_parameters(messages, hello, suite)
        else:
            claim = _claim_12(messages)
        scheme = SCHEMES.get(claim.scheme)
        if scheme is None:
            raise _NotSeenError(f"it was signed with a scheme that is not known here (0x{claim.scheme:04x})")
        trouble = _trouble(leaf, scheme, claim, strict=version == TLS_1_3)
    except _NotSeenError as missing:
        return _rule(Verdict.NOT_TESTED, str(missing))
    offered = _offered(messages, sender)
    if not trouble and offered and claim.scheme not in offered:
        trouble = f"{scheme.name} was not offered by the other end (RFC 8446 section 4.4.3, RFC 5246 section 7.4.3)"
    if trouble:
        return _rule(Verdict.BAD, f"{trouble}; it was said to sign {claim.words}, with {scheme.name}")
    return _rule(Verdict.OK, f"the key of its certificate signed {claim.words}, with {scheme.name}")


def _rule(verdict: Verdict, reason: str) -> Rule:
    return Rule(id="proof", title="It has the key of its certificate", verdict=verdict, reason=reason, about=0)


def _server_hello(messages: Sequence[Message]) -> Message:
    for one in messages:
        if one.sender is Sender.SERVER and one.type == SERVER_HELLO and not is_retry(one):
            return one
    raise _NotSeenError("the server's hello was not seen")


def _negotiated(hello: Message) -> tuple[int, int]:
    """Version and cipher suite."""
    try:
        read = read_server_hello(hello.body)
    except TLSError as error:
        raise _NotSeenError("the server's hello cannot be read") from error
    if read.version not in (TLS_1_2, TLS_1_3):
        raise _NotSeenError(f"the version is 0x{read.version:04x}, and only TLS 1.2 and 1.3 are checked")
    return read.version, read.suite


def _offered(messages: Sequence[Message], sender: Sender) -> tuple[int, ...]:
    """The schemes with which `sender` may sign, as the other end said; () where that is not known."""
    try:
        if sender is Sender.SERVER:
            hello = next(one for one in messages if (one.sender, one.type) == (Sender.CLIENT, CLIENT_HELLO))
            return read_client_hello(hello.body).schemes
        asked = next(one for one in messages if (one.sender, one.type) == (Sender.SERVER, CERTIFICATE_REQUEST))
        return read_certificate_request(asked.body, tls13=_negotiated(_server_hello(messages))[0] == TLS_1_3).schemes
    except (StopIteration, TLSError, _NotSeenError):
        return ()


def _leaf(messages: Sequence[Message], sender: Sender, version: int, *, opened: bool) -> x509.Certificate:
    own = [one for one in messages if one.sender is sender]
    shown = next((one for one in own if one.type == CERTIFICATE), None)
    if shown is None:
        if any(one.type == COMPRESSED_CERTIFICATE for one in own):
            raise _NotSeenError("its certificate came compressed (RFC 8879)")
        raise _NotSeenError(
            f"the {sender} showed no certificate" if opened else "its messages are encrypted, and nobody gave the keys"
        )
    der = leaf_of(shown.body, tls13=version == TLS_1_3)
    if not der:
        raise _NotSeenError(f"the {sender} showed no certificate")
    try:
        return load(der)
    except _REFUSALS as error:
        raise _NotSeenError("its certificate cannot be read") from error


def _before(messages: Sequence[Message], last: Message) -> list[bytes]:
    """The transcript until a message, which does not count itself (RFC 8446 section 4.4.1, RFC 5246 section 7.4.8)."""
    place = messages.index(last)
    return [one.body for one in messages[:place] if one.type not in _OUTSIDE]


def _verify_of(messages: Sequence[Message], sender: Sender) -> tuple[Message, int, bytes]:
    """CertificateVerify, its scheme and its signature."""
    found = next((one for one in messages if (one.sender, one.type) == (sender, CERTIFICATE_VERIFY)), None)
    if found is None:
        raise _NotSeenError("the connection ended before a CertificateVerify was read")
    if not messages or messages[0].type != CLIENT_HELLO:
        raise _NotSeenError("the beginning of the handshake was not seen")
    return found, int.from_bytes(found.body[4:6], "big"), found.body[8:]


def _claim_13(messages: Sequence[Message], sender: Sender, suite: int) -> _Claim:
    verify, scheme, signature = _verify_of(messages, sender)
    parts = suite_parts(suite)
    if parts is None:
        raise _NotSeenError(f"the cipher suite 0x{suite:04x}, whose hash is signed, is not known here")
    name = parts.hash
    transcript = _before(messages, verify)
    if any(one.type == SERVER_HELLO and is_retry(one) for one in messages):
        first = hashlib.new(name, transcript[0]).digest()
        transcript[0] = bytes((MESSAGE_HASH, 0, 0, len(first))) + first
    digest = hashlib.new(name, b"".join(transcript)).digest()
    context = f"TLS 1.3, {sender} CertificateVerify"
    signed = b" " * 64 + context.encode("ascii") + b"\0" + digest
    words = f"64 spaces, '{context}', a zero byte and the {name.upper()} hash of {len(transcript)} messages"
    return _Claim(signed, f"{words} ({len(signed)} bytes)", scheme, signature)


def _claim_12(messages: Sequence[Message]) -> _Claim:
    verify, scheme, signature = _verify_of(messages, Sender.CLIENT)
    transcript = _before(messages, verify)
    signed = b"".join(transcript)
    words = f"all {len(transcript)} messages until then ({len(signed)} bytes)"
    return _Claim(signed, words, scheme, signature)


def _claim_of_parameters(messages: Sequence[Message], hello: Message, suite: int) -> _Claim:
    client = next((one for one in messages if (one.sender, one.type) == (Sender.CLIENT, CLIENT_HELLO)), None)
    exchange = next((one for one in messages if one.type == SERVER_KEY_EXCHANGE), None)
    if client is None:
        raise _NotSeenError("the client's hello was not seen")
    if exchange is None:
        raise _NotSeenError("nothing is signed with this key exchange: the server proves its key by decrypting (RSA)")
    try:
        read = read_server_key_exchange(exchange.body, suite)
    except TLSError as error:
        raise _NotSeenError("its ServerKeyExchange cannot be read") from error
    if read.scheme is None:
        raise _NotSeenError("its ServerKeyExchange carries no signature")
    parameters, signature = read.split(exchange.body)
    signed = client.body[6:38] + hello.body[6:38] + parameters
    words = f"both randoms and the {len(parameters)} bytes of its parameters ({len(signed)} bytes)"
    return _Claim(signed, words, read.scheme, signature)


def _trouble(leaf: x509.Certificate, scheme: Scheme, claim: _Claim, *, strict: bool) -> str:
    """Why it is no proof, "" where it is one. strict: the narrower rules of TLS 1.3."""
    if strict and not scheme.since13:
        return f"{scheme.name} must not sign a TLS 1.3 handshake (RFC 8446 section 4.2.3)"
    signature, signed = claim.signature, claim.signed
    try:
        key = leaf.public_key()
        if isinstance(key, rsa.RSAPublicKey) and scheme.hash is not None and scheme.kind in ("pss", "pkcs1"):
            length = scheme.hash.digest_size
            pss = padding.PSS(padding.MGF1(scheme.hash), length)
            key.verify(signature, signed, pss if scheme.kind == "pss" else padding.PKCS1v15(), scheme.hash)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.hash is not None and scheme.kind == "ecdsa":
            if strict and key.curve.name != scheme.curve:
                return f"the key is of another curve ({key.curve.name}) than the scheme"
            key.verify(signature, signed, ec.ECDSA(scheme.hash))
        elif (isinstance(key, ed25519.Ed25519PublicKey) and scheme.kind == "ed25519") or (
            isinstance(key, ed448.Ed448PublicKey) and scheme.kind == "ed448"
        ):
            key.verify(signature, signed)
        else:
            return "the key of its certificate is of another kind than the signature"
    except InvalidSignature:
        return "the signature is not by the key of its certificate, or what was signed was changed on the way"
    except _REFUSALS as error:
        raise _NotSeenError("its key or signature cannot be checked here") from error
    return ""
