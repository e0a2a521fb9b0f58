"""What the hellos agree on, and which opener follows from it."""

from __future__ import annotations

import pytest

from sealmq.errors import TLSError
from sealmq.kit.dissect.agreement import Agreement, Stage
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.keylog import (
    CLIENT_EARLY,
    CLIENT_HANDSHAKE,
    MASTER_SECRET,
    SERVER_TRAFFIC,
    KeyLog,
    read_key_log,
)
from sealmq.kit.dissect.schedule import TLS12, TLS13
from vectors.rfc8448 import EARLY_DATA, RETRY, SIMPLE, Trace


def agreed(trace: Trace, hellos: int = 2) -> Agreement:
    agreement = Agreement()
    for message in trace.messages()[:hellos]:
        (agreement.take_client_hello if message[0] == 1 else agreement.take_server_hello)(message)
    return agreement


def test_a_server_hello_completes_the_agreement() -> None:
    before, after = agreed(SIMPLE, 1), agreed(SIMPLE)
    assert (before.version, before.complete, before.tls13) == (None, False, False)
    assert (after.version, after.complete, after.tls13, after.suite) == (TLS13, True, True, 0x1301)
    assert after.client_random == SIMPLE.client_random


def test_a_hello_retry_request_does_not_complete_it() -> None:  # RFC 8446 section 4.1.4
    after = agreed(RETRY)
    assert (after.version, after.complete) == (TLS13, False)
    assert agreed(RETRY, 4).complete


def test_each_stage_has_its_opener_as_soon_as_its_secret_is_there() -> None:
    agreement = agreed(SIMPLE)
    key_log = KeyLog()
    for sender in Sender:
        for stage in (Stage.HANDSHAKE, Stage.APPLICATION):
            assert agreement.opener(sender, stage, None) is None
            assert agreement.opener(sender, stage, key_log) is None
            label = agreement.label(sender, stage)
            key_log.add(f"{label} {SIMPLE.client_random.hex()} {SIMPLE.secrets[label].hex()}")
            assert agreement.opener(sender, stage, key_log) is not None
    assert agreed(SIMPLE, 1).opener(Sender.CLIENT, Stage.HANDSHAKE, key_log) is None


def test_the_labels_are_those_of_the_version() -> None:
    agreement = agreed(SIMPLE)
    assert agreement.label(Sender.SERVER, Stage.APPLICATION) == SERVER_TRAFFIC
    assert agreement.label(Sender.CLIENT, Stage.EARLY) == CLIENT_HANDSHAKE
    agreement.version = TLS12
    assert agreement.label(Sender.SERVER, Stage.APPLICATION) == MASTER_SECRET


def test_early_data_are_tried_with_each_suite_that_has_the_secrets_length() -> None:  # RFC 8446 section 4.2.10
    agreement = agreed(EARLY_DATA, 1)
    assert agreement.early_data
    assert not agreed(SIMPLE, 1).early_data
    assert agreement.early_openers(None) == []
    assert agreement.early_openers(KeyLog()) == []
    key_log = read_key_log(EARLY_DATA.keylog.splitlines())
    assert key_log.find(EARLY_DATA.client_random, CLIENT_EARLY) is not None
    assert len(agreement.early_openers(key_log)) == 2  # it offers AES-128-GCM, ChaCha20 and AES-256-GCM


def test_a_hello_that_lies_is_an_error() -> None:
    with pytest.raises(TLSError):
        Agreement().take_client_hello(SIMPLE.messages()[0][:40])
    with pytest.raises(TLSError):
        Agreement().take_server_hello(SIMPLE.messages()[1][:40])
