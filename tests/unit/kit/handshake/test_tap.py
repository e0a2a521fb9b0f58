from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.keylog import read_key_log
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.tap import Tap
from tapped import RecordingTap, Stage, converse, names, tapped

BOTH = pytest.mark.parametrize("listen", [True, False], ids=["callback", "key log"])
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


def everything(conversation: Conversation) -> list[object]:
    """All that must be the same whichever way it was seen; times are the socket's, and so they are in it."""
    records = [replace(one, inner_type=one.inner_type or one.content_type) for one in conversation.records]
    return [*records, *conversation.messages, conversation.sent, conversation.application, conversation.trouble]


def test_this_python_can_listen(stage: Stage):
    assert Tap(stage.client(), server_name="localhost").seen_by == "callback"


@BOTH
@VERSIONS
def test_both_ends_are_seen(stage: Stage, version: str, listen: bool):
    tap = tapped(stage, version, listen=listen)
    if version == "1.3":
        hello = ["ServerHello", "ChangeCipherSpec", "EncryptedExtensions", "CertificateRequest"]
        server = [*hello, "Certificate", "CertificateVerify", "Finished", *["NewSessionTicket"] * 2, "application data"]
        client = ["ClientHello", "ChangeCipherSpec", "Certificate", "CertificateVerify", "Finished", "application data"]
    else:
        hello = ["ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"]
        server = [*hello, "NewSessionTicket", "ChangeCipherSpec", "Finished", "application data"]
        client = ["ClientHello", "Certificate", "ClientKeyExchange", "CertificateVerify", "ChangeCipherSpec"]
        client += ["Finished", "application data"]
    assert names(tap, Sender.SERVER) == server
    assert names(tap, Sender.CLIENT) == client
    seen = tap.conversation()
    assert seen.application == {Sender.CLIENT: b"hello", Sender.SERVER: b"welcome"}
    assert [one.number for one in seen.messages] == list(range(len(seen.messages)))


@VERSIONS
@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize("mutual", [True, False])
def test_the_callback_and_the_key_log_see_the_same(stage: Stage, version: str, piece: int, mutual: bool):
    tap = RecordingTap(stage.client(version), server_name="localhost", keep_keys=True)
    converse(tap, stage.server(mutual=mutual), piece=piece)
    by_callback = tap.conversation()
    assert tap.seen_by == "callback"
    reading = Reading(read_key_log(tap.key_log.splitlines()))
    for sender, data, at in tap.pieces:
        reading.receive_data(sender, data, at)
    assert everything(by_callback) == everything(reading.conversation)


@BOTH
def test_a_hello_that_has_to_be_said_again_is_seen(stage: Stage, listen: bool):
    tap = tapped(stage, "1.3", listen=listen, groups="secp384r1")
    assert names(tap, Sender.SERVER)[0] == "HelloRetryRequest"
    assert names(tap, Sender.CLIENT).count("ClientHello") == 2


@BOTH
@VERSIONS
def test_a_refused_server_is_seen_with_the_alert_that_it_got(stage: Stage, version: str, listen: bool):
    tap = Tap(stage.client(version), server_name="elsewhere.example", listen=listen)
    with pytest.raises(ssl.SSLError):
        converse(tap, stage.server())
    seen = tap.conversation()
    alerts = [one for one in seen.messages if one.kind == 21]
    assert [(one.sender, one.type) for one in alerts] == [(Sender.CLIENT, 42)]
    assert seen.find(Sender.SERVER, 22, 11) is not None, "the certificate is there, to be judged"


@BOTH
def test_a_client_without_a_certificate_hears_the_alert_late(stage: Stage, listen: bool):
    tap = Tap(stage.client("1.3", show=False), server_name="localhost", listen=listen)
    with pytest.raises(ssl.SSLError):
        converse(tap, stage.server(mutual=True))
    assert tap.established, "it believed itself done"
    assert [one.type for one in tap.conversation().messages if one.kind == 21] == [116]


@VERSIONS
def test_without_keys_being_kept_there_are_none(stage: Stage, version: str):
    tap = tapped(stage, version)
    assert tap.key_log == ""
    kept = tapped(stage, version, keep_keys=True)
    assert ("CLIENT_RANDOM" if version == "1.2" else "CLIENT_TRAFFIC_SECRET_0") in kept.key_log
    kept.close()
    assert kept.key_log == ""


def test_the_callback_keeps_a_bounded_number_of_things():
    tap = Tap(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server_name="localhost")
    for _ in range(100_010):
        tap._hear(None, "read", 0x303, 21, 0, b"\1\0")
    assert len(tap._heard) == 100_000


def test_padding_makes_no_record_wrong(stage: Stage):
    tap = tapped(stage, "1.3")
    first = tap.conversation()
    for message in first.messages:
        assert message.records, message
        assert message.records[-1] < len(first.records)
