from __future__ import annotations

from pathlib import Path

import pytest

import reports
from sealmq.cli.handshake_output import Outputs, write_text
from sealmq.errors import ConfigError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.dial import Call, Piece, Seen


def outputs(**more: object) -> Outputs:
    return Outputs(**({"verbosity": 0, "as_json": False} | dict.fromkeys(("html", "svg", "mermaid", "pcapng")) | more))  # type: ignore[arg-type]


def test_a_missing_folder_is_told_before_anything_is_dialled(tmp_path: Path) -> None:
    for name in ("html", "svg", "mermaid", "pcapng"):
        with pytest.raises(ConfigError, match="no folder"):
            outputs(**{name: tmp_path / "none" / "file"}).check()
    outputs(html=tmp_path / "file", mermaid=Path("-")).check()


def test_keys_do_not_go_to_stdout() -> None:
    with pytest.raises(ConfigError, match="goes into a file"):
        outputs(pcapng=Path("-")).check()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_text(tmp_path, "text")


def test_a_page_is_written_and_the_terminal_is_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs(html=tmp_path / "a.html").write(reports.good())
    assert (tmp_path / "a.html").stat().st_size > 10_000
    assert capsys.readouterr().out


def test_where_nothing_was_connected_there_is_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs(pcapng=tmp_path / "a.pcapng").write_capture(Seen(Call(host="a", port=1), 0.0))
    assert "no connection to capture" in capsys.readouterr().err
    assert not (tmp_path / "a.pcapng").exists()


def test_a_capture_without_keys_is_not_called_one_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen(Call(host="a", port=8883), 0.0, pieces=[Piece(Sender.CLIENT, b"hello", 0.1)], library="wolfSSL 5.9.2")
    seen.local, seen.remote = ("127.0.0.1", 50_000), ("127.0.0.1", 8883)
    outputs(pcapng=tmp_path / "a.pcapng").write_capture(seen)
    assert "holds no keys, as wolfSSL 5.9.2 gives none" in capsys.readouterr().err
    assert (tmp_path / "a.pcapng").exists()
