"""The rows of plaintext MQTT, and of attacks."""

from __future__ import annotations

import pytest

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.exposures import attempt_exposures, exposures_of_plaintext
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.sight import Attempt, Sight
from sealmq.kit.handshake.exposures import TITLES


def test_all_rows_are_there_and_say_what_was_read() -> None:
    sight = Sight(1, Kind.PLAINTEXT, packets=3, topics=["'a'", "'b'", "'c'", "'d'"], filters=["'#'"])
    sight.example, sight.client_id, sight.user_name = "'a': 'ON'", "'x'", "'u'"
    sight.password, sight.keep_alive = "8 characters, in clear", 60
    sight.publishes[Sender.CLIENT] = 2
    rows = {one.id: one for one in exposures_of_plaintext(sight)}
    assert list(rows) == list(TITLES)
    assert rows["SNF-01"].value == "3 packets; published to 'a', 'b', 'c' ...; subscribed to '#'; read: 'a': 'ON'"
    assert rows["SNF-02"].value == "client id 'x', user name 'u', password 8 characters, in clear"
    assert rows["SNF-08"].value == "exact: 2 messages; keep alive 60 s"
    assert {id_ for id_, one in rows.items() if not one.visible} == {"SNF-03", "SNF-04", "SNF-05", "SNF-06"}


def test_without_a_connect_no_name_is_open() -> None:
    rows = {one.id: one for one in exposures_of_plaintext(Sight(1, Kind.PLAINTEXT))}
    assert not rows["SNF-02"].visible
    assert not rows["SNF-07"].visible


@pytest.mark.parametrize(
    ("open_", "verdict", "possible"),
    [(True, "taken", True), (True, "unknown", True), (True, "refused", False),
     (False, "taken", True), (False, "unknown", False), (False, "refused", False)],
)  # fmt: skip
def test_a_row_of_an_attack_is_open_when_it_worked(open_: bool, verdict: str, possible: bool) -> None:
    for how, place in (("flip", 0), ("replay", 1)):
        sight = Sight(1, attempt=Attempt(how, "it was done", 0.0, verdict, "and so it went"))
        rows = attempt_exposures(sight, open_=open_)
        assert rows[place].visible is possible
        assert rows[place].value == "it was done: and so it went"
        assert rows[1 - place].visible is open_
