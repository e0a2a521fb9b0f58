"""The middleware pyopenssl at a real socket, with `openssl` of the system at the other end: two different OpenSSLs."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from middleware_pairs import POLICIES, client_material, server_material
from running import WAIT, Program, program, running, wait_until
from sealmq.errors import TLSError
from sealmq.tls.middleware import ClientConnection, TLSConnection, TLSContext
from sealmq.tls.middlewares import find
from tls_pairs import Trust

pytestmark = pytest.mark.interop

EACH_VERSION = pytest.mark.parametrize(("version", "option"), [("TLSv1.2", "-tls1_2"), ("TLSv1.3", "-tls1_3")])


def carry_on(tls: TLSConnection, wire: socket.socket) -> bytes:
    """Send what waits, take what comes; the plaintext of it. Raises TLSError, with the alert on its way."""
    if said := tls.data_to_send():
        wire.sendall(said)
    came = wire.recv(65_536)
    if not came:
        raise EOFError
    try:
        return tls.receive_data(came)
    finally:
        wire.sendall(tls.data_to_send())


class Echo:
    """Answers each connection of a context with what it says, until it leaves."""

    def __init__(self, context: TLSContext) -> None:
        self.context = context
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.errors: list[TLSError] = []
        self.met: list[TLSConnection] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                wire, _ = self.socket.accept()
            except OSError:
                return
            wire.settimeout(WAIT)
            with wire:
                tls = self.context.connection()
                self.met.append(tls)
                try:
                    while not tls.closed:
                        tls.send(carry_on(tls, wire))
                    tls.close()
                    wire.sendall(tls.data_to_send())
                except TLSError as error:
                    self.errors.append(error)
                    with contextlib.suppress(OSError):  # the client may have gone with what it had not read
                        wire.shutdown(socket.SHUT_WR)
                        while wire.recv(65_536):
                            pass  # or the kernel would take the alert back
                except (EOFError, OSError):
                    pass


@contextmanager
def echo(trust: Trust, version: str, crl: bytes | None = None) -> Iterator[Echo]:
    material = replace(server_material(trust), crl=crl)
    one = Echo(find("pyopenssl").server_context(POLICIES[version], material))
    try:
        yield one
    finally:
        one.socket.shutdown(socket.SHUT_RDWR)
        one.socket.close()
        one.thread.join(WAIT)


def s_client(trust: Trust, port: int, *options: str | Path) -> list[str | Path]:
    chain, key = trust.device.save(trust.folder, "client")
    where = ["-connect", f"localhost:{port}", "-servername", "localhost", "-verify_hostname", "localhost"]
    return [
        program("openssl", "openssl"), "s_client", *where, "-CAfile", trust.root, "-verify_return_error",
        "-cert", chain, "-key", key, *options,
    ]  # fmt: skip


@EACH_VERSION
def test_a_device_with_a_small_buffer_gets_small_records(trust: Trust, version: str, option: str) -> None:
    """max_fragment_length, RFC 6066 section 4, as microcontrollers ask for it."""
    with (
        echo(trust, version) as server,
        running(s_client(trust, server.port, option, "-maxfraglen", "512"), stdin=subprocess.PIPE) as client,
    ):
        assert client.process.stdin is not None
        client.process.stdin.write("x" * 5_000 + "-the-end\n")
        client.process.stdin.flush()
        client.output.wait("x-the-end$")
        client.process.stdin.write("Q\n")
        client.process.stdin.flush()
        assert client.ended() == 0
        assert not server.errors


@EACH_VERSION
def test_s_client_connects_and_is_resumed(trust: Trust, tmp_path: Path, version: str, option: str) -> None:
    kept = tmp_path / "session"
    with echo(trust, "both") as server:
        for number, more in enumerate((["-sess_out", kept], ["-sess_in", kept])):
            with running(s_client(trust, server.port, option, *more), stdin=subprocess.PIPE) as client:
                assert client.process.stdin is not None
                client.process.stdin.write("hello\n")
                client.process.stdin.flush()
                client.output.wait("hello$")
                client.process.stdin.write("Q\n")
                client.process.stdin.flush()
                assert client.ended() == 0
                client.output.wait(("New", "Reused")[number] + f", {version}")
        for number, met in enumerate(server.met):
            assert met.proof is not None
            assert (met.proof.version, met.proof.resumed) == (version, number == 1)
            assert met.proof.group.lower() in ("x25519", "") if met.proof.resumed else met.proof.group == "x25519"
            assert met.peer_certificate == trust.device.der
        assert server.errors == []


@EACH_VERSION
def test_s_client_hears_why_it_is_refused(trust: Trust, version: str, option: str) -> None:
    with echo(trust, "both", trust.device_ca.crl([trust.device])) as server:
        with running(s_client(trust, server.port, option), stdin=subprocess.PIPE) as client:
            client.errors.wait("alert certificate revoked")
        wait_until(lambda: server.errors)  # the alert goes out before it is written down
        assert server.errors[0].what == "the device's certificate was revoked"
        assert server.met[0].refused_certificate == trust.device.der


def test_s_client_without_a_hybrid_group_is_refused_by_a_post_quantum_listener(trust: Trust) -> None:
    with echo(trust, "post-quantum") as server:
        with running(s_client(trust, server.port, "-groups", "X25519:P-256"), stdin=subprocess.PIPE) as client:
            client.errors.wait("alert handshake failure")
        wait_until(lambda: server.errors)
        assert server.errors[0].alert == "handshake_failure"
        assert "X25519MLKEM768, SecP256r1MLKEM768" in server.errors[0].remedy


@contextmanager
def s_server(trust: Trust, *options: str | Path) -> Iterator[tuple[int, Program]]:
    chain, key = trust.broker.save(trust.folder, "server")
    anchor = trust.folder / "device-ca.pem"
    anchor.write_bytes(trust.device_ca.pem)
    command = [
        program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-cert_chain", chain,
        "-key", key, "-CAfile", anchor, "-partial_chain", "-Verify", "1", "-verify_return_error", "-rev", *options,
    ]  # fmt: skip
    with running(command) as server:
        found = re.search(r":([0-9]+)$", server.output.wait(r"^ACCEPT .*:[0-9]+$"))
        assert found is not None
        yield int(found[1]), server


@contextmanager
def dialled(client: ClientConnection, port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), WAIT) as wire:
        yield wire
        client.close()
        wire.sendall(client.data_to_send())


@EACH_VERSION
def test_a_device_connects_to_s_server_and_is_resumed(trust: Trust, version: str, option: str) -> None:
    context = find("pyopenssl").client_context(POLICIES["both"], client_material(trust))
    session = None
    with s_server(trust, option) as (port, _):
        for number in range(2):
            client = context.connection("localhost", session=session)
            with dialled(client, port) as wire:
                client.send(b"live\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += carry_on(client, wire)
                assert answer == b"evil\n"
                assert client.proof is not None
                assert (client.proof.version, client.proof.resumed) == (version, number == 1)
                assert client.peer_certificate == trust.broker.der
                session = client.session


@EACH_VERSION
@pytest.mark.parametrize("host", ["elsewhere", "127.0.0.2"])
def test_s_server_hears_that_it_is_not_the_one_that_was_dialled(
    trust: Trust, version: str, option: str, host: str
) -> None:
    context = find("pyopenssl").client_context(POLICIES["both"], client_material(trust))
    with s_server(trust, option) as (port, server):
        client = context.connection(host)
        with socket.create_connection(("127.0.0.1", port), WAIT) as wire:
            with pytest.raises(TLSError, match="that was dialled"):
                all(carry_on(client, wire) == b"" for _ in iter(int, 1))
            server.errors.wait("alert bad certificate")
        assert not any("BEGIN CERTIFICATE" in line for line in server.output.lines), "it saw our certificate"
