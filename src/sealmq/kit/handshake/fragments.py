"""Does this server send small records to a client that asks for them?

A microcontroller with a receive buffer of 1 KiB must ask: by max_fragment_length (RFC 6066 section 4: 512 to 4,096
bytes, the client asks and the server has to echo it), or by record_size_limit (RFC 8449: both say what they take).
Each is asked in a connection of its own, which ends behind the server's first flight; its records' sizes answer.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sealmq.kit.dissect.conversation import Conversation, Sender
from sealmq.kit.dissect.reading import Reading
from sealmq.kit.handshake.hellos import MAX_FRAGMENT_LENGTH, RECORD_SIZE_LIMIT, hello
from sealmq.kit.handshake.report import Trial

ASKED: Final = 512
"""Bytes of plaintext in a record that are asked for."""

_QUESTIONS: Final = {
    "max_fragment_length": {MAX_FRAGMENT_LENGTH: b"\x01"},
    "record_size_limit": {RECORD_SIZE_LIMIT: ASKED.to_bytes(2, "big")},
}
_EXPANSION: Final = 64  # more than any suite adds to a record of a handshake
_ENOUGH: Final = 131_072
_QUIET: Final = 0.3  # seconds without a byte after which a flight is over


def try_fragments(
    address: tuple[str, int], *, usual: int, server_name: str = "", timeout: float = 5.0
) -> tuple[Trial, ...]:
    """Ask both questions. Never raises for what the network does.

    address: where the server was reached. usual: bytes of the largest record that it sends in a handshake unasked.
    """
    if usual <= ASKED + _EXPANSION:
        said = f"the server's records are that small unasked: the largest had {usual} bytes"
        return (Trial(asked=ASKED, honoured=None, largest=usual, sentence=f"records of {ASKED} bytes: {said}"),)
    hellos = [hello(server_name=server_name, extensions=extensions) for extensions in _QUESTIONS.values()]
    with ThreadPoolExecutor(len(hellos)) as both:  # each waits for the end of a flight, which nothing marks
        flights = both.map(lambda one: _first_flight(address, one, timeout), hellos)
        return tuple(_judge(name, flight) for name, flight in zip(_QUESTIONS, flights, strict=True))


def _first_flight(address: tuple[str, int], question: bytes, timeout: float) -> Conversation:
    """What the server answers to this hello, without keys."""
    reading, start = Reading(), time.monotonic()
    end, received = start + timeout, 0
    try:
        with socket.create_connection(address, timeout) as connection:
            connection.sendall(question)
            reading.receive_data(Sender.CLIENT, question, time.monotonic() - start)
            while received < _ENOUGH and (left := end - time.monotonic()) > 0:
                connection.settimeout(min(left, _QUIET) if received else left)
                data = connection.recv(65_536)
                if not data:
                    break
                received += len(data)
                reading.receive_data(Sender.SERVER, data, time.monotonic() - start)
    except OSError:
        pass  # what came until then is the answer
    return reading.conversation


def _judge(name: str, seen: Conversation) -> Trial:
    lengths = [one.length for one in seen.records if one.sender is Sender.SERVER]
    largest = max(lengths, default=0)
    flight = sum(lengths)
    if flight <= ASKED + _EXPANSION:
        said = "the server's answer was shorter than that" if flight else "the server did not answer"
        return Trial(asked=ASKED, honoured=None, largest=largest, sentence=f"{name} {ASKED}: not known, {said}")
    if largest <= ASKED + _EXPANSION:
        sentence = f"{name} {ASKED}: honoured, no record was longer than {largest} bytes"
        return Trial(asked=ASKED, honoured=True, largest=largest, sentence=sentence)
    sentence = f"{name} {ASKED}: not honoured, a record of {largest} bytes came"
    return Trial(asked=ASKED, honoured=False, largest=largest, sentence=sentence)
