"""Which broker: no TLS beyond this machine, no password in what is printed, TLS 1.2 when it is asked for."""

from __future__ import annotations

import pickle
import socket
from pathlib import Path

import pytest

from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.kit.bench.target import Target
from sealmq.tls.middleware import PSK
from sealmq.tls.middlewares import find
from tls_pairs import Trust
from wires import heard


def test_plaintext_is_for_loopback_alone() -> None:
    for host in ("127.0.0.1", "localhost", "127.9.9.9"):
        Target(host, 9).dialer()
    with pytest.raises(ConfigError, match="--plaintext is for this machine alone"):
        Target("192.0.2.1", 9).dialer()


def test_a_host_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="there is no host"):
        Target("no-such-host.invalid", 9).dialer()


def test_files_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(TrustError):
        Target("127.0.0.1", 9, tmp_path / "root.pem").dialer()


def test_it_goes_to_another_process_and_its_password_is_not_shown() -> None:
    target = Target("127.0.0.1", 9, username="panel", password=b"secret")
    assert pickle.loads(pickle.dumps(target)) == target
    assert "secret" not in repr(target)


@pytest.mark.parametrize(("version_12", "version"), [(True, "TLSv1.2"), (False, "TLSv1.3")])
def test_the_version_is_the_one_that_is_measured(tmp_path: Path, version_12: bool, version: str) -> None:
    trust = Trust(tmp_path)
    chain, key = trust.device.save(tmp_path, "device")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialer = Target("localhost", listener.getsockname()[1], trust.root, chain, key, version_12=version_12).dialer()
        listener.accept()[0].close()  # it has looked which of the host's addresses answers
        wire = dialer.dial()
        broker, _ = listener.accept()
    broker.setblocking(False)  # what was sent to the load may not have arrived when it looks
    server = trust.server().connection()
    assert wire.arrive()
    while not (server.established and wire.tls.established):
        server.receive_data(heard(broker))
        broker.sendall(server.data_to_send())
        wire.receive()
    assert server.proof is not None
    assert server.proof.version == version
    assert server.peer_certificate == trust.device.der
    wire.close()
    broker.close()


def test_a_key_says_who_we_are_and_is_not_shown() -> None:
    target = Target("127.0.0.1", 9, psk=PSK("small-1", b"secret secret secret"), middleware="mbedtls")
    assert pickle.loads(pickle.dumps(target)) == target
    assert "secret" not in repr(target)
    assert not target.plaintext
    assert Target("127.0.0.1", 9).plaintext


def test_a_library_that_is_not_there_or_cannot_do_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(MiddlewareError, match="no middleware 'none'"):
        Target("127.0.0.1", 9, tmp_path / "root.pem", middleware="none").dialer()
    if not find().abilities.psk_client:
        with pytest.raises(MiddlewareError, match="PSK"):
            Target("127.0.0.1", 9, psk=PSK("small-1", bytes(32))).dialer()
