from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from certificates import DAY, NOW, Authority
from sealmq.errors import TrustError
from sealmq.tls import context
from sealmq.tls.context import RenewedContext, client_context, enrollment_context, expect_pair, server_context
from sealmq.tls.openssl import OpenSSLContext, client_connection
from sealmq.tls.policy import TLSPolicy
from tls_pairs import VERSIONS, Trust, exchange, refusal


def test_a_client_context_verifies_everything(trust: Trust) -> None:
    made = trust.client(trust.device)
    assert made.verify_mode == ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert made.verify_flags & ssl.VERIFY_X509_STRICT
    assert made.cert_store_stats()["x509"] == 1, "the system's authorities are not trusted"


def test_suites_are_those_of_the_policy(trust: Trust) -> None:
    offered = {suite["name"] for suite in trust.client(None).get_ciphers()}
    assert {name for name in offered if not name.startswith("TLS_")} == set(TLSPolicy().suites)


def test_both_contexts_of_a_listener_are_alike_but_for_the_callback(trust: Trust) -> None:
    made = trust.server(crl=trust.device_ca.crl())
    assert made._quiet is not None
    for one in (made._context, made._quiet):
        assert one.verify_mode == ssl.CERT_REQUIRED
        assert one.options & ssl.OP_NO_RENEGOTIATION
        assert one.options & ssl.OP_NO_COMPRESSION
        assert one.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
        assert one.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
        assert one.cert_store_stats() == {"x509": 1, "crl": 1, "x509_ca": 1}
        assert one.num_tickets == 1
    assert made._quiet._msg_callback is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_chacha_client_gets_chacha_in_tls_12(trust: Trust, version: str) -> None:
    device = trust.client(trust.device, version)
    device.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256")
    client, server = client_connection(device, "localhost"), trust.server().connection()
    exchange(client, server)
    assert server.proof is not None
    assert server.proof.cipher == (
        "ECDHE-ECDSA-CHACHA20-POLY1305" if version == "TLSv1.2" else "TLS_AES_256_GCM_SHA384"
    )


def test_two_device_authorities_need_two_lists(trust: Trust) -> None:
    newer = Authority("Device CA 2", trust.root_ca)
    devices = trust.device, newer.issue("newer")
    anchors = trust.device_ca.pem + newer.pem
    lists = trust.device_ca.crl(), newer.crl()
    both, one = trust.server(crl=b"".join(lists), anchors=anchors), trust.server(crl=lists[0], anchors=anchors)
    for device in devices:
        client, server = client_connection(trust.client(device), "localhost"), both.connection()
        exchange(client, server)
        assert server.established
    error = refusal(client_connection(trust.client(devices[1]), "localhost"), one.connection())[1]
    assert error is not None
    assert "there is no revocation list" in error.what


def test_an_old_revocation_list_says_so(trust: Trust) -> None:
    server = trust.server(crl=trust.device_ca.crl(next_update=NOW - DAY)).connection()
    error = refusal(client_connection(trust.client(trust.device), "localhost"), server)[1]
    assert error is not None
    assert error.what == "the revocation list has expired"


def test_the_temporary_file_is_gone(trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trust.server(crl=trust.device_ca.crl([trust.device]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("crl", [b"", b"not DER", b"\x30\x82\xff\xff\x00", b"\x30\x03\x02\x01\x00", b"\x30"])
def test_a_damaged_revocation_list_is_refused(trust: Trust, crl: bytes) -> None:
    with pytest.raises(TrustError, match="the list of revoked certificates cannot be used"):
        trust.server(crl=crl)


@pytest.mark.parametrize("anchors", [b"", b"no certificate", b"\xff\xfe"])
def test_damaged_anchors_are_refused(trust: Trust, anchors: bytes) -> None:
    with pytest.raises(TrustError, match="Device CA's certificate cannot be used"):
        trust.server(anchors=anchors)


def test_a_devices_certificate_is_no_anchor(trust: Trust) -> None:
    with pytest.raises(TrustError, match="is no anchor"):
        trust.server(anchors=trust.device.chain_pem)


def test_credentials_that_cannot_be_used_are_refused_in_words(trust: Trust, tmp_path: Path) -> None:
    chain, key = trust.broker.save(tmp_path, "broker")
    other_key = trust.device.save(tmp_path, "device")[1]
    locked, rubbish = tmp_path / "locked.key", tmp_path / "rubbish.pem"
    locked.write_bytes(
        trust.broker.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    rubbish.write_text("rubbish")
    cases = [
        (chain, other_key, "cannot be used together", "key values mismatch"),
        (chain, locked, "cannot be used together", ""),
        (rubbish, key, "cannot be used together", ""),
        (tmp_path / "absent.pem", key, "absent.pem cannot be read", "No such file"),
        (chain, tmp_path / "absent.key", "absent.key cannot be read", "No such file"),
    ]
    for one_chain, one_key, what, why in cases:
        with pytest.raises(TrustError, match=what) as caught:
            server_context(TLSPolicy(), chain=one_chain, key=one_key, client_anchors=trust.device_ca.pem)
        assert why in caught.value.why
        assert caught.value.why


def test_a_pair_that_is_none_is_noticed_without_a_context(trust: Trust) -> None:
    chain, key = trust.broker.save(trust.folder, "broker")
    _, other = trust.device.save(trust.folder, "client")
    expect_pair(chain, key)
    with pytest.raises(TrustError, match="cannot be used together"):
        expect_pair(chain, other)


def test_a_root_that_cannot_be_used_is_refused_in_words(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    for root in (tmp_path / "absent.pem", rubbish):
        with pytest.raises(TrustError, match="root certificate") as caught:
            client_context(TLSPolicy(), root=root)
        assert caught.value.why


def test_unknown_suites_are_refused(trust: Trust) -> None:
    with pytest.raises(TrustError, match="knows none of the cipher suites NO-SUCH-SUITE"):
        client_context(TLSPolicy(suites=("NO-SUCH-SUITE",)), root=trust.root)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_without_the_private_callback_a_refusal_loses_only_the_certificate(
    trust: Trust, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "_listen_in", lambda one: False)
    revoked = trust.device_ca.issue("revoked")
    server = trust.server(crl=trust.device_ca.crl([revoked])).connection()
    error = refusal(client_connection(trust.client(revoked, version), "localhost"), server)[1]
    assert error is not None
    assert (error.alert, error.sent) == ("certificate_revoked", True)
    assert server.refused_certificate == b""


def test_a_python_without_the_callback_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        pass

    class SSLContext(Bare):
        pass

    monkeypatch.setattr(ssl, "SSLContext", SSLContext)
    assert context._listen_in(SSLContext()) is False  # type: ignore[arg-type]


def test_openssl_s_own_words_are_not_shown(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "damaged.key").write_text("no key\n")
    trust.device.save(tmp_path, "device")
    with pytest.raises(TrustError) as caught:
        client_context(TLSPolicy(), root=trust.root, chain=tmp_path / "device.pem", key=tmp_path / "damaged.key")
    assert caught.value.why == "a certificate or key is no PEM, or it is damaged"
    assert context._reason(ssl.SSLError(1, "[SSL: X] something strange (_ssl.c:3926)")) == "something strange"


@pytest.fixture
def password_context(trust: Trust):  # type: ignore[no-untyped-def]
    chain, key = trust.broker.save(trust.folder, "broker")
    return server_context(
        TLSPolicy(), chain=chain, key=key, client_anchors=trust.device_ca.pem, client_certificates=False
    )


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_listener_for_passwords_asks_for_no_certificate_and_believes_none(
    trust: Trust, password_context: OpenSSLContext, version: str
) -> None:
    for credentials in (None, trust.device):
        client, server = (
            client_connection(trust.client(credentials, version), "localhost"),
            password_context.connection(),
        )
        exchange(client, server)
        assert server.proof is not None
        assert server.peer_certificate == b""
        assert client.proof is not None
        assert client.peer_certificate == trust.broker.der, "the broker proves itself as everywhere"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_what_a_listener_for_passwords_gave_opens_no_listener_for_certificates(
    trust: Trust, password_context: OpenSSLContext, version: str
) -> None:
    device = trust.client(trust.device, version)
    first, server = client_connection(device, "localhost"), password_context.connection()
    server.send(b"hello")  # the ticket of TLS 1.3 comes with it
    exchange(first, server)
    again = client_connection(device, "localhost", session=first.session)
    other = trust.server().connection()
    exchange(again, other)
    assert other.proof is not None
    assert not other.proof.resumed
    assert other.peer_certificate == trust.device.der


def test_an_empty_file_of_anchors_is_no_way_to_ask_nobody(trust: Trust) -> None:
    with pytest.raises(TrustError, match="Device CA"):
        trust.server(anchors=b"")


# -- a listener for enrolment


NO_CHECK_TIME = 0x200000


def enrollment(trust: Trust) -> OpenSSLContext:
    chain, key = trust.broker.save(trust.folder, "broker")
    return enrollment_context(TLSPolicy(), chain=chain, key=key, client_anchors=trust.device_ca.pem)


def test_the_flag_that_lets_expired_certificates_pass_is_on_the_enrolment_listener_and_on_no_other(
    trust: Trust,
) -> None:
    made = enrollment(trust)
    assert made._quiet is not None
    for one in (made._context, made._quiet):
        assert one.verify_mode == ssl.CERT_OPTIONAL
        assert one.verify_flags & NO_CHECK_TIME
        assert one.verify_flags & ssl.VERIFY_X509_STRICT
        assert one.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
        assert one.num_tickets == 0
        assert one.options & ssl.OP_NO_TICKET
    others = [trust.client(trust.device)]
    for listener in (trust.server(), trust.server(crl=trust.device_ca.crl())):
        assert listener._quiet is not None
        others += [listener._context, listener._quiet]
    for other in others:
        assert other.verify_mode == ssl.CERT_REQUIRED
        assert not other.verify_flags & NO_CHECK_TIME


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_an_expired_certificate_comes_in_for_enrolment_and_nowhere_else(trust: Trust, version: str) -> None:
    old = trust.device_ca.issue("old", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    client, server = client_connection(trust.client(old, version), "localhost"), enrollment(trust).connection()
    exchange(client, server)
    assert server.peer_certificate == old.der
    error = refusal(client_connection(trust.client(old, version), "localhost"), trust.server().connection())[1]
    assert error is not None
    assert error.alert == "certificate_expired"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_without_a_certificate_one_comes_in_for_enrolment(trust: Trust, version: str) -> None:
    client, server = client_connection(trust.client(None, version), "localhost"), enrollment(trust).connection()
    exchange(client, server)
    assert server.established
    assert server.peer_certificate == b""


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_certificate_of_another_authority_or_purpose_is_refused_for_enrolment(trust: Trust, version: str) -> None:
    for stranger in (trust.foreign_ca.issue("stranger"), trust.device_ca.issue("server", purpose="server")):
        client = client_connection(trust.client(stranger, version), "localhost")
        assert refusal(client, enrollment(trust).connection())[1] is not None


def test_the_two_ends_have_the_same_name_for_a_connection_of_tls_12(trust: Trust) -> None:
    client, server = client_connection(trust.client(None, "TLSv1.2"), "localhost"), enrollment(trust).connection()
    assert client.tls_unique == server.tls_unique == b""
    exchange(client, server)
    assert len(client.tls_unique) == 12
    assert client.tls_unique == server.tls_unique
    client, server = client_connection(trust.client(None, "TLSv1.3"), "localhost"), enrollment(trust).connection()
    exchange(client, server)
    assert client.tls_unique == server.tls_unique == b""


def credentials(folder: Path, trust: Trust, name: str) -> tuple[Path, Path, Path]:
    """Root, chain and key of a device in a folder."""
    made = trust.device_ca.issue(name)
    folder.mkdir(exist_ok=True)
    files = folder / "root.pem", folder / "chain.pem", folder / "key.pem"
    for file, data in zip(files, (trust.root_ca.pem, made.chain_pem, made.key_pem), strict=True):
        file.write_bytes(data)
    return files


def shown_by(context: ssl.SSLContext, trust: Trust) -> bytes:
    """The certificate that a broker sees of who connects with this context."""
    client, server = client_connection(context, "localhost"), trust.server().connection()
    exchange(client, server)
    return server.peer_certificate


def test_a_device_connects_with_the_files_as_they_are_by_then(trust: Trust, tmp_path: Path) -> None:
    old, new = (credentials(tmp_path / name, trust, "sensor-1") for name in ("old", "new"))
    now = [old]
    made = RenewedContext.of(TLSPolicy(), lambda: now[0])
    first = shown_by(made, trust)
    assert first
    assert shown_by(made, trust) == first
    now[0] = new
    second = shown_by(made, trust)
    assert second not in (b"", first)
    credentials(tmp_path / "new", trust, "sensor-1")  # replaced in its place
    assert shown_by(made, trust) not in (b"", first, second)
    assert made.verify_mode == ssl.CERT_REQUIRED
    assert made.check_hostname


def test_files_that_are_being_changed_do_no_harm_to_who_connects_meanwhile(trust: Trust, tmp_path: Path) -> None:
    files = credentials(tmp_path, trust, "sensor-1")
    made = RenewedContext.of(TLSPolicy(), lambda: files)
    first = shown_by(made, trust)
    for damage in (b"no PEM", trust.device_ca.issue("sensor-1").key_pem, None):
        if damage is None:
            files[2].unlink()
        else:
            files[2].write_bytes(damage)
        assert shown_by(made, trust) == first
    credentials(tmp_path, trust, "sensor-1")
    assert shown_by(made, trust) not in (b"", first)


def test_a_context_for_files_that_are_not_there_says_so_at_once(trust: Trust, tmp_path: Path) -> None:
    files = credentials(tmp_path, trust, "sensor-1")
    files[0].write_bytes(b"no PEM")
    with pytest.raises(TrustError, match="root certificate"):
        RenewedContext.of(TLSPolicy(), lambda: files)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_with_curves_alone_everything_else_is_as_before(trust: Trust, version: str) -> None:
    policy = TLSPolicy(classical=True)
    chain, key = trust.device.save(trust.folder, "client")
    context = client_context(policy, root=trust.root, chain=chain, key=key)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client, server = client_connection(context, "localhost"), trust.server(policy).connection()
    assert exchange(client, server) == (b"", b"")
    assert client.established
    assert server.established
    assert client.proof is not None
    assert "MLKEM" not in client.proof.group
