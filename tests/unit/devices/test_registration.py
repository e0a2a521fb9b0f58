from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_of_devices import KEY, csr
from sealmq.devices.accounts import Accounts
from sealmq.devices.applications import SPARE, Applications
from sealmq.devices.issuing import Issuer
from sealmq.devices.labels import Label
from sealmq.devices.outcomes import (
    RETRY_AFTER,
    Application,
    ByCertificate,
    ByClaim,
    ByToken,
    EnrollmentPolicy,
    Granted,
    Operation,
    Refusal,
    Refused,
    Waiting,
)
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.records import Reservation, State
from sealmq.devices.registration import RENEWALS_A_DAY, RegistrationAuthority
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Entry, Trail, read_line
from sealmq.errors import HomeError
from sealmq.pki.authority import create_issuing, create_root, new_serial
from sealmq.pki.peer import identify_certificate

DAY = 86_400
OTHER = ec.generate_private_key(ec.SECP256R1())


class Desk:
    def __init__(self, fleet, tmp_path):
        self.fleet, self.now = fleet, fleet.now
        self.registry, self.enrollment = fleet.registry, fleet.enrollment
        self.trail = tmp_path / "audit.jsonl"
        self.authority = RegistrationAuthority(fleet.registry, fleet.device_ca, Trail(self.trail))
        self.tokens = Tokens(fleet.registry)

    def token(self, **options):
        number, secret = self.tokens.make(now=self.now, **({"ttl": 300} | options))
        return number, ByToken(secret)

    def enroll(self, applicant, data=None, name=""):
        data = csr("sensor-1") if data is None else data
        return self.ask(Application(data, Operation.ENROLL, applicant, "est", "192.0.2.1:5", name))

    def renew(self, serial, data=None, name=""):
        data = csr("sensor-1", OTHER) if data is None else data
        return self.ask(Application(data, Operation.RENEW, ByCertificate(serial), "mqtt", "192.0.2.1:5", name))

    def ask(self, *applications):
        outcomes = self.authority.decide(applications, self.now)
        return outcomes[0] if len(outcomes) == 1 else outcomes

    def actions(self):
        return [(line.action, line.actor) for line in map(read_line, self.trail.read_bytes().splitlines())]


@pytest.fixture
def desk(fleet, tmp_path):
    return Desk(fleet, tmp_path)


def refused(outcome, kind, why):
    assert isinstance(outcome, Refused), outcome
    assert outcome.kind is kind, outcome
    assert why in outcome.why, outcome
    return outcome


# -- enrolling


def test_a_token_enrols_its_device_once(desk):
    number, token = desk.token(device="sensor-1", days=30)
    granted = desk.enroll(token)
    peer = identify_certificate(granted.der)
    assert (peer.common_name, peer.serial, peer.extended_key_usages) == ("sensor-1", granted.serial, ("clientAuth",))
    assert granted.not_after == desk.now - 3600 + 30 * DAY - 1
    assert desk.registry.device("sensor-1").serial == granted.serial
    assert desk.registry.lookup(granted.serial).token == number
    assert desk.actions() == [("issue", f"token:{number}")]
    refused(desk.enroll(token, csr("sensor-1", OTHER)), Refusal.UNAUTHENTICATED, "used 1 times")


def test_who_lost_the_answer_asks_again_and_gets_the_same(desk):
    _, token = desk.token(device="sensor-1")
    data = csr("sensor-1")
    first = desk.enroll(token, data)
    assert replace(desk.enroll(token, data), shortened=first.shortened) == first
    desk.registry.mark_seen(first.serial, now=desk.now)
    refused(desk.enroll(token, data), Refusal.UNAUTHENTICATED, "used")
    assert len(desk.registry.certificates_of("sensor-1")) == 1


def test_the_answer_of_one_is_not_given_to_another_token(desk):
    data = csr("sensor-1")
    desk.enroll(desk.token(device="sensor-1")[1], data)
    _, other = desk.token(prefix="sensor-", quota=5)
    refused(desk.enroll(other, data), Refusal.FORBIDDEN, "there is a device")


def test_a_quota_with_a_prefix(desk):
    number, token = desk.token(prefix="line-", quota=2)
    for n, key in enumerate((KEY, OTHER)):
        assert isinstance(desk.enroll(token, csr(None, key), f"line-{n}"), Granted)
    third = ec.generate_private_key(ec.SECP256R1())
    refused(desk.enroll(token, csr("line-3", third)), Refusal.UNAUTHENTICATED, "used 2 times")
    assert desk.tokens.find(number).used == 2


def test_no_more_than_the_quota_in_one_batch_either(desk):
    _, token = desk.token(prefix="line-", quota=2)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
    outcomes = desk.ask(
        *(
            Application(csr(f"line-{n}", key), Operation.ENROLL, token, "est", "192.0.2.1:5")
            for n, key in enumerate(keys)
        )
    )
    assert [type(each) for each in outcomes] == [Granted, Granted, Refused, Refused]


@pytest.mark.parametrize(
    ("data", "name", "kind", "why"),
    [
        (csr("other-1"), "", Refusal.FORBIDDEN, "is for 'sensor-...'"),
        (csr("sensor-2"), "sensor-1", Refusal.FORBIDDEN, "is for 'sensor-2'"),
        (csr(), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("a/b"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("sensor-+"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("sensor-#"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("sensor-\n1"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("sensor-\0"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("sensor-ä"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("../ca"), "", Refusal.MALFORMED, "cannot be a name"),
        (csr("s" * 64), "s" * 65, Refusal.FORBIDDEN, "is for"),
        (b"", "", Refusal.MALFORMED, "cannot be read"),
        (b"x" * 9000, "", Refusal.MALFORMED, "9000 bytes"),
        (csr("sensor-1", rsa.generate_private_key(65537, 1024)), "", Refusal.MALFORMED, "1024"),
        (csr("sensor-1", ec.generate_private_key(ec.SECP256K1())), "", Refusal.MALFORMED, "secp256k1"),
    ],
)
def test_what_is_not_enrolled(desk, data, name, kind, why):
    number, token = desk.token(prefix="sensor-", quota=9)
    outcome = refused(desk.enroll(token, data, name), kind, why)
    assert "\n" not in outcome.words
    assert "\0" not in outcome.words
    assert desk.tokens.find(number).used == 0
    assert desk.registry.query("SELECT * FROM certificates") == []


def test_who_asks_to_be_an_authority_becomes_a_device(desk):
    _, token = desk.token(device="sensor-1")
    granted = desk.enroll(token, csr("sensor-1", ca=True, sans=[x509.DNSName("localhost")]))
    certificate = x509.load_der_x509_certificate(granted.der)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [type(name) for name in san] == [x509.UniformResourceIdentifier]


def test_a_request_that_was_changed_on_its_way(desk):
    data = bytearray(csr("sensor-1"))
    data[-3] ^= 1
    refused(desk.enroll(desk.token(device="sensor-1")[1], bytes(data)), Refusal.MALFORMED, "")


@pytest.mark.parametrize("secret", ["", "x", "x" * 43, "x" * 100_000, "ä" * 43])
def test_a_guessed_token(desk, secret):
    desk.token(device="sensor-1")
    outcome = refused(desk.enroll(ByToken(secret)), Refusal.UNAUTHENTICATED, "no token")
    assert outcome.words == "not authorized"
    assert "x" not in repr(ByToken(secret)).removeprefix("ByToken")


def test_a_token_that_ended_or_was_revoked(desk):
    number, token = desk.token(device="sensor-1", ttl=300)
    desk.now += 301
    refused(desk.enroll(token), Refusal.UNAUTHENTICATED, "ended")
    desk.now -= 301
    desk.tokens.revoke(number)
    refused(desk.enroll(token), Refusal.UNAUTHENTICATED, "revoked")


def test_one_key_is_one_device(desk):
    desk.enroll(desk.token(device="sensor-1")[1])
    refused(desk.enroll(desk.token(device="b")[1], csr("b")), Refusal.FORBIDDEN, "belongs to 'sensor-1'")
    desk.enrollment.revoke_device("sensor-1", "keyCompromise", now=desk.now)
    refused(desk.enroll(desk.token(device="sensor-1")[1]), Refusal.FORBIDDEN, "compromised")


def test_two_at_once_for_one_name_make_one_device(desk):
    tokens = [desk.token(prefix="sensor-", quota=1)[1] for _ in range(2)]
    outcomes = desk.ask(
        *(
            Application(csr("sensor-1", key), Operation.ENROLL, token, "est", "192.0.2.1:5")
            for key, token in zip((KEY, OTHER), tokens, strict=True)
        )
    )
    assert isinstance(outcomes[0], Granted)
    refused(outcomes[1], Refusal.BUSY, "somebody else")
    assert [each.state for each in desk.registry.certificates_of("sensor-1")] == [State.VALID]


def test_a_name_that_another_process_is_making_a_certificate_for(desk):
    reservation = {"serial": "0a", "subject": "sensor-1", "profile": "device", "authority_key_id": "aa"}
    desk.registry.reserve(Reservation(**reservation, not_before=0, not_after=1, spki_sha256="aa"), now=desk.now)
    _, token = desk.token(device="sensor-1")
    refused(desk.enroll(token), Refusal.BUSY, "somebody else")
    desk.now += 31
    assert isinstance(desk.enroll(token), Granted)
    assert desk.registry.lookup("0a").state is State.ABANDONED


def test_a_crash_in_the_middle_burns_no_token(desk, monkeypatch):
    number, token = desk.token(device="sensor-1")
    with monkeypatch.context() as patch:  # killed: nothing behind the reservation happens
        patch.setattr(Issuer, "make", lambda self, reserved, *, now: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            desk.enroll(token)
    assert desk.tokens.find(number).used == 1
    refused(desk.enroll(token), Refusal.BUSY, "somebody else")
    desk.now += 31
    assert isinstance(desk.enroll(token), Granted)
    assert desk.tokens.find(number).used == 1


def test_the_name_of_an_account_is_taken(desk):
    Accounts(desk.registry).add("sensor-1", b"correct horse battery", now=desk.now)
    refused(desk.enroll(desk.token(device="sensor-1")[1]), Refusal.FORBIDDEN, "account")


def test_a_token_for_one_device_brings_a_revoked_one_back_and_a_lines_does_not(desk):
    first = desk.enroll(desk.token(device="sensor-1")[1])
    desk.enrollment.revoke_device("sensor-1", now=desk.now)
    line = desk.token(prefix="sensor-", quota=9)[1]
    refused(desk.enroll(line, csr("sensor-1", OTHER)), Refusal.FORBIDDEN, "revoked")
    again = desk.enroll(desk.token(device="sensor-1")[1], csr("sensor-1", OTHER))
    assert desk.registry.device("sensor-1").state == "active"
    assert identify_certificate(again.der).serial != first.serial


def test_a_token_for_a_present_device_gives_it_another_certificate_beside_the_first(desk):
    first = desk.enroll(desk.token(device="sensor-1")[1])
    desk.registry.mark_seen(first.serial, now=desk.now)
    uuid = desk.registry.device("sensor-1").uuid
    desk.now += 1
    second = desk.enroll(desk.token(device="sensor-1")[1], csr("sensor-1", OTHER))
    assert desk.registry.device("sensor-1").uuid == uuid
    assert desk.registry.lookup(first.serial).state is State.VALID
    desk.authority.saw([second.serial], desk.now)
    assert desk.registry.lookup(first.serial).state is State.SUPERSEDED
    assert desk.actions()[-1] == ("supersede", "device:sensor-1")


def test_the_root_that_an_answer_over_mqtt_carries_is_recorded(desk):
    known = lambda: desk.registry.query("SELECT root FROM devices WHERE name = 'sensor-1'")  # noqa: E731
    desk.authority = RegistrationAuthority(
        desk.registry, desk.fleet.device_ca, Trail(desk.trail), root="the newest root"
    )
    first = desk.enroll(desk.token(device="sensor-1")[1])
    assert known() == [("",)], "over EST it is asked for apart"
    desk.renew(first.serial)
    assert known() == [("the newest root",)]


def test_an_alarm_of_the_broker_is_in_the_trail_and_known_of_the_device(desk):
    granted = desk.enroll(desk.token(device="sensor-1")[1], csr("sensor-1", OTHER))
    facts = {"device": "sensor-1", "serial": granted.serial, "places": "192.0.2.7 198.51.100.9", "how": "together"}
    desk.authority.record([Entry("clone", "sealmq", facts)], desk.now)
    assert desk.actions()[-1] == ("clone", "sealmq")
    assert (desk.registry.clones_of("sensor-1"), desk.registry.clones_of("sensor-2")) == (1, 0)
    assert desk.registry.changes_since(0)[-1].kind == "clone"


# -- claims


def claim(desk, serial="c1", **options):
    desk.registry.reserve(
        Reservation(serial, "line-7", "claim", "cc", desk.now - 1, desk.now + DAY, "c" + serial), now=desk.now
    )
    desk.registry.confirm(serial, "f" + serial)
    options = {"ttl": DAY, "prefix": "sensor-", "quota": 10} | options
    number, secret = desk.tokens.make(now=desk.now, serial=serial, **options)
    assert secret == ""
    return number, ByClaim(serial)


def test_a_claim_enrols_by_its_certificate(desk):
    number, applicant = claim(desk, names=["sensor-1"])
    assert isinstance(desk.enroll(applicant), Granted)
    refused(desk.enroll(applicant, csr("sensor-2", OTHER)), Refusal.FORBIDDEN, "sensor-2")
    assert desk.actions() == [("issue", f"claim:{number}")]


def test_a_claim_that_was_revoked_or_is_none(desk):
    _, applicant = claim(desk)
    desk.registry.change("UPDATE certificates SET state = 'revoked' WHERE serial = 'c1'")
    refused(desk.enroll(applicant), Refusal.UNAUTHENTICATED, "does not count")
    refused(desk.enroll(ByClaim("nothing")), Refusal.UNAUTHENTICATED, "does not count")
    device = desk.enrollment.add_device("x", now=desk.now)
    refused(desk.enroll(ByClaim(device.serial)), Refusal.UNAUTHENTICATED, "no token or claim")
    refused(desk.enroll(ByCertificate(device.serial)), Refusal.FORBIDDEN, "enrols nobody")


# -- approval


def test_by_hand(desk):
    desk.authority.policy = EnrollmentPolicy(approval=True)
    _, token = desk.token(device="sensor-1")
    data = csr("sensor-1")
    assert desk.enroll(token, data) == Waiting("sensor-1", RETRY_AFTER)
    assert desk.enroll(token, data) == Waiting("sensor-1", RETRY_AFTER)
    applications = Applications(desk.registry)
    (waiting,) = applications.waiting()
    applications.decide(waiting.id, "approved", now=desk.now)
    assert isinstance(desk.enroll(token, data), Granted)
    assert applications.find(waiting.id).state == "done"
    assert [action for action, _ in desk.actions()] == ["apply", "issue"]


def test_what_was_approved_by_one_token_is_not_by_another(desk):
    _, humble = desk.token(device="sensor-1", approval=True)
    other, mighty = desk.token(device="sensor-1", approval=True, role="operator")
    data = csr("sensor-1")
    desk.enroll(humble, data)
    applications = Applications(desk.registry)
    applications.decide(applications.waiting()[0].id, "approved", now=desk.now)
    assert desk.enroll(mighty, data) == Waiting("sensor-1", RETRY_AFTER)
    (waiting,) = applications.waiting()
    assert waiting.token == other
    assert desk.enroll(humble, data) == Waiting("sensor-1", RETRY_AFTER)
    assert [action for action, _ in desk.actions()] == ["apply", "apply"]
    applications.decide(waiting.id, "denied", now=desk.now)
    for token in (humble, mighty):
        refused(desk.enroll(token, data), Refusal.FORBIDDEN, "denied")


def test_one_token_keeps_no_other_from_asking(desk):
    _, greedy = desk.token(device="sensor-1", approval=True)
    _, other = desk.token(device="sensor-2", approval=True)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(1 + SPARE + 1)]
    *asked, last = [desk.enroll(greedy, csr("sensor-1", key)) for key in keys]
    assert asked == [Waiting("sensor-1", RETRY_AFTER)] * (1 + SPARE)
    refused(last, Refusal.BUSY, "requests by token")
    assert desk.enroll(other, csr("sensor-2")) == Waiting("sensor-2", RETRY_AFTER)


def test_nobody_can_approve_a_key_that_is_made_here(desk):
    _, token = desk.token(device="sensor-1", approval=True)
    outcome = desk.ask(Application(csr("sensor-1"), Operation.ENROLL, token, "est-server-key", "192.0.2.1:5"))
    refused(outcome, Refusal.FORBIDDEN, "another one each time")
    assert Applications(desk.registry).waiting() == []


def test_denied(desk):
    _, token = desk.token(device="sensor-1", approval=True)
    data = csr("sensor-1")
    desk.enroll(token, data)
    applications = Applications(desk.registry)
    applications.decide(applications.waiting()[0].id, "denied", now=desk.now)
    refused(desk.enroll(token, data), Refusal.FORBIDDEN, "denied")


# -- renewing


@pytest.fixture
def device(desk):
    granted = desk.enroll(desk.token(device="sensor-1")[1])
    desk.registry.mark_seen(granted.serial, now=desk.now)
    desk.now += DAY
    return granted


def test_a_device_gets_another_one_and_keeps_the_first(desk, device):
    renewed = desk.renew(device.serial)
    assert identify_certificate(renewed.der).common_name == "sensor-1"
    assert desk.registry.lookup(device.serial).state is State.VALID
    uuid = UUID(desk.registry.device("sensor-1").uuid)
    san = [x509.UniformResourceIdentifier(f"urn:uuid:{uuid}")]
    for data in (csr(None, OTHER), csr("sensor-1", OTHER, sans=san), csr("sensor-1")):
        assert isinstance(desk.renew(device.serial, data), Granted)


def test_the_same_request_is_renewed_once(desk, device):
    data = csr("sensor-1", OTHER)
    first = desk.renew(device.serial, data)
    assert desk.renew(device.serial, data).serial == first.serial


@pytest.mark.parametrize(
    "data",
    [
        csr("sensor-2", OTHER),
        csr("sensor-1", OTHER, extra=[x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x")]),
        csr("sensor-1", OTHER, sans=[x509.DNSName("a.example")]),
        csr("sensor-1", OTHER, sans=[x509.UniformResourceIdentifier("urn:uuid:00000000-0000-4000-8000-000000000000")]),
    ],
)
def test_names_that_differ_from_the_certificates(desk, device, data):
    refused(desk.renew(device.serial, data), Refusal.FORBIDDEN, "something else")


def test_another_name_beside_it(desk, device):
    refused(desk.renew(device.serial, name="sensor-2"), Refusal.FORBIDDEN, "is not sensor-1")


def test_late_within_the_window_and_beyond(desk, device):
    ends = desk.registry.lookup(device.serial).not_after
    desk.now = ends + 30 * DAY
    renewed = desk.renew(device.serial)
    assert isinstance(renewed, Granted)
    assert desk.actions()[-1] == ("issue", "device:sensor-1 (late)")
    desk.now += 1
    refused(desk.renew(device.serial, csr("sensor-1", OTHER)), Refusal.UNAUTHENTICATED, "more than 30 days")
    desk.authority.policy = EnrollmentPolicy(late_renewal=0)
    desk.now = ends + 1
    refused(desk.renew(device.serial, csr("sensor-1", OTHER)), Refusal.UNAUTHENTICATED, "more than 0 days")


def test_with_a_clock_before_the_certificate(desk, device):
    desk.now -= 2 * DAY
    refused(desk.renew(device.serial), Refusal.UNAUTHENTICATED, "clock")


def test_neither_a_revoked_nor_a_superseded_one_renews(desk, device):
    renewed = desk.renew(device.serial)
    desk.registry.mark_seen(renewed.serial, now=desk.now)
    refused(desk.renew(device.serial, csr("sensor-1")), Refusal.UNAUTHENTICATED, "superseded")
    desk.enrollment.revoke_device("sensor-1", now=desk.now)
    refused(desk.renew(renewed.serial, csr("sensor-1", OTHER)), Refusal.UNAUTHENTICATED, "revoked")
    refused(desk.renew("00"), Refusal.UNAUTHENTICATED, "no certificate")
    refused(
        desk.ask(Application(csr(), Operation.RENEW, ByToken("x"), "est", "192.0.2.1:5")), Refusal.UNAUTHENTICATED, ""
    )


def test_one_that_renews_in_a_loop_is_held_back(desk, device):
    for _ in range(RENEWALS_A_DAY - 1):
        assert isinstance(desk.renew(device.serial, csr(None, ec.generate_private_key(ec.SECP256R1()))), Granted)
    data = csr("sensor-1", ec.generate_private_key(ec.SECP256R1()))
    desk.now += 60
    assert isinstance(desk.renew(device.serial, csr(None, OTHER)), Granted)
    refused(desk.renew(device.serial, data), Refusal.BUSY, "in a day")
    desk.now += DAY
    assert isinstance(desk.renew(device.serial, data), Granted)


def test_a_life_is_cut_where_the_authority_ends_and_the_answer_says_so(desk):
    desk.now += 5 * 365 * DAY
    _, token = desk.token(device="sensor-1", days=3650)
    granted = desk.enroll(token)
    assert granted.shortened
    assert granted.not_after == desk.fleet.device_ca.certificate.validity.not_after


# -- what fails


def test_a_full_disk_gives_the_token_back(desk, monkeypatch):
    number, token = desk.token(device="sensor-1")

    def full(self, entries, *, now):
        raise HomeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Trail, "append", full)
        with pytest.raises(HomeError, match="full"):
            desk.enroll(token)
    assert desk.tokens.find(number).used == 0
    assert desk.registry.device("sensor-1") is None
    assert isinstance(desk.enroll(token), Granted)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 250), st.integers(0, 255)))
def test_whatever_a_request_is_there_is_an_answer(desk_for_ever, noise):
    data = csr("sensor-1")
    if isinstance(noise, tuple):
        position, value = noise
        data = data[: position % len(data)] + bytes([value]) + data[position % len(data) + 1 :]
    else:
        data = noise
    outcome = desk_for_ever.enroll(ByToken("x" * 43), data)
    assert isinstance(outcome, Refused)


@pytest.fixture(scope="module")
def desk_for_ever(tmp_path_factory):
    path, now = tmp_path_factory.mktemp("desk"), 1_800_000_000.0
    root = create_root("Example", "NL", serial=new_serial(), now=now)
    device_ca = create_issuing(root, "Device", serial=new_serial(), now=now)
    with Registry.open(path / "sealmq.db") as registry:
        yield Desk(SimpleNamespace(registry=registry, device_ca=device_ca, now=now, enrollment=None), path)


# -- labels, and what binds a request to its connection


def test_a_label_narrows_what_a_token_allows(desk):
    _, applicant = desk.token(quota=5, days=100)

    def asked(name, label):
        key = ec.generate_private_key(ec.SECP256R1())
        return Application(csr(name, key), Operation.ENROLL, applicant, "est", "192.0.2.1:5", label=label)

    refused(desk.ask(asked("valve-1", Label("line-1", "pump-"))), Refusal.FORBIDDEN, "label 'line-1' is for 'pump-...'")
    short = desk.ask(asked("pump-1", Label("line-1", "pump-", 30)))
    assert identify_certificate(short.der).not_after < desk.now + 30 * DAY
    usual = desk.ask(asked("pump-2", Label("line-1", "pump-", 1_000)))
    assert desk.now + 99 * DAY < identify_certificate(usual.der).not_after < desk.now + 100 * DAY
    assert isinstance(desk.ask(asked("pump-3", Label("line-1", approval=True))), Waiting)


def test_a_renewal_lasts_no_longer_than_its_token_allows(desk):
    first = desk.enroll(desk.token(device="sensor-1", days=7)[1])
    for key in (OTHER, ec.generate_private_key(ec.SECP256R1())):
        newer = desk.renew(first.serial, csr(None, key))
        assert identify_certificate(newer.der).not_after < desk.now + 7 * DAY
    desk.enrollment.revoke_device("sensor-1", now=desk.now)
    desk.now += 1
    namesake = desk.enrollment.add_device("sensor-1", now=desk.now)
    newer = desk.renew(namesake.serial, csr(None, ec.generate_private_key(ec.SECP256R1())))
    assert identify_certificate(newer.der).not_after > desk.now + 300 * DAY


def test_a_renewal_lasts_no_longer_than_is_configured(desk):
    first = desk.enroll(desk.token(device="sensor-1", days=700)[1])
    newer = desk.renew(first.serial, csr(None, OTHER))
    assert identify_certificate(newer.der).not_after < desk.now + 365 * DAY


def test_a_label_shortens_a_renewal_too(desk):
    _, applicant = desk.token()
    first = desk.enroll(applicant)
    asked = Application(csr(None, OTHER), Operation.RENEW, ByCertificate(first.serial), "est", "192.0.2.1:5")
    newer = desk.ask(replace(asked, label=Label("line-1", days=30)))
    assert identify_certificate(newer.der).not_after < desk.now + 30 * DAY


@pytest.mark.parametrize(
    ("said", "unique", "passes"),
    [
        *((None, b"unique", True), (None, b"", True), (b"dW5pcXVl", b"unique", True), (b"dW5pcXVl", None, True)),
        *((b"unique", b"unique", False), (b"", b"unique", False), (b"", b"", False), (b"dW5pcXVl", b"", False)),
    ],
)
def test_a_challenge_password_has_to_be_the_tls_unique_of_the_connection(desk, said, unique, passes):
    _, applicant = desk.token()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if said is not None:
        builder = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, said)
    data = builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)
    asked = Application(data, Operation.ENROLL, applicant, "est", "192.0.2.1:5", "sensor-1", tls_unique=unique)
    outcome = desk.ask(asked)
    if passes:
        assert isinstance(outcome, Granted)
    else:
        refused(outcome, Refusal.MALFORMED, "challengePassword")


# -- a PSK


@pytest.fixture
def small(fleet, tmp_path):
    """A device with a PSK."""
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    return enrollment.add_device("sensor-1", now=fleet.now)


def test_a_psk_is_not_renewed(desk, small):
    words = refused(desk.renew(small.serial), Refusal.FORBIDDEN, "has a PSK, and no certificate").words
    assert "its owner gives the device a new one" in words


def test_nobody_gets_a_certificate_beside_a_psk(desk, small):
    _, token = desk.token(device="sensor-1")
    refused(desk.enroll(token), Refusal.FORBIDDEN, "has a PSK")
    desk.fleet.revocations.revoke_device("sensor-1", now=desk.now)
    _, token = desk.token(device="sensor-1")
    assert isinstance(desk.enroll(token), Granted)
