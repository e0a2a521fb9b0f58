"""What a handshake costs: the shares are all bytes, and the sentences say what they are."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshakes import seen
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender
from sealmq.kit.handshake.cost import SHARES, cost_of, is_retry, parts_of, round_trips
from sealmq.kit.handshake.report import Cost, Trial

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
GCM = "ECDHE+AESGCM"
TLS_12, TLS_13 = 0x0303, 0x0304


def shares(cost: Cost) -> dict[str, int]:
    assert [one.what for one in cost.shares] == [what for what in SHARES if what in {one.what for one in cost.shares}]
    return {one.what: one.bytes for one in cost.shares}


def size(conversation: Conversation, sender: Sender, type_: int) -> int:
    return sum(len(one.body) - 4 for one in conversation.messages
               if (one.sender, one.kind, one.type) == (sender, ContentType.HANDSHAKE, type_))  # fmt: skip


def test_a_handshake_of_tls_13_is_counted() -> None:
    conversation = seen(TLS_13, client_kind="P-256")
    cost = cost_of(conversation, suite=0x1302, version=TLS_13, tcp_round_trip=0.012)
    assert (cost.sent, cost.received) == (conversation.sent[CLIENT], conversation.sent[SERVER])
    assert cost.largest_record_sent == max(5 + one.length for one in conversation.records if one.sender is CLIENT)
    assert cost.largest_message_received == max(
        len(one.body) for one in conversation.messages if one.sender is SERVER and one.kind == 22
    )
    assert cost.receive_buffer >= cost.largest_message_received
    found = shares(cost)
    assert sum(found.values()) == cost.sent + cost.received
    assert found["certificates"] == size(conversation, SERVER, 11) + size(conversation, CLIENT, 11)
    assert found["signatures"] == size(conversation, SERVER, 15) + size(conversation, CLIENT, 15)
    assert found["key exchange"] == (4 + 2 + 4 + 32) + (4 + 4 + 32)  # key_share of X25519 in both hellos
    assert found["tickets"] == size(conversation, SERVER, 4) + 4  # the empty session_ticket of the hello
    protected = [one for one in conversation.records if one.protected]
    messages = [one for one in conversation.messages if one.kind == 22]
    assert found["headers, padding and tags"] == 5 * len(conversation.records) + 17 * len(protected) + 4 * len(messages)
    assert cost.round_trips == 1.0
    text = "\n".join(cost.sentences)
    assert "own round trip, 1 more until the client may send data: 12.0 ms" in text
    percent = round(100 * (size(conversation, SERVER, 11) + 4) / (cost.sent + cost.received))
    assert f"The server's certificates are {percent} % of the handshake's bytes" in text
    assert "two session tickets of" in text
    assert "num_tickets 0 or 1 spares them" in text
    assert "MBEDTLS_SSL_IN_CONTENT_LEN" in text


def test_a_handshake_of_tls_12_is_counted() -> None:
    conversation = seen(TLS_12, suites=GCM)
    cost = cost_of(conversation, suite=0xC02C, version=TLS_12)
    found = shares(cost)
    assert sum(found.values()) == cost.sent + cost.received
    assert found["certificates"] == size(conversation, SERVER, 11)
    assert found["key exchange"] == 36 + size(conversation, CLIENT, 16)  # X25519: 36 bytes of parameters
    assert found["signatures"] == size(conversation, SERVER, 12) - 36
    assert cost.round_trips == 2.0
    assert "2 more until" in "\n".join(cost.sentences)
    assert "a session ticket of" in "\n".join(cost.sentences)


def test_round_trips_are_those_that_the_client_waits() -> None:
    assert round_trips(seen(TLS_13, curve="secp384r1"), TLS_13) == 2.0
    assert round_trips(seen(TLS_13, resume=True), TLS_13) == 1.0
    assert round_trips(seen(TLS_12, suites=GCM, resume=True), TLS_12) == 1.0
    assert round_trips(Conversation(), TLS_13) == 0.0
    ended = seen(TLS_12, suites=GCM)
    assert round_trips(dataclasses.replace(ended, messages=ended.messages[:2]), TLS_12) == 2.0


def test_a_retry_is_told_from_a_hello() -> None:
    hellos = [one for one in seen(TLS_13, curve="secp384r1").messages if (one.sender, one.type) == (SERVER, 2)]
    assert [is_retry(one) for one in hellos] == [True, False]
    assert hellos[0].body[6:38] == hashlib.sha256(b"HelloRetryRequest").digest()  # RFC 8446 section 4.1.3


def test_a_resumed_session_has_its_ticket_in_the_hello() -> None:
    conversation = seen(TLS_13, resume=True)
    found = shares(cost_of(conversation, suite=0x1302, version=TLS_13))
    assert "certificates" not in found
    assert "signatures" not in found
    assert found["tickets"] > size(conversation, SERVER, 4)


def test_a_large_hello_takes_two_segments() -> None:
    body = b"\x01" + (1552).to_bytes(3, "big") + bytes(1552)
    hello = Message(CLIENT, 0, ContentType.HANDSHAKE, 1, body, (0,), 0.0, False)
    record = Record(CLIENT, 0, 22, 0x0301, 0, 1556, 0.0, content=1556)
    conversation = Conversation(records=[record], messages=[hello], sent={CLIENT: 1561, SERVER: 0})
    sentences = cost_of(conversation, suite=0, version=0).sentences
    assert "The client's hello (1,561 bytes) takes 2 TCP segments of 1,460 bytes, not one" in sentences


def test_application_data_and_what_is_sealed_are_shares_of_their_own() -> None:
    conversation = seen(TLS_13)
    number = len(conversation.records)
    opened = Record(CLIENT, number, 23, 0x0303, 0, 100, 1.0, True, 23, 83)
    sealed = Record(SERVER, number + 1, 23, 0x0303, 0, 200, 1.0, True)
    data = Message(CLIENT, len(conversation.messages), 23, 0, b"", (number,), 1.0, True)
    more = dataclasses.replace(
        conversation, records=[*conversation.records, opened, sealed], messages=[*conversation.messages, data],
        sent={CLIENT: conversation.sent[CLIENT] + 105, SERVER: conversation.sent[SERVER] + 205 + 3},
    )  # fmt: skip
    cost = cost_of(more, suite=0x1302, version=TLS_13)
    found = shares(cost)
    assert (found["application data"], found["what could not be read"]) == (105, 208)
    before = shares(cost_of(conversation, suite=0x1302, version=TLS_13))
    assert {what: found[what] for what in before} == before
    assert "and 105 more of application data" in cost.sentences[0]
    assert "208 bytes could not be read, so some of this may be more" in cost.sentences


def test_in_tls_12_an_encrypted_record_says_what_it_carries() -> None:
    record = Record(CLIENT, 0, 23, 0x0303, 0, 100, 1.0, True)
    assert shares(cost_of(Conversation(records=[record]), suite=0xC02C, version=TLS_12)) == {"application data": 105}
    assert shares(cost_of(Conversation(records=[record]), suite=0x1301, version=TLS_13)) == {
        "what could not be read": 105
    }


def test_buffers_are_for_the_largest_record_and_the_largest_message() -> None:
    record = Record(SERVER, 0, 23, 0x0303, 0, 1017, 1.0, True)
    for suite, content in ((0x1301, 1000), (0x1305, 1008), (0xC02C, 1001), (0, 1017)):
        assert cost_of(Conversation(records=[record]), suite=suite, version=TLS_13).receive_buffer == content
    large = Message(SERVER, 0, 22, 11, b"\x0b" + (2000).to_bytes(3, "big") + bytes(2000), (0,), 1.0, True)
    cost = cost_of(Conversation(records=[record], messages=[large]), suite=0x1301, version=TLS_13)
    assert (cost.receive_buffer, cost.largest_record_received, cost.largest_message_received) == (2004, 1022, 2004)


def test_a_fragment_that_was_honoured_makes_small_buffers_safe() -> None:
    conversation = seen(TLS_13)
    refused = Trial(asked=512, honoured=False, largest=900, sentence="It did not take 512")
    taken = Trial(asked=512, honoured=True, largest=512, sentence="It took 512")
    without = cost_of(conversation, suite=0x1301, version=TLS_13, trials=[refused])
    assert without.trials == (refused,)
    assert "It did not take 512" in without.sentences
    assert any("a smaller buffer is safe only" in one for one in without.sentences)
    with_it = cost_of(conversation, suite=0x1301, version=TLS_13, trials=[refused, taken])
    assert not any("a smaller buffer is safe only" in one for one in with_it.sentences)


def test_nothing_costs_nothing() -> None:
    cost = cost_of(Conversation(), suite=0, version=0)
    assert (cost.sent, cost.received, cost.shares, cost.sentences, cost.round_trips) == (0, 0, (), (), 0.0)


HELLOS = [one.body for one in seen(TLS_13, resume=True).messages if one.type in (1, 2)]


@given(
    st.one_of(
        st.binary(max_size=60), st.sampled_from(HELLOS).flatmap(lambda b: st.integers(0, len(b)).map(lambda n: b[:n]))
    ),
    st.sampled_from([20, 21, 22, 23]),
    st.integers(0, 30),
)
def test_the_parts_of_a_message_are_all_of_it(body: bytes, kind: int, type_: int) -> None:
    parts = list(parts_of(Message(CLIENT, 0, kind, type_, body, (), 0.0, False)))
    assert sum(size for _, size in parts) == len(body)
    assert all(size >= 0 for _, size in parts)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Any, also such as no reader makes."""
    sender, kind = st.sampled_from(list(Sender)), st.sampled_from([20, 21, 22, 23, 24])
    made = Conversation()
    for number in range(draw(st.integers(0, 6))):
        protected = draw(st.booleans())
        inner = draw(st.none() | kind)
        content = draw(st.none() | st.integers(0, 300))
        length = draw(st.integers(0, 300))
        record = Record(draw(sender), number, draw(kind), 0x0303, 0, length, 0.0, protected, inner, content)
        made.records.append(record)
    for number in range(draw(st.integers(0, 6))):
        numbers = tuple(draw(st.lists(st.integers(0, 7), max_size=3)))
        body = draw(st.binary(max_size=80) | st.sampled_from(HELLOS))
        made.messages.append(
            Message(draw(sender), number, draw(kind), draw(st.integers(0, 26)), body, numbers, 0.0, True)
        )
    made.sent = {one: draw(st.integers(0, 3000)) for one in Sender}
    return made


@given(conversations(), st.sampled_from([0, TLS_12, TLS_13]), st.sampled_from([0, 0x1301, 0x1305, 0xC02C]))
def test_the_shares_are_all_bytes_on_the_wire(conversation: Conversation, version: int, suite: int) -> None:
    cost = cost_of(conversation, suite=suite, version=version, tcp_round_trip=0.1)
    assert sum(one.bytes for one in cost.shares) == cost.sent + cost.received
    assert all(one.bytes > 0 for one in cost.shares)
    for sender, counted in ((CLIENT, cost.sent), (SERVER, cost.received)):
        on_the_wire = sum(5 + one.length for one in conversation.records if one.sender is sender)
        assert counted == max(on_the_wire, conversation.sent[sender])


@pytest.mark.parametrize("version", [TLS_12, TLS_13])
def test_the_shares_of_real_handshakes_leave_nothing_unread(version: int) -> None:
    conversation = seen(version, "RSA", client_kind="RSA", suites=GCM if version == TLS_12 else "")
    found = shares(cost_of(conversation, suite=0x1302, version=version))
    assert "what could not be read" not in found
    assert sum(found.values()) == sum(conversation.sent.values())
