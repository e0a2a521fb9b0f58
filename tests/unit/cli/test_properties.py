"""-D on the command line."""

from __future__ import annotations

import pytest

from sealmq.cli.properties import fold, read_properties
from sealmq.errors import ConfigError


def read(*words: str) -> dict[str, dict[str, object]]:
    folded = [word for word in fold(words) if word != "-D"]
    return {command: properties.json() for command, properties in read_properties(folded).items()}


def test_properties_arrive_at_their_packets() -> None:
    assert read(
        "-D", "publish", "content-type", "text/plain",
        "-D", "PUBLISH", "message-expiry-interval", "60",
        "-D", "publish", "correlation-data", "abc",
        "-D", "publish", "user-property", "name", "value",
        "-D", "publish", "user-property", "name", "other",
        "-D", "connect", "receive-maximum", "7",
        "-D", "will", "will-delay-interval", "5",
    ) == {
        "publish": {
            "ContentType": "text/plain",
            "MessageExpiryInterval": 60,
            "CorrelationData": "616263",
            "UserProperty": [("name", "value"), ("name", "other")],
        },
        "connect": {"ReceiveMaximum": 7},
        "will": {"WillDelayInterval": 5},
    }  # fmt: skip


def test_other_words_stay_as_they_are() -> None:
    assert fold(["-t", "a", "--", "-D", "x"]) == ["-t", "a", "--", "-D", "x"]
    assert len(fold(["-D", "publish", "user-property", "a", "b", "-t", "c"])) == 4


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-D", "publish"], "needs 3 words"),
        (["-D", "publish", "user-property", "a"], "needs 4 words"),
        (["-D", "publich", "content-type", "a"], "no MQTT command 'publich'"),
        (["-D", "publish", "content-typ", "a"], "no property 'content-typ'"),
        (["-D", "connect", "content-type", "a"], "cannot be sent"),
        (["-D", "publish", "message-expiry-interval", "-1"], "cannot be sent"),
        (["-D", "publish", "message-expiry-interval", "4294967296"], "cannot be sent"),
        (["-D", "connect", "receive-maximum", "65536"], "cannot be sent"),
    ],
)
def test_mistakes_are_named(words: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        read(*words)
    assert caught.value.remedy
