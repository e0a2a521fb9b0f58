"""Each Finished is worked out anew, from what was read off the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorded_tls import Ends, converse, read_pieces
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.finished import finished_proofs
from sealmq.kit.dissect.keylog import KeyLog, read_key_log
from vectors.rfc8448 import TRACES, Trace


def senders(conversation: Conversation, proofs: dict[int, bool]) -> dict[Sender, bool]:
    for number in proofs:
        assert (conversation.messages[number].kind, conversation.messages[number].type) == (22, 20)
    return {conversation.messages[number].sender: proof for number, proof in proofs.items()}


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.section)
def test_those_of_rfc_8448_fit(trace: Trace) -> None:  # RFC 8446 section 4.4.4
    key_log = read_key_log(trace.keylog.splitlines())
    seen = read_pieces([(Sender(step.sender), step.wire) for step in trace.steps], key_log)
    assert senders(seen, finished_proofs(seen, key_log)) == {Sender.CLIENT: True, Sender.SERVER: True}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1"])  # the second one asks for a HelloRetryRequest
def test_those_of_real_connections_fit_and_of_changed_ones_not(
    tmp_path: Path, version: str, mutual: bool, curve: str
) -> None:
    ends = Ends(tmp_path).limit(version)
    if mutual and version == "1.3":
        ends.show(ends.own)
    if version == "1.3":
        ends.server.set_ecdh_curve(curve)
    first = converse(ends.client, ends.server)
    assert first.client is not None
    for recorded in (first, converse(ends.client, ends.server, session=first.client.session)):
        assert recorded.errors == []
        seen = recorded.read(recorded.key_log)
        good = finished_proofs(seen, recorded.key_log)
        assert senders(seen, good) == {Sender.CLIENT: True, Sender.SERVER: True}
        seen.messages.insert(1, seen.messages[1])  # as if one more message had been sent
        assert list(finished_proofs(seen, recorded.key_log).values()) == [False, False]


def test_a_ticket_that_a_server_sends_early_does_not_count(tmp_path: Path) -> None:  # RFC 8446 section 4.6.1
    ends = Ends(tmp_path).limit("1.3")
    recorded = converse(ends.client, ends.server)
    seen = recorded.read(recorded.key_log)
    [*_, finished] = finished_proofs(seen, recorded.key_log)
    ticket = seen.find(Sender.SERVER, 22, 4)
    assert ticket is not None
    assert seen.messages[finished].sender is Sender.CLIENT
    seen.messages.insert(finished, ticket)
    assert list(finished_proofs(seen, recorded.key_log).values()) == [True, True]


def test_without_a_secret_nothing_is_said(tmp_path: Path) -> None:
    ends = Ends(tmp_path)
    recorded = converse(ends.client, ends.server)
    assert finished_proofs(recorded.read(recorded.key_log), KeyLog()) == {}
    assert finished_proofs(recorded.read(None), recorded.key_log) == {}
    assert finished_proofs(Conversation(), recorded.key_log) == {}
