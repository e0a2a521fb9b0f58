"""Mbed TLS 3.6 on both sides, and against Python's `ssl`, in memory."""

from __future__ import annotations

import contextlib
import gc
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libraries import middleware
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
from refused_setups import BROKER_REFUSES, DEVICE_REFUSES, setup
from sealmq.errors import TLSError
from sealmq.tls.key_log import keep_keys, key_log_of
from sealmq.tls.mbedtls3.contexts import Mbed3ClientContext, Mbed3ServerContext
from sealmq.tls.middleware import PSK, ClientMaterial, ServerMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust, carry, exchange, records, refusal

OURS = "mbedtls-3.6"
VERSIONS = ("TLSv1.2", "TLSv1.3")
PAIRS = ((OURS, OURS), (OURS, "openssl"), ("openssl", OURS))


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    middleware(OURS)


def resumable(trust: Trust, client: str, server: str, version: str) -> tuple[Any, Any]:
    policy = POLICIES[version]
    return (
        find(client).client_context(policy, client_material(trust)),
        find(server).server_context(policy, server_material(trust)),
    )


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_both_prove_themselves(trust: Trust, client: str, server: str, version: str) -> None:
    for host in ("localhost", "127.0.0.1"):
        device, broker = shaken(*pair(client, server, trust, version, host=host))
        assert broker.peer_certificate == trust.device.der
        assert device.proof is not None
        assert broker.proof is not None
        assert device.proof.version == broker.proof.version == ("TLSv1.3" if version == "both" else version)
        assert device.proof.cipher == broker.proof.cipher
        assert {device.proof.group, broker.proof.group} <= {"x25519", ""}
        assert not device.proof.resumed
        assert not broker.proof.resumed
        if client == OURS:
            assert device.peer_certificate == trust.broker.der


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 16384, 16385, 3_000_000])
def test_every_byte_arrives(trust: Trust, version: str, size: int) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, version))
    payload = bytes(range(251)) * (size // 251 + 1)
    device.send(payload[:size])
    assert carry(device, broker) == payload[:size]
    broker.send(payload[:size])
    assert carry(broker, device, 4096) == payload[:size]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_byte_at_a_time(trust: Trust, version: str) -> None:
    device, broker = pair(OURS, OURS, trust, version)
    assert exchange(device, broker, size=1) == (b"", b"")
    assert broker.peer_certificate == trust.device.der
    device.send(b"slow")
    assert carry(device, broker, 1) == b"slow"


def test_no_record_is_larger_than_allowed(trust: Trust) -> None:
    _, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.2", max_record=512))
    broker.send(b"x" * 2000)
    assert [length for _, length in records(broker.data_to_send())] == [536, 536, 536, 488]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_goodbye_is_understood(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = shaken(*pair(client, server, trust, version))
    device.send(b"last")
    device.close()
    assert carry(device, broker) == b"last"
    assert broker.closed
    broker.close()
    carry(broker, device)
    assert device.closed


# -- resumption


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_session_is_resumed_and_the_device_is_known(trust: Trust, client: str, server: str, version: str) -> None:
    for_device, for_broker = resumable(trust, client, server, version)
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    for _ in range(3):
        session = device.session
        assert session is not None
        device.close()
        carry(device, broker)
        broker.close()
        carry(broker, device)
        del broker
        device, broker = shaken(
            for_device.connection("localhost", session=session),
            for_broker.connection(),
        )
        assert device.proof is not None
        assert broker.proof is not None
        assert device.proof.resumed
        assert broker.proof.resumed
        assert broker.peer_certificate == trust.device.der
        if client == OURS:
            assert device.peer_certificate == trust.broker.der


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_context_resumes_nobody(trust: Trust, version: str) -> None:
    for_device, for_broker = resumable(trust, OURS, OURS, version)
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    broker.close()
    _, other = resumable(trust, OURS, OURS, version)
    again, there = shaken(
        for_device.connection("localhost", session=device.session),
        other.connection(),
    )
    assert again.proof is not None
    assert not again.proof.resumed
    assert there.peer_certificate == trust.device.der


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_counts_for_the_name_that_was_dialled(trust: Trust, version: str) -> None:
    for_device, for_broker = resumable(trust, OURS, OURS, version)
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    broker.close()
    other = for_device.connection("elsewhere", session=device.session)
    error, _ = refusal(other, for_broker.connection())
    assert error is not None
    assert "does not carry the name" in error.what


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", ["cut", "kept", "goodbye"])
def test_who_was_cut_off_proves_everything_anew(trust: Trust, version: str, end: str) -> None:
    for_device, for_broker = resumable(trust, OURS, OURS, version)
    assert isinstance(for_broker, Mbed3ServerContext)
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    session = device.session
    assert for_broker.shared.kept == 1
    if end == "goodbye":
        broker.close()
        broker.data_to_send()
    elif end == "kept":
        broker.keep_session()
    del broker
    gc.collect()
    assert for_broker.shared.kept == (end != "cut")
    again, _ = shaken(for_device.connection("localhost", session=session), for_broker.connection())
    assert again.proof is not None
    assert again.proof.resumed == (end != "cut")


def test_a_ticket_of_tls_13_counts_once(trust: Trust) -> None:
    for_device, for_broker = resumable(trust, OURS, OURS, "TLSv1.3")
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    session = device.session
    broker.keep_session()
    results = []
    for _ in range(2):
        again, there = shaken(for_device.connection("localhost", session=session), for_broker.connection())
        there.keep_session()
        assert again.proof is not None
        results.append(again.proof.resumed)
    assert results == [True, False]


def test_a_ticket_is_small_and_none_is_given_when_none_is_wanted(trust: Trust) -> None:
    for tickets in (0, 3):
        policy = TLSPolicy(profile="modern", tickets=tickets)
        listener = find(OURS).server_context(policy, server_material(trust))
        assert isinstance(listener, Mbed3ServerContext)
        device = find(OURS).client_context(policy, client_material(trust))
        client, server = shaken(device.connection("localhost"), listener.connection())
        assert listener.shared.kept == tickets
        assert (client.session is not None) == bool(tickets)
        server.keep_session()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_session_means_a_full_handshake(trust: Trust, version: str) -> None:
    for_device, for_broker = resumable(trust, OURS, OURS, version)
    device, broker = shaken(for_device.connection("localhost"), for_broker.connection())
    broker.keep_session()
    session = device.session
    for data in (b"", b"x" * 100, session.data[:-1]):
        again, there = shaken(
            for_device.connection("localhost", session=replace(session, data=data)), for_broker.connection()
        )
        assert again.proof is not None
        assert not again.proof.resumed
        assert there.peer_certificate == trust.device.der


def test_the_secrets_of_a_session_are_in_no_text(trust: Trust) -> None:
    device, _ = shaken(*pair(OURS, OURS, trust, "TLSv1.3"))
    assert "data" not in repr(device.session)


# -- PSK


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
def test_a_key_proves_both(version: str) -> None:
    policy = POLICIES[version]
    listener = find(OURS).server_context(policy, psk_server_material())
    device = find(OURS).client_context(policy, psk_client_material())
    client, server = shaken(device.connection(""), listener.connection())
    assert server.psk_identity == DEVICE_PSK.identity
    assert client.psk_identity == ""
    assert server.peer_certificate == client.peer_certificate == b""
    assert client.session is None
    assert server.proof is not None
    assert not server.proof.resumed
    client.send(b"hello")
    assert carry(client, server) == b"hello"


@pytest.mark.parametrize(
    ("key", "version", "alert", "words"),
    [
        (PSK("sensor-1", b"x" * 32), "TLSv1.2", "bad_record_mac", "different keys"),
        (PSK("sensor-1", b"x" * 32), "TLSv1.3", "decrypt_error", "could not prove"),
        (PSK("sensor-2", b"x" * 32), "TLSv1.2", "unknown_psk_identity", "nobody here knows"),
        (PSK("sensor-2", b"x" * 32), "TLSv1.3", "unknown_psk_identity", "nobody here knows"),
    ],
)
def test_a_wrong_key_and_an_unknown_name_are_refused(key: PSK, version: str, alert: str, words: str) -> None:
    listener = find(OURS).server_context(POLICIES[version], psk_server_material())
    device = find(OURS).client_context(POLICIES[version], ClientMaterial(psk=key))
    server = listener.connection()
    theirs, ours = refusal(device.connection(""), server)
    assert ours is not None
    assert theirs is not None
    assert words in ours.what
    assert (ours.alert, ours.sent) == (alert, True)
    assert (theirs.alert, theirs.sent) == (alert, False)
    assert server.psk_identity == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_believes_no_certificate(trust: Trust, version: str) -> None:
    """A broker that has a good certificate, and no key."""
    listener = find("openssl").server_context(POLICIES[version], server_material(trust))
    device = find(OURS).client_context(POLICIES[version], psk_client_material())
    client = device.connection("localhost")
    error, _ = refusal(client, listener.connection())
    assert error is not None
    assert not client.established


@pytest.mark.parametrize("found", [lambda _: 1 / 0, lambda _: b"x" * 65, lambda _: None])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lookup_that_goes_wrong_lets_nobody_in(found: object) -> None:
    listener = find(OURS).server_context(TLSPolicy(), ServerMaterial(client_certificates=False, psk=found))  # type: ignore[arg-type]
    server = listener.connection()
    _, error = refusal(find(OURS).client_context(TLSPolicy(), psk_client_material()).connection(""), server)
    assert error is not None
    assert not server.established


# -- refusals


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", [OURS, "openssl"])
@pytest.mark.parametrize("case", BROKER_REFUSES)
def test_the_broker_refuses_and_says_why(trust: Trust, case: str, client: str, version: str) -> None:
    for_server, for_client, host = setup(trust, case)
    server = find(OURS).server_context(POLICIES[version], for_server).connection()
    device = find(client).client_context(POLICIES[version], for_client).connection(host)
    theirs, ours = refusal(device, server)
    words, alert = BROKER_REFUSES[case]
    if case == "no certificate" and version == "TLSv1.2":
        alert = "handshake_failure"
    assert ours is not None
    assert words in ours.what
    assert (ours.alert, ours.sent) == (alert, True)
    assert "Mbed TLS: " in ours.why
    assert ours.remedy
    assert not server.established
    assert bool(server.refused_certificate) == (case != "no certificate")
    assert theirs is not None  # the alert was flushed, under keys that the device can read with
    assert (theirs.alert, theirs.sent) == (alert, False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("case", "server"),
    [(case, server) for case in DEVICE_REFUSES for server in (OURS, "openssl")
     if (case, server) != ("a device as a broker", OURS)],  # Mbed TLS itself would not show such a certificate
)  # fmt: skip
def test_the_device_refuses_and_says_why(trust: Trust, case: str, server: str, version: str) -> None:
    for_server, for_client, host = setup(trust, case)
    broker = find(server).server_context(POLICIES[version], for_server).connection()
    device = find(OURS).client_context(POLICIES[version], for_client).connection(host)
    ours, theirs = refusal(device, broker)
    words, alert = DEVICE_REFUSES[case]
    assert ours is not None
    assert words in ours.what
    assert (ours.alert, ours.sent) == (alert, True)
    assert not device.established
    assert device.refused_certificate
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == (alert, False)


def test_a_broker_hears_an_openssl_device_that_refuses(trust: Trust) -> None:
    """Under TLS 1.3 it says so in the clear."""
    server = find(OURS).server_context(TLSPolicy(), server_material(trust)).connection()
    device = find("openssl").client_context(TLSPolicy(), client_material(trust)).connection("elsewhere")
    _, ours = refusal(device, server)
    assert ours is not None
    assert (ours.alert, ours.sent) == ("bad_certificate", False)
    assert server.data_to_send() == b""


def test_no_version_in_common(trust: Trust) -> None:
    server = find(OURS).server_context(POLICIES["TLSv1.2"], server_material(trust)).connection()
    device = find(OURS).client_context(POLICIES["TLSv1.3"], client_material(trust)).connection("localhost")
    theirs, ours = refusal(device, server)
    assert ours is not None
    assert theirs is not None
    assert theirs.alert in ("handshake_failure", "protocol_version")


def test_a_stolen_certificate_is_not_enough(trust: Trust) -> None:
    """Of the broker, without its key: a broker of OpenSSL's that was given another cannot even be built, and Mbed TLS
    says the same of ours (test_contexts.py); so the handshake is altered on its way."""
    device, broker = pair(OURS, "openssl", trust, "TLSv1.2")
    broker.receive_data(device.data_to_send())
    flight = bytearray(broker.data_to_send())
    at = bytes(flight).index(b"\x0c\x00")  # ServerKeyExchange, signed
    flight[at + 12] ^= 1
    with pytest.raises(TLSError) as caught:
        device.receive_data(bytes(flight))
    assert device.data_to_send()
    assert caught.value.alert


# -- a peer that keeps to nothing


@settings(max_examples=30)
@given(noise=st.binary(min_size=1, max_size=400), version=st.sampled_from(VERSIONS), after=st.booleans())
def test_noise_ends_in_an_error_or_in_silence(trust: Trust, noise: bytes, version: str, after: bool) -> None:
    for at_device in (True, False):
        device, broker = pair(OURS, OURS, trust, version)
        if after:
            shaken(device, broker)
        victim = device if at_device else broker
        header = bytes([22, 3, 3]) if not after else bytes([23, 3, 3])
        with contextlib.suppress(TLSError):
            victim.receive_data(header + len(noise).to_bytes(2, "big") + noise)
            victim.receive_data(noise)
        victim.data_to_send()


@settings(max_examples=30)
@given(
    turn=st.integers(0, 2), spot=st.integers(0, 1 << 16), bits=st.integers(1, 255), version=st.sampled_from(VERSIONS)
)
def test_an_altered_flight_proves_nothing_else(trust: Trust, turn: int, spot: int, bits: int, version: str) -> None:
    """The version in a record's header is nobody's business (RFC 8446 section 5.1); all else ends the handshake."""
    device, broker = pair(OURS, OURS, trust, version)
    for at in range(4):
        sender, receiver = (device, broker) if at % 2 == 0 else (broker, device)
        flight = bytearray(sender.data_to_send())
        if at == turn and flight:
            flight[spot % len(flight)] ^= bits
        try:
            receiver.receive_data(bytes(flight))
        except TLSError:
            return
    if device.established and broker.established:
        assert device.proof == broker.proof
        assert broker.peer_certificate == trust.device.der


def test_a_flood_of_alerts_and_empty_records_ends(trust: Trust) -> None:
    _, broker = pair(OURS, OURS, trust, "TLSv1.2")
    with pytest.raises(TLSError):  # warnings in front of a hello
        broker.receive_data(bytes.fromhex("15030300020100") * 200_000)


def test_a_connection_that_was_cut_is_not_closed(trust: Trust) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.3"))
    device.send(b"half")
    ciphertext = device.data_to_send()
    assert broker.receive_data(ciphertext[:-1]) == b""
    assert not broker.closed
    assert broker.receive_data(ciphertext[-1:]) == b"half"


def test_an_altered_record_ends_the_connection(trust: Trust) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.3"))
    device.send(b"hello")
    ciphertext = bytearray(device.data_to_send())
    ciphertext[-1] ^= 1
    with pytest.raises(TLSError, match="altered") as caught:
        broker.receive_data(bytes(ciphertext))
    assert caught.value.alert == "bad_record_mac"
    with pytest.raises(TLSError) as heard:
        carry(broker, device)
    assert (heard.value.alert, heard.value.sent) == ("bad_record_mac", False)


def test_nothing_is_left_of_connections_that_have_gone(trust: Trust) -> None:
    """Contexts may go before their connections."""
    for _ in range(3):
        device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.3"))
        gc.collect()
        device.send(b"still here")
        assert carry(device, broker) == b"still here"
    device = broker = None  # type: ignore[assignment]
    gc.collect()


def test_contexts_of_several_threads_do_not_meet(trust: Trust) -> None:
    """Mbed TLS's key store is the whole process's."""
    with_certificates = [resumable(trust, OURS, OURS, version) for version in VERSIONS * 2]

    def work(each: tuple[Any, Any]) -> int:
        done = 0
        for _ in range(10):
            device, broker = shaken(each[0].connection("localhost"), each[1].connection())
            device.send(bytes(20_000))
            done += carry(device, broker) == bytes(20_000)
        return done

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, with_certificates)) == [10] * 4


def test_what_a_lookup_frees_does_no_harm(trust: Trust) -> None:
    """The lookup runs in the middle of a handshake, and other connections may go while it does."""
    others = [pair(OURS, OURS, trust, "TLSv1.3") for _ in range(4)]

    def lookup(identity: str) -> bytes | None:
        others.clear()
        gc.collect()
        return DEVICE_PSK.key if identity == DEVICE_PSK.identity else None

    listener = find(OURS).server_context(TLSPolicy(), ServerMaterial(client_certificates=False, psk=lookup))
    _, server = shaken(
        find(OURS).client_context(TLSPolicy(), psk_client_material()).connection(""), listener.connection()
    )
    assert server.psk_identity == DEVICE_PSK.identity
    assert not others


# -- what a capture is opened with


@pytest.mark.parametrize("version", VERSIONS)
def test_the_keys_are_logged_when_asked_for(trust: Trust, version: str, tmp_path: Path) -> None:
    policy = POLICIES[version]
    listener = find("openssl").server_context(policy, server_material(trust))
    theirs = tmp_path / "keys"
    context: ssl.SSLContext = listener._context  # type: ignore[attr-defined]
    context.keylog_filename = str(theirs)
    listener._quiet = None  # type: ignore[attr-defined]
    device = find(OURS).client_context(policy, client_material(trust))
    assert isinstance(device, Mbed3ClientContext)
    silent, _ = shaken(
        device.connection("localhost"), find(OURS).server_context(policy, server_material(trust)).connection()
    )
    assert key_log_of(silent) == ""
    keep_keys(device)
    client, _ = shaken(device.connection("localhost"), listener.connection())
    ours = key_log_of(client).splitlines()
    assert ours == key_log_of(client).splitlines(), "the same when it is asked again"
    logged = theirs.read_text().splitlines()
    assert set(ours) <= set(logged)
    assert len(ours) == (1 if version == "TLSv1.2" else 4)
