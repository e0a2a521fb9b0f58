"""What MQTT can carry."""

import pytest

from sealmq import cli
from sealmq.cli.texts import LONGEST, expect_text, read_bytes
from sealmq.errors import ConfigError


def test_text_and_bytes_that_can_be_carried() -> None:
    expect_text("-i", "h\xe4h" + "x" * (LONGEST - 4))
    assert read_bytes("--will-payload", "h\xe4\udcff") == b"h\xc3\xa4\xff"


@pytest.mark.parametrize(
    ("text", "words"), [("\udcff", "-i is not UTF-8"), ("\xe4" * 32_768, "-i is too long"), ("a\0b", "null character")]
)
def test_text_that_cannot_be_carried(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        expect_text("-i", text)


def test_too_many_bytes() -> None:
    with pytest.raises(ConfigError, match="--will-payload is too long"):
        read_bytes("--will-payload", "x" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-t", "\udcff", "-m", "x"], "-t is not UTF-8"),
        (["-t", "a" * 65_536, "-m", "x"], "-t is too long"),
        (["-t", "a", "-m", "x", "-i", "\udcff"], "-i is not UTF-8"),
        (["-t", "a", "-m", "x", "-i", "i" * 65_536], "-i is too long"),
        (["-t", "a", "-m", "x", "--will-topic", "w", "--will-payload", "w" * 65_536], "--will-payload is too long"),
        (["-t", "a", "-m", "x", "--will-topic", "\udcff"], "--will-topic is not UTF-8"),
        (["-t", "a", "-m", "x", "-D", "publish", "content-type", "\udcff"], "-D publish content-type is not UTF-8"),
        (["-t", "a", "-m", "x", "-D", "publish", "user-property", "n", "v" * 65_536], "user-property is too long"),
        (["-t", "a", "-m", "x", "-D", "publish", "correlation-data", "v" * 65_536], "correlation-data is too long"),
    ],
)
def test_pub_names_the_option(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pub", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_sub_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sub", "-t", "\udcff"]) == 2
    assert "TOPIC is not UTF-8" in capsys.readouterr().err
