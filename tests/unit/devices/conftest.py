"""A registry and a Device CA in a folder of its own for each test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sealmq.devices.enrollment import Enrollment
from sealmq.devices.registry import Registry
from sealmq.devices.revocation import Revocations
from sealmq.devices.trail import Trail
from sealmq.pki.authority import create_issuing, create_root, new_serial

NOW = 1_800_000_000.0


@pytest.fixture(scope="session")
def authorities():
    root = create_root("Example", "NL", serial=new_serial(), now=NOW)
    return root, create_issuing(root, "Device", serial=new_serial(), now=NOW)


@pytest.fixture
def fleet(tmp_path, authorities):
    """What a home gives to Enrollment; `open()` opens it again, as another process would."""
    root, device_ca = authorities
    directory = tmp_path / "devices"
    directory.mkdir()
    opened = []

    def open_():
        registry = Registry.open(tmp_path / "sealmq.db")
        opened.append(registry)
        trail = Trail(tmp_path / "audit.jsonl")
        root_pem = root.certificate.pem
        return registry, Enrollment(registry, device_ca, root=root_pem, directory=directory, trail=trail)

    registry, enrollment = open_()
    yield SimpleNamespace(
        root=root,
        device_ca=device_ca,
        directory=directory,
        registry=registry,
        enrollment=enrollment,
        revocations=Revocations(registry, lambda _: device_ca, Trail(tmp_path / "audit.jsonl"), actor="cli:test"),
        open=open_,
        now=NOW,
    )
    for registry in opened:
        registry.close()
