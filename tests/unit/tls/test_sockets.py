"""Any middleware on a socket: what paho-mqtt, aiomqtt and asyncio rely on, and hostile peers."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from running import wait_until
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import ClientConnection
from sealmq.tls.sockets import PIECE, SocketContext, TLSSocket
from socket_peers import WAIT, client_context, connected, server_context, wrapped
from stdlib_engine import StdlibEngine
from tls_pairs import Trust

KINDS = ("openssl", "memory")
kinds = pytest.mark.parametrize("kind", KINDS)
versions = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


def serving(context: ssl.SSLContext, then: Callable[[ssl.SSLSocket], object]) -> Callable[[socket.socket], None]:
    """A broker that shakes hands, and then does something."""

    def serve(raw: socket.socket) -> None:
        with context.wrap_socket(raw, server_side=True) as tls:
            then(tls)

    return serve


def echo(tls: ssl.SSLSocket) -> None:
    while data := tls.recv(70_000):
        tls.sendall(data)


def send_on(tls: TLSSocket, data: bytes) -> None:
    """Until it raises something."""
    while True:
        tls.send(data)


def shake_and_read(tls: TLSSocket) -> None:
    """Under TLS 1.3 a client hears by reading that it is refused."""
    tls.do_handshake()
    tls.recv(1)


def whole_records(ciphertext: bytes) -> int:
    """How many lie there to their ends."""
    found = at = 0
    while (at := at + 5 + int.from_bytes(ciphertext[at + 3 : at + 5], "big")) <= len(ciphertext):
        found += 1
    return found


def read_exactly(tls: TLSSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = tls.recv(size - len(data))
        assert piece, "it ended too early"
        data += piece
    return data


@kinds
@versions
def test_what_is_sent_comes_back_and_the_handshake_can_be_asked_about(trust: Trust, kind: str, version: str) -> None:
    payload = os.urandom(1_500_000)
    with connected(serving(server_context(trust, version), echo)) as raw, wrapped(kind, trust, raw) as tls:
        assert (tls.version(), tls.cipher(), tls.group(), tls.session_reused) == (None, None, "", False)
        tls.do_handshake()
        assert tls.version() == version
        assert tls.cipher() is not None
        assert tls.getpeercert(binary_form=True) == trust.broker.der
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        writer = threading.Thread(target=tls.sendall, args=(payload,))
        writer.start()
        assert read_exactly(tls, len(payload)) == payload
        writer.join(WAIT)
        buffer = bytearray(10)
        tls.sendall(b"short")
        assert tls.recv_into(buffer) == 5
        assert buffer[:5] == b"short"
        assert tls.recv(0) == b""
        assert tls.send(b"") == 0


def test_the_connections_of_a_context_are_never_at_work_at_the_same_time(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that reads into a buffer of the context's would give one client what was sent to another."""
    context = SocketContext(client_context("memory", trust))
    patched, at_work, may_go_on, other_at_work = (threading.Event() for _ in range(4))

    def then(tls: ssl.SSLSocket) -> None:
        assert patched.wait(WAIT)
        tls.sendall(b"x")

    serve = serving(server_context(trust), then)
    with connected(serve) as raw, connected(serve) as other_raw:
        one, other = (context.wrap_socket(each, server_hostname="localhost") for each in (raw, other_raw))
        read, other_read = engine_of(one).read, engine_of(other).read

        def slow() -> bytes | None:
            at_work.set()
            assert may_go_on.wait(WAIT)
            return read()

        def noted() -> bytes | None:
            other_at_work.set()
            return other_read()

        monkeypatch.setattr(engine_of(one), "read", slow)
        monkeypatch.setattr(engine_of(other), "read", noted)
        patched.set()
        readers = [threading.Thread(target=each.recv, args=(1,)) for each in (one, other)]
        readers[0].start()
        assert at_work.wait(WAIT)
        readers[1].start()
        assert not other_at_work.wait(0.2)
        may_go_on.set()
        assert other_at_work.wait(WAIT)
        for reader in readers:
            reader.join(WAIT)


def engine_of(tls: TLSSocket) -> StdlibEngine:
    connection = tls._tls
    assert isinstance(connection, MemoryConnection)
    assert isinstance(connection._engine, StdlibEngine)
    return connection._engine


@kinds
def test_pending_counts_what_select_does_not_see(trust: Trust, kind: str) -> None:
    done = threading.Event()

    def then(tls: ssl.SSLSocket) -> None:
        tls.sendall(b"abc")
        assert done.wait(WAIT)

    with connected(serving(server_context(trust), then)) as raw, wrapped(kind, trust, raw) as tls:
        tls.do_handshake()
        assert tls.recv(1) == b"a"
        assert tls.pending() == 2
        assert tls.recv(5) == b"bc"
        assert tls.pending() == 0
        tls.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            tls.recv(1)
        assert tls.pending() == 0, "it would wait for the network"
        done.set()


@kinds
def test_an_end_that_was_read_with_the_last_words_counts_as_pending(trust: Trust, kind: str) -> None:
    said, heard = threading.Event(), threading.Event()

    def then(tls: ssl.SSLSocket) -> None:
        tls.sendall(b"x")
        assert heard.wait(WAIT)
        tls.sendall(b"bye")
        tls.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()  # says close_notify, and would wait for ours
        said.set()
        assert select.select([tls], [], [], WAIT)[0]

    with connected(serving(server_context(trust), then)) as raw, wrapped(kind, trust, raw) as tls:
        tls.do_handshake()
        assert tls.recv(1) == b"x"
        heard.set()
        assert said.wait(WAIT)
        wait_until(lambda: whole_records(raw.recv(1_000, socket.MSG_PEEK)) == 2)  # sent is not yet arrived
        assert tls.recv(3) == b"bye"
        assert tls.pending() == 1
        assert tls.recv(3) == b""
        assert tls.pending() == 0


@kinds
def test_after_want_write_the_same_data_is_not_encrypted_twice(trust: Trust, kind: str) -> None:
    payload, go = os.urandom(1_000_000), threading.Event()
    received = bytearray()

    def then(tls: ssl.SSLSocket) -> None:
        assert go.wait(WAIT)
        while len(received) < len(payload) and (data := tls.recv(70_000)):
            received.extend(data)
        tls.sendall(b"!")

    with connected(serving(server_context(trust), then), narrow=True) as raw, wrapped(kind, trust, raw) as tls:
        tls.do_handshake()
        tls.settimeout(0)
        rest, wanted = memoryview(payload), 0
        while rest:
            try:
                taken = tls.send(rest)
            except ssl.SSLWantWriteError:
                wanted += 1
                go.set()
                assert select.select([], [tls], [], WAIT)[1]
            else:
                assert 0 < taken <= PIECE
                rest = rest[taken:]
        assert wanted, "the kernel took it all: the test shows nothing"
        tls.setblocking(True)
        assert tls.recv(1) == b"!"
    assert bytes(received) == payload


@kinds
def test_other_data_after_want_write_is_refused(trust: Trust, kind: str) -> None:
    done = threading.Event()

    def then(tls: ssl.SSLSocket) -> None:
        assert done.wait(WAIT)
        with suppress(ConnectionResetError, ssl.SSLEOFError):  # the client goes away in the middle of a record
            while tls.recv(70_000):
                pass

    with connected(serving(server_context(trust), then), narrow=True) as raw, wrapped(kind, trust, raw) as tls:
        tls.do_handshake()
        tls.setblocking(False)
        with pytest.raises(ssl.SSLWantWriteError):
            send_on(tls, bytes(PIECE))
        assert tls._owed == PIECE
        while True:  # as the kernel finds room, and the peer reads it
            try:
                tls.send(b"less")
            except ssl.SSLWantWriteError:
                done.set()
                assert select.select([], [tls], [], WAIT)[1]
            except ssl.SSLError as error:
                words = str(error)
                break
        assert "bad write retry" in words


@kinds
def test_a_handshake_without_waiting(trust: Trust, kind: str) -> None:
    with connected(serving(server_context(trust), echo)) as raw, wrapped(kind, trust, raw) as tls:
        tls.settimeout(0)
        assert not tls.getblocking()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                assert select.select([tls], [], [], WAIT)[0]
            else:
                break
        tls.setblocking(True)
        assert tls.gettimeout() is None
        tls.sendall(b"hello")
        assert tls.recv(10) == b"hello"


@kinds
@versions
@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.2"])
def test_another_name_is_refused_and_the_broker_hears_why(trust: Trust, kind: str, version: str, host: str) -> None:
    def serve(raw: socket.socket) -> None:
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_CERTIFICATE"):
            server_context(trust, version).wrap_socket(raw, server_side=True).recv(1)

    with connected(serve) as raw, wrapped(kind, trust, raw, host=host) as tls:
        with pytest.raises(ssl.SSLError) as caught:
            tls.do_handshake()
        assert tls.fileno() == -1, "nobody can go on with it"
    if kind == "openssl":  # the engine of the tests has no words
        assert isinstance(caught.value, ssl.SSLCertVerificationError)
        assert caught.value.verify_code in (62, 64)
        assert "was dialled; next: dial" in str(caught.value) or "was dialled (" in str(caught.value)


def test_another_authority_is_refused(trust: Trust) -> None:
    stranger = trust.foreign_ca.issue("localhost", purpose="server", hosts=["localhost"])

    def serve(raw: socket.socket) -> None:
        with pytest.raises(ssl.SSLError, match="ALERT_UNKNOWN_CA"):
            server_context(trust, broker=stranger).wrap_socket(raw, server_side=True).recv(1)

    with (
        connected(serve) as raw,
        wrapped("openssl", trust, raw) as tls,
        pytest.raises(ssl.SSLCertVerificationError, match="authority that is trusted here"),
    ):
        tls.do_handshake()


@versions
def test_who_shows_no_certificate_hears_that_one_is_wanted(trust: Trust, version: str) -> None:
    def serve(raw: socket.socket) -> None:
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            server_context(trust, version).wrap_socket(raw, server_side=True)

    with connected(serve) as raw, wrapped("openssl", trust, raw, shows=False) as tls:
        with pytest.raises(ssl.SSLError) as caught:
            shake_and_read(tls)
        alert = "CERTIFICATE_REQUIRED" if version == "TLSv1.3" else "HANDSHAKE_FAILURE"
        assert str(caught.value.reason).endswith(f"_ALERT_{alert}")
        assert not isinstance(caught.value, ValueError)
        assert "the broker ended the connection, saying:" in str(caught.value)
        if version == "TLSv1.3":
            assert tls.pending() == 0
            for call in (lambda: tls.recv(1), lambda: tls.send(b"x")):
                with pytest.raises(ssl.SSLError, match="saying:"):
                    call()


def test_the_alert_of_a_peer_that_is_gone_is_read_when_writing_fails(trust: Trust) -> None:
    gone = threading.Event()

    def serve(raw: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            server_context(trust, "TLSv1.3").wrap_socket(raw, server_side=True)
        raw.close()
        gone.set()

    with connected(serve, unix=True) as raw, wrapped("openssl", trust, raw, shows=False) as tls:
        tls.do_handshake()
        assert gone.wait(WAIT)
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            send_on(tls, b"hello")


@kinds
def test_a_peer_that_is_gone_without_a_word_is_an_error_of_the_network(trust: Trust, kind: str) -> None:
    with (
        connected(serving(server_context(trust), lambda tls: tls.shutdown(socket.SHUT_RDWR)), unix=True) as raw,
        wrapped(kind, trust, raw) as tls,
    ):
        tls.do_handshake()
        assert tls.recv(1) == b"", "as ssl has it, unless one asks"
        with pytest.raises(BrokenPipeError):
            send_on(tls, b"hello")


def test_an_end_without_a_goodbye_can_be_told_from_one_with(trust: Trust) -> None:
    with connected(serving(server_context(trust), lambda tls: tls.shutdown(socket.SHUT_RDWR))) as raw:
        context = SocketContext(client_context("openssl", trust))
        tls = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        with pytest.raises(ssl.SSLEOFError, match="without a goodbye"):
            tls.recv(1)
    with connected(serving(server_context(trust), lambda tls: tls.unwrap())) as raw:
        raw.settimeout(WAIT)
        tls = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        assert tls.recv(1) == b""
        assert tls.unwrap() is raw
        assert raw.gettimeout() == WAIT


# --- hostile peers


@kinds
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03\x00", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"])
def test_an_end_in_the_middle_of_the_handshake(trust: Trust, kind: str, said: bytes) -> None:
    def serve(raw: socket.socket) -> None:
        raw.sendall(said)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass

    with (
        connected(serve) as raw,
        wrapped(kind, trust, raw) as tls,
        pytest.raises(ssl.SSLEOFError, match=r"EOF.* in the middle of the handshake"),
    ):
        tls.do_handshake()


@kinds
@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x03\x00\x00\x00", b"SSH-2.0-x\r\n"])
def test_what_is_not_tls_is_named(trust: Trust, kind: str, said: bytes) -> None:
    with (
        connected(lambda raw: raw.sendall(said)) as raw,
        wrapped(kind, trust, raw) as tls,
        pytest.raises(ssl.SSLError, match="the broker does not speak TLS: this looks like"),
    ):
        tls.do_handshake()


@kinds
def test_silence_ends_with_the_timeout(trust: Trust, kind: str) -> None:
    done = threading.Event()
    with connected(lambda raw: done.wait(WAIT)) as raw, wrapped(kind, trust, raw) as tls:
        tls.settimeout(0.05)
        with pytest.raises(TimeoutError):
            tls.do_handshake()
        assert tls.fileno() == -1
        done.set()


@kinds
def test_a_peer_that_says_a_byte_now_and_then_does_not_draw_the_handshake_out(trust: Trust, kind: str) -> None:
    done = threading.Event()

    def serve(raw: socket.socket) -> None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(0x3FFC)
        for at in range(len(hello)):
            if done.wait(0.02):
                return
            with suppress(ConnectionError):  # it hung up a moment ago, and is about to say that it is done
                raw.sendall(hello[at : at + 1])

    with connected(serve) as raw, wrapped(kind, trust, raw) as tls:
        tls.settimeout(0.2)  # ten times what passes between two bytes
        with pytest.raises(TimeoutError):
            tls.do_handshake()
        done.set()


@kinds
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=600), is_record=st.booleans())
def test_noise_ends_the_handshake(trust: Trust, kind: str, noise: bytes, is_record: bool) -> None:
    if is_record:
        noise = b"\x16\x03\x03" + len(noise).to_bytes(2, "big") + noise
    with (
        connected(lambda raw: raw.sendall(noise), unix=True) as raw,
        wrapped(kind, trust, raw) as tls,
        pytest.raises(OSError),
    ):  # ssl.SSLError is one
        tls.do_handshake()


@kinds
@versions
def test_a_flipped_bit_ends_it_behind_the_handshake_too(trust: Trust, kind: str, version: str) -> None:
    go = threading.Event()

    def then(tls: ssl.SSLSocket) -> None:
        assert go.wait(WAIT)
        os.write(tls.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
            tls.recv(1)

    with connected(serving(server_context(trust, version), then)) as raw, wrapped(kind, trust, raw) as tls:
        tls.do_handshake()
        go.set()
        with pytest.raises(ssl.SSLError) as caught:
            tls.recv(1)
        assert not isinstance(caught.value, ValueError)
        tls.close()
        tls.close()
        assert tls.fileno() == -1
        assert tls.pending() == 0
        with pytest.raises(OSError):
            tls.send(b"x")


# --- what a program could get wrong


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_descriptor_that_select_cannot_take(trust: Trust) -> None:
    with connected(serving(server_context(trust), echo)) as raw:
        high = socket.socket(fileno=fcntl.fcntl(raw.fileno(), fcntl.F_DUPFD_CLOEXEC, 2_000))
        with wrapped("openssl", trust, high) as tls:
            tls.do_handshake()
            tls.sendall(b"hello")
            assert tls.recv(10) == b"hello"
            assert tls.fileno() >= 2_000
        raw.shutdown(socket.SHUT_RDWR)


def test_nothing_turns_verification_off(trust: Trust) -> None:
    context = SocketContext(client_context("openssl", trust))
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    context.check_hostname = True
    with pytest.raises(ConfigError, match="always checked"):
        context.check_hostname = False
    assert context.check_hostname
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for options in ({}, {"server_hostname": ""}, {"server_side": True, "server_hostname": "localhost"}):
            with pytest.raises(TypeError, match="server_hostname"):
                context.wrap_socket(ours, **options)  # type: ignore[arg-type]


def test_what_the_middleware_cannot_check_is_an_error_that_paho_does_not_pass_over() -> None:
    class Names:
        def connection(self, server_hostname: str, *, session: object | None = None) -> ClientConnection:
            raise MiddlewareError("it compares names only", why="it is old", remedy="dial a name")

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ssl.SSLError, match=r"names only \(it is old\); next: dial a name") as caught:
        SocketContext(Names()).wrap_socket(ours, server_hostname="127.0.0.1")
    assert ours.fileno() == -1
    assert not isinstance(caught.value, ValueError)


def test_a_session_is_resumed(trust: Trust, tmp_path: Path) -> None:
    server, context = server_context(trust, "TLSv1.2"), SocketContext(client_context("openssl", trust))
    with connected(serving(server, echo)) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"
        session = tls.session
    with connected(serving(server, echo)) as raw:
        again = context.wrap_socket(raw, server_hostname="localhost", session=session)
        assert again.session_reused


def test_what_ssl_has_and_nobody_can_do_here_is_said(trust: Trust) -> None:
    with connected(serving(server_context(trust), echo)) as raw, wrapped("openssl", trust, raw) as tls:
        tls.do_handshake()
        assert tls.getpeername() == raw.getpeername()
        assert tls.getsockname() == raw.getsockname()
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert tls.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert tls.selected_alpn_protocol() is None
        for call in (lambda: tls.recv(1, 2), lambda: tls.send(b"x", 2)):
            with pytest.raises(ValueError, match="flags"):
                call()
        with pytest.raises(TypeError, match="DER"):
            tls.getpeercert()
        with pytest.raises(ValueError, match="below 0"):
            tls.settimeout(-1)
