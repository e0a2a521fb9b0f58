"""The ten classic steps, and which message of today's TLS does each.

The classic text describes TLS 1.2 with RSA key transport: the client makes a secret and sends it, encrypted with the
server's public key. Nothing here pretends that today's handshakes do that: each step says what does its work now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.report import KeyExchange, MessageRow, Step

_C, _S = Sender.CLIENT, Sender.SERVER

_IN_1_2: dict[tuple[Sender, str], tuple[int, ...]] = {
    (_C, "ClientHello"): (1,),
    (_S, "ServerHello"): (2,),
    (_S, "Certificate"): (3, 5),
    (_S, "CertificateStatus"): (3, 5),
    (_S, "ServerKeyExchange"): (4, 7),
    (_S, "CertificateRequest"): (8,),
    (_S, "ServerHelloDone"): (4,),
    (_C, "Certificate"): (8,),
    (_C, "ClientKeyExchange"): (6, 7, 9),
    (_C, "CertificateVerify"): (8,),
    (_C, "ChangeCipherSpec"): (10,),
    (_C, "Finished"): (10,),
    (_S, "ChangeCipherSpec"): (10,),
    (_S, "Finished"): (10,),
    (_S, "NewSessionTicket"): (10,),
}
_IN_1_3: dict[tuple[Sender, str], tuple[int, ...]] = {
    (_C, "ClientHello"): (1, 6, 7),
    (_S, "HelloRetryRequest"): (2,),
    (_S, "ServerHello"): (2, 7, 9),
    (_S, "EncryptedExtensions"): (2,),
    (_S, "CertificateRequest"): (8,),
    (_S, "Certificate"): (3, 5),
    (_S, "CompressedCertificate"): (3, 5),
    (_S, "CertificateVerify"): (4,),
    (_S, "Finished"): (4, 10),
    (_C, "Certificate"): (8,),
    (_C, "CertificateVerify"): (8,),
    (_C, "Finished"): (10,),
    (_S, "NewSessionTicket"): (10,),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides the words.

    asked: the server asked for a client certificate. shown: it got one. sealed: some of it could not be opened.
    psk: as in facts.py.
    """

    tls13: bool
    key_exchange: KeyExchange | None
    resumed: bool
    asked: bool
    shown: bool
    chain: str = ""
    sealed: bool = False
    psk: str | None = None


def steps_of_message(sender: Sender, name: str, *, tls13: bool) -> tuple[int, ...]:
    """The numbers of the classic steps that such a message does."""
    return (_IN_1_3 if tls13 else _IN_1_2).get((sender, name), ())


def tell_steps(rows: Iterable[MessageRow], facts: Facts) -> tuple[Step, ...]:
    """All ten, with the messages that did them."""
    did: dict[int, list[MessageRow]] = {}
    for row in rows:
        for number in row.steps:
            did.setdefault(number, []).append(row)
    return tuple(
        Step(
            number=number,
            title=title,
            classic=classic,
            here=_here(number, did.get(number, []), facts),
            otherwise=_otherwise(number, facts),
            messages=tuple(row.number for row in did.get(number, [])),
        )
        for number, (title, classic) in _CLASSIC.items()
    )


_CLASSIC = {
    1: ("The client says hello", "It says which versions and cipher suites it can do, and sends a random number."),
    2: ("The server says hello", "It chooses version and cipher suite, and sends a random number of its own."),
    3: ("The server shows its certificate", "Its public key, with a name, signed by an authority."),
    4: ("The server ends its part", "Nothing is proved yet: only who has the private key can read what comes next."),
    5: ("The client verifies the certificate", "Did somebody whom I trust sign it, for this name, and is it in date?"),
    6: ("The client makes the pre-master key", "48 bytes, random but for the version in front."),
    7: ("The pre-master key is sent", "Encrypted with the public key of the server's certificate."),
    8: ("The client shows its certificate", "If it was asked: its certificate, and a signature that proves its key."),
    9: ("Both compute the shared secret", "From the pre-master key and both random numbers, each for itself."),
    10: ("Finished: from here on encrypted", "Each sends a checksum over the whole handshake, encrypted."),
}


def _here(number: int, rows: list[MessageRow], facts: Facts) -> str:
    """What did this step in this connection."""
    names = _names(rows)
    if facts.psk is not None and number in (3, 5):
        return "left out: no certificate, but a key that both have by arrangement, proves who is there"
    if number == 5:
        return _lowered(facts.chain) or ("in the client; nothing is sent" if rows else _not_seen(facts))
    if number == 8:
        return _client_part(names, facts)
    if not rows:
        if facts.resumed and number in (3, 4, 7):
            return "left out: the session of before is resumed, and its secret proves both ends"
        if facts.psk is not None and number in (4, 7):
            return "left out: the pre-shared key proves both ends"
        return _not_seen(facts)
    exchange = facts.key_exchange
    if number in (6, 7, 9) and exchange is not None:
        return _agreement(number, names, exchange, facts)
    return f"{names}; encrypted since the ServerHello" if number == 10 and facts.tls13 else names


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _not_seen(facts: Facts) -> str:
    return "encrypted: only with the keys it could be seen" if facts.sealed else "it did not come to it"


def _client_part(names: str, facts: Facts) -> str:
    if facts.psk is not None:
        return f"left out: who the client is, {named_key(facts.psk)} says"
    if facts.resumed:
        return "left out: who the client is, the session of before says"
    if facts.sealed and facts.tls13:
        return _not_seen(facts)
    if not facts.asked:
        return "the server did not ask: it learns who the client is by other means, or not at all"
    if not facts.shown:
        return f"the server asked ({names or 'CertificateRequest'}), and the client had none to show"
    return names


def named_key(psk: str) -> str:
    """ "the pre-shared key 'small-1'"; without a name before it was said."""
    return f"the pre-shared key '{psk}'" if psk else "the pre-shared key"


def _agreement(number: int, names: str, exchange: KeyExchange, facts: Facts) -> str:
    if exchange.kind == "RSA":
        return names
    if exchange.kind == "PSK":
        if facts.psk is not None:
            return "from the pre-shared key, which both have by arrangement"
        return "from the secret of the session of before, which both still have"
    size = f"{exchange.client_bytes} and {exchange.server_bytes} bytes"
    if number == 6:
        return f"there is none: each end makes a key pair for this connection alone ({exchange.group})"
    if number == 7:
        return f"only the public halves are sent, {size}, in {names}"
    used = "HKDF makes the keys of it" if facts.tls13 else "the PRF makes 48 bytes of master secret of it"
    made = f"one's own private and the other's public half give both the same number ({exchange.group})"
    return f"{made}, and with {named_key(facts.psk)} {used}" if facts.psk is not None else f"{made}; {used}"


def _otherwise(number: int, facts: Facts) -> str:
    """Where today's TLS does it otherwise than the classic text; "" where it does not."""
    exchange = facts.key_exchange
    agreed = exchange is not None and exchange.kind != "RSA"
    if facts.psk is not None and number in (4, 8):
        return ""  # nothing is signed, and no certificate shown
    if facts.tls13:
        return _OTHERWISE_1_3.get(number, "")
    if number == 4 and agreed:
        return "the server proves its key here: it signs its half of the key exchange and both random numbers"
    if number in (6, 7) and agreed:
        return "no pre-master key is sent to anybody: it is agreed, and who records the traffic never gets it"
    if number == 8:
        return "in TLS 1.2 the client's certificate travels unencrypted: who listens reads the device's name"
    if number == 10:
        return "a ChangeCipherSpec before each Finished says that encryption begins"
    return ""


_OTHERWISE_1_3 = {
    1: "the client guesses the group, and sends its public half at once: one round trip less",
    2: "from here on everything is encrypted, the certificates too",
    4: "the server proves its key by a signature over the whole handshake so far (CertificateVerify)",
    6: "there is no pre-master key: a key pair for this connection alone takes its place",
    7: "nothing secret is sent to anybody: the public halves stand in the two hellos",
    8: "encrypted: who listens does not learn which device it is",
    9: "several secrets, one from the other: for the handshake, for the data of each direction, for resuming",
    10: "no ChangeCipherSpec is needed; where one stands, it is for old boxes on the way that would stumble without",
}


def _names(rows: list[MessageRow]) -> str:
    return ", ".join(dict.fromkeys(row.name for row in rows))
