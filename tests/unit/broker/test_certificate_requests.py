"""Requests and answers as JSON: what is read, what is refused in which words, and that nothing else comes out."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.broker.certificate_requests import (
    DEEPEST,
    LONGEST,
    CertificateRequestMessage,
    Certified,
    Declined,
    accepted,
    maybe_request_id,
    read_request,
    rejected,
)
from sealmq.errors import EnrollmentError

PEM = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
DER = bytes(range(200))
CERTIFIED = Certified("sensor-1", "0a", DER, (b"ca" * 40,), (b"new", b"old"), 1_000.0, 4_000.9)


def request(**said: object) -> bytes:
    return json.dumps({"csr": PEM} | said).encode()


def test_a_request_is_read_with_all_that_it_says() -> None:
    assert read_request(request()) == CertificateRequestMessage(PEM.encode())
    said = read_request(request(name="sensor-1", id=7, encoding="der", later="something else"))
    assert said == CertificateRequestMessage(PEM.encode(), "sensor-1", 7, "der")
    assert read_request(request(id="a")).id == "a"


def test_a_request_may_be_base64_of_der_on_one_line_or_several() -> None:
    for text in (base64.b64encode(DER).decode(), base64.encodebytes(DER).decode()):
        assert read_request(request(csr=text)).csr == DER


def test_line_feeds_of_a_pem_file_that_were_not_escaped_do_no_harm() -> None:
    assert read_request(f'{{"csr": "{PEM}"}}'.encode()).csr == PEM.encode()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (json.dumps({"csr": PEM}).encode("utf-16"), "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b'"csr"', "not a JSON object"),
        (b"{}", 'no text "csr"'),
        (b'{"csr": null}', 'no text "csr"'),
        (b'{"csr": 5}', 'no text "csr"'),
        (b'{"csr": ""}', 'no text "csr"'),
        (b'{"csr": "a", "csr": "b"}', "one thing twice"),
        (b'{"csr": "aaaa", "x": {"y": 1, "y": 2}}', "one thing twice"),
        (b'{"csr": "aaaa", "x": NaN}', "not JSON"),
        (b'{"csr": "aaaa", "x": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b"[" * 15_000, "too deeply"),
        (b'{"csr": ' + b"{" * DEEPEST, "too deeply"),
        (request(csr="!!!!"), "neither PEM nor base64"),
        (request(csr="aaa"), "neither PEM nor base64"),
        (request(csr="ä" + PEM), "neither PEM nor base64"),
        (request(name=5), '"name"'),
        (request(name="x" * 65), '"name"'),
        (request(name="a\nb"), '"name"'),
        (request(name="ä"), '"name"'),
        (request(id=1.5), '"id"'),
        (request(id=True), '"id"'),
        (request(id=2**53), '"id"'),
        (request(id=["a"]), '"id"'),
        (request(id="x" * 65), '"id"'),
        (request(encoding="cbor"), '"encoding"'),
        (request(padding="x" * LONGEST), "more than 16,384"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(payload: bytes, words: str) -> None:
    with pytest.raises(EnrollmentError) as caught:
        read_request(payload)
    assert words in caught.value.what
    assert len(caught.value.what) < 120


def test_the_id_of_a_wrong_request_is_known_where_it_can_be() -> None:
    assert maybe_request_id(request(id=7, csr="!")) == 7
    assert maybe_request_id(b"{") is None
    assert maybe_request_id(request(id=[])) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["csr", "name", "id", "encoding", "x"]), json_values))
def test_any_object_is_a_request_or_an_enrollment_error(said: dict[str, object]) -> None:
    check(json.dumps(said).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_an_enrollment_error(payload: bytes) -> None:
    check(payload)


def check(payload: bytes) -> None:
    try:
        read = read_request(payload)
    except EnrollmentError:
        maybe_request_id(payload)
        return
    assert read.csr
    assert read.name.isprintable()
    answer = json.loads(accepted(CERTIFIED, read, 0.0))
    assert answer.get("id") == read.id


def test_an_answer_has_what_a_device_needs_to_go_on() -> None:
    said = json.loads(accepted(CERTIFIED, CertificateRequestMessage(b"x", id=7), 2_000.7))
    assert ssl.PEM_cert_to_DER_cert(said.pop("certificate")) == DER
    assert [ssl.PEM_cert_to_DER_cert(pem) for pem in said.pop("chain")] == [b"ca" * 40]
    assert [ssl.PEM_cert_to_DER_cert(pem) for pem in said.pop("roots")] == [b"new", b"old"]
    assert said == {
        "id": 7,
        "name": "sensor-1",
        "serial": "0a",
        "time": 2_000,
        "not_after": 4_000,
        "renew_after": 1_000 + 2_000,
    }


def test_an_answer_in_der_is_base64_without_lines() -> None:
    wanted = CertificateRequestMessage(b"x", encoding="der")
    said = json.loads(accepted(replace(CERTIFIED, shortened=True), wanted, 0.0))
    assert base64.b64decode(said["certificate"], validate=True) == DER
    assert base64.b64decode(said["roots"][1], validate=True) == b"old"
    assert "authority" in said["shortened"]
    assert "id" not in said


def test_a_refusal_says_when_to_come_back_where_that_helps() -> None:
    assert json.loads(rejected(Declined("busy", "later", 30), "a")) == {
        "id": "a",
        "code": "busy",
        "message": "later",
        "retry_after": 30,
    }
    assert json.loads(rejected(Declined("forbidden", "no"), None)) == {"code": "forbidden", "message": "no"}
