"""Three EST clients that are picky in different ways: each understands every answer that it can get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from est_clients import GlobalSign, Heard, Libest, StrongSwan
from exchanges import Device, Office
from sealmq.config import Configuration
from sealmq.config.enrollment import EnrollmentSettings
from sealmq.devices.applications import Applications
from sealmq.devices.labels import Label
from tls_pairs import records

Client = Libest | StrongSwan | GlobalSign

CLIENTS = pytest.mark.parametrize("client", [Libest(), StrongSwan(), GlobalSign()], ids=lambda client: client.name)
VERSION = "TLSv1.2"
"""What libest speaks at most, and strongSwan 5.9.8 with it."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    label = Label("by-hand", approval=True)
    made = Office(tmp_path, Configuration(enrollment=EnrollmentSettings(label=(label,))))
    yield made
    made.home.close()


def asks(office: Office, client: Client, operation: str, request: bytes, device: Device | None = None) -> Heard:
    """One exchange; the client hears what came until the connection was closed."""
    caller = office.caller(device, VERSION)
    caller.say(request)
    if office.asked:
        office.decide()
    assert caller.ended
    kinds = [kind for kind, _ in records(caller.writes[-1])]
    assert kinds == [23, 21], "one record, then close_notify"
    return client.hears(operation.rpartition("/")[2], b"".join(caller.received))


@CLIENTS
def test_the_cas_come_as_each_client_wants_them(office: Office, client: Client) -> None:
    heard = asks(office, client, "cacerts", client.get("cacerts"))
    assert len(heard.certificates) == 4


@CLIENTS
def test_the_attributes_do_too(office: Office, client: Client) -> None:
    assert asks(office, client, "csrattrs", client.get("csrattrs")).status == 200


@CLIENTS
def test_a_device_is_challenged_enrols_and_renews_with_a_new_key(office: Office, client: Client) -> None:
    device, secret = Device(), office.token("pump-1")
    csr = device.csr("pump-1")
    assert asks(office, client, "simpleenroll", client.post("simpleenroll", csr)).status == 401
    heard = asks(office, client, "simpleenroll", client.post("simpleenroll", csr, f"pump-1:{secret}"))
    (given,) = heard.certificates
    assert given.public_key() == device.key.public_key()
    device.der = given.public_bytes(Encoding.DER)
    newer = Device()
    heard = asks(office, client, "simplereenroll", client.post("simplereenroll", newer.csr("pump-1")), device)
    (given,) = heard.certificates
    assert given.public_key() == newer.key.public_key()


@CLIENTS
def test_who_has_to_wait_is_told_for_how_long_and_gets_it_by_the_same_request(office: Office, client: Client) -> None:
    secret = office.token("pump-1")
    request = client.post("by-hand/simpleenroll", Device().csr("pump-1"), f"pump-1:{secret}")
    heard = asks(office, client, "by-hand/simpleenroll", request)
    assert (heard.status, heard.retry_after) == (202, 30)
    applications = Applications(office.home.registry)
    (waiting,) = applications.waiting()
    applications.decide(waiting.id, "approved", now=office.clock.now)
    assert len(asks(office, client, "by-hand/simpleenroll", request).certificates) == 1


@CLIENTS
@pytest.mark.parametrize(
    ("operation", "csr", "credentials", "status"),
    [
        ("nothing", b"", "", 404),
        ("simpleenroll", b"no request", "pump-1:secret", 400),
        ("simpleenroll", Device().csr("pump-1"), "pump-1:a wrong secret", 401),
        ("simplereenroll", Device().csr("pump-1"), "", 401),
        ("serverkeygen", Device().csr("pump-1"), "pump-1:secret", 404),
    ],
)
def test_every_refusal_is_understood(
    office: Office, client: Client, operation: str, csr: bytes, credentials: str, status: int
) -> None:
    assert asks(office, client, operation, client.post(operation, csr, credentials)).status == status
