"""What is said at the gate."""

from __future__ import annotations

from sealmq.broker.gate import Asked, ClosedGate, Denial
from sealmq.identity import Identity
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import Connect


def test_a_client_does_not_learn_which_of_both_was_wrong() -> None:
    code = ReasonCode.BAD_USER_NAME_OR_PASSWORD
    name, password = Denial(code, "there is no account 'x'").packet(), Denial(code, "wrong password for 'x'").packet()
    assert name == password
    assert name.reason_code == 0x86
    assert "x" not in str(name.properties.reason_string).split()


def test_a_house_without_accounts_lets_nobody_in() -> None:
    answers: list[Identity | Denial] = []
    ClosedGate().ask("panel", b"password", "192.0.2.7:1", answers.append)
    ClosedGate().forget(answers.append)
    assert [type(answer) for answer in answers] == [Denial]


def test_what_waits_is_counted() -> None:
    asked = Asked(Connect())
    assert list(asked.rest) == []
    assert asked.park(b"123") == 3
    assert asked.park(b"45") == 5
