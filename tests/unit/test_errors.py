"""The tree of errors is the one that is printed on top of its file."""

from __future__ import annotations

import inspect
import re

import pytest

from sealmq import errors
from sealmq.errors import Error, LocalProtocolError, ProtocolError, RemoteProtocolError, TLSError, WebSocketError

CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}


def test_the_tree_in_the_docstring_names_every_class_under_its_parent() -> None:
    printed: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([\s│├└─]*)(\w*Error)\b", line)
        if found is None or not line.startswith("    "):
            continue
        depth = len(found[1])
        path = [step for step in path if step[0] < depth]
        printed[found[2]] = path[-1][1] if path else "Exception"
        path.append((depth, found[2]))
    assert printed == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_error_says_what_why_and_what_to_do_next(kind: type[Error]) -> None:
    extra = (0x82,) if issubclass(kind, (ProtocolError, WebSocketError)) else ()
    error = kind("the disk is full", *extra, why="it is small", remedy="buy a larger one")
    assert isinstance(error, Error)
    assert (str(error), error.what, error.why, error.remedy) == (
        "the disk is full",
        "the disk is full",
        "it is small",
        "buy a larger one",
    )
    bare = kind("the disk is full", *extra)
    assert (bare.why, bare.remedy) == ("", "")


def test_a_protocol_error_carries_its_answer() -> None:
    assert LocalProtocolError("no", 0x81).reason_code == 0x81
    assert RemoteProtocolError("no", 0x95).reason_code == 0x95
    assert not issubclass(LocalProtocolError, RemoteProtocolError)


def test_a_websocket_error_carries_its_answer() -> None:
    assert WebSocketError("no", 403).code == 403


def test_a_tls_error_carries_its_alert_and_who_sent_it() -> None:
    ours, theirs = TLSError("no", "unknown_ca"), TLSError("no", "bad_certificate", sent=False)
    assert (ours.alert, ours.sent, theirs.alert, theirs.sent) == ("unknown_ca", True, "bad_certificate", False)
    assert TLSError("no").alert == ""
