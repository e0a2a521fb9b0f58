"""A Python program; whether it runs is tested with a broker (tests/interop)."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.paho import PROGRAM, TARGET
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"broker.example", b"broker.elsewhere"), (b"root.pem", b"toor.pem"), (b"def client()", b"def client(")],
)
def test_a_program_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, PROGRAM)
    changed = [
        replace(file, content=file.content.replace(old, new)) if file.name == PROGRAM else file for file in files
    ]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)


def test_a_host_cannot_become_code() -> None:
    odd = replace(OURS, host='"; import os; "')
    assignments = [
        node for node in ast.parse(content_of(TARGET.files(odd), PROGRAM)).body if isinstance(node, ast.Assign)
    ]
    assert ast.literal_eval(assignments[1].value) == '"; import os; "'
