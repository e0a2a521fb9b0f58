"""One HTTPS connection, with TLS on both sides, in memory: what is said, in how many pieces, and when it ends."""

from __future__ import annotations

import base64
import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchanges import DAY, Device, Office, only_certificate
from sealmq.config import Configuration
from sealmq.config.enrollment import EnrollmentSettings
from sealmq.devices.labels import Label
from sealmq.errors import TLSError
from sealmq.mqtt.codes import ReasonCode
from sealmq.pki.peer import identify_certificate
from sealmq.tls.context import client_context
from sealmq.tls.openssl import client_connection
from sealmq.tls.policy import TLSPolicy
from sealmq.web.http import LONGEST_BODY
from tls_pairs import VERSIONS as NUMBERS
from tls_pairs import records

VERSIONS = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(*how: Configuration, **limits: float) -> Office:
        made.append(Office(tmp_path, *how, **limits))
        return made[-1]

    yield make
    for office in made:
        office.home.close()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


# -- the whole way


@VERSIONS
def test_a_device_enrols_with_a_token_and_renews_with_what_it_got(office: Office, version: str) -> None:
    device = Device()
    caller = office.caller(version=version)
    caller.post("simpleenroll", device.csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    assert not caller.ended
    office.decide()
    device.der = only_certificate(caller.answer())
    assert identify_certificate(device.der).common_name == "pump-1"
    assert office.seen_serials == []
    answer = office.renewed(device, "pump-1", version)
    newer = identify_certificate(only_certificate(answer))
    assert (newer.common_name, newer.serial != identify_certificate(device.der).serial) == ("pump-1", True)
    assert office.seen_serials == [identify_certificate(device.der).serial]


def test_a_claim_of_the_device_ca_is_none(office: Office) -> None:
    caller = office.caller(office.enrolled("pump-1"))
    caller.post("simpleenroll", Device().csr("pump-2"))
    office.decide()
    assert (caller.answer().status, caller.answer().body) == (
        400,
        b"A device's certificate renews itself, and enrols nobody.\n",
    )


def test_the_same_request_has_the_same_answer(office: Office) -> None:
    csr, secret = Device().csr("pump-1"), office.token("pump-1")
    answers = []
    for _ in range(2):
        caller = office.caller()
        caller.post("simpleenroll", csr, user="pump-1", password=secret)
        office.decide()
        answers.append(only_certificate(caller.answer()))
    assert answers[0] == answers[1]


@VERSIONS
@pytest.mark.parametrize("path", ["/", "/.well-known/est/cacerts", "/.well-known/est/csrattrs", "/nothing"])
def test_an_answer_is_one_record_in_one_write_with_close_notify_and_fin_behind(
    office: Office, version: str, path: str
) -> None:
    caller = office.caller(version=version)
    writes = len(caller.writes)
    caller.get(path)
    assert len(caller.writes) == writes + 1
    kinds = [kind for kind, _ in records(caller.writes[-1])]
    assert kinds == ([23, 21] if version == "TLSv1.2" else [23, 23])
    assert caller.tls.closed
    assert caller.wire.finished
    head = caller.answer().data.partition(b"\r\n\r\n")[0]
    assert len(head) < 512
    assert head.count(b"\r\n") <= 8
    assert b"\r\nContent-Length: " in head
    assert b"\r\nConnection: close" in head
    assert b"\r\nDate: " in head
    assert b"chunked" not in head


def test_an_answer_with_a_certificate_is_one_record_too(office: Office) -> None:
    caller = office.caller()
    caller.post("simpleenroll", Device().csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    writes = len(caller.writes)
    office.decide()
    assert len(caller.writes) == writes + 1
    assert [kind for kind, _ in records(caller.writes[-1])] == [23, 23]


def test_a_request_may_come_a_byte_at_a_time(office: Office) -> None:
    caller = office.caller()
    for byte in b"GET /.well-known/est/csrattrs HTTP/1.1\r\nHost: a\r\n\r\n":
        caller.say(bytes([byte]))
    assert caller.answer().status == 200


def test_what_stands_behind_the_request_is_not_looked_at(office: Office) -> None:
    caller = office.caller()
    caller.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    assert caller.answer().status == 200


def test_head_gets_no_body(office: Office) -> None:
    caller = office.caller()
    caller.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"".join(caller.received).endswith(b"\r\nConnection: close\r\n\r\n")


def test_who_waits_for_a_word_before_its_body_gets_it(office: Office) -> None:
    caller = office.caller()
    body = base64.b64encode(Device().csr("pump-1"))
    head = "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\nContent-Type: application/pkcs10\r\n"
    caller.say(f"{head}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    assert b"".join(caller.received) == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.say(body)
    assert caller.answer().status == 401


# -- who shows a certificate


@VERSIONS
@pytest.mark.parametrize(("late", "status"), [(-1.0, 200), (1.0, 200), (29.9 * DAY, 200), (30.1 * DAY, 401)])
def test_a_certificate_renews_for_thirty_days_after_its_end(
    office: Office, version: str, late: float, status: int
) -> None:
    device = office.enrolled("pump-1")
    office.clock.now = identify_certificate(device.der).not_after + late
    answer = office.renewed(device, version=version)
    assert answer.status == status
    if status == 200:
        assert identify_certificate(only_certificate(answer)).not_after > office.clock.now + 300 * DAY
    else:
        assert answer.body == b"The certificate ended too long ago.\n"


def test_no_day_late_is_allowed_where_the_configuration_says_so(make_office: Callable[..., Office]) -> None:
    office = make_office(Configuration(enrollment=EnrollmentSettings(late_renewal=0)))
    device = office.enrolled("pump-1")
    office.clock.now = identify_certificate(device.der).not_after + 1
    assert office.renewed(device).status == 401


def test_an_expired_certificate_enrols_nothing_not_even_with_a_token(office: Office) -> None:
    device = office.enrolled("pump-1")
    office.clock.now = identify_certificate(device.der).not_after + 1
    caller = office.caller(device)
    caller.post("simpleenroll", Device().csr("pump-2"), user="pump-2", password=office.token("pump-2"))
    assert caller.answer().status == 401
    assert office.asked == []


@VERSIONS
def test_a_revoked_certificate_opens_nothing_and_the_log_says_why(
    office: Office, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    device = office.enrolled("pump-1")
    office.home.enrollment().revoke_device("pump-1", now=office.clock.now)
    with caplog.at_level(logging.INFO, "sealmq"):
        answer = office.renewed(device, version=version)
    assert (answer.status, answer.body) == (401, b"The certificate that was shown does not count here.\n")
    assert office.asked == []
    told = [record.getMessage() for record in caplog.records]
    assert any("was refused: the certificate of 'pump-1'" in line and "was revoked" in line for line in told)


def test_a_certificate_that_was_replaced_opens_nothing(office: Office) -> None:
    device = office.enrolled("pump-1")
    newer = identify_certificate(only_certificate(office.renewed(device)))
    assert office.renewed(device).status == 200
    office.authority.saw([newer.serial], office.clock.now)
    assert office.renewed(device).status == 401


@VERSIONS
def test_a_certificate_of_another_home_is_refused_by_tls_with_its_alert(
    office: Office, version: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    device = other.enrolled("pump-1")
    other.home.close()
    caller = office.caller()
    chain, key = device.save(office.folder)
    context = client_context(TLSPolicy(), root=office.home.root_certificate, chain=chain, key=key)
    context.minimum_version = context.maximum_version = NUMBERS[version]
    caller.leave()
    caller = office.caller()
    caller.tls = client_connection(context, "localhost")
    fresh = office.service.exchange(caller.wire, office.stage.house, office)
    caller.exchange = fresh
    with caplog.at_level(logging.INFO, "sealmq"), pytest.raises(TLSError) as alert:
        office.settle()
    assert alert.value.alert == "unknown_ca"
    assert caller.wire.finished
    assert any("alert unknown_ca sent" in record.getMessage() for record in caplog.records)


# -- what policy says


def test_a_label_narrows_what_a_token_allows(make_office: Callable[..., Office]) -> None:
    label = Label("line-1", "pump-", 30, approval=True)
    office = make_office(Configuration(enrollment=EnrollmentSettings(label=(label,))))
    secret = office.token("", device=None, quota=5)
    caller = office.caller()
    caller.post("line-1/simpleenroll", Device().csr("valve-1"), password=secret)
    office.decide()
    assert (caller.answer().status, caller.answer().body) == (400, b"Not for this name.\n")
    caller = office.caller()
    caller.post("line-1/simpleenroll", Device().csr("pump-1"), password=secret)
    office.decide()
    assert (caller.answer().status, caller.answer().headers[b"retry-after"]) == (202, b"30")
    caller = office.caller()
    caller.post("line-2/simpleenroll", Device().csr("pump-1"), password=secret)
    assert caller.answer().status == 404


@pytest.mark.parametrize("challenge", [b"a secret", b""])
def test_a_challenge_password_that_is_not_tls_unique_is_refused_in_words(office: Office, challenge: bytes) -> None:
    for version in ("TLSv1.2", "TLSv1.3"):
        caller = office.caller(version=version)
        csr = Device().csr("pump-1", challenge)
        caller.post("simpleenroll", csr, user="pump-1", password=office.token("pump-1"))
        office.decide()
        assert caller.answer().status == 400
        assert b"leave it out" in caller.answer().body


def test_a_challenge_password_that_is_tls_unique_passes(office: Office) -> None:
    caller = office.caller(version="TLSv1.2")
    challenge = base64.b64encode(caller.tls.tls_unique)
    csr = Device().csr("pump-1", challenge)
    caller.post("simpleenroll", csr, user="pump-1", password=office.token("pump-1"))
    office.decide()
    only_certificate(caller.answer())


# -- what comes is wrong


def test_garbage_in_tls_is_answered_once(office: Office) -> None:
    caller = office.caller()
    caller.say(b"\x00\xff\r\n\r\n" * 10)
    assert caller.answer().status == 400
    assert b"not proper HTTP" in caller.answer().body


def test_mqtt_in_tls_is_told_where_mqtt_is(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caller = office.caller()
    with caplog.at_level(logging.INFO, "sealmq"):
        caller.say(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1")
    assert b"MQTT is not spoken here" in caller.answer().body
    assert any("MQTT is not spoken here" in record.getMessage() for record in caplog.records)


def test_http_without_tls_is_told_so_in_http(office: Office) -> None:
    caller = office.caller()
    fresh = office.service.exchange(caller.wire, office.stage.house, office)
    caller.wire.writes.clear()
    fresh.bytes_received(memoryview(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    (written,) = caller.wire.writes
    assert written.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert written.endswith(b"This port takes HTTPS: write https://.\n")
    caller.wire.writes.clear()


def test_mqtt_without_tls_is_closed_with_a_line_in_the_log(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caller = office.caller()
    fresh = office.service.exchange(caller.wire, office.stage.house, office)
    with caplog.at_level(logging.INFO, "sealmq"):
        fresh.bytes_received(memoryview(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1"))
    assert caller.wire.finished
    assert any("MQTT without encryption" in record.getMessage() for record in caplog.records)


def test_a_body_that_is_too_long_is_refused_before_it_comes(office: Office) -> None:
    caller = office.caller()
    caller.say(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LONGEST_BODY + 1}\r\n\r\n".encode())
    assert caller.answer().status == 400


def test_who_sends_too_slowly_is_let_go_and_counted(office: Office) -> None:
    caller = office.caller()
    caller.say(b"GET / HTTP/1.1\r\n")
    for _ in range(12):
        caller.say(b"X: y\r\n")
        office.wait(1.0)
    assert caller.wire.aborted
    assert office.stage.counters.limits["connect_timeout"] == 1
    assert not office.stage.house.links


def test_who_does_not_finish_the_handshake_is_let_go_and_counted(office: Office) -> None:
    caller = office.caller()
    fresh = office.service.exchange(caller.wire, office.stage.house, office)
    fresh.bytes_received(memoryview(b"\x16\x03\x01"))
    office.wait(11)
    assert caller.wire.aborted
    assert office.stage.counters.limits["handshake_timeout"] == 1


# -- what ends it


def test_who_leaves_while_it_is_decided_is_forgotten(office: Office) -> None:
    caller = office.caller()
    caller.post("simpleenroll", Device().csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    assert len(office.asked) == 1
    caller.leave()
    assert (office.asked, office.forgotten) == ([], 1)
    assert not office.stage.house.links


def test_what_is_not_decided_in_time_is_504(office: Office) -> None:
    caller = office.caller()
    caller.post("simpleenroll", Device().csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    office.wait(11)
    assert caller.answer().status == 504
    assert (office.asked, office.forgotten) == ([], 1)


def test_a_revocation_cuts_it_while_it_is_decided(office: Office) -> None:
    device = office.enrolled("pump-1")
    caller = office.caller(device)
    caller.post("simplereenroll", Device().csr(None))
    standing = office.stage.house.by_serial[identify_certificate(device.der).serial]
    assert standing == {caller.exchange}
    for link in list(standing):
        link.end(ReasonCode.ADMINISTRATIVE_ACTION, "its certificate was revoked")
    office.settle()
    assert caller.answer().status == 401
    assert office.forgotten == 1
    assert not office.stage.house.by_serial


def test_at_the_end_of_the_broker_it_is_told_to_try_again(office: Office) -> None:
    caller = office.caller()
    waiting = office.stage.house.links
    assert waiting == {caller.exchange}
    caller.exchange.end(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is shutting down")
    office.settle()
    assert (caller.answer().status, caller.answer().body) == (500, b"Try again later.\n")
    assert not office.stage.house.links


def test_nobody_is_let_in_by_a_listener_for_enrolment_as_a_client(office: Office) -> None:
    caller = office.caller(office.enrolled("pump-1"))
    assert office.stage.broker.sessions == {}
    assert caller.exchange.identity is not None
    assert not caller.wire.let_in


def test_handshakes_take_turns(office: Office) -> None:
    office.clock.step = 0.001  # each look at the clock says that the share is used up
    callers = [office.caller() for _ in range(3)]
    for caller in callers:
        caller.get("/")
    assert [caller.answer().status for caller in callers] == [200, 200, 200]


# -- what is left of it


def asks_for_a_certificate(office: Office) -> None:
    caller = office.caller()
    caller.post("simpleenroll", Device().csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    office.decide()
    assert caller.answer().status == 200


def sends_garbage(office: Office) -> None:
    office.caller().say(b"\x00\r\n\r\n")


def shows_a_revoked_certificate(office: Office) -> None:
    device = office.enrolled("pump-1")
    office.home.enrollment().revoke_device("pump-1", now=office.clock.now)
    office.caller(device).get("/")


def leaves_while_it_is_decided(office: Office) -> None:
    caller = office.caller()
    caller.post("simpleenroll", Device().csr("pump-1"), user="pump-1", password=office.token("pump-1"))
    caller.leave()


def says_too_little(office: Office) -> None:
    office.caller().say(b"GET ")
    office.wait(30)


@pytest.mark.parametrize(
    "ending",
    [
        asks_for_a_certificate,
        sends_garbage,
        shows_a_revoked_certificate,
        leaves_while_it_is_decided,
        says_too_little,
    ],
)
def test_an_exchange_that_ended_is_gone_without_a_look_for_cycles(
    office: Office, ending: Callable[[Office], None]
) -> None:
    gc.collect()
    gc.disable()
    try:
        ending(office)
        kept = [weakref.ref(caller.exchange._tls) for caller in office.callers]
        assert kept
        office.callers.clear()
        assert [each() for each in kept] == [None] * len(kept)
        assert not office.stage.house.links
    finally:
        gc.enable()
