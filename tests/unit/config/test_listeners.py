"""`listen` and [[listener]]: what is asked where."""

from __future__ import annotations

import pytest

from sealmq.config import ListenerSettings, parse
from sealmq.errors import ConfigError
from sealmq.identity import BY_CERTIFICATE, Terms

PLAINTEXT = '[[listener]]\naddress = "{}"\nauth = "password"\nplaintext = true'


def test_listeners_of_both_forms_stand_side_by_side() -> None:
    text = """
        listen = [":1", "127.0.0.1:0", "127.0.0.1:0"]
        [[listener]]
        address = "[::1]:2"
        auth = "certificate-and-password"
        [[listener]]
        address = "127.0.0.1:3"
        auth = "password"
        plaintext = true
    """
    assert parse(text).listeners == (
        ListenerSettings(":1"),
        ListenerSettings("127.0.0.1:0"),
        ListenerSettings("127.0.0.1:0"),
        ListenerSettings("[::1]:2", "certificate-and-password"),
        ListenerSettings("127.0.0.1:3", "password", plaintext=True),
    )
    assert parse('listen = []\n[[listener]]\naddress = ":2"').listeners == (ListenerSettings(":2"),)
    assert parse('[[listener]]\naddress = ":2"').listeners == (ListenerSettings(":8883"), ListenerSettings(":2"))


def test_over_websocket_a_certificate_is_always_asked_for() -> None:
    read = parse('listen = [":1"]\n[websocket]\nlisten = ["127.0.0.1:0", "127.0.0.1:0", ":2"]')
    assert read.listeners == (ListenerSettings(":1"),), "who speaks plain MQTT is not sent to WebSocket"
    assert [each.address for each in read.websocket.listeners] == ["127.0.0.1:0", "127.0.0.1:0", ":2"]
    for each in read.websocket.listeners:
        assert each.websocket
        assert each.terms == BY_CERTIFICATE
        assert each.option == "--websocket"
    assert ListenerSettings(":1").option == "--listen"


def test_plaintext_for_everybody_needs_consent() -> None:
    (listener,) = parse(PLAINTEXT.format(":1") + "\nanybody_may_read_this = true").listener
    assert listener.terms == Terms("password", plaintext=True)


def test_a_listener_asks_for_a_certificate_unless_it_says_otherwise() -> None:
    assert ListenerSettings(":1").terms == BY_CERTIFICATE
    assert parse("").listeners == (ListenerSettings(":8883"),)


def test_a_listener_for_psks_asks_for_one_and_speaks_tls() -> None:
    text = '[[listener]]\naddress = ":1"\nauth = "psk"\nmiddleware = "wolfssl"'
    (listener,) = parse(text).listener
    assert listener.terms == Terms("psk")
    with pytest.raises(ConfigError, match='cannot be together with auth = "psk"'):
        parse(f"{text.splitlines()[0]}\naddress = '127.0.0.1:1'\nauth = 'psk'\nplaintext = true")
