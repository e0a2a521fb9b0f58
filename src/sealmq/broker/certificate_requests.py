"""A request for a certificate and its answer, as JSON in one MQTT message. Pure; what they mean is enrolling.py's.

    request    {"csr": "-----BEGIN CERTIFICATE REQUEST-----...", "name": "sensor-1", "id": 7, "encoding": "pem"}
    accepted   {"id": 7, "name": ..., "serial": ..., "certificate": ..., "chain": [...], "roots": [...],
                "not_after": ..., "renew_after": ..., "time": ...}
    rejected   {"id": 7, "code": "forbidden", "message": "not for this name", "retry_after": 30}

Rule 1: whatever bytes arrive, the answer is a request or EnrollmentError, whose `what` is a sentence for its sender.
Rule 2: what is read is bounded before it is read: by LONGEST in bytes, by DEEPEST in levels.
Rule 3: times are Unix seconds, whole: a device reads them without a calendar.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from sealmq.errors import EnrollmentError
from sealmq.pem import to_pem

LONGEST: Final = 16 * 1024
"""Bytes of a request: one with the largest key that is accepted has 4 KiB in PEM."""

DEEPEST: Final = 16
"""Brackets that a request may open, in whatever way: it needs one. A parser that follows thousands of them fails."""

TEXT: Final = 64
"""Characters of a name, and of an `id`."""

Encoding = Literal["pem", "der"]
"""How certificates stand in the answer: "der" is base64 of their DER, which a small device reads without PEM."""


@dataclass(frozen=True, slots=True)
class CertificateRequestMessage:
    """What a client asks for.

    csr:  PKCS#10, PEM or DER, not looked at yet.
    name: the name that it wants, "" when it says none.
    id:   what it calls this request, None: nothing. The answer carries it.
    """

    csr: bytes
    name: str = ""
    id: str | int | None = None
    encoding: Encoding = "pem"


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate was made (or had been, for the same request).

    certificate: DER; chain: what stands above it, without the root; roots: what the device must trust, the newest
                 first: two while a new root comes in.
    not_before, not_after: Unix seconds.
    shortened:   it ends with its CA, earlier than was asked for.
    """

    name: str
    serial: str
    certificate: bytes
    chain: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    not_before: float
    not_after: float
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """No certificate.

    code:        one short word for the device's program.
    message:     a sentence for whoever reads it.
    retry_after: seconds after which it may ask again; None: not with this request.
    """

    code: str
    message: str
    retry_after: int | None = None


RENEW_AT: Final = 2 / 3
"""The part of a certificate's life after which its device should renew it: the rest is time for what goes wrong."""


def read_request(payload: bytes) -> CertificateRequestMessage:
    """Read a request. Raises EnrollmentError (rule 1)."""
    if len(payload) > LONGEST:
        raise EnrollmentError(f"the request has {len(payload):,} bytes, more than {LONGEST:,}")
    said = _read_object(payload)
    return CertificateRequestMessage(_csr(said), _name(said), request_id(said), _encoding(said))


def maybe_request_id(payload: bytes) -> str | int | None:
    """The `id` of a request that may be wrong in any other way: who asked has to know which was refused."""
    try:
        return request_id(_read_object(payload[:LONGEST]))
    except EnrollmentError:
        return None


def request_id(said: dict[str, object]) -> str | int | None:
    """What the sender calls its request. Raises EnrollmentError."""
    value = said.get("id")
    if value is None or (isinstance(value, str) and len(value) <= TEXT):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:  # all that JSON carries safely
        return value
    raise EnrollmentError(f'"id" is not a text of at most {TEXT} characters, nor a whole number below 2^53')


def accepted(answer: Certified, request: CertificateRequestMessage, now: float) -> bytes:
    """The answer that brings the certificate. `now` in Unix seconds: for devices that have no other clock."""
    show = _pem if request.encoding == "pem" else _base64
    said: dict[str, object] = {
        "name": answer.name,
        "serial": answer.serial,
        "certificate": show(answer.certificate),
        "chain": [show(der) for der in answer.chain],
        "roots": [show(der) for der in answer.roots],
        "not_after": int(answer.not_after),
        "renew_after": int(answer.not_before + (answer.not_after - answer.not_before) * RENEW_AT),
        "time": int(now),
    }
    if answer.shortened:
        said["shortened"] = "it ends with the authority that signed it, earlier than usual"
    return _written(said, request.id)


def read_accepted(payload: bytes) -> Certified:
    """Read an answer that brings a certificate. Raises EnrollmentError when it is none of ours."""
    said = _read_object(payload)
    try:
        certificate, chain, roots = said["certificate"], said["chain"], said["roots"]
        if not isinstance(chain, list) or not isinstance(roots, list):
            raise TypeError
        return Certified(
            name=str(said["name"]),
            serial=str(said["serial"]),
            certificate=_der(certificate),
            chain=tuple(map(_der, chain)),
            roots=tuple(map(_der, roots)),
            not_before=0.0,  # the certificate itself says it
            not_after=float(said["not_after"]),  # type: ignore[arg-type]
            shortened="shortened" in said,
        )
    except (KeyError, TypeError, ValueError):
        raise EnrollmentError("the answer is no certificate in the form that was asked for") from None


def rejected(answer: Declined, name: str | int | None) -> bytes:
    """The answer that says no. name: what the sender called its request."""
    said: dict[str, object] = {"code": answer.code, "message": answer.message}
    if answer.retry_after is not None:
        said["retry_after"] = answer.retry_after
    return _written(said, name)


def read_rejected(payload: bytes) -> Declined:
    """Read an answer that says no. Raises EnrollmentError when it is none of ours."""
    said = _read_object(payload)
    retry_after = said.get("retry_after")
    if not isinstance(retry_after, int | None) or not {"code", "message"} <= said.keys():
        raise EnrollmentError("the answer is no refusal of ours")
    return Declined(str(said["code"]), str(said["message"]), retry_after)


def _written(said: dict[str, object], name: str | int | None) -> bytes:
    if name is not None:
        said = {"id": name} | said
    return json.dumps(said, separators=(",", ":")).encode()


def _read_object(payload: bytes) -> dict[str, object]:
    if payload.count(b"{") + payload.count(b"[") > DEEPEST:
        raise EnrollmentError("the request is nested too deeply")
    try:
        text = payload.decode()  # not json's own guess, which takes UTF-16 and UTF-32 as well
    except UnicodeDecodeError:
        raise EnrollmentError("the request is not UTF-8") from None
    try:
        # strict=False: a PEM file that was put between quotation marks has line feeds in it, and means what it says.
        said = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, strict=False).decode(text)
    except ValueError:
        raise EnrollmentError("the request is not JSON") from None
    if not isinstance(said, dict):
        raise EnrollmentError("the request is not a JSON object")
    return said


def _unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    said: dict[str, object] = {}
    for name, value in pairs:
        if name in said:
            raise EnrollmentError("the request says one thing twice")
        said[name] = value
    return said


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _csr(said: dict[str, object]) -> bytes:
    value = said.get("csr")
    if not isinstance(value, str) or not value:
        raise EnrollmentError('the request has no text "csr": PKCS#10 as PEM, or base64 of its DER')
    try:
        data = value.encode("ascii")
        if b"-----BEGIN" in data:
            return data
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise EnrollmentError('"csr" is neither PEM nor base64') from None


def _name(said: dict[str, object]) -> str:
    value = said.get("name", "")
    # What may be a name is decided elsewhere; here, that it can stand in a log line.
    if not isinstance(value, str) or len(value) > TEXT or not (value.isprintable() and value.isascii()):
        raise EnrollmentError(f'"name" is not a text of at most {TEXT} printable ASCII characters')
    return value


def _encoding(said: dict[str, object]) -> Encoding:
    value = said.get("encoding", "pem")
    if value == "pem":
        return "pem"
    if value == "der":
        return "der"
    raise EnrollmentError('"encoding" is neither "pem" nor "der"')


def _der(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    if value.startswith("-----BEGIN CERTIFICATE-----"):
        value = "".join(value.split("\n")[1:-2])
    return base64.b64decode(value, validate=True)


def _base64(der: bytes) -> str:
    return base64.b64encode(der).decode()


def _pem(der: bytes) -> str:
    return to_pem("CERTIFICATE", der).decode()
