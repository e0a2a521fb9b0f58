"""What this engine has of its own, and what it resumes; who is let in and who is refused is in test_connecting.py."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from OpenSSL._util import lib

from middleware_pairs import POLICIES, client_material, pair, server_material, shaken
from sealmq.errors import TLSError
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import ClientConnection, ClientContext, TLSConnection, TLSContext
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.pyopenssl.engine import PyOpenSSLEngine, Session
from tls_pairs import Trust, carry, exchange, records

PAIRS = [("pyopenssl", "pyopenssl"), ("openssl", "pyopenssl"), ("pyopenssl", "openssl")]
OURS = pytest.mark.parametrize(("client", "server"), PAIRS, ids=[f"{client} to {server}" for client, server in PAIRS])
EACH_VERSION = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


def engine_of(connection: TLSConnection) -> PyOpenSSLEngine:
    assert isinstance(connection, MemoryConnection)
    engine = connection._engine
    assert isinstance(engine, PyOpenSSLEngine)
    return engine


def leave_an_error() -> None:
    """As whoever else uses OpenSSL in this thread may."""
    assert lib.SSL_CTX_set1_curves_list(SSL.Context(SSL.TLS_METHOD)._context, b"nothing") == 0


def test_an_error_that_somebody_else_left_is_not_ours(trust: Trust) -> None:
    client, server = pair("pyopenssl", "pyopenssl", trust)
    for _ in range(3):
        leave_an_error()
        carry(client, server)
        leave_an_error()
        carry(server, client)
    client.send(b"hello")
    leave_an_error()
    said = client.data_to_send()
    leave_an_error()
    assert server.receive_data(said[:7]) == b""
    leave_an_error()
    assert server.receive_data(said[7:]) == b"hello"
    leave_an_error()
    client.close()
    assert carry(client, server) == b""
    assert server.closed
    lib.ERR_clear_error()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("size", [1, 100, 16_384, 16_385, 3_000_000])
def test_every_byte_arrives_both_ways(trust: Trust, version: str, size: int) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust, version))
    sent = bytes(range(256)) * (size // 256 + 1)
    client.send(sent[:size])
    assert carry(client, server, 5000) == sent[:size]
    server.send(sent[:size])
    assert carry(server, client) == sent[:size]


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(0, 20_000), max_size=5), chunk=st.integers(1, 20_000))
def test_every_piece_arrives_in_order(trust: Trust, sizes: list[int], chunk: int) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust, "TLSv1.3"))
    for number, size in enumerate(sizes):
        client.send(bytes([number]) * size)
        server.send(bytes([number]) * size)
    everything = b"".join(bytes([number]) * size for number, size in enumerate(sizes))
    assert exchange(client, server, chunk) == (everything, everything)


def test_no_record_is_larger_than_allowed(trust: Trust) -> None:
    _, server = shaken(*pair("pyopenssl", "pyopenssl", trust, "TLSv1.3", max_record=512))
    server.send(b"x" * 2000)
    assert [length for _, length in records(server.data_to_send())] == [529, 529, 529, 481]


def test_the_buffers_of_a_handshake_and_of_long_messages_are_let_go(trust: Trust) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust))
    engine = engine_of(server)
    for _ in range(2):
        before = engine._incoming
        client.send(b"short")
        assert carry(client, server) == b"short"
        assert engine._incoming != before
        before = engine._incoming
        client.send(b"short")
        assert carry(client, server) == b"short"
        assert engine._incoming == before == engine._connection._into_ssl
        client.send(b"x" * 16_000)
        assert len(carry(client, server)) == 16_000


def test_buffers_that_hold_something_are_not_let_go(trust: Trust) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust))
    engine = engine_of(server)
    engine._large = True
    client.send(b"here")
    before = engine._incoming
    said = client.data_to_send()
    lib.BIO_write(engine._incoming, said[:9], 9)
    engine._exchange()
    assert engine._incoming == before
    assert server.receive_data(said[9:]) == b"here"


def test_a_connection_goes_with_its_last_user(trust: Trust) -> None:
    gc.collect()
    gc.disable()
    try:
        client, server = shaken(*pair("pyopenssl", "pyopenssl", trust))
        gone = [weakref.ref(engine_of(each)._connection) for each in (client, server)]
        del client, server
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_an_altered_record_is_the_end(trust: Trust, version: str) -> None:
    client, server = shaken(*pair("pyopenssl", "pyopenssl", trust, version))
    client.send(b"hello")
    said = bytearray(client.data_to_send())
    said[-1] ^= 1
    with pytest.raises(TLSError, match="altered on its way") as raised:
        server.receive_data(bytes(said))
    assert raised.value.alert == "bad_record_mac"
    with pytest.raises(TLSError):  # the alert was flushed
        carry(server, client)


@settings(max_examples=60)
@given(noise=st.binary(min_size=1, max_size=600), head=st.sampled_from([b"", b"\x16\x03\x01", b"\x16\x03\x03\x40\x00"]))
def test_noise_is_refused_or_waited_on(trust: Trust, noise: bytes, head: bytes) -> None:
    client, server = pair("pyopenssl", "pyopenssl", trust)
    for one in (client, server):
        one.data_to_send()
        try:
            assert one.receive_data(head + noise) == b""
        except TLSError:
            pass
        assert not one.established
        one.data_to_send()


def test_a_flood_of_warnings_ends(trust: Trust) -> None:
    _, server = pair("pyopenssl", "pyopenssl", trust)
    with pytest.raises(TLSError):
        server.receive_data(bytes.fromhex("15030300020164") * 5000)
    assert len(server.data_to_send()) < 100


def test_a_hello_without_end_is_cut_off(trust: Trust) -> None:
    _, server = pair("pyopenssl", "pyopenssl", trust)
    record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(16_380)
    with pytest.raises(TLSError) as raised:
        server.receive_data(record * 100)
    assert raised.value.sent


def test_a_session_shows_no_secret(trust: Trust) -> None:
    client, _ = shaken(*pair("pyopenssl", "pyopenssl", trust))
    assert isinstance(client.session, Session)
    assert repr(client.session) == "Session(server_hostname='localhost')"


# -- resumption ------------------------------------------------------------------------------------------------------


def contexts(trust: Trust, client: str, server: str, policy: TLSPolicy) -> tuple[ClientContext, TLSContext]:
    return (
        find(client).client_context(policy, client_material(trust)),
        find(server).server_context(policy, server_material(trust)),
    )


def is_resumed(client: ClientConnection, server: TLSConnection) -> bool:
    shaken(client, server)
    assert client.proof is not None
    assert server.proof is not None
    assert client.proof.resumed == server.proof.resumed
    return client.proof.resumed


@OURS
@EACH_VERSION
def test_a_session_is_resumed_and_proves_the_same(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = contexts(trust, client, server, POLICIES[version])
    first, there = shaken(device.connection("localhost"), broker.connection())
    for _ in range(3):  # each resumption brings what the next is resumed with
        first.close()
        carry(first, there)
        there.close()
        carry(there, first)
        again, there = device.connection("localhost", session=first.session), broker.connection()
        assert is_resumed(again, there)
        assert there.peer_certificate == trust.device.der
        assert again.peer_certificate == trust.broker.der
        again.send(b"x" * 20_000)
        assert len(carry(again, there)) == 20_000
        first = again


@OURS
@EACH_VERSION
def test_a_new_context_resumes_nobody_of_an_old_one(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = contexts(trust, client, server, POLICIES[version])
    first, there = shaken(device.connection("localhost"), broker.connection())
    first.close()
    carry(first, there)
    _, newer = contexts(trust, client, server, POLICIES[version])
    assert not is_resumed(device.connection("localhost", session=first.session), newer.connection())


@EACH_VERSION
def test_a_device_that_was_cut_off_resumes_if_it_kept_its_session(trust: Trust, version: str) -> None:
    device, broker = contexts(trust, "pyopenssl", "pyopenssl", POLICIES[version])
    first, there = shaken(device.connection("localhost"), broker.connection())
    session = first.session
    first.send(b"lost")
    first.keep_session()
    assert first.data_to_send() == b""
    there.keep_session()
    del first, there
    second, there = device.connection("localhost", session=session), broker.connection()
    assert is_resumed(second, there)
    session = second.session
    del second, there  # neither said anything
    assert not is_resumed(device.connection("localhost", session=session), broker.connection())


@EACH_VERSION
def test_a_session_of_a_connection_that_failed_is_not_resumed(trust: Trust, version: str) -> None:
    device, broker = contexts(trust, "pyopenssl", "pyopenssl", POLICIES[version])
    first, there = shaken(device.connection("localhost"), broker.connection())
    session = first.session
    there.send(b"hello")
    said = bytearray(there.data_to_send())
    said[-1] ^= 1
    with pytest.raises(TLSError):
        first.receive_data(bytes(said))
    first.keep_session()
    del first
    assert not is_resumed(device.connection("localhost", session=session), broker.connection())


def test_a_session_is_good_for_its_own_name_and_context_alone(trust: Trust) -> None:
    device, broker = contexts(trust, "pyopenssl", "pyopenssl", POLICIES["TLSv1.3"])
    first, there = shaken(device.connection("localhost"), broker.connection())
    first.close()
    carry(first, there)
    assert not is_resumed(device.connection("127.0.0.1", session=first.session), broker.connection())
    other, _ = contexts(trust, "pyopenssl", "pyopenssl", POLICIES["TLSv1.3"])
    assert not is_resumed(other.connection("localhost", session=first.session), broker.connection())
    assert not is_resumed(device.connection("localhost", session=object()), broker.connection())
    assert is_resumed(device.connection("localhost", session=first.session), broker.connection())


@pytest.mark.parametrize("client", ["openssl", "pyopenssl"])
@EACH_VERSION
def test_without_tickets_nothing_is_resumed(trust: Trust, client: str, version: str) -> None:
    device, broker = contexts(trust, client, "pyopenssl", replace(POLICIES[version], tickets=0))
    first, there = shaken(device.connection("localhost"), broker.connection())
    first.close()
    carry(first, there)
    assert not is_resumed(device.connection("localhost", session=first.session), broker.connection())


def test_the_broker_keeps_nothing_of_those_who_are_gone(trust: Trust) -> None:
    """A session that was kept would hold 12 KB (tls/resumption.py)."""
    device, broker = contexts(trust, "pyopenssl", "pyopenssl", POLICIES["TLSv1.3"])

    def come_and_go(times: int) -> int:
        for _ in range(times):
            client, there = shaken(device.connection("localhost"), broker.connection())
            client.close()
            carry(client, there)
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = come_and_go(100)
    assert come_and_go(300) - before < 300 * 4_000
