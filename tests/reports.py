"""Reports for tests, as `sealmq handshake` makes them: one that went well, and those that went otherwise.

Rule: sizes, times and names are those of a broker on a machine near by; bytes are put together field by field, so that
      each field lies where it says.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.fields import Field
from sealmq.kit.handshake.report import (
    Certificate,
    Chain,
    ClientAuthentication,
    Cost,
    Exposure,
    ExtensionRow,
    Fingerprint,
    Flight,
    KeyExchange,
    Kind,
    MessageRow,
    Meta,
    Negotiated,
    Outcome,
    PacketRow,
    RecordRow,
    Report,
    Rule,
    Share,
    Step,
    Target,
    Timing,
    Trial,
    Verdict,
)

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
META = Meta(began=1_795_000_000.25, seen="callback", library="OpenSSL 3.5.4 30 Sep 2025", sealmq="0.1.0")
TARGET = Target(host="localhost", port=8883, address="127.0.0.1", server_name="localhost")


@dataclass(frozen=True)
class Part:
    """Some bytes with their name, or parts with theirs; `length_bytes`: of the length that stands before them."""

    name: str
    data: bytes = b""
    value: str = ""
    inside: tuple[Part, ...] = ()
    length_bytes: int = 0

    @property
    def bytes(self) -> bytes:
        body = self.data + b"".join(part.bytes for part in self.inside)
        return (len(body).to_bytes(self.length_bytes, "big") if self.length_bytes else b"") + body

    def field(self, at: int) -> Field:
        at += self.length_bytes
        inside, inner = [], at + len(self.data)
        for part in self.inside:
            inside.append(part.field(inner))
            inner += len(part.bytes)
        value = self.value if self.value or self.inside else self.data.hex()
        return Field(self.name, at, inner - at, value, tuple(inside))


def filler(length: int, seed: int) -> bytes:
    """Bytes that look like those of a key, the same at each run."""
    return bytes((seed * 131 + place * place * 7 + place * 29) % 256 for place in range(length))


def message(kind: int, *parts: Part, size: int = 0) -> tuple[str, tuple[Field, ...]]:
    """Hex and fields of a handshake message; `size`: filled up to so many bytes."""
    body = b"".join(part.bytes for part in parts)
    if size > 4 + len(body):
        parts = (*parts, Part("the rest", filler(size - 4 - len(body), kind)))
        body = b"".join(part.bytes for part in parts)
    head = (Part("msg_type", bytes([kind])), Part("length", len(body).to_bytes(3, "big"), f"{len(body)} bytes"))
    fields, at = [], 0
    for part in (*head, *parts):
        fields.append(part.field(at))
        at += len(part.bytes)
    return (bytes([kind]) + len(body).to_bytes(3, "big") + body).hex(), tuple(fields)


def extension(code: int, name: str, value: str, data: bytes, *inside: Part) -> Part:
    head = Part("extension_type", code.to_bytes(2, "big"), f"{name} ({code})")
    body = Part("extension_data", b"" if inside else data, value, inside, length_bytes=2)
    return Part(name, b"", value, (head, body))


HELLO = message(
    1,
    Part("legacy_version", b"\x03\x03", "TLS 1.2"),
    Part("random", filler(32, 3)),
    Part("legacy_session_id", filler(32, 5), length_bytes=1),
    Part(
        "cipher_suites",
        value="3 suites",
        inside=(
            Part("cipher_suite", b"\x13\x02", "TLS_AES_256_GCM_SHA384"),
            Part("cipher_suite", b"\x13\x03", "TLS_CHACHA20_POLY1305_SHA256"),
            Part("cipher_suite", b"\xc0\x2b", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        ),
        length_bytes=2,
    ),
    Part("legacy_compression_methods", b"\x00", "none", length_bytes=1),
    Part(
        "extensions",
        value="3 extensions",
        inside=(
            extension(0, "server_name", "localhost", b"\x00\x0c\x00\x00\x09localhost"),
            extension(43, "supported_versions", "TLS 1.3, TLS 1.2", b"\x04\x03\x04\x03\x03"),
            extension(
                51,
                "key_share",
                "X25519 (32 bytes)",
                b"",
                Part("group", b"\x00\x1d", "X25519"),
                Part("key_exchange", filler(32, 9), length_bytes=2),
            ),
        ),
        length_bytes=2,
    ),
)
SERVER_HELLO = message(
    2,
    Part("legacy_version", b"\x03\x03", "TLS 1.2"),
    Part("random", filler(32, 11)),
    Part("legacy_session_id_echo", filler(32, 5), length_bytes=1),
    Part("cipher_suite", b"\x13\x02", "TLS_AES_256_GCM_SHA384"),
    Part("legacy_compression_method", b"\x00", "none"),
    Part(
        "extensions",
        value="2 extensions",
        inside=(
            extension(43, "supported_versions", "TLS 1.3", b"\x03\x04"),
            extension(51, "key_share", "X25519 (32 bytes)", b"\x00\x1d\x00\x20" + filler(32, 13)),
        ),
        length_bytes=2,
    ),
)

Told = tuple[Sender, str, int, float, bool, int, tuple[int, ...], str, str]
"""Sender, name, size, milliseconds, protected, flight, steps, line, paragraph."""

TLS_1_3: tuple[Told, ...] = (
    (CLIENT, "ClientHello", 254, 0.61, False, 0, (1, 6), "offers TLS 1.3 and 1.2, 3 suites, and half of a key",
     "The client opens the conversation: it says which versions and cipher suites it knows, which name it wants to "
     "talk to, and sends its half of the key agreement in advance, which spares a round trip (RFC 8446 section "
     "4.1.2)."),
    (SERVER, "ServerHello", 122, 1.94, False, 1, (2, 6), "chooses TLS 1.3 and AES-256-GCM, sends its half of the key",
     "The server picks one of each that was offered, and sends the other half of the key agreement. From here on both "
     "can compute the same keys, and all that follows is encrypted (RFC 8446 section 4.1.3)."),
    (SERVER, "ChangeCipherSpec", 1, 1.95, False, 1, (), "means nothing in TLS 1.3; old boxes in between expect it",
     "A left-over of TLS 1.2, sent so that middleboxes take it for a conversation that they know (RFC 8446 appendix "
     "D.4)."),
    (SERVER, "EncryptedExtensions", 6, 1.97, True, 1, (2,), "answers the rest of the extensions, encrypted",
     "What does not concern the keys is answered here, where nobody reads along (RFC 8446 section 4.3.1)."),
    (SERVER, "CertificateRequest", 130, 1.98, True, 1, (4,), "asks the client for a certificate of the Device CA",
     "Mutual TLS: the server wants to know who is calling, and names the authorities that it believes (RFC 8446 "
     "section 4.3.2)."),
    (SERVER, "Certificate", 1_102, 2.01, True, 1, (3,), "shows the broker's certificate and its CA's, 2 in all",
     "The server's chain: its own certificate first, then whoever signed it (RFC 8446 section 4.4.2)."),
    (SERVER, "CertificateVerify", 79, 2.42, True, 1, (3,), "signs all that was said: it has the key of its certificate",
     "A certificate can be copied, its key can't: the signature over the whole conversation proves it (RFC 8446 "
     "section 4.4.3)."),
    (SERVER, "Finished", 52, 2.44, True, 1, (10,), "a checksum of all that was said, under the new keys",
     "Whoever changed a byte in between is found out here (RFC 8446 section 4.4.4)."),
    (CLIENT, "ChangeCipherSpec", 1, 3.32, False, 2, (), "means nothing in TLS 1.3; old boxes in between expect it", ""),
    (CLIENT, "Certificate", 1_058, 3.35, True, 2, (7,), "shows the certificate of sensor-1 and its CA's",
     "The device's chain, encrypted: who listens in between does not learn who is calling (RFC 8446 section 4.4.2)."),
    (CLIENT, "CertificateVerify", 79, 3.71, True, 2, (8,), "signs all that was said: it has the key of sensor-1",
     "The device proves that it holds the key of the certificate it showed (RFC 8446 section 4.4.3)."),
    (CLIENT, "Finished", 52, 3.72, True, 2, (10,), "the client's checksum; now it may send data",
     "The handshake is complete for the client after one round trip (RFC 8446 section 4.4.4)."),
    (CLIENT, "application data", 41, 3.80, True, 2, (), "MQTT CONNECT, already", "The first data travels with the last "
     "message of the handshake."),
    (SERVER, "NewSessionTicket", 569, 5.21, True, 3, (), "a ticket with which the next handshake is shorter",
     "With it the client may come back without certificates (RFC 8446 section 4.6.1)."),
    (SERVER, "NewSessionTicket", 569, 5.22, True, 3, (), "a second ticket", "OpenSSL gives two (RFC 8446 section "
     "4.6.1)."),
    (SERVER, "application data", 11, 5.68, True, 3, (), "MQTT CONNACK: welcome", "The broker accepted the device."),
)  # fmt: skip

TLS_1_2: tuple[Told, ...] = (
    (CLIENT, "ClientHello", 179, 0.4, False, 0, (1,), "offers TLS 1.2 and 8 suites", "No TLS 1.3 (RFC 5246 7.4.1.2)."),
    (SERVER, "ServerHello", 65, 41.0, False, 1, (2,), "chooses TLS 1.2 and ECDHE with AES-128-GCM", "RFC 5246 7.4.1.3"),
    (SERVER, "Certificate", 2_310, 41.2, False, 1, (3,), "shows 2 certificates, for everybody to read", ""),
    (SERVER, "ServerKeyExchange", 300, 42.7, False, 1, (5,), "its half of the key, signed", "RFC 5246 7.4.3"),
    (SERVER, "ServerHelloDone", 4, 42.7, False, 1, (), "has said all", ""),
    (CLIENT, "ClientKeyExchange", 37, 44.9, False, 2, (6, 9), "the client's half of the key", "RFC 5246 7.4.7"),
    (CLIENT, "ChangeCipherSpec", 1, 44.9, False, 2, (10,), "from here on the client's side is encrypted", ""),
    (CLIENT, "Finished", 16, 45.0, True, 2, (10,), "a checksum of all that was said", "RFC 5246 7.4.9"),
    (SERVER, "NewSessionTicket", 202, 86.1, False, 3, (), "a ticket, in clear", "RFC 5077"),
    (SERVER, "ChangeCipherSpec", 1, 86.1, False, 3, (10,), "from here on the server's side is encrypted", ""),
    (SERVER, "Finished", 16, 86.2, True, 3, (10,), "a checksum of all that was said", "RFC 5246 7.4.9"),
    (CLIENT, "application data", 34, 86.5, True, 4, (), "MQTT CONNECT", ""),
    (SERVER, "application data", 4, 127.0, True, 5, (), "MQTT CONNACK: welcome", ""),
)


def rows(told: tuple[Told, ...]) -> tuple[MessageRow, ...]:
    """The messages, with bytes for each that is a handshake's."""
    types = {"EncryptedExtensions": 8, "CertificateRequest": 13, "Certificate": 11, "CertificateVerify": 15,
             "Finished": 20, "NewSessionTicket": 4, "ServerKeyExchange": 12, "ClientKeyExchange": 16,
             "ServerHelloDone": 14}  # fmt: skip
    made, before = [], 0.0
    for number, (sender, name, size, at, protected, flight, steps, line, paragraph) in enumerate(told):
        raw, fields = "", ()
        if name == "ClientHello":
            raw, fields = HELLO
        elif name == "ServerHello":
            raw, fields = SERVER_HELLO
        elif name in types:
            raw, fields = message(types[name], size=size)
        made.append(
            MessageRow(
                number=number, sender=sender, name=name, size=len(raw) // 2 or size, at=at / 1e3,
                gap=(at - before) / 1e3, protected=protected, records=(number,), flight=flight, steps=steps, line=line,
                paragraph=paragraph, fields=fields, raw=raw,
            )
        )  # fmt: skip
        before = at
    return tuple(made)


def records(messages: tuple[MessageRow, ...]) -> tuple[RecordRow, ...]:
    """A record for each message."""
    return tuple(
        RecordRow(
            number=one.number, sender=one.sender, at=one.at, length=one.size + (22 if one.protected else 5),
            protected=one.protected, content_type="application_data" if one.protected else "handshake",
            carries=one.name,
        )
        for one in messages
    )  # fmt: skip


def flights(messages: tuple[MessageRow, ...]) -> tuple[Flight, ...]:
    """Their flights."""
    made: list[Flight] = []
    for number in sorted({one.flight for one in messages}):
        of = [one for one in messages if one.flight == number]
        size = sum(one.size + (22 if one.protected else 5) for one in of)
        thought = of[0].at - (made[-1].until if made else 0.0)
        made.append(
            Flight(
                number=number, sender=of[0].sender, bytes=size, records=len(of), at=of[0].at, until=of[-1].at,
                thought=thought, segments_1460=-(-size // 1460), segments_536=-(-size // 536),
            )
        )  # fmt: skip
    return tuple(made)


STEP_WORDS = (
    ("The client says hello", "ClientHello: versions, suites, random", "the same, with half of a key", ""),
    ("The server answers", "ServerHello: version, suite, random", "the same, with the other half", ""),
    ("The server shows its certificate", "Certificate, in clear", "Certificate and CertificateVerify, encrypted",
     "encrypted, and proved by a signature of its own"),
    ("The server asks for a certificate", "CertificateRequest", "CertificateRequest, encrypted", ""),
    ("The server is done", "ServerHelloDone", "nothing", "not needed: Finished says so"),
    ("The client sends a secret", "premaster secret, encrypted for the server's RSA key", "key shares in the hellos",
     "no secret is sent at all: both compute it (X25519)"),
    ("The client shows its certificate", "Certificate, in clear", "Certificate, encrypted", "nobody else sees it"),
    ("The client proves its key", "CertificateVerify", "CertificateVerify", ""),
    ("Both compute the keys", "PRF over premaster secret and randoms", "HKDF over the shared secret",
     "HKDF in steps, new keys for each stage"),
    ("Both change to encryption", "ChangeCipherSpec, Finished", "Finished", "ChangeCipherSpec means nothing any more"),
)  # fmt: skip


def steps(messages: tuple[MessageRow, ...]) -> tuple[Step, ...]:
    """The ten, beside the messages that say to do them."""
    return tuple(
        Step(
            number=number, title=title, classic=classic, here=here, otherwise=otherwise,
            messages=tuple(one.number for one in messages if number in one.steps),
        )
        for number, (title, classic, here, otherwise) in enumerate(STEP_WORDS, start=1)
    )  # fmt: skip


EXTENSIONS = (
    ExtensionRow(code=0, name="server_name", client="localhost", server="taken note of",
                 meaning="which name the client wants to talk to: one address can serve many"),
    ExtensionRow(code=10, name="supported_groups", client="X25519MLKEM768, X25519, secp256r1", server=None,
                 meaning="the curves on which keys may be agreed"),
    ExtensionRow(code=13, name="signature_algorithms", client="ecdsa_secp256r1_sha256, ed25519, rsa_pss_rsae_sha256",
                 server=None, meaning="the signatures that the client can check"),
    ExtensionRow(code=43, name="supported_versions", client="TLS 1.3, TLS 1.2", server="TLS 1.3",
                 meaning="the versions that the client knows, and the one that the server chose"),
    ExtensionRow(code=45, name="psk_key_exchange_modes", client="psk_dhe_ke", server=None,
                 meaning="whether a resumed connection still agrees on new keys"),
    ExtensionRow(code=51, name="key_share", client="X25519 (32 bytes)", server="X25519 (32 bytes)",
                 meaning="each end's half of the key agreement"),
)  # fmt: skip

LEAF = Certificate(
    position=0, size=561, sha256="ab12" * 16, subject="CN=localhost", issuer="CN=SealMQ Server CA", serial="4F:0A:11",
    names=("DNS:localhost", "IP:127.0.0.1"), not_before="2026-11-24T20:00:00Z", not_after="2027-02-22T20:00:00Z",
    key="ECDSA P-256", signature="ecdsa-with-SHA256", key_usages=("digitalSignature",),
    extended_key_usages=("serverAuth",), subject_key_id="77:aa", authority_key_id="90:bb",
)  # fmt: skip
ISSUER = Certificate(
    position=1, size=521, sha256="cd34" * 16, subject="CN=SealMQ Server CA", issuer="CN=SealMQ Root CA 2026",
    serial="02", not_before="2026-11-24T20:00:00Z", not_after="2031-11-24T20:00:00Z", key="ECDSA P-256",
    signature="ecdsa-with-SHA256", key_usages=("keyCertSign", "cRLSign"), is_ca=True, path_length=0,
    subject_key_id="90:bb", authority_key_id="11:cc",
)  # fmt: skip
RULES = (
    Rule(id="anchor", title="ends in an authority that you trust", verdict=Verdict.OK,
         reason="it ends in 'SealMQ Root CA 2026', which is in the file you gave"),
    Rule(id="signature", title="signed by the next", verdict=Verdict.OK, about=0,
         reason="'SealMQ Server CA' signed it with ECDSA and SHA-256"),
    Rule(id="dates", title="valid today", verdict=Verdict.OK, about=0, reason="89 of 90 days are left"),
    Rule(id="name", title="made for the name that was dialled", verdict=Verdict.OK, about=0,
         reason="'localhost' is among its names"),
    Rule(id="purpose", title="made for a server", verdict=Verdict.OK, about=0, reason="it says serverAuth"),
    Rule(id="size", title="small enough for a small device", verdict=Verdict.OK, reason="1,082 bytes in all"),
    Rule(id="lifetime", title="not valid for too long", verdict=Verdict.WARNING, about=1,
         reason="a CA for 5 years: plan its roll-over now"),
    Rule(id="revocation", title="not revoked", verdict=Verdict.NOT_TESTED,
         reason="no revocation list was given (--crl FILE)"),
)  # fmt: skip
COST = Cost(
    sent=1_632, received=2_862, largest_record_sent=1_080, largest_record_received=1_124,
    largest_message_received=1_102, receive_buffer=1_124, send_buffer=1_080, round_trips=1.0,
    shares=(Share(what="certificates", bytes=2_160), Share(what="signatures", bytes=158),
            Share(what="key exchange", bytes=64), Share(what="tickets", bytes=1_138),
            Share(what="the rest of the hellos", bytes=448), Share(what="headers, padding and tags", bytes=526)),
    trials=(Trial(asked=512, honoured=False, largest=1_124,
                  sentence="max_fragment_length 512 was asked for and not answered: OpenSSL does not fragment"),
            Trial(asked=1_024, honoured=None, largest=0, sentence="record_size_limit was not tried")),
    sentences=("The certificates are 48 % of all bytes",
               "Two session tickets of 569 bytes each: num_tickets 0 or 1 spares them",
               "A receive buffer of 1,124 bytes is enough for this handshake (MBEDTLS_SSL_IN_CONTENT_LEN)"),
)  # fmt: skip
EXPOSURES = (
    Exposure(id="addresses", what="who talks to whom (addresses and ports)", visible=True, value="127.0.0.1:8883"),
    Exposure(id="server-name", what="the name that was dialled", visible=True, value="localhost"),
    Exposure(id="sizes", what="how much is said, and when", visible=True, value="4,494 bytes in 16 records"),
    Exposure(id="server-certificate", what="the broker's certificate", visible=False, value=""),
    Exposure(id="device", what="which device is calling", visible=False, value=""),
    Exposure(id="topics", what="topics, payloads, passwords", visible=False, value=""),
)
FINGERPRINT = Fingerprint(
    ja3="d5e2f1a7b3c4d5e6f708192a3b4c5d6e", ja3_text="771,4866-4867-49195,0-10-13-43-45-51,29-23,0",
    ja4="t13d0306h1_55b375c5d22e_06cda9e17597", ja4_text="t13d0306h1_1302,1303,c02b_000a,000d,002b,002d,0033_0403,0807",
    stack="OpenSSL 3 (Python's ssl)", confidence="likely",
)  # fmt: skip
MQTT = (
    PacketRow(sender=CLIENT, name="CONNECT", size=24, at=0.0038,
              line="MQTT 5.0, client identifier 'sensor-1', clean start",
              details=(("client_id", "sensor-1"), ("keep_alive", "60 s"), ("password", "none"))),
    PacketRow(sender=SERVER, name="CONNACK", size=11, at=0.00568, line="0x00 Success",
              details=(("reason_code", "0x00 Success"), ("receive_maximum", "100"), ("topic_alias_maximum", "16"))),
)  # fmt: skip


@functools.cache
def good() -> Report:
    """TLS 1.3, both ends with a certificate, MQTT 5.0 inside."""
    messages = rows(TLS_1_3)
    return Report(
        target=TARGET,
        outcome=Outcome(kind=Kind.CONNECTED, what="Connected: both ends proved who they are, and the broker "
                        "said welcome", after="CONNACK"),
        meta=META,
        timing=Timing(tcp=0.000_31, handshake=0.003_72, connack=0.005_68),
        negotiated=Negotiated(version="TLS 1.3", suite="TLS_AES_256_GCM_SHA384", suite_code=0x1302, group="X25519",
                              server_signature="ecdsa_secp256r1_sha256", client_signature="ecdsa_secp256r1_sha256"),
        records=records(messages),
        messages=messages,
        flights=flights(messages),
        extensions=EXTENSIONS,
        key_exchange=KeyExchange(kind="ECDHE", group="X25519", client_bytes=32, server_bytes=32, forward_secret=True,
                                 post_quantum=False, sentence="Both computed the same secret on X25519; whoever steals "
                                 "a key later can't read what was said today"),
        chain=Chain(sender=SERVER, certificates=(LEAF, ISSUER), rules=RULES, trusted=True,
                    sentence="The broker's certificate is good, with one warning"),
        client_chain=Chain(sender=CLIENT, certificates=(
            dataclasses.replace(LEAF, subject="CN=sensor-1", issuer="CN=SealMQ Device CA", names=("DNS:sensor-1",),
                                extended_key_usages=("clientAuth",)),), rules=RULES[1:3], trusted=None,
                           sentence="The device's certificate is valid today"),
        client_authentication=ClientAuthentication(asked=True, authorities=("CN=SealMQ Device CA",),
                                                   signatures=("ecdsa_secp256r1_sha256", "ed25519"), result="accepted",
                                                   sentence="The broker asked for a certificate and accepted "
                                                   "the one of sensor-1"),
        mqtt=MQTT,
        steps=steps(messages),
        cost=COST,
        eavesdropper=EXPOSURES,
        fingerprint=FINGERPRINT,
    )  # fmt: skip


@functools.cache
def classic() -> Report:
    """TLS 1.2 over a slow line, without a certificate of the client."""
    messages = rows(TLS_1_2)
    return dataclasses.replace(
        good(),
        outcome=Outcome(kind=Kind.CONNECTED, what="Connected, by TLS 1.2", after="CONNACK"),
        timing=Timing(tcp=0.0402, handshake=0.0862, connack=0.127),
        negotiated=Negotiated(version="TLS 1.2", suite="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", suite_code=0xC02F,
                              group="secp256r1", server_signature="rsa_pss_rsae_sha256", extended_master_secret=True),
        records=records(messages),
        messages=messages,
        flights=flights(messages),
        client_chain=None,
        client_authentication=ClientAuthentication(asked=False, authorities=(), signatures=(), result="not asked",
                                                   sentence="The broker did not ask for a certificate"),
        steps=steps(messages),
        cost=dataclasses.replace(COST, round_trips=2.0),
    )  # fmt: skip


@functools.cache
def refused() -> Report:
    """The broker does not believe the device's CA."""
    told = (*TLS_1_3[:12],
            (SERVER, "Alert", 2, 5.2, True, 3, (), "unknown_ca: it does not know who made the certificate",
                            "The server ends it (RFC 8446 section 6.2)."))  # fmt: skip
    messages = rows(told)
    return dataclasses.replace(
        good(),
        outcome=Outcome(
            kind=Kind.REFUSED, what="The broker refused the client's certificate",
            why="the certificate of sensor-1 was issued by a CA that this broker does not know",
            remedy="sealmq device add sensor-1, and give the device the new files", by="server", after="Finished",
            alert="unknown_ca"),
        timing=Timing(tcp=0.000_31, handshake=None, connack=None),
        records=records(messages),
        messages=messages,
        flights=flights(messages),
        chain=Chain(sender=SERVER, certificates=(LEAF, ISSUER), trusted=False, sentence="One rule is broken",
                    rules=(dataclasses.replace(RULES[2], verdict=Verdict.BAD, reason="it ended 3 days ago"), *RULES)),
        client_authentication=ClientAuthentication(asked=True, authorities=("CN=SealMQ Device CA",), signatures=(),
                                                   result="refused", sentence="The broker refused the certificate"),
        mqtt=(),
        steps=steps(messages),
    )  # fmt: skip


@functools.cache
def unreachable() -> Report:
    """Nobody listens there."""
    return Report(
        target=TARGET,
        outcome=Outcome(kind=Kind.UNREACHABLE, what="Nobody listens on localhost port 8883",
                        why="no broker runs there, or it listens on another port", remedy="sealmq up"),
        meta=META,
        timing=Timing(tcp=None, handshake=None, connack=None),
    )  # fmt: skip


HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "[red]not markup[/red] [link=https://evil.example/]x[/link]",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b31m",
    "one\ntwo\r\nthree\u2028four\u0085five",
    "abc\u202e\u2066gpj.exe\u200f\ufeff",
    "a; b #35; %%{init: {'theme':'dark'}}%% $$x$$ end\nparticipant Z",
    "'\"&<>]]>--><!--`${x}{{y}}",
    "\ud800 lone surrogate \x00 zero",
    "W" * 3_000,
    "\u4e2d\u6587" * 50,
)
"""What a stranger could write into any text."""


@functools.cache
def hostile(messages: int = 18) -> Report:
    """Every text is one of HOSTILE; `messages`: how many of them."""
    made = poisoned(good())
    assert isinstance(made, Report)
    many = tuple(
        dataclasses.replace(made.messages[count % len(made.messages)], number=count, flight=count // 7)
        for count in range(messages)
    )
    return dataclasses.replace(made, messages=many, flights=flights(many), steps=made.steps)


def poisoned(value: object, place: int = 0) -> object:
    """The same with every text replaced; enums and bytes in hex stay what they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: poisoned(getattr(value, each.name), place * 7 + count)
            for count, each in enumerate(dataclasses.fields(value))
            if each.name not in ("raw", "schema_version")
        }
        return dataclasses.replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(poisoned(each, place + count) for count, each in enumerate(value))
    if isinstance(value, str) and type(value) is str:
        return HOSTILE[place % len(HOSTILE)]
    return value


@functools.cache
def samples() -> dict[str, Report]:
    """All of them, by name."""
    return {
        "good": good(),
        "classic": classic(),
        "refused": refused(),
        "unreachable": unreachable(),
        "hostile": hostile(),
    }
