"""sealmq.toml: what it says when nobody touched it, and what it answers to mistakes."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealmq import config
from sealmq.broker.limits import Limits
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.config import Configuration, default_text, parse, parse_address
from sealmq.errors import ConfigError


def uncommented(text: str) -> str:
    """The text with every shown default switched on."""
    return re.sub(r"^#([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)


def test_the_first_file_says_what_no_file_says() -> None:
    assert parse(default_text()) == Configuration()
    assert parse("") == Configuration()


def test_the_defaults_that_the_first_file_shows_are_the_defaults() -> None:
    shown = uncommented(default_text())
    assert shown != default_text()
    assert parse(shown) == Configuration()


def test_the_first_file_shows_every_key() -> None:
    shown = uncommented(default_text())
    tables = (
        Configuration,
        config.WebSocketSettings,
        config.HTTPSSettings,
        config.TLSSettings,
        config.CertificateSettings,
        Limits,
        config.LogSettings,
        config.ListenerSettings,
    )
    for table in tables:
        for each in fields(table):
            name = re.escape(each.name)
            assert re.search(rf"^((#   )?\[\[?{name}\]\]?|(#   )?{name} = .*)$", shown, re.MULTILINE), each.name
    for name in ("approval", "days", "late_renewal", "server_keys"):
        assert re.search(rf"^{name} = .*$", shown, re.MULTILINE), name
    assert {each.name for each in fields(config.EnrollmentSettings)} - {"label"} == {
        *("approval", "days", "late_renewal", "server_keys")
    }


def test_every_limit_has_a_range_that_holds_its_default() -> None:
    assert list(config.LIMIT_RANGES) == [each.name for each in fields(Limits)]
    for name, (smallest, largest) in config.LIMIT_RANGES.items():
        assert smallest <= getattr(Limits(), name) <= largest


def test_the_first_file_remembers_where_up_was_told_to_listen() -> None:
    text = default_text(("127.0.0.1:1884", "[::1]:1884"))
    assert parse(text).listen == ("127.0.0.1:1884", "[::1]:1884")


def test_websocket_can_be_switched_off() -> None:
    assert parse("[websocket]\nlisten = []").websocket.listen == ()
    assert Configuration().websocket.listen == (":8084",)


def test_every_value_arrives() -> None:
    text = """
        listen = ["127.0.0.1:1", "[::1]:2"]
        [websocket]
        listen = [":8084", "[::1]:4"]
        origins = ["https://Dashboard.example.com:443", "http://localhost:3000"]
        [tls]
        profile = "modern"
        max_record = 1024
        [certificate]
        names = ["broker.example.com", "192.0.2.7", "2001:db8::1"]
        addresses_as_dns_names = true
        [limits]
        handshake_timeout = 2.5
        connections = 7
        [log]
        level = "debug"
        [[access]]
        device = "sensor-*"
        deny = ["publish"]
        topics = ["private/#"]
        [[access]]
        allow = ["subscribe", "publish"]
        topics = ["rooms/{device}/+", "{role}/{client_id}"]
    """
    read = parse(text)
    assert read.listen == ("127.0.0.1:1", "[::1]:2")
    assert read.websocket == config.WebSocketSettings(
        listen=(":8084", "[::1]:4"), origins=("https://dashboard.example.com", "http://localhost:3000")
    )
    assert read.tls == config.TLSSettings(profile="modern", max_record=1024)
    assert read.certificate.names == ("broker.example.com", "192.0.2.7", "2001:db8::1")
    assert read.certificate.addresses_as_dns_names
    assert read.limits == Limits(handshake_timeout=2.5, connections=7)
    assert read.log.level == "debug"
    assert read.access == (
        Rule(None, "sensor-*", "deny", frozenset({"publish"}), ("private/#",)),
        Rule(None, None, "allow", ACTIONS, ("rooms/{device}/+", "{role}/{client_id}")),
    )


PLAINTEXT = '[[listener]]\naddress = "{}"\nauth = "password"\nplaintext = true'


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ('lisen = ":8883"', "there is no key 'lisen'", "did you mean 'listen'?"),
        ("[limits]\npaket_size = 1", "[limits] has no key 'paket_size'", "did you mean 'packet_size'?"),
        ("[tls]\nzzz = 1", "[tls] has no key 'zzz'", "remove it"),
        ("tls = 3", "tls is 3; it must be a table", "write [tls]"),
        ('listen = ":8883"', "it must be a list of texts", "listen = ["),
        ("listen = []", "listen is empty", ":8883"),
        ('listen = ["8883"]', "no port", "127.0.0.1:8883"),
        ('[websocket]\nlisten = ["8084"]', "[websocket] listen cannot be used", "127.0.0.1:8883"),
        ('[websocket]\nlisten = [":8883"]', "':8883', which is taken already", "another port"),
        ('[[listener]]\naddress = ":8084"', "[websocket] listen has ':8084', which is taken already", "listen = []"),
        ('[websocket]\nlisten = [":1", ":1"]', "[websocket] listen has ':1' twice", "remove one"),
        ('[[listener]]\naddress = ":1"\nwebsocket = true', "has no key 'websocket'", ""),
        ('[websocket]\norigins = ["*"]', "has '*', which is no origin of a web page", "https://dashboard"),
        ('[websocket]\norigins = ["https://a/b"]', "which is no origin of a web page", "without a path"),
        ("[websocket]\norigin = []", "[websocket] has no key 'origin'", "did you mean 'origins'?"),
        ("[limits]\nconnections = true", "connections is true; it must be a whole number from 1", ""),
        ("[limits]\nconnections = 1.5", "must be a whole number", ""),
        (
            "[limits]\nconnections = 0",
            "connections is 0; it must be a whole number from 1 to 10_000_000",
            "connections = 10_000",
        ),
        (
            "[limits]\nhandshake_timeout = nan",
            "handshake_timeout is nan; it must be a number from 1 to 600",
            "handshake_timeout = ",
        ),
        ("[limits]\nfirst_packet_size = 2_000_000", "first_packet_size is above packet_size (1048576)", "lower it"),
        ('[[listener]]\nauth = "password"', "[[listener]] 1: address is missing", ":8885"),
        ('[[listener]]\nadress = ":1"', "[[listener]] 1: has no key 'adress'", "did you mean 'address'?"),
        ('[[listener]]\naddress = ":1"\nauth = "passwort"', 'it must be "certificate" or "password"', ""),
        ('[[listener]]\naddress = "1"', "[[listener]] 1: address cannot be used: '1' has no port", "127.0.0.1:8883"),
        ("listener = 3", "listener must be a list of tables", "[[listener]]"),
        ('listen = [":1", ":1"]', "listen has ':1' twice", "remove one"),
        ('listen = [":1"]\n[[listener]]\naddress = ":1"', "[[listener]] 1: address ':1' is taken already", "its own"),
        ('[[listener]]\naddress = "127.0.0.1:1"\nplaintext = true', "= true cannot be together with auth", "password"),
        (PLAINTEXT.format(":1"), "which other machines can reach", "anybody_may_read_this = true"),
        (PLAINTEXT.format("192.0.2.7:1"), "which other machines can reach", 'address = "127.0.0.1:1"'),
        (PLAINTEXT.format("localhost:1"), "which other machines can reach", 'address = "127.0.0.1:1"'),
        ('[[listener]]\naddress = ":1"\nanybody_may_read_this = true', "is for plaintext = true alone", "remove it"),
        ('[log]\nlevel = "loud"', 'level is \'loud\'; it must be "debug" or "info"', ""),
        ('[tls]\nprofile = ["modern"]', 'it must be "default" or "modern"', ""),
        ("[tls]\nmax_record = 16385", "it must be a whole number from 512 to 16_384", "max_record = 16_384"),
        ('[certificate]\nnames = ["*.example.com"]', "neither an address nor a host's name", "without port"),
        ('[certificate]\nnames = ["300.1.1.1"]', "neither an address nor a host's name", "without port"),
        ("[certificate]\naddresses_as_dns_names = 1", "it must be true or false", ""),
        ("access = 1", "must be a list of rules", "[[access]]"),
        ('[[access]]\ntopics = ["a"]', "[[access]] rule 1: allow or deny is needed", "allow = ["),
        ('[[access]]\nallow = ["publish"]\ndeny = ["publish"]\ntopics = ["a"]', "only one of them", ""),
        ('[[access]]\nallow = ["publish"]', "topics is missing or empty", ""),
        ('[[access]]\nallow = []\ntopics = ["a"]', "allow is missing or empty", ""),
        ('[[access]]\nallow = ["read"]\ntopics = ["a"]', 'allow has \'read\'; it must be "publish" or "subscribe"', ""),
        ('[[access]]\nrole = "a"\ndevice = "b"\nallow = ["publish"]\ntopics = ["a"]', "both given", "two rules"),
        (
            '[[access]]\naccount = "a"\ndevice = "b"\nallow = ["publish"]\ntopics = ["a"]',
            "device and account are both",
            "",
        ),
        ('[[access]]\nallow = ["publish"]\ntopics = ["{device}/{account}"]', "both a device and an account", ""),
        ('[[access]]\nrole = ""\nallow = ["publish"]\ntopics = ["a"]', "must be a text with something in it", ""),
        (
            '[[access]]\nrole = "devices"\ndeny = ["publish"]\ntopics = ["a"]',
            "role is 'devices'; it must",
            "mean 'device'?",
        ),
        ('[[access]]\nrole = "pump"\nallow = ["publish"]\ntopics = ["a"]', "role is 'pump'", "a name goes into device"),
        ('[[access]]\ndeny = ["subscribe"]\ntopics = ["$share/g/a"]', "a shared subscription", "behind the group"),
        ('[[access]]\ndeny = ["publish"]\ntopics = ["$own-{client_id}/a"]', "begins with '$'", "in between"),
        ('[[access]]\nallow = ["publish"]\ntopics = ["a/#/b"]', "'a/#/b', which is no topic filter", ""),
        ('[[access]]\nallow = ["publish"]\ntopics = ["a/{devise}"]', "in place of {devise}", "did you mean {device}?"),
        ('[[access]]\nalow = ["publish"]', "[[access]] rule 1: has no key 'alow'", "did you mean 'allow'?"),
        ("level = info", "is not valid TOML", "quotation marks"),
        ("n = " + "9" * 5000, "is not valid TOML", ""),
        ("a = " + "[" * 100_000, "nested too deeply", ""),
    ],
)
def test_mistakes_are_named(text: str, what: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "here.toml")
    assert caught.value.what.startswith("here.toml")
    assert what in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":8883", (None, 8883)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:8883", ("::1", 8883)),
        ("[fe80::1%eth0]:8883", ("fe80::1%eth0", 8883)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses_are_understood(text: str, expected: tuple[str | None, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "8883", "localhost", ":", ":x", ":65536", ":-1", "::1:8883", "[::1]", "[1.2.3.4]:1", "1.2.3:1", "a b:1"],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    assert "127.0.0.1:8883" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "why", "remedy"),
    [
        ("[log]\nlevel = “info”", "column 9): 'level = “info”'", "straight quotation marks"),
        ("[tls]\n[limits]\n[tls]", "twice (at line 3, column 5): '[tls]'", "keep one of the two"),
        ("[[access]]\n[access]", "twice (at line 2, column 8): '[access]'", "double brackets"),
        ("[tls\nmax_record = 512", "column 5): '[tls'", "close it like it was opened"),
        ('listen = [":1"', "Unclosed array (at end of document)", "each [ needs its ]"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line_and_what_mends_it(text: str, why: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match="is not valid TOML") as caught:
        parse(text, "here.toml")
    assert why in caught.value.why
    assert remedy in caught.value.remedy


def test_an_error_that_knows_what_was_meant_does_not_hide_it_in_a_long_list() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("[limits]\npaket_size = 1")
    assert (caught.value.why, caught.value.remedy) == ("", "did you mean 'packet_size'?")
    with pytest.raises(ConfigError, match="no key 'zzz'") as caught:
        parse("[limits]\nzzz = 1")
    assert "packet_size" in caught.value.why


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration") as caught:
        config.load(tmp_path / "sealmq.toml")
    assert "sealmq up" in caught.value.remedy


def test_a_folder_and_a_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        config.load(tmp_path / "picture")


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "sealmq.toml").write_text('[log]\nlevel = "error"\n')
    assert config.load(str(tmp_path / "sealmq.toml")).log.level == "error"


LITTLE_KEYS = (
    "profile",
    "max_record",
    "names",
    "level",
    "role",
    "device",
    "account",
    "address",
    "auth",
    "plaintext",
    "anybody_may_read_this",
    "allow",
    "deny",
    "topics",
    "wrong",
)
KEYS = st.sampled_from([*(each.name for each in fields(Configuration)), *config.LIMIT_RANGES, *LITTLE_KEYS])
TEXTS = st.one_of(
    st.sampled_from(["publish", ":8883", "modern", "debug", "devices/{device}/#", "{x}", "a/#/b", ""]),
    st.text(max_size=8),
)
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(), TEXTS, st.datetimes(), st.dates(), st.times())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw loads Unicode's tables
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_toml_holds_the_answer_is_a_configuration_or_a_config_error(document: dict[str, object]) -> None:
    try:
        read = config._configuration(config.Table(document, "fuzz", ""))
    except ConfigError as error:
        assert error.what  # noqa: PT017
        assert "\n" not in error.what  # noqa: PT017
    else:
        assert isinstance(read, Configuration)


@given(st.text(max_size=200))
def test_whatever_text_the_answer_is_a_configuration_or_a_config_error(text: str) -> None:
    try:
        parse(text)
    except ConfigError:
        pass
