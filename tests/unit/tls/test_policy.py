from __future__ import annotations

import ast
import ssl
from pathlib import Path

import pytest

from sealmq.errors import ConfigError
from sealmq.tls import policy
from sealmq.tls.policy import TLSPolicy


def test_each_rule_has_its_reason_below_it() -> None:
    tree = ast.parse(Path(policy.__file__).read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    for at, node in enumerate(body):
        if isinstance(node, ast.AnnAssign):
            reason = body[at + 1]
            assert isinstance(reason, ast.Expr), ast.unparse(node)
            assert len(ast.unparse(reason)) > 80


def test_default_is_tls_12_and_modern_is_13() -> None:
    assert TLSPolicy().minimum_version == ssl.TLSVersion.TLSv1_2
    assert TLSPolicy(profile="modern").minimum_version == ssl.TLSVersion.TLSv1_3


def test_suites_are_ephemeral_and_authenticated() -> None:
    for suite in TLSPolicy().suites:
        assert suite.startswith("ECDHE-")
        assert "GCM" in suite or "CHACHA20" in suite


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("profile", "ancient"),
        ("suites", ()),
        ("tickets", -1),
        ("tickets", 9),
        ("max_record", 63),
        ("max_record", 16385),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(rule: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        TLSPolicy(**{rule: value})  # type: ignore[arg-type]
    assert caught.value.remedy


def test_the_bounds_themselves_are_allowed() -> None:
    assert TLSPolicy(max_record=64, tickets=0).max_record == 64
    assert TLSPolicy(max_record=16384, tickets=8).tickets == 8


def test_hybrid_groups_cannot_be_demanded_and_left_out() -> None:
    assert TLSPolicy(profile="modern", classical=True).classical
    with pytest.raises(ConfigError) as caught:
        TLSPolicy(profile="post-quantum", classical=True)
    assert caught.value.remedy
