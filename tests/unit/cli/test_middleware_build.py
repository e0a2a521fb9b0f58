from __future__ import annotations

from pathlib import Path

import pytest

from sealmq import cli


def test_what_cannot_be_built_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["middleware", "build", "wolfssl"]) == 2
    assert "not built from source" in capsys.readouterr().err
    assert cli.run(["middleware", "build", "mbedtls", "--sources", str(tmp_path)]) == 2
    assert "holds no sources of Mbed TLS" in capsys.readouterr().err


def test_what_was_built_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiling itself is what `make test` does first (Makefile)."""

    class Library:
        version = "3.6.6"

    def build(sources: Path | None, out: Path, *, progress: object) -> Path:
        assert callable(progress)
        progress(1, 2)
        return out / "built.so"

    monkeypatch.setenv("SEALMQ_MIDDLEWARE_DIR", str(tmp_path))
    monkeypatch.setattr("sealmq.tls.mbedtls3.build.build", build)
    monkeypatch.setattr("sealmq.tls.mbedtls3.library.load_from", lambda path: Library)
    assert cli.run(["middleware", "build", "mbedtls"]) == 0
    assert f"Mbed TLS 3.6.6 is in {tmp_path / 'built.so'}" in capsys.readouterr().out
