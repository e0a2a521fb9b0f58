from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealmq.bundle import read_psk
from sealmq.config import Configuration, ListenerSettings, TLSSettings
from sealmq.contexts import build_contexts
from sealmq.errors import MiddlewareError
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames
from sealmq.tls import middlewares
from sealmq.tls.middleware import Middleware, ServerMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.openssl import OpenSSLContext
from sealmq.tls.plaintext import PlaintextContext
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.resumption import Resumption

NOW = 1_800_000_000.0
USUAL = ListenerSettings(":8883")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    names = ServerNames(("localhost",))
    with Home.create(tmp_path / "home", organization="Example", country="NL", names=names, now=NOW) as made:
        yield made


def test_there_is_one_for_each_kind_of_terms(home: Home) -> None:
    listeners = (ListenerSettings("127.0.0.1:1", auth="password", plaintext=True), ListenerSettings(":2", "password"))
    contexts = build_contexts(home, Configuration(listener=listeners), Resumption(), lambda: NOW)
    assert len(contexts) == 3
    assert isinstance(contexts.of(listeners[0]), PlaintextContext)
    assert contexts.of(listeners[1]) is not contexts.of(USUAL)
    assert contexts.of(ListenerSettings(":8084", websocket=True)) is contexts.of(USUAL)
    again = build_contexts(home, Configuration(), Resumption(), lambda: NOW)
    assert again.of(USUAL) is not contexts.of(USUAL)


def test_there_is_one_for_each_kind_of_tls(home: Home) -> None:
    small = ListenerSettings(":1", max_record=1024)
    as_usual = ListenerSettings(":2", middleware="openssl", profile="default", max_record=16_384)
    modern = ListenerSettings(":3", profile="modern")
    contexts = build_contexts(home, Configuration(listener=(small, as_usual, modern)), Resumption(), lambda: NOW)
    assert len(contexts) == 3
    assert contexts.of(as_usual) is contexts.of(USUAL)
    assert contexts.of(small).connection().max_record == 1024
    assert contexts.of(USUAL).connection().max_record == 16_384


def test_what_tls_says_counts_where_a_listener_says_nothing(home: Home) -> None:
    configuration = Configuration(tls=TLSSettings(max_record=2048), listener=(ListenerSettings(":1", max_record=512),))
    contexts = build_contexts(home, configuration, Resumption(), lambda: NOW)
    assert contexts.of(USUAL).connection().max_record == 2048
    assert contexts.of(configuration.listener[0]).connection().max_record == 512


def test_only_openssl_contexts_are_watched_and_a_library_without_lists_gets_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    class Other:
        name = "wolfssl"
        abilities = find().abilities.__class__(title="Other 1.0", licence="MIT", revocation=False)

        def server_context(self, policy: object, material: object) -> PlaintextContext:
            given.append(material)
            return PlaintextContext()

    class Watching(Resumption):
        def watch(self, context: OpenSSLContext, now: float) -> OpenSSLContext:
            watched.append(context)
            return super().watch(context, now)

    watched: list[OpenSSLContext] = []
    other: Middleware = Other()  # type: ignore[assignment]
    monkeypatch.setattr("sealmq.contexts.find", lambda name: other if name == "wolfssl" else find(name))
    configuration = Configuration(listener=(ListenerSettings(":1", middleware="wolfssl"),))
    contexts = build_contexts(home, configuration, Watching(), lambda: NOW)
    assert watched == [contexts.of(USUAL)]
    assert [each.crl for each in given] == [None]


def test_a_library_that_is_missing_is_said_in_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Middleware:
        raise MiddlewareError("wolfSSL is not installed", remedy="apt install libwolfssl35")

    monkeypatch.setitem(middlewares._WHERE, "wolfssl", "sealmq.tls.openssl_middleware")
    monkeypatch.setattr("sealmq.tls.openssl_middleware.load", missing)
    find.cache_clear()
    try:
        with pytest.raises(MiddlewareError, match="not installed"):
            build_contexts(home, Configuration(tls=TLSSettings(middleware="wolfssl")), Resumption(), lambda: NOW)
    finally:
        find.cache_clear()


def test_a_listener_for_psks_has_a_lookup_and_neither_certificate_nor_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[ServerMaterial] = []

    class Other:
        def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> PlaintextContext:
            given.append(material)
            assert policy.max_record == 1024
            return PlaintextContext()

    monkeypatch.setattr("sealmq.contexts.find", lambda name: Other() if name == "wolfssl" else find(name))
    small = ListenerSettings(":1", "psk", middleware="wolfssl", max_record=1024)
    added = home.psk_enrollment().add_device("small-1", now=NOW)
    contexts = build_contexts(home, Configuration(listener=(small,)), Resumption(), lambda: NOW)
    assert isinstance(contexts.of(small), PlaintextContext)
    (material,) = given
    assert (material.chain, material.key, material.client_anchors, material.client_certificates) == (
        *(None, None, b""),
        False,
    )
    assert material.psk is not None
    assert material.psk("small-1") == read_psk(added.file).key
    assert material.psk("operator") is None


def test_a_middleware_without_psks_is_refused_in_words(home: Home) -> None:
    configuration = Configuration(listener=(ListenerSettings(":1", "psk", middleware="openssl"),))
    if find("openssl").abilities.psk_server:
        pytest.skip("OpenSSL has PSKs with this Python")
    with pytest.raises(MiddlewareError, match="openssl has no PSK for a listener") as caught:
        build_contexts(home, configuration, Resumption(), lambda: NOW)
    assert "wolfssl" in caught.value.remedy
