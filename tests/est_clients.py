"""Three EST clients, as far as they are picky: what each sends, and what each checks of an answer.

Written from what their sources do (libest 3.2 at a464ba8, strongSwan 5.9.8, globalsign/est at a0d54bb), not from what
the standard says: each is stricter than that somewhere, and they do not agree.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

BASE = "/.well-known/est"


@dataclass(frozen=True)
class Heard:
    """What a client made of an answer. retry_after: of 202."""

    status: int
    certificates: list[x509.Certificate]
    retry_after: int | None = None


class Libest:
    """Compares the names of headers letter by letter, reads until the connection is closed, wants lines of base64."""

    name = "libest"
    most_headers = 16
    knows = (200, 202, 204, 400, 401, 404, 423, 500, 502, 504)

    def get(self, operation: str) -> bytes:
        return (
            f"GET {BASE}/{operation} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode()
        )

    def post(self, operation: str, csr: bytes, credentials: str = "") -> bytes:
        body = base64.encodebytes(csr)
        head = f"POST {BASE}/{operation} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nAccept: */*\r\n"
        head += f"Content-Type: application/pkcs10\r\nContent-Length: {len(body)}\r\n{_basic(credentials)}\r\n"
        return head.encode() + body

    def hears(self, operation: str, data: bytes) -> Heard:
        assert data.startswith(b"HTTP/1.1 ")
        status = int(data[9:12])
        assert status in self.knows, "an unknown error"
        head, found, body = data.partition(b"\r\n\r\n")
        assert found
        headers = [line.partition(b": ")[::2] for line in head.split(b"\r\n")[1:]]
        assert len(headers) <= self.most_headers
        length = [value for name, value in headers if name == b"Content-Length"]
        assert length == [b"%d" % len(body)], "the bytes up to the end of the connection are the body"
        if status == 401:
            first = next(value for name, value in headers if name == b"WWW-Authenticate")
            assert re.match(rb'Basic realm="[^"]+"$', first)
        if status == 202:
            (after,) = [value for name, value in headers if name.lower() == b"retry-after"]
            return Heard(status, [], int(after))
        if status != 200:
            return Heard(status, [])
        (kind,) = [value for name, value in headers if name == b"Content-Type"]
        if operation == "csrattrs":
            assert kind == b"application/csrattrs"
            base64.b64decode(body, validate=False)
            return Heard(status, [])
        wanted = (
            b"application/pkcs7-mime" if operation == "cacerts" else b"application/pkcs7-mime; smime-type=certs-only"
        )
        assert kind.startswith(wanted)
        assert body.endswith(b"\n"), "OpenSSL's reader of base64 wants a line's end"
        assert max(map(len, body.split(b"\n"))) <= 76
        certificates = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
        if operation == "cacerts":
            roots = {each.subject: each for each in certificates if each.subject == each.issuer}
            for each in certificates:
                each.verify_directly_issued_by(roots[each.issuer])
        return Heard(status, certificates)


class StrongSwan:
    """Looks for the whole head in the first 1,024 bytes, reads the body at once, decodes base64 by four characters."""

    name = "strongSwan"

    def get(self, operation: str) -> bytes:
        return f"GET {BASE}/{operation} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def post(self, operation: str, csr: bytes, credentials: str = "") -> bytes:
        body = base64.b64encode(csr)
        head = f"POST {BASE}/{operation} HTTP/1.1\r\nHost: localhost\r\n{_basic(credentials)}"
        return f"{head}Content-Type: application/pkcs10\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def hears(self, operation: str, data: bytes) -> Heard:
        match = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", data)
        assert match
        status = int(match[1])
        head, found, body = data[:1_024].partition(b"\r\n\r\n")
        assert found, "the head is not in the first read"
        headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])}
        length = int(headers[b"content-length"])
        assert length
        body = data[len(head) + 4 :][:length]
        if status == 202:
            return Heard(status, [], int(headers[b"retry-after"]))
        if status != 200 or operation == "csrattrs":
            return Heard(status, [])
        groups = body[: len(body) // 4 * 4]
        assert b"\n" not in groups, "it decodes a line's end like a letter"
        certificates = pkcs7.load_der_pkcs7_certificates(base64.b64decode(groups, validate=True))
        return Heard(status, certificates)


class GlobalSign:
    """Go's net/http; wants exactly one certificate in the answer to an enrolment."""

    name = "globalsign"

    def get(self, operation: str) -> bytes:
        return (
            f"GET {BASE}/{operation} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: GlobalSign EST Client\r\n"
            "Accept: application/pkcs7-mime\r\nAccept-Encoding: gzip\r\n\r\n"
        ).encode()

    def post(self, operation: str, csr: bytes, credentials: str = "") -> bytes:
        encoded = base64.b64encode(csr)
        body = b"\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76)) + b"\r\n"
        return (
            f"POST {BASE}/{operation} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: GlobalSign EST Client\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/pkcs7-mime\r\n{_basic(credentials)}"
            "Content-Transfer-Encoding: base64\r\nContent-Type: application/pkcs10\r\nAccept-Encoding: gzip\r\n\r\n"
        ).encode() + body

    def hears(self, operation: str, data: bytes) -> Heard:
        head, _, body = data.partition(b"\r\n\r\n")
        status = int(head[9:12])
        headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])}
        if status == 202:
            return Heard(status, [], int(headers[b"retry-after"]))
        if status != 200 or operation == "csrattrs":
            return Heard(status, [])
        assert headers[b"content-type"].startswith(b"application/pkcs7-mime")
        body = body.replace(b"\r", b"").replace(b"\n", b"")
        certificates = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body, validate=True))
        assert operation == "cacerts" or len(certificates) == 1
        return Heard(status, certificates)


def _basic(credentials: str) -> str:
    return f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}\r\n" if credentials else ""
