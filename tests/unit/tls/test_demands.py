from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from middleware_pairs import DEVICE_PSK, client_material
from sealmq.errors import ConfigError, MiddlewareError
from sealmq.tls.demands import expect_client, expect_name, expect_policy, expect_server, versions_of
from sealmq.tls.middleware import BOTH, PSK, Abilities, ClientMaterial, ServerMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust

OLD = Abilities("Old 1.0", "MIT", versions=frozenset({"TLSv1.2"}), addresses=False)
ABLE = Abilities("New 2.0", "MIT", hybrid_groups=("X25519MLKEM768",), psk_client=BOTH, psk_server=BOTH)


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        (TLSPolicy(), {"TLSv1.2", "TLSv1.3"}),
        (TLSPolicy(profile="modern"), {"TLSv1.3"}),
        (TLSPolicy(profile="post-quantum"), {"TLSv1.3"}),
        (TLSPolicy(highest="TLSv1.2"), {"TLSv1.2"}),
    ],
)
def test_the_versions_of_a_policy(policy: TLSPolicy, versions: set[str]) -> None:
    assert versions_of(policy) == versions


def test_a_version_that_the_library_lacks_is_refused() -> None:
    assert expect_policy("old", OLD, TLSPolicy()) == {"TLSv1.2"}
    with pytest.raises(MiddlewareError, match=r"the middleware old cannot speak TLSv1\.3") as raised:
        expect_policy("old", OLD, TLSPolicy(profile="modern"))
    assert raised.value.why == "Old 1.0 has TLSv1.2 here"


def test_a_hybrid_group_that_the_library_lacks_is_refused() -> None:
    with pytest.raises(MiddlewareError, match="post-quantum") as raised:
        expect_policy("old", replace(OLD, versions=BOTH), TLSPolicy(profile="post-quantum"))
    assert "pyopenssl" in raised.value.remedy
    assert expect_policy("new", ABLE, TLSPolicy(profile="post-quantum")) == {"TLSv1.3"}


def test_psk_where_there_is_none_is_refused() -> None:
    with pytest.raises(MiddlewareError, match="no PSK for a listener"):
        expect_server("old", OLD, TLSPolicy(), ServerMaterial(psk={}.get))
    with pytest.raises(MiddlewareError, match="no PSK for a device"):
        expect_client("old", OLD, TLSPolicy(), ClientMaterial(psk=DEVICE_PSK))
    assert expect_server("new", ABLE, TLSPolicy(), ServerMaterial(psk={}.get)) == BOTH
    partly = replace(ABLE, psk_client=frozenset({"TLSv1.2"}))
    assert expect_client("partly", partly, TLSPolicy(), ClientMaterial(psk=DEVICE_PSK)) == {"TLSv1.2"}


def test_a_device_trusts_somebody_and_in_one_way() -> None:
    with pytest.raises(ConfigError, match="which broker is to be trusted"):
        expect_client("new", ABLE, TLSPolicy(), ClientMaterial())
    with pytest.raises(ConfigError, match="both given"):
        expect_client("new", ABLE, TLSPolicy(), ClientMaterial(root=Path("root.pem"), psk=DEVICE_PSK))


def test_a_name_that_cannot_be_checked_is_not_dialled() -> None:
    expect_name("old", OLD, "localhost")
    expect_name("new", ABLE, "::1")
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(MiddlewareError, match="cannot hold the address"):
            expect_name("old", OLD, address)
    with pytest.raises(ConfigError, match="no name is given"):
        expect_name("new", ABLE, "")


@pytest.mark.parametrize(
    "name", ["broker", "a.b-c.example", "_x.local", "XN--MNCHEN-3YA.example", "m\u00fcnchen.example"]
)
def test_a_name_is_dialled(name: str) -> None:
    expect_name("new", ABLE, name)


@pytest.mark.parametrize(
    "name",
    [".", ".example", "a..b", "*.com", "*", "-a", "a-", "a b", " a", "a\0.evil", "a\n", "a/b", "a.", "a\u3002", "[::1]",
     "127.0.0.1:8883", "x" * 64, ".".join(["x" * 63] * 4) + ".x", "\ud800"],
)  # fmt: skip
def test_what_is_no_name_is_not_dialled(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name that a certificate can carry"):
        expect_name("new", ABLE, name)


@pytest.mark.parametrize("middleware", ["openssl", "pyopenssl"])
def test_every_middleware_asks_before_it_dials(trust: Trust, middleware: str) -> None:
    device = find(middleware).client_context(TLSPolicy(), client_material(trust))
    for name in ("*.com", ".example", "a\0.evil"):
        with pytest.raises(ConfigError, match="is no name that a certificate can carry"):
            device.connection(name)


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_psk_that_can_be_guessed_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="is too short") as raised:
        expect_client("new", ABLE, TLSPolicy(), ClientMaterial(psk=PSK("sensor-1", b"\xa5" * size)))
    assert "a5" not in f"{raised.value.what} {raised.value.why} {raised.value.remedy}"


@pytest.mark.parametrize("identity", ["", "a\0b", "\ud800"])
def test_what_is_no_identity_is_refused(identity: str) -> None:
    with pytest.raises(ConfigError, match="is no identity"):
        expect_client("new", ABLE, TLSPolicy(), ClientMaterial(psk=PSK(identity, bytes(16))))


def test_a_psk_stands_in_no_text() -> None:
    assert DEVICE_PSK.key.hex() not in repr(DEVICE_PSK)
    assert str(DEVICE_PSK.key) not in f"{DEVICE_PSK} {ClientMaterial(psk=DEVICE_PSK)}"
