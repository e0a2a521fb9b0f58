"""Where pub and sub go when nobody says, and when somebody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealmq.bundle import psk_line
from sealmq.cli.target import (
    Target,
    est_url,
    expect_host,
    find_target,
    home_path,
    listening_address,
    psk_address,
    read_place,
)
from sealmq.errors import ConfigError, EnrollmentError, HomeError
from sealmq.tls.middleware import PSK


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in ("ca", "devices/operator", "devices/sensor-1"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_the_home_says_everything(home: Path) -> None:
    assert find_target(home) == Target(home / "devices" / "operator", "localhost", 8883)
    assert find_target(home, "sensor-1").bundle == home / "devices" / "sensor-1"


def test_a_home_that_nobody_lets_us_see_is_told_in_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = Path.is_dir

    def refuse(path: Path) -> bool:
        if path.name == "operator":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(HomeError, match="cannot be looked into"):
        find_target(home)


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        (":1", ("localhost", 1)),
        ("0.0.0.0:2", ("localhost", 2)),
        ("[::]:3", ("localhost", 3)),
        ("127.0.0.1:4", ("127.0.0.1", 4)),
        ("[::1]:5", ("::1", 5)),
        ("broker.example.com:6", ("broker.example.com", 6)),
    ],
)
def test_the_broker_is_where_the_configuration_listens(home: Path, listen: str, expected: tuple[str, int]) -> None:
    (home / "sealmq.toml").write_text(f'listen = ["{listen}"]')
    assert listening_address(home) == expected


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ('[":1"]', "https://localhost:1/.well-known/est"),
        ('["[::]:3", ":4"]', "https://localhost:3/.well-known/est"),
        ('["[::1]:5"]', "https://[::1]:5/.well-known/est"),
        ('["broker.example.com:6"]', "https://broker.example.com:6/.well-known/est"),
        ("[]", ""),
    ],
)
def test_est_is_where_the_configuration_listens(home: Path, listen: str, expected: str) -> None:
    assert est_url(home) == "https://localhost:8443/.well-known/est"
    (home / "sealmq.toml").write_text(f"[https]\nlisten = {listen}")
    assert est_url(home) == expected


def test_options_win_over_the_home(home: Path) -> None:
    assert find_target(home, None, None, "h", 1) == Target(home / "devices" / "operator", "h", 1)


def test_a_bundle_needs_no_home() -> None:
    assert find_target(Path("/nowhere"), None, Path("b")) == Target(Path("b"), "localhost", 8883)
    assert find_target(None, None, Path("b"), "h", 1) == Target(Path("b"), "h", 1)


def test_mistakes_are_named(home: Path) -> None:
    with pytest.raises(HomeError, match="there is no home"):
        find_target(home / "nowhere")
    with pytest.raises(ConfigError, match="no credentials for 'sensor-2'"):
        find_target(home, "sensor-2")
    with pytest.raises(EnrollmentError):
        find_target(home, "../ca")
    with pytest.raises(ConfigError, match="--as and --bundle"):
        find_target(home, "sensor-1", Path("b"))


def test_the_environment_names_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALMQ_HOME", "/somewhere")
    assert home_path(None) == Path("/somewhere")
    assert home_path(Path("/here")) == Path("/here")


@pytest.mark.parametrize("host", [None, "localhost", "broker.example", "127.0.0.1", "::1", "fe80::1%eth0"])
def test_what_is_a_host(host: str | None) -> None:
    expect_host(host)


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("broker:8883", "-h broker -p 8883"),
        ("mqtts://broker", "-h broker"),
        ("mqtts://broker:1/a", "-h broker -p 1"),
        ("[::1]:8883", "-h ::1 -p 8883"),
        ("[::1]", "-h ::1"),
        (":8883", "-h HOST -p 8883"),
    ],
)
def test_what_is_more_than_a_host(host: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expect_host(host)
    assert caught.value.remedy == remedy


def test_an_account_shows_no_certificate_unless_it_is_said_which(home: Path) -> None:
    root = home / "ca" / "root.pem"
    assert find_target(home, account=True) == Target(None, "localhost", 8883, root), "the broker refuses it, in words"
    (home / "sealmq.toml").write_text(
        'listen = [":1"]\n'
        '[[listener]]\naddress = "127.0.0.1:2"\nauth = "password"\nplaintext = true\n'
        '[[listener]]\naddress = ":3"\nauth = "certificate-and-password"\n'
        '[[listener]]\naddress = ":4"\nauth = "password"\n'
    )
    assert find_target(home, account=True) == Target(None, "localhost", 4, root)
    assert find_target(home, "sensor-1", account=True) == Target(home / "devices" / "sensor-1", "localhost", 3)
    assert find_target(home) == Target(home / "devices" / "operator", "localhost", 1)


def test_a_root_alone_is_for_an_account(home: Path) -> None:
    root = Path("root.pem")
    assert find_target(root=root, account=True, host="h", port=1) == Target(None, "h", 1, root)
    with pytest.raises(ConfigError, match="--cafile is for --username"):
        find_target(root=root)
    with pytest.raises(ConfigError, match="together with --bundle or --as"):
        find_target(None, None, Path("b"), root=root, account=True)
    with pytest.raises(ConfigError, match="together with --bundle or --as"):
        find_target(home, "sensor-1", root=root, account=True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("broker.example", ("broker.example", 8883)),
        ("broker.example:8884", ("broker.example", 8884)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("[::1]:8884", ("::1", 8884)),
        ("[::1]", ("::1", 8883)),
        ("::1", ("::1", 8883)),
        ("mqtts://broker.example:8885", ("broker.example", 8885)),
        ("ssl://broker.example/", ("broker.example", 8883)),
    ],
)
def test_a_broker_is_written_in_many_ways(text: str, place: tuple[str, int]) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize("text", ["", "a:b", "a:0", "a:65536", "http://a", "a b", "a:1:2", "[::1"])
def test_what_is_no_broker_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_place(text)


def test_the_listener_for_psks_is_found_where_there_is_one(home: Path) -> None:
    assert psk_address(home) is None
    (home / "sealmq.toml").write_text('[[listener]]\naddress = ":8886"\nauth = "psk"\n')
    assert psk_address(home) == ("localhost", 8886)


def test_a_pre_shared_key_is_read_from_its_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALMQ_HOME", str(home))
    file = home / "psk.txt"
    file.touch(0o600)
    file.write_bytes(psk_line("small-1", bytes(range(32))))
    key = PSK("small-1", bytes(range(32)))
    assert find_target(psk=file) == Target(None, "localhost", 8883, psk=key)
    assert find_target(psk=file, host="broker", port=1) == Target(None, "broker", 1, psk=key)
    (home / "sealmq.toml").write_text('[[listener]]\naddress = "127.0.0.1:8886"\nauth = "psk"\nmiddleware = "wolfssl"')
    assert find_target(psk=file) == Target(None, "127.0.0.1", 8886, psk=key)
    assert "0001" not in repr(find_target(psk=file))
    for more in ({"name": "sensor-1"}, {"bundle": home}, {"root": home, "account": True}, {"account": True}):
        with pytest.raises(ConfigError, match="--psk-file is given together"):
            find_target(psk=file, **more)  # type: ignore[arg-type]
