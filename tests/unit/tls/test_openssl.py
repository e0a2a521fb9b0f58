from __future__ import annotations

import gc
import ssl
import warnings
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import DAY, NOW, Credentials
from sealmq.errors import TLSError
from sealmq.tls import context, hearing, openssl
from sealmq.tls.openssl import PIECE, OpenSSLConnection, OpenSSLContext, client_connection
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust, carry, exchange, records, refusal

both = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1"


@both
@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_handshake_and_words_both_ways(trust: Trust, version: str, size: int) -> None:
    client = client_connection(trust.client(trust.device, version), "localhost")
    server = trust.server().connection()
    client.send(b"from the ")
    client.send(b"device")
    server.send(b"from the broker")
    assert exchange(client, server, size) == (b"from the broker", b"from the device")
    assert server.proof is not None
    assert client.proof is not None
    assert (server.proof.version, client.proof.version) == (version, version)
    assert server.peer_certificate == trust.device.der
    assert client.peer_certificate == trust.broker.der
    assert server.proof.cipher == client.proof.cipher != ""
    assert not server.proof.resumed
    assert server.refused_certificate == b""


@both
def test_data_right_behind_the_last_flight_comes_at_once(trust: Trust, version: str) -> None:
    client = client_connection(trust.client(trust.device, version), "localhost")
    server = trust.server().connection()
    carry(client, server)
    if version == "TLSv1.2":
        client.receive_data(server.data_to_send())
        last_flight = client.data_to_send()
        assert server.receive_data(last_flight) == b""
        assert server.established
    else:
        client.send(CONNECT)  # a TLS 1.3 client may speak as soon as it has seen the server's flight
        client.receive_data(server.data_to_send())
        assert server.receive_data(client.data_to_send()) == CONNECT


@both
def test_three_megabytes_both_ways(trust: Trust, version: str) -> None:
    client, server = trust.pair(version)
    down, up = bytes(range(256)) * 12000, bytes(reversed(range(256))) * 12000
    client.send(up)
    server.send(down)
    assert exchange(client, server) == (down, up)
    for size in (1000, 16384, 65536, 100_001):
        client.send(up)
        assert carry(client, server, size) == up


def test_many_small_records_in_one_piece(trust: Trust) -> None:
    client, server = trust.pair()
    words = [b"message %d " % number for number in range(500)]
    ciphertext = b""
    for word in words:
        client.send(word)
        ciphertext += client.data_to_send()
    assert len(records(ciphertext)) == 500
    assert server.receive_data(ciphertext) == b"".join(words)


def test_many_sends_share_a_record(trust: Trust) -> None:
    client, server = trust.pair()
    for number in range(100):
        client.send(b"%d," % number)
    ciphertext = client.data_to_send()
    assert len(records(ciphertext)) == 1
    assert server.receive_data(memoryview(ciphertext)).count(b",") == 100
    client.send(b"")
    assert client.data_to_send() == b""


@both
@pytest.mark.parametrize("limit", [64, 512, 1024, 5000])
def test_max_record_is_kept(trust: Trust, version: str, limit: int) -> None:
    client, server = trust.pair(version, TLSPolicy(max_record=limit))
    server.send(b"x" * 20000)
    ciphertext = server.data_to_send()
    sizes = [length for _, length in records(ciphertext)]
    overhead = 24 if version == "TLSv1.2" else 17  # nonce 8 and tag 16; content type 1 and tag 16
    assert max(sizes) == limit + overhead
    assert len(sizes) == -(-20000 // limit)
    assert client.receive_data(ciphertext) == b"x" * 20000


@both
def test_close_is_seen_and_half_closed_goes_on(trust: Trust, version: str) -> None:
    client, server = trust.pair(version)
    client.send(b"last words")
    client.close()
    client.close()
    assert server.receive_data(client.data_to_send()) == b"last words"
    assert server.closed
    assert not client.closed
    assert client.data_to_send() == b""
    server.send(b"answer")
    server.close()
    assert client.receive_data(server.data_to_send()) == b"answer"
    assert client.closed
    assert server.receive_data(b"anything") == b""
    client.send(b"too late")
    assert client.data_to_send() == b""


def test_what_stands_behind_close_notify_is_not_read(trust: Trust) -> None:
    client, server = trust.pair()
    client.close()
    assert server.receive_data(client.data_to_send() + b"\x17\x03\x03\x00\x04rest" * 10000) == b""
    assert server.closed


def test_close_in_the_middle_of_a_handshake_is_quiet(trust: Trust) -> None:
    client = client_connection(trust.client(trust.device), "localhost")
    client.close()
    assert records(client.data_to_send())[0][0] == 22
    server = trust.server().connection()
    server.close()
    assert server.data_to_send() == b""


def cases(trust: Trust) -> dict[str, tuple[Credentials | None, str, str]]:
    """name -> what the device shows, the alert, a word of the broker's sentence."""
    issue = trust.device_ca.issue
    return {
        "none": (None, "certificate_required", "showed no certificate"),
        "foreign": (trust.foreign_ca.issue("device"), "unknown_ca", "not issued by the authority"),
        "expired": (issue("old", not_before=NOW - 9 * DAY, not_after=NOW - DAY), "certificate_expired", "has expired"),
        "future": (issue("new", not_before=NOW + DAY), "bad_certificate", "not valid yet"),
        "server": (issue("server", purpose="server"), "unsupported_certificate", "another purpose"),
        "broker": (trust.broker, "unknown_ca", "not issued by the authority"),
        "revoked": (issue("revoked"), "certificate_revoked", "was revoked"),
    }


@both
@pytest.mark.parametrize("case", ["none", "foreign", "expired", "future", "server", "broker", "revoked"])
def test_a_refusal_is_said_on_both_sides(trust: Trust, version: str, case: str) -> None:
    shown, alert, word = cases(trust)[case]
    if (version, case) == ("TLSv1.2", "none"):
        alert = "handshake_failure"  # RFC 5246 section 7.4.6; 1.3 has an alert of its own
    revoked = [shown] if case == "revoked" and shown else []
    server = trust.server(crl=trust.device_ca.crl(revoked)).connection()
    client = client_connection(trust.client(shown, version), "localhost")
    at_client, at_server = refusal(client, server)
    assert at_server is not None
    assert at_client is not None
    assert (at_server.alert, at_server.sent) == (alert, True)
    assert (at_client.alert, at_client.sent) == (alert, False)
    assert word in at_server.what
    assert at_server.why
    assert at_server.remedy
    assert server.refused_certificate == (shown.der if shown else b"")
    assert not server.established
    assert server.proof is None
    with pytest.raises(TLSError, match="failed before"):
        server.receive_data(b"\x17\x03\x03\x00\x01x")
    server.send(b"not for you")
    assert server.data_to_send() == b""


@both
def test_a_stolen_certificate_without_its_key_is_refused(
    trust: Trust, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's client refuses a key that does not fit, so the thief is an honest client whose signature is altered."""
    client = client_connection(trust.client(trust.device, "TLSv1.2"), "localhost")
    server = trust.server().connection()
    carry(client, server)
    carry(server, client)
    flight = bytearray(client.data_to_send())
    signature = len(flight) - 51 - 10  # CertificateVerify stands before ChangeCipherSpec (6) and Finished (45)
    flight[signature] ^= 1
    with pytest.raises(TLSError) as caught:
        server.receive_data(bytes(flight))
    assert caught.value.alert == "decrypt_error"
    assert "holds the private key" in caught.value.what
    assert server.refused_certificate == trust.device.der


@pytest.mark.parametrize(("policy", "highest"), [("default", "TLSv1_1"), ("modern", "TLSv1_2")])
def test_an_old_version_is_refused(trust: Trust, policy: str, highest: str) -> None:
    device = trust.client(trust.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of TLS 1.1, rightly
        device.set_ciphers("ALL:@SECLEVEL=0")
        device.minimum_version = device.maximum_version = ssl.TLSVersion[highest]
        client = client_connection(device, "localhost")
        at_client, at_server = refusal(client, trust.server(TLSPolicy(profile=policy)).connection())
    assert at_server is not None
    assert at_client is not None
    assert (at_server.alert, at_server.sent) == ("protocol_version", True)
    assert (at_client.alert, at_client.sent) == ("protocol_version", False)
    assert "no TLS version" in at_server.what


@both
def test_a_device_that_gives_up_is_no_proper_end(trust: Trust, version: str) -> None:
    server = trust.server().connection()
    carry(client_connection(trust.client(trust.device, version), "localhost"), server)
    with pytest.raises(TLSError) as caught:
        server.receive_data(b"\x15\x03\x03\x00\x02\x01\x00")
    assert "gave up in the middle of the handshake" in caught.value.what
    assert (caught.value.alert, caught.value.sent) == ("close_notify", False)
    assert caught.value.remedy
    assert not server.closed


def test_no_common_suite_is_refused(trust: Trust) -> None:
    device = trust.client(trust.device, "TLSv1.2")
    device.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    at_client, at_server = refusal(client_connection(device, "localhost"), trust.server().connection())
    assert at_server is not None
    assert at_client is not None
    assert at_server.alert == at_client.alert == "handshake_failure"
    assert "no cipher suite" in at_server.what


@both
@pytest.mark.parametrize(
    ("dialled", "accepted"), [("localhost", True), ("127.0.0.1", True), ("other", False), ("10.0.0.1", False)]
)
def test_a_client_checks_name_and_address(trust: Trust, version: str, dialled: str, accepted: bool) -> None:
    client = client_connection(trust.client(trust.device, version), dialled)
    at_client, at_server = refusal(client, trust.server().connection())
    assert (at_client is None) == (at_server is None) == accepted
    if at_client and at_server:
        assert "was dialled" in at_client.what
        assert (at_client.alert, at_client.sent) == ("bad_certificate", True)
        assert (at_server.alert, at_server.sent) == ("bad_certificate", False)


@both
def test_a_device_that_does_not_know_our_root_is_explained(trust: Trust, version: str) -> None:
    stranger = trust.client(None, version)
    device = context.client_context(TLSPolicy(), root=_saved_root(trust))
    device.minimum_version = device.maximum_version = stranger.minimum_version
    server = trust.server().connection()
    at_client, at_server = refusal(client_connection(device, "localhost"), server)
    assert at_server is not None
    assert at_client is not None
    assert (at_server.alert, at_server.sent) == ("unknown_ca", False)
    assert "ca/root.pem" in at_server.remedy
    assert server.refused_certificate == b""


def _saved_root(trust: Trust) -> Path:
    path = trust.folder / "foreign-root.pem"
    path.write_bytes(trust.foreign_ca.pem)
    return path


def is_tidy(server: OpenSSLConnection) -> bool:
    return not server._incoming.pending and not server._outgoing.pending


@both
def test_connections_of_a_listener_share_their_bios_and_nothing_else(trust: Trust, version: str) -> None:
    listener, device = trust.server(), trust.client(trust.device, version)
    servers = [listener.connection() for _ in range(3)]
    clients = [client_connection(device, "localhost") for _ in servers]
    pairs = list(zip(clients, servers, strict=True))
    sent = [bytes([65 + number]) * 40_000 for number in range(3)]
    for (client, server), words in zip(pairs, sent, strict=True):
        client.send(words)
        server.send(words)
    heard_by = {id(each): bytearray() for pair in pairs for each in pair}
    on_the_way: dict[int, bytes] = {}
    for _ in range(1_000):  # each in turn gets some bytes, and nobody waits until another's record is whole
        for client, server in pairs:
            for sender, receiver in ((client, server), (server, client)):
                waiting = on_the_way.get(id(receiver), b"") + sender.data_to_send()
                piece, on_the_way[id(receiver)] = waiting[:301], waiting[301:]
                heard_by[id(receiver)] += receiver.receive_data(piece) if piece else b""
                assert is_tidy(server)
    assert all(server.established and server._incoming is servers[0]._incoming for server in servers)
    for (client, server), words in zip(pairs, sent, strict=True):
        assert heard_by[id(server)] == heard_by[id(client)] == words


@both
@pytest.mark.parametrize("stage", ["at the start", "in the handshake", "after it"])
def test_whoever_fails_leaves_the_bios_empty_and_its_alert_to_itself(trust: Trust, version: str, stage: str) -> None:
    listener, device = trust.server(), trust.client(trust.device, version)
    client, server = client_connection(device, "localhost"), listener.connection()
    if stage != "at the start":
        carry(client, server)
    if stage == "after it":
        exchange(client, server)
    with pytest.raises(TLSError):
        server.receive_data(b"\x16\x03\x03\x00\x21" + bytes(100))
    assert is_tidy(server)
    other = client_connection(device, "localhost"), listener.connection()
    other[0].send(CONNECT)
    assert exchange(*other)[1] == CONNECT
    assert records(server.data_to_send()), "the alert is still there"
    assert server.data_to_send() == b""


@pytest.mark.parametrize("end", ["close_notify, and more behind it", "no memory", "no memory to send"])
def test_nothing_of_one_connection_is_left_for_the_next(
    trust: Trust, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, device = trust.server(), trust.client(trust.device)
    client, server = client_connection(device, "localhost"), listener.connection()
    exchange(client, server)
    if end == "no memory to send":

        def write(plaintext: bytes) -> int:
            server._outgoing.write(b"half of a record")
            raise MemoryError

        monkeypatch.setattr(server, "_write", write)
        server.send(CONNECT)
        with pytest.raises(MemoryError):
            server.data_to_send()
    elif end == "no memory":

        def read(size: int) -> bytes:
            raise MemoryError

        monkeypatch.setattr(server, "_read", read)
        client.send(CONNECT)
        with pytest.raises(MemoryError):
            carry(client, server)
    else:
        client.close()
        server.receive_data(client.data_to_send() + b"\x17\x03\x03\x00\x20" + bytes(32))
        assert server.closed
    assert is_tidy(server)
    other = client_connection(device, "localhost"), listener.connection()
    other[0].send(CONNECT)
    assert exchange(*other)[1] == CONNECT


def test_what_was_proved_alike_is_kept_once(trust: Trust) -> None:
    assert trust.pair()[1].proof is trust.pair()[1].proof


@both
def test_resumption_with_client_certificates(trust: Trust, version: str) -> None:
    listener, device = trust.server(), trust.client(trust.device, version)
    client, server = client_connection(device, "localhost"), listener.connection()
    exchange(client, server)
    for _ in range(3):
        session = client.session
        server.keep_session()
        client, server = client_connection(device, "localhost", session=session), listener.connection()
        client.send(b"again")
        assert exchange(client, server)[1] == b"again"
        assert server.proof is not None
        assert server.proof.resumed
        assert server.peer_certificate == trust.device.der
    # A change of trust builds a new context, which knows no session: certificate and revocation are looked at.
    server = trust.server(crl=trust.device_ca.crl([trust.device])).connection()
    error = refusal(client_connection(device, "localhost", session=client.session), server)[1]
    assert error is not None
    assert error.alert == "certificate_revoked"
    assert server.refused_certificate == trust.device.der


def comes_back(listener: OpenSSLContext, device: ssl.SSLContext, session: ssl.SSLSession | None) -> bool:
    """Is the device's session resumed?"""
    client, server = client_connection(device, "localhost", session=session), listener.connection()
    exchange(client, server)
    server.keep_session()
    assert server.proof is not None
    return server.proof.resumed


@both
@pytest.mark.parametrize("end", ["cut off", "cut off, and kept", "goodbye", "its own goodbye"])
def test_whoever_is_gone_is_resumed_where_we_said_goodbye_or_want_it(trust: Trust, version: str, end: str) -> None:
    listener, device = trust.server(), trust.client(trust.device, version)
    client, server = client_connection(device, "localhost"), listener.connection()
    server.send(b"the ticket comes with this")
    exchange(client, server)
    session = client.session
    match end:
        case "cut off, and kept":
            server.keep_session()
        case "goodbye":
            server.close()
            exchange(client, server)
        case "its own goodbye":
            client.close()
            exchange(client, server)
    del client, server
    assert comes_back(listener, device, session) == (end in ("cut off, and kept", "goodbye"))


@both
def test_whoever_failed_is_not_resumed(trust: Trust, version: str) -> None:
    listener, device = trust.server(), trust.client(trust.device, version)
    client, server = client_connection(device, "localhost"), listener.connection()
    server.send(b"the ticket comes with this")
    exchange(client, server)
    with pytest.raises(TLSError):
        server.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    server.keep_session()
    session = client.session
    del client, server
    assert not comes_back(listener, device, session)


@both
def test_what_was_queued_for_a_connection_that_is_gone_is_not_encrypted_any_more(trust: Trust, version: str) -> None:
    _, server = trust.pair(version)
    server.send(bytes(100_000))
    server.keep_session()
    assert len(server.data_to_send()) < 100


def test_in_a_handshake_there_is_nothing_to_keep(trust: Trust) -> None:
    server = trust.server().connection()
    server.keep_session()
    assert server.data_to_send() == b""


@both
def test_the_ticket_of_a_session_that_is_kept_is_a_small_part_of_one_that_carries_it(
    trust: Trust, version: str
) -> None:
    sizes = []
    for keep in (True, False):
        listener, device = trust.server(), trust.client(trust.device, version)
        listener.keep_sessions(keep)
        client, server = client_connection(device, "localhost"), listener.connection()
        flight = []
        for _ in range(4):
            carry(client, server)
            flight.append(server.data_to_send())
            client.receive_data(flight[-1])
        session = client.session
        server.keep_session()
        assert comes_back(listener, device, session), "either is resumed"
        assert listener.kept == (0 if not keep else 2 if version == "TLSv1.3" else 1)
        assert (listener.handshakes, listener.resumed) == (2, 1)
        sizes.append(sum(map(len, flight)))
    assert sizes[0] + 500 < sizes[1]


@both
def test_tickets_can_be_turned_off(trust: Trust, version: str) -> None:
    device = trust.client(trust.device, version)
    client, server = client_connection(device, "localhost"), trust.server(TLSPolicy(tickets=0)).connection()
    exchange(client, server)
    assert client.session is None or not client.session.session.has_ticket


@both
def test_nothing_is_heard_after_the_handshake(trust: Trust, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def hear(
        connection: hearing.HeardSSLObject, direction: str, tls: int, content: int, kind: int, what: bytes
    ) -> None:
        heard.append(content)
        hearing.hear(connection, direction, tls, content, kind, what)

    monkeypatch.setattr(context, "hear", hear)
    client, server = trust.pair(version)
    assert heard
    heard.clear()
    client.send(b"x" * 50000)
    server.send(b"y" * 50000)
    exchange(client, server)
    client.close()
    server.close()
    exchange(client, server)
    assert server.closed
    assert heard == []


@both
def test_an_altered_record_ends_the_connection_with_an_alert(trust: Trust, version: str) -> None:
    client, server = trust.pair(version)
    client.send(b"pay 10 to bob")
    ciphertext = bytearray(client.data_to_send())
    ciphertext[-1] ^= 1
    with pytest.raises(TLSError) as caught:
        server.receive_data(bytes(ciphertext))
    assert (caught.value.alert, caught.value.sent) == ("bad_record_mac", True)
    assert "altered" in caught.value.what
    alert = server.data_to_send()
    assert records(alert)[0][0] == (21 if version == "TLSv1.2" else 23)
    with pytest.raises(TLSError) as caught:
        client.receive_data(alert)
    assert (caught.value.alert, caught.value.sent) == ("bad_record_mac", False)
    assert server.refused_certificate == b""


@pytest.mark.parametrize("knock", [CONNECT, b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\0" * 100_000])
@pytest.mark.parametrize("size", [0, 1])
def test_what_is_not_tls_is_refused_at_its_first_byte(trust: Trust, knock: bytes, size: int) -> None:
    server = trust.server().connection()
    with pytest.raises(TLSError, match="does not speak TLS"):
        server.receive_data(knock[:1] if size else knock)
    assert server._incoming.pending == 0
    assert server.data_to_send() == b""
    with pytest.raises(TLSError, match="failed before"):
        server.receive_data(knock)


def test_a_record_that_is_too_long_gets_its_alert(trust: Trust) -> None:
    server = trust.server().connection()
    with pytest.raises(TLSError) as caught:
        server.receive_data(b"\x16\x03\x01\xff\xff" + b"\1" * 70_000)
    assert caught.value.alert == "record_overflow"
    assert server.data_to_send() == b"\x15\x03\x03\x00\x02\x02\x16"
    assert server._incoming.pending <= PIECE


class WatchedBIO:
    """A memory BIO of a connection, and the most bytes that were ever in it."""

    def __init__(self, inner: ssl.MemoryBIO) -> None:
        self.inner = inner
        self.most = 0

    @property
    def pending(self) -> int:
        return self.inner.pending

    def write(self, data: bytes | memoryview) -> int:
        written = self.inner.write(data)
        self.most = max(self.most, self.inner.pending)
        return written

    def read(self) -> bytes:
        self.most = max(self.most, self.inner.pending)
        return self.inner.read()


@pytest.mark.parametrize("limit", [64, 16384])
def test_the_memory_bios_stay_small(trust: Trust, limit: int) -> None:
    client, server = trust.pair(policy=TLSPolicy(max_record=limit))
    watched = []
    for one in (client, server):
        watched += [WatchedBIO(one._incoming), WatchedBIO(one._outgoing)]
        one._incoming, one._outgoing = watched[-2:]  # type: ignore[assignment]
    server.send(b"x" * 1_000_000)
    client.send(b"y" * 1_000_000)
    assert exchange(client, server) == (b"x" * 1_000_000, b"y" * 1_000_000)
    for bio in watched:
        assert 0 < bio.most <= PIECE + 16384 + 256


@both
def test_a_connection_goes_without_the_garbage_collector(trust: Trust, version: str) -> None:
    gc.collect()
    gc.disable()
    try:
        client, server = trust.pair(version)
        client.send(b"x")
        exchange(client, server)
        watched = [weakref.ref(client), weakref.ref(server), weakref.ref(server._tls)]
        del client, server
        assert [ref() for ref in watched] == [None, None, None]

        server = trust.server().connection()
        client = client_connection(trust.client(None, version), "localhost")
        with suppress(TLSError):  # not kept: an error holds the frames that it went through
            exchange(client, server)
        assert server._failed
        watched = [weakref.ref(server), weakref.ref(server._tls)]
        del server
        assert [ref() for ref in watched] == [None, None]
    finally:
        gc.enable()


def test_write_errors_surface_at_the_next_receive(trust: Trust) -> None:
    client, server = trust.pair()

    def broken(plaintext: bytes) -> int:
        raise ssl.SSLError(1, "broken")

    server._write = broken  # type: ignore[assignment]
    server.send(b"x")
    assert server.data_to_send() == b""
    client.send(b"y")
    with pytest.raises(TLSError, match="failed before: TLS with the device failed"):
        server.receive_data(client.data_to_send())


def test_the_group_is_told_where_python_can_tell() -> None:
    class Newer:
        session_reused = False

        def cipher(self) -> tuple[str, str, int]:
            return "TLS_AES_128_GCM_SHA256", "TLSv1.3", 128

        def version(self) -> str:
            return "TLSv1.3"

        def getpeercert(self, binary_form: bool) -> bytes | None:
            return None

        def group(self) -> str:
            return "x25519"

    assert openssl._proof(Newer()).group == "x25519"  # type: ignore[arg-type]


def feed(connection: OpenSSLConnection, data: bytes, cuts: list[int]) -> None:
    """Give `data` in pieces; nothing but TLSError may leave, and flushing must always work."""
    at = 0
    for cut in [*cuts, len(data)]:
        with suppress(TLSError):
            connection.receive_data(data[at : at + cut])
        assert isinstance(connection.data_to_send(), bytes)
        at += cut


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=400), tls=st.booleans(), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_noise_raises_nothing_but_tls_errors(trust: Trust, noise: bytes, tls: bool, cuts: list[int]) -> None:
    header = b"\x16\x03\x01" + len(noise).to_bytes(2, "big") + b"\x01\x00" if tls else b""
    for connection in (trust.server().connection(), client_connection(trust.client(None), "localhost")):
        feed(connection, header + noise, cuts)
        assert not connection.established


@settings(max_examples=150, deadline=None)
@given(
    stage=st.integers(0, 2),
    version=st.sampled_from(["TLSv1.2", "TLSv1.3"]),
    at=st.floats(0, 1, exclude_max=True),
    value=st.integers(1, 255),
    cuts=st.lists(st.integers(0, 600), max_size=4),
)
def test_an_altered_flight_raises_nothing_but_tls_errors(
    trust: Trust, stage: int, version: str, at: float, value: int, cuts: list[int]
) -> None:
    client = client_connection(trust.client(trust.device, version), "localhost")
    server = trust.server().connection()
    sides = [client, server]
    for turn in range(stage):
        carry(sides[turn % 2], sides[(turn + 1) % 2])
    flight = bytearray(sides[stage % 2].data_to_send())
    flight[int(at * len(flight))] ^= value
    feed(sides[(stage + 1) % 2], bytes(flight), cuts)
