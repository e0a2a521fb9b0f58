"""Does this port speak MQTT without TLS? Most brokers close without a word when they meet a ClientHello there.

So it is asked, in a connection of its own, as any client of MQTT 3.1.1 asks: CONNECT, without user name and password.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import Connect
from sealmq.mqtt.state import Sender

_CONNACK_HEADER = b"\x20\x02"
"""Type and length of a CONNACK [MQTT 3.1.1: section 3.2.1]; two bytes of flags and return code follow."""


def takes_plaintext(address: tuple[str, int], *, timeout: float) -> bool:
    """Did it answer with a CONNACK, whatever that says? Never raises for what the network does.

    address: where it was reached. timeout: seconds in all, of which five are taken at most.
    """
    mqtt = MQTTConnection(Sender.CLIENT)
    mqtt.send(Connect(client_id="", keep_alive=30, level=4))
    question, answer = mqtt.data_to_send(), b""
    end = time.monotonic() + min(timeout, 5.0)
    with suppress(OSError), socket.create_connection(address, min(timeout, 5.0)) as connection:
        connection.sendall(question)
        while len(answer) < 4 and _CONNACK_HEADER.startswith(answer[:2]) and (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            data = connection.recv(4 - len(answer))
            if not data:
                break
            answer += data
        if _is_connack(answer) and answer[3] == 0:
            connection.sendall(b"\xe0\x00")  # DISCONNECT [MQTT 3.1.1: section 3.14]
    return _is_connack(answer)


def _is_connack(answer: bytes) -> bool:
    return len(answer) == 4 and answer.startswith(_CONNACK_HEADER) and answer[2] <= 1
