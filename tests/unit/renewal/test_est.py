"""EST's client side against an HTTPS server in a thread: what it sends, and what it makes of each kind of answer."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.bundle import files_of
from sealmq.errors import Error, TrustError
from sealmq.pki.authority import create_issuing, create_root, issue_device, issue_server, new_serial
from sealmq.pki.credentials import check_renewed, create_request
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames
from sealmq.pki.requests import read_csr
from sealmq.renewal import est as module
from sealmq.renewal.courier import NetworkCourier
from sealmq.renewal.est import EstClient
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

Office = Any
Reply = tuple[int, dict[str, str], bytes]


def certs_only(*ders: bytes) -> bytes:
    loaded = [x509.load_der_x509_certificate(der) for der in ders]
    return base64.encodebytes(pkcs7.serialize_certificates(loaded, Encoding.DER))


class EstServer:
    """Answers each request as `replies` says, and remembers what came."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.requests: list[tuple[str, str, str | None, bytes, bytes]] = []
        self.replies: dict[str, Callable[[bytes], Reply]] = {}
        server_ca = create_issuing(office.root, "Server", serial=new_serial(), now=office.now)
        key = PrivateKey.generate()
        leaf = issue_server(server_ca, ServerNames(("localhost",)), key.public, serial=new_serial(), now=time.time())
        chain = folder / "server.pem"
        chain.write_bytes(leaf.pem + server_ca.certificate.pem + key.pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        anchors = office.root.certificate.pem + office.device_ca.certificate.pem  # a device may show its leaf alone
        context.load_verify_locations(cadata=anchors.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                shown = self.connection.getpeercert(binary_form=True)  # type: ignore[attr-defined]
                kind = self.headers.get("Content-Type")
                outer.requests.append((self.command, self.path, kind, body, shown or b""))
                status, headers, said = outer.replies[self.path.rpartition("/")[2]](body)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(said))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = answer  # noqa: N815 - as http.server calls them

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(office: Office, tmp_path: Path) -> Iterator[EstServer]:
    made = EstServer(office, tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(office: Office, server: EstServer) -> EstClient:
    root, certificate, key = files_of(office.bundle)
    context = client_context(TLSPolicy(), root=root, chain=certificate, key=key)
    return EstClient("localhost", server.port, context, 20.0)


def test_a_renewal_is_a_request_for_the_certificate_and_one_for_what_to_trust(
    office: Office, server: EstServer, client: EstClient
) -> None:
    key, uuid = PrivateKey.generate(), UUID(office.registry.device("sensor-1").uuid)

    def reenroll(body: bytes) -> Reply:
        public = read_csr(base64.b64decode(body)).public_key
        assert public == key.public
        leaf = issue_device(office.device_ca, "sensor-1", uuid, public, serial=new_serial(), now=office.now)
        return 200, {"Content-Type": "application/pkcs7-mime; smime-type=certs-only"}, certs_only(leaf.der)

    server.replies["simplereenroll"] = reenroll
    published = certs_only(office.device_ca.certificate.der, office.root.certificate.der)
    server.replies["cacerts"] = lambda _: (200, {}, published)
    old = office.leaf(office.bundle)
    answer = client.reenroll(create_request(key))
    assert isinstance(answer, Certified)
    check_renewed(answer.certificate, answer.chain, answer.roots, key=key.public, old=old, now=office.now)
    (post, get) = server.requests
    assert post[:3] == ("POST", "/.well-known/est/simplereenroll", "application/pkcs10")
    assert post[4] == old, "it shows the certificate that it has"
    assert get[:2] == ("GET", "/.well-known/est/cacerts")


@pytest.mark.parametrize(
    ("reply", "declined"),
    [
        ((401, {}, b"not authorized\n"), Declined("http-401", "not authorized")),
        ((400, {}, b"\x1b[2Jbad\nrequest"), Declined("http-400", " [2Jbad request")),
        ((404, {}, b""), Declined("http-404", "Not Found")),
        ((202, {"Retry-After": "45"}, b""), Declined("http-202", "Accepted", 45)),
        ((202, {"Retry-After": "soon"}, b""), Declined("http-202", "Accepted", 30)),
        ((503, {}, b"busy"), Declined("http-503", "busy", 30)),
        ((500, {"Retry-After": "9" * 9}, b"x" * 999), Declined("http-500", "x" * 200, 30)),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    server: EstServer, client: EstClient, reply: Reply, declined: Declined
) -> None:
    server.replies["simplereenroll"] = lambda _: reply
    assert client.reenroll(create_request(PrivateKey.generate())) == declined


def test_answers_that_are_none_are_errors(
    office: Office, server: EstServer, client: EstClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    csr, leaf = create_request(PrivateKey.generate()), office.leaf(office.bundle)
    for body, error, why in (
        (b"!", Error, "not base64"),
        (base64.b64encode(b"\x30\x00"), TrustError, "PKCS#7"),
        (certs_only(leaf, office.root.certificate.der), Error, "2 certificates"),
        (b"A" * (module.LONGEST + 1), Error, "more than"),
    ):
        server.replies["simplereenroll"] = lambda _, body=body: (200, {}, body)  # type: ignore[misc]
        with pytest.raises(error) as caught:
            client.reenroll(csr)
        assert why in caught.value.why
    server.replies["simplereenroll"] = lambda _: (200, {}, certs_only(leaf))
    server.replies["cacerts"] = lambda _: (404, {}, b"")
    with pytest.raises(Error) as caught:
        client.reenroll(csr)
    assert "/cacerts answers 404" in caught.value.why


def test_a_server_that_is_not_ours_hears_nothing(office: Office, server: EstServer, tmp_path: Path) -> None:
    other = create_root("Other", "NL", serial=new_serial(), now=office.now)
    (tmp_path / "other.pem").write_bytes(other.certificate.pem)
    _, certificate, key = files_of(office.bundle)
    context = client_context(TLSPolicy(), root=tmp_path / "other.pem", chain=certificate, key=key)
    with pytest.raises(Error, match="did not renew"):
        EstClient("localhost", server.port, context, 20.0).reenroll(create_request(PrivateKey.generate()))
    assert not server.requests


def test_the_courier_takes_this_way_for_what_has_expired(office: Office, server: EstServer) -> None:
    server.replies["simplereenroll"] = lambda _: (401, {}, b"no")
    courier = NetworkCourier("localhost", 1, server.port, time.monotonic)
    answer = courier.ask(office.bundle, create_request(PrivateKey.generate()), late=True)
    assert answer == Declined("http-401", "no")
