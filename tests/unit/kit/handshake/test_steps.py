from __future__ import annotations

from dataclasses import replace

import pytest

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.report import KeyExchange, MessageRow
from sealmq.kit.handshake.steps import Facts, steps_of_message, tell_steps

ECDHE = KeyExchange(kind="ECDHE", group="x25519", client_bytes=32, server_bytes=32, forward_secret=True,
                    post_quantum=False, sentence="")  # fmt: skip
RSA = replace(ECDHE, kind="RSA", group="", forward_secret=False)
MODERN = Facts(tls13=True, key_exchange=ECDHE, resumed=False, asked=True, shown=True, chain="it is trusted")

IN_1_3 = [
    (Sender.CLIENT, "ClientHello"),
    (Sender.SERVER, "ServerHello"),
    (Sender.SERVER, "EncryptedExtensions"),
    (Sender.SERVER, "CertificateRequest"),
    (Sender.SERVER, "Certificate"),
    (Sender.SERVER, "CertificateVerify"),
    (Sender.SERVER, "Finished"),
    (Sender.CLIENT, "Certificate"),
    (Sender.CLIENT, "CertificateVerify"),
    (Sender.CLIENT, "Finished"),
]
IN_1_2 = [
    (Sender.CLIENT, "ClientHello"),
    (Sender.SERVER, "ServerHello"),
    (Sender.SERVER, "Certificate"),
    (Sender.SERVER, "ServerKeyExchange"),
    (Sender.SERVER, "CertificateRequest"),
    (Sender.SERVER, "ServerHelloDone"),
    (Sender.CLIENT, "Certificate"),
    (Sender.CLIENT, "ClientKeyExchange"),
    (Sender.CLIENT, "CertificateVerify"),
    (Sender.CLIENT, "ChangeCipherSpec"),
    (Sender.CLIENT, "Finished"),
    (Sender.SERVER, "Finished"),
]


def rows(messages, *, tls13: bool) -> list[MessageRow]:
    return [
        MessageRow(number=number, sender=sender, name=name, size=1, at=0, gap=0, protected=False, records=(), flight=0,
                   steps=steps_of_message(sender, name, tls13=tls13), line="", paragraph="")
        for number, (sender, name) in enumerate(messages)
    ]  # fmt: skip


@pytest.mark.parametrize(("messages", "tls13"), [(IN_1_3, True), (IN_1_2, False)])
def test_each_step_is_done_by_a_message(messages, tls13: bool):
    steps = tell_steps(rows(messages, tls13=tls13), replace(MODERN, tls13=tls13))
    assert [step.number for step in steps] == list(range(1, 11))
    for step in steps:
        assert step.messages, step
        assert step.here
        assert step.classic.endswith((".", "?"))


def test_today_no_pre_master_key_is_sent_to_anybody():
    for tls13, messages in ((True, IN_1_3), (False, IN_1_2)):
        sixth, seventh = tell_steps(rows(messages, tls13=tls13), replace(MODERN, tls13=tls13))[5:7]
        assert "no pre-master key" in sixth.otherwise
        assert "32 and 32 bytes" in seventh.here
        assert seventh.otherwise


def test_with_rsa_it_is_as_the_classic_text_says():
    facts = replace(MODERN, tls13=False, key_exchange=RSA)
    steps = tell_steps(rows(IN_1_2, tls13=False), facts)
    assert steps[5].otherwise == steps[6].otherwise == ""
    assert steps[6].here == "ServerKeyExchange, ClientKeyExchange"


def test_in_tls_1_2_the_device_is_seen():
    eighth = tell_steps(rows(IN_1_2, tls13=False), replace(MODERN, tls13=False))[7]
    assert "unencrypted" in eighth.otherwise
    assert "encrypted" in tell_steps(rows(IN_1_3, tls13=True), MODERN)[7].otherwise


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(MODERN, asked=False, shown=False), "did not ask"),
        (replace(MODERN, shown=False), "none to show"),
        (replace(MODERN, resumed=True), "session of before"),
    ],
)
def test_who_shows_no_certificate_is_told_so(facts: Facts, said: str):
    kept = [each for each in IN_1_3 if each != (Sender.CLIENT, "Certificate")]
    assert said in tell_steps(rows(kept, tls13=True), facts)[7].here


def test_what_was_left_out_and_what_was_not_reached_differ():
    resumed = replace(MODERN, resumed=True, key_exchange=replace(ECDHE, kind="PSK", group=""), tls13=False)
    short = [(Sender.CLIENT, "ClientHello"), (Sender.SERVER, "ServerHello"), (Sender.SERVER, "Finished")]
    assert "left out" in tell_steps(rows(short, tls13=False), resumed)[2].here
    broken = replace(MODERN, tls13=False)
    assert tell_steps(rows(short[:2], tls13=False), broken)[2].here == "it did not come to it"


@pytest.mark.parametrize("tls13", [True, False])
def test_a_pre_shared_key_takes_the_place_of_certificates(tls13: bool):
    facts = replace(MODERN, tls13=tls13, asked=False, shown=False, psk="small-1")
    kept = [each for each in (IN_1_3 if tls13 else IN_1_2) if "Certificate" not in each[1]]
    steps = tell_steps(rows(kept, tls13=tls13), facts)
    for number in (3, 5):
        assert "a key that both have by arrangement" in steps[number - 1].here
    assert "the pre-shared key 'small-1' says" in steps[7].here
    assert "with the pre-shared key 'small-1'" in steps[8].here
    assert steps[3].otherwise == steps[7].otherwise == ""
    alone = replace(facts, key_exchange=replace(ECDHE, kind="PSK", group="", client_bytes=0, server_bytes=0))
    assert "which both have by arrangement" in tell_steps(rows(kept, tls13=tls13), alone)[8].here
    assert "the pre-shared key says" in tell_steps(rows(kept, tls13=tls13), replace(facts, psk=""))[7].here
