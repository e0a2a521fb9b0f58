from __future__ import annotations

import pytest

from cheating_middlewares import Cheating, Lossy
from middleware_material import material
from sealmq.errors import TLSError
from sealmq.kit.middleware.throughput import MESSAGES, ThroughputCourse
from sealmq.tls.middleware import TLS13
from sealmq.tls.middlewares import find
from tls_pairs import Trust


def test_larger_messages_are_fewer_and_more_bytes(trust: Trust) -> None:
    courses = [ThroughputCourse(find("openssl"), material(trust).good, size) for size in (MESSAGES[0], MESSAGES[-1])]
    for course in courses:
        course.run(0.0)
    small, large = (course.figures for course in courses)
    assert small.version == TLS13
    assert small.messages > large.messages
    assert small.rate < large.rate
    assert large.rate == pytest.approx(large.messages * 16_384)


def test_a_message_that_comes_otherwise_is_found(trust: Trust) -> None:
    course = ThroughputCourse(Cheating(connection=Lossy), material(trust).good, MESSAGES[1])
    with pytest.raises(TLSError, match="as it was sent"):
        course.run(0.0)


def test_without_a_handshake_there_is_nothing_to_measure(trust: Trust) -> None:
    with pytest.raises(TLSError, match="does not carry the name"):
        ThroughputCourse(Cheating(host="elsewhere.example"), material(trust).good, 64)
