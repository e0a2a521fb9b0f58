from __future__ import annotations

import json
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sealmq import cli
from sealmq.cli.middleware_compare import certificates, read_names
from sealmq.errors import ConfigError, HomeError
from sealmq.home import Home
from sealmq.kit.middleware import memory
from sealmq.kit.middleware.comparing import ALL
from sealmq.kit.middleware.handshaking import HandshakeCourse
from sealmq.pki.profiles import ServerNames
from sealmq.tls.middleware import TLS13
from sealmq.tls.middlewares import find

Shown = pytest.CaptureFixture[str]
NAMES = ServerNames(("localhost",), ("127.0.0.1",))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    with Home.create(path, organization="Example", country="XX", names=NAMES, now=time.time()):
        return path


def test_all_of_it_comes_as_json_and_as_a_chart(tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FEWEST", 5)
    chart = tmp_path / "chart.svg"
    asked = ["middleware", "compare", "--only", "openssl", "--seconds", "2", "--json", "--svg", str(chart)]
    assert cli.run(asked) == 0
    made = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in made["middlewares"]] == ["openssl"]
    assert made["middlewares"][0]["notes"] == []
    assert made["middlewares"][0]["bytes_per_idle_connection"]["server"] > 0
    assert len(made["recommendations"]) == 4
    ElementTree.parse(chart)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--only", "gnutls"], "there is no middleware 'gnutls'"),
        (["--svg", "nowhere/at/all.svg"], "there is no folder for nowhere/at/all.svg"),
        (["--as", "lamp"], "--as and --bundle go with --home"),
        (["--home", "nowhere"], "nowhere"),
    ],
)
def test_what_is_asked_wrongly_is_told(asked: list[str], said: str, capsys: Shown) -> None:
    assert cli.run(["middleware", "compare", *asked]) != 0
    assert said in capsys.readouterr().err


def test_names_are_read_once_each() -> None:
    assert read_names("") == ALL
    assert read_names("wolfssl, openssl,wolfssl") == ("wolfssl", "openssl")
    with pytest.raises(ConfigError):
        read_names("openssl,nothing")


def test_certificates_that_were_made_for_it_go_again() -> None:
    with certificates(None) as good:
        course = HandshakeCourse(find("openssl"), find("openssl"), TLS13, good)
        course.run(0.0)
        assert good.root.exists()
    assert not good.root.exists()


def test_a_home_has_its_own(home: Path) -> None:
    with certificates(home) as good:
        assert good.broker.chain == home / "broker" / "broker.pem"
        HandshakeCourse(find("openssl"), find("openssl"), TLS13, good).run(0.0)
    with pytest.raises(ConfigError, match="no credentials for 'lamp'"), certificates(home, "lamp"):
        pass
    with pytest.raises(HomeError), certificates(home / "elsewhere"):
        pass
    (home / "devices" / "operator" / "device.key").unlink()
    with pytest.raises(ConfigError, match=r"has no device\.key"), certificates(home):
        pass
