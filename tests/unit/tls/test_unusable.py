from __future__ import annotations

from pathlib import Path

from sealmq.tls.unusable import no_anchor, unusable_anchors, unusable_crl, unusable_pair, unusable_root


def test_each_says_what_cannot_be_used_and_why(tmp_path: Path) -> None:
    assert "root.pem" in unusable_root(tmp_path / "root.pem", "no PEM").what
    assert unusable_anchors("no PEM").why == "no PEM"
    assert unusable_crl("no DER").why == "no DER"
    assert "not a CA's" in no_anchor().what


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    chain, key = tmp_path / "a.pem", tmp_path / "a.key"
    assert str(chain) in unusable_pair(chain, key, "whatever").what
    chain.touch()
    refused = unusable_pair(chain, key, "whatever")
    assert refused.what == f"{key} cannot be read"
    assert refused.why == "No such file or directory"
    key.touch()
    refused = unusable_pair(chain, key, "the two do not match")
    assert "cannot be used together" in refused.what
    assert refused.why == "the two do not match"
