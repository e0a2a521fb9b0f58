from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

import libraries
from middleware_brokers import OTHERS, abilities, middleware_broker
from sealmq.errors import ConfigError, MiddlewareError, TLSError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.contexts import CLASSICAL, POST_QUANTUM, Credentials
from sealmq.kit.handshake.dial import Call, dial
from sealmq.kit.handshake.library_tap import LibraryTap, library_context, title_of
from sealmq.kit.handshake.looking import look
from sealmq.kit.handshake.report import Kind, Report
from sealmq.tls.middleware import TLS13
from sealmq.tls.policy import TLSPolicy
from small_brokers import broker, endless_certificate, record, reset, sends, server_hello, serving, wait_for_end
from tapped import Stage, converse, tapped

ALL = ("openssl", *OTHERS)
VERSIONS = ("1.2", "1.3")


def looked_at(stage: Stage, middleware: str, server: ssl.SSLContext, **more: object) -> Report:
    """The report of one connection to a small broker."""
    with serving(broker(server)) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=10, middleware=middleware)
        return look(replace(call, **more)).report  # type: ignore[arg-type]


def expect_version(middleware: str, version: str) -> None:
    """Leave the test out where the library has not that version."""
    if f"TLSv{version}" not in abilities(middleware).versions:
        pytest.skip(f"{middleware} has no TLS {version} here")


# --- in memory


@pytest.mark.parametrize("middleware", ALL)
def test_bytes_go_in_and_out_and_are_seen(stage: Stage, middleware: str) -> None:
    libraries.middleware(middleware)
    tap = LibraryTap(library_context(middleware, stage.credentials()), server_name="localhost")
    assert not tap.established
    assert (tap.version, tap.shown, tap.resumable) == ("", False, None)
    assert converse(tap, stage.server(mutual=True)) == [b"hello"]
    assert tap.established
    assert tap.shown
    seen = tap.conversation()
    assert seen.application == {Sender.CLIENT: b"hello", Sender.SERVER: b"welcome"}
    assert seen.messages[0].sender is Sender.CLIENT
    assert seen.messages[0].type == 1
    assert seen.opened == (tap.seen_by == "key log")
    assert tap.cpu > 0
    before = tap.cpu
    tap.send(b"more")
    tap.data_to_send(1.0)
    assert tap.cpu == before, "what comes behind the handshake does not count"


@pytest.mark.parametrize("middleware", OTHERS)
def test_with_its_keys_the_parser_sees_what_openssl_would_tell(stage: Stage, middleware: str) -> None:
    if TLS13 not in abilities(middleware).versions:
        pytest.skip("no TLS 1.3")
    tap = LibraryTap(library_context(middleware, stage.credentials(), version="1.3"), server_name="localhost")
    converse(tap, stage.server(mutual=True))
    if not abilities(middleware).keeps_keys_log:
        assert (tap.seen_by, tap.key_log) == ("wire", "")
        return
    told = [(one.sender, one.kind, one.type) for one in tapped(stage, "1.3").conversation().messages]
    seen = [(one.sender, one.kind, one.type) for one in tap.conversation().messages]
    assert [one for one in seen if one[1] == 22] == [one for one in told if one[1] == 22]
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in tap.key_log


def test_without_keys_what_is_encrypted_is_listed_and_not_opened(stage: Stage) -> None:
    tap = LibraryTap(library_context("openssl", stage.credentials(), version="1.3"), server_name="localhost")
    converse(tap, stage.server(mutual=True))
    seen = tap.conversation()
    assert tap.seen_by == "wire"
    assert not seen.opened
    assert [one.type for one in seen.messages if one.kind == 22] == [1, 2]
    assert any(record.protected for record in seen.records)


# --- what is asked for


def test_nobody_is_dialled_without_an_authority() -> None:
    with pytest.raises(ConfigError, match="cannot verify") as caught:
        library_context("openssl", Credentials())
    assert "--cafile" in caught.value.remedy
    with pytest.raises(ConfigError, match="cannot verify"):  # before a socket is opened: nobody listens there
        dial(Call(host="localhost", port=1, middleware=_another()))


def _another() -> str:
    for name in OTHERS:
        try:
            title_of(name)
        except MiddlewareError:
            continue
        return name
    pytest.skip("only the default middleware is here")


@pytest.mark.parametrize(
    "asked",
    [
        {"version": "1.0"},
        {"version": "1.1"},
        {"ciphers": "AES128-SHA"},
        {"ciphers": "ALL:@SECLEVEL=0"},
        {"version": "1.2", "groups": POST_QUANTUM},
    ],
)
def test_less_than_a_device_demands_is_not_asked_for(stage: Stage, asked: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        library_context("openssl", stage.credentials(), **asked)
    assert caught.value.remedy


def test_one_file_of_authorities_is_trusted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="one file"):
        library_context("openssl", replace(stage.credentials(), system=True))
    paths = ssl.get_default_verify_paths()._replace(cafile=str(stage.root))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    tap = LibraryTap(library_context("openssl", Credentials(system=True)), server_name="localhost")
    assert converse(tap, stage.server()) == [b"hello"]


def test_an_unknown_middleware_is_refused() -> None:
    with pytest.raises(MiddlewareError, match="there is no middleware"):
        title_of("gnutls")


# --- at the socket


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("middleware", OTHERS)
def test_a_good_connection_is_told_with_the_librarys_name(stage: Stage, middleware: str, version: str) -> None:
    expect_version(middleware, version)
    report = looked_at(stage, middleware, stage.server(mutual=True), version=version)
    assert (report.outcome.kind, report.outcome.why) == (Kind.CONNECTED, "")
    assert (report.meta.middleware, report.meta.library) == (middleware, title_of(middleware))
    assert report.negotiated is not None
    assert report.negotiated.version == f"TLS {version}"
    assert [row.name for row in report.mqtt] == ["CONNECT", "CONNACK", "DISCONNECT"]
    assert report.timing.processor is not None
    assert report.timing.handshake is not None
    assert 0 < report.timing.processor < report.timing.handshake + 1
    assert report.cost is not None
    assert sum(share.bytes for share in report.cost.shares) == report.cost.sent + report.cost.received
    sealed = report.meta.seen == "wire"
    assert ("keys" in report.meta.note) is sealed
    if not sealed:
        assert report.chain is not None
        assert report.chain.trusted is True


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("middleware", OTHERS)
def test_a_session_is_taken_up_again(stage: Stage, middleware: str, version: str) -> None:
    expect_version(middleware, version)
    if f"TLSv{version}" not in abilities(middleware).resumes_client:
        pytest.skip(f"{middleware} does not resume TLS {version}")
    with serving(middleware_broker(stage, "openssl")) as port:  # it resumes by session identifier too
        call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=10, middleware=middleware)
        first = dial(replace(call, version=version))
        again = dial(replace(call, version=version), resume=first)
        other = dial(replace(call, version=version, middleware="openssl"), resume=first)
    assert (first.resumed, again.resumed, other.resumed) == (False, True, False)
    assert again.connack is not None


@pytest.mark.parametrize("middleware", OTHERS)
def test_the_wrong_name_is_refused_in_the_middlewares_words(stage: Stage, middleware: str) -> None:
    libraries.middleware(middleware)
    wrong = stage.server_ca.issue("elsewhere", purpose="server", hosts=["elsewhere.example"])
    report = looked_at(stage, middleware, stage.server(credentials=wrong))
    assert (report.outcome.kind, report.outcome.by) == (Kind.REFUSED, "client")
    assert "the broker's certificate does not carry the name that was dialled" in report.outcome.what
    assert report.outcome.alert == "bad_certificate"
    assert report.outcome.remedy
    if report.meta.seen == "key log":
        assert report.chain is not None
        assert report.chain.trusted is False
        assert [rule.id for rule in report.chain.rules if str(rule.verdict) == "bad"] == ["name"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("middleware", OTHERS)
def test_who_shows_no_certificate_hears_the_brokers_refusal(stage: Stage, middleware: str, version: str) -> None:
    expect_version(middleware, version)
    shown = stage.credentials(show=False)
    report = looked_at(stage, middleware, stage.server(mutual=True), version=version, credentials=shown)
    assert (report.outcome.kind, report.outcome.by) == (Kind.REFUSED, "server")
    assert report.outcome.alert == ("handshake_failure" if version == "1.2" else "certificate_required")


@pytest.mark.parametrize("middleware", OTHERS)
def test_what_is_no_broker_is_told_as_with_openssl(stage: Stage, middleware: str) -> None:
    libraries.middleware(middleware)
    refused_hello = {Kind.BROKEN, Kind.REFUSED}  # what was not offered is accepted: wolfSSL calls it handshake_failure
    for handle, kind in (
        (wait_for_end, Kind.UNREACHABLE),
        (sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Kind.NOT_TLS),
        (lambda wire: None, Kind.BROKEN),
        (endless_certificate, refused_hello),
        (sends(record(b"\x02\0\0\x01\0")), Kind.BROKEN),
        (sends(b"\x16\x03\x03\xff\xff" + bytes(1000)), Kind.BROKEN),
        (lambda wire: (wire.recv(65_536), wire.sendall(server_hello())), refused_hello),
        (lambda wire: (wire.recv(65_536), reset(wire)), Kind.BROKEN),
    ):
        with serving(handle) as port:
            call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=1, middleware=middleware)
            outcome = look(call).report.outcome
        assert outcome.kind in (kind if isinstance(kind, set) else {kind}), outcome
        assert outcome.why
        assert outcome.remedy


# --- post-quantum


def test_a_post_quantum_connection_is_named_and_costs_what_is_said(stage: Stage) -> None:
    if not abilities("pyopenssl").hybrid_groups:
        pytest.skip("this pyOpenSSL has no hybrid group")
    with serving(middleware_broker(stage, "pyopenssl", TLSPolicy())) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=10, middleware="pyopenssl")
        hybrid = look(replace(call, groups=POST_QUANTUM)).report
        classical = look(replace(call, version="1.3", groups=CLASSICAL)).report
    assert hybrid.outcome.kind is classical.outcome.kind is Kind.CONNECTED
    assert hybrid.negotiated is not None
    assert classical.negotiated is not None
    assert (hybrid.negotiated.group, classical.negotiated.group) == ("X25519MLKEM768", "x25519")
    exchange = hybrid.key_exchange
    assert exchange is not None
    assert (exchange.post_quantum, exchange.client_bytes, exchange.server_bytes) == (True, 1216, 1120)
    assert classical.key_exchange is not None
    assert classical.key_exchange.post_quantum is False
    assert hybrid.cost is not None
    assert classical.cost is not None
    more = hybrid.cost.sent - classical.cost.sent
    assert 1_184 - 8 < more < 1_184 + 8, "the share; signatures have a byte more or less"
    assert any("X25519MLKEM768 makes the client's hello" in said for said in hybrid.cost.sentences)


def test_who_demands_a_hybrid_is_refused_by_a_broker_without(stage: Stage) -> None:
    if not abilities("pyopenssl").hybrid_groups:
        pytest.skip("this pyOpenSSL has no hybrid group")
    server = stage.server(mutual=True, groups="prime256v1")
    report = looked_at(stage, "pyopenssl", server, groups=POST_QUANTUM)
    assert (report.outcome.kind, report.outcome.by) == (Kind.REFUSED, "server")
    assert report.outcome.alert == "handshake_failure"


def test_a_capture_of_a_refusal_is_no_trap(stage: Stage, tmp_path: Path) -> None:
    """A TLSError is not kept with the connection that it came from."""
    tap = LibraryTap(library_context("openssl", stage.credentials()), server_name="other.example")
    with pytest.raises(TLSError):
        converse(tap, stage.server())
    assert not tap.established
    assert tap.key_log == ""
