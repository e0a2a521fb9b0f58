"""EST (RFC 7030, RFC 8951): what a request asks for, and what is answered. Pure: no socket, no clock, no registry.

    begin     a request: an answer at once, or an inquiry for the registrar
    finish    what the registrar decided: the answer

A request is looked at in this order, the cheap things first: its size (http.py), its path, its method, its
Content-Type, its base64; then whether it stands on anything at all. The rest is for the registration authority: the
PKCS#10 and its own signature, the token or certificate, policy.

Rule 1: CA certificates and attributes are for everybody; whatever certificate is shown with the request.
Rule 2: for everything else a certificate that is shown has to count, and one that has expired renews itself only.
Rule 3: an answer to an enrolment has exactly one certificate: the one that was issued (RFC 7030 section 4.2.3).
Rule 4: base64 stands in lines for whoever sends an Accept header, and in one line for whoever sends none. RFC 8951
        settles it for neither: OpenSSL's reader, which libest uses, finds nothing in a line above 1 KiB, and strongSwan
        cannot read more than one line. Of the two only libest sends Accept.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sealmq.devices.applicants import Applicant
from sealmq.devices.labels import NO_LABEL, Label
from sealmq.devices.outcomes import (
    Application,
    ByCertificate,
    ByClaim,
    ByToken,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Waiting,
)
from sealmq.errors import EnrollmentError
from sealmq.pki.pkcs7 import certs_only
from sealmq.pki.requests import REQUEST_LENGTH
from sealmq.pki.server_keys import make_key_for
from sealmq.web.http import Answer, Request, say

BASE: Final = "/.well-known/est"

CERTS_ONLY: Final = "application/pkcs7-mime; smime-type=certs-only"
"""Letter by letter what libest compares."""

CSR_ATTRIBUTES: Final = "MCEwFQYHKoZIzj0CATEKBggqhkjOPQMBBwYIKoZIzj0EAwI=\n"
"""What a request should have (RFC 7030 section 4.5.2): a key on P-256, signed by ECDSA with SHA-256. No
challengePassword: TLS 1.3 has nothing that it could be."""

LOCKED_FOR: Final = 30
"""Seconds after which somebody should try again who met another that enrols the same name, or a broker that is busy."""

_PATHS: Final = ("cacerts", "csrattrs", "simpleenroll", "simplereenroll")
_READ: Final = ("GET", "HEAD")
_CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="SealMQ"')
_ABOUT: Final = f"this is SealMQ: devices fetch and renew their certificates here by EST, below {BASE}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Who asks, beside what the request itself says.

    address:    where it comes from.
    applicant:  who showed a certificate that counts, perhaps an expired one; None: nobody did.
    unfit:      why the certificate that was shown does not count, for the log; "" when none was, or it does.
    tls_unique: what names the TLS connection; b"" when nothing does.
    """

    address: str
    applicant: Applicant | None = None
    unfit: str = ""
    tls_unique: bytes = b""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request that the registrar has to decide about.

    in_lines:   how the answer is written (rule 4).
    server_key: the private key that was made for the device (PKCS#8, DER), b"" when it has its own.
    """

    application: Application
    in_lines: bool = True
    server_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class EST:
    """What is served.

    published:   certs-only PKCS#7 (DER) with every root, issuing CA and cross certificate.
    labels:      by their names.
    server_keys: keys are made here for devices that ask for it.
    """

    published: bytes
    labels: Mapping[str, Label] = field(default_factory=dict)
    server_keys: bool = False

    def begin(self, request: Request, shown: Shown) -> Answer | Inquiry:
        """Look at a request."""
        if request.path in ("/", ""):
            return say(200, _ABOUT) if request.method in _READ else say(400, "there is nothing to be done at /")
        operation, label = self._operation(request.path)
        if label is None:
            return say(404, f"there is nothing at this path; EST has {', '.join(_PATHS)} below {BASE}/")
        if operation in ("cacerts", "csrattrs"):
            return self._read(operation, request)
        if request.method != "POST":
            return say(400, f"{operation} takes a certificate request by POST")
        if not request.content_type.startswith("application/pkcs10"):
            return say(400, f"{operation} takes a PKCS#10 request, with Content-Type: application/pkcs10")
        csr = decode_request(request.body)
        if isinstance(csr, Answer):
            return csr
        return self._apply(operation, label, csr, request, shown)

    def finish(self, inquiry: Inquiry, outcome: Outcome) -> Answer:
        """Answer with what was decided."""
        if isinstance(outcome, Waiting):
            sentence = "somebody has to approve this request: ask again later with the same one"
            return say(202, sentence, ("Retry-After", str(outcome.retry_after)))
        if isinstance(outcome, Refused):
            return _refuse(outcome)
        envelope = to_base64(certs_only([outcome.der]), in_lines=inquiry.in_lines)
        if inquiry.server_key:
            return _with_key(envelope, to_base64(inquiry.server_key, in_lines=inquiry.in_lines))
        return Answer(200, envelope, CERTS_ONLY)

    def _operation(self, path: str) -> tuple[str, Label | None]:
        """The operation and the label that a path names; no label: there is nothing at this path."""
        under, _, rest = path.partition(f"{BASE}/")
        *labels, operation = rest.split("/")
        known = (*_PATHS, "serverkeygen") if self.server_keys else _PATHS
        if under or operation not in known or len(labels) > 1:
            return "", None
        return operation, self.labels.get(labels[0]) if labels else NO_LABEL

    def _read(self, operation: str, request: Request) -> Answer:
        if request.method not in _READ:
            return say(400, f"{operation} is read by GET")
        if operation == "csrattrs":
            return Answer(200, CSR_ATTRIBUTES.encode(), "application/csrattrs")
        return Answer(200, to_base64(self.published, in_lines=bool(request.accept)), CERTS_ONLY)

    def _apply(self, operation: str, label: Label, csr: bytes, request: Request, shown: Shown) -> Answer | Inquiry:
        """Rule 2, then what the request stands on."""
        applicant = shown.applicant
        if shown.unfit:
            return _unauthorized("the certificate that was shown does not count here")
        renews = operation == "simplereenroll"
        if applicant is not None and applicant.is_expired and not (renews and not applicant.is_claim):
            return _unauthorized("the certificate has expired: it can be renewed, and nothing else")
        name, proof = "", _proof_by(applicant)
        if not renews:
            said = credentials(request.authorization)
            if said is not None:
                name, proof = said[0], ByToken(said[1])
            elif request.authorization:
                return _unauthorized("the Authorization header is not that of HTTP Basic")
        if proof is None:
            return _unauthorized(
                "a renewal needs the device's own certificate, shown in the TLS handshake"
                if renews
                else "show a claim certificate, or give the device's name and a one-time token as user and password"
            )
        key, via = b"", "est"
        if operation == "serverkeygen":
            try:
                key, csr = make_key_for(csr)
            except EnrollmentError as error:
                return say(400, error.what)
            via = "est-server-key"  # so it stands in the audit trail
        asked = Operation.RENEW if renews else Operation.ENROLL
        application = Application(
            csr, asked, proof, via, shown.address, name=name, label=label, tls_unique=shown.tls_unique
        )
        return Inquiry(application, bool(request.accept), key)


def decode_request(body: bytes) -> bytes | Answer:
    """The PKCS#10 (DER, or PEM) in a request's body: base64 in any lines or in one, DER itself, or PEM."""
    is_der = body[:1] == b"\x30" and body[1:2] >= b"\x80"  # a SEQUENCE with a long length; in base64 both are letters
    if is_der or b"-----BEGIN" in body:
        data = body
    else:
        try:
            data = base64.b64decode(b"".join(body.split()), validate=True)
        except binascii.Error:
            return say(400, "the body is not a PKCS#10 request in base64")
    if not data:
        return say(400, "the body is empty, and should be a PKCS#10 request in base64")
    if len(data) > REQUEST_LENGTH:
        return say(400, f"the certificate request has more than {REQUEST_LENGTH} bytes")
    return data


def credentials(authorization: str) -> tuple[str, str] | None:
    """User and password of HTTP Basic (RFC 7617); None when the header says neither."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, or no UTF-8
        return None
    return (user, password) if colon else None


def to_base64(der: bytes, *, in_lines: bool) -> bytes:
    """Base64 in lines of 76 characters or in one, with a line's end behind the last (rule 4)."""
    return base64.encodebytes(der) if in_lines else base64.b64encode(der) + b"\n"


def _proof_by(applicant: Applicant | None) -> ByToken | ByClaim | ByCertificate | None:
    if applicant is None:
        return None
    return ByClaim(applicant.serial) if applicant.is_claim else ByCertificate(applicant.serial)


def _unauthorized(sentence: str) -> Answer:
    """The one challenge: libest looks at the first WWW-Authenticate only."""
    return say(401, sentence, _CHALLENGE)


def _refuse(refused: Refused) -> Answer:
    if refused.kind is Refusal.UNAUTHENTICATED:
        return _unauthorized(refused.words)
    if refused.kind is Refusal.BUSY:
        return say(423, refused.words, ("Retry-After", str(LOCKED_FOR)))
    return say(400, refused.words)  # 403 is not among the codes that clients know


def _with_key(envelope: bytes, key: bytes) -> Answer:
    """A key that was made here, and its certificate, both in base64 (RFC 7030 section 4.4.2)."""
    boundary = f"sealmq-{secrets.token_hex(8)}"
    parts = (("application/pkcs8", key), (CERTS_ONLY, envelope))
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        + content
        + b"\r\n"
        for kind, content in parts
    )
    return Answer(200, body + f"--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}")
