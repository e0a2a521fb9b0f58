from __future__ import annotations

from dataclasses import replace

import pytest

from middleware_brokers import abilities, middleware_broker
from sealmq.errors import ConfigError
from sealmq.kit.handshake.comparing import Way, compare, read_ways
from sealmq.kit.handshake.dial import Call
from sealmq.kit.handshake.draw.comparison import Comparison, rows
from sealmq.kit.handshake.report import Kind
from small_brokers import broker, serving
from tapped import Stage


def test_ways_are_words():
    assert read_ways("1.2,1.3, resumed ,mtls") == (
        Way("1.2", version="1.2"),
        Way("1.3", version="1.3"),
        Way("resumed", resumed=True),
        Way("mtls", mutual=True),
    )
    assert read_ways("1.3+classical,post-quantum") == (
        Way("1.3+classical", version="1.3", groups="classical"),
        Way("post-quantum", groups="post-quantum"),
    )
    assert read_ways("1.2+resumed+mtls") == (Way("1.2+resumed+mtls", "1.2", resumed=True, mutual=True),)


@pytest.mark.parametrize("text", ["", ",", "1.4", "1.2+1.3", "fast", "1.2+", "classical+post-quantum"])
def test_others_are_refused(text: str):
    with pytest.raises(ConfigError):
        read_ways(text)


def compared(stage: Stage, *, mutual: bool, ways: str, times: int = 2) -> Comparison:
    with serving(broker(stage.server(mutual=mutual))) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=5)
        told: list[tuple[int, int]] = []
        comparison = compare(call, read_ways(ways), times, tell=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(comparison.columns) * times,) * 2
    return comparison


def test_each_way_is_what_it_says(stage: Stage):
    comparison = compared(stage, mutual=False, ways="1.2,1.3,1.2+resumed,1.3+resumed,mtls")
    agreed = [[report.negotiated for report in column.reports] for column in comparison.columns]
    assert [[one.version for one in column] for column in agreed] == [
        ["TLS 1.2"] * 2, ["TLS 1.3"] * 2, ["TLS 1.2"] * 2, ["TLS 1.3"] * 2, ["TLS 1.3"] * 2,
    ]  # fmt: skip
    assert [[one.resumed for one in column] for column in agreed][2:4] == [[True, True], [True, True]]
    assert not any(column.note for column in comparison.columns)


def test_where_the_broker_demands_a_certificate_all_show_it_and_it_is_said(stage: Stage):
    comparison = compared(stage, mutual=True, ways="1.2,mtls")
    assert [column.note for column in comparison.columns] == ["the broker demands a certificate", ""]
    for column in comparison.columns:
        assert all(report.outcome.kind is Kind.CONNECTED for report in column.reports)
        assert all(report.client_chain is not None for report in column.reports)


def test_mtls_needs_a_certificate(stage: Stage):
    call = Call(host="localhost", port=1, credentials=replace(stage.credentials(), certificate=None, key=None))
    with pytest.raises(ConfigError, match="certificate to show"):
        compare(call, read_ways("mtls"), 1)


def test_post_quantum_stands_beside_a_curve_alone(stage: Stage):
    title = abilities("pyopenssl").title
    if not abilities("pyopenssl").hybrid_groups:
        pytest.skip("this pyOpenSSL has no hybrid group")
    with serving(middleware_broker(stage, "pyopenssl")) as port:
        call = Call(host="localhost", port=port, credentials=stage.credentials(), timeout=10, middleware="pyopenssl")
        comparison = compare(call, read_ways("1.3+classical+mtls,post-quantum+mtls,post-quantum+resumed+mtls"), 2)
    cells = {row.id: [cell.text for cell in row.cells] for row in rows(comparison)}
    assert cells["outcome"] == ["connected"] * 3
    assert cells["group"] == ["x25519", "X25519MLKEM768", "X25519MLKEM768"]
    assert cells["resumed"] == ["no", "no", "yes"]
    assert cells["shares"] == ["64 B", "2,336 B", "2,336 B"]
    assert [int(words.split()[0]) > 1 for words in cells["hello-segments"]] == [False, True, True]
    assert "-" not in cells["processor"]
    assert comparison.library == title


def test_post_quantum_without_a_library_that_has_it_names_one_that_has(stage: Stage):
    call = Call(host="localhost", port=1, credentials=stage.credentials())
    if abilities("openssl").hybrid_groups:
        pytest.skip("this Python has one")
    with pytest.raises(ConfigError) as caught:
        compare(call, read_ways("post-quantum"), 1)
    assert "--middleware pyopenssl" in caught.value.remedy
