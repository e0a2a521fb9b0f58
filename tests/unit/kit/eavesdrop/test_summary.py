"""Many connections become one sum, which stays small."""

from __future__ import annotations

import json

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.exposures import exposures_of_plaintext
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.sight import Attempt, Sight
from sealmq.kit.eavesdrop.summary import MOST_KEPT, Summary, mark
from sealmq.kit.handshake.exposures import TITLES, exposure


def plaintext(number: int, **facts: object) -> Sight:
    sight = Sight(number, Kind.PLAINTEXT, over=1.0 + number, **facts)  # type: ignore[arg-type]
    sight.sent[Sender.CLIENT] = 10
    sight.meters[Sender.CLIENT].add(b"abcd")
    sight.exposures = exposures_of_plaintext(sight)
    return sight


def tls(number: int, version: int) -> Sight:
    return Sight(number, Kind.TLS, version, over=0.5, exposures=(exposure("SNF-03", True, "localhost"),))


def value(summary: Summary, id_: str) -> str:
    return next(one.value for one in summary.plaintext.exposures() if one.id == id_)


def test_both_kinds_stand_side_by_side() -> None:
    summary = Summary()
    for sight in (plaintext(1, client_id="'a'"), tls(2, 0x0304), tls(3, 0x0303), tls(4, 0x0304), tls(5, 0), Sight(6)):
        summary.add(sight)
    assert summary.connections == 6
    assert [title for _, title, _ in summary.sides()] == ["plaintext MQTT", "TLS 1.2", "TLS 1.3", "other TLS"]
    assert summary.sentence().startswith(
        "1 connection of plaintext MQTT, 1 connection of TLS 1.2, 2 connections of TLS 1.3, 1 connection of other TLS, "
        "1 connection of neither; 8 of 12 things lay open in plaintext MQTT; 1 of 12 things lay open in TLS 1.2; "
    )
    assert [one.id for one in summary.tls_1_3.exposures()] == list(TITLES)


def test_what_is_the_same_is_said_once_and_what_differs_is_cut_off() -> None:
    summary = Summary()
    for number in range(5):
        summary.add(plaintext(number, client_id="'a'" if number < 2 else f"'{number}'"))
    assert value(summary, "SNF-02") == "client id 'a' (2 times)\nclient id '2'\nclient id '3'\nand 1 more"
    assert value(summary, "SNF-03") == "not in MQTT; the address is seen"
    assert value(summary, "SNF-11") == "5 connections, of 1.0 s to 5.0 s"
    assert value(summary, "SNF-12").startswith("device: 2.0 bits per byte (of at most 4.3 for so few bytes), 5 strings")


def test_ten_thousand_connections_keep_no_more_than_a_hundred() -> None:
    summary = Summary()
    for number in range(10_000):
        summary.add(plaintext(number, client_id=f"'{number}'"))
    assert all(len(values) <= MOST_KEPT for values in summary.plaintext.values.values())
    assert summary.plaintext.connections == 10_000


def test_attempts_are_counted_by_their_verdict() -> None:
    summary = Summary()
    for verdict in ("taken", "taken", "refused"):
        summary.add(plaintext(1, attempt=Attempt("flip", "x", 0.0, verdict, "y")))
    told = json.loads(json.dumps(summary.as_json()))
    assert told["plaintext"]["attempts"] == {"taken": 2, "refused": 1}
    assert told["tls_1_3"] is None
    assert told["plaintext"]["sent"] == {"client": 30, "server": 0}


def test_nobody_is_a_sum_too() -> None:
    assert Summary().sentence() == "nobody came"
    assert Summary().as_json()["connections"] == 0


def test_a_cell_has_one_word() -> None:
    words = [mark(kind, exposure("SNF-05", visible, "")) for kind in Kind for visible in (True, False)][:4]
    assert words == ["open", "none", "open", "hidden"]
    assert mark(Kind.TLS, exposure("SNF-09", False, "")) == "noticed"
    assert mark(Kind.PLAINTEXT, exposure("SNF-10", True, "")) == "open"
