from __future__ import annotations

from sealmq.devices.outcomes import RETRY_AFTER, Application, ByToken, EnrollmentPolicy, Operation, Waiting


def test_a_secret_stands_in_no_repr():
    application = Application(b"", Operation.ENROLL, ByToken("the secret"), "est", "192.0.2.1:5")
    assert "the secret" not in repr(application)


def test_what_nobody_configured():
    assert EnrollmentPolicy() == EnrollmentPolicy(approval=False, days=365, late_renewal=30)
    assert Waiting("sensor-1").retry_after == RETRY_AFTER
