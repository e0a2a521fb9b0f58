"""What an eavesdropper learns of a TLS connection, as rows with the same titles as those of plaintext MQTT.

Rule 1: it counts only what went over the wire unencrypted, also where somebody gave us the keys.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from statistics import median
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.dissect.bodies import read_certificate as read_certificate_message
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Sender
from sealmq.kit.dissect.hello import ClientHello, ServerHello, read_client_hello, read_server_hello
from sealmq.kit.dissect.key_exchange import read_client_key_exchange
from sealmq.kit.dissect.registry import tell_group, tell_suite, tell_version
from sealmq.kit.handshake.certificates import read_certificate
from sealmq.kit.handshake.report import Certificate, Exposure

TITLES: Final = {
    "SNF-01": "packets, topics, payloads",
    "SNF-02": "client id, user name, password, will",
    "SNF-03": "name of the server",
    "SNF-04": "the broker's certificate",
    "SNF-05": "the device's certificate",
    "SNF-06": "versions, suites, groups",
    "SNF-07": "what links one connection to the next",
    "SNF-08": "sizes and rhythm",
    "SNF-09": "changing a byte",
    "SNF-10": "sending a message again",
    "SNF-11": "when the device is there",
    "SNF-12": "strings, and entropy (noise has 8 bits)",
}
"""{id: what it is about}, in the order in which they are shown."""

ATTACKS: Final = ("SNF-09", "SNF-10")
"""The rows that tell what somebody in between can do; the others tell what he sees."""

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, CERTIFICATE, CLIENT_KEY_EXCHANGE = 1, 2, 4, 11, 16
"""HandshakeType (RFC 8446 section 4)."""

TLS12: Final = 0x0303
TLS13: Final = 0x0304

SESSION_TICKET: Final = 35
"""The extension session_ticket (RFC 5077 section 3.2)."""

CHANGE_NOTICED: Final = "a changed byte is noticed, and ends the connection (bad_record_mac)"
REPLAY_NOTICED: Final = "records are counted: one that comes again ends the connection (bad_record_mac)"


def exposure(id_: str, visible: bool, value: str) -> Exposure:
    """One row."""
    return Exposure(id=id_, what=TITLES[id_], visible=visible, value=value)


def exposures_of(conversation: Conversation, *, seconds: float | None = None) -> tuple[Exposure, ...]:
    """What somebody in between sees of a TLS connection without its keys, SNF-01 to SNF-11; () where it was no TLS.

    seconds: how long it lasted, where that is known.
    """
    hello, answer = hellos_of(conversation)
    if hello is None:
        return ()
    keys = _psk_names(conversation, hello, answer)
    by_key = bool(keys) and answer is not None and answer.selected_psk is not None
    sealed = answer is not None and answer.version == TLS13 and not by_key
    return (
        exposure("SNF-01", False, "nothing"),
        exposure("SNF-02", False, "nothing"),
        exposure("SNF-03", bool(hello.server_name), _server_name(hello)),
        _certificate_exposure("SNF-04", conversation, Sender.SERVER, sealed=sealed),
        _certificate_exposure("SNF-05", conversation, Sender.CLIENT, sealed=sealed),
        exposure("SNF-06", True, _agreement(hello, answer)),
        exposure("SNF-07", *_links(conversation, hello, answer, keys)),
        exposure("SNF-08", True, _sizes(conversation, answer)),
        exposure("SNF-09", False, CHANGE_NOTICED),
        exposure("SNF-10", False, REPLAY_NOTICED),
        exposure("SNF-11", True, "address, and times" + (f": here for {seconds:.1f} s" if seconds is not None else "")),
    )


def hellos_of(conversation: Conversation) -> tuple[ClientHello | None, ServerHello | None]:
    """The last ClientHello and ServerHello that stood in clear on the wire, as far as they can be read."""
    hello: ClientHello | None = None
    answer: ServerHello | None = None
    for message in open_messages(conversation):
        try:
            if (message.sender, message.type) == (Sender.CLIENT, CLIENT_HELLO):
                hello = read_client_hello(message.body)
            elif (message.sender, message.type) == (Sender.SERVER, SERVER_HELLO):
                answer = read_server_hello(message.body)
        except TLSError:
            continue
    return hello, answer


def open_messages(conversation: Conversation) -> list[Message]:
    """Its handshake messages that went over the wire unencrypted."""
    return [one for one in conversation.messages if one.kind == ContentType.HANDSHAKE and not one.protected]


def certificate_in(message: Message) -> Certificate | None:
    """The first certificate of an open Certificate message (TLS 1.2); None where there is none."""
    try:
        chain = read_certificate_message(message.body, tls13=False).certificates
    except TLSError:
        return None
    return read_certificate(chain[0], 0) if chain else None


def content_of(fragment: int, answer: ServerHello | None) -> int | None:
    """Bytes that a protected record has inside, at most; None where the suite is not known.

    fragment: its length as its header says. TLS 1.3: a content type and a tag (RFC 8446 section 5.2), and perhaps
    padding. TLS 1.2: GCM has 8 bytes of nonce before it (RFC 5288 section 3), ChaCha20-Poly1305 none (RFC 7905).
    """
    if answer is None:
        return None
    name = tell_suite(answer.suite)
    tag = 8 if "CCM_8" in name else 16
    if answer.version == TLS13:
        return max(fragment - 1 - tag, 0)
    if "GCM" in name or "CCM" in name:
        return max(fragment - 8 - tag, 0)
    if "CHACHA20" in name:
        return max(fragment - tag, 0)
    if "CBC" in name:
        mac = next((size for word, size in (("SHA384", 48), ("SHA256", 32)) if name.endswith(word)), 20)
        return max(fragment - 16 - mac - 1, 0)
    return None


def _server_name(hello: ClientHello) -> str:
    return hello.server_name or "the hello has none; the address is seen"


def _certificate_exposure(id_: str, conversation: Conversation, sender: Sender, *, sealed: bool) -> Exposure:
    if sealed:
        return exposure(id_, False, "encrypted (TLS 1.3)")
    messages = [one for one in open_messages(conversation) if (one.sender, one.type) == (sender, CERTIFICATE)]
    certificate = certificate_in(messages[0]) if messages else None
    if certificate is None:
        return exposure(id_, False, "none was shown")
    return exposure(id_, True, certificate_in_words(certificate))


def certificate_in_words(certificate: Certificate) -> str:
    """Whose it is, and its serial number: both say who came."""
    if not certificate.readable:
        return f"{in_words(certificate.size, 'byte')} that are no certificate"
    return f"{certificate.subject or 'no subject'}, serial {certificate.serial}"


def _agreement(hello: ClientHello, answer: ServerHello | None) -> str:
    offered = in_words(len(hello.suites), "suite")
    versions = ", ".join(tell_version(code) for code in hello.versions[:4])
    words = f"offered: {offered}, {versions}"
    if answer is None:
        return words
    group = f", {tell_group(answer.group)}" if answer.group else ""
    return f"{tell_version(answer.version)}, {tell_suite(answer.suite)}{group}; {words}"


def _psk_names(conversation: Conversation, hello: ClientHello, answer: ServerHello | None) -> list[str]:
    """The names of pre-shared keys that the client says in clear (RFC 8446 section 4.2.11, RFC 4279 section 2)."""
    names = [each.name for each in hello.psk_identities if each.name is not None]
    for message in open_messages(conversation):
        if answer is not None and message.type == CLIENT_KEY_EXCHANGE:
            with suppress(TLSError):
                names.append(read_client_key_exchange(message.body, answer.suite).psk_identity)
    return [name for name in names if name]


def _links(
    conversation: Conversation, hello: ClientHello, answer: ServerHello | None, keys: list[str]
) -> tuple[bool, str]:
    if keys:
        return True, f"the name of the device's pre-shared key, in clear, each time: {', '.join(keys[:3])}"
    if answer is not None and answer.version == TLS13:
        if hello.offers_psk:
            return True, "a ticket was shown: used twice, it links the two connections"
        return False, "tickets are given encrypted"
    given = [one for one in open_messages(conversation) if one.type == NEW_SESSION_TICKET]
    ticket = next((one for one in hello.extensions if one.code == SESSION_TICKET and one.body), None)
    if given or ticket is not None:
        return True, "session tickets in clear: one that is given here and shown later links the two connections"
    if answer is not None and answer.session_id:
        return True, "a session id in clear: shown again, it links the two connections"
    return False, "no ticket, no session id"


def _sizes(conversation: Conversation, answer: ServerHello | None) -> str:
    """How long what was said is, and how often it was said."""
    words = []
    for sender, who in ((Sender.CLIENT, "device"), (Sender.SERVER, "broker")):
        mine = [
            one
            for one in conversation.records
            if one.sender is sender and one.protected and one.content_type == ContentType.APPLICATION_DATA
        ]
        inside = [content for one in mine if (content := content_of(one.length, answer)) is not None]
        words.append(f"{who}: {in_words(len(mine), 'encrypted record')}" + rhythm([one.at for one in mine], inside))
    return "; ".join(words)


def rhythm(times: list[float], sizes: list[int]) -> str:
    """ ", 2 to 37 bytes inside, mostly 5 s apart"; as much of it as is known."""
    words = ""
    if sizes:
        least, most = min(sizes), max(sizes)
        words = f", {f'{least:,} to ' if least < most else ''}{in_words(most, 'byte')} inside"
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return words + (f", mostly {_duration(median(gaps))} apart" if gaps else "")


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def in_words(count: int, one: str) -> str:
    """ "1 byte", "12,345 bytes"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
