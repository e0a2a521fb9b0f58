"""[https] and [enrollment]: what they may say, and what is answered to mistakes."""

from __future__ import annotations

import pytest

from sealmq.config import ListenerSettings, parse
from sealmq.config.enrollment import OPERATIONS, EnrollmentSettings, HTTPSSettings
from sealmq.devices.labels import Label
from sealmq.devices.outcomes import EnrollmentPolicy
from sealmq.errors import ConfigError
from sealmq.identity import FOR_ENROLLMENT


def test_est_listens_where_nobody_says_otherwise() -> None:
    (listener,) = HTTPSSettings().listeners
    assert listener == ListenerSettings(":8443", https=True)
    assert listener.terms is FOR_ENROLLMENT
    assert listener.option == "--https"
    assert parse("[https]\nlisten = []").https.listeners == ()


def test_the_defaults_are_those_of_the_registration_authority() -> None:
    policy, settings = EnrollmentPolicy(), EnrollmentSettings()
    assert (policy.approval, policy.days, policy.late_renewal) == (False, settings.days, settings.late_renewal)
    assert not settings.approval
    assert not settings.server_keys


def test_all_of_it_can_be_said() -> None:
    settings = parse(
        """
        [enrollment]
        approval = true
        days = 30
        late_renewal = 0
        server_keys = true
        [[enrollment.label]]
        name = "line-1"
        prefix = "pump-"
        days = 90
        approval = true
        [[enrollment.label]]
        name = "line-2"
        """
    ).enrollment
    assert settings == EnrollmentSettings(True, 30, 0, True, (Label("line-1", "pump-", 90, True), Label("line-2")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[https]\nport = 1", "[https] has no key 'port'"),
        ('[https]\nlisten = [":8883"]', "[https] listen has ':8883', which is taken already"),
        ('[https]\nlisten = [":8084"]', "[https] listen has ':8084', which is taken already"),
        ('[https]\nlisten = [":1", ":1"]', "twice"),
        ('[https]\nlisten = ["8443"]', "no port"),
        ("[enrollment]\ndays = 0", "[enrollment] days is 0"),
        ("[enrollment]\nlate_renewal = -1", "late_renewal is -1"),
        ("[enrollment]\nserver_keys = 1", "must be true or false"),
        ("[enrollment]\nlabel = 1", "[enrollment] label must be a list"),
        ('[enrollment.label]\nname = "a"', "[enrollment] label must be a list"),
        ('[[enrollment.label]]\nprefix = "a"', "[[enrollment.label]] 1: name is missing"),
        ('[[enrollment.label]]\nname = "a/b"', "cannot stand in a path"),
        ('[[enrollment.label]]\nname = ".."', "cannot stand in a path"),
        ('[[enrollment.label]]\nname = "a"\n[[enrollment.label]]\nname = "a"', "is taken already"),
        ('[[enrollment.label]]\nname = "a"\nquota = 1', "has no key 'quota'"),
        *((f'[[enrollment.label]]\nname = "{each}"', "is an operation of EST") for each in OPERATIONS),
    ],
)
def test_a_mistake_names_table_and_key(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        parse(text)
    assert words in mistake.value.what
