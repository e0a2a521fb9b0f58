from __future__ import annotations

import pytest

from cheating_middlewares import Babbling
from middleware_pairs import pair
from sealmq.kit.middleware.meeting import EndlessError, Meeting
from tls_pairs import Trust


def test_two_sides_come_together_and_are_counted(trust: Trust) -> None:
    meeting = Meeting(*pair("openssl", "openssl", trust, "TLSv1.2"))
    meeting.settle()
    assert meeting.client.connection.established
    assert meeting.server.connection.established
    assert meeting.flights == 4  # RFC 5246 section 7.3
    assert meeting.client.sent > 500
    assert meeting.server.sent > 500
    assert meeting.client.cpu > 0
    meeting.client.connection.send(b"hello")
    meeting.part()
    assert meeting.server.read == b"hello"
    assert meeting.server.connection.closed
    assert meeting.client.connection.closed


def test_a_refusal_is_kept_and_its_alert_carried(trust: Trust) -> None:
    meeting = Meeting(*pair("openssl", "openssl", trust, host="elsewhere.example"))
    meeting.settle()
    assert meeting.client.error is not None
    assert meeting.server.error is not None
    assert meeting.server.error.alert == meeting.client.error.alert


def test_what_is_on_the_wire_may_be_changed(trust: Trust) -> None:
    meeting = Meeting(*pair("openssl", "openssl", trust))
    meeting.settle(to_server=lambda said: b"HTTP/1.1 200 OK\r\n" + said)
    assert meeting.server.error is not None
    assert "HTTP" in meeting.server.error.what


def test_who_never_falls_silent_is_stopped(trust: Trust) -> None:
    client, server = pair("openssl", "openssl", trust)
    with pytest.raises(EndlessError):
        Meeting(Babbling(client), server).settle()  # type: ignore[arg-type]
