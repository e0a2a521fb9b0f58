from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries import PSK_LIBRARIES, able
from middleware_pairs import DEVICE_PSK
from overheard import heard_by_psk
from sealmq.kit.dissect.conversation import Conversation, Message, Sender
from sealmq.kit.dissect.hello import read_server_hello
from sealmq.kit.handshake.contexts import look_context
from sealmq.kit.handshake.facts import find_facts, key_exchange_of, negotiated_of
from sealmq.tls.middleware import Version
from tapped import RecordingTap, Stage, converse, tapped
from tls_messages import server_hello


def test_what_both_agreed_on_in_tls_1_3(stage: Stage):
    facts = find_facts(tapped(stage, "1.3").conversation())
    agreed = negotiated_of(facts)
    assert agreed is not None
    assert agreed.version == "TLS 1.3"
    assert agreed.suite == "TLS_AES_256_GCM_SHA384"
    assert agreed.group in ("x25519", "X25519MLKEM768")
    assert agreed.server_signature == agreed.client_signature == "ecdsa_secp256r1_sha256"
    assert agreed.extended_master_secret is None
    assert facts.asked is not None
    exchange = key_exchange_of(facts)
    assert exchange is not None
    assert exchange.forward_secret
    assert (exchange.client_bytes, exchange.server_bytes) in ((32, 32), (1216, 1120))


def test_what_both_agreed_on_in_tls_1_2(stage: Stage):
    facts = find_facts(tapped(stage, "1.2").conversation())
    agreed = negotiated_of(facts)
    assert agreed is not None
    assert (agreed.version, agreed.extended_master_secret) == ("TLS 1.2", True)
    assert agreed.suite.startswith("TLS_ECDHE_ECDSA_WITH_")
    assert agreed.server_signature == "ecdsa_secp256r1_sha256"
    assert {sender: len(chain) for sender, chain in facts.chains.items()} == {Sender.SERVER: 2, Sender.CLIENT: 2}
    exchange = key_exchange_of(facts)
    assert exchange is not None
    assert exchange.kind == "ECDHE"
    assert exchange.client_bytes == exchange.server_bytes == 32


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_resumed_session_is_recognized(stage: Stage, version: str):
    context, server = stage.client(version), stage.server(mutual=True)
    first = RecordingTap(context, server_name="localhost")
    converse(first, server)
    again = RecordingTap(context, server_name="localhost", session=first.tls.session)
    converse(again, server)
    assert again.tls.session_reused
    facts = find_facts(again.conversation())
    assert facts.resumed
    assert not find_facts(first.conversation()).resumed
    exchange = key_exchange_of(facts)
    assert exchange is not None
    assert exchange.kind == ("ECDHE" if version == "1.3" else "PSK")
    assert exchange.forward_secret == (version == "1.3")


def test_a_retry_has_a_name_of_its_own(stage: Stage):
    facts = find_facts(tapped(stage, "1.3", groups="secp384r1").conversation())
    assert facts.retried
    assert facts.names.count("HelloRetryRequest") == 1
    assert negotiated_of(facts).group == "secp384r1"  # type: ignore[union-attr]


def test_an_old_key_exchange_is_told_as_what_it_is(stage: Stage):
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    credentials = stage.server_ca.issue("localhost", purpose="server", hosts=["localhost"], key=key)  # type: ignore[arg-type]
    context = look_context(stage.credentials(), version="1.2", ciphers="AES128-GCM-SHA256")
    tap = RecordingTap(context, server_name="localhost")
    converse(tap, stage.server(credentials=credentials, suites="AES128-GCM-SHA256"))
    exchange = key_exchange_of(find_facts(tap.conversation()))
    assert exchange is not None
    assert (exchange.kind, exchange.forward_secret) == ("RSA", False)
    assert "opens every recording" in exchange.sentence


def test_nothing_seen_is_nothing_known():
    facts = find_facts(Conversation())
    assert negotiated_of(facts) is None
    assert key_exchange_of(facts) is None


@given(data=st.data())
def test_whatever_the_messages_are_it_answers(stage_of_module: Conversation, data: st.DataObject):
    messages = list(stage_of_module.messages)
    place = data.draw(st.integers(0, len(messages) - 1))
    old = messages[place]
    body = data.draw(st.binary(max_size=300) | st.just(old.body[: len(old.body) // 2]))
    messages[place] = replace(old, body=body, type=data.draw(st.integers(0, 255)))
    facts = find_facts(replace(stage_of_module, messages=messages))
    assert len(facts.names) == len(messages)
    negotiated_of(facts)
    key_exchange_of(facts)


@pytest.fixture(scope="module")
def stage_of_module(stage: Stage) -> Conversation:
    return tapped(stage, "1.3").conversation()


def test_a_message_that_cannot_be_read_leaves_the_others(stage_of_module: Conversation):
    broken = [replace(one, body=one.body[:20]) if one.type == 11 else one for one in stage_of_module.messages]
    facts = find_facts(replace(stage_of_module, messages=broken))
    assert facts.chains == {}
    assert negotiated_of(facts) is not None


def test_other_peoples_messages_have_names_too():
    message = Message(Sender.SERVER, 0, 22, 200, b"\xc8\0\0\0", (0,), 0.0, False)
    assert find_facts(Conversation(messages=[message])).names == ["unknown (0xc8)"]


def test_of_two_certificates_the_first_counts_as_for_the_proof(stage_of_module: Conversation):
    shown = stage_of_module.find(Sender.SERVER, 22, 11)
    other = stage_of_module.find(Sender.CLIENT, 22, 11)
    assert shown is not None
    assert other is not None
    forged = replace(other, sender=Sender.SERVER, number=len(stage_of_module.messages))
    facts = find_facts(replace(stage_of_module, messages=[*stage_of_module.messages, forged]))
    assert facts.chains[Sender.SERVER] == find_facts(stage_of_module).chains[Sender.SERVER]


@pytest.mark.parametrize(("library", "version"), able(PSK_LIBRARIES, "psk_server"))
def test_a_key_by_arrangement_is_no_session_of_before(library: str, version: Version):
    facts = find_facts(heard_by_psk(library, version))
    agreed, exchange = negotiated_of(facts), key_exchange_of(facts)
    assert agreed is not None
    assert (agreed.psk_identity, agreed.resumed) == (DEVICE_PSK.identity, False)
    assert exchange is not None
    assert exchange.forward_secret
    assert exchange.client_bytes == exchange.server_bytes > 0


def test_a_key_alone_is_not_forward_secret():
    hello = read_server_hello(server_hello(suite=b"\x00\xa8"))
    facts = find_facts(Conversation())
    facts.server_hello, facts.kind_of_exchange, facts.psk = hello, "PSK", "small-1"
    exchange = key_exchange_of(facts)
    assert exchange is not None
    assert not exchange.forward_secret
    assert "who steals that key opens every recording" in exchange.sentence
