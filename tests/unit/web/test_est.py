"""EST, pure: which request is which operation, and what each is answered."""

from __future__ import annotations

import base64
import email
import email.policy

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certificates import Authority
from sealmq.devices.applicants import Applicant
from sealmq.devices.labels import NO_LABEL, Label
from sealmq.devices.outcomes import ByCertificate, ByClaim, ByToken, Granted, Operation, Refusal, Refused, Waiting
from sealmq.identity import Identity
from sealmq.pki.pkcs7 import certs_only
from sealmq.pki.requests import REQUEST_LENGTH
from sealmq.web.est import BASE, CERTS_ONLY, EST, Inquiry, Shown, credentials, decode_request
from sealmq.web.http import STATUSES, Answer, Request, encode

NOW = 1_800_000_000.0
KEY = ec.generate_private_key(ec.SECP256R1())
CSR = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pump-1")]))
    .sign(KEY, SHA256())
    .public_bytes(Encoding.DER)
)
PEM = x509.load_der_x509_csr(CSR).public_bytes(Encoding.PEM)
ROOT = Authority("Root CA")
DEVICE_CA = Authority("Device CA", ROOT)
LEAF = DEVICE_CA.issue("pump-1").der
PUBLISHED = certs_only([x509.load_pem_x509_certificate(ca.pem).public_bytes(Encoding.DER) for ca in (ROOT, DEVICE_CA)])
LINE = Label("line-1", "pump-", 90)
SERVED = EST(PUBLISHED, {"line-1": LINE})
KEYS = EST(PUBLISHED, {"line-1": LINE}, server_keys=True)
NOBODY = Shown("192.0.2.7:5")
TOKEN = "Basic " + base64.b64encode(b"pump-1:secret").decode()


def applicant(**how: bool) -> Applicant:
    facts = {"is_claim": False, "is_expired": False, "is_new": False} | how
    return Applicant("0abc", identity=Identity("pump-1", "device", "0abc"), **facts)


def shown(**how: bool) -> Shown:
    return Shown("192.0.2.7:5", applicant(**how))


def post(operation: str = "simpleenroll", body: bytes = CSR, **more: str) -> Request:
    facts = {"content_type": "application/pkcs10", "accept": "*/*"} | more
    return Request("POST", f"{BASE}/{operation}", body=body, **facts)


def get(path: str, accept: str = "*/*") -> Request:
    return Request("GET", path, accept=accept)


def begun(request: Request, who: Shown = NOBODY, est: EST = SERVED) -> Inquiry:
    inquiry = est.begin(request, who)
    assert isinstance(inquiry, Inquiry), inquiry
    return inquiry


def answered(request: Request, who: Shown = NOBODY, est: EST = SERVED) -> tuple[int, str]:
    answer = est.begin(request, who)
    assert isinstance(answer, Answer), answer
    assert encode(answer, NOW).count(b"WWW-Authenticate: ") == (answer.status == 401)
    return answer.status, answer.body.decode()


# -- what is for everybody


@pytest.mark.parametrize("path", ["/cacerts", "/line-1/cacerts"])
@pytest.mark.parametrize("who", [NOBODY, shown(is_expired=True), Shown("192.0.2.7:5", unfit="revoked")])
def test_the_certificates_of_the_cas_are_for_everybody(path: str, who: Shown) -> None:
    answer = SERVED.begin(get(BASE + path), who)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.content_type) == (200, CERTS_ONLY)
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
    assert {each.subject.rfc4514_string() for each in found} == {"CN=Root CA", "CN=Device CA"}


def test_base64_is_in_lines_for_libest_and_in_one_for_strongswan() -> None:
    lines, one = (SERVED.begin(get(f"{BASE}/cacerts", accept), NOBODY) for accept in ("*/*", ""))
    assert isinstance(lines, Answer)
    assert isinstance(one, Answer)
    assert lines.body == base64.encodebytes(PUBLISHED)
    assert max(map(len, lines.body.split(b"\n"))) <= 76
    assert one.body == base64.b64encode(PUBLISHED) + b"\n"


def test_the_attributes_ask_for_a_key_on_p_256_and_ecdsa_with_sha_256() -> None:
    answer = SERVED.begin(get(f"{BASE}/csrattrs"), NOBODY)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.content_type) == (200, "application/csrattrs")
    assert answer.body.endswith(b"\n")
    key_type = bytes.fromhex("3015 06072A8648CE3D0201 310A 06082A8648CE3D030107")  # id-ecPublicKey, prime256v1
    assert base64.b64decode(answer.body) == b"\x30\x21" + key_type + bytes.fromhex("06082A8648CE3D040302")


def test_the_root_says_in_a_sentence_what_this_is() -> None:
    assert answered(get("/")) == (
        200,
        "This is SealMQ: devices fetch and renew their certificates here by EST, below /.well-known/est.\n",
    )
    assert answered(Request("DELETE", "/"))[0] == 400


# -- what is not there


@pytest.mark.parametrize(
    "path",
    [
        *("/favicon.ico", BASE, f"{BASE}/", f"{BASE}/nothing", f"{BASE}/fullcmc", f"{BASE}/serverkeygen"),
        *(f"{BASE}/line-2/cacerts", f"{BASE}/line-1/line-1/cacerts", f"{BASE}//cacerts", f"/x{BASE}/cacerts"),
        *(f"{BASE}/cacerts/", f"{BASE}/cacerts/cacerts", "/.well-known/est/%63acerts"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_is_not_there_is_404(path: str, method: str) -> None:
    status, words = answered(Request(method, path, content_type="application/pkcs10", body=CSR))
    assert status == 404
    assert "simpleenroll" in words


@pytest.mark.parametrize(
    ("method", "operation"),
    [
        *(("POST", "cacerts"), ("OPTIONS", "csrattrs"), ("GET", "simpleenroll"), ("HEAD", "simplereenroll")),
        *(("PUT", "simpleenroll"), ("OPTIONS", "simpleenroll")),
    ],
)
def test_the_wrong_method_is_400(method: str, operation: str) -> None:
    assert answered(Request(method, f"{BASE}/{operation}", "application/pkcs10", TOKEN, body=CSR))[0] == 400


# -- how a request may be written


@pytest.mark.parametrize(
    "body",
    [
        *(CSR, PEM, base64.b64encode(CSR), base64.encodebytes(CSR), b"\r\n".join(base64.encodebytes(CSR).split())),
        b"  \n" + base64.encodebytes(CSR) + b"\n\n",
    ],
)
def test_a_request_may_be_der_pem_or_base64_in_any_lines(body: bytes) -> None:
    assert begun(post(body=body, authorization=TOKEN)).application.csr in (CSR, PEM)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"!!!!", "not a PKCS#10 request in base64"),
        (base64.b64encode(CSR)[:-1], "not a PKCS#10 request in base64"),
        ("grün".encode(), "not a PKCS#10 request in base64"),
        (base64.b64encode(bytes(REQUEST_LENGTH + 1)), f"more than {REQUEST_LENGTH} bytes"),
        (b"\x30\x82" + bytes(REQUEST_LENGTH), f"more than {REQUEST_LENGTH} bytes"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\n" + bytes(REQUEST_LENGTH), f"more than {REQUEST_LENGTH} bytes"),
    ],
)
def test_what_cannot_be_a_request_is_400_before_anybody_is_asked(body: bytes, words: str) -> None:
    status, said = answered(post(body=body, authorization=TOKEN))
    assert status == 400
    assert words in said


@given(st.binary(max_size=200))
def test_whatever_the_body_is_it_is_bytes_or_an_answer(body: bytes) -> None:
    decoded = decode_request(body)
    assert decoded if isinstance(decoded, bytes) else decoded.status == 400


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/plain", "xapplication/pkcs10"])
def test_the_content_type_has_to_be_that_of_pkcs_10(kind: str) -> None:
    status, words = answered(post(content_type=kind, authorization=TOKEN))
    assert status == 400
    assert "Content-Type: application/pkcs10" in words


def test_what_stands_behind_the_content_type_is_not_looked_at() -> None:
    begun(post(content_type="application/pkcs10; charset=utf-8", authorization=TOKEN))


# -- what a request stands on


def test_a_token_comes_as_the_password_of_http_basic() -> None:
    application = begun(post(authorization=TOKEN)).application
    assert application.applicant == ByToken("secret")
    assert (application.name, application.operation, application.via) == ("pump-1", Operation.ENROLL, "est")
    assert application.label is NO_LABEL


def test_the_user_may_be_left_out() -> None:
    authorization = "basic " + base64.b64encode(b":secret").decode()
    assert begun(post(authorization=authorization)).application.name == ""


def test_a_label_goes_with_the_application() -> None:
    assert begun(post("line-1/simpleenroll", authorization=TOKEN)).application.label is LINE


def test_a_claim_certificate_enrols() -> None:
    assert begun(post(), shown(is_claim=True)).application.applicant == ByClaim("0abc")


def test_a_token_counts_before_the_certificate_that_is_shown_with_it() -> None:
    assert begun(post(authorization=TOKEN), shown(is_claim=True)).application.applicant == ByToken("secret")


def test_what_names_the_connection_goes_with_the_application() -> None:
    assert begun(post(authorization=TOKEN)).application.tls_unique == b""
    who = Shown("192.0.2.7:5", tls_unique=b"unique")
    assert begun(post(authorization=TOKEN), who).application.tls_unique == b"unique"


@pytest.mark.parametrize(
    "authorization", ["", "Digest realm=x", "Bearer x", "Basic", "Basic !", "Basic cHVtcC0x", "Basic /w=="]
)
def test_without_a_proof_there_is_one_challenge(authorization: str) -> None:
    answer = SERVED.begin(post(authorization=authorization), NOBODY)
    assert isinstance(answer, Answer)
    assert answer.status == 401
    assert encode(answer, NOW).count(b'\r\nWWW-Authenticate: Basic realm="SealMQ"\r\n') == 1


@given(st.text())
def test_whatever_the_authorization_is_it_is_a_pair_or_nothing(authorization: str) -> None:
    assert credentials(authorization) is None or ":" in base64.b64decode(authorization.split()[1]).decode()


@given(st.text(), st.text())
def test_a_password_is_what_stands_behind_the_first_colon(user: str, password: str) -> None:
    user = user.replace(":", "")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert credentials(f"Basic {encoded}") == (user, password)


# -- renewal


def test_a_device_renews_by_its_certificate() -> None:
    application = begun(post("simplereenroll"), shown()).application
    assert application.applicant == ByCertificate("0abc")
    assert application.operation is Operation.RENEW


def test_a_renewal_without_a_certificate_is_refused_whatever_else_it_has() -> None:
    status, words = answered(post("simplereenroll", authorization=TOKEN))
    assert status == 401
    assert "the device's own certificate" in words


def test_an_expired_certificate_renews_and_does_nothing_else() -> None:
    assert begun(post("simplereenroll"), shown(is_expired=True)).application.operation is Operation.RENEW
    for request in (post(), post(authorization=TOKEN)):
        status, words = answered(request, shown(is_expired=True))
        assert status == 401
        assert "can be renewed, and nothing else" in words
    assert answered(post("simplereenroll"), shown(is_expired=True, is_claim=True))[0] == 401


def test_a_certificate_that_does_not_count_spoils_everything_that_asks_who_it_is() -> None:
    for request in (post(authorization=TOKEN), post("simplereenroll")):
        assert answered(request, Shown("192.0.2.7:5", unfit="it was revoked"))[0] == 401


# -- what the registrar says


def test_an_answer_to_an_enrolment_has_exactly_one_certificate() -> None:
    answer = SERVED.finish(begun(post(authorization=TOKEN)), Granted("pump-1", "0def", LEAF, NOW))
    assert (answer.status, answer.content_type) == (200, "application/pkcs7-mime; smime-type=certs-only")
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
    assert [each.public_bytes(Encoding.DER) for each in found] == [LEAF]
    assert answer.body == base64.encodebytes(base64.b64decode(answer.body))


def test_strongswan_gets_it_in_one_line() -> None:
    answer = SERVED.finish(begun(post(accept="", authorization=TOKEN)), Granted("pump-1", "0def", LEAF, NOW))
    assert answer.body.count(b"\n") == 1


def test_who_waits_for_approval_is_told_for_how_long_in_seconds() -> None:
    answer = SERVED.finish(begun(post(authorization=TOKEN)), Waiting("pump-1", 30))
    data = encode(answer, NOW)
    assert data.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert b"\r\nRetry-After: 30\r\n" in data
    assert answer.body


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((Refusal.MALFORMED, 400), (Refusal.FORBIDDEN, 400), (Refusal.UNAUTHENTICATED, 401), (Refusal.BUSY, 423)),
    ],
)
def test_a_refusal_has_a_status_that_clients_know_and_words_but_not_why(kind: Refusal, status: int) -> None:
    answer = SERVED.finish(begun(post(authorization=TOKEN)), Refused(kind, "not for this name", "the secret reason"))
    assert answer.status == status
    assert status in STATUSES
    assert answer.body == b"Not for this name.\n"
    assert b"secret" not in encode(answer, NOW)
    assert (b"\r\nRetry-After: 30\r\n" in encode(answer, NOW)) == (status == 423)


# -- keys that are made here


def test_a_key_that_is_made_here_comes_with_its_certificate_in_two_parts() -> None:
    inquiry = begun(post("serverkeygen", authorization=TOKEN), est=KEYS)
    assert inquiry.application.via == "est-server-key"
    asked = x509.load_der_x509_csr(inquiry.application.csr)
    key = load_der_private_key(inquiry.server_key, None)
    assert asked.public_key() == key.public_key() != KEY.public_key()
    assert asked.subject.rfc4514_string() == "CN=pump-1"
    assert "server_key" not in repr(inquiry)
    answer = KEYS.finish(inquiry, Granted("pump-1", "0def", LEAF, NOW))
    head = f"Content-Type: {answer.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.body, policy=email.policy.HTTP)
    parts = list(message.iter_parts())
    assert [part["Content-Transfer-Encoding"] for part in parts] == ["base64", "base64"]
    assert answer.body.count(b"\r\nContent-Type: application/pkcs8\r\nContent-Transfer-Encoding: base64\r\n\r\n") == 1
    assert answer.body.count(f"\r\nContent-Type: {CERTS_ONLY}\r\nContent-Transfer-Encoding".encode()) == 1
    assert parts[0].get_payload(decode=True) == inquiry.server_key
    assert pkcs7.load_der_pkcs7_certificates(parts[1].get_payload(decode=True))


def test_a_refused_key_does_not_leave() -> None:
    inquiry = begun(post("serverkeygen", authorization=TOKEN), est=KEYS)
    answer = KEYS.finish(inquiry, Refused(Refusal.UNAUTHENTICATED, "not authorized", "why"))
    assert answer.status == 401
    assert base64.b64encode(inquiry.server_key)[:20] not in answer.body


def test_a_key_is_made_for_a_request_that_can_be_read_only() -> None:
    status, words = answered(post("serverkeygen", body=CSR[:-1] + b"\x00", authorization=TOKEN), est=KEYS)
    assert status == 400
    assert "certificate request" in words
