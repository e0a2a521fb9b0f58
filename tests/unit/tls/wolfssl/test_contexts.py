from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certificates import DAY, NOW
from chains import Case, cases
from middleware_pairs import (
    POLICIES,
    client_material,
    psk_client_material,
    psk_server_material,
    server_material,
    shaken,
)
from sealmq.errors import ConfigError, TLSError, TrustError
from sealmq.pem import to_pem
from sealmq.tls.middleware import PSK, ClientMaterial, ServerMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.wolfssl.contexts import SUITES_12, ascii_name
from sealmq.tls.wolfssl.library import _opened
from tls_messages import client_hello, extension
from tls_pairs import Trust, carry, refusal
from wolfssl_here import SIDES, VERSIONS, LaxBroker, end, library, meeting, wolfssl

AS_CLIENT = [pair for pair in SIDES if pair[0] == "wolfssl"]
AS_SERVER = [pair for pair in SIDES if pair[1] == "wolfssl"]
PAST = {"not_before": NOW - 3 * DAY, "not_after": NOW - DAY}
FUTURE = {"not_before": NOW + DAY, "not_after": NOW + 3 * DAY}

# -- what a device refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_CLIENT)
@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere", "127.0.0.2", "::1"])
def test_a_broker_of_another_name(trust: Trust, client: str, server: str, host: str, version: str) -> None:
    device, broker = meeting(trust, client, server, version, host=host)
    ours, theirs = refusal(device, broker)
    assert ours is not None
    assert ours.what == "the broker's certificate does not carry the name that was dialled"
    assert (ours.alert, ours.sent) == ("bad_certificate", True)
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == ("bad_certificate", False)
    assert device.refused_certificate == trust.broker.der
    assert not broker.established  # it never saw the device's certificate


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_CLIENT)
def test_brokers_that_are_none(trust: Trust, client: str, server: str, version: str) -> None:
    hosts = ["localhost"]
    for posing, what in (
        (trust.foreign_ca.issue("localhost", purpose="server", hosts=hosts), "was not issued by the authority"),
        (trust.device_ca.issue("localhost", hosts=hosts), "is for another purpose"),
        (trust.server_ca.issue("localhost", purpose="client", hosts=hosts), "is for another purpose"),
        (trust.server_ca.issue("localhost", purpose="server", hosts=hosts, **PAST), "has expired"),
        (trust.server_ca.issue("localhost", purpose="server", hosts=hosts, **FUTURE), "is not valid yet"),
    ):
        device, broker = meeting(trust, client, server, version, broker=posing)
        ours, theirs = refusal(device, broker)
        assert ours is not None
        assert what in ours.what
        assert ours.why.startswith("wolfSSL -")
        assert theirs is not None
        assert theirs.alert == ours.alert != ""
        assert device.refused_certificate == posing.der
        assert not device.established


CASES = {case.title: case for case in cases() if case.key is not None and case.crl is None and case.purpose == "server"}
MORE_THAN_ASKED = {
    "only a CA in the middle is trusted": "each authority that is given is the end of a chain, as under Python 3.13",
    "only a CA in the middle is trusted, the root was sent": "the same",
}
STRICT = {"no authority key identifier", "keyCertSign and no CA", "a CA that is not critical", "a CA without key usage"}
"""What only X509_V_FLAG_X509_STRICT refuses: the form of certificates that an authority which is trusted has made."""


def taken(middleware: str, case: Case, folder: Path, version: str) -> bool:
    """Does a device of this middleware take that chain?"""
    chain, key, root = folder / "chain.pem", folder / "its.key", folder / "authorities.pem"
    chain.write_bytes(b"".join(to_pem("CERTIFICATE", der) for der in case.chain))
    key.write_bytes(case.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    root.write_bytes(case.authorities)
    listener = LaxBroker(chain, key, version)
    try:
        device = find(middleware).client_context(POLICIES[version], ClientMaterial(root=root)).connection(case.name)
        for _ in range(6):
            listener.receive_data(device.data_to_send())
            device.receive_data(listener.data_to_send())
    except (TLSError, TrustError):
        return False
    return device.established


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("title", sorted(CASES))
def test_nothing_is_taken_that_openssl_refuses(trust: Trust, title: str, version: str) -> None:
    case = CASES[title]
    if taken("wolfssl", case, trust.folder, version) and title not in MORE_THAN_ASKED | dict.fromkeys(STRICT):
        assert taken("openssl", case, trust.folder, version)


def test_what_is_good_is_taken(trust: Trust) -> None:
    for title in (
        "good",
        "good, one level",
        "wildcard",
        "an address",
        "an address of IPv6",
        "three levels",
        "RSA 2048",
    ):
        for version in VERSIONS:
            assert taken("wolfssl", CASES[title], trust.folder, version), title


# -- what a listener refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_SERVER)
def test_a_device_that_shows_none(trust: Trust, client: str, server: str, version: str) -> None:
    device, broker = meeting(trust, client, server, version, shows=False)
    theirs, ours = refusal(device, broker)
    assert ours is not None
    assert ours.what == "the device showed no certificate"
    assert ours.alert == ("certificate_required" if version == "TLSv1.3" else "handshake_failure")
    assert theirs is not None
    assert theirs.alert == ours.alert
    assert broker.refused_certificate == b""
    assert not broker.established


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_SERVER)
def test_devices_that_are_none(trust: Trust, client: str, server: str, version: str) -> None:
    for posing, what in (
        (trust.foreign_ca.issue("device"), "was not issued by the authority"),
        (trust.server_ca.issue("device"), "was not issued by the authority"),
        (trust.device_ca.issue("device", purpose="server"), "is for another purpose"),
        (trust.broker, "'s certificate "),  # what is seen first, purpose or issuer, goes by the version
        (trust.device_ca.issue("device", **PAST), "has expired"),
        (trust.device_ca.issue("device", **FUTURE), "is not valid yet"),
    ):
        device, broker = meeting(trust, client, server, version, device=posing)
        theirs, ours = refusal(device, broker)
        assert ours is not None
        assert what in ours.what
        assert theirs is not None
        assert (theirs.alert, theirs.sent) == (ours.alert, False)
        assert broker.refused_certificate == posing.der
        assert not broker.established
        assert broker.peer_certificate == b""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("client", "server"), AS_SERVER)
def test_a_device_that_was_revoked(trust: Trust, client: str, server: str, version: str) -> None:
    revoked = trust.device_ca.issue("revoked")
    crl = der_crl(trust, [revoked])
    shaken(*meeting(trust, client, server, version, crl=crl))
    device, broker = meeting(trust, client, server, version, crl=crl, device=revoked)
    theirs, ours = refusal(device, broker)
    assert ours is not None
    assert ours.what == "the device's certificate was revoked"
    assert ours.alert == "certificate_revoked"
    assert theirs is not None
    assert theirs.alert == "certificate_revoked"
    assert broker.refused_certificate == revoked.der


def test_an_authority_without_a_list_has_no_devices(trust: Trust) -> None:
    anchors = trust.device_ca.pem + trust.foreign_ca.pem
    chain, key = trust.foreign_ca.issue("device").save(trust.folder, "without")
    material = replace(server_material(trust), client_anchors=anchors, crl=der_crl(trust, []))
    broker = wolfssl().server_context(TLSPolicy(), material).connection()
    client = find().client_context(TLSPolicy(), replace(client_material(trust), chain=chain, key=key))
    _, ours = refusal(client.connection("localhost"), broker)
    assert ours is not None
    assert "there is no revocation list" in ours.what
    assert not broker.established


def der_crl(trust: Trust, revoked: list[object], **more: object) -> bytes:
    return trust.device_ca.crl(revoked, next_update=NOW + 36_500 * DAY, **more)  # type: ignore[arg-type]


def test_a_listener_that_asks_for_none(trust: Trust) -> None:
    listener = wolfssl().server_context(TLSPolicy(), replace(server_material(trust), client_certificates=False))
    device = find().client_context(TLSPolicy(), client_material(trust))
    first, broker = shaken(device.connection("localhost"), listener.connection())
    assert broker.peer_certificate == b""
    again, broker = shaken(device.connection("localhost", session=end(first, broker)), listener.connection())
    assert broker.peer_certificate == b""
    assert again.proof is not None
    assert again.proof.resumed


# -- PSK -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize(
    ("psk", "what"),
    [
        (PSK("nobody", bytes(32)), "proved itself by no key that is known here"),
        (PSK("sensor-1", bytes(32)), "altered on its way"),
    ],
    ids=["unknown", "another key"],
)
def test_a_psk_that_does_not_fit(psk: PSK, what: str, version: str) -> None:
    listener = wolfssl().server_context(POLICIES[version], psk_server_material())
    device = wolfssl().client_context(POLICIES[version], ClientMaterial(psk=psk)).connection("")
    broker = listener.connection()
    theirs, ours = refusal(device, broker)
    assert ours is not None
    assert what in ours.what
    assert ours.alert
    assert theirs is not None
    assert (theirs.alert, theirs.sent) == (ours.alert, False)
    assert not broker.established
    assert broker.psk_identity == ""


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize("server", ["openssl", "wolfssl"])
@pytest.mark.parametrize("asks", [True, False])
def test_an_impostor_that_ignores_the_psk(trust: Trust, server: str, version: str, asks: bool) -> None:
    material = replace(server_material(trust), client_certificates=asks)
    impostor = find(server).server_context(POLICIES[version], material).connection()
    device = wolfssl().client_context(POLICIES[version], psk_client_material()).connection("localhost")
    ours, theirs = refusal(device, impostor)
    assert ours is not None
    assert theirs is not None
    assert not device.established
    assert not impostor.established


@pytest.mark.parametrize("version", [*VERSIONS, "both"])
@pytest.mark.parametrize("client", ["openssl", "wolfssl"])
def test_a_certificate_is_nothing_on_a_listener_for_psk(trust: Trust, client: str, version: str) -> None:
    broker = wolfssl().server_context(POLICIES[version], psk_server_material()).connection()
    device = find(client).client_context(POLICIES[version], client_material(trust)).connection("localhost")
    theirs, ours = refusal(device, broker)
    assert ours is not None
    assert theirs is not None
    assert theirs.alert == ours.alert == "handshake_failure"
    assert not broker.established


def test_a_psk_without_a_key_exchange_is_refused() -> None:
    from cffi import FFI

    ffi = FFI()
    ffi.cdef("int wolfSSL_CTX_no_dhe_psk(void*);")
    listener = wolfssl().server_context(POLICIES["TLSv1.3"], psk_server_material())
    device = wolfssl().client_context(POLICIES["TLSv1.3"], psk_client_material())
    assert _opened(ffi).wolfSSL_CTX_no_dhe_psk(ffi.cast("void*", int(library().ffi.cast("intptr_t", device._ctx)))) == 0
    broker = listener.connection()
    theirs, ours = refusal(device.connection(""), broker)
    assert theirs is not None or ours is not None
    assert not broker.established


@pytest.mark.parametrize("identity", ["", "x" * 128])
def test_an_identity_that_wolfssl_has_no_room_for(identity: str) -> None:
    with pytest.raises(ConfigError, match="identity"):
        wolfssl().client_context(TLSPolicy(), ClientMaterial(psk=PSK(identity, bytes(32))))


def test_the_longest_identity_and_keys_of_all_lengths() -> None:
    for identity, length in (("x" * 127, 16), ("é", 64)):
        key = bytes(range(length))
        listener = wolfssl().server_context(TLSPolicy(), ServerMaterial(psk={identity: key}.get))
        device = wolfssl().client_context(TLSPolicy(), ClientMaterial(psk=PSK(identity, key)))
        _, broker = shaken(device.connection(""), listener.connection())
        assert broker.psk_identity == identity


# -- what goes over the wire ---------------------------------------------------------------------------------------


def offered(version: str) -> tuple[list[int], dict[int, bytes]]:
    """Suites and extensions of a device's ClientHello."""
    hello = wolfssl().client_context(POLICIES[version], psk_client_material()).connection("").data_to_send()
    return taken_apart(hello)


def taken_apart(hello: bytes) -> tuple[list[int], dict[int, bytes]]:
    body = hello[9 + 34 :]
    body = body[1 + body[0] :]
    length = int.from_bytes(body[:2], "big")
    suites = [int.from_bytes(body[at : at + 2], "big") for at in range(2, 2 + length, 2)]
    body = body[2 + length :]
    body = body[1 + body[0] + 2 :]
    extensions = {}
    while body:
        number, size = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        extensions[number] = body[4 : 4 + size]
        body = body[4 + size :]
    return suites, extensions


def test_only_good_suites_groups_and_signatures_are_offered(trust: Trust) -> None:
    for version in [*VERSIONS, "both"]:
        device = wolfssl().client_context(POLICIES[version], client_material(trust)).connection("localhost")
        suites, extensions = taken_apart(device.data_to_send())
        assert set(suites) <= {0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9}
        assert len(suites) == 9
        groups = [extensions[10][at : at + 2].hex() for at in range(2, len(extensions[10]), 2)]
        assert groups[-2:] == ["001d", "0017"]
        assert set(groups) <= {"11ec", "11eb", "001d", "0017"}
        hashes = {extensions[13][at : at + 2].hex() for at in range(2, len(extensions[13]), 2)}
        assert not hashes & {"0201", "0203", "0101", "0301", "0303"}
        assert 35 not in extensions  # a ticket of TLS 1.2: see contexts.py
        assert 0 in extensions
    suites, extensions = offered("both")
    assert set(suites) == {0x1301, 0x1302, 0x1303, 0xD001, 0xCCAC}
    assert 0 not in extensions


def test_an_address_is_not_said_as_a_name(trust: Trust) -> None:
    device = wolfssl().client_context(TLSPolicy(), client_material(trust)).connection("127.0.0.1")
    assert 0 not in taken_apart(device.data_to_send())[1]


def test_suites_that_a_policy_names_and_that_are_weak_are_not_turned_on(trust: Trust) -> None:
    policy = TLSPolicy(suites=("AES128-SHA", "ECDHE-ECDSA-AES256-GCM-SHA384"), highest="TLSv1.2")
    device = wolfssl().client_context(policy, client_material(trust)).connection("localhost")
    suites, _ = taken_apart(device.data_to_send())
    assert suites[3:] == [0xC02C]
    assert "AES128-SHA" not in SUITES_12
    for policy in (TLSPolicy(suites=("AES128-SHA",)), TLSPolicy(suites=("AES128-SHA",), highest="TLSv1.2")):
        with pytest.raises(TrustError, match="none of the cipher suites"):
            wolfssl().client_context(policy, client_material(trust))
    policy = TLSPolicy(suites=("AES128-SHA",), profile="modern")
    device = wolfssl().client_context(policy, client_material(trust)).connection("localhost")
    assert len(taken_apart(device.data_to_send())[0]) == 9


@pytest.mark.parametrize(
    ("version", "hello"), [("TLSv1.3", b"\x03\x03"), ("both", b"\x03\x02"), ("TLSv1.2", b"\x03\x01")]
)
def test_older_versions_are_refused(trust: Trust, version: str, hello: bytes) -> None:
    message = bytearray(client_hello(extension(10, bytes.fromhex("00020017")), suites=bytes.fromhex("c02b")))
    message[4:6] = hello
    broker = wolfssl().server_context(POLICIES[version], server_material(trust)).connection()
    with pytest.raises(TLSError) as caught:
        broker.receive_data(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + bytes(message))
    assert caught.value.alert in ("protocol_version", "handshake_failure")
    assert broker.data_to_send()[:2] == b"\x15\x03"


@pytest.mark.parametrize("tickets", [0, 1, 3])
def test_as_many_tickets_as_the_policy_says(trust: Trust, tickets: int) -> None:
    for version in VERSIONS:
        listener = wolfssl().server_context(replace(POLICIES[version], tickets=tickets), server_material(trust))
        device = find().client_context(POLICIES[version], client_material(trust))
        first, there = shaken(device.connection("localhost"), listener.connection())
        assert listener.kept == (tickets if version == "TLSv1.3" else min(tickets, 1))
        again, _ = shaken(device.connection("localhost", session=end(first, there)), listener.connection())
        assert again.proof is not None
        assert again.proof.resumed == bool(tickets)


# -- files that cannot be used -------------------------------------------------------------------------------------


def test_files_that_cannot_be_used(trust: Trust, tmp_path: Path) -> None:
    good, device = server_material(trust), client_material(trust)
    assert good.key is not None
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    damaged = tmp_path / "damaged.pem"
    damaged.write_bytes(to_pem("CERTIFICATE", b"\x30\x82" + trust.device.der[40:]))
    missing = tmp_path / "missing.pem"
    for change, words in (
        ({"chain": missing}, "cannot be read"),
        ({"chain": empty}, "cannot be used together"),
        ({"key": empty}, "cannot be used together"),
        ({"key": device.key}, "cannot be used together"),
        ({"client_anchors": b""}, "Device CA's certificate"),
        ({"client_anchors": damaged.read_bytes()}, "Device CA's certificate"),
        ({"client_anchors": trust.device_ca.pem + damaged.read_bytes()}, "Device CA's certificate"),
        ({"client_anchors": to_pem("CERTIFICATE", trust.device.der)}, "no anchor"),
        ({"crl": b""}, "revoked"),
        ({"crl": b"no DER"}, "revoked"),
        ({"crl": trust.foreign_ca.crl()}, "revoked"),
        ({"crl": trust.device_ca.crl(next_update=NOW - DAY / 24)}, "revoked"),
    ):
        with pytest.raises(TrustError, match=words):
            wolfssl().server_context(TLSPolicy(), replace(good, **change))  # type: ignore[arg-type]
    for change, words in (
        ({"root": missing}, "root certificate"),
        ({"root": empty}, "root certificate"),
        ({"root": damaged}, "root certificate"),
        ({"root": device.chain}, "root certificate"),
        ({"key": good.key}, "cannot be used together"),
    ):
        with pytest.raises(TrustError, match=words):
            wolfssl().client_context(TLSPolicy(), replace(device, **change))  # type: ignore[arg-type]


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(trust: Trust, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    locked = tmp_path / "locked.key"
    locked.write_bytes(trust.broker.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(TrustError, match="cannot be used together"):
        wolfssl().server_context(TLSPolicy(), replace(server_material(trust), key=locked))


def test_names_of_hosts() -> None:
    assert ascii_name("bücher.example") == "xn--bcher-kva.example"
    with pytest.raises(ConfigError, match="no host name"):
        ascii_name("ü" * 70)


def test_no_text_of_a_context_or_connection_has_a_secret(trust: Trust) -> None:
    context = wolfssl().client_context(TLSPolicy(), psk_client_material())
    connection = context.connection("")
    assert bytes(range(32)).hex() not in repr((context, connection, vars(context)))
    assert library().text in wolfssl().abilities.title
    assert carry(connection, wolfssl().server_context(TLSPolicy(), psk_server_material()).connection()) == b""
