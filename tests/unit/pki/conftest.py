"""A root, a Server CA and a Device CA, made once: keys are not what these tests are about."""

from __future__ import annotations

import time
from types import SimpleNamespace
from uuid import UUID

import pytest

from sealmq.pki.authority import create_issuing, create_root, issue_device, issue_server, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames


@pytest.fixture(scope="session")
def ca():
    """All that a home has, in memory, made now: OpenSSL looks at the real clock."""
    now = float(int(time.time()))
    root = create_root("Example", "NL", serial=new_serial(), now=now)
    server_ca = create_issuing(root, "Server", serial=new_serial(), now=now)
    device_ca = create_issuing(root, "Device", serial=new_serial(), now=now)
    names = ServerNames(("localhost", "broker.local"), ("127.0.0.1", "::1", "192.168.1.10"))
    server_key, device_key = PrivateKey.generate(), PrivateKey.generate()
    server = issue_server(server_ca, names, server_key.public, serial=new_serial(), now=now)
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    device = issue_device(device_ca, "sensor-1", uuid, device_key.public, serial=new_serial(), now=now)
    return SimpleNamespace(
        now=now,
        root=root,
        server_ca=server_ca,
        device_ca=device_ca,
        names=names,
        server=server,
        server_key=server_key,
        device=device,
        device_key=device_key,
        uuid=uuid,
    )
