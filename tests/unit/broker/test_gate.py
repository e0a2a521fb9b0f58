"""What is said at the gate."""

from __future__ import annotations

import pytest

from sealmq.broker.gate import Asked, ClosedGate, Denial, proved, vouched
from sealmq.errors import TrustError
from sealmq.identity import Identity, Terms
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


TECHNICIAN = Identity("technician", "account", kind="account", devices="sensor-*")


@pytest.mark.parametrize("name", ["sensor-1", "sensor-"])
def test_an_account_that_is_bound_counts_with_its_devices(name: str) -> None:
    assert vouched(TECHNICIAN, Identity(name, "device")) is TECHNICIAN


@pytest.mark.parametrize("device", [None, Identity("operator", "operator"), Identity("Sensor-1", "device")])
def test_and_with_no_other_and_not_by_itself(device: Identity | None) -> None:
    verdict = vouched(TECHNICIAN, device)
    assert isinstance(verdict, Denial)
    assert verdict.reason_code == 0x87
    assert "'sensor-*'" in verdict.why


def test_who_is_not_bound_counts_always_and_a_denial_stays_one() -> None:
    panel, no = Identity("panel", "account", kind="account"), Denial(ReasonCode.SERVER_BUSY, "busy")
    for device in (None, Identity("sensor-1", "device")):
        assert vouched(panel, device) is panel
        assert vouched(no, device) is no


class Everybody:
    """A Directory that believes what it is shown, and says what it was asked."""

    def identify(self, der: bytes, now: float) -> Identity:
        return Identity(f"certificate {der.decode()} at {now}", "device")

    def identify_psk(self, identity: str, now: float) -> Identity:
        return Identity(f"PSK {identity} at {now}", "device")

    def describe(self, der: bytes) -> str:
        return ""


def test_each_listener_believes_its_own_kind_of_proof() -> None:
    assert proved(Everybody(), Terms(), b"c", "p", 7).name == "certificate c at 7"
    assert proved(Everybody(), Terms("psk"), b"c", "p", 7).name == "PSK p at 7"
    with pytest.raises(TrustError, match="no client certificate came"):
        proved(Everybody(), Terms(), b"", "p", 7)
