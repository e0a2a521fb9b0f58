"""Mbed TLS 2.28 on both sides, and against Python's `ssl` and Mbed TLS 3.6, in memory."""

from __future__ import annotations

import contextlib

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
from sealmq.tls.mbedtls2.engine import Identities
from sealmq.tls.middleware import PSK, ClientMaterial, ServerMaterial
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust, carry, exchange, records, refusal

OURS = "mbedtls-2.28"
PAIRS = ((OURS, OURS), (OURS, "openssl"), ("openssl", OURS))


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    middleware(OURS)


@pytest.mark.parametrize("policy", ["TLSv1.2", "both"])
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_both_prove_themselves(trust: Trust, client: str, server: str, policy: str) -> None:
    device, broker = shaken(*pair(client, server, trust, policy))
    assert broker.peer_certificate == trust.device.der
    assert device.proof is not None
    assert broker.proof is not None
    assert device.proof.version == broker.proof.version == "TLSv1.2"
    assert device.proof.cipher == broker.proof.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert not broker.proof.resumed
    if client == OURS:
        assert device.peer_certificate == trust.broker.der
        assert device.session is None


@pytest.mark.parametrize("size", [1, 16384, 16385, 3_000_000])
def test_every_byte_arrives(trust: Trust, size: int) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.2"))
    payload = bytes(range(251)) * (size // 251 + 1)
    device.send(payload[:size])
    assert carry(device, broker) == payload[:size]
    broker.send(payload[:size])
    assert carry(broker, device, 4096) == payload[:size]


def test_a_byte_at_a_time(trust: Trust) -> None:
    device, broker = pair(OURS, OURS, trust, "TLSv1.2")
    assert exchange(device, broker, size=1) == (b"", b"")
    device.send(b"slow")
    assert carry(device, broker, 1) == b"slow"


def test_no_record_is_larger_than_allowed(trust: Trust) -> None:
    _, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.2", max_record=512))
    broker.send(b"x" * 2000)
    assert [length for _, length in records(broker.data_to_send())] == [536, 536, 536, 488]


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_goodbye_is_understood(trust: Trust, client: str, server: str) -> None:
    device, broker = shaken(*pair(client, server, trust, "TLSv1.2"))
    device.send(b"last")
    device.close()
    assert carry(device, broker) == b"last"
    assert broker.closed
    assert broker.peer_certificate == trust.device.der
    broker.close()
    carry(broker, device)
    assert device.closed == (server == "openssl")  # the package has forgotten the connection by then


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_broker_says_goodbye(trust: Trust, client: str, server: str) -> None:
    device, broker = shaken(*pair(client, server, trust, "TLSv1.2"))
    broker.close()
    carry(broker, device)
    assert device.closed


def test_a_cut_is_no_goodbye(trust: Trust) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.2"))
    device.send(b"half")
    ciphertext = device.data_to_send()
    assert broker.receive_data(ciphertext[:-1]) == b""
    assert not broker.closed
    assert broker.receive_data(ciphertext[-1:]) == b"half"
    broker.keep_session()


def test_an_altered_record_ends_the_connection(trust: Trust) -> None:
    device, broker = shaken(*pair(OURS, OURS, trust, "TLSv1.2"))
    device.send(b"hello")
    ciphertext = bytearray(device.data_to_send())
    ciphertext[-1] ^= 1
    with pytest.raises(TLSError, match="altered") as caught:
        broker.receive_data(bytes(ciphertext))
    assert caught.value.alert == "bad_record_mac"
    with pytest.raises(TLSError, match="ended the connection") as heard:
        carry(broker, device)
    assert not heard.value.sent


# -- PSK


def test_a_key_proves_both() -> None:
    listener = middleware(OURS).server_context(TLSPolicy(), psk_server_material())
    device = middleware(OURS).client_context(TLSPolicy(), psk_client_material())
    first = listener.connection()
    waiting = listener.connection()  # somebody else, of whom nothing is known
    client, server = shaken(device.connection(""), first)
    assert server.psk_identity == DEVICE_PSK.identity
    assert waiting.psk_identity == client.psk_identity == ""
    assert client.peer_certificate == b""
    client.send(b"hello")
    assert carry(client, server) == b"hello"


@pytest.mark.parametrize(
    ("key", "alert", "words"),
    [
        (PSK("sensor-1", b"x" * 32), "bad_record_mac", "different keys"),
        (PSK("sensor-2", b"x" * 32), "unknown_psk_identity", "nobody here knows"),
    ],
)
def test_a_wrong_key_and_an_unknown_name_are_refused(key: PSK, alert: str, words: str) -> None:
    listener = middleware(OURS).server_context(TLSPolicy(), psk_server_material())
    device = middleware(OURS).client_context(TLSPolicy(), ClientMaterial(psk=key))
    server = listener.connection()
    theirs, ours = refusal(device.connection(""), server)
    assert ours is not None
    assert theirs is not None
    assert words in ours.what
    assert (ours.alert, ours.sent) == (alert, True)
    assert (theirs.alert, theirs.sent) == (alert, False)
    assert server.psk_identity == ""


def test_a_key_goes_with_3_6(trust: Trust) -> None:
    middleware("mbedtls-3.6")
    for client, server in ((OURS, "mbedtls-3.6"), ("mbedtls-3.6", OURS)):
        _, broker = shaken(*pair(client, server, trust, "TLSv1.2", psk=True))
        assert broker.psk_identity == DEVICE_PSK.identity


def test_a_key_believes_no_certificate(trust: Trust) -> None:
    device = middleware(OURS).client_context(TLSPolicy(), psk_client_material()).connection("localhost")
    error, _ = refusal(device, middleware("openssl").server_context(TLSPolicy(), server_material(trust)).connection())
    assert error is not None
    assert not device.established


@pytest.mark.parametrize("found", [lambda _: 1 / 0, lambda _: b"x" * 600])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lookup_that_goes_wrong_lets_nobody_in(found: object) -> None:
    material = ServerMaterial(client_certificates=False, psk=found)  # type: ignore[arg-type]
    server = middleware(OURS).server_context(TLSPolicy(), material).connection()
    _, error = refusal(middleware(OURS).client_context(TLSPolicy(), psk_client_material()).connection(""), server)
    assert error is not None
    assert not server.established


def test_keys_are_in_no_text() -> None:
    identities = Identities({"a": b"secret-secret-secret"}.get)
    assert identities["a"] == b"secret-secret-secret"
    assert "secret" not in repr(identities) + str(identities)


# -- refusals

REVOCATION = {"a revoked device", "no list of this CA", "a list that is over"}
VAGUE = {"a device of tomorrow": ("cannot be accepted", "certificate_unknown")}


@pytest.mark.parametrize("client", [OURS, "openssl"])
@pytest.mark.parametrize("case", [case for case in BROKER_REFUSES if case not in REVOCATION])
def test_the_broker_refuses_and_says_why(trust: Trust, case: str, client: str) -> None:
    for_server, for_client, host = setup(trust, case)
    server = middleware(OURS).server_context(POLICIES["TLSv1.2"], for_server).connection()
    device = middleware(client).client_context(POLICIES["TLSv1.2"], for_client).connection(host)
    theirs, ours = refusal(device, server)
    words, alert = VAGUE.get(case) or BROKER_REFUSES[case]
    if case == "no certificate":  # Mbed TLS says nothing here: the alert is ours
        alert = "handshake_failure"
    assert ours is not None
    assert words in ours.what
    assert (ours.alert, ours.sent) == (alert, True)
    assert ours.remedy
    assert not server.established
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == (alert, False)


@pytest.mark.parametrize(
    ("case", "server"),
    [(case, server) for case in DEVICE_REFUSES for server in (OURS, "openssl")
     if "address" not in case and (case, server) != ("a device as a broker", OURS)],
)  # fmt: skip
def test_the_device_refuses_and_says_why(trust: Trust, case: str, server: str) -> None:
    for_server, for_client, host = setup(trust, case)
    broker = middleware(server).server_context(POLICIES["TLSv1.2"], for_server).connection()
    device = middleware(OURS).client_context(POLICIES["TLSv1.2"], for_client).connection(host)
    ours, theirs = refusal(device, broker)
    words, alert = DEVICE_REFUSES[case]
    assert ours is not None
    assert words in ours.what
    assert not device.established
    if "wildcard" in case:  # seen when the handshake is done: all that is said is goodbye
        assert broker.closed
        return
    assert (ours.alert, ours.sent) == (alert, True)
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == (alert, False)


def test_a_curve_that_is_not_allowed_is_not_used(trust: Trust) -> None:
    """2.28 would take it, and its list of curves cannot be shortened."""
    listener = trust.server(TLSPolicy(highest="TLSv1.2"))
    for context in (listener._context, listener._quiet):
        if context is not None:
            context.set_ecdh_curve("secp224r1")
    device = middleware(OURS).client_context(TLSPolicy(), client_material(trust)).connection("localhost")
    ours, theirs = refusal(device, listener.connection())
    assert ours is not None
    assert theirs is not None
    assert "no key exchange group that is allowed" in ours.what
    assert (theirs.alert, theirs.sent) == ("handshake_failure", False)


# -- a peer that keeps to nothing


@settings(max_examples=15)
@given(noise=st.binary(min_size=1, max_size=400), after=st.booleans())
def test_noise_ends_in_an_error_or_in_silence(trust: Trust, noise: bytes, after: bool) -> None:
    for at_device in (True, False):
        device, broker = pair(OURS, OURS, trust, "TLSv1.2")
        if after:
            shaken(device, broker)
        victim = device if at_device else broker
        header = bytes([23 if after else 22, 3, 3])
        with contextlib.suppress(TLSError):
            victim.receive_data(header + len(noise).to_bytes(2, "big") + noise)
            victim.receive_data(noise)
        victim.data_to_send()


@settings(max_examples=15)
@given(turn=st.integers(0, 2), spot=st.integers(0, 1 << 16), bits=st.integers(1, 255))
def test_an_altered_flight_proves_nothing_else(trust: Trust, turn: int, spot: int, bits: int) -> None:
    device, broker = pair(OURS, OURS, trust, "TLSv1.2")
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
        assert broker.peer_certificate == trust.device.der


def test_a_flood_of_warnings_ends(trust: Trust) -> None:
    device, broker = pair(OURS, OURS, trust, "TLSv1.2")
    broker.receive_data(device.data_to_send())
    broker.data_to_send()
    with contextlib.suppress(TLSError):
        broker.receive_data(bytes.fromhex("1503030002015a") * 100_000)
    assert not broker.established


def test_a_password_listener_asks_for_no_certificate(trust: Trust) -> None:
    chain, key = trust.broker.save(trust.folder, "broker")
    listener = middleware(OURS).server_context(
        TLSPolicy(), ServerMaterial(chain=chain, key=key, client_certificates=False)
    )
    device = middleware(OURS).client_context(TLSPolicy(), ClientMaterial(root=client_material(trust).root))
    _, server = shaken(device.connection("localhost"), listener.connection())
    assert server.peer_certificate == b""
