from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.tls.clear_alerts import ClearAlerts, clear_alert

HELLO = bytes([22, 3, 3, 0, 4]) + b"abcd"
CHANGE = bytes([20, 3, 3, 0, 1, 1])
WARNING = bytes([21, 3, 3, 0, 2, 1, 90])


@given(st.integers(1, 30))
def test_an_alert_in_the_clear_is_seen(size: int) -> None:
    stream = HELLO + WARNING + HELLO + clear_alert(48)
    seen = ClearAlerts()
    for at in range(0, len(stream), size):
        seen.look(stream[at : at + size])
    assert seen.alert == 48
    assert not seen.encrypted


def test_what_is_encrypted_is_no_alert() -> None:
    seen = ClearAlerts()
    seen.look(HELLO + CHANGE + clear_alert(48))
    assert seen.encrypted
    assert seen.alert == -1


def test_a_warning_is_not_what_ended_it() -> None:
    seen = ClearAlerts()
    seen.look(WARNING)
    assert seen.alert == -1


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_noise_does_no_harm(pieces: list[bytes]) -> None:
    seen = ClearAlerts()
    for piece in pieces:
        seen.look(piece)
    assert len(seen._head) <= 7
