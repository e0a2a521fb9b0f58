"""The screen of `sealmq up`: what it says must be true, and what it tells to type must work."""

import re
import shlex
from pathlib import Path

import pytest

from sealmq.cli import run
from sealmq.cli.up import _library, _next_commands, _welcome, _where
from sealmq.config import Configuration, TLSSettings
from sealmq.doors import Addresses
from sealmq.home import Home
from sealmq.identity import Terms

HERE = Addresses([("127.0.0.1", 8883)], [])


class StillHome(Home):
    """A home that is not on the disk: what the screen asks for, and no more."""

    def root_fingerprint(self) -> str:
        return ":".join(["AB", "CD"] * 16)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SEALMQ_HOME", str(tmp_path / "elsewhere"))
    return StillHome(tmp_path / "home [red]")


def test_the_fingerprint_is_printed_letter_by_letter(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _welcome(home, HERE, is_new=False)
    assert home.root_fingerprint() in capsys.readouterr().out


def test_where_websocket_is_stands_beside_the_rest(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _welcome(home, Addresses([("127.0.0.1", 8883)], [("127.0.0.1", 8084), ("::", 8084)]), is_new=False)
    shown = capsys.readouterr().out
    assert "listening on    127.0.0.1:8883\n" in shown
    assert "WebSocket on    127.0.0.1:8084\n" in shown
    assert "WebSocket on    port 8084, every IPv6 address of this machine\n" in shown
    _welcome(home, HERE, is_new=False)
    assert "WebSocket" not in capsys.readouterr().out


def test_what_is_asked_stands_behind_an_address_where_it_is_not_the_usual(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    usual, password, plain = ("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", 3)
    terms = {usual: Terms(), password: Terms("password"), plain: Terms("password", plaintext=True)}
    _welcome(home, Addresses([plain, password, usual], [], terms, [("127.0.0.1", 4)]), is_new=False)
    shown = capsys.readouterr().out
    assert "EST (HTTPS) on  127.0.0.1:4\n" in shown
    assert "listening on    127.0.0.1:1\n" in shown
    assert "listening on    127.0.0.1:2 (user name and password)\n" in shown
    assert "listening on    127.0.0.1:3 (user name and password, WITHOUT TLS)\n" in shown
    assert " -p 1 'devices/#'" in shown, "what to type next is for the listener that takes certificates"
    assert "TLS by" not in shown


def test_a_tls_library_is_named_where_it_is_not_the_usual(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    here, small = ("127.0.0.1", 1), ("127.0.0.1", 2)
    bound = Addresses([here, small], [], middleware={small: "mbedtls"})
    _welcome(home, bound, is_new=False, library=_library(Configuration(tls=TLSSettings(middleware="openssl"))))
    shown = capsys.readouterr().out
    assert "listening on    127.0.0.1:1\n" in shown
    assert "listening on    127.0.0.1:2 (TLS by mbedtls)\n" in shown
    assert "  TLS by  " not in shown
    _welcome(home, bound, is_new=False, library="wolfSSL 5.9.2 (middleware wolfssl)")
    assert "  TLS by          wolfSSL 5.9.2 (middleware wolfssl)\n" in capsys.readouterr().out


def test_a_profile_is_named_where_it_is_not_the_usual(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    here, gateway, page = ("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", 3)
    profile = {gateway: "post-quantum", page: "default"}
    bound = Addresses([here, gateway], [page], middleware={gateway: "pyopenssl"}, profile=profile)
    _welcome(home, bound, is_new=False, library=_library(Configuration(tls=TLSSettings(profile="modern"))))
    shown = capsys.readouterr().out
    assert "listening on    127.0.0.1:1\n" in shown
    assert "listening on    127.0.0.1:2 (TLS by pyopenssl, profile post-quantum)\n" in shown
    assert "WebSocket on    127.0.0.1:3 (profile default)\n" in shown
    assert re.search(r"\n  TLS by          OpenSSL [\w.]+ \(profile modern\)\n", shown)


def test_a_middleware_that_there_is_not_is_said_before_a_home_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "home"
    assert run(["up", "--home", str(path), "--middleware", "opensll"]) == 2
    said = capsys.readouterr().err
    assert "there is no middleware 'opensll'" in said
    assert "did you mean 'openssl'?" in said
    assert not path.exists()


def test_a_path_with_brackets_is_printed_as_it_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _welcome(home, Addresses([("0.0.0.0", 8883), ("::", 8883)], [("::", 8084)]), is_new=True)
    assert f"{home.path} (made just now)" in capsys.readouterr().out


def test_a_narrow_terminal_gets_the_fingerprint_in_two_lines(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    _welcome(home, HERE, is_new=False)
    shown = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in shown if line.strip().startswith(("its SHA-256", "AB"))) < 80
    assert sum(line.count("AB:CD") for line in shown) == 16


def test_the_warning_about_the_keys_comes_with_the_keys(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _welcome(home, HERE, is_new=True)
    first = capsys.readouterr().out
    _welcome(home, HERE, is_new=False)
    assert "Guard the folder ca/" in first
    assert "Guard" not in capsys.readouterr().out


def test_the_next_commands_name_the_home_when_it_is_not_the_usual_one(home: Home) -> None:
    for command in _next_commands(home, [("127.0.0.1", 8883)]):
        words = shlex.split(command)
        assert words[words.index("--home") + 1] == str(home.path)


def test_the_next_commands_are_short_in_the_usual_case(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALMQ_HOME", str(home.path))
    assert _next_commands(home, [("0.0.0.0", 8883), ("::", 8883)]) == [
        "sealmq device add sensor-1",
        "sealmq sub 'devices/#'",
        "sealmq pub --as sensor-1 -t devices/sensor-1/temp -m 21.5",
    ]


def test_the_next_commands_name_an_address_that_the_configuration_does_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALMQ_HOME", str(home.path))
    add, sub, pub = _next_commands(home, [("192.0.2.7", 18883)])
    assert add == "sealmq device add sensor-1"
    assert sub == "sealmq sub -h 192.0.2.7 -p 18883 'devices/#'"
    assert "-h 192.0.2.7 -p 18883 --as sensor-1" in pub


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("0.0.0.0", "port 8883, every IPv4 address of this machine"),
        ("::", "port 8883, every IPv6 address of this machine"),
        ("::1", "[::1]:8883"),
        ("127.0.0.1", "127.0.0.1:8883"),
    ],
)
def test_where_it_listens_in_words(host: str, words: str) -> None:
    assert _where(host, 8883) == words
