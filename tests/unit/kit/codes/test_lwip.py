"""lwIP: err_t without a gap, and the MQTT client's status."""

from __future__ import annotations

from sealmq.kit.codes import lwip


def test_err_t_has_no_gap() -> None:
    errors = {code.number: code.name for code in lwip.CODES if code.name.startswith("ERR_")}
    assert set(errors) == set(range(-16, 1))
    assert (errors[-1], errors[-15]) == ("ERR_MEM", "ERR_CLSD")


def test_a_failure_of_tls_is_status_256() -> None:
    (status,) = [code for code in lwip.CODES if code.number == 256]
    assert "every failure of TLS" in status.meaning
