from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.dissect.registry import GROUP_KINDS, tell_group
from sealmq.kit.handshake.hellos import hello
from sealmq.kit.handshake.post_quantum import DRAFTS, HYBRIDS, tell_exchange, tell_hello

X25519, MLKEM768, HYBRID = 0x001D, 0x0201, 0x11EC
ECDSA, MLDSA65 = 0x0403, 0x0905
HYBRID_SHARE = (HYBRID, 1216)


def hello_with(*shares: tuple[int, int]) -> ClientHello:
    """A hello with key shares of these groups and lengths."""
    listed = b"".join(struct.pack(">HH", group, length) + bytes(length) for group, length in shares)
    return read_client_hello(hello(extensions={51: struct.pack(">H", len(listed)) + listed})[5:])


def test_every_hybrid_group_that_has_a_name_has_its_halves() -> None:
    assert set(HYBRIDS) == {code for code, kind in GROUP_KINDS.items() if kind == "hybrid post-quantum"}
    assert tell_group(HYBRID) == "X25519MLKEM768"


def test_a_hybrid_is_told_with_what_it_adds_and_what_it_does_not() -> None:
    said = tell_exchange(HYBRID, 1216, 1120, [ECDSA, ECDSA])
    assert "x25519, and ML-KEM-768" in said
    assert "1,216 and 1,120 bytes, where x25519 alone takes 32 and 32" in said
    assert said.count("ecdsa_secp256r1_sha256, which is not post-quantum") == 1
    assert not said.endswith(".")


def test_a_draft_is_told_as_one() -> None:
    for group in DRAFTS:
        assert "a draft" in tell_exchange(group, 1216, 1120, [])
    assert "draft" not in tell_exchange(HYBRID, 1216, 1120, [])


@pytest.mark.parametrize(("schemes", "honest"), [([], False), ([MLDSA65], False), ([MLDSA65, ECDSA], True)])
def test_signatures_are_spoken_of_only_where_they_were_seen_and_are_classical(schemes: list[int], honest: bool) -> None:
    assert ("not post-quantum" in tell_exchange(HYBRID, 1216, 1120, schemes)) is honest


def test_ml_kem_alone_is_not_called_a_hybrid() -> None:
    said = tell_exchange(MLKEM768, 1184, 1088, [ECDSA])
    assert "ML-KEM alone" in said
    assert "two exchanges" not in said


@pytest.mark.parametrize(
    ("shares", "alone"), [([HYBRID_SHARE], 1500 - 1216 + 32), ([HYBRID_SHARE, (X25519, 32)], 1500 - 1216 - 4)]
)
def test_the_hello_is_told_beside_one_with_the_curve_alone(shares: list[tuple[int, int]], alone: int) -> None:
    first, second = tell_hello(hello_with(*shares), 1500, HYBRID, 1210)
    assert first == (
        "X25519MLKEM768 makes the client's hello 1,500 bytes, 2 TCP segments of 1,460 bytes or 3 of 536; "
        f"with x25519 alone it would be {alone}, 1 or 1"
    )
    assert "ServerHello 1,210 bytes" in second


def test_a_share_that_was_not_taken_was_sent_for_nothing() -> None:
    assert list(tell_hello(hello_with((X25519, 32)), 300, X25519, 122)) == []
    said = list(tell_hello(hello_with(HYBRID_SHARE, (X25519, 32)), 1500, X25519, 122))
    assert "the 1,216 bytes of X25519MLKEM768 were sent for nothing" in said[1]
    assert len(list(tell_hello(hello_with(HYBRID_SHARE), 1500, 0, 0))) == 1, "nobody answered"


def test_real_hellos_with_a_hybrid_share_are_told() -> None:
    vectors = json.loads((Path(__file__).parents[3] / "vectors" / "client_hellos.json").read_text())["clients"]
    told = {}
    for key, one in vectors.items():
        body = bytes.fromhex(one["hello"])
        told[key] = list(tell_hello(read_client_hello(body), len(body), 0, 0))
    assert {key for key, said in told.items() if said} >= {"pyopenssl", "chromium", "rustls"}
    assert told["openssl"] == told["mbedtls"] == []
    assert "X25519MLKEM768 makes the client's hello 1,944 bytes" in told["chromium"][0]
