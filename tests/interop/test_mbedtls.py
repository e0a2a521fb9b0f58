"""Mbed TLS 3.6 and 2.28 with the `openssl` program at the other end: over TCP, with keys (PSK) and with resumption."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from libraries import middleware
from middleware_pairs import (
    DEVICE_PSK,
    POLICIES,
    client_material,
    psk_client_material,
    psk_server_material,
    server_material,
)
from ports import free_port
from running import WAIT, Program, program, running
from sealmq.errors import TLSError
from sealmq.tls.middleware import ClientConnection, TLSConnection
from tls_pairs import Trust

pytestmark = pytest.mark.interop

OURS = [("mbedtls-3.6", "TLSv1.2"), ("mbedtls-3.6", "TLSv1.3"), ("mbedtls-2.28", "TLSv1.2")]
FLAG = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
KEY = ["-psk", DEVICE_PSK.key.hex(), "-psk_identity", DEVICE_PSK.identity]


def talk(plain: socket.socket, connection: TLSConnection, until: Callable[[bytes], bool]) -> bytes:
    """Carry bytes between a socket and a connection until enough was read, or the peer has ended."""
    plain.settimeout(WAIT)
    plaintext = b""
    while not until(plaintext) and not connection.closed:
        if ciphertext := connection.data_to_send():
            plain.sendall(ciphertext)
        if not (received := plain.recv(65536)):
            break
        plaintext += connection.receive_data(received)
    if ciphertext := connection.data_to_send():
        plain.sendall(ciphertext)
    return plaintext


@contextmanager
def s_server(*options: str | Path) -> Iterator[tuple[int, Program]]:
    """`openssl s_server -rev`: it sends each line back, the other way round."""
    port = free_port()
    command = [program("openssl", "openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-rev", *options]
    with running(command) as server:
        server.output.wait("ACCEPT")
        yield port, server


def asks(connection: ClientConnection, port: int) -> bytes:
    """Send a line, and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as plain:
        connection.send(b"hello\n")
        answer = talk(plain, connection, lambda plaintext: plaintext.endswith(b"\n"))
        connection.close()
        plain.sendall(connection.data_to_send())
    return answer


@pytest.mark.parametrize(("name", "version"), OURS)
def test_a_device_with_a_certificate_and_then_with_its_session(trust: Trust, name: str, version: str) -> None:
    ours = middleware(name)
    chain, key = trust.broker.save(trust.folder, "broker")
    options = ["-cert", chain, "-cert_chain", chain, "-key", key, "-CAfile", trust.root, "-Verify", "2"]
    with s_server(*options, FLAG[version], "-verify_return_error") as (port, _):
        device = ours.client_context(POLICIES[version], client_material(trust))
        session = None
        for turn in range(2):
            connection = device.connection("localhost", session=session)
            assert asks(connection, port) == b"olleh\n"
            assert connection.proof is not None
            assert connection.proof.version == version
            session = connection.session
            assert connection.proof.resumed == (turn == 1 and version in ours.abilities.resumes_client)


@pytest.mark.parametrize(("name", "version"), OURS)
def test_a_device_with_a_key(name: str, version: str) -> None:
    ours = middleware(name)
    with s_server("-nocert", *KEY, FLAG[version]) as (port, _):
        connection = ours.client_context(POLICIES[version], psk_client_material()).connection("")
        assert asks(connection, port) == b"olleh\n"
        assert connection.proof is not None
        assert connection.proof.version == version


def s_client(port: int, *options: str | Path) -> subprocess.Popen[str]:
    """`openssl s_client`, which says a line and then waits."""
    command = [program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-nocommands", *options]
    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def serves(connection: TLSConnection, *options: str | Path) -> tuple[bytes, str]:
    """What `s_client` says to us, and what it says of us."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        s_client(listener.getsockname()[1], *options) as client,
    ):
        try:
            listener.settimeout(WAIT)
            plain, _ = listener.accept()
            with plain:
                assert client.stdin is not None
                client.stdin.write("hello\n")
                client.stdin.flush()
                heard = talk(plain, connection, lambda plaintext: plaintext.endswith(b"\n"))
                connection.send(b"good morning\n")
                connection.close()
                plain.sendall(connection.data_to_send())
                plain.shutdown(socket.SHUT_WR)
                said, _ = client.communicate(timeout=WAIT)
        finally:
            client.kill()
    return heard, said


@pytest.mark.parametrize(("name", "version"), OURS)
def test_a_broker_for_a_certificate(trust: Trust, name: str, version: str, tmp_path: Path) -> None:
    ours = middleware(name)
    chain, key = trust.device.save(trust.folder, "client")
    options = ["-cert", chain, "-cert_chain", chain, "-key", key, "-CAfile", trust.root, "-verify_return_error",
               "-verify_hostname", "localhost", FLAG[version]]  # fmt: skip
    listener = ours.server_context(POLICIES[version], server_material(trust))
    session = tmp_path / "session"
    for turn in range(2):
        connection = listener.connection()
        heard, said = serves(connection, *options, "-sess_in" if turn else "-sess_out", session)
        assert heard == b"hello\n"
        assert "good morning" in said
        assert connection.peer_certificate == trust.device.der
        assert re.search(r"^(New|Reused), TLSv1\.[23]", said, re.MULTILINE)
        resumed = bool(turn) and version in ours.abilities.resumes_server
        assert f"{'Reused' if resumed else 'New'}, TLSv1." in said
        assert connection.proof is not None
        assert connection.proof.resumed == resumed
        if not session.exists():  # a library that gives no ticket
            break


@pytest.mark.parametrize(("name", "version"), OURS)
def test_a_broker_for_a_key(name: str, version: str) -> None:
    ours = middleware(name)
    connection = ours.server_context(POLICIES[version], psk_server_material()).connection()
    heard, said = serves(connection, *KEY, FLAG[version])
    assert heard == b"hello\n"
    assert "good morning" in said
    assert connection.psk_identity == DEVICE_PSK.identity


def test_a_device_that_guessed_the_group_wrong_is_resumed_too(trust: Trust, tmp_path: Path) -> None:
    """The broker asks for another group (HelloRetryRequest), and so reads the ticket twice."""
    ours = middleware("mbedtls-3.6")
    chain, key = trust.device.save(trust.folder, "client")
    options = ["-cert", chain, "-cert_chain", chain, "-key", key, "-CAfile", trust.root, "-groups", "X448:P-384"]
    listener = ours.server_context(POLICIES["TLSv1.3"], server_material(trust))
    for turn in ("-sess_out", "-sess_in"):
        connection = listener.connection()
        heard, _ = serves(connection, *options, turn, tmp_path / "session")
        assert heard == b"hello\n"
        assert connection.proof is not None
        assert (connection.proof.group, connection.proof.resumed) == ("secp384r1", turn == "-sess_in")
        assert connection.peer_certificate == trust.device.der


def test_a_device_with_a_strange_curve_is_refused_by_2_28(trust: Trust) -> None:
    connection = middleware("mbedtls-2.28").server_context(POLICIES["TLSv1.2"], server_material(trust)).connection()
    with pytest.raises(TLSError, match="no key exchange group that is allowed"):
        serves(connection, "-CAfile", trust.root, "-tls1_2", "-curves", "brainpoolP384r1:P-256")
    assert connection.data_to_send() == bytes.fromhex("15030300020228")
