"""Set-ups that are broken, each in one way, on real brokers: what people meet, and what `sealmq handshake` says of it.

A set-up is a function of a Place; it gives what was said. `SETUPS` has them all, for tests and for the bench.
"""

from __future__ import annotations

import datetime
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import handshake_stage
from certificates import DAY, NOW
from handshake_stage import Said, Stage, handshake, look
from interop_homes import add_device
from ports import free_port
from running import WAIT, program, running, sealmq
from sealmq.config import CertificateSettings
from sealmq.home import Home, broker_names
from tls_pairs import Trust

VERSIONS = ("1.2", "1.3")


@dataclass(frozen=True)
class Place:
    """Where it happens. home: of a SealMQ with devices. version: of TLS, the only one that is offered."""

    trust: Trust
    folder: Path
    home: Path
    version: str

    def look(self, stage: Stage, *more: str | Path, show: bool = True, before: tuple[str, ...] = ()) -> Said:
        """Look at a broker, trusting its root."""
        return look(*stage.options(show=show), "--tls-version", self.version, *more, before=before)

    def only_these(self) -> tuple[str, ...]:
        """Lines of mosquitto's configuration: the version, at least."""
        return (f"tls_version tlsv{self.version}",)


def _mosquitto_unknown_ca(place: Place) -> Said:
    foreign = place.folder / "foreign.pem"
    foreign.write_bytes(place.trust.foreign_ca.pem)
    with handshake_stage.mosquitto(place.trust, place.folder) as stage:
        return look(stage.place, "--cafile", foreign, "--tls-version", place.version)


def _sealmq_unknown_ca(place: Place) -> Said:
    foreign = place.folder / "foreign.pem"
    foreign.write_bytes(place.trust.foreign_ca.pem)
    with handshake_stage.sealmq_up(place.home) as stage:
        return look(stage.place, "--cafile", foreign, "--tls-version", place.version)


def _mosquitto_broker_expired(place: Place) -> Said:
    expired = place.trust.server_ca.issue(
        "localhost", purpose="server", hosts=["localhost"], not_before=NOW - 9 * DAY, not_after=NOW - DAY
    )
    with handshake_stage.mosquitto(place.trust, place.folder, broker=expired) as stage:
        return place.look(stage)


def _sealmq_broker_expired(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage:
        return place.look(stage, before=(program("faketime", "faketime"), "-f", "+200d"))


def _mosquitto_device_expired(place: Place) -> Said:
    expired = place.trust.device_ca.issue("old", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    chain, key = expired.save(place.folder, "expired-device")
    with handshake_stage.mosquitto(place.trust, place.folder, demands=True) as stage:
        return place.look(stage, "--cert", chain, "--key", key, show=False)


def _sealmq_device_expired(place: Place) -> Said:
    began = (datetime.datetime.now(datetime.UTC) - 1_200 * DAY).timestamp()
    path = place.folder / "home"
    names = broker_names(CertificateSettings())
    with Home.create(path, organization="SealMQ", country="XX", names=names, now=began) as home:
        home.enrollment().add_device("sensor-1", now=began)
    with handshake_stage.sealmq_up(path) as stage:
        return place.look(stage)


def _mosquitto_unknown_device(place: Place) -> Said:
    chain, key = place.trust.foreign_ca.issue("stranger").save(place.folder, "stranger")
    with handshake_stage.mosquitto(place.trust, place.folder, demands=True) as stage:
        return place.look(stage, "--cert", chain, "--key", key, show=False)


def _sealmq_unknown_device(place: Place) -> Said:
    chain, key = place.trust.foreign_ca.issue("stranger").save(place.folder, "stranger")
    with handshake_stage.sealmq_up(place.home) as stage:
        return place.look(stage, "--cert", chain, "--key", key, show=False)


def _mosquitto_wrong_host(place: Place) -> Said:
    other = place.trust.server_ca.issue("broker.example", purpose="server", hosts=["broker.example"])
    with handshake_stage.mosquitto(place.trust, place.folder, broker=other) as stage:
        return place.look(stage)


def _sealmq_wrong_host(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage, passing(stage.port, "127.0.0.7") as relay:
        return look(f"127.0.0.7:{relay.port}", "--cafile", stage.root, "--tls-version", place.version)


def _mosquitto_no_certificate(place: Place) -> Said:
    with handshake_stage.mosquitto(place.trust, place.folder, demands=True) as stage:
        return place.look(stage, show=False)


def _sealmq_no_certificate(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage:
        return place.look(stage, show=False)


def _mosquitto_revoked(place: Place) -> Said:
    crl = place.folder / "crl.pem"
    lists = (
        (place.trust.device_ca, (place.trust.device,)),
        (place.trust.root_ca, ()),
    )
    crl.write_bytes(
        b"".join(
            x509.load_der_x509_crl(authority.crl(revoked)).public_bytes(serialization.Encoding.PEM)
            for authority, revoked in lists
        )
    )
    with handshake_stage.mosquitto(place.trust, place.folder, f"crlfile {crl}", demands=True) as stage:
        return place.look(stage)


def _sealmq_revoked(place: Place) -> Said:
    name = f"revoked-{place.version}"
    add_device(place.home, name)
    assert sealmq("device", "revoke", name, "--home", place.home).returncode == 0
    with handshake_stage.sealmq_up(place.home, name) as stage:
        return place.look(stage)


def _mosquitto_too_old(place: Place) -> Said:
    with handshake_stage.mosquitto(place.trust, place.folder, "tls_version tlsv1.3") as stage:
        return look(*stage.options(show=True), "--tls-version", "1.2")


def _sealmq_too_old(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage:
        return look(*stage.options(show=True), "--tls-version", "1.1")


def _openssl_too_old(place: Place) -> Said:
    """A server that speaks TLS 1.1 alone; no broker of today does."""
    chain, key = place.trust.broker.save(place.folder, "old-server")
    port = free_port()
    command = [program("openssl", "openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", chain, "-key", key]
    with running([*command, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], stdin=subprocess.PIPE) as server:
        server.output.wait("ACCEPT")
        suites = ("--ciphers", "DEFAULT") if place.version == "1.2" else ()  # or it would find no suite first
        return look(f"localhost:{port}", "--cafile", place.trust.root, "--tls-version", place.version, *suites)


def _mosquitto_no_cipher(place: Place) -> Said:
    with handshake_stage.mosquitto(place.trust, place.folder) as stage:
        return look(*stage.options(show=True), "--tls-version", "1.2", "--ciphers", "AES128-SHA")


def _sealmq_no_cipher(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage:
        return look(*stage.options(show=True), "--tls-version", "1.2", "--ciphers", "AES128-SHA")


def _mosquitto_plaintext(place: Place) -> Said:
    with handshake_stage.mosquitto(place.trust, place.folder, tls=False) as stage:
        return handshake(*stage.options(show=True), "--tls-version", place.version, "--json")


def _cut(place: Place, how: str, after: int) -> Said:
    with (
        handshake_stage.mosquitto(place.trust, place.folder, demands=True) as stage,
        passing(stage.port, "127.0.0.1", after=after, how=how) as relay,
    ):
        options = [f"localhost:{relay.port}", *stage.options(show=True)[1:]]
        patience = "5" if how == "silent" else "10"  # what is not cut must come in it
        return look(*options, "--tls-version", place.version, "--timeout", patience)


def _cut_closed(place: Place) -> Said:
    return _cut(place, "closed", 600)


def _cut_reset(place: Place) -> Said:
    return _cut(place, "reset", 600)


def _cut_silent(place: Place) -> Said:
    return _cut(place, "silent", 600)


def _mosquitto_clock_of_1970(place: Place) -> Said:
    with handshake_stage.mosquitto(place.trust, place.folder, demands=True) as stage:
        return place.look(stage, before=(program("faketime", "faketime"), "1970-01-01 00:01:00"))


def _sealmq_clock_of_1970(place: Place) -> Said:
    with handshake_stage.sealmq_up(place.home) as stage:
        return place.look(stage, before=(program("faketime", "faketime"), "1970-01-01 00:01:00"))


def _mosquitto_begins_tomorrow(place: Place) -> Said:
    early = place.trust.server_ca.issue("localhost", purpose="server", hosts=["localhost"], not_before=NOW + DAY)
    with handshake_stage.mosquitto(place.trust, place.folder, broker=early) as stage:
        return place.look(stage)


SETUPS: dict[str, Callable[[Place], Said]] = {
    name.removeprefix("_").replace("_", "-"): setup
    for name, setup in list(globals().items())
    if name.startswith(("_mosquitto_", "_sealmq_", "_openssl_", "_cut_"))
}
"""Each broken set-up by its name."""

OF_ONE_VERSION = ("mosquitto-too-old", "sealmq-too-old", "mosquitto-no-cipher", "sealmq-no-cipher",
                  "mosquitto-plaintext")  # fmt: skip
"""Those that are the same whichever version the Place has."""


# --- a relay that cuts


@dataclass
class Relay:
    """It passes bytes on between its port and a broker's."""

    port: int
    _listener: socket.socket
    _to: int
    _after: int | None
    _how: str

    def run(self, over: threading.Event) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            with client, socket.create_connection(("127.0.0.1", self._to), WAIT) as broker:
                sending = threading.Thread(target=_pump, args=(client, broker))
                sending.start()
                self._answer(broker, client, sending, over)
                for end in (client, broker):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                sending.join(WAIT)

    def _answer(
        self, broker: socket.socket, client: socket.socket, sending: threading.Thread, over: threading.Event
    ) -> None:
        left = self._after
        while data := broker.recv(65_536):
            if left is None:
                client.sendall(data)
                continue
            client.sendall(data[:left])
            left -= len(data[:left])
            if not left:
                time.sleep(0.1)  # or a reset overtakes what was sent before it
                self._cut(client, sending, over)
                return

    def _cut(self, client: socket.socket, sending: threading.Thread, over: threading.Event) -> None:
        if self._how == "silent":
            over.wait(WAIT)
        elif self._how == "reset":
            client.shutdown(socket.SHUT_RD)  # or the other thread's recv() keeps it open
            sending.join(WAIT)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)


@contextmanager
def passing(to: int, address: str, *, after: int | None = None, how: str = "") -> Iterator[Relay]:
    """A relay for one connection. after: bytes of the broker's before it is cut, "closed", "reset" or "silent"."""
    over = threading.Event()
    with socket.create_server((address, 0)) as listener:
        relay = Relay(listener.getsockname()[1], listener, to, after, how)
        thread = threading.Thread(target=relay.run, args=(over,))
        thread.start()
        try:
            yield relay
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(WAIT)
