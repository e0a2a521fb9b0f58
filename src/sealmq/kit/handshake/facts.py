"""What a Conversation says about one handshake: hellos, version, group, who showed what; found, not yet told."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealmq.errors import TLSError
from sealmq.kit.dissect import bodies
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Sender
from sealmq.kit.dissect.extensions import Extension
from sealmq.kit.dissect.hello import ClientHello, ServerHello, read_client_hello, read_server_hello
from sealmq.kit.dissect.key_exchange import read_client_key_exchange, read_server_key_exchange
from sealmq.kit.dissect.message import name_of
from sealmq.kit.dissect.registry import GROUP_KINDS, tell_group, tell_scheme, tell_suite, tell_version
from sealmq.kit.dissect.suites import suite_parts
from sealmq.kit.handshake.post_quantum import tell_exchange
from sealmq.kit.handshake.report import KeyExchange, Negotiated

TLS13 = 0x0304
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_ENCRYPTED_EXTENSIONS, _CERTIFICATE_REQUEST, _CERTIFICATE_VERIFY = 8, 13, 15
_SERVER_KEY_EXCHANGE, _CLIENT_KEY_EXCHANGE = 12, 16
_KINDS = {"EC": "ECDHE", "DH": "DHE", "hybrid post-quantum": "hybrid", "post-quantum": "post-quantum"}
_ALPN, _EXTENDED_MASTER_SECRET = 16, 23


@dataclass(slots=True)
class Facts:
    """What was found.

    names:    the name of each message, in the order of the messages.
    chains:   the certificates that each end showed, DER; no entry where it sent no Certificate message.
    answers:  the extensions that the server sent, from wherever they stood.
    asked:    the CertificateRequest, None when there was none.
    group:    of the key exchange, 0 where there was none.
    psk:      the name of the key by arrangement that proves both ends, "" before it was said; None: no such key does.
    """

    client_hello: ClientHello | None = None
    server_hello: ServerHello | None = None
    retried: bool = False
    names: list[str] = field(default_factory=list)
    chains: dict[Sender, tuple[bytes, ...]] = field(default_factory=dict)
    answers: tuple[Extension, ...] = ()
    asked: bodies.CertificateRequest | None = None
    group: int = 0
    client_share: int = 0
    server_share: int = 0
    kind_of_exchange: str = ""
    schemes: dict[Sender, int] = field(default_factory=dict)
    resumed: bool = False
    psk: str | None = None

    @property
    def version(self) -> int:
        """The negotiated version, 0 before there was one."""
        return self.server_hello.version if self.server_hello is not None else 0

    @property
    def tls13(self) -> bool:
        """Is it TLS 1.3?"""
        return self.version == TLS13

    @property
    def suite(self) -> int:
        """The chosen cipher suite, 0 before there was one."""
        return self.server_hello.suite if self.server_hello is not None else 0


def find_facts(conversation: Conversation) -> Facts:
    """Read each handshake message; one that cannot be read leaves its fact out. Never raises."""
    facts = Facts()
    for message in conversation.messages:
        name = name_of(message.kind, message.type)
        try:
            if message.kind == ContentType.HANDSHAKE:
                name = _note(facts, message, name)
        except TLSError:
            pass  # told where the message is told
        facts.names.append(name)
    facts.resumed = _was_resumed(facts, conversation)
    facts.psk = None if facts.resumed else _arranged(facts)
    _note_exchange(facts)
    return facts


def _note(facts: Facts, message: Message, name: str) -> str:
    """Note what this message says; returns its name, which for a HelloRetryRequest is its own."""
    client, type_, body = message.sender is Sender.CLIENT, message.type, message.body
    if type_ == _CLIENT_HELLO and client:
        facts.client_hello = read_client_hello(body)
    elif type_ == _SERVER_HELLO and not client:
        hello = read_server_hello(body)
        if hello.is_retry:
            facts.retried = True
            return "HelloRetryRequest"
        facts.server_hello, facts.answers = hello, facts.answers + hello.extensions
    elif type_ == _ENCRYPTED_EXTENSIONS:
        facts.answers += bodies.read_encrypted_extensions(body).extensions
    elif type_ == _CERTIFICATE:
        # The first, of which proof.py speaks too: a second is of a renegotiation, or of a liar.
        facts.chains.setdefault(message.sender, bodies.read_certificate(body, tls13=facts.tls13).certificates)
    elif type_ == _CERTIFICATE_REQUEST:
        facts.asked = bodies.read_certificate_request(body, tls13=facts.tls13)
    elif type_ == _CERTIFICATE_VERIFY:
        facts.schemes[message.sender] = bodies.read_certificate_verify(body).scheme or 0
    elif type_ == _SERVER_KEY_EXCHANGE:
        said = read_server_key_exchange(body, facts.suite)
        facts.group, facts.server_share = said.group or 0, said.public_length
        if said.scheme:
            facts.schemes[Sender.SERVER] = said.scheme
    elif type_ == _CLIENT_KEY_EXCHANGE:
        answer = read_client_key_exchange(body, facts.suite)
        facts.client_share, facts.psk = answer.public_length, answer.psk_identity
    return name


def _arranged(facts: Facts) -> str | None:
    """The key by arrangement. TLS 1.3: the one that the server took. TLS 1.2: the suite is one with such keys."""
    hello, offered = facts.server_hello, facts.client_hello
    if hello is None:
        return None
    if facts.tls13:
        chosen = hello.selected_psk
        identities = offered.psk_identities if offered is not None else ()
        return identities[chosen].name if chosen is not None and chosen < len(identities) else None
    suite = suite_parts(hello.suite)
    return facts.psk or "" if suite is not None and suite.authentication == "PSK" else None


def _was_resumed(facts: Facts, conversation: Conversation) -> bool:
    """TLS 1.3: the server took a ticket. TLS 1.2: it finished without a certificate or a key exchange of its own."""
    if facts.server_hello is None:
        return False
    if facts.tls13:
        return facts.server_hello.selected_psk is not None and _arranged(facts) is None
    server = {one.type for one in conversation.messages if one.sender is Sender.SERVER and one.kind == 22}
    return 20 in server and not server & {_CERTIFICATE, _SERVER_KEY_EXCHANGE, 14}


def _note_exchange(facts: Facts) -> None:
    hello = facts.server_hello
    if hello is None:
        return
    if facts.tls13 and hello.group:
        facts.group, facts.server_share = hello.group, hello.key_share_length
        offered = dict(facts.client_hello.key_shares) if facts.client_hello is not None else {}
        facts.client_share = offered.get(hello.group, 0)
    suite = suite_parts(hello.suite)
    if facts.resumed and not hello.group:
        facts.kind_of_exchange = "PSK"
    elif facts.tls13:
        facts.kind_of_exchange = _KINDS.get(GROUP_KINDS.get(facts.group, ""), "PSK")
    elif suite is not None:
        facts.kind_of_exchange = suite.key_exchange


def negotiated_of(facts: Facts) -> Negotiated | None:
    """What both agreed on; None before the server chose."""
    hello = facts.server_hello
    if hello is None:
        return None
    answered = {extension.code: extension for extension in facts.answers}
    scheme = {sender: tell_scheme(code) for sender, code in facts.schemes.items()}
    return Negotiated(
        version=tell_version(hello.version),
        suite=tell_suite(hello.suite),
        suite_code=hello.suite,
        group=tell_group(facts.group) if facts.group else "",
        server_signature=scheme.get(Sender.SERVER, ""),
        client_signature=scheme.get(Sender.CLIENT, ""),
        alpn=answered[_ALPN].value if _ALPN in answered else "",
        resumed=facts.resumed,
        psk_identity=facts.psk,
        retried=facts.retried,
        extended_master_secret=None if facts.tls13 else _EXTENDED_MASTER_SECRET in answered,
    )


def key_exchange_of(facts: Facts) -> KeyExchange | None:
    """How the keys were agreed; None before the server chose."""
    kind = facts.kind_of_exchange
    if not kind:
        return None
    group = tell_group(facts.group) if facts.group else ""
    post_quantum = kind in ("hybrid", "post-quantum")
    forward = bool(facts.group) or "DHE" in kind
    return KeyExchange(
        kind=kind,
        group=group,
        client_bytes=facts.client_share,
        server_bytes=facts.server_share,
        forward_secret=forward,
        post_quantum=post_quantum,
        sentence=tell_exchange(facts.group, facts.client_share, facts.server_share, [*facts.schemes.values()])
        if post_quantum
        else _sentence(kind, group, forward, arranged=facts.psk is not None),
    )


def _sentence(kind: str, group: str, forward: bool, *, arranged: bool) -> str:
    if arranged and not forward:
        return "made of the pre-shared key alone: who steals that key opens every recording"
    if kind == "PSK" and not forward:
        return "the secret of the session of before: who steals that opens this connection too"
    if forward:
        return (
            f"agreed with {group or kind}: forward secret, as the keys are made for this connection and thrown away; "
            "a future quantum computer could open a recording"
        )
    if kind == "RSA":
        return "the secret was sent, encrypted with the server's key: who steals that key opens every recording"
    return f"agreed with {kind}"
