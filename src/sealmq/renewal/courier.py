"""The ways to the broker: over MQTT while the certificate holds, over EST (RFC 7030) for a while after its end.

Each call is one short connection of its own: what a program does over its own connection goes on beside it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from sealmq.broker.access import REQUESTS
from sealmq.broker.certificate_requests import Certified, Declined, read_accepted, read_rejected
from sealmq.bundle import files_of
from sealmq.errors import EnrollmentError, Error, TrustError
from sealmq.mqtt.codes import ReasonCode
from sealmq.renewal.est import EstClient
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

PATIENCE: Final = 30.0
"""Seconds for which an answer is waited for: a broker has it in milliseconds, and a slow link in seconds."""

_STEP: Final = 1.0
_TOPIC: Final = REQUESTS["device"][0]
_REFUSED: Final = (
    ReasonCode.NOT_AUTHORIZED,
    ReasonCode.BANNED,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD,
)


class NetworkCourier:
    """Goes to one broker.

    host, port: its MQTT listener. https_port: its EST listener; None: there is none.
    clock:      seconds that only grow.
    """

    def __init__(self, host: str, port: int, https_port: int | None, clock: Callable[[], float]) -> None:
        self._host, self._port = host, port
        self._https_port = https_port
        self._clock = clock

    def ask(self, credentials: Path, csr: bytes, *, late: bool) -> Certified | Declined:
        """See Courier."""
        if late:
            if self._https_port is None:
                raise Error(
                    "the certificate has expired, and over MQTT nothing expired is let in",
                    why="a certificate that has expired is renewed over EST, for as long as the broker allows",
                    remedy="give its HTTPS port (--https-port 8443), or add the device again: sealmq device add NAME",
                )
            context = _context(credentials)
            return EstClient(self._host, self._https_port, context, PATIENCE).reenroll(csr)
        request = _Asking(csr)
        self._run(credentials, request)
        assert request.answer is not None
        return request.answer

    def prove(self, credentials: Path) -> None:
        """See Courier."""
        self._run(credentials, _Proving())

    def _run(self, credentials: Path, errand: _Errand) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.tls_set_context(_context(credentials))
        client.on_connect = errand.on_connect
        client.on_subscribe = errand.on_subscribe
        client.on_message = errand.on_message
        place = f"{self._host}:{self._port}"
        deadline = self._clock() + PATIENCE
        try:
            client.connect(self._host, self._port, keepalive=60)
            while not errand.done:
                if self._clock() > deadline:
                    raise Error(f"{place} did not answer within {PATIENCE:.0f} seconds")
                if client.loop(_STEP) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
        except (OSError, ValueError, MQTTException) as error:
            raise Error(f"{place} cannot be connected to", why=str(error)) from error
        finally:
            client.disconnect()
            client.loop_misc()
        if errand.refused:
            raise TrustError(f"{place} refused the certificate: {errand.refused}")
        if errand.failed:
            raise Error(f"{place}: {errand.failed}")
        if not errand.done:
            raise Error(f"{place} closed the connection", why="the certificate was refused, or the network failed")


class _Errand:
    """What one connection is for."""

    def __init__(self) -> None:
        self.done = False
        self.refused = ""
        self.failed = ""

    def on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            self.connected(client)
            return
        self.done = True
        if reason.value in _REFUSED:
            self.refused = str(reason)
        else:
            self.failed = f"CONNECT was refused: {reason}"

    def connected(self, client: paho.Client) -> None:
        """CONNACK came, and let us in."""

    def on_subscribe(self, client: paho.Client, _userdata: Any, _id: int, reasons: Any, _properties: Any) -> None:
        """SUBACK came."""

    def on_message(self, _client: paho.Client, _userdata: Any, message: Any) -> None:
        """A message came."""


class _Proving(_Errand):
    def connected(self, client: paho.Client) -> None:
        self.done = True


class _Asking(_Errand):
    def __init__(self, csr: bytes) -> None:
        super().__init__()
        self.answer: Certified | Declined | None = None
        self._request = json.dumps({"csr": csr.decode(), "encoding": "der"})

    def connected(self, client: paho.Client) -> None:
        client.subscribe(f"{_TOPIC}/+", qos=1)

    def on_subscribe(self, client: paho.Client, _userdata: Any, _id: int, reasons: Any, _properties: Any) -> None:
        if reasons[0].is_failure:
            self.done, self.failed = True, f"the broker does not renew over MQTT: {reasons[0]}"
        else:
            client.publish(_TOPIC, self._request, qos=1)

    def on_message(self, _client: paho.Client, _userdata: Any, message: Any) -> None:
        self.done = True
        try:
            if message.topic == f"{_TOPIC}/accepted":
                self.answer = read_accepted(message.payload)
            else:
                self.answer = read_rejected(message.payload)
        except EnrollmentError as error:
            self.failed = error.what


def _context(credentials: Path) -> ssl.SSLContext:  # noqa: TID251 - only named here
    root, certificate, key = files_of(credentials)
    return client_context(TLSPolicy(), root=root, chain=certificate, key=key)
