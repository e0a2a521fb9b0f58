"""The proof of a key is checked again, from the messages of real handshakes; a changed bit makes it bad."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshakes import credentials, seen
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Sender
from sealmq.kit.handshake.proof import check_proof
from sealmq.kit.handshake.report import Verdict

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
GCM = "ECDHE+AESGCM"
TLS_12, TLS_13 = 0x0303, 0x0304


def changed(conversation: Conversation, sender: Sender, type_: int, at: int, bit: int = 1) -> Conversation:
    """The same with one bit of a message flipped."""

    def flip(one: Message) -> Message:
        if (one.sender, one.kind, one.type) != (sender, ContentType.HANDSHAKE, type_):
            return one
        body = bytearray(one.body)
        body[at] ^= bit
        return dataclasses.replace(one, body=bytes(body))

    return dataclasses.replace(conversation, messages=[flip(one) for one in conversation.messages])


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA", "Ed25519", "Ed448"])
@pytest.mark.parametrize("version", [TLS_12, TLS_13])
def test_both_ends_proved_their_keys(version: int, kind: str) -> None:
    conversation = seen(version, kind, client_kind=kind, suites=GCM if version == TLS_12 else "")
    names = {"P-256": "ecdsa_secp256r1_sha256", "P-384": "ecdsa_secp384r1_sha384", "RSA": "rsa_pss_rsae_sha256"}
    for sender in Sender:
        rule = check_proof(conversation, sender)
        assert (rule.id, rule.verdict) == ("proof", Verdict.OK), rule
        if version == TLS_13 or kind == "RSA":
            assert rule.reason.endswith(names.get(kind, kind.lower()))


def test_the_reason_says_what_was_signed() -> None:
    reason = check_proof(seen(TLS_13, client_kind="P-256"), SERVER).reason
    assert "64 spaces, 'TLS 1.3, server CertificateVerify', a zero byte and the SHA384 hash of 5 messages" in reason
    assert "(146 bytes)" in reason  # 64 + 33 + 1 + 48
    twelve = seen(TLS_12, client_kind="P-256", suites=GCM)
    assert "both randoms and the 36 bytes of its parameters (100 bytes)" in check_proof(twelve, SERVER).reason
    assert "messages until then" in check_proof(twelve, CLIENT).reason


def test_a_retried_hello_is_hashed_as_rfc_8446_section_4_4_1_says() -> None:
    conversation = seen(TLS_13, client_kind="P-256", curve="secp384r1")
    assert sum(one.type == 1 for one in conversation.messages if one.sender is CLIENT) == 2
    assert check_proof(conversation, SERVER).verdict is Verdict.OK
    assert check_proof(conversation, CLIENT).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("version", "sender", "of", "type_", "at"),
    [
        (TLS_13, SERVER, SERVER, 15, -1),
        (TLS_13, SERVER, CLIENT, 1, 10),
        (TLS_13, SERVER, SERVER, 8, -1),
        (TLS_13, CLIENT, CLIENT, 15, -1),
        (TLS_13, CLIENT, SERVER, 20, 10),
        (TLS_12, SERVER, SERVER, 12, -1),
        (TLS_12, SERVER, SERVER, 12, 12),
        (TLS_12, SERVER, CLIENT, 1, 10),
        (TLS_12, SERVER, SERVER, 2, 10),
        (TLS_12, CLIENT, CLIENT, 15, -1),
        (TLS_12, CLIENT, CLIENT, 16, 10),
    ],
)
def test_a_flipped_bit_makes_it_bad(version: int, sender: Sender, of: Sender, type_: int, at: int) -> None:
    conversation = seen(version, "Ed25519", client_kind="Ed25519", suites=GCM if version == TLS_12 else "")
    assert check_proof(conversation, sender).verdict is Verdict.OK
    rule = check_proof(changed(conversation, of, type_, at), sender)
    assert rule.verdict is Verdict.BAD
    assert "changed on the way" in rule.reason


def test_a_certificate_of_another_key_is_no_proof() -> None:
    conversation = seen(TLS_13, "P-256")
    mine, other = credentials("P-256").der, credentials("P-256", "client").der
    shown = conversation.find(SERVER, ContentType.HANDSHAKE, 11)
    assert shown is not None
    entry = len(other).to_bytes(3, "big") + other + b"\0\0"
    body = b"\0" + len(entry).to_bytes(3, "big") + entry
    forged = dataclasses.replace(shown, body=b"\x0b" + len(body).to_bytes(3, "big") + body)
    assert mine in shown.body
    messages = [forged if one is shown else one for one in conversation.messages]
    assert check_proof(dataclasses.replace(conversation, messages=messages), SERVER).verdict is Verdict.BAD


@pytest.mark.parametrize(
    ("kind", "scheme", "verdict", "words"),
    [
        ("RSA", 0x0401, Verdict.BAD, "rsa_pkcs1_sha256 must not sign a TLS 1.3 handshake"),
        ("RSA", 0x0805, Verdict.BAD, "not by the key"),
        ("RSA", 0x0403, Verdict.BAD, "of another kind"),
        ("P-256", 0x0503, Verdict.BAD, "of another curve (secp256r1)"),
        ("Ed25519", 0x0808, Verdict.BAD, "of another kind"),
        ("RSA", 0x0904, Verdict.NOT_TESTED, "not known here (0x0904)"),
    ],
)
def test_another_scheme_is_no_proof(kind: str, scheme: int, verdict: Verdict, words: str) -> None:
    conversation = seen(TLS_13, kind)
    now = check_proof(conversation, SERVER)
    assert now.verdict is Verdict.OK
    verify = conversation.find(SERVER, ContentType.HANDSHAKE, 15)
    assert verify is not None
    other = dataclasses.replace(verify, body=verify.body[:4] + scheme.to_bytes(2, "big") + verify.body[6:])
    messages = [other if one is verify else one for one in conversation.messages]
    rule = check_proof(dataclasses.replace(conversation, messages=messages), SERVER)
    assert rule.verdict is verdict
    assert words in rule.reason


def not_tested(conversation: Conversation, sender: Sender) -> str:
    rule = check_proof(conversation, sender)
    assert rule.verdict is Verdict.NOT_TESTED
    return rule.reason


def test_what_was_not_seen_is_not_tested() -> None:
    conversation = seen(TLS_13)
    assert not_tested(conversation, CLIENT) == "the client showed no certificate"
    assert not_tested(Conversation(), SERVER) == "the server's hello was not seen"
    sealed = dataclasses.replace(conversation, messages=conversation.messages[:2], opened=False)
    assert "nobody gave the keys" in not_tested(sealed, SERVER)
    late = dataclasses.replace(conversation, messages=conversation.messages[1:])
    assert "beginning" in not_tested(late, SERVER)
    assert "showed no certificate" in not_tested(seen(TLS_13, resume=True), SERVER)
    resumed = seen(TLS_12, suites=GCM, resume=True)
    assert "showed no certificate" in not_tested(resumed, SERVER)
    assert "decrypting (RSA)" in not_tested(seen(TLS_12, "RSA", suites="AES128-GCM-SHA256"), SERVER)


WHOLE = {
    version: seen(version, client_kind="P-256", suites=GCM if version == TLS_12 else "") for version in (TLS_12, TLS_13)
}


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([TLS_12, TLS_13]), st.sampled_from(list(Sender)))
def test_whatever_the_messages_are_there_is_an_answer(data: st.DataObject, version: int, sender: Sender) -> None:
    conversation = WHOLE[version]
    place = data.draw(st.integers(0, len(conversation.messages) - 1))
    one = conversation.messages[place]
    kind = data.draw(st.sampled_from(["cut", "noise", "flip", "gone"]))
    body = {
        "cut": one.body[: data.draw(st.integers(0, len(one.body)))],
        "noise": data.draw(st.binary(max_size=80)),
        "flip": bytes(byte ^ (index == place) for index, byte in enumerate(one.body)),
        "gone": b"",
    }[kind]
    messages = list(conversation.messages)
    messages[place] = dataclasses.replace(one, body=body)
    rule = check_proof(dataclasses.replace(conversation, messages=messages), sender)
    assert rule.reason.isprintable()


@pytest.mark.parametrize("sender", list(Sender))
def test_a_scheme_that_was_not_offered_is_no_proof(monkeypatch: pytest.MonkeyPatch, sender: Sender) -> None:
    conversation = seen(TLS_13, "P-256", client_kind="P-256")
    signed = check_proof(conversation, sender)
    assert signed.verdict is Verdict.OK
    of, type_ = (CLIENT, 1) if sender is SERVER else (SERVER, 13)
    offer = conversation.find(of, ContentType.HANDSHAKE, type_)
    assert offer is not None
    assert b"\x04\x03\x05\x03" in offer.body
    # Take the scheme out of what was offered, and leave out what is signed: only the offer is looked at here.
    poorer = dataclasses.replace(offer, body=offer.body.replace(b"\x04\x03\x05\x03", b"\x05\x03\x05\x03"))
    monkeypatch.setattr("sealmq.kit.handshake.proof._trouble", lambda *given, **more: "")
    messages = [poorer if one is offer else one for one in conversation.messages]
    rule = check_proof(dataclasses.replace(conversation, messages=messages), sender)
    assert rule.verdict is Verdict.BAD
    assert "ecdsa_secp256r1_sha256 was not offered" in rule.reason
