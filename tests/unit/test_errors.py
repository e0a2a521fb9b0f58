"""The tree of errors: what each carries, and that the tree on top of the file is the one in it."""

import inspect
import re

import pytest

from sealmq import errors
from sealmq.errors import ConfigError, Error, LocalProtocolError, ProtocolError, RemoteProtocolError, TLSError


def kinds() -> list[type[Error]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Error)]


def test_the_tree_on_top_of_the_file_names_every_error() -> None:
    assert set(re.findall(r"\w*Error\b", errors.__doc__ or "")) == {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_says_what_why_and_what_next(kind: type[Error]) -> None:
    more = (0x82,) if issubclass(kind, ProtocolError) else ()
    error = kind("it broke", *more, why="it was old", remedy="make a new one")
    assert (str(error), error.what, error.why, error.remedy) == (
        "it broke",
        "it broke",
        "it was old",
        "make a new one",
    )
    short = kind("it broke", *more)
    assert (short.why, short.remedy) == ("", "")


@pytest.mark.parametrize("kind", [LocalProtocolError, RemoteProtocolError])
def test_a_protocol_error_carries_the_answer(kind: type[ProtocolError]) -> None:
    assert kind("a second CONNECT", 0x82).reason_code == 0x82


def test_whose_fault_it_is_can_be_told_apart() -> None:
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)


def test_a_tls_error_says_which_alert_and_who_sent_it() -> None:
    ours = TLSError("the certificate was revoked", "certificate_revoked")
    theirs = TLSError("it does not know our authority", "unknown_ca", sent=False)
    assert (ours.alert, ours.sent) == ("certificate_revoked", True)
    assert (theirs.alert, theirs.sent) == ("unknown_ca", False)
    assert TLSError("the connection was cut").alert == ""


def test_a_mistake_in_the_configuration_is_no_failure_of_the_home() -> None:
    assert not issubclass(ConfigError, errors.HomeError)
