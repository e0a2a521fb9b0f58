from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.tls.memory import PIECE, MemoryConnection
from stdlib_engine import StdlibEngine
from tls_pairs import Trust, carry, exchange, records, refusal


def contexts(trust: Trust) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*trust.broker.save(trust.folder, "broker"))
    server.load_verify_locations(cadata=trust.device_ca.pem.decode())
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    server.verify_mode = ssl.CERT_REQUIRED
    return trust.client(trust.device), server


def pair(trust: Trust, max_record: int = 16384) -> tuple[MemoryConnection, MemoryConnection]:
    for_client, for_server = contexts(trust)
    client = MemoryConnection(StdlibEngine(for_client, "localhost"), peer="broker")
    client.start()
    return client, MemoryConnection(StdlibEngine(for_server), peer="device", max_record=max_record)


def shaken(trust: Trust, max_record: int = 16384) -> tuple[MemoryConnection, MemoryConnection]:
    client, server = pair(trust, max_record)
    assert exchange(client, server) == (b"", b"")
    assert client.established
    assert server.established
    return client, server


def test_a_handshake_proves_both(trust: Trust) -> None:
    client, server = shaken(trust)
    assert server.peer_certificate == trust.device.der
    assert client.proof is not None
    assert client.proof.version == "TLSv1.3"
    assert not client.has_data()
    assert client.psk_identity == ""


def test_before_the_handshake_nothing_is_proved_and_what_is_queued_waits(trust: Trust) -> None:
    client, server = pair(trust)
    assert server.peer_certificate == b""
    assert server.session is None
    client.send(b"early")
    assert client.has_data()
    to_client, to_server = exchange(client, server)
    assert (to_client, to_server) == (b"", b"early")


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 40_000), max_size=4), chunk=st.integers(1, 5_000))
def test_every_byte_arrives_whatever_the_pieces(trust: Trust, sizes: list[int], chunk: int) -> None:
    client, server = shaken(trust)
    sent = b"".join(bytes([number % 251]) * size for number, size in enumerate(sizes))
    for number, size in enumerate(sizes):
        client.send(bytes([number % 251]) * size)
    assert carry(client, server, chunk) == sent
    server.send(sent)
    assert carry(server, client, 16384) == sent


def test_no_record_is_larger_than_allowed(trust: Trust) -> None:
    _, server = shaken(trust, max_record=512)
    server.send(b"x" * 2000)
    assert [length for _, length in records(server.data_to_send())] == [529, 529, 529, 481]


@pytest.mark.parametrize("call", ["feed", "shake", "proof", "read"])
def test_whatever_an_engine_raises_the_connection_is_over(
    trust: Trust, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server = shaken(trust) if call == "read" else pair(trust)
    client.send(b"hello")
    ciphertext = client.data_to_send()
    with monkeypatch.context() as broken:
        broken.setattr(server._engine, call, fail)
        if call == "proof":
            server.receive_data(ciphertext)
            carry(server, client)
            ciphertext = client.data_to_send()
        with pytest.raises(RuntimeError, match="a bug"):
            server.receive_data(ciphertext)
    with pytest.raises(TLSError, match="has failed before: RuntimeError in the middleware"):
        server.receive_data(ciphertext)
    assert server.established == (call == "read")


def fail(*_: object) -> bytes:
    raise RuntimeError("a bug")


def test_an_engine_gets_no_more_than_a_piece_at_once(trust: Trust) -> None:
    client, server = shaken(trust)
    client.send(b"x" * 100_000)
    server.receive_data(client.data_to_send())
    engine = server._engine
    assert isinstance(engine, StdlibEngine)
    assert max(engine.fed) <= PIECE


def test_a_goodbye_ends_it_and_nothing_behind_it_is_read(trust: Trust) -> None:
    client, server = shaken(trust)
    client.send(b"last")
    client.close()
    said = client.data_to_send()
    client.send(b"never")
    assert client.data_to_send() == b""
    assert server.receive_data(said) == b"last"
    assert server.closed
    assert server.receive_data(said) == b""


def test_closing_in_the_middle_of_a_handshake_says_nothing(trust: Trust) -> None:
    client, _ = pair(trust)
    client.data_to_send()
    client.close()
    assert client.data_to_send() == b""


def test_a_refusal_is_flushed_and_said_again(trust: Trust) -> None:
    for_client, for_server = contexts(trust)
    client = MemoryConnection(StdlibEngine(for_client, "elsewhere"), peer="broker")
    client.start()
    server = MemoryConnection(StdlibEngine(for_server), peer="device")
    ours, theirs = refusal(client, server)
    assert ours is not None
    assert theirs is not None  # the alert came through
    assert client.refused_certificate == b"a certificate"
    with pytest.raises(TLSError, match="has failed before"):
        client.receive_data(b"more")
    client.send(b"nothing")
    assert client.data_to_send() == b""


def test_what_is_not_tls_is_refused_in_words(trust: Trust) -> None:
    _, server = pair(trust)
    with pytest.raises(TLSError, match="HTTP"):
        server.receive_data(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(TLSError, match="has failed before"):
        server.receive_data(b"")


def test_an_altered_record_is_the_end(trust: Trust) -> None:
    client, server = shaken(trust)
    client.send(b"hello")
    said = bytearray(client.data_to_send())
    said[-1] ^= 1
    with pytest.raises(TLSError, match="wrong"):
        server.receive_data(bytes(said))


def test_a_link_that_was_cut_drops_what_was_queued(trust: Trust) -> None:
    client, _ = shaken(trust)
    client.send(b"lost")
    client.keep_session()
    assert client.data_to_send() == b""


@settings(max_examples=50, deadline=None)
@given(noise=st.binary(min_size=1, max_size=400))
def test_noise_is_refused_or_waited_on(trust: Trust, noise: bytes) -> None:
    _, server = pair(trust)
    try:
        assert server.receive_data(noise) == b""
    except TLSError:
        pass
    assert not server.established
