"""`sealmq middleware`: what is here, what it can do, what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sealmq import cli
from sealmq.cli.middleware import SHOWN, _folded, _in_words, _sides
from sealmq.errors import MiddlewareError
from sealmq.tls.middleware import BOTH, TLS12, Abilities, Middleware
from sealmq.tls.middlewares import EXACT, NAMES, find


@pytest.fixture
def without_wolfssl(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As it is where the library is missing."""

    def load() -> Middleware:
        raise MiddlewareError("libwolfssl is not here", why="it is nowhere", remedy="apt install libwolfssl35")

    monkeypatch.setattr("sealmq.tls.wolfssl.middleware.load", load)
    find.cache_clear()
    yield
    find.cache_clear()


def test_all_are_shown_by_their_exact_names() -> None:
    assert {*SHOWN} == {*NAMES, *EXACT} - {"mbedtls"}


@pytest.mark.usefixtures("without_wolfssl")
def test_each_is_told_with_what_it_can_do_or_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["middleware"]) == 0
    blocks = dict(zip(SHOWN, capsys.readouterr().out.rstrip().split("\n\n"), strict=True))
    assert blocks["openssl"].startswith(
        f"openssl: {find().abilities.title} (the default)\n  licence       Apache-2.0\n"
    )
    assert "  TLS           1.2, 1.3\n" in blocks["openssl"]
    assert blocks["wolfssl"].startswith("wolfssl: not here\n  why           libwolfssl is not here (it is nowhere)")
    assert "\n  next          apt install libwolfssl35" in blocks["wolfssl"]


def test_in_a_terminal_long_sentences_go_on_below_where_they_began(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "  cannot        it takes no revocation list: a revoked device is refused later, and does not hear why"
    assert _folded(line) == line
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    first, *others = _folded(line).splitlines()
    assert first == "  cannot        it takes no revocation list: a revoked"
    assert others
    assert all(each.startswith(" " * 16) and len(each) <= 60 for each in others)


@pytest.mark.usefixtures("without_wolfssl")
def test_programs_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["middleware", "--json"]) == 0
    said = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert list(said) == list(SHOWN)
    assert said["openssl"]["default"]
    assert said["openssl"]["versions"] == ["TLSv1.2", "TLSv1.3"]
    assert said["openssl"]["resumption"] == {"device": ["TLSv1.2", "TLSv1.3"], "broker": ["TLSv1.2", "TLSv1.3"]}
    assert not said["wolfssl"]["here"]
    assert said["wolfssl"]["remedy"]


def test_the_poorer_and_the_richer() -> None:
    poor = Abilities(
        "Old 1.0",
        "MIT",
        versions=frozenset((TLS12,)),
        psk_client=frozenset((TLS12,)),
        addresses=False,
        revocation=False,
        names_group=False,
        cannot=("TLS 1.3: it is old",),
    )
    words = list(_in_words("mbedtls-2.28", poor))
    assert words[0] == "mbedtls-2.28: Old 1.0"
    for line in (
        "  TLS           1.2",
        "  post-quantum  no hybrid group",
        "  PSK           as device 1.2, as broker none",
        "  resumption    none",
        "  addresses     not compared: dial names only",
        "  group         not told",
        "  the revoked   refused behind the handshake, by the registry",
        "  key log       no",
        "  cannot        TLS 1.3: it is old",
    ):
        assert line in words
    rich = Abilities("New 1.0", "MIT", hybrid_groups=("X25519MLKEM768",), psk_client=BOTH, psk_server=BOTH)
    assert "  post-quantum  X25519MLKEM768" in list(_in_words("pyopenssl", rich))
    assert _sides(BOTH, BOTH) == "1.2, 1.3, as device and as broker"
    missing = list(_in_words("wolfssl", MiddlewareError("it is missing", why="no file", remedy="apt install x")))
    assert missing == ["wolfssl: not here", "  why           it is missing (no file)", "  next          apt install x"]


def test_commands_stand_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["middleware", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "compare" in shown
    assert "build" in shown
    assert cli.run(["middleware", "bulid"]) == 2
