"""The ways to a real broker, on a socket: what is asked, what is answered, and how each failure is told."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.broker.enrolling import Answer, Asking
from sealmq.config import Configuration
from sealmq.devices.records import State
from sealmq.doors import Addresses
from sealmq.errors import EnrollmentError, Error, TrustError
from sealmq.home import Home
from sealmq.pki.credentials import create_request
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames
from sealmq.renewal import courier as module
from sealmq.renewal.courier import NetworkCourier
from sealmq.renewal.keeper import Keeper
from sealmq.server import Server

WAIT = 20.0
CSR = create_request(PrivateKey.generate())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=time.time()) as made:
        made.enrollment().add_device("sensor-1", now=time.time())
        yield made


@pytest.fixture
def bundle(home: Home, tmp_path: Path) -> Path:
    """What the device has of it."""
    return Path(shutil.copytree(home.device_directory("sensor-1"), tmp_path / "bundle"))


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[tuple[Server, NetworkCourier]]:
    one = Server(home, Configuration())
    bound: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    here = ["127.0.0.1:0"]
    service = asyncio.create_task(one.run(bound.set_result, here, https_on=here))
    try:
        ports = await asyncio.wait_for(bound, WAIT)
        yield one, NetworkCourier("localhost", ports.mqtt[0][1], ports.https[0][1], time.monotonic)
    finally:
        one.stop()
        await asyncio.wait_for(service, WAIT)


def with_broker(home: Home, does: Callable[[NetworkCourier], Any], enroller: Any = None) -> Any:
    """Run a broker, and what a device does meanwhile in a thread of its own."""

    async def both() -> Any:
        async with running(home) as (server, courier):
            if enroller is not None:
                server.house.broker.publishing.enrolling.enroller = enroller
            return await asyncio.to_thread(does, courier)

    return asyncio.run(both())


def test_a_bundle_is_renewed_over_the_network(home: Home, bundle: Path) -> None:
    kept = with_broker(home, lambda courier: Keeper(bundle, courier).look(time.time(), at_once=True))
    assert kept.renewed
    records = home.registry.certificates_of("sensor-1")
    assert {record.serial: record.state for record in records} == {
        kept.serial: State.VALID,
        home.registry.recognize(fingerprint(home)).serial: State.SUPERSEDED,  # type: ignore[union-attr]
    }
    assert home.registry.device("sensor-1").serial == kept.serial  # type: ignore[union-attr]


def test_what_expired_a_few_days_ago_is_renewed_over_est_and_connects_over_mqtt(tmp_path: Path) -> None:
    names, day = ServerNames(("localhost",), ("127.0.0.1",)), 86_400.0
    made = time.time() - 370 * day
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=made - day) as home:
        home.enrollment().add_device("sensor-1", now=made)
        home.ensure_broker_certificate(names, time.time())
        bundle = Path(shutil.copytree(home.device_directory("sensor-1"), tmp_path / "bundle"))
        kept = with_broker(home, lambda courier: Keeper(bundle, courier).look(time.time()))
        assert kept.renewed
        assert kept.not_after > time.time() + 364 * day
        assert home.registry.device("sensor-1").serial == kept.serial  # type: ignore[union-attr]


def test_what_expired_too_long_ago_is_told_that(tmp_path: Path) -> None:
    names, day = ServerNames(("localhost",), ("127.0.0.1",)), 86_400.0
    made = time.time() - 400 * day
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=made - day) as home:
        bundle = home.enrollment().add_device("sensor-1", now=made).directory
        home.ensure_broker_certificate(names, time.time())
        with pytest.raises(EnrollmentError, match="ended too long ago"):
            with_broker(home, lambda courier: Keeper(bundle, courier).look(time.time()))


def fingerprint(home: Home) -> str:
    """Of the certificate that the device had first."""
    from hashlib import sha256

    from sealmq.pki.authority import certificates_of

    return sha256(certificates_of((home.device_directory("sensor-1") / "device-chain.pem").read_bytes())[0]).hexdigest()


def test_a_refusal_comes_as_the_broker_says_it(home: Home, bundle: Path) -> None:
    answer = with_broker(home, lambda courier: courier.ask(bundle, b"-----BEGIN NOTHING-----", late=False))
    assert answer == Declined("malformed", "the certificate request cannot be read")


def test_a_revoked_device_hears_that_its_certificate_is_refused(home: Home, bundle: Path) -> None:
    home.enrollment().revoke_device("sensor-1", now=time.time())
    for does in (lambda courier: courier.prove(bundle), lambda courier: courier.ask(bundle, CSR, late=False)):
        with pytest.raises(Error, match=r"closed the connection|cannot be connected to|refused"):
            with_broker(home, does)


def test_a_role_that_may_not_log_in_is_refused_by_connack(home: Home, bundle: Path) -> None:
    def superseded(courier: NetworkCourier) -> None:
        old = Path(shutil.copytree(bundle, bundle.parent / "old"))
        Keeper(bundle, courier).look(time.time(), at_once=True)
        courier.prove(old)

    with pytest.raises(TrustError, match="refused the certificate"):
        with_broker(home, superseded)


class Mumbling:
    """An Enroller that answers with what nobody can read."""

    def __init__(self, answer: Certified | Declined | None) -> None:
        self._answer = answer

    def ask(self, asking: Asking, answer: Answer) -> None:
        if self._answer is not None:
            answer(self._answer)


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    home: Home, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    monkeypatch.setattr(module, "_STEP", 0.1)
    with pytest.raises(Error, match="did not answer within"):
        with_broker(home, lambda courier: courier.ask(bundle, CSR, late=False), Mumbling(None))


def test_an_answer_that_cannot_be_read_is_told(home: Home, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealmq.broker.enrolling.accepted", lambda *_: b"{}")
    answer = Certified("sensor-1", "0a", b"", (), (), 0.0, 0.0)
    with pytest.raises(Error, match="no certificate in the form"):
        with_broker(home, lambda courier: courier.ask(bundle, CSR, late=False), Mumbling(answer))


def test_nobody_there_and_nothing_late_without_est_are_told_in_words(bundle: Path) -> None:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        courier = NetworkCourier("127.0.0.1", taken.getsockname()[1], None, time.monotonic)
        with pytest.raises(Error, match="cannot be connected to"):
            courier.prove(bundle)
        with pytest.raises(Error, match="has expired") as caught:
            courier.ask(bundle, CSR, late=True)
        assert "--https-port" in caught.value.remedy
