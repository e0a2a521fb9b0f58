"""Hellos: those of RFC 8448, those of OpenSSL, and bytes that only look like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.extensions import MOST_EXTENSIONS
from sealmq.kit.dissect.hello import (
    RETRY_RANDOM,
    ClientHello,
    ServerHello,
    read_client_hello,
    read_server_hello,
    speaks_tls13,
)
from tls_messages import check_every_byte, client_hello, extension, message, server_hello, tls12_messages, vector
from vectors.rfc8448 import CLIENT_AUTHENTICATION, COMPATIBILITY, EARLY_DATA, RETRY, SIMPLE, TRACES, Trace

HELLOS = [one for trace in TRACES for one in (*trace.messages(1), *trace.messages(2))]
HELLOS += [one for _, one in tls12_messages() if one[0] in (1, 2)]


def read(hello: bytes) -> ClientHello | ServerHello:
    return read_client_hello(hello) if hello[:1] == b"\x01" else read_server_hello(hello)


def ask_everything(hello: object) -> None:
    """Every property, whatever the bytes were."""
    for name in dir(type(hello)):
        if isinstance(getattr(type(hello), name), property):
            getattr(hello, name)


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.section)
def test_the_hellos_of_the_traces(trace: Trace) -> None:
    for one in trace.messages(1):
        hello = read_client_hello(one)
        assert hello.random == trace.client_random
        assert hello.legacy_version == 0x0303
        assert hello.versions == (0x0304,)
        assert hello.best_version == 0x0304
        assert hello.suites == (0x1301, 0x1303, 0x1302)
        assert hello.compression_methods == (0,)
        assert hello.server_name == "server"
        assert hello.psk_modes == (1,)
        assert hello.schemes[:4] == (0x0403, 0x0503, 0x0603, 0x0203)
        assert hello.certificate_schemes == hello.point_formats == hello.alpn == ()
        assert hello.record_size_limit == 0x4001
        assert hello.max_fragment_length is None
        assert not any(extension.trouble for extension in hello.extensions)
    for one in trace.messages(2):
        answer = read_server_hello(one)
        assert (answer.version, answer.legacy_version, answer.suite) == (0x0304, 0x0303, 0x1301)
        assert speaks_tls13(answer)
        assert answer.downgrade == ""
        assert answer.compression == 0
        assert not any(extension.trouble for extension in answer.extensions)


def test_what_each_trace_is_about() -> None:
    """RFC 8448 sections 3 to 7."""
    simple = read_client_hello(SIMPLE.messages(1)[0])
    assert simple.groups == (0x1D, 0x17, 0x18, 0x19, 0x100, 0x101, 0x102, 0x103, 0x104)
    assert simple.key_shares == ((0x1D, 32),)
    assert (simple.offers_psk, simple.early_data) == (False, False)
    assert (simple.takes_tickets, simple.offers_ticket) == (True, False)
    resumed = read_client_hello(EARLY_DATA.messages(1)[0])
    assert (resumed.offers_psk, resumed.early_data) == (True, True)
    taken = read_server_hello(EARLY_DATA.messages(2)[0])
    assert (taken.selected_psk, taken.group, taken.key_share_length) == (0, 0x1D, 32)
    retry, answer = (read_server_hello(one) for one in RETRY.messages(2))
    assert (retry.is_retry, retry.group, retry.key_share_length, retry.selected_psk) == (True, 0x17, 0, None)
    assert (answer.is_retry, answer.group, answer.key_share_length) == (False, 0x17, 65)
    first, second = (read_client_hello(one) for one in RETRY.messages(1))
    assert (first.key_shares, second.key_shares) == (((0x1D, 32),), ((0x17, 65),))
    assert second.find(44) is not None
    assert len(read_client_hello(COMPATIBILITY.messages(1)[0]).session_id) == 32
    assert read_server_hello(COMPATIBILITY.messages(2)[0]).session_id.startswith(b"\xa8\x0c")
    assert read_client_hello(CLIENT_AUTHENTICATION.messages(1)[0]).find(49) is None


def test_the_hellos_of_openssl_in_tls12() -> None:
    hello, answer = (one for _, one in tls12_messages()[:2])
    asked = read_client_hello(hello)
    assert asked.server_name == "localhost"
    assert asked.versions == (0x0303,)
    assert 0xC02B in asked.suites
    assert asked.find(23) is not None
    assert (asked.takes_tickets, asked.key_shares, asked.offers_psk) == (True, (), False)
    taken = read_server_hello(answer)
    assert taken.version == 0x0303
    assert not speaks_tls13(taken)
    assert taken.suite in asked.suites
    assert taken.downgrade == "TLS 1.2"  # its client allows no more than that, and it has TLS 1.3
    assert (taken.group, taken.key_share_length, taken.selected_psk) == (None, 0, None)


@pytest.mark.parametrize("hello", HELLOS, ids=range(len(HELLOS)))
def test_every_byte_of_a_hello_is_accounted_for(hello: bytes) -> None:
    found = read(hello)
    check_every_byte(hello, found.fields)


@pytest.mark.parametrize("hello", HELLOS, ids=range(len(HELLOS)))
def test_a_hello_that_was_cut_is_no_hello(hello: bytes) -> None:
    """With its length corrected, a hello may end before its extensions (RFC 5246 section 7.4.1.2), and nowhere else."""
    whole = 0
    for end in range(len(hello)):
        with pytest.raises(TLSError):
            read(hello[:end])
        try:
            ask_everything(read(message(hello[0], hello[4:end])))
            whole += 1
        except TLSError:
            continue
    assert whole == 1


@given(st.sampled_from(HELLOS), st.data())
def test_only_tls_error_comes_out_of_a_hello_that_was_changed(hello: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(4, len(hello) - 1))
    changed = bytearray(hello)
    changed[at] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(changed))
    except TLSError:
        return
    ask_everything(found)
    if not any(one.trouble for one in found.extensions):
        check_every_byte(bytes(changed), found.fields)


@given(st.sampled_from([1, 2]), st.binary(max_size=120))
def test_only_tls_error_comes_out_of_any_bytes(type_: int, body: bytes) -> None:
    try:
        ask_everything(read(message(type_, body)))
    except TLSError:
        return


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 10, 11, 13, 16, 28, 35, 41, 42, 43, 45, 50, 51]), st.binary(max_size=20)),
        max_size=5,
    )
)
def test_every_question_has_an_answer_whatever_stands_in_the_extensions(parts: list[tuple[int, bytes]]) -> None:
    extensions = [extension(code, body) for code, body in parts]
    for hello in (client_hello(*extensions), server_hello(*extensions), server_hello(*extensions, random=RETRY_RANDOM)):
        found = read(hello)
        ask_everything(found)


def hello_with(code: int, body: bytes) -> ClientHello:
    return read_client_hello(client_hello(extension(code, body)))


def test_what_a_client_offers() -> None:
    assert hello_with(0, vector(2, b"\x00", vector(2, b"a\x1b[0m"))).server_name == "a\\x1b[0m"
    assert hello_with(0, vector(2, b"\x01", vector(2, b"other"), b"\x00", vector(2, b"host"))).server_name == "host"
    assert hello_with(0, b"\x00\x09").server_name == ""
    assert hello_with(16, vector(2, vector(1, b"mqtt"), vector(1, b"\xff"))).alpn == ("mqtt", "\\xff")
    assert hello_with(1, b"\x04").max_fragment_length == 4096
    assert hello_with(1, b"\x05").max_fragment_length is None
    assert hello_with(35, b"ticket").offers_ticket
    assert hello_with(43, vector(1, b"\x6a\x6a\x03\x03\x03\x04")).best_version == 0x0304
    assert hello_with(43, vector(1, b"\x6a\x6a")).best_version == 0x0303
    assert hello_with(43, b"\xff").versions == (0x0303,)
    assert hello_with(51, vector(2)).key_shares == ()
    assert hello_with(51, vector(2, b"\x11\xec", vector(2, bytes(1216)))).key_shares == ((0x11EC, 1216),)


def test_an_old_hello_has_no_extensions() -> None:
    body = b"\x03\x01" + bytes(32) + vector(1) + vector(2, b"\x00\x2f\x00\xff") + vector(1, b"\x00")
    hello = read_client_hello(message(1, body))
    assert (hello.versions, hello.extensions, hello.groups, hello.server_name) == ((0x0301,), (), (), "")
    answer = read_server_hello(message(2, b"\x03\x01" + bytes(32) + vector(1) + b"\x00\x2f\x00"))
    assert (answer.version, answer.extensions) == (0x0301, ())


@pytest.mark.parametrize(
    ("end", "words"), [("444f574e47524401", "TLS 1.2"), ("444f574e47524400", "TLS 1.1 or below"), ("00" * 8, "")]
)
def test_a_downgrade_is_read_off_the_random(end: str, words: str) -> None:
    """RFC 8446 section 4.1.3."""
    answer = read_server_hello(server_hello(random=bytes(24) + bytes.fromhex(end)))
    assert answer.downgrade == words
    random = next(one for one in answer.fields if one.name == "random")
    assert ("though it has more" in random.value) is bool(words)


def test_a_draft_of_tls13_speaks_tls13() -> None:
    assert speaks_tls13(read_server_hello(server_hello(extension(43, b"\x7f\x1c"))))


def test_another_message_is_no_hello() -> None:
    with pytest.raises(TLSError, match="a ServerHello stands where a ClientHello must") as caught:
        read_client_hello(SIMPLE.messages(2)[0])
    assert caught.value.alert == "unexpected_message"


def test_a_hello_with_too_many_extensions_is_refused() -> None:
    with pytest.raises(TLSError, match="more than 256"):
        read_client_hello(client_hello(*[extension(0x1234, b"")] * (MOST_EXTENSIONS + 1)))


def offering(*identities: tuple[bytes, int]) -> ClientHello:
    shown = [vector(2, identity) + age.to_bytes(4) for identity, age in identities]
    binders = [vector(1, bytes(32))] * len(identities)
    return read_client_hello(client_hello(extension(41, vector(2, *shown) + vector(2, *binders))))


def test_a_key_by_arrangement_has_a_name_and_a_ticket_has_none() -> None:
    noise = bytes(range(0x80, 0xE0))
    offered = offering((b"small-1", 0), (noise, 0x1234), (noise, 0), (b"text", 7), ("Größe\x1b".encode(), 0))
    assert [each.name for each in offered.psk_identities] == ["small-1", None, None, None, None]
    assert offered.psk_identities[1].identity == noise
    assert offering(("Größe\\".encode(), 0)).psk_identities[0].name == "Größe\\\\"
    assert read_client_hello(SIMPLE.messages(1)[0]).psk_identities == ()
    (ticket,) = read_client_hello(EARLY_DATA.messages(1)[0]).psk_identities
    assert ticket.name is None
    assert len(ticket.identity) == 178  # RFC 8448 section 4


@given(st.binary(max_size=64))
def test_identities_that_lie_are_none(noise: bytes) -> None:
    hello = read_client_hello(client_hello(extension(41, noise)))
    assert all(len(each.identity) <= len(noise) for each in hello.psk_identities)
