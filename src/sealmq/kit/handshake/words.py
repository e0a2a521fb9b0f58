"""Each message in plain words: one line for everybody, a paragraph for who wants to know more.

The words fit this connection: they name what was offered, chosen and shown. What a message cannot say is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sealmq.errors import TLSError
from sealmq.kit.dissect import bodies
from sealmq.kit.dissect.conversation import ContentType, Message, Sender
from sealmq.kit.dissect.hello import ClientHello, ServerHello
from sealmq.kit.dissect.key_exchange import read_client_key_exchange, read_server_key_exchange
from sealmq.kit.dissect.registry import is_grease, tell_group, tell_scheme, tell_suite, tell_version
from sealmq.kit.dissect.suites import suite_parts
from sealmq.kit.handshake.exposures import in_words
from sealmq.kit.handshake.report import Certificate
from sealmq.tls.alerts import ALERTS

TLS13 = 0x0304


class Words(NamedTuple):
    """The line has no full stop at its end; the paragraph is sentences."""

    line: str
    paragraph: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of the connection when its messages are told.

    leaf:    what the server's (or client's) first certificate says, by who sent it.
    resumed: the session of before was taken up.
    psk:     the name of the pre-shared key that proves both ends, "" before it was said; None: no such key does.
    asked:   the server asked for a client certificate.
    sealed:  some protected records could not be opened.
    """

    client_hello: ClientHello | None
    server_hello: ServerHello | None
    leaf: dict[Sender, Certificate]
    resumed: bool
    asked: bool
    psk: str | None = None

    @property
    def version(self) -> int:
        """The negotiated version, 0 before there was one."""
        return self.server_hello.version if self.server_hello is not None else 0

    @property
    def suite(self) -> int:
        """The chosen cipher suite, 0 before there was one."""
        return self.server_hello.suite if self.server_hello is not None else 0

    @property
    def tls13(self) -> bool:
        """Is it TLS 1.3?"""
        return self.version == TLS13


def tell(message: Message, name: str, scene: Scene) -> Words:
    """The words for one message; for one that cannot be taken apart, that."""
    try:
        if message.kind == ContentType.ALERT:
            return _alert(message)
        if message.kind == ContentType.APPLICATION_DATA:
            return _APPLICATION
        teller = _TELLERS.get(name)
        return teller(message, scene) if teller is not None else Words(f"{name}, {len(message.body)} bytes", "")
    except TLSError as error:
        return Words(f"this {name} cannot be taken apart: {error.what}", "Its bytes are shown as they are.")


_APPLICATION = Words(
    "data of the application (MQTT), encrypted",
    "From here on TLS carries MQTT. Who listens in between sees that something is said, when, and how long it is.",
)


def _alert(message: Message) -> Words:
    level = "fatal" if message.body[:1] == b"\2" else "warning"
    alert = ALERTS.get(message.type)
    if alert is None:
        return Words(f"an alert with the number {message.type}, which no standard has", "")
    if alert.name == "close_notify":
        return Words(
            "it has said everything, and closes its direction",
            "An end that is not announced like this may be an attacker's, who cut the rest off (RFC 8446 section 6.1).",
        )
    who = f"the {message.sender}"
    return Words(
        f"{who} {'gives up' if level == 'fatal' else 'warns'} ({alert.name}): {alert.meaning}",
        "A fatal alert ends the connection, and its session cannot be resumed (RFC 8446 section 6.2). Why it came, and "
        "what mends it, is said at the end.",
    )


def _client_hello(message: Message, scene: Scene) -> Words:
    hello = scene.client_hello
    if hello is None:
        return Words("the client opens the conversation", "")
    versions = _listed([tell_version(code) for code in hello.versions if not is_grease(code)])
    suites, groups = in_words(len(hello.suites), "cipher suite"), in_words(len(hello.groups), "group")
    line = f"the client opens: it can do {versions}, {suites}, {groups}"
    asks = f"It asks for the server '{hello.server_name}', in clear. " if hello.server_name else "It names no server. "
    if hello.key_shares:
        shares = _listed([f"{tell_group(group)}, {length} bytes" for group, length in hello.key_shares])
        early = (
            f"It sends its public key for the exchange at once ({shares}): it guesses what the server will choose, "
            "which saves a round trip under TLS 1.3. "
        )
    else:
        early = "It sends no public key yet: that comes when the server has chosen. "
    return Words(
        line,
        f"{asks}{early}{_offered_keys(hello)}Its 32 random bytes go into the keys, so that no two connections have the "
        "same. Nothing of this is encrypted: who listens reads it, and can often tell which TLS library wrote it.",
    )


def _offered_keys(hello: ClientHello) -> str:
    """A sentence on what stands in pre_shared_key, "" where nothing does."""
    offered = [each.name for each in hello.psk_identities]
    named = [f"'{name}'" for name in offered if name is not None]
    if named:
        named = [*named[:3], *(["others"] if len(named) > 3 else [])]
        return (
            f"It offers a key that both have by arrangement, by its name, in clear: {_listed(named)}. That it has the "
            "key it shows by a checksum made with it (the binder), which the server checks before it answers. "
        )
    return "It holds a ticket, and would like to resume a session of before. " if offered else ""


_BOTH_HALVES = "Both ends now have the other's public key, and compute the same secret from it"
_THE_KEY_ALONE = "Both ends make their secrets of the key that both have, and of nothing else"


def _server_hello(message: Message, scene: Scene) -> Words:
    hello = scene.server_hello
    if hello is None:
        return Words("the server chooses", "")
    group = f", {tell_group(hello.group)}" if hello.group else ""
    proof = ", and resumes the session of before" if scene.resumed else ""
    if scene.psk and scene.tls13:
        proof = f", and takes the key '{scene.psk}' that both have"
    line = f"the server chooses {tell_version(hello.version)}, {tell_suite(hello.suite)}{group}{proof}"
    if scene.tls13:
        halves, certificates = _BOTH_HALVES if group else _THE_KEY_ALONE, ", the certificates too"
        if scene.psk is not None:
            certificates = ". Who has not that key comes to other secrets: no certificate is needed"
        more = f"{halves}: everything that follows is encrypted{certificates}. "
    else:
        more = "In TLS 1.2 everything goes on unencrypted until both have said ChangeCipherSpec. "
    down = (
        f"Its random number ends with the mark of a server that could do better than {hello.downgrade}: somebody in "
        "between may have taken the newer versions out of the client's hello (RFC 8446 section 4.1.3). "
        if hello.downgrade
        else ""
    )
    return Words(line, more + down)


def _retry(message: Message, scene: Scene) -> Words:
    return Words(
        "the server asks for another hello, with a key of a group that it can do",
        "The client had guessed the group, and guessed wrong. This costs one round trip; a client that sends the group "
        "first that its server likes avoids it (RFC 8446 section 4.1.4).",
    )


def _encrypted_extensions(message: Message, scene: Scene) -> Words:
    count = len(bodies.read_encrypted_extensions(message.body).extensions)
    answers = "1 answer" if count == 1 else f"{count} answers"
    said = f"{answers} to the client's extensions" if count else "nothing to add to what it chose"
    return Words(f"the first encrypted message: {said}", "What TLS 1.2 put into the ServerHello for everybody to read.")


def _certificate(message: Message, scene: Scene) -> Words:
    shown = bodies.read_certificate(message.body, tls13=scene.tls13)
    who = f"the {message.sender}"
    if not shown.certificates:
        return Words(
            f"{who} has no certificate to show",
            "The server asked for one. Whether it goes on without is the server's decision; under TLS 1.3 the client "
            "learns of a refusal only when it reads next.",
        )
    leaf = scene.leaf.get(message.sender)
    name = f": {leaf.subject or 'no name'}, {leaf.key}" if leaf is not None and leaf.readable else ""
    count = len(shown.certificates)
    size = sum(len(each) for each in shown.certificates)
    several = f"{count} certificates, {size:,} bytes" if count > 1 else f"its certificate, {size:,} bytes"
    seen = "encrypted" if message.protected else "in clear, for everybody to read"
    return Words(
        f"{who} shows {several}{name}",
        "A certificate is a public key with a name, signed by an authority. It proves nothing by itself, as anybody "
        f"may have a copy: the proof is the signature that follows. It travels {seen}. "
        "The first certificate is the end's own, each of the others signed the one before it.",
    )


def _certificate_request(message: Message, scene: Scene) -> Words:
    asked = bodies.read_certificate_request(message.body, tls13=scene.tls13)
    count = len(asked.authorities)
    of = (
        f"by one of {count} authorities that it names"
        if count > 1
        else "by the authority that it names"
        if count
        else ""
    )
    return Words(
        f"the server asks the client for a certificate {of}".rstrip(),
        "This is mutual TLS: the device proves who it is, without a password. A client without a fitting certificate "
        "answers with an empty one.",
    )


def _server_key_exchange(message: Message, scene: Scene) -> Words:
    said = read_server_key_exchange(message.body, scene.suite)
    signed = f", signed with {tell_scheme(said.scheme)}" if said.scheme else ""
    group = tell_group(said.group) if said.group else "its half"
    if scene.psk is not None:
        hint = f"says which key is meant: '{said.psk_hint}'" if said.psk_hint else "says no hint of which key is meant"
        if not said.public_length:
            return Words(f"the server {hint}", "The hint is for clients that have several pre-shared keys.")
        return Words(
            f"the server sends its public key for this connection ({group}), and {hint}",
            "The key pair is made for this connection and forgotten after it. Nobody signs it: who has not the key "
            "that both have by arrangement comes to another secret, and his Finished does not fit.",
        )
    return Words(
        f"the server sends its public key for this connection ({group}){signed}",
        "The key pair is made for this connection and forgotten after it: who steals the server's long-term key later "
        "opens no recording of today. The signature ties it to the certificate, so that nobody in between can put in a "
        "key of his own.",
    )


def _server_hello_done(message: Message, scene: Scene) -> Words:
    return Words("the server has said its part", "The turn is the client's.")


def _client_key_exchange(message: Message, scene: Scene) -> Words:
    said = read_client_key_exchange(message.body, scene.suite)
    if _parts_exchange(scene) == "RSA":
        return Words(
            "the client sends the secret itself, encrypted with the server's public key",
            "This is the classic pre-master key. Who records this and steals the server's key in ten years reads it "
            "all: there is no forward secrecy, and TLS 1.3 has thrown this way out.",
        )
    if scene.psk is not None:
        half = (
            f", and sends its public key for this connection, {said.public_length} bytes" if said.public_length else ""
        )
        return Words(
            f"the client names the key that both have: '{said.psk_identity}'{half}",
            "The name stands in clear, for everybody to read; the key itself is never sent. Who has not that key comes "
            "to another secret.",
        )
    return Words(
        f"the client sends its public key for this connection, {said.public_length} bytes",
        "No secret is sent. Each end takes its own private and the other's public half, and both come to the same "
        "number; who has only the two public halves does not.",
    )


def _certificate_verify(message: Message, scene: Scene) -> Words:
    said = bodies.read_certificate_verify(message.body)
    who = f"the {message.sender}"
    return Words(
        f"{who} proves that its key belongs to the certificate ({_scheme(said.scheme)}{said.signature_length} bytes)",
        "It signs the hash of all messages so far with the private key, which never leaves it. A copied certificate is "
        "worth nothing without that key, and a signature from another connection does not fit this one.",
    )


def _change_cipher_spec(message: Message, scene: Scene) -> Words:
    who = f"the {message.sender}"
    if scene.tls13:
        return Words(
            f"{who} sends a byte for old boxes on the way",
            "Firewalls and proxies that know only TLS 1.2 expect it, and would stumble without it (RFC 8446 appendix "
            "D.4).",
        )
    return Words(
        f"{who} encrypts from here on", "Not a handshake message: a mark in the stream (RFC 5246 section 7.1)."
    )


def _finished(message: Message, scene: Scene) -> Words:
    who = f"the {message.sender}"
    return Words(
        f"{who} confirms: both saw the same messages, and have the same keys",
        "A checksum over every message so far, made with the agreed keys. Had anybody changed a byte of the hellos, to "
        "talk both into something weaker, it would not fit, and the connection would end here.",
    )


def _ticket(message: Message, scene: Scene) -> Words:
    said = bodies.read_new_session_ticket(message.body, tls13=scene.tls13)
    return Words(
        f"the server gives a ticket of {said.ticket_length:,} bytes, good for {_lasting(said.lifetime)}",
        "With it the client can resume: the next handshake needs no certificates and no signatures, which is most of "
        "the work for a small device.",
    )


def _status(message: Message, scene: Scene) -> Words:
    return Words(
        "the server staples what its CA says of the certificate (OCSP)",
        "Fresh word of the authority that the certificate was not revoked, so that the client need not ask it.",
    )


def _key_update(message: Message, scene: Scene) -> Words:
    return Words("new keys from here on, made of the old ones", "What was encrypted with the old keys stays closed.")


def _hello_request(message: Message, scene: Scene) -> Words:
    return Words(
        "the server wants to begin anew", "Renegotiation, which TLS 1.3 has thrown out; most clients refuse it."
    )


_TELLERS: dict[str, Callable[[Message, Scene], Words]] = {
    "ClientHello": _client_hello,
    "ServerHello": _server_hello,
    "HelloRetryRequest": _retry,
    "EncryptedExtensions": _encrypted_extensions,
    "Certificate": _certificate,
    "CertificateRequest": _certificate_request,
    "CertificateStatus": _status,
    "ServerKeyExchange": _server_key_exchange,
    "ServerHelloDone": _server_hello_done,
    "ClientKeyExchange": _client_key_exchange,
    "CertificateVerify": _certificate_verify,
    "ChangeCipherSpec": _change_cipher_spec,
    "Finished": _finished,
    "NewSessionTicket": _ticket,
    "KeyUpdate": _key_update,
    "HelloRequest": _hello_request,
}


def _listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if not names:
        return "nothing"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _lasting(seconds: int) -> str:
    if seconds >= 172_800:
        return f"{seconds // 86_400} days"
    if seconds >= 7_200:
        return f"{seconds // 3_600} hours"
    return f"{seconds:,} seconds"


def _scheme(code: int | None) -> str:
    return f"{tell_scheme(code)}, " if code is not None else ""


def _parts_exchange(scene: Scene) -> str:
    suite = suite_parts(scene.suite)
    return suite.key_exchange if suite is not None else ""
