from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealmq.errors import WebSocketError
from sealmq.tcp.upgrade import refuse, respond
from websocket_pairs import ACCEPT, HOST, request


def status(response: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", response)
    assert match
    return int(match[1])


def headers(response: bytes) -> dict[str, str]:
    lines = response.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    found: dict[str, str] = {}
    for name, _, value in (line.partition(": ") for line in lines):
        found[name.lower()] = ", ".join(filter(None, [found.get(name.lower()), value]))
    return found


def body(response: bytes) -> str:
    return response.partition(b"\r\n\r\n")[2].decode()


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "GET /mqtt HTTP/1.1", "GET /mqtt?token=1 HTTP/1.1"])
def test_a_request_for_mqtt_is_accepted(line: str) -> None:
    response, refusal = respond(request(line), ())
    assert refusal is None
    assert status(response) == 101
    assert body(response) == ""
    assert headers(response) == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": ACCEPT,
        "sec-websocket-protocol": "mqtt",  # [MQTT-6.0.0-4]
    }


def test_the_answer_to_the_key_of_rfc_6455_is_the_one_of_rfc_6455() -> None:
    response, _ = respond(request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="), ())
    assert headers(response)["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "changes",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, Upgrade"},
        {"Sec_WebSocket_Protocol": "mqttv3.1, mqtt"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
        {"Origin": f"https://{HOST}"},
        {"Origin": "https://dashboard.example"},
        {"Content_Length": "0"},
    ],
)
def test_what_clients_also_say_does_not_disturb(changes: dict[str, str]) -> None:
    response, refusal = respond(request(**changes), {"https://dashboard.example"})
    assert refusal is None
    assert status(response) == 101
    assert "sec-websocket-extensions" not in headers(response)  # no compression


@pytest.mark.parametrize(
    ("head", "code", "words"),
    [
        (request("POST /mqtt HTTP/1.1"), 405, "only GET opens a WebSocket, not 'POST'"),
        (request("GET /admin HTTP/1.1"), 404, "there is nothing at '/admin'; MQTT is at / and at /mqtt"),
        (request("GET https://localhost:8084/mqtt HTTP/1.1"), 404, "there is nothing at"),
        (request("GET /mqtt HTTP/1.0"), 426, "asks for no WebSocket"),
        (request("GET /mqtt HTTP/1.2", Host=None), 426, "asks for no WebSocket"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 426, "asks for no WebSocket"),
        (request(Upgrade=None), 426, "asks for no WebSocket"),
        (request(Upgrade="h2c"), 426, "asks for no WebSocket"),
        (request(Connection="keep-alive"), 426, "asks for no WebSocket"),
        (request(Sec_WebSocket_Version="8"), 426, "WebSocket version 13 is spoken here, not '8'"),
        (request(Sec_WebSocket_Version=None), 426, "WebSocket version 13 is spoken here, not ''"),
        (request(Sec_WebSocket_Key=None), 400, "Sec-WebSocket-Key must be 16 bytes in base64"),
        (request(Sec_WebSocket_Key="c2hvcnQ="), 400, "Sec-WebSocket-Key must be 16 bytes in base64"),
        (request(Sec_WebSocket_Key="not base64!"), 400, "Sec-WebSocket-Key must be 16 bytes in base64"),
        (request(Sec_WebSocket_Protocol=None), 400, "the subprotocol must be 'mqtt'; offered was ''"),
        (request(Sec_WebSocket_Protocol="MQTT, mqttv3.1"), 400, "offered was 'MQTT, mqttv3.1'"),
        (request(Origin="https://evil.example"), 403, "a web page of 'https://evil.example' may not connect here"),
        (request(Origin="null"), 403, "a web page of 'null' may not connect here"),
        (request(Origin=""), 403, "a web page of '' may not connect here"),
        (request(Content_Length="5"), 400, "a request for a WebSocket has no body"),
        (request(Transfer_Encoding="gzip"), 501, "not proper HTTP"),
        (request(Host=None), 400, "not proper HTTP"),
        (b"GET\r\n\r\n", 400, "not proper HTTP"),
        (b"\r\n\r\n", 400, "not proper HTTP"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\x00: b\r\n\r\n", 400, "not proper HTTP"),
    ],
)
def test_a_refusal_is_http_with_words(head: bytes, code: int, words: str) -> None:
    response, refusal = respond(head, ())
    assert refusal is not None
    assert (refusal.code, status(response)) == (code, code)
    assert words in refusal.what
    assert words[1:] in body(response)
    said = headers(response)
    assert said["content-type"] == "text/plain; charset=utf-8"
    assert int(said["content-length"]) == len(body(response).encode())
    assert "close" in said["connection"]


def test_a_refusal_says_what_would_be_accepted() -> None:
    upgrade = headers(respond(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ())[0])
    assert (upgrade["upgrade"], upgrade["sec-websocket-version"]) == ("websocket", "13")
    assert "upgrade" in upgrade["connection"]
    assert headers(respond(request("PUT / HTTP/1.1"), ())[0])["allow"] == "GET"
    assert headers(refuse(WebSocketError("too long", 431)))["connection"] == "close"


def test_head_gets_no_body() -> None:
    response, _ = respond(request("HEAD / HTTP/1.1"), ())
    assert status(response) == 405
    assert body(response) == ""


def test_one_strange_origin_among_several_is_enough_to_refuse() -> None:
    head = request(Origin=f"https://{HOST}").replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.example\r\n\r\n")
    _, refusal = respond(head, ())
    assert refusal is not None
    assert refusal.code == 403
    assert "[websocket] origins" in refusal.remedy


def test_what_a_stranger_writes_is_short_and_harmless_in_the_log() -> None:
    _, refusal = respond(request(Origin="https://" + "\xe9\x1b[31m" * 500), ())
    assert refusal is not None
    assert refusal.code == 403
    assert len(refusal.what) < 200
    assert refusal.what.isprintable()
    _, refusal = respond(request("GET /" + "\u00e9" * 10 + "a" * 500 + " HTTP/1.1"), ())
    assert refusal is not None
    assert len(refusal.what) < 200
    assert refusal.what.isprintable()


LINES = st.sampled_from(request().split(b"\r\n"))
HEADS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(LINES, st.binary(max_size=40)), max_size=10).map(b"\r\n".join),
)


@given(HEADS)
@example(b"HEAD ")
def test_whatever_comes_the_answer_is_http(head: bytes) -> None:
    response, refusal = respond(head + b"\r\n\r\n", ())
    assert status(response) == (101 if refusal is None else refusal.code)
