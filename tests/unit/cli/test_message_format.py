"""The output formats of `sealmq sub`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.cli.message_format import Received, compile_format, json_text
from sealmq.errors import ConfigError

MESSAGE = Received(
    topic="a/b",
    payload=b"\x00\xffz",
    qos=1,
    retain=True,
    packet_id=7,
    arrived=1_700_000_000_123_456_789,
    content_type="text/plain",
    response_topic="answer",
    correlation_data=b"\x01",
    expiry=60,
    payload_format=0,
    subscription_ids=(3, 4),
    user_properties=(("k", "v"), ("k", "w")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%t %p", b"a/b \x00\xffz"),
        ("%x|%X|%q|%r|%l|%m", b"00ff7a|00FF7A|1|1|3|7"),
        (r"%%\\\t\n\0\e[0m", b"%\\\t\n\0\x1b[0m"),
        ("%C %R %D %E %F %S %P%A", b"text/plain answer \x01 60 0 3,4 k:v k:w"),
        ("%U", b"1700000000.123456789"),
        ("@@ @s @N", b"@ 1700000000 123456789"),
        ("[%6t|%-6t|%.1t|%6.2t]", b"[   a/b|a/b   |a|    a/]"),
        ("%05l %5l %-5l|", b"00003     3 3    |"),
        ("plain", b"plain"),
        ("é%p\udcff", b"\xc3\xa9\x00\xffz\xff"),
    ],
)
def test_formats(text: str, expected: bytes) -> None:
    assert compile_format(text)(MESSAGE) == expected


def test_times_are_of_the_arrival() -> None:
    written = compile_format("%I @Y-@m-@d %d")(MESSAGE).decode()
    day = MESSAGE.moment.strftime("%Y-%m-%d")
    assert written.startswith(day + "T")
    assert written.endswith(f" {day} {day}")
    assert MESSAGE.moment.microsecond == 123_456


@pytest.mark.parametrize("text", ["%", "a@", "\\", "%k", r"\q", "@!", "%99999t"])
def test_a_wrong_format_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_format(text)
    assert caught.value.remedy


def test_json_is_json_whatever_the_payload() -> None:
    entry = json.loads(json_text(MESSAGE))
    assert entry["payload"] is None
    assert entry["payload_base64"] == "AP96"
    assert (entry["topic"], entry["qos"], entry["retain"], entry["mid"]) == ("a/b", 1, 1, 7)
    assert entry["properties"]["user-properties"] == [{"k": "v"}, {"k": "w"}]
    plain = json.loads(json_text(Received("t", b"hello", 0, False, 0, 0)))
    assert plain["payload"] == "hello"
    assert "mid" not in plain
    assert "properties" not in plain


def test_a_json_payload_can_stand_in_it_unquoted() -> None:
    entry = json.loads(compile_format("%J")(Received("t", b'{"a": 1}', 0, False, 0, 0)))
    assert entry["payload"] == {"a": 1}
    with pytest.raises(ValueError, match="topic t is not valid JSON"):
        compile_format("%J")(Received("t", b"{", 0, False, 0, 0))
    assert "\n" in json_text(MESSAGE, pretty=True)


@given(st.text(), st.binary())
def test_any_format_writes_bytes_or_is_refused(text: str, payload: bytes) -> None:
    try:
        shape = compile_format(text)
    except ConfigError:
        return
    try:
        assert isinstance(shape(Received("t", payload, 0, False, 0, 0)), bytes)
    except ValueError as error:
        assert "not valid JSON" in str(error)  # noqa: PT017
