"""EST's client side (RFC 7030), as far as a renewal needs it: /simplereenroll, and /cacerts for what to trust."""

from __future__ import annotations

import base64
import binascii
import http.client
import ssl
from typing import Final

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.errors import Error
from sealmq.pki.credentials import certificates_in, chain_of, request_der
from sealmq.pki.peer import identify_certificate

LONGEST: Final = 64 * 1024
"""Bytes of an answer: a certificate has one, all roots and CAs of a roll-over four."""

RETRY_AFTER: Final = 30
"""Seconds, where a server that is busy does not say how many."""

_PATH: Final = "/.well-known/est/"


class EstClient:
    """One EST server. Each request is a connection of its own."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, patience: float) -> None:  # noqa: TID251 - given
        self._host, self._port, self._context, self._patience = host, port, context, patience

    def reenroll(self, csr: bytes) -> Certified | Declined:
        """Ask for another certificate (csr: PEM) with the one in the context (RFC 7030 section 4.2.2).

        Raises Error when there is no answer, TrustError when it cannot be used.
        """
        body = base64.encodebytes(request_der(csr))
        status, said, answer = self._ask("POST", "simplereenroll", body, {"Content-Type": "application/pkcs10"})
        if status != http.client.OK:
            return _declined(status, said, answer)
        leaves = certificates_in(self._decoded(answer))
        if len(leaves) != 1:
            raise self._failed(f"it answers with {len(leaves)} certificates")
        leaf = leaves[0]
        status, _, answer = self._ask("GET", "cacerts")
        if status != http.client.OK:
            raise self._failed(f"/cacerts answers {status}")
        chain, roots = chain_of(leaf, certificates_in(self._decoded(answer)))
        about = identify_certificate(leaf)
        return Certified(about.common_name, about.serial, leaf, chain, roots, about.not_before, about.not_after)

    def _ask(
        self, method: str, operation: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=self._patience)
        try:
            connection.request(method, _PATH + operation, body, headers or {})
            response = connection.getresponse()
            answer = response.read(LONGEST + 1)
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(str(error)) from error
        finally:
            connection.close()
        if len(answer) > LONGEST:
            raise self._failed(f"/{operation} answers with more than {LONGEST:,} bytes")
        return response.status, response.headers, answer

    def _decoded(self, answer: bytes) -> bytes:
        try:
            return base64.b64decode(b"".join(answer.split()), validate=True)
        except binascii.Error as error:
            raise self._failed("its answer is not base64") from error

    def _failed(self, why: str) -> Error:
        return Error(f"the EST server {self._host}:{self._port} did not renew the certificate", why=why)


def _declined(status: int, said: http.client.HTTPMessage, answer: bytes) -> Declined:
    words = answer.decode("utf-8", "replace").strip()
    shown = "".join(letter if letter.isprintable() else " " for letter in words)[:200]
    after = said.get("Retry-After", "")
    may_come_back = status in (http.client.ACCEPTED, http.client.SERVICE_UNAVAILABLE) or status >= 500
    retry_after = int(after) if after.isdecimal() and len(after) < 8 else RETRY_AFTER if may_come_back else None
    return Declined(f"http-{status}", shown or http.client.responses.get(status, "no"), retry_after)
