from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.tls.hearing import LARGEST_CERTIFICATE, hear, leaf_of


class Heard:
    leaf = b""
    alert: int | None = None
    alert_sent = True


def length(data: bytes) -> bytes:
    return len(data).to_bytes(3, "big") + data


def message(*certificates: bytes, tls13: bool, context: bytes = b"") -> bytes:
    entries = b"".join(length(one) + (b"\0\0" if tls13 else b"") for one in certificates)
    body = (bytes([len(context)]) + context if tls13 else b"") + length(entries)
    return b"\x0b" + length(body)


@pytest.mark.parametrize("tls13", [False, True])
def test_the_first_certificate_is_the_peers(tls13: bool) -> None:
    assert leaf_of(message(b"leaf", b"issuer", tls13=tls13), tls13=tls13) == b"leaf"
    assert leaf_of(message(b"leaf", tls13=tls13), tls13=tls13) == b"leaf"
    assert leaf_of(message(tls13=tls13), tls13=tls13) == b""


def test_a_request_context_is_stepped_over() -> None:
    assert leaf_of(message(b"leaf", tls13=True, context=b"abc"), tls13=True) == b"leaf"


@pytest.mark.parametrize("tls13", [False, True])
def test_lengths_that_lie_give_nothing(tls13: bool) -> None:
    whole = message(b"leaf" * 10, tls13=tls13)
    for cut in range(len(whole) - (2 if tls13 else 0)):
        assert leaf_of(whole[:cut], tls13=tls13) == b""


def test_an_absurdly_long_certificate_is_not_kept() -> None:
    assert leaf_of(message(b"x" * LARGEST_CERTIFICATE, tls13=True), tls13=True) != b""
    assert leaf_of(message(b"x" * (LARGEST_CERTIFICATE + 1), tls13=True), tls13=True) == b""


@given(st.binary(max_size=80), st.booleans())
def test_nothing_that_a_peer_sends_raises(noise: bytes, tls13: bool) -> None:
    leaf = leaf_of(noise, tls13=tls13)
    assert leaf in noise


def test_only_the_peers_certificate_and_the_alerts_are_kept() -> None:
    heard = Heard()
    certificate = message(b"leaf", tls13=False)
    hear(heard, "write", 0x303, 22, 11, certificate)  # type: ignore[arg-type]
    hear(heard, "read", 0x303, 22, 1, certificate)  # type: ignore[arg-type]
    hear(heard, "read", 0x303, 256, 22, b"\x16\x03\x03\0\0")  # type: ignore[arg-type]
    assert (heard.leaf, heard.alert) == (b"", None)
    hear(heard, "read", 0x303, 22, 11, certificate)  # type: ignore[arg-type]
    hear(heard, "read", 0x303, 21, 42, b"\x02\x2a")  # type: ignore[arg-type]
    assert (heard.leaf, heard.alert, heard.alert_sent) == (b"leaf", 42, False)
    hear(heard, "write", 0x303, 21, 48, b"\x02\x30")  # type: ignore[arg-type]
    assert (heard.alert, heard.alert_sent) == (48, True)
