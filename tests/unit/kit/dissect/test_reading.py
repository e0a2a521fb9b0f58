"""A connection read off the wire is the one that its two ends had: two ways of seeing it, one picture.

The vectors are RFC 8448's traces, and real connections of OpenSSL in memory, of which its message callback says what
was sent and received.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_tls import NO_ENCRYPT_THEN_MAC, WORDS, Ends, Recording, converse, read_pieces
from sealing import Sealer
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.handshake_messages import LONGEST_MESSAGE
from sealmq.kit.dissect.keylog import (
    CLIENT_EARLY,
    CLIENT_HANDSHAKE,
    CLIENT_TRAFFIC,
    SERVER_HANDSHAKE,
    SERVER_TRAFFIC,
    KeyLog,
    read_key_log,
)
from sealmq.kit.dissect.reading import MOST_HANDSHAKE, MOST_WAITING, Reading
from vectors.rfc8448 import EARLY_DATA, RETRY, SIMPLE, TRACES, Trace

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


# --- connections of OpenSSL


def _plain(ends: Ends) -> Recording:
    return converse(ends.client, ends.server)


def _resumed(ends: Ends) -> Recording:
    first = converse(ends.client, ends.server)
    assert first.client is not None
    second = converse(ends.client, ends.server, session=first.client.session)
    assert second.client is not None
    assert second.client.session_reused
    return second


def _retried(ends: Ends) -> Recording:
    ends.server.set_ecdh_curve("secp384r1")  # the client guesses X25519
    return converse(ends.client, ends.server)


def _refused_by_the_client(ends: Ends) -> Recording:
    return converse(ends.stranger, ends.server)


def _asked_later(ends: Ends) -> Recording:
    """The server asks for a certificate after the handshake (RFC 8446 section 4.6.2)."""
    ends.client.load_cert_chain(*ends.own)
    ends.client.post_handshake_auth = True
    ends.server.verify_mode = ssl.CERT_REQUIRED
    ends.server.post_handshake_auth = True

    def ask(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
        server.verify_client_post_handshake()
        server.write(b"who are you?")

    return converse(ends.client, ends.server, between=ask)


def suites_of_openssl() -> list[str]:
    """Those of TLS 1.2 for which a certificate is enough."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return [
        one["name"]
        for one in context.get_ciphers()
        if one["kea"] in ("kx-ecdhe", "kx-rsa") and one["auth"] in ("auth-ecdsa", "auth-rsa")
    ]


SUITES = suites_of_openssl()
OPENED = [one for one in SUITES if not any(word in one for word in ("ARIA", "CAMELLIA", "NULL", "SEED", "DES", "RC4"))]
CASES: dict[str, Callable[[Path], Recording]] = {}
for _version in ("1.2", "1.3"):
    for _how, _talk in (("full", _plain), ("resumed", _resumed), ("retried", _retried))[
        : 2 if _version == "1.2" else 3
    ]:
        CASES[f"{_version} {_how}"] = lambda at, v=_version, talk=_talk: talk(Ends(at).limit(v))
        CASES[f"{_version} {_how} mutual"] = lambda at, v=_version, talk=_talk: talk(_mutual(at, v))
    CASES[f"{_version} refused by the client"] = lambda at, v=_version: _refused_by_the_client(Ends(at).limit(v))
    CASES[f"{_version} no certificate"] = lambda at, v=_version: _plain(Ends(at).limit(v).show(None))
    CASES[f"{_version} foreign certificate"] = lambda at, v=_version: _plain(_foreign(at, v))
    CASES[f"{_version} a certificate over two records"] = lambda at, v=_version: _plain(Ends(at, hosts=1000).limit(v))
CASES["1.3 asked later"] = lambda at: _asked_later(Ends(at).limit("1.3"))


def _mutual(at: Path, version: str) -> Ends:
    ends = Ends(at).limit(version)
    return ends.show(ends.own)


def _foreign(at: Path, version: str) -> Ends:
    ends = Ends(at).limit(version)
    return ends.show(ends.foreign)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recording]:
    made: dict[str, Recording] = {}

    def recording(case: str) -> Recording:
        if case not in made:
            made[case] = CASES[case](tmp_path_factory.mktemp("case"))
        return made[case]

    return recording


def handshake_of(conversation: Conversation) -> list[tuple[Sender, int, int, bytes]]:
    """All messages but application data, as OpenSSL's callback tells them."""
    return [(one.sender, one.kind, one.type, one.body) for one in conversation.messages if one.kind != 23]


def check_against_openssl(seen: Conversation, recorded: Recording) -> None:
    """What each end's OpenSSL says that it sent is what was read, and what the other read of it is its beginning."""
    for sender in Sender:
        told, other = recorded.told[sender], recorded.told[sender.other]
        mine = [one for one in handshake_of(seen) if one[0] is sender]
        assert mine == [one for one in told.messages if one[0] is sender]
        heard = [one for one in other.messages if one[0] is sender]
        assert heard == mine[: len(heard)]
        assert [
            bytes([one.content_type]) + one.version.to_bytes(2, "big") + one.length.to_bytes(2, "big")
            for one in seen.records
            if one.sender is sender
        ] == [data for who, data in told.headers if who is sender]
        if any(one.type == 8 for one in seen.messages):  # EncryptedExtensions: TLS 1.3
            inner = [one.inner_type for one in seen.records if one.sender is sender and one.content_type == 23]
            assert inner == [type_ for who, type_ in told.inner if who is sender]


@pytest.mark.parametrize("case", CASES)
def test_both_ways_of_seeing_give_the_same(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    seen = recorded.read(recorded.key_log)
    assert seen.trouble == []
    assert seen.opened
    check_against_openssl(seen, recorded)
    assert [one.number for one in seen.records] == list(range(len(seen.records)))
    assert [one.number for one in seen.messages] == list(range(len(seen.messages)))
    assert len(seen.messages) >= 6
    failing = any(word in case for word in ("refused", "no certificate", "foreign"))
    assert bool(recorded.errors) is failing


@pytest.mark.parametrize("case", ["1.2 full", "1.2 resumed mutual", "1.3 full mutual", "1.3 resumed"])
def test_the_messages_stand_in_the_order_in_which_the_client_saw_them(
    recordings: Callable[[str], Recording], case: str
) -> None:
    recorded = recordings(case)
    assert handshake_of(recorded.read(recorded.key_log)) == recorded.told[CLIENT].messages


@pytest.mark.parametrize("case", CASES)
def test_what_both_said_is_read(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    seen = recorded.read(recorded.key_log)
    said = {CLIENT: WORDS[0] + WORDS[2], SERVER: WORDS[1] + WORDS[3]}
    if case == "1.3 asked later":
        said[SERVER] = b"who are you?" + said[SERVER]
    if recorded.errors:
        said = {CLIENT: b"", SERVER: b""}
    assert seen.application == said
    assert seen.sent == {sender: sum(len(data) for who, data in recorded.pieces if who is sender) for sender in Sender}
    assert [one for one, _ in seen.ended] == [CLIENT, SERVER]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [1, 7])
def test_it_is_the_same_in_whatever_sizes_the_bytes_come(
    recordings: Callable[[str], Recording], case: str, size: int
) -> None:
    recorded = recordings(case)
    for key_log in (recorded.key_log, None):
        assert recorded.read(key_log, size) == recorded.read(key_log)


@pytest.mark.parametrize("case", ["1.2 resumed mutual", "1.3 resumed mutual"])
def test_it_is_the_same_cut_at_every_byte(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    key_log = recorded.key_log
    pieces = recorded.pieces[:5]
    whole = read_pieces(pieces, key_log, end=False)
    assert whole.messages
    for place, (sender, data) in enumerate(pieces):
        for cut in range(1, min(len(data), 1500)):
            reading = Reading(key_log)
            for at, (who, piece) in enumerate(pieces):
                for part in (data[:cut], data[cut:]) if at == place else (piece,):
                    reading.receive_data(who if at != place else sender, part, float(at))
            assert reading.conversation == whole


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("encrypt_then_mac", [True, False])
def test_each_suite_of_openssl_is_opened_or_named(tmp_path: Path, suite: str, encrypt_then_mac: bool) -> None:
    ends = Ends(tmp_path, rsa_key="ECDSA" not in suite).limit("1.2", f"{suite}:@SECLEVEL=0")
    if not encrypt_then_mac:
        ends.client.options |= NO_ENCRYPT_THEN_MAC
    recorded = converse(ends.client, ends.server)
    assert recorded.errors == []
    seen = recorded.read(recorded.key_log)
    if suite in OPENED:
        check_against_openssl(seen, recorded)
        assert seen.application == {CLIENT: WORDS[0] + WORDS[2], SERVER: WORDS[1] + WORDS[3]}
        assert seen.opened
        grown = [one.length - (one.content or 0) - one.padding for one in seen.records if one.protected]
        assert len(set(grown)) == 1  # what a suite adds beside padding is always the same
    else:
        assert not seen.opened
        assert {one.kind for one in seen.trouble} == {"sealed"}
        assert all(word in seen.trouble[0].what for word in ("TLS_", "can't be opened here"))
        assert [one[2] for one in handshake_of(seen) if one[0] is CLIENT] == [1, 16, 0]  # up to ChangeCipherSpec


def test_each_kind_of_cipher_is_among_them() -> None:
    assert len(OPENED) >= 20
    for part in (
        "AES128-GCM",
        "AES256-GCM",
        "CHACHA20",
        "CCM8",
        "AES256-CCM",
        "AES128-SHA",
        "AES256-SHA384",
        "AES128-SHA256",
    ):
        assert any(part in one for one in OPENED), part


# --- RFC 8448


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.section)
@pytest.mark.parametrize("size", [0, 1])
def test_the_traces_of_rfc_8448_are_opened_byte_for_byte(trace: Trace, size: int) -> None:
    pieces = [(Sender(step.sender), step.wire) for step in trace.steps]
    seen = read_pieces(pieces, read_key_log(trace.keylog.splitlines()), size)
    assert [(one.sender.value, one.kind, one.body) for one in seen.messages] == [
        (step.sender, step.kind, b"" if step.kind == 23 else one) for step in trace.steps for one in step.messages
    ]
    assert seen.application == {
        sender: b"".join(
            one for step in trace.steps if (step.sender, step.kind) == (sender.value, 23) for one in step.messages
        )
        for sender in Sender
    }
    assert seen.opened
    assert seen.trouble == []
    assert [one.content for one in seen.records] == [sum(map(len, step.messages)) for step in trace.steps]


def steps(trace: Trace) -> list[tuple[Sender, bytes]]:
    return [(Sender(step.sender), step.wire) for step in trace.steps]


def test_early_data_of_which_no_key_is_there_are_passed_over() -> None:  # RFC 8446 section 4.2.10
    lines = [line for line in EARLY_DATA.keylog.splitlines() if not line.startswith(CLIENT_EARLY)]
    seen = read_pieces(steps(EARLY_DATA), read_key_log(lines))
    assert not seen.opened
    assert seen.trouble == []
    all_of_it = read_pieces(steps(EARLY_DATA), read_key_log(EARLY_DATA.keylog.splitlines()))
    missing = b"\x05\0\0\0"  # EndOfEarlyData, under the same key as the early data
    assert [one.body for one in seen.messages if one.kind == 22] == [
        one.body for one in all_of_it.messages if one.kind == 22 and one.body != missing
    ]


def messages_of(conversation: Conversation) -> list[tuple[Sender, int, int]]:
    return [(one.sender, one.kind, one.type) for one in conversation.messages]


def handshake(type_: int, body: bytes = b"") -> bytes:
    return bytes([type_]) + len(body).to_bytes(3, "big") + body


def plain(content: bytes, content_type: int = 22) -> bytes:
    return bytes([content_type]) + b"\x03\x03" + len(content).to_bytes(2, "big") + content


SECRETS = {label: bytes([number]) * 32 for number, label in enumerate(sorted(EARLY_DATA.secrets))}


def by_hand(trace: Trace, hellos: int = 2) -> tuple[Reading, dict[str, Sealer]]:
    """A Reading that has got the hellos of a trace, and what seals under secrets of our own."""
    lines = [f"{label} {trace.client_random.hex()} {secret.hex()}" for label, secret in SECRETS.items()]
    reading = Reading(read_key_log(lines))
    for step in [step for step in trace.steps if step.messages and step.messages[0][0] in (1, 2)][:hellos]:
        if step.kind == 22:
            reading.receive_data(Sender(step.sender), step.wire, 0.0)
    return reading, {label: Sealer(secret) for label, secret in SECRETS.items()}


def test_early_data_that_are_refused_are_followed_by_the_handshake() -> None:  # RFC 8446 section 4.2.10
    reading, sealers = by_hand(EARLY_DATA)
    for record in (
        sealers[CLIENT_EARLY].seal(b"early"),
        sealers[CLIENT_EARLY].seal(b" words"),
        sealers[CLIENT_HANDSHAKE].seal(handshake(20, bytes(32)), 22),
        sealers[CLIENT_TRAFFIC].seal(b", late words"),
    ):
        reading.receive_data(CLIENT, record, 1.0)
    seen = reading.conversation
    assert seen.opened
    assert seen.application[CLIENT] == b"early words, late words"
    assert messages_of(seen) == [
        (CLIENT, 22, 1),
        (SERVER, 22, 2),
        (CLIENT, 23, 0),
        (CLIENT, 23, 0),
        (CLIENT, 22, 20),
        (CLIENT, 23, 0),
    ]


def test_early_data_before_a_retry_are_followed_by_a_hello_in_plaintext() -> None:  # RFC 8446 section 4.2.10
    reading, sealers = by_hand(EARLY_DATA, 1)
    reading.receive_data(CLIENT, sealers[CLIENT_EARLY].seal(b"early"), 0.0)
    reading.receive_data(SERVER, RETRY.steps[1].wire, 0.0)
    reading.receive_data(CLIENT, sealers[CLIENT_EARLY].seal(b" words"), 0.0)
    again = bytearray(SIMPLE.messages()[0])  # a hello without early data, of the same random
    again[6:38] = EARLY_DATA.client_random
    reading.receive_data(CLIENT, plain(bytes(again)), 0.0)
    reading.receive_data(SERVER, SIMPLE.steps[1].wire, 0.0)
    reading.receive_data(CLIENT, sealers[CLIENT_HANDSHAKE].seal(handshake(20, bytes(32)), 22), 0.0)
    seen = reading.conversation
    assert seen.trouble == []
    assert seen.application[CLIENT] == b"early words"
    assert messages_of(seen) == [
        (CLIENT, 22, 1), (CLIENT, 23, 0), (SERVER, 22, 2), (CLIENT, 23, 0),
        (CLIENT, 22, 1), (SERVER, 22, 2), (CLIENT, 22, 20),
    ]  # fmt: skip


def test_nothing_is_early_behind_the_end_of_early_data() -> None:  # RFC 8446 section 4.5
    reading, sealers = by_hand(EARLY_DATA)
    early = sealers[CLIENT_EARLY]
    reading.receive_data(CLIENT, early.seal(b"early") + early.seal(handshake(5), 22) + early.seal(b"late"), 0.0)
    seen = reading.conversation
    assert [(one.sender, one.kind) for one in seen.trouble] == [(CLIENT, "broken")]
    assert seen.application[CLIENT] == b"early"


def test_nothing_is_early_behind_a_second_hello() -> None:  # RFC 8446 section 4.1.2
    reading, sealers = by_hand(EARLY_DATA, 1)
    early = sealers[CLIENT_EARLY]
    again = bytearray(SIMPLE.messages()[0])
    again[6:38] = EARLY_DATA.client_random
    reading.receive_data(CLIENT, early.seal(b"early"), 0.0)
    reading.receive_data(SERVER, RETRY.steps[1].wire, 0.0)
    reading.receive_data(CLIENT, plain(bytes(again)) + early.seal(b"late"), 0.0)
    reading.receive_data(SERVER, SIMPLE.steps[1].wire, 0.0)
    seen = reading.conversation
    assert [(one.sender, one.kind) for one in seen.trouble] == [(CLIENT, "broken")]
    assert seen.application[CLIENT] == b"early"


def test_early_data_that_were_changed_are_told() -> None:
    reading, sealers = by_hand(EARLY_DATA)
    record = bytearray(sealers[CLIENT_EARLY].seal(b"early"))
    record[-1] ^= 1
    reading.receive_data(CLIENT, bytes(record), 0.0)
    [trouble] = reading.conversation.trouble
    assert (trouble.sender, trouble.kind) == (CLIENT, "sealed")
    assert "bytes were changed" in trouble.what


def test_each_key_update_is_followed_in_its_direction() -> None:  # RFC 8446 sections 4.6.3 and 7.2
    reading, sealers = by_hand(SIMPLE)
    reading.receive_data(SERVER, sealers[SERVER_HANDSHAKE].seal(handshake(20, bytes(32)), 22), 0.0)
    reading.receive_data(CLIENT, sealers[CLIENT_HANDSHAKE].seal(handshake(20, bytes(32)), 22), 0.0)
    server, client = sealers[SERVER_TRAFFIC], sealers[CLIENT_TRAFFIC]
    for number in range(3):
        reading.receive_data(
            SERVER, server.seal(b"s%d" % number, padding=7) + server.seal(handshake(24, b"\1"), 22), 0.0
        )
        reading.receive_data(CLIENT, client.seal(b"c%d" % number), 0.0)
        server = server.after_key_update()
    seen = reading.conversation
    assert seen.opened
    assert seen.application == {CLIENT: b"c0c1c2", SERVER: b"s0s1s2"}
    assert [one.padding for one in seen.records if one.sender is SERVER and one.inner_type == 23] == [7, 7, 7]


def test_a_client_that_fails_may_say_so_in_plaintext_or_under_the_handshakes_keys() -> None:  # RFC 8446 section 6
    for protected in (False, True):
        reading, sealers = by_hand(SIMPLE)
        reading.receive_data(SERVER, sealers[SERVER_HANDSHAKE].seal(handshake(8, b"\0\0"), 22), 0.0)
        alert = sealers[CLIENT_HANDSHAKE].seal(b"\x02\x30", 21) if protected else plain(b"\x02\x30", 21)
        reading.receive_data(CLIENT, plain(b"\1", 20) + alert, 0.0)
        last = reading.conversation.messages[-1]
        assert (last.sender, last.kind, last.type, last.protected) == (CLIENT, 21, 48, protected)


# --- what breaks the rules


TOO_LONG = b"\x0b" + (LONGEST_MESSAGE + 1).to_bytes(3, "big")


@pytest.mark.parametrize(
    ("record", "kind", "what"),
    [
        (plain(handshake(11)[:2]) + plain(b"\2\x28", 21), "broken", "interrupted by another content type"),
        (plain(handshake(11)[:2]) + plain(b"\1", 20), "broken", "interrupted by another content type"),
        (plain(b"\2", 21), "broken", "an alert has 1 bytes"),
        (plain(b"\2", 20), "broken", "not the one byte 01"),
        (plain(b"x" * ((1 << 14) + 1), 22), "broken", "more than 16384"),
        (plain(TOO_LONG), "too much", "262,145 bytes"),
        (plain(handshake(1, b"\3")), "broken", "legacy_version"),
        (plain(handshake(11, bytes(16000))) * 70, "too much", f"more than {MOST_HANDSHAKE:,} bytes"),
        (plain(b"") + plain(b"x"), "broken", "is empty"),
        (b"GET / HTTP/1.1", "not TLS", "HTTP"),
        (plain(b"x", 30), "not TLS", "nothing known"),
    ],
)
def test_what_breaks_the_rules_before_the_keys(record: bytes, kind: str, what: str) -> None:
    reading = Reading()
    reading.receive_data(CLIENT, record, 3.0)
    reading.receive_data(CLIENT, SIMPLE.steps[0].wire, 4.0)  # is not read any more
    [trouble] = reading.conversation.trouble
    assert (trouble.sender, trouble.kind, trouble.at) == (CLIENT, kind, 3.0)
    assert what in trouble.what
    assert len(trouble.first) <= 64
    assert all(one.at == 3.0 for one in reading.conversation.messages)
    assert reading.conversation.sent[CLIENT] == len(record) + len(SIMPLE.steps[0].wire)
    reading.receive_data(SERVER, plain(handshake(14)), 5.0)  # the other end still is
    assert reading.conversation.messages[-1].sender is SERVER


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda s: s.seal(b"\1", 20), "carries content type 20"),
        (lambda s: s.seal(b"x", 99), "carries content type 99"),
        (lambda s: s.seal(b"", 22), "a handshake record is empty"),
        (lambda s: s.seal(b"\2", 21), "an alert has 1 bytes"),
        (lambda s: s.seal(handshake(20, bytes(32)) + handshake(4), 22), "past a change of keys"),
        (lambda s: s.seal(handshake(20, bytes(32)) + b"\4", 22), "past a change of keys"),
        (lambda s: s.seal(b"\x08", 22) + s.seal(b"x"), "interrupted by another content type"),
        (lambda s: plain(handshake(8)), "in plaintext stands behind encrypted ones"),
        (lambda s: b"\x17\x03\x03\x41\x01", "at most 16640 are allowed"),
    ],
)
def test_what_breaks_the_rules_behind_the_keys(make: Callable[[Sealer], bytes], what: str) -> None:
    reading, sealers = by_hand(SIMPLE)
    reading.receive_data(SERVER, make(sealers[SERVER_HANDSHAKE]), 3.0)
    [trouble] = reading.conversation.trouble
    assert (trouble.sender, trouble.kind) == (SERVER, "broken")
    assert what in trouble.what


def test_a_hello_that_goes_on_past_the_change_of_keys_is_told() -> None:  # RFC 8446 section 5.1
    reading, _ = by_hand(SIMPLE, 1)
    reading.receive_data(SERVER, plain(SIMPLE.messages()[1] + handshake(8)), 0.0)
    assert "past a change of keys" in reading.conversation.trouble[0].what


def test_application_data_in_plaintext_are_told(recordings: Callable[[str], Recording]) -> None:
    recorded = recordings("1.2 full")
    reading = Reading(recorded.key_log)
    for sender, data in recorded.pieces[:2]:
        reading.receive_data(sender, data, 0.0)
    reading.receive_data(CLIENT, plain(b"x", 23), 0.0)
    assert "before the end of the handshake" in reading.conversation.trouble[0].what


def test_an_end_in_the_middle_is_told() -> None:
    for there, what in ((3, "3 bytes of a record's header"), (20, "15 bytes of a record")):
        reading = Reading()
        reading.receive_data(CLIENT, SIMPLE.steps[0].wire[:there], 0.0)
        reading.end(CLIENT, 2.0)
        reading.end(CLIENT, 3.0)
        reading.receive_data(CLIENT, SIMPLE.steps[0].wire[there:], 4.0)
        [trouble] = reading.conversation.trouble
        assert (trouble.kind, trouble.at) == ("cut", 2.0)
        assert what in trouble.what
        assert reading.conversation.ended == [(CLIENT, 2.0)]
        assert reading.conversation.sent[CLIENT] == there
    reading = Reading()
    reading.receive_data(CLIENT, plain(SIMPLE.messages()[0][:50]), 0.0)
    reading.end(CLIENT, 1.0)
    assert [(one.kind, one.first) for one in reading.conversation.trouble] == [("cut", SIMPLE.messages()[0][:50])]


def test_no_more_records_are_read_than_is_allowed() -> None:
    reading = Reading(most_records=3)
    for _ in range(5):
        reading.receive_data(SERVER, plain(handshake(0)), 0.0)
    assert len(reading.conversation.records) == 3
    assert [one.kind for one in reading.conversation.trouble] == ["too much"]
    reading = Reading(most_records=3)
    reading.receive_data(SERVER, plain(handshake(0) * 5), 0.0)
    assert len(reading.conversation.messages) == 3
    assert [one.kind for one in reading.conversation.trouble] == ["too much"]


def test_no_more_application_data_are_kept_than_is_allowed(recordings: Callable[[str], Recording]) -> None:
    recorded = recordings("1.3 full")
    reading = Reading(recorded.key_log, keep_application=20)
    for sender, data in recorded.pieces:
        reading.receive_data(sender, data, 0.0)
    assert reading.conversation.application == {CLIENT: (WORDS[0] + WORDS[2])[:20], SERVER: WORDS[1][:20]}
    assert sum(one.content or 0 for one in reading.conversation.records if one.inner_type == 23) > 30_000


# --- anything at all


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(Sender), st.binary(max_size=200)), max_size=8), st.booleans())
def test_any_bytes_give_a_conversation(pieces: list[tuple[Sender, bytes]], with_keys: bool) -> None:
    seen = read_pieces([one for one in pieces if one[1]], KeyLog() if with_keys else None)
    assert seen.sent == {sender: sum(len(data) for who, data in pieces if who is sender) for sender in Sender}
    assert len(seen.trouble) <= 4


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_change_gives_a_conversation(recordings: Callable[[str], Recording], data: st.DataObject) -> None:
    recorded = recordings(data.draw(st.sampled_from(sorted(CASES))))
    pieces = list(recorded.pieces)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        sender, wire = pieces[at]
        start = data.draw(st.integers(0, min(len(wire), 2000) - 1))
        new = data.draw(st.binary(max_size=6))
        wire = wire[:start] + new + wire[start + data.draw(st.integers(0, 6)) :]
        pieces[at] = sender, wire or b"\0"
    for key_log in (recorded.key_log, None):
        seen = read_pieces(pieces, key_log)
        assert seen == read_pieces(pieces, key_log, 11)
        assert [one.number for one in seen.messages] == list(range(len(seen.messages)))


@pytest.mark.parametrize("case", ["1.2 full mutual", "1.3 full mutual"])
def test_every_beginning_gives_a_conversation(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    whole = recorded.read(recorded.key_log)
    for at, (sender, data) in enumerate(recorded.pieces[:6]):
        for length in range(1, min(len(data), 1200), 7):
            pieces = [*recorded.pieces[:at], (sender, data[:length])]
            seen = read_pieces(pieces, recorded.key_log)
            assert {one.kind for one in seen.trouble} <= {"cut"}
            assert [one.body for one in seen.messages] == [one.body for one in whole.messages[: len(seen.messages)]]


# --- keys that are missing, late or wrong


@pytest.mark.parametrize("case", ["1.2 full mutual", "1.3 full mutual", "1.3 retried mutual", "1.3 asked later"])
def test_without_keys_the_records_are_still_there(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    opened, seen = recorded.read(recorded.key_log), recorded.read(None)
    assert not seen.opened
    assert seen.trouble == []
    assert [(one.sender, one.offset, one.length, one.protected) for one in seen.records] == [
        (one.sender, one.offset, one.length, one.protected) for one in opened.records
    ]
    for one, other in zip(seen.records, opened.records, strict=True):
        if one.protected:
            assert one.content is None
            assert one.inner_type == (None if case.startswith("1.3") else other.inner_type)
        else:
            assert one == other
    assert [one.body for one in seen.messages] == [one.body for one in opened.messages if not one.protected]
    assert seen.application == {CLIENT: b"", SERVER: b""}


@pytest.mark.parametrize("case", CASES)
def test_keys_that_come_after_the_bytes_give_the_same(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    key_log = KeyLog()
    reading = Reading(key_log)
    for at, (sender, data) in enumerate(recorded.pieces):
        reading.receive_data(sender, data, float(at))
    for sender in Sender:
        reading.end(sender, float(len(recorded.pieces)))
    protected = any(one.protected for one in reading.conversation.records)
    assert reading.conversation.opened is not protected
    assert bool(reading.conversation.trouble) is protected
    for line in recorded.key_lines.splitlines():
        key_log.add(line)
    assert reading.look_again() is protected
    assert reading.conversation == recorded.read(recorded.key_log)
    assert not reading.look_again()


@pytest.mark.parametrize("case", CASES)
def test_keys_that_come_line_by_line_give_the_same(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    lines = recorded.key_lines.splitlines()
    asked: list[bytes] = []

    def source(client_random: bytes) -> KeyLog:
        asked.append(client_random)
        return read_key_log(lines[: len(asked) // 3])

    reading = Reading(source)
    for at, (sender, data) in enumerate(recorded.pieces):
        reading.receive_data(sender, data, float(at))
    while not reading.conversation.opened:
        reading.look_again()
    for sender in Sender:
        reading.end(sender, float(len(recorded.pieces)))
    assert reading.conversation == recorded.read(recorded.key_log)
    assert len(set(asked)) <= 1


def test_a_key_that_never_comes_is_named_at_the_end(recordings: Callable[[str], Recording]) -> None:
    for case, label in (("1.2 full", "CLIENT_RANDOM"), ("1.3 full", "SERVER_HANDSHAKE_TRAFFIC_SECRET")):
        seen = recordings(case).read(KeyLog())
        assert {one.kind for one in seen.trouble} == {"sealed"}
        assert any(f"the key log has no {label} of this conversation" in one.what for one in seen.trouble)


@pytest.mark.parametrize("case", ["1.2 full", "1.3 full"])
def test_a_key_of_another_connection_is_told(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    wrong = "".join(
        f"{label} {random} {bytes(len(secret) // 2).hex()}\n"
        for label, random, secret in (line.split() for line in recorded.key_lines.splitlines() if line[0] != "#")
    )
    seen = recorded.read(read_key_log(wrong.splitlines()))
    assert not seen.opened
    assert {(one.sender, one.kind) for one in seen.trouble} == {(CLIENT, "sealed"), (SERVER, "sealed")}
    assert "does not belong to this conversation, or bytes were changed" in seen.trouble[0].what
    assert len(seen.records) == len(recorded.read(recorded.key_log).records)


@pytest.mark.parametrize("case", ["1.2 full", "1.3 full"])
def test_a_record_that_was_changed_is_told(recordings: Callable[[str], Recording], case: str) -> None:
    recorded = recordings(case)
    pieces = list(recorded.pieces)
    last = max(at for at, (sender, _) in enumerate(pieces) if sender is CLIENT)
    sender, data = pieces[last]
    pieces[last] = sender, data[:-1] + bytes([data[-1] ^ 1])
    seen = read_pieces(pieces, recorded.key_log)
    assert [(one.sender, one.kind) for one in seen.trouble] == [(CLIENT, "broken")]
    assert "bytes were changed" in seen.trouble[0].what
    assert seen.trouble[0].first.startswith(data[:3])
    assert not seen.opened


def test_no_more_waits_for_keys_than_is_allowed() -> None:
    reading = Reading(KeyLog())
    for sender, wire in steps(SIMPLE)[:2]:
        reading.receive_data(sender, wire, 0.0)
    record = b"\x17\x03\x03\x40\x00" + bytes(1 << 14)
    for _ in range(MOST_WAITING // (1 << 14) + 2):
        reading.receive_data(SERVER, record, 0.0)
    assert [one.kind for one in reading.conversation.trouble] == ["sealed"]
    assert not reading._ends[SERVER].waiting
    assert len(reading.conversation.records) == 2 + MOST_WAITING // (1 << 14) + 2
    assert not reading.look_again()


def test_a_connection_whose_beginning_was_not_seen_is_listed(recordings: Callable[[str], Recording]) -> None:
    recorded = recordings("1.3 full")
    seen = read_pieces(recorded.pieces[3:], recorded.key_log)
    assert seen.records
    assert all(one.protected and one.inner_type is None for one in seen.records)
    assert {one.kind for one in seen.trouble} == {"sealed"}
    assert "the hellos before them were not seen" in seen.trouble[0].what


def test_no_key_is_asked_for_where_none_would_help(tmp_path: Path) -> None:
    ends = Ends(tmp_path).limit("1.2", "ECDHE-ECDSA-ARIA256-GCM-SHA384")
    recorded = converse(ends.client, ends.server)

    def source(client_random: bytes) -> KeyLog:
        return KeyLog()

    seen = recorded.read(source)
    assert [one.what for one in seen.trouble] == [
        "records protected by TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384 can't be opened here"
    ] * 2


# --- bounded


def work(make: Callable[[], Reading], sender: Sender, data: bytes) -> int:
    """Calls of functions, of Python and of C, that it takes to read `data`."""
    reading = make()
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        reading.receive_data(sender, data, 0.0)
    finally:
        sys.setprofile(before)
    assert len(reading.conversation.records) > 1000
    return count


def _behind_hellos(key_log: KeyLog | None) -> Reading:
    reading = Reading(key_log)
    for sender, wire in steps(EARLY_DATA):
        if wire[0] == 22:
            reading.receive_data(sender, wire, 0.0)
    return reading


_WITHOUT_EARLY = [line for line in EARLY_DATA.keylog.splitlines() if not line.startswith(CLIENT_EARLY)]
_EARLY_ONLY = [line for line in EARLY_DATA.keylog.splitlines() if line.startswith(CLIENT_EARLY)]


@pytest.mark.parametrize(
    ("make", "sender", "record"),
    [
        (Reading, CLIENT, plain(b"\1")),  # one message of 65,793 bytes, byte by byte
        (Reading, CLIENT, plain(b"\0")),  # many HelloRequests, byte by byte
        (Reading, CLIENT, plain(handshake(0) * 3 + b"\0")),
        (Reading, CLIENT, plain(b"x", 23)),  # waits for hellos that never come
        (lambda: _behind_hellos(None), SERVER, plain(b"x", 23)),
        (lambda: _behind_hellos(KeyLog()), SERVER, plain(b"x", 23)),
        (lambda: _behind_hellos(KeyLog()), CLIENT, plain(b"x", 23)),
        (lambda: _behind_hellos(read_key_log(_WITHOUT_EARLY)), CLIENT, plain(bytes(40), 23)),
        (lambda: _behind_hellos(read_key_log(_EARLY_ONLY)), CLIENT, plain(bytes(40), 23)),
    ],
)
def test_the_work_is_linear_in_the_records(make: Callable[[], Reading], sender: Sender, record: bytes) -> None:
    once, twice = (work(make, sender, record * count) for count in (3000, 6000))
    assert once > 3000
    assert twice < 2.1 * once


def test_eight_megabytes_of_the_smallest_records_are_bounded() -> None:
    reading = Reading()
    data = plain(b"\0") * ((8 << 20) // 6)
    reading.receive_data(CLIENT, data, 0.0)
    reading.receive_data(SERVER, data, 0.0)
    seen = reading.conversation
    assert seen.sent == {CLIENT: len(data), SERVER: len(data)}
    assert len(seen.records) == 100_000
    assert len(seen.messages) == 25_000
    assert [one.kind for one in seen.trouble] == ["too much", "too much"]
