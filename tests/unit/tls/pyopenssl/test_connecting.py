"""Handshakes with this middleware on one side or both. Where the default one meets the same peer, both say the same."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from OpenSSL import SSL

from certificates import DAY, NOW, Credentials
from middleware_pairs import POLICIES, client_material, pair, server_material, shaken
from sealmq.errors import ConfigError, MiddlewareError, TLSError
from sealmq.tls.middleware import (
    ClientMaterial,
    ServerMaterial,
    TLSConnection,
)
from sealmq.tls.middlewares import find
from sealmq.tls.openssl import client_connection
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy
from sealmq.tls.pyopenssl.connecting import PyOpenSSLClientContext, PyOpenSSLMiddleware, Side
from sealmq.tls.pyopenssl.contexts import SUITES_OF_TLS13, device_context, listener_context
from sealmq.tls.pyopenssl.library import Library
from tls_pairs import Trust, carry, exchange, refusal

PAIRS = [("pyopenssl", "pyopenssl"), ("openssl", "pyopenssl"), ("pyopenssl", "openssl")]
OURS = pytest.mark.parametrize(("client", "server"), PAIRS, ids=[f"{client} to {server}" for client, server in PAIRS])
EACH_VERSION = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


@OURS
@EACH_VERSION
def test_a_device_and_a_broker(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = shaken(*pair(client, server, trust, version))
    for side in (device, broker):
        assert side.proof is not None
        assert side.proof.version == version
        assert not side.proof.resumed
        assert side.psk_identity == ""
    assert device.peer_certificate == trust.broker.der
    assert broker.peer_certificate == trust.device.der
    device.send(b"up")
    broker.send(b"down")
    assert exchange(device, broker) == (b"down", b"up")
    device.close()
    assert carry(device, broker) == b""
    assert broker.closed
    assert device.receive_data(broker.data_to_send()) == b""


@OURS
def test_an_address_is_held_against_the_certificate(trust: Trust, client: str, server: str) -> None:
    shaken(*pair(client, server, trust, host="127.0.0.1"))


@dataclass(frozen=True)
class Case:
    """What is wrong: the material of both sides, whom the device dials, and which side refuses."""

    client: Callable[[Trust], Credentials | None] = lambda trust: trust.device
    server: Callable[[Trust], Credentials] = lambda trust: trust.broker
    host: str = "localhost"
    crl: Callable[[Trust], bytes | None] = lambda trust: None
    by_server: bool = False
    what: str = ""


def broker_of(trust: Trust, **options: object) -> Credentials:
    options = {"purpose": "server", "hosts": ["localhost", "127.0.0.1"], **options}
    return trust.server_ca.issue("localhost", **options)  # type: ignore[arg-type]


CASES = {
    "wrong name": Case(host="elsewhere", what="does not carry the name"),
    "wrong address": Case(host="127.0.0.2", what="does not carry the address"),
    "a part of a name": Case(host="host", what="does not carry the name"),
    "another CA's broker": Case(
        server=lambda trust: trust.foreign_ca.issue("localhost", purpose="server", hosts=["localhost"]),
        what="not issued by the authority",
    ),
    "a device as the broker": Case(
        server=lambda trust: trust.device_ca.issue("localhost", purpose="client", hosts=["localhost"]),
        what="for another purpose",
    ),
    "an expired broker": Case(server=lambda trust: broker_of(trust, not_after=NOW - DAY / 48), what="has expired"),
    "a broker of tomorrow": Case(server=lambda trust: broker_of(trust, not_before=NOW + DAY), what="not valid yet"),
    "no certificate": Case(client=lambda trust: None, by_server=True, what="showed no certificate"),
    "another CA's device": Case(
        client=lambda trust: trust.foreign_ca.issue("device"), by_server=True, what="not issued by the authority"
    ),
    "a broker as a device": Case(client=lambda trust: trust.broker, by_server=True, what="not issued by the authority"),
    "a device for servers": Case(
        client=lambda trust: trust.device_ca.issue("device", purpose="server"),
        by_server=True,
        what="for another purpose",
    ),
    "an expired device": Case(
        client=lambda trust: trust.device_ca.issue("device", not_after=NOW - DAY / 48),
        by_server=True,
        what="has expired",
    ),
    "a device of tomorrow": Case(
        client=lambda trust: trust.device_ca.issue("device", not_before=NOW + DAY), by_server=True, what="not valid yet"
    ),
    "a revoked device": Case(
        crl=lambda trust: trust.device_ca.crl([trust.device]), by_server=True, what="certificate was revoked"
    ),
    "no list of its CA": Case(crl=lambda trust: trust.foreign_ca.crl(), by_server=True, what="no revocation list"),
    "an old list": Case(
        crl=lambda trust: trust.device_ca.crl(next_update=NOW - DAY), by_server=True, what="list has expired"
    ),
}


Shown = tuple[TLSError, TLSError, TLSConnection]


def refused(case: Case, trust: Trust, client: str, server: str, version: str) -> Shown:
    """What the side that refuses says, what the other hears, and the side that refused."""
    theirs, ours = case.client(trust), case.server(trust)
    chain, key = ours.save(trust.folder, "broker")
    broker = ServerMaterial(chain=chain, key=key, client_anchors=trust.device_ca.pem, crl=case.crl(trust))
    chain_of_client, key_of_client = theirs.save(trust.folder, "client") if theirs else (None, None)
    device = ClientMaterial(root=trust.root, chain=chain_of_client, key=key_of_client)
    policy = POLICIES[version]
    dialling = find(client).client_context(policy, device).connection(case.host)
    listening = find(server).server_context(policy, broker).connection()
    errors = refusal(dialling, listening)
    refusing, hearing = (errors[1], errors[0]) if case.by_server else errors
    assert refusing is not None
    assert hearing is not None, "the alert was not flushed"
    return refusing, hearing, listening if case.by_server else dialling


@OURS
@EACH_VERSION
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_who_is_refused_is_refused_in_the_same_words(
    trust: Trust, client: str, server: str, version: str, case: Case
) -> None:
    theirs, ours = case.client(trust), case.server(trust)
    same = replace(case, client=lambda _: theirs, server=lambda _: ours)
    refusing, hearing, side = refused(same, trust, client, server, version)
    assert case.what in refusing.what
    assert refusing.sent
    assert refusing.why
    assert (hearing.alert, hearing.sent) == (refusing.alert, False)
    assert not side.established
    if (server if case.by_server else client) == "pyopenssl":
        shown = theirs if case.by_server else ours
        assert side.refused_certificate == (shown.der if shown else b"")
    expected, heard, _ = refused(same, trust, "openssl", "openssl", version)
    assert (refusing.what, refusing.alert, refusing.remedy) == (expected.what, expected.alert, expected.remedy)
    assert hearing.what == heard.what


def twin(one: Credentials, issue: Callable[[], Credentials]) -> Credentials:
    """Another certificate of the same length: it can be shown in the place of `one`, and the key is missing."""
    return next(each for each in iter(issue, None) if len(each.der) == len(one.der))


@pytest.mark.parametrize(("client", "server"), [PAIRS[0], PAIRS[2]])
def test_a_broker_that_shows_anothers_certificate_is_refused(trust: Trust, client: str, server: str) -> None:
    other = twin(trust.broker, lambda: broker_of(trust))
    device, broker = pair(client, server, trust, "TLSv1.2")
    carry(device, broker)
    said = broker.data_to_send()
    assert trust.broker.der in said
    with pytest.raises(TLSError, match="could not prove that it holds the private key") as raised:
        device.receive_data(said.replace(trust.broker.der, other.der))
    assert raised.value.alert == "decrypt_error"
    assert device.refused_certificate == other.der


@pytest.mark.parametrize(("client", "server"), PAIRS[:2])
def test_a_device_that_shows_anothers_certificate_is_refused(trust: Trust, client: str, server: str) -> None:
    other = twin(trust.device, lambda: trust.device_ca.issue("device"))
    device, broker = pair(client, server, trust, "TLSv1.2")
    carry(device, broker)
    carry(broker, device)
    said = device.data_to_send()
    assert trust.device.der in said
    with pytest.raises(TLSError, match="could not prove that it holds the private key"):
        broker.receive_data(said.replace(trust.device.der, other.der))
    assert broker.refused_certificate == other.der


def test_the_wrong_broker_does_not_see_our_certificate(trust: Trust) -> None:
    device, broker = pair("pyopenssl", "pyopenssl", trust, "TLSv1.3", host="elsewhere")
    refusal(device, broker)
    assert not broker.established
    assert broker.peer_certificate == b""


def test_a_certificate_that_breaks_a_rule_is_refused(trust: Trust) -> None:
    """X509_V_FLAG_X509_STRICT: without it OpenSSL lets this pass."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    good = trust.device.certificate
    builder = x509.CertificateBuilder().subject_name(good.subject).issuer_name(good.issuer)
    builder = builder.public_key(trust.device.key.public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)  # and no authority key identifier
    bare = Credentials(builder.sign(trust.device_ca.key, hashes.SHA256()), trust.device.key)
    case = Case(client=lambda _: bare, by_server=True)
    refusing, _, side = refused(case, trust, "openssl", "pyopenssl", "TLSv1.3")
    assert refusing.what == "the device's certificate cannot be accepted"
    assert "Authority Key Identifier" in refusing.why
    assert side.refused_certificate == bare.der


def test_a_listener_may_ask_for_no_certificate(trust: Trust) -> None:
    listener = find("pyopenssl").server_context(
        TLSPolicy(), replace(server_material(trust), client_certificates=False, client_anchors=b"")
    )
    _, broker = shaken(pair("openssl", "openssl", trust)[0], listener.connection())
    assert broker.peer_certificate == b""


@EACH_VERSION
def test_a_device_that_gives_up_is_no_proper_end(trust: Trust, version: str) -> None:
    device, broker = pair("openssl", "pyopenssl", trust, version)
    carry(device, broker)
    with pytest.raises(TLSError, match="gave up in the middle of the handshake") as raised:
        broker.receive_data(b"\x15\x03\x03\x00\x02\x01\x00")
    assert (raised.value.alert, raised.value.sent) == ("close_notify", False)
    assert not broker.closed


@pytest.mark.parametrize(("ours", "theirs"), [("modern", "TLSv1_2"), ("default", "TLSv1_1")])
def test_an_old_version_is_refused(trust: Trust, ours: str, theirs: str) -> None:
    context = trust.client(trust.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of TLS 1.1, rightly
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion[theirs]
        listener = find("pyopenssl").server_context(TLSPolicy(profile=ours), server_material(trust)).connection()
        heard, said = refusal(client_connection(context, "localhost"), listener)
    assert said is not None
    assert heard is not None
    assert said.what == "the device offers no TLS version that is allowed here"
    assert said.alert == heard.alert == "protocol_version"


def test_a_suite_that_is_not_allowed_is_refused(trust: Trust) -> None:
    context = trust.client(trust.device, "TLSv1.2")
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    listener = find("pyopenssl").server_context(TLSPolicy(), server_material(trust)).connection()
    _, said = refusal(client_connection(context, "localhost"), listener)
    assert said is not None
    assert said.what == "the device offers no cipher suite that is allowed here"
    assert said.alert == "handshake_failure"


@pytest.mark.parametrize("build", [listener_context, device_context])
def test_both_sides_have_the_suites_of_the_policy_and_no_other(
    trust: Trust, build: Callable[[TLSPolicy, object, str], SSL.Context]
) -> None:
    material = server_material(trust) if build is listener_context else client_material(trust)
    context = build(TLSPolicy(), material, "X25519")
    suites = SSL.Connection(context).get_cipher_list()
    assert {*suites} == {*TLSPolicy().suites, *SUITES_OF_TLS13.decode().split(":")}


def test_renegotiation_is_refused(trust: Trust) -> None:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    material = client_material(trust)
    context.use_certificate_chain_file(str(material.chain))
    context.use_privatekey_file(str(material.key))
    device = SSL.Connection(context)
    device.set_connect_state()
    broker = find("pyopenssl").server_context(TLSPolicy(), server_material(trust)).connection()

    def carry_on(step: Callable[[], object]) -> None:
        with suppress(SSL.WantReadError):
            step()
        with suppress(SSL.WantReadError):
            broker.receive_data(device.bio_read(65_536))
        if said := broker.data_to_send():
            device.bio_write(said)

    for _ in range(3):
        carry_on(device.do_handshake)
    assert broker.established
    assert device.renegotiate()
    carry_on(device.do_handshake)
    with pytest.raises(SSL.Error, match="no renegotiation"):
        device.do_handshake()


@pytest.mark.parametrize("name", [".localhost", "localhost\0.example", "a" * 64 + ".example", "a..b"])
def test_what_is_no_name_is_refused_before_anything_is_sent(trust: Trust, name: str) -> None:
    context = find("pyopenssl").client_context(TLSPolicy(), client_material(trust))
    with pytest.raises(ConfigError, match="is no name that a certificate can carry"):
        context.connection(name)
    with pytest.raises(ConfigError, match="no name is given"):
        context.connection("")


# -- groups ----------------------------------------------------------------------------------------------------------


def test_both_sides_take_the_hybrid_group(trust: Trust) -> None:
    for version in ("both", "TLSv1.3", "post-quantum"):
        for side in shaken(*pair("pyopenssl", "pyopenssl", trust, version)):
            assert side.proof is not None
            assert side.proof.group == HYBRID_GROUPS[0]


def test_a_hybrid_handshake_has_the_size_that_it_has(trust: Trust) -> None:
    device, broker = pair("pyopenssl", "pyopenssl", trust, "post-quantum")
    up = down = 0
    for _ in range(3):
        said = device.data_to_send()
        up += len(said)
        broker.receive_data(said)
        said = broker.data_to_send()
        down += len(said)
        device.receive_data(said)
    assert device.established
    assert 2_200 < up < 2_700
    assert 3_400 < down < 4_000


@EACH_VERSION
def test_a_side_without_it_gets_x25519_in_no_more_round_trips(trust: Trust, version: str) -> None:
    for client, server in PAIRS[1:]:
        device, broker = pair(client, server, trust, version)
        carry(device, broker)
        carry(broker, device)
        assert device.established == (version == "TLSv1.3")
        shaken(device, broker)
        ours = device if client == "pyopenssl" else broker
        assert ours.proof is not None
        assert ours.proof.group == "x25519"


def test_a_listener_asks_whoever_has_the_hybrid_group_for_it(trust: Trust) -> None:
    """The device has both and guesses the weaker one: its share for X25519 is there, and not taken."""
    context = device_context(TLSPolicy(), client_material(trust), "*X25519:X25519MLKEM768")
    device = PyOpenSSLClientContext(context, Side("broker", ""), 16384, find("pyopenssl").abilities)
    listener = find("pyopenssl").server_context(TLSPolicy(), server_material(trust))
    _, broker = shaken(device.connection("localhost"), listener.connection())
    assert broker.proof is not None
    assert broker.proof.group == HYBRID_GROUPS[0]


def test_a_listener_for_hybrid_groups_refuses_whoever_has_none(trust: Trust) -> None:
    material = server_material(trust)
    listener = find("pyopenssl").server_context(POLICIES["post-quantum"], material).connection()
    device = find("pyopenssl").client_context(TLSPolicy(), client_material(trust))
    classical = PyOpenSSLClientContext(
        device_context(TLSPolicy(), client_material(trust), "X25519:secp256r1"), Side("broker", ""), 16384,
        find("pyopenssl").abilities,
    )  # fmt: skip
    heard, said = refusal(classical.connection("localhost"), listener)
    assert said is not None
    assert said.what == "the device offers no key exchange group that is allowed here"
    assert (said.alert, said.sent) == ("handshake_failure", True)
    assert "X25519MLKEM768, SecP256r1MLKEM768" in said.remedy
    assert heard is not None
    assert (heard.alert, heard.sent) == ("handshake_failure", False)
    listener = find("pyopenssl").server_context(POLICIES["post-quantum"], material).connection()
    shaken(device.connection("localhost"), listener)


def test_a_device_for_hybrid_groups_says_what_the_broker_lacks(trust: Trust) -> None:
    broker = find("pyopenssl").server_context(TLSPolicy(), server_material(trust))
    broker._context = listener_context(TLSPolicy(), server_material(trust), "X25519:secp256r1")  # type: ignore[attr-defined]
    device = find("pyopenssl").client_context(POLICIES["post-quantum"], client_material(trust))
    heard, _ = refusal(device.connection("localhost"), broker.connection())
    assert heard is not None
    assert (heard.alert, heard.sent) == ("handshake_failure", False)
    assert heard.remedy.endswith("this side allows the groups X25519MLKEM768, SecP256r1MLKEM768")


def test_without_a_hybrid_group_the_profile_is_refused(trust: Trust) -> None:
    middleware = PyOpenSSLMiddleware(Library("OpenSSL 3.0 by pyOpenSSL 26", ()))
    with pytest.raises(MiddlewareError, match="post-quantum"):
        middleware.client_context(POLICIES["post-quantum"], client_material(trust))
    shaken(
        middleware.client_context(TLSPolicy(), client_material(trust)).connection("localhost"),
        middleware.server_context(TLSPolicy(), server_material(trust)).connection(),
    )
