from __future__ import annotations

from pathlib import Path

import pytest

from sealmq.errors import ConfigError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.keylog import read_key_log
from sealmq.kit.handshake.captured import converse, read_key_log_file, report_of_others
from sealmq.kit.handshake.report import Report
from tapped import RecordingTap, Stage, tapped


def report_of(tap: RecordingTap, *, keys: bool) -> Report:
    log = read_key_log(tap.key_log.splitlines()) if keys else None
    conversation = converse(tap.pieces, [(Sender.CLIENT, 1.0), (Sender.SERVER, 1.0)], log)
    return report_of_others(
        conversation, keys=log, client=("192.0.2.1", 5000), server=("192.0.2.2", 8883), began=1.8e9, authorities=None
    )


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_with_the_keys_it_is_told_as_our_own_would_be(stage: Stage, version: str):
    tap = tapped(stage, version, keep_keys=True)
    live = tap.conversation()
    report = report_of(tap, keys=True)
    assert [(row.sender, row.raw) for row in report.messages] == [(one.sender, one.body.hex()) for one in live.messages]
    assert report.meta.seen == "capture"
    assert report.meta.library == "", "whose it was is not known"
    assert report.target.server_name == "localhost"
    assert report.chain is not None
    assert [rule.id for rule in report.chain.rules if rule.id == "proof" and str(rule.verdict) == "ok"] == ["proof"]
    finished = [row.paragraph for row in report.messages if row.name == "Finished"]
    assert len(finished) == 2
    assert all("it is what it must be" in paragraph for paragraph in finished)


def test_without_the_keys_what_is_plain_is_told(stage: Stage):
    report = report_of(tapped(stage, "1.3"), keys=False)
    assert [row.name for row in report.messages][:2] == ["ClientHello", "ServerHello"]
    assert report.chain is None
    assert report.negotiated is not None
    assert report.negotiated.version == "TLS 1.3"
    assert report.fingerprint is not None
    old = report_of(tapped(stage, "1.2"), keys=False)
    assert old.chain is not None, "in TLS 1.2 certificates are plain to see"
    assert old.client_chain is not None


def test_a_key_log_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(ConfigError, match="key log"):
        read_key_log_file(tmp_path / "none")
    file = tmp_path / "keys"
    file.write_bytes(b"\xff\xfe nonsense\nCLIENT_RANDOM zz zz\n")
    assert len(read_key_log_file(file)) == 0
