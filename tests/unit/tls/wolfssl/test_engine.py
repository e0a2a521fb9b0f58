from __future__ import annotations

import contextlib
import gc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware_pairs import (
    DEVICE_PSK,
    POLICIES,
    client_material,
    pair,
    psk_client_material,
    psk_server_material,
    server_material,
    shaken,
)
from sealmq.errors import TLSError
from sealmq.tls.middleware import ClientContext, ServerMaterial, TLSContext
from sealmq.tls.middlewares import find
from tls_pairs import Trust, carry, exchange, records, refusal
from wolfssl_here import SIDES, VERSIONS, end, meeting, wolfssl

AS_SERVER = [pair for pair in SIDES if pair[1] == "wolfssl"]
AS_CLIENT = [pair for pair in SIDES if pair[0] == "wolfssl"]


def contexts(trust: Trust, client: str, server: str, version: str) -> tuple[ClientContext, TLSContext]:
    device = find(client).client_context(POLICIES[version], client_material(trust))
    return device, find(server).server_context(POLICIES[version], server_material(trust))


# -- bytes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_every_byte_arrives(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = shaken(*pair(client, server, trust, version))
    for size in (1, 2, 255, 16_383, 16_384, 16_385, 100_000):
        for sender, receiver in ((device, broker), (broker, device)):
            sent = bytes(number % 251 for number in range(size))
            sender.send(sent)
            assert carry(sender, receiver, 1 if size < 300 else 7_777) == sent


@pytest.mark.parametrize("version", VERSIONS)
def test_three_megabytes(trust: Trust, version: str) -> None:
    device, broker = shaken(*pair("wolfssl", "wolfssl", trust, version))
    sent = bytes(range(256)) * 12_000
    device.send(sent)
    broker.send(sent)
    assert carry(device, broker) == sent
    assert carry(broker, device) == sent


@pytest.mark.parametrize("version", VERSIONS)
def test_no_record_is_larger_than_allowed(trust: Trust, version: str) -> None:
    _, broker = shaken(*pair("openssl", "wolfssl", trust, version, max_record=512))
    broker.send(b"x" * 2000)
    around = 24 if version == "TLSv1.2" else 17
    assert [length for _, length in records(broker.data_to_send())] == [512 + around] * 3 + [464 + around]


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_a_handshake_in_pieces(trust: Trust, client: str, server: str, version: str, size: int) -> None:
    device, broker = pair(client, server, trust, version)
    exchange(device, broker, size)
    assert device.established
    assert broker.established


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_who_has_said_goodbye_still_listens(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = shaken(*pair(client, server, trust, version))
    broker.close()
    assert carry(broker, device) == b""
    assert device.closed
    device.send(b"late")
    device.close()
    assert carry(device, broker) == b"late"
    assert broker.closed


# -- sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_a_session_is_resumed_and_the_peer_is_known(trust: Trust, client: str, server: str, version: str) -> None:
    device, listener = contexts(trust, client, server, version)
    session = end(*shaken(device.connection("localhost"), listener.connection()))
    assert session is not None
    again, there = shaken(device.connection("localhost", session=session), listener.connection())
    assert again.proof is not None
    assert there.proof is not None
    assert again.proof.resumed
    assert there.proof.resumed
    assert again.peer_certificate == trust.broker.der
    assert there.peer_certificate == trust.device.der
    assert end(again, there) is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), SIDES)
def test_another_context_resumes_nobody(trust: Trust, client: str, server: str, version: str) -> None:
    device, listener = contexts(trust, client, server, version)
    session = end(*shaken(device.connection("localhost"), listener.connection()))
    after_revocation = find(server).server_context(POLICIES[version], server_material(trust))
    again, there = shaken(device.connection("localhost", session=session), after_revocation.connection())
    assert again.proof is not None
    assert not again.proof.resumed
    assert there.proof is not None
    assert not there.proof.resumed
    assert there.peer_certificate == trust.device.der


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_CLIENT)
def test_a_session_is_good_for_its_host_and_context_alone(trust: Trust, client: str, server: str, version: str) -> None:
    device, listener = contexts(trust, client, server, version)
    session = end(*shaken(device.connection("localhost"), listener.connection()))
    another = wolfssl().client_context(POLICIES[version], client_material(trust))
    for other in (
        device.connection("127.0.0.1", session=session),
        another.connection("localhost", session=session),
        device.connection("localhost", session=object()),
    ):
        again, _ = shaken(other, listener.connection())
        assert again.proof is not None
        assert not again.proof.resumed
    posing = device.connection("elsewhere.example", session=session)
    assert refusal(posing, listener.connection())[0] is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_SERVER)
def test_whoever_was_cut_off_may_resume_when_it_was_only_tcp(
    trust: Trust, client: str, server: str, version: str
) -> None:
    device, listener = contexts(trust, client, server, version)
    for kept in (False, True):
        first, there = shaken(device.connection("localhost"), listener.connection())
        there.send(b"!")
        carry(there, first)
        session = first.session
        if kept:
            first.keep_session()
            there.keep_session()
        del first, there
        gc.collect()
        again, there = shaken(device.connection("localhost", session=session), listener.connection())
        assert there.proof is not None
        assert there.proof.resumed == kept
        end(again, there)


@pytest.mark.parametrize("version", VERSIONS)
def test_whoever_failed_does_not_resume(trust: Trust, version: str) -> None:
    device, listener = contexts(trust, "wolfssl", "wolfssl", version)
    first, there = shaken(device.connection("localhost"), listener.connection())
    there.send(b"!")
    carry(there, first)
    session = first.session
    first.send(b"altered")
    record = bytearray(first.data_to_send())
    record[-1] ^= 1
    with pytest.raises(TLSError, match="altered on its way") as caught:
        there.receive_data(bytes(record))
    assert caught.value.alert == "bad_record_mac"
    there.keep_session()
    assert listener.kept == 0  # type: ignore[attr-defined]
    _, there = shaken(device.connection("localhost", session=session), listener.connection())
    assert there.proof is not None
    assert not there.proof.resumed


def test_a_ticket_of_tls_13_is_used_once(trust: Trust) -> None:
    device, listener = contexts(trust, "openssl", "wolfssl", "TLSv1.3")
    session = end(*shaken(device.connection("localhost"), listener.connection()))
    for resumed in (True, False):
        again, there = shaken(device.connection("localhost", session=session), listener.connection())
        assert there.proof is not None
        assert there.proof.resumed == resumed
        end(again, there)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_SERVER)
def test_a_session_that_is_over(trust: Trust, client: str, server: str, version: str) -> None:
    device, listener = contexts(trust, client, server, version)
    session = end(*shaken(device.connection("localhost"), listener.connection()))
    listener._sessions.lifetime = -1  # type: ignore[attr-defined]
    _, there = shaken(device.connection("localhost", session=session), listener.connection())
    assert there.proof is not None
    assert not there.proof.resumed
    assert there.peer_certificate == trust.device.der


@pytest.mark.parametrize("version", VERSIONS)
def test_a_psk_s_session_has_its_name(version: str) -> None:
    listener = wolfssl().server_context(POLICIES[version], psk_server_material())
    device = wolfssl().client_context(POLICIES[version], psk_client_material())
    session = end(*shaken(device.connection(""), listener.connection()))
    again, there = shaken(device.connection("", session=session), listener.connection())
    assert there.proof is not None
    assert there.proof.resumed
    assert there.psk_identity == DEVICE_PSK.identity
    assert again.peer_certificate == b""


def test_sessions_are_bounded(trust: Trust) -> None:
    device, listener = contexts(trust, "openssl", "wolfssl", "TLSv1.3")
    listener._sessions._capacity = 3  # type: ignore[attr-defined]
    for _ in range(5):
        end(*shaken(device.connection("localhost"), listener.connection()))
    assert listener.kept == 3  # type: ignore[attr-defined]
    assert (listener.handshakes, listener.resumed) == (5, 0)  # type: ignore[attr-defined]


# -- strangers -----------------------------------------------------------------------------------------------------

RECORDS = {
    "garbage": b"\x16\x03\x01\x00\x20" + bytes(range(100, 132)),
    "data": b"\x17\x03\x03\x00\x20" + bytes(32),
    "warnings": b"\x15\x03\x03\x00\x02\x01\x5a" * 50,
    "empty records": b"\x16\x03\x03\x00\x00" * 5_000,
    "change_cipher_specs": b"\x14\x03\x03\x00\x01\x01" * 5_000,
    "a long record": b"\x16\x03\x03\xff\xff" + bytes(70_000),
    "an endless message": (b"\x16\x03\x03\x40\x00\x01\xff\xff\xff" + bytes(16_380))
    + (b"\x16\x03\x03\x40\x00" + bytes(16_384)) * 100,
    "a heartbeat": b"\x18\x03\x03\x00\x03\x01\x40\x00",
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "a goodbye": b"\x15\x03\x03\x00\x02\x01\x00",
}


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize("what", list(RECORDS))
def test_what_no_client_sends_is_refused(trust: Trust, what: str, version: str) -> None:
    broker = wolfssl().server_context(POLICIES[version], server_material(trust)).connection()
    with pytest.raises(TLSError) as caught:
        broker.receive_data(RECORDS[what])
    assert caught.value.alert
    said = broker.data_to_send()
    assert bool(said) == caught.value.sent
    with pytest.raises(TLSError, match="has failed before"):
        broker.receive_data(b"more")
    assert not broker.established


@settings(max_examples=50)
@given(noise=st.binary(min_size=1, max_size=600), kind=st.sampled_from([20, 21, 22, 23]))
def test_noise_is_refused_or_waited_on(trust: Trust, noise: bytes, kind: int) -> None:
    _, listener = contexts(trust, "wolfssl", "wolfssl", "both")
    broker = listener.connection()
    try:
        broker.receive_data(bytes((kind, 3, 3)) + len(noise).to_bytes(2, "big") + noise)
    except TLSError:
        pass
    assert not broker.established


def headers(said: bytearray) -> set[int]:
    """Where the record headers are: their version is nobody's business (RFC 8446 section 5.1)."""
    found, at = set(), 0
    for _, length in records(bytes(said)):
        found |= set(range(at, at + 5))
        at += 5 + length
    return found


@settings(max_examples=40)
@given(at=st.integers(0, 100_000), bit=st.integers(0, 7), flight=st.integers(0, 2), version=st.sampled_from(VERSIONS))
def test_a_bit_that_is_altered_on_the_way(trust: Trust, at: int, bit: int, flight: int, version: str) -> None:
    device, broker = pair("wolfssl", "wolfssl", trust, version)
    ways = [(device, broker), (broker, device)]
    try:
        for step in range(6):
            sender, receiver = ways[step % 2]
            said = bytearray(sender.data_to_send())
            if step == flight and said:
                bodies = [number for number in range(len(said)) if number not in headers(said)]
                said[bodies[at % len(bodies)]] ^= 1 << bit
            receiver.receive_data(bytes(said))
    except TLSError:
        pass
    assert not (device.established and broker.established)


def test_a_client_that_meets_noise(trust: Trust) -> None:
    device, _ = contexts(trust, "wolfssl", "wolfssl", "both")
    for kind in (20, 21, 22, 23):
        connection = device.connection("localhost")
        with pytest.raises(TLSError):
            connection.receive_data(bytes((kind, 3, 3, 0, 64)) + bytes(64))
        assert not connection.established


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_that_refuses_in_the_clear_is_heard(trust: Trust, version: str) -> None:
    """OpenSSL does, with TLS 1.3 too."""
    ours, theirs = refusal(*pair("openssl", "wolfssl", trust, version, host="elsewhere.example"))
    assert ours is not None
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == (ours.alert, False) == ("bad_certificate", False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_in_the_clear_behind_the_handshake(trust: Trust, version: str) -> None:
    device, broker = shaken(*pair("openssl", "wolfssl", trust, version))
    hello = meeting(trust, "openssl", "wolfssl", version)[0].data_to_send()
    with pytest.raises(TLSError, match="out of order"):
        broker.receive_data(hello)
    assert device.established


def test_a_lookup_that_raises_is_a_bug_and_lets_nobody_in(trust: Trust) -> None:
    def broken(identity: str) -> bytes | None:
        raise ZeroDivisionError(identity)

    for version in VERSIONS:
        listener = wolfssl().server_context(POLICIES[version], ServerMaterial(psk=broken))
        device = wolfssl().client_context(POLICIES[version], psk_client_material()).connection("")
        broker = listener.connection()
        with pytest.raises(ZeroDivisionError):
            exchange(device, broker)
        assert not broker.established


def test_a_context_lives_as_long_as_its_connections(trust: Trust) -> None:
    device, broker = pair("wolfssl", "wolfssl", trust)
    gc.collect()  # both contexts are gone but for what the connections hold
    shaken(device, broker)


def ours_alive() -> list[object]:
    return [each for each in gc.get_objects() if str(type(each).__module__).startswith("sealmq.tls.wolfssl.")]


def test_nothing_goes_in_circles(trust: Trust) -> None:
    wolfssl()
    gc.collect()
    before = ours_alive()
    gc.disable()
    try:
        for _ in range(3):
            device, broker = shaken(*pair("wolfssl", "wolfssl", trust))
            end(device, broker)
            device, broker = meeting(trust, "wolfssl", "wolfssl", "both", host="elsewhere.example")
            with contextlib.suppress(TLSError):
                exchange(device, broker)
            assert device.refused_certificate
        del device, broker
        held = {id(each) for each in before}
        assert {type(each).__name__ for each in ours_alive() if id(each) not in held} == set()
    finally:
        gc.enable()


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_many_connections_leave_nothing_behind(trust: Trust) -> None:
    device, listener = contexts(trust, "wolfssl", "wolfssl", "TLSv1.3")
    resumed: object | None = None

    def some(number: int) -> None:
        nonlocal resumed
        for at in range(number):
            first, there = shaken(device.connection("localhost", session=resumed), listener.connection())
            resumed = end(first, there) if at % 3 else None

    some(100)
    before = resident_pages()
    some(500)
    assert (resident_pages() - before) * 4096 < 8_000_000  # one connection takes 75 KB; sessions: 300 of 1.5 KB
