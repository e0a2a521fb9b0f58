"""Faults of TLS and the network: complete, in the same style, and with commands that exist."""

from __future__ import annotations

import re

import pytest

from sealmq.cli import app
from sealmq.kit.codes.code import Fault
from sealmq.kit.codes.faults import TLS_FAULTS
from sealmq.kit.codes.table import FAULTS
from sealmq.kit.handshake.remedies import ALL

COMMAND = re.compile(r"(?<!make )\bsealmq ([a-z]+)(?: ([a-z][a-z-]+))?")
GROUPS = {"device", "enroll", "account", "access", "ca", "log"}


def commands() -> set[str]:
    import typer

    root = typer.main.get_command(app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {one}" for one in inner} if inner else {name}
    return found | {"handshake"}


@pytest.mark.parametrize("fault", ALL.values(), ids=list(ALL))
def test_each_fault_has_causes_and_a_remedy(fault: Fault) -> None:
    assert fault.causes
    assert fault.device
    for sentence in (*fault.causes, fault.device, fault.sealmq, fault.mosquitto):
        assert not sentence.endswith(".")
        assert sentence == sentence.strip()


@pytest.mark.parametrize("fault", ALL.values(), ids=list(ALL))
def test_each_command_that_is_named_is_there(fault: Fault) -> None:
    known = commands()
    for text in (fault.device, fault.sealmq, fault.mosquitto):
        for first, second in COMMAND.findall(text):
            assert (f"{first} {second}" if first in GROUPS else first) in known, text


def test_faults_are_found_by_their_names() -> None:
    assert all(name == fault.name for name, fault in TLS_FAULTS.items())
    assert TLS_FAULTS.items() <= FAULTS.items()


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert "device forget" not in commands()
    assert {"device add", "ca renew-broker", "up", "explain"} <= commands()
