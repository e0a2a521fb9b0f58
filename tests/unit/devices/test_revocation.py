"""What is taken back: a device, a serial, a batch; for good, or until it is released."""

from __future__ import annotations

from functools import partial
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from failing_disk import FailingDisk
from sealmq.devices.accounting import verify
from sealmq.devices.issuing import Issuer, Order
from sealmq.devices.outcomes import Application, ByToken, Granted, Operation, Refused
from sealmq.devices.records import State
from sealmq.devices.registration import RegistrationAuthority
from sealmq.devices.revocation import LISTED, Revocations, remove_files
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail, read_line
from sealmq.errors import EnrollmentError, HomeError, TrustError
from sealmq.pki.keys import PrivateKey

NOW = 1_800_000_000.0


def csr_for(name):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def taking(fleet, tmp_path):
    """A registry with what takes back from it."""
    trail = Trail(tmp_path / "audit.jsonl")

    def signer(key_id):
        assert key_id == fleet.device_ca.key_id
        return fleet.device_ca

    return SimpleNamespace(
        trail=trail,
        registry=fleet.registry,
        enrollment=fleet.enrollment,
        revocations=Revocations(fleet.registry, signer, trail, actor="cli:test"),
        issuer=Issuer(fleet.registry, fleet.device_ca, trail),
        registration=RegistrationAuthority(fleet.registry, fleet.device_ca, trail),
        tokens=Tokens(fleet.registry),
        fleet=fleet,
    )


def listed(taking):
    """Serial -> reason, as our own list says."""
    crl = x509.load_der_x509_crl(taking.registry.crl(taking.fleet.device_ca.key_id))
    found = {}
    for entry in crl:
        try:
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            reason = "unspecified"
        found[format(entry.serial_number, "032x")] = reason
    return found


def states(taking, name):
    return {each.serial: each.state for each in taking.registry.certificates_of(name)}


def kinds(taking, since):
    return [(change.kind, change.serial) for change in taking.registry.changes_since(since)]


def renew(taking, name):
    """Another certificate of the same device, that it was not seen with yet."""
    device = taking.registry.device(name)
    order = Order(name=name, public_key=PrivateKey.generate().public, uuid=UUID(device.uuid), renews=True)
    (issued,) = taking.issuer.issue([order], now=NOW + 1)
    return issued.certificate.serial


def enroll(taking, name, secret, now=NOW):
    csr = csr_for(name)
    application = Application(csr, Operation.ENROLL, ByToken(secret), "est", "192.0.2.1")
    (outcome,) = taking.registration.decide([application], now)
    return outcome


def test_a_device_is_revoked_with_all_that_it_has(taking):
    first = taking.enrollment.add_device("sensor-1", now=NOW).serial
    second = renew(taking, "sensor-1")
    since = taking.registry.last_change()
    taken = taking.revocations.revoke_device("SENSOR-1", "keyCompromise", now=NOW + 2)
    assert (sorted(taken.serials), taken.devices) == (sorted([first, second]), ["sensor-1"])
    assert listed(taking) == {first: "keyCompromise", second: "keyCompromise"}
    assert sorted(kinds(taking, since)) == sorted([("revoked", first), ("revoked", second)])
    assert taking.registry.device("sensor-1").state == "revoked"
    assert taking.revocations.revoke_device("sensor-1", now=NOW + 3).serials == []
    assert verify(taking.trail, taking.registry).holds


def test_a_hold_is_lifted_and_the_list_forgets_it(taking):
    first = taking.enrollment.add_device("sensor-1", now=NOW).serial
    second = renew(taking, "sensor-1")
    assert sorted(taking.revocations.hold_device("sensor-1", now=NOW + 2).serials) == sorted([first, second])
    assert listed(taking) == {first: "certificateHold", second: "certificateHold"}
    device = taking.registry.device("sensor-1")
    assert (device.state, device.held) == ("revoked", True)
    assert taking.revocations.hold_device("sensor-1", now=NOW + 3).serials == []
    since = taking.registry.last_change()
    taken = taking.revocations.release_device("sensor-1", now=NOW + 4)
    assert (sorted(taken.serials), taken.devices) == (sorted([first, second]), ["sensor-1"])
    assert listed(taking) == {}
    assert {kind for kind, _ in kinds(taking, since)} == {"released"}
    device = taking.registry.device("sensor-1")
    assert (device.state, device.held, device.serial) == ("active", False, first)
    record = taking.registry.lookup(first)
    assert (record.state, record.revoked_at, record.reason) == (State.VALID, None, None)
    assert verify(taking.trail, taking.registry).holds


def test_what_a_hold_did_not_take_it_does_not_give_back(taking):
    first = taking.enrollment.add_device("sensor-1", now=NOW).serial
    second = renew(taking, "sensor-1")
    taking.registry.mark_seen(second, now=NOW + 2)
    taking.revocations.hold_device("sensor-1", now=NOW + 3)
    taking.revocations.release_device("sensor-1", now=NOW + 4)
    assert states(taking, "sensor-1") == {first: State.SUPERSEDED, second: State.VALID}


def test_a_hold_may_become_final_and_keeps_its_date(taking):
    serial = taking.enrollment.add_device("sensor-1", now=NOW).serial
    taking.revocations.hold_device("sensor-1", now=NOW + 2)
    assert taking.revocations.revoke_device("sensor-1", "keyCompromise", now=NOW + 9).serials == [serial]
    record = taking.registry.lookup(serial)
    assert (record.reason, record.revoked_at) == ("keyCompromise", NOW + 2)
    assert not taking.registry.device("sensor-1").held


def test_what_is_final_is_told_to_be(taking):
    taking.enrollment.add_device("sensor-1", now=NOW)
    with pytest.raises(EnrollmentError, match="not on hold"):
        taking.revocations.release_device("sensor-1", now=NOW)
    taking.revocations.revoke_device("sensor-1", "superseded", now=NOW)
    for attempt in (taking.revocations.release_device, taking.revocations.hold_device):
        with pytest.raises(EnrollmentError, match="sensor-1") as caught:
            attempt("sensor-1", now=NOW + 1)
        assert "superseded" in caught.value.why
        assert caught.value.remedy == "sealmq device add sensor-1 gives it a new certificate"


def test_a_name_on_hold_is_not_free(taking):
    taking.enrollment.add_device("sensor-1", now=NOW)
    _, secret = taking.tokens.make(now=NOW, ttl=99, device="sensor-1")
    taking.revocations.hold_device("sensor-1", now=NOW)
    with pytest.raises(EnrollmentError, match="on hold") as caught:
        taking.enrollment.add_device("sensor-1", now=NOW)
    assert "sealmq device release sensor-1" in caught.value.remedy
    refused = enroll(taking, "sensor-1", secret)
    assert isinstance(refused, Refused)
    assert "on hold" in refused.why
    taking.revocations.revoke_device("sensor-1", now=NOW)
    _, secret = taking.tokens.make(now=NOW, ttl=99, device="sensor-1")
    assert isinstance(enroll(taking, "sensor-1", secret), Granted)


@pytest.mark.parametrize("how", ["device", "serial", "batch", "retired", "again"])
def test_what_was_made_to_enrol_a_device_goes_with_it(taking, how):
    batch, secret = taking.tokens.make(now=NOW, ttl=99, prefix="sensor-")
    serial = enroll(taking, "sensor-1", secret).serial
    if how == "again":
        taking.revocations.revoke_device("sensor-1", now=NOW)
    stolen, secret = taking.tokens.make(now=NOW, ttl=99, device="SENSOR-1")
    others, _ = taking.tokens.make(now=NOW, ttl=99, device="sensor-10")
    take = {
        "serial": partial(taking.revocations.revoke_serial, serial),
        "batch": partial(taking.revocations.revoke_batch, batch),
        "retired": partial(taking.revocations.retire_device, "sensor-1"),
    }
    take.get(how, partial(taking.revocations.revoke_device, "sensor-1"))(now=NOW + 1)
    refused = enroll(taking, "sensor-1", secret, NOW + 2)
    assert isinstance(refused, Refused)
    assert refused.why == f"token {stolen} was revoked"
    assert taking.tokens.find(others).state == "active"
    told = [line.facts for line in map(read_line, taking.trail.path.read_bytes().splitlines())]
    assert stolen in [facts.get("token") for facts in told if "reason" in facts]
    assert verify(taking.trail, taking.registry).holds


def test_what_is_on_hold_stays_so_when_another_certificate_is_revoked(taking):
    first = taking.enrollment.add_device("sensor-1", now=NOW).serial
    second = renew(taking, "sensor-1")
    taking.revocations.hold_device("sensor-1", now=NOW + 2)
    taking.revocations.revoke_serial(first, "keyCompromise", now=NOW + 3)
    device = taking.registry.device("sensor-1")
    assert (device.state, device.held, device.serial) == ("revoked", True, second)
    with pytest.raises(EnrollmentError, match="on hold"):  # or a release of the next one would let this one in
        taking.enrollment.add_device("sensor-1", now=NOW + 4)
    assert taking.revocations.release_device("sensor-1", now=NOW + 5).serials == [second]
    assert taking.registry.lookup(first).reason == "keyCompromise"


def test_a_hold_that_comes_while_a_certificate_is_signed_wins(taking):
    taking.enrollment.add_device("sensor-1", now=NOW)
    taking.revocations.revoke_device("sensor-1", now=NOW)
    order = Order(name="sensor-1", public_key=PrivateKey.generate().public)

    def meanwhile(issued):
        other = Order(name="sensor-1", public_key=PrivateKey.generate().public)
        taking.issuer.issue([other], now=NOW)
        taking.revocations.hold_device("sensor-1", now=NOW)

    (answer,) = taking.issuer.issue([order], now=NOW, hand_over=meanwhile)
    assert isinstance(answer, EnrollmentError)
    assert taking.registry.device("sensor-1").held
    taking.revocations.release_device("sensor-1", now=NOW)


def test_one_serial_of_two_leaves_the_device_with_the_other(taking):
    first = taking.enrollment.add_device("sensor-1", now=NOW).serial
    second = renew(taking, "sensor-1")
    written = ":".join(first[at : at + 2] for at in range(0, 32, 2)).upper()
    taken = taking.revocations.revoke_serial(written, now=NOW + 2)
    assert (taken.serials, taken.devices) == ([first], [])
    device = taking.registry.device("sensor-1")
    assert (device.state, device.serial) == ("active", second)
    taken = taking.revocations.revoke_serial(second, "keyCompromise", now=NOW + 3)
    assert (taken.serials, taken.devices) == ([second], ["sensor-1"])
    assert taking.registry.device("sensor-1").state == "revoked"
    assert taking.revocations.revoke_serial(second, now=NOW + 4).serials == []
    assert taking.registry.lookup(second).reason == "keyCompromise"


def test_serials_that_are_no_devices(taking):
    taking.enrollment.add_device("sensor-1", now=NOW)
    for unknown in ("", "00", "abc", "\x1b[2J", "zz"):
        with pytest.raises(EnrollmentError, match="no certificate with the serial") as caught:
            taking.revocations.revoke_serial(unknown, now=NOW)
        assert caught.value.what.isprintable()


def test_a_batch_goes_with_what_it_has_renewed_and_enrols_nobody_any_more(taking):
    number, secret = taking.tokens.make(now=NOW, ttl=99, prefix="line-", quota=10)
    names = [f"line-{n}" for n in range(4)]
    serials = [enroll(taking, name, secret).serial for name in names]
    renewed = renew(taking, "line-1")
    taking.registry.mark_seen(renewed, now=NOW + 2)
    other = taking.enrollment.add_device("other", now=NOW).serial
    taking.revocations.revoke_device("line-3", now=NOW + 3)
    back = taking.enrollment.add_device("line-3", now=NOW + 4).serial  # by hand: not of the batch any more
    taken = taking.revocations.revoke_batch(number, "keyCompromise", now=NOW + 5)
    assert sorted(taken.serials) == sorted([*serials[:3], renewed])
    assert taken.devices == names[:3]
    assert {taking.registry.lookup(serial).state for serial in (other, back)} == {State.VALID}
    assert isinstance(enroll(taking, "line-9", secret), Refused)
    assert taking.revocations.revoke_batch(number, now=NOW + 6).serials == []
    assert verify(taking.trail, taking.registry).holds
    with pytest.raises(EnrollmentError, match="no token or claim 99"):
        taking.revocations.revoke_batch(99, now=NOW)


def test_a_batch_that_is_revoked_while_a_certificate_is_signed_gets_none(taking):
    number, _ = taking.tokens.make(now=NOW, ttl=99, prefix="line-", quota=10)
    order = Order(name="line-1", public_key=PrivateKey.generate().public, token=number)
    (answer,) = taking.issuer.issue(
        [order], now=NOW, hand_over=lambda issued: taking.revocations.revoke_batch(number, now=NOW)
    )
    assert isinstance(answer, EnrollmentError)
    assert taking.registry.device("line-1") is None


def test_a_retired_device_has_the_broker_forget_it(taking, fleet):
    serial = taking.enrollment.add_device("sensor-1", now=NOW).serial
    since = taking.registry.last_change()
    assert taking.revocations.retire_device("sensor-1", now=NOW).serials == [serial]
    assert kinds(taking, since) == [("revoked", serial), ("retired", serial)]
    assert taking.registry.lookup(serial).reason == "cessationOfOperation"
    folder = fleet.directory / "sensor-1"
    assert remove_files(folder)
    assert not remove_files(folder)
    assert list(fleet.directory.iterdir()) == []
    assert taking.revocations.retire_device("sensor-1", now=NOW).serials == []


def test_reasons(taking):
    taking.enrollment.add_device("sensor-1", now=NOW)
    with pytest.raises(EnrollmentError, match="no reason"):
        taking.revocations.revoke_device("sensor-1", "boredom", now=NOW)
    with pytest.raises(EnrollmentError, match="not for good"):
        taking.revocations.revoke_device("sensor-1", "certificateHold", now=NOW)


@pytest.mark.parametrize("error", [HomeError("its key is away"), TrustError("the token does not answer")])
def test_revoking_needs_no_key(taking, error, caplog):
    serial = taking.enrollment.add_device("sensor-1", now=NOW).serial
    taking.revocations.sign_list(taking.fleet.device_ca, now=NOW)
    before = taking.registry.crl(taking.fleet.device_ca.key_id)

    def unable(key_id):
        raise error

    taking.revocations._signer = unable
    assert taking.revocations.revoke_device("sensor-1", now=NOW).serials == [serial]
    assert taking.registry.lookup(serial).state is State.REVOKED
    assert taking.registry.crl(taking.fleet.device_ca.key_id) == before
    assert error.what in caplog.text


def test_the_list_for_openssl_has_the_latest_of_many(taking):
    names = [f"d{n}" for n in range(12)]
    serials = [taking.enrollment.add_device(name, now=NOW).serial for name in names]
    with taking.registry.transaction():  # as if there were a thousand more, revoked between the 5th and the 6th
        for n in range(LISTED - 3):
            taking.registry.change(
                "INSERT INTO certificates (serial, subject, profile, authority_key_id, state, not_before, not_after,"
                " spki_sha256, recorded_at, revoked_at, reason)"
                " VALUES (?, 'x', 'device', ?, 'revoked', 0, ?, '', 0, ?, 'superseded')",
                *(f"{n + 1:032x}", taking.fleet.device_ca.key_id, NOW + 9e7, NOW + 5.5),
            )
    for n, name in enumerate(names):
        taking.revocations.revoke_device(name, now=NOW + n)
    found = listed(taking)
    assert len(found) == LISTED
    assert set(serials[6:]) <= found.keys()
    assert not set(serials[:6]) & found.keys()
    assert {taking.registry.lookup(serial).state for serial in serials} == {State.REVOKED}


@pytest.mark.parametrize("act", ["revoke", "hold", "release", "batch", "retire"])
def test_what_fails_has_not_happened_and_is_done_when_it_is_typed_again(fleet, tmp_path, act):
    """At each step of the disk: the state, the change and the list say the same, and in the end the trail does too."""
    trail = Trail(tmp_path / "audit.jsonl")
    registration = RegistrationAuthority(fleet.registry, fleet.device_ca, trail)
    outcomes = set()
    for n in count(1):
        name, now = f"d{n}", NOW + n
        number, secret = Tokens(fleet.registry).make(now=NOW, ttl=9e9, prefix="d")
        registration.decide([Application(csr_for(name), Operation.ENROLL, ByToken(secret), "est", "::1")], NOW)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=False).install(patch)
            registry, _ = fleet.open()
            revocations = Revocations(registry, lambda key_id: fleet.device_ca, trail, actor="cli:test")
            if act == "release":
                revocations.hold_device(name, now=NOW)
            attempt = {
                "revoke": partial(revocations.revoke_device, name),
                "hold": partial(revocations.hold_device, name),
                "release": partial(revocations.release_device, name),
                "batch": partial(revocations.revoke_batch, number),
                "retire": partial(revocations.retire_device, name),
            }[act]
            since = registry.last_change()
            try:
                with disk:
                    attempt(now=now)
                failed = False
            except HomeError:
                failed = True
            assert (registry.last_change() == since) == failed
            outcomes.add(failed)
            assert_consistent(fleet, registry.device(name), refused=failed == (act == "release"))
            if failed:
                attempt(now=now)
            registry.close()
        assert_consistent(fleet, fleet.registry.device(name), refused=act != "release")
        if not disk.struck:
            break
    assert outcomes == {False, True}
    assert n > 8
    assert verify(trail, fleet.registry).findings == []


def assert_consistent(fleet, device, *, refused):
    assert (device.state == "revoked") == refused
    crl = fleet.registry.crl(fleet.device_ca.key_id)
    serials = [entry.serial_number for entry in x509.load_der_x509_crl(crl)] if crl is not None else []
    assert (int(device.serial, 16) in serials) == refused
