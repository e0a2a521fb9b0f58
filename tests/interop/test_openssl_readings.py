"""What `openssl s_client` and `s_server` do that Python's `ssl` can't ask for is read off the wire too: KeyUpdate,
early data, padding, fragments, every suite of TLS 1.3, PSK, renegotiation. Beside it stands what `-msg` prints.
"""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from certificates import Authority
from ports import free_port
from recorded_tls import read_pieces
from running import WAIT, Program, program, running, wait_until
from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.keylog import CLIENT_EARLY, read_key_log

pytestmark = pytest.mark.interop

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
PSK = ("-psk", "1a2b3c4d5e6f708192a3b4c5d6e7f809")


class Relay:
    """Stands between one client and the server, and keeps what each sent, in the order in which it came."""

    def __init__(self, server_port: int) -> None:
        self.pieces: list[tuple[Sender, bytes]] = []
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        self._listener.settimeout(WAIT)
        with self._listener, self._listener.accept()[0] as client, self._dialled() as server:
            others = {client: (CLIENT, server), server: (SERVER, client)}
            with selectors.DefaultSelector() as selector:
                for one in others:
                    selector.register(one, selectors.EVENT_READ)
                while len(selector.get_map()):
                    for key, _ in selector.select(WAIT):
                        self._pass_on(selector, key.fileobj, *others[key.fileobj])  # type: ignore[index, arg-type]

    def _dialled(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._server_port), WAIT)

    def _pass_on(self, selector: selectors.BaseSelector, one: socket.socket, sender: Sender, to: socket.socket) -> None:
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        try:
            if data:
                self.pieces.append((sender, data))
                to.sendall(data)
            else:
                selector.unregister(one)
                to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end has gone

    def sent_by(self, sender: Sender) -> int:
        return sum(len(data) for who, data in list(self.pieces) if who is sender)

    def ended(self) -> list[tuple[Sender, bytes]]:
        self._thread.join(WAIT)
        assert not self._thread.is_alive()
        return self.pieces


class Stage:
    """A server with its options, and clients that talk to it through a relay."""

    def __init__(self, folder: Path) -> None:
        self.openssl = program("openssl", "openssl")
        self.folder = folder
        authority = Authority("CA")
        hosts = ["localhost", *(f"host-{number}.example" for number in range(60))]  # a Certificate of some records
        chain, key = authority.issue("localhost", purpose="server", hosts=hosts).save(folder, "server")
        self.credentials = ("-cert", str(chain), "-key", str(key))
        self.root = folder / "root.pem"
        self.root.write_bytes(authority.pem)

    @contextmanager
    def server(self, *options: str) -> Iterator[tuple[int, Program]]:
        port = free_port()
        words = [self.openssl, "s_server", "-accept", f"127.0.0.1:{port}", *self.credentials, *options]
        with running(words, stdin=subprocess.PIPE) as server:
            server.output.wait("ACCEPT")
            yield port, server

    def talk(
        self,
        port: int,
        server: Program,
        options: Sequence[str],
        lines: Sequence[str] = ("hello",),
        until: Callable[[], object] = lambda: True,
    ) -> tuple[Conversation, list[tuple[Sender, bytes]]]:
        """Each line is sent when the one before was taken; what is no word is a command of s_client.

        until: what must have come true before it leaves.

        Returns what was read, and the handshake messages and alerts that `-msg` printed.
        """
        relay = Relay(port)
        told, keys = self.folder / "told", self.folder / "keys"
        keys.unlink(missing_ok=True)
        files = ["-CAfile", self.root, "-keylogfile", keys, "-msg", "-msgfile", told]
        words = [self.openssl, "s_client", "-connect", f"127.0.0.1:{relay.port}", "-servername", "localhost", *files]
        heard = len(server.output.lines)
        with running([*words, *options], stdin=subprocess.PIPE) as client:
            client.output.wait("^---$", count=3)  # what it says about the handshake is said
            for line in (*lines, "Q"):  # each by itself: s_client sees a command only where nothing else came with it
                if line == "Q":
                    wait_until(until)
                before = relay.sent_by(CLIENT)
                client.process.stdin.write(line + "\n")
                client.process.stdin.flush()
                if len(line) > 1:
                    server.output.wait(re.escape(line), after=heard)
                elif line != "Q":
                    wait_until(lambda before=before: relay.sent_by(CLIENT) > before)
            client.ended()
        pieces = relay.ended()
        key_log = read_key_log(keys.read_text().splitlines())
        return read_pieces(pieces, key_log), printed(told.read_text())


def printed(text: str) -> list[tuple[Sender, bytes]]:
    """The handshake messages and alerts of `-msg`, with their bytes."""
    found = []
    pattern = r"^(<<<|>>>) [^,\n]*, (?:Handshake|Alert)[^\n]*\n((?:    [0-9a-f ]+\n)+)"
    for direction, hexed in re.findall(pattern, text, re.MULTILINE):
        found.append((CLIENT if direction == ">>>" else SERVER, bytes.fromhex("".join(hexed.split()))))
    return found


def check(seen: Conversation, told: list[tuple[Sender, bytes]]) -> None:
    """What s_client says that it sent and got is what was read; what came after it had left, it does not say."""
    assert seen.trouble == []
    for sender in Sender:
        mine = [one.body for one in seen.messages if one.sender is sender and one.kind in (21, 22)]
        hers = [body for who, body in told if who is sender]
        assert hers
        assert mine[: len(hers)] == hers
        assert {body[0] for body in mine[len(hers) :]} <= {1, 4}  # the server's alert and tickets


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(
    "suite",
    [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    ],
)
def test_each_suite_of_tls_1_3_with_key_updates_of_both(stage: Stage, suite: str) -> None:
    with stage.server("-tls1_3", "-ciphersuites", suite) as (port, server):
        lines = ["before", "k", "between", "K", "after", "K", "at last"]
        seen, told = stage.talk(port, server, ["-tls1_3", "-ciphersuites", suite], lines)
    check(seen, told)
    assert seen.opened
    assert seen.application[CLIENT] == b"before\nbetween\nafter\nat last\n"
    updates = [one.sender for one in seen.messages if (one.kind, one.type) == (22, 24)]
    assert updates.count(CLIENT) == 3
    assert updates.count(SERVER) >= 1  # "K" asks for one


def test_padding_and_small_fragments(stage: Stage) -> None:
    options = ["-tls1_3", "-record_padding", "256", "-max_send_frag", "512"]
    with stage.server(*options) as (port, server):
        seen, told = stage.talk(port, server, options)
    check(seen, told)
    assert seen.opened
    sizes = [one.length - 16 for one in seen.records if one.protected]
    assert all(size % 256 == 0 or size == 512 + 1 for size in sizes)  # a whole fragment has no room for padding
    assert any(one.padding for one in seen.records if one.protected)
    assert any(len(one.records) > 1 for one in seen.messages)


@pytest.mark.parametrize("accepted", [True, False])
def test_early_data(stage: Stage, accepted: bool) -> None:
    early = stage.folder / "early"
    early.write_bytes(b"early words " * 100)
    session = stage.folder / "session"
    options = ["-tls1_3", "-early_data"]
    with stage.server(*options) as (port, server):
        stage.talk(port, server, ["-tls1_3", "-sess_out", str(session)], until=session.exists)
        again = ["-tls1_3", "-sess_in", str(session), "-early_data", str(early)]
        if accepted:
            seen, told = stage.talk(port, server, again)
    if not accepted:  # another server does not know the ticket
        with stage.server(*options) as (port, server):
            seen, told = stage.talk(port, server, again)
    check(seen, told)
    assert seen.opened
    assert seen.application[CLIENT] == early.read_bytes() + b"hello\n"
    ended = [one for one in seen.messages if (one.sender, one.kind, one.type) == (CLIENT, 22, 5)]
    assert len(ended) == accepted  # EndOfEarlyData
    assert CLIENT_EARLY in (stage.folder / "keys").read_text()


@pytest.mark.parametrize(
    "suite",
    ["PSK-AES128-GCM-SHA256", "PSK-AES256-CCM8", "PSK-AES128-CBC-SHA256", "ECDHE-PSK-CHACHA20-POLY1305",
     "ECDHE-PSK-AES256-CBC-SHA384"],
)  # fmt: skip
def test_a_key_that_both_know_before(stage: Stage, suite: str) -> None:
    options = ["-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0", *PSK]
    with stage.server(*options) as (port, server):
        seen, told = stage.talk(port, server, options)
    check(seen, told)
    assert seen.opened
    assert seen.application[CLIENT] == b"hello\n"


def test_a_second_handshake_inside_is_said_not_to_be_followed(stage: Stage) -> None:
    options = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]
    with stage.server(*options, "-client_renegotiation") as (port, server):
        seen, _ = stage.talk(port, server, options, ["hello", "R", "hello again"])
    assert {(one.sender, one.kind) for one in seen.trouble} == {(CLIENT, "sealed"), (SERVER, "sealed")}
    assert all("renegotiation" in one.what for one in seen.trouble)
    assert not seen.opened
    assert seen.application[CLIENT] == b"hello\n"
    hellos = [one for one in seen.messages if (one.kind, one.type) == (22, 1)]
    assert [one.protected for one in hellos] == [False, True]
