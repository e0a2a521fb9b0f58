"""Keys and Finished, held against the numbers of RFC 8448 and against real connections of TLS 1.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorded_tls import Ends, converse
from sealmq.errors import TLSError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.hello import read_server_hello
from sealmq.kit.dissect.keylog import CLIENT_HANDSHAKE, MASTER_SECRET, SERVER_HANDSHAKE
from sealmq.kit.dissect.schedule import (
    TLS12,
    TLS13,
    check_finished,
    expand_label,
    key_block,
    next_secret,
    prf,
    traffic_key,
    transcript_hash,
    verify_data,
)
from sealmq.kit.dissect.suites import suite_parts
from vectors.rfc8448 import SIMPLE, TRACES, Trace

HANDSHAKE_LABELS = {Sender.CLIENT: CLIENT_HANDSHAKE, Sender.SERVER: SERVER_HANDSHAKE}
FINISHED = 20
TICKET = 4


def test_the_keys_of_rfc_8448_come_out() -> None:  # its section 3: "derive write traffic keys for handshake data"
    found = traffic_key("sha256", SIMPLE.secrets[SERVER_HANDSHAKE], 16)
    assert found.key.hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert found.iv.hex() == "5d313eb2671276ee13000b30"


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.section)
def test_each_finished_of_rfc_8448_is_worked_out_anew(trace: Trace) -> None:  # RFC 8446 sections 4.4.1 and 4.4.4
    seen: list[bytes] = []
    checked = 0
    for step in trace.steps:
        for message in step.messages if step.kind == 22 else ():
            if message[0] == FINISHED:
                sender = Sender(step.sender)
                secret = trace.secrets[HANDSHAKE_LABELS[sender]]
                digest = transcript_hash("sha256", seen)
                check_finished(TLS13, "sha256", secret, sender, digest, message)
                with pytest.raises(TLSError, match=f"the Finished of the {sender} does not fit") as refused:
                    check_finished(TLS13, "sha256", secret, sender, transcript_hash("sha256", seen[1:]), message)
                assert refused.value.alert == "decrypt_error"
                checked += 1
            seen.append(message)
    assert checked == 2


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES256-SHA"])
def test_each_finished_of_tls_1_2_is_worked_out_anew(tmp_path: Path, suite: str) -> None:  # RFC 5246 section 7.4.9
    ends = Ends(tmp_path).limit("1.2", f"ECDHE-ECDSA-{suite}")
    recorded = converse(ends.client, ends.server, words=())
    messages = [body for _, kind, _, body in recorded.told[Sender.CLIENT].messages if kind == 22]
    code = read_server_hello(messages[1]).suite
    parts = suite_parts(code)
    assert parts is not None
    master = recorded.key_log.find(messages[0][6:38], MASTER_SECRET)
    assert master is not None
    checked = []
    for place, (sender, kind, type_, body) in enumerate(recorded.told[Sender.CLIENT].messages):
        if (kind, type_) == (22, FINISHED):
            before = [one for _, earlier, _, one in recorded.told[Sender.CLIENT].messages[:place] if earlier == 22]
            digest = transcript_hash(parts.hash, before)
            check_finished(TLS12, parts.hash, master, sender, digest, body)
            with pytest.raises(TLSError):
                check_finished(TLS12, parts.hash, master, sender.other, digest, body)
            checked.append(sender)
    assert checked == [Sender.CLIENT, Sender.SERVER]


def test_the_prf_gives_as_much_as_is_asked_for() -> None:
    long = prf("sha256", b"secret", b"label", b"seed", 200)
    assert [prf("sha256", b"secret", b"label", b"seed", length) for length in range(200)] == [
        long[:length] for length in range(200)
    ]


def test_the_key_block_is_dealt_out_in_the_order_of_the_standard() -> None:  # RFC 5246 section 6.3
    keys = key_block("sha256", bytes(48), (b"c" * 32, b"s" * 32), (20, 16, 4))
    whole = prf("sha256", bytes(48), b"key expansion", b"s" * 32 + b"c" * 32, 80)
    client, server = keys[Sender.CLIENT], keys[Sender.SERVER]
    dealt = (client.mac_key, server.mac_key, client.key, server.key, client.iv, server.iv)
    assert b"".join(dealt) == whole
    assert [len(one) for one in dealt] == [20, 20, 16, 16, 4, 4]


def test_the_secret_after_a_key_update_is_another_of_the_same_length() -> None:  # RFC 8446 section 7.2
    secret = bytes(48)
    assert next_secret("sha384", secret) == expand_label("sha384", secret, "traffic upd", b"", 48)
    assert len(next_secret("sha384", secret)) == 48


def test_a_hash_that_tls_1_3_does_not_use_is_refused() -> None:
    with pytest.raises(TLSError, match="no key schedule with md5"):
        traffic_key("md5", bytes(16), 16)


def test_no_key_is_shown() -> None:
    assert repr(traffic_key("sha256", bytes(32), 16)) == "TrafficKey()"
    keys = key_block("sha256", bytes(48), (b"c" * 32, b"s" * 32), (20, 16, 4))
    assert repr(keys[Sender.CLIENT]) == "WriteKeys()"


def test_verify_data_has_12_bytes_in_tls_1_2() -> None:
    assert len(verify_data(TLS12, "sha384", bytes(48), Sender.CLIENT, bytes(48))) == 12
