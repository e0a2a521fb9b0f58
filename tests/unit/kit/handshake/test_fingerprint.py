from __future__ import annotations

import json
from pathlib import Path

from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.hello import read_client_hello
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.fingerprint import LONGEST_TEXT, fingerprint_of
from sealmq.kit.handshake.ja import ja3, ja4
from tls_messages import client_hello, message, vector

HELLOS = json.loads((Path(__file__).parents[3] / "vectors/client_hellos.json").read_text())["clients"]


def conversation(*messages: bytes, sender: Sender = Sender.CLIENT) -> Conversation:
    """The records that carry these messages, read."""
    reading = Reading()
    whole = b"".join(messages)
    for at in range(0, len(whole), 1 << 14):
        reading.receive_data(sender, b"\x16\x03\x01" + vector(2, whole[at : at + (1 << 14)]), 0.0)
    return reading.conversation


def test_the_fingerprint_of_a_client_that_is_known() -> None:
    hello = bytes.fromhex(HELLOS["mosquitto"]["hello"])
    found = fingerprint_of(conversation(hello))
    assert found is not None
    assert (found.ja3, found.ja3_text) == ja3(read_client_hello(hello))
    assert (found.ja4, found.ja4_text) == ja4(read_client_hello(hello))
    assert found.stack.startswith("OpenSSL, as in mosquitto_pub ")
    assert found.confidence == "exact"


def test_the_first_hello_counts() -> None:
    first, second = (bytes.fromhex(HELLOS[key]["hello"]) for key in ("go", "java"))
    found = fingerprint_of(conversation(first, second))
    assert found is not None
    assert found.ja3 == ja3(read_client_hello(first))[0]


def test_without_a_hello_there_is_none() -> None:
    assert fingerprint_of(Conversation()) is None
    hello = bytes.fromhex(HELLOS["go"]["hello"])
    assert fingerprint_of(conversation(hello, sender=Sender.SERVER)) is None
    assert fingerprint_of(conversation(hello[:-20])) is None


def test_a_hello_that_cannot_be_read_has_none() -> None:
    assert fingerprint_of(conversation(message(1, b"\x03\x03 and nothing that makes sense"))) is None


def test_a_huge_hello_has_short_texts_and_whole_hashes() -> None:
    suites = b"".join(number.to_bytes(2, "big") for number in range(1, 30_000))
    hello = client_hello(suites=suites)
    found = fingerprint_of(conversation(hello))
    assert found is not None
    assert found.ja3 == ja3(read_client_hello(hello))[0]
    assert found.ja4 == ja4(read_client_hello(hello))[0]
    assert len(found.ja3_text) == len(found.ja4_text) == LONGEST_TEXT + 3
    assert (found.stack, found.confidence) == ("", "")
