from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.tcp.origins import may_connect, normal_origin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.COM:443", "https://example.com"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:08443", "https://localhost:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("null", None),
        ("*", None),
        ("", None),
        ("example.com", None),
        ("https://example.com/", None),
        ("https://user@example.com", None),
        ("https://example.com:port", None),
        ("https://::1", None),
        ("https://a b", None),
        ("https://a\n", None),
    ],
)
def test_an_origin_has_one_spelling(text: str, expected: str | None) -> None:
    assert normal_origin(text) == expected


@pytest.mark.parametrize(
    ("origin", "host", "answer"),
    [
        ("https://broker:8084", "broker:8084", True),
        ("https://Broker:8084", "broker:8084", True),
        ("https://broker", "broker:443", True),
        ("https://broker", "broker:8084", False),  # another port is another origin
        ("http://broker:8084", "broker:8084", False),
        ("https://evil.example", "broker:8084", False),
        ("https://broker:8084.evil.example", "broker:8084", False),
        ("https://dashboard.example:8443", "broker:8084", True),
        ("null", "broker:8084", False),
        ("", "", False),
        ("https://", "", False),
    ],
)
def test_own_pages_and_named_ones_may_connect(origin: str, host: str, answer: bool) -> None:
    assert may_connect(origin, host, {"https://dashboard.example:8443"}) is answer


@given(st.text(), st.text())
def test_nothing_that_a_stranger_writes_raises(origin: str, host: str) -> None:
    assert may_connect(origin, host, ()) in (True, False)
    normal = normal_origin(origin)
    assert normal is None or normal_origin(normal) == normal
