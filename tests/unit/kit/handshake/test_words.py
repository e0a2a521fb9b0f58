from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries import PSK_LIBRARIES, able
from overheard import heard_by_psk
from sealmq.kit.dissect.conversation import Message, Sender
from sealmq.kit.dissect.hello import read_client_hello, read_server_hello
from sealmq.kit.handshake.certificates import read_certificate
from sealmq.kit.handshake.facts import Facts, find_facts
from sealmq.kit.handshake.words import Scene, tell
from sealmq.tls.alerts import ALERTS
from sealmq.tls.middleware import Version
from tapped import Stage, tapped
from tls_messages import client_hello, extension, server_hello, vector
from tls_messages import message as handshake_message


def scene_of(facts: Facts) -> Scene:
    leaf = {sender: read_certificate(chain[0], 0) for sender, chain in facts.chains.items()}
    return Scene(facts.client_hello, facts.server_hello, leaf, facts.resumed, facts.asked is not None)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_each_message_has_a_line_and_a_paragraph(stage: Stage, version: str):
    conversation = tapped(stage, version).conversation()
    facts = find_facts(conversation)
    scene = scene_of(facts)
    lines = {}
    for message, name in zip(conversation.messages, facts.names, strict=True):
        words = tell(message, name, scene)
        lines[(message.sender, name)] = words.line
        assert 20 < len(words.line) < 160, words
        assert not words.line.endswith(".")
        assert words.paragraph.strip().endswith("."), (name, words)
        assert "None" not in words.line + words.paragraph
    assert "localhost" in lines[(Sender.SERVER, "Certificate")]
    assert "device" in lines[(Sender.CLIENT, "Certificate")]
    assert f"TLS {version}" in lines[(Sender.SERVER, "ServerHello")]
    assert "proves that its key" in lines[(Sender.CLIENT, "CertificateVerify")]


def test_in_clear_and_encrypted_are_told_apart(stage: Stage):
    for version, said in (("1.2", "in clear"), ("1.3", "travels encrypted")):
        conversation = tapped(stage, version).conversation()
        facts = find_facts(conversation)
        message = conversation.find(Sender.CLIENT, 22, 11)
        assert message is not None
        assert said in tell(message, "Certificate", scene_of(facts)).paragraph


EMPTY = Scene(None, None, {}, False, False)


@pytest.mark.parametrize("number", sorted(ALERTS))
def test_each_alert_is_told_with_who_said_it(number: int):
    for sender in Sender:
        words = tell(Message(sender, 0, 21, number, bytes([2, number]), (0,), 0.0, False), "Alert", EMPTY)
        assert words.paragraph
        if number:
            assert f"the {sender} gives up ({ALERTS[number].name})" in words.line


def test_an_alert_of_no_standard_is_told_too():
    assert "number 200" in tell(Message(Sender.SERVER, 0, 21, 200, b"\2\xc8", (0,), 0.0, False), "Alert", EMPTY).line


@given(name=st.sampled_from(["ClientHello", "Certificate", "CertificateVerify", "NewSessionTicket", "ServerKeyExchange",
                             "CertificateRequest", "EncryptedExtensions", "ClientKeyExchange", "what is this"]),
       body=st.binary(max_size=200))  # fmt: skip
def test_whatever_the_bytes_are_there_are_words(name: str, body: bytes):
    assert tell(Message(Sender.SERVER, 0, 22, 11, body, (0,), 0.0, False), name, EMPTY).line


def test_a_downgrade_that_the_server_marks_is_said(stage: Stage):
    conversation = tapped(stage, "1.2").conversation()
    facts = find_facts(conversation)
    assert facts.server_hello is not None
    assert facts.server_hello.downgrade == "TLS 1.2", "the client offers 1.2 alone, the server could do 1.3"
    message = conversation.find(Sender.SERVER, 22, 2)
    assert message is not None
    assert "could do better" in tell(message, "ServerHello", scene_of(facts)).paragraph
    replaced = replace(facts.server_hello, random=bytes(32))
    calm = replace(scene_of(facts), server_hello=replaced)
    assert "could do better" not in tell(message, "ServerHello", calm).paragraph


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_a_pre_shared_key_is_told_by_its_name(library: str, version: Version):
    conversation = heard_by_psk(library, version)
    facts = find_facts(conversation)
    scene = replace(scene_of(facts), psk=facts.psk)
    told = {
        (message.sender, name): tell(message, name, scene)
        for message, name in zip(conversation.messages, facts.names, strict=True)
    }
    everything = " ".join(words.line + words.paragraph for words in told.values())
    assert "ticket" not in told[(Sender.CLIENT, "ClientHello")].paragraph
    assert "resumes" not in told[(Sender.SERVER, "ServerHello")].line
    assert "signature ties it to the certificate" not in everything
    if version == "TLSv1.3":
        assert "'sensor-1'" in told[(Sender.SERVER, "ServerHello")].line
    else:
        assert "Nobody signs it" in told[(Sender.SERVER, "ServerKeyExchange")].paragraph
        assert "names the key that both have: 'sensor-1'" in told[(Sender.CLIENT, "ClientKeyExchange")].line


def test_of_many_keys_a_few_are_named():
    many = [vector(2, b"key-%03d" % number) + bytes(4) for number in range(40)]
    offered = extension(41, vector(2, *many) + vector(2, *[vector(1, bytes(32))] * 40))
    scene = replace(EMPTY, client_hello=read_client_hello(client_hello(offered)))
    words = tell(Message(Sender.CLIENT, 0, 22, 1, b"", (0,), 0.0, False), "ClientHello", scene)
    assert "'key-000', 'key-001', 'key-002' and others" in words.paragraph
    assert "key-003" not in words.paragraph


def test_a_key_without_a_key_exchange_beside_it():
    hint = handshake_message(12, b"\x00\x04site")
    name = handshake_message(16, b"\x00\x02me")
    scene = Scene(None, read_server_hello(server_hello(suite=b"\x00\xa8")), {}, False, False, psk="me")
    said = Message(Sender.SERVER, 0, 22, 12, hint, (0,), 0.0, False)
    answered = Message(Sender.CLIENT, 1, 22, 16, name, (0,), 0.0, False)
    assert tell(said, "ServerKeyExchange", scene).line == "the server says which key is meant: 'site'"
    assert tell(answered, "ClientKeyExchange", scene).line == "the client names the key that both have: 'me'"
